/*
 * Fuzzes the parser of JSON bodies. An accepted text is valid JSON by the standard; an accepted
 * body matches the map and is accepted again when it is written; a rejected body yields an error
 * body that is valid JSON.
 */
#include "fuzz.h"
#include "http/fields.h"
#include "http/problem.h"
#include "rfc8259.h"

enum { NAME_MAX_UNITS = 8, COUNT_MIN = -1000, COUNT_MAX = 1000, NESTING_THAT_FITS = 30 };

static enum fault_id check_no_spaces(const char *text, size_t length)
{
    return memchr(text, ' ', length) ? FAULT_ACCOUNT_NAME : FAULT_NONE;
}

enum { NAME, NOTE, COUNT, FREE, FLAG, CHECKED, WHEN, TAGS, ROWS, FIELDS };

static const struct field map[] = {
    [NAME] = {.name = "name",
              .type = FIELD_STRING,
              .flags = FIELD_NAME,
              .min = 1,
              .max = NAME_MAX_UNITS},
    [NOTE] = {.name = "note", .type = FIELD_STRING, .flags = FIELD_NULLABLE},
    [COUNT] = {.name = "count", .type = FIELD_INTEGER, .min = COUNT_MIN, .max = COUNT_MAX},
    [FREE] = {.name = "free", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT, .standard = 7},
    [FLAG] = {.name = "flag", .type = FIELD_BOOLEAN},
    [CHECKED] = {.name = "checked", .type = FIELD_STRING, .check = check_no_spaces},
    [WHEN] = {.name = "when", .type = FIELD_TIME},
    [TAGS] = {.name = "tags", .type = FIELD_STRINGS},
    [ROWS] = {.name = "rows", .type = FIELD_RECORDS},
    [FIELDS] = {.name = NULL},
};

static void check_string(const struct field *field, const struct value *value)
{
    const char *bytes = value->string.bytes;
    size_t length = value->string.length, units = utf8_utf16_units(bytes, length);
    FUZZ_CHECK(strlen(bytes) == length && utf8_valid(bytes, length));
    FUZZ_CHECK(!field->check || field->check(bytes, length) == FAULT_NONE);
    if (field->flags & FIELD_NAME) {
        FUZZ_CHECK(units >= 1 && units <= NAME_MAX_UNITS);
        for (size_t i = 0; i < length; i++) {
            unsigned char c = (unsigned char)bytes[i];
            FUZZ_CHECK(c >= 0x20 && c != 0x7F);
        }
    }
}

static void check_values(const struct value *values)
{
    for (size_t i = 0; i < FIELDS; i++) {
        FUZZ_CHECK(values[i].state != VALUE_NULL || (map[i].flags & FIELD_NULLABLE));
        if (values[i].state == VALUE_SET && map[i].type == FIELD_STRING) {
            check_string(&map[i], &values[i]);
        }
    }
    int64_t count = values[COUNT].integer;
    FUZZ_CHECK(values[COUNT].state != VALUE_SET || (count >= COUNT_MIN && count <= COUNT_MAX));
    FUZZ_CHECK(values[FREE].state == VALUE_SET);
    for (size_t i = TAGS; i <= ROWS; i++) {
        FUZZ_CHECK(values[i].state == VALUE_ABSENT); /* only allowed in replies */
    }
}

static void write_value(struct jsonw *json, const struct field *field, const struct value *value)
{
    if (value->state == VALUE_NULL) {
        jsonw_null(json, field->name);
    } else if (value->state == VALUE_SET && field->type == FIELD_STRING) {
        jsonw_bytes(json, field->name, value->string.bytes, value->string.length);
    } else if (value->state == VALUE_SET && field->type == FIELD_INTEGER) {
        jsonw_integer(json, field->name, value->integer);
    } else if (value->state == VALUE_SET && field->type == FIELD_TIME) {
        jsonw_time(json, field->name, value->integer);
    } else if (value->state == VALUE_SET && field->type == FIELD_BOOLEAN) {
        jsonw_boolean(json, field->name, value->boolean);
    }
}

/* Writes the values, parses them again and compares. */
static void check_round_trip(struct arena *arena, const struct value *values)
{
    struct buffer out = {.arena = arena};
    struct jsonw json = {.out = &out};
    jsonw_open_object(&json, NULL);
    for (size_t i = 0; i < FIELDS; i++) {
        write_value(&json, &map[i], &values[i]);
    }
    jsonw_close_object(&json);
    FUZZ_CHECK(rfc8259_valid(out.bytes, out.length));
    struct value *again = NULL;
    FUZZ_CHECK(!fields_read_json(arena, map, out.bytes, out.length, &again) && again);
    for (size_t i = 0; i < FIELDS; i++) {
        FUZZ_CHECK(again[i].state == values[i].state);
        if (values[i].state != VALUE_SET) {
            continue;
        }
        if (map[i].type == FIELD_STRING) {
            FUZZ_CHECK(!strcmp(again[i].string.bytes, values[i].string.bytes));
        } else if (map[i].type != FIELD_BOOLEAN) {
            FUZZ_CHECK(again[i].integer == values[i].integer);
        } else {
            FUZZ_CHECK(again[i].boolean == values[i].boolean);
        }
    }
}

static void check_error(struct arena *arena, const struct error *error)
{
    FUZZ_CHECK(error->id == ERR_INVALID_JSON || error->id == ERR_VALIDATION);
    FUZZ_CHECK((error->id == ERR_VALIDATION) == (error->details != NULL));
    for (int language = 0; language < LANGUAGE_COUNT; language++) {
        struct buffer out = {.arena = arena};
        problem_write(&out, error, (enum config_language)language, "id");
        FUZZ_CHECK(rfc8259_valid(out.bytes, out.length));
    }
}

/* True for JSON that must be accepted: shallow, without escapes, with at most one member, so
 * that no name is repeated. */
static bool must_be_accepted(const char *text, size_t length)
{
    size_t depth = 0, members = 0;
    for (size_t i = 0; i < length; i++) {
        depth += text[i] == '{' || text[i] == '[';
        members += text[i] == ':';
        if (text[i] == '\\' || depth > NESTING_THAT_FITS || members > 1) {
            return false;
        }
    }
    return length > 0 && rfc8259_valid(text, length) && text[strspn(text, " \t\r\n")] == '{';
}

/* Checks that the next body is parsed independently of the previous input. */
static void check_next(struct arena *arena)
{
    static const char next[] = "{\"note\":\"\\u0041\"}";
    struct value *values = NULL;
    FUZZ_CHECK(!fields_read_json(arena, map, next, sizeof next - 1, &values) && values);
    FUZZ_CHECK(!strcmp(values[NOTE].string.bytes, "A"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy(arena, (const char *)data, size);
    struct value *values = NULL;
    /* The parser gets memory that ends with the body. */
    const struct error *error = fields_read_json(arena, map, (const char *)data, size, &values);
    if (!error || error->id == ERR_VALIDATION) {
        FUZZ_CHECK(rfc8259_valid(text, size));
    } else {
        FUZZ_CHECK(!must_be_accepted(text, size));
    }
    if (error) {
        check_error(arena, error);
    } else {
        check_values(values);
        check_round_trip(arena, values);
    }
    check_next(arena);
    arena_free(&arena);
    return 0;
}
