/* See fields.h. The only user of json-c. */
#include "http/fields.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/utf8.h"
#include "http/json_strict.h"
#include "http/request.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_SHOWN_MAX = 100, /* bytes of an unknown name that an error contains */
    UNKNOWN_MAX = 100,    /* unknown names listed in an error: a client can send any number */
};

/* --- faults ---------------------------------------------------------------------------------- */

/* Invalid fields of one body or query. `error` is NULL until the first fault. */
struct faults {
    struct arena *arena;
    struct error *error;
    size_t unknown; /* number of names that the field map does not contain */
    bool ignores_unknown;
};

static void add_fault(struct faults *faults, const char *name, enum fault_id fault,
                      const char *argument)
{
    if (!faults->error) {
        faults->error = error_new(faults->arena, ERR_VALIDATION, NULL);
    }
    error_detail(faults->error, name, fault, argument);
}

/* Returns a name sent by the client, truncated between characters to at most NAME_SHOWN_MAX
 * bytes. */
static const char *truncate_name(struct arena *arena, const char *name)
{
    size_t length = strlen(name);
    size_t at = 0, end = 0;
    while (at < length) {
        utf8_next(name, length, &at);
        if (at > NAME_SHOWN_MAX) {
            break;
        }
        end = at;
    }
    return arena_copy(arena, name, end);
}

static void add_unknown_name(struct faults *faults, const char *name)
{
    if (faults->unknown++ < UNKNOWN_MAX) {
        add_fault(faults, truncate_name(faults->arena, name), FAULT_UNKNOWN, NULL);
    }
}

static void add_count_fault(struct faults *faults, const char *name, enum fault_id fault,
                            int64_t bound)
{
    add_fault(faults, name, fault, arena_format(faults->arena, "%" PRId64, bound));
}

/* Adds a fault whose argument is a bound in the format of the field's values. */
static void add_value_fault(struct faults *faults, const struct field *field, enum fault_id fault,
                            int64_t bound)
{
    struct buffer text = {.arena = faults->arena};
    jsonw_decimal(&(struct jsonw){.out = &text}, NULL, bound, field->scale);
    add_fault(faults, field->name, fault, text.bytes);
}

/* --- parsing one value ----------------------------------------------------------------------- */

static bool has_bounds(const struct field *field)
{
    return field->min || field->max;
}

/* True if the text contains a control character of ASCII or of Latin-1 (U+0080 to U+009F). */
static bool contains_control(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        int32_t character = utf8_next(text, length, &at);
        if (character < 0x20 || (character >= 0x7F && character < 0xA0)) {
            return true;
        }
    }
    return false;
}

/* Returns the first white space or invisible character that the field does not allow; 0 if there is
 * none. */
static int32_t find_forbidden_blank(const struct field *field, const char *text, size_t length)
{
    if (field->flags & FIELD_ADDRESS) {
        return utf8_find_blank(text, length);
    }
    return field->flags & FIELD_VISIBLE
               ? utf8_find_invisible(text, length, field->flags & FIELD_JOINERS)
               : 0;
}

static void add_blank_fault(struct faults *faults, const struct field *field, int32_t blank)
{
    add_fault(faults, field->name, FAULT_BLANK,
              arena_format(faults->arena, "U+%04" PRIX32, (uint32_t)blank));
}

/* Reduces the text to its visible part if the field is trimmed. Returns false if the text is not
 * empty but has no visible character. */
static bool trim_string(const struct field *field, const char **text, size_t *length)
{
    size_t start, end;
    if (!(field->flags & FIELD_ANY_TRIMMED) || !*length) {
        return true;
    }
    utf8_find_visible_part(*text, *length, &start, &end);
    *text += start;
    *length = end - start;
    return *length > 0;
}

static bool is_allowed_choice(const struct field *field, const char *text, size_t length)
{
    const char *const *choice = field->choices;
    while (choice && *choice && (strlen(*choice) != length || memcmp(*choice, text, length) != 0)) {
        choice++;
    }
    return !choice || *choice;
}

static void add_choice_fault(struct faults *faults, const struct field *field)
{
    struct buffer list = {.arena = faults->arena};
    for (size_t i = 0; field->choices[i]; i++) {
        buffer_format(&list, "%s%s", i ? ", " : "", field->choices[i]);
    }
    add_fault(faults, field->name, FAULT_NOT_ONE_OF, list.length ? list.bytes : "null");
}

static void validate_string(struct faults *faults, const struct field *field, const char *text,
                            size_t length, struct value *value)
{
    if ((field->flags & FIELD_ANY_STRING) && memchr(text, '\0', length)) {
        length = 0; /* FIELD_ANY_STRING accepts any string; a string with NUL counts as empty */
    }
    if (memchr(text, '\0', length)) {
        add_fault(faults, field->name, FAULT_NUL_CHARACTER, NULL);
        return;
    }
    if (!trim_string(field, &text, &length)) {
        add_fault(faults, field->name, FAULT_NOTHING_VISIBLE, NULL);
        return;
    }
    int64_t units = (int64_t)utf8_utf16_units(text, length);
    int32_t blank = find_forbidden_blank(field, text, length);
    if (has_bounds(field) && units < field->min) {
        add_count_fault(faults, field->name, FAULT_TOO_SHORT, field->min);
    } else if (has_bounds(field) && units > field->max) {
        add_count_fault(faults, field->name, FAULT_TOO_LONG, field->max);
    } else if ((field->flags & FIELD_NAME) && contains_control(text, length)) {
        add_fault(faults, field->name, FAULT_CONTROL_CHARACTER, NULL);
    } else if (blank) {
        add_blank_fault(faults, field, blank);
    } else if (!is_allowed_choice(field, text, length)) {
        add_choice_fault(faults, field);
    } else {
        enum fault_id fault = field->check ? field->check(text, length) : FAULT_NONE;
        if (fault != FAULT_NONE) {
            add_fault(faults, field->name, fault, NULL);
            return;
        }
        *value = (struct value){.state = VALUE_SET,
                                .string = {arena_copy(faults->arena, text, length), length}};
    }
}

static bool is_allowed_number(const struct field *field, int64_t integer)
{
    const int64_t *number = field->numbers;
    while (number && *number && *number != integer) {
        number++;
    }
    return !number || *number;
}

static void add_number_choice_fault(struct faults *faults, const struct field *field)
{
    struct buffer list = {.arena = faults->arena};
    for (size_t i = 0; field->numbers[i]; i++) {
        buffer_format(&list, "%s%" PRId64, i ? ", " : "", field->numbers[i]);
    }
    add_fault(faults, field->name, FAULT_NOT_ONE_OF, list.bytes);
}

static void validate_integer(struct faults *faults, const struct field *field, int64_t integer,
                             struct value *value)
{
    if (has_bounds(field) && integer < field->min) {
        add_value_fault(faults, field, FAULT_TOO_SMALL, field->min);
    } else if (has_bounds(field) && integer > field->max) {
        add_value_fault(faults, field, FAULT_TOO_LARGE, field->max);
    } else if (!is_allowed_number(field, integer)) {
        add_number_choice_fault(faults, field);
    } else {
        field_set_integer(value, integer);
    }
}

/* Adds a fault for a number beyond 64 bits. It names the bound of the field, or of all numbers. */
static void add_range_fault(struct faults *faults, const struct field *field, enum fault_id fault)
{
    int64_t bound = fault == FAULT_TOO_SMALL ? -INT64_MAX : INT64_MAX;
    if (has_bounds(field)) {
        bound = fault == FAULT_TOO_SMALL ? field->min : field->max;
    }
    add_value_fault(faults, field, fault, bound);
}

/* Parses the text of an integer or a decimal. Judges it by its value: 5, 5.0 and 50e-1 are the same
 * integer (JSON Schema 2020-12, Validation 6.1.1). */
static void parse_exact_number(struct faults *faults, const struct field *field, const char *text,
                               struct value *value)
{
    bool is_decimal = field->type == FIELD_DECIMAL;
    int64_t integer;
    switch (decimal_parse(text, field->scale, &integer)) {
    case DECIMAL_EXACT:
        validate_integer(faults, field, integer, value);
        break;
    case DECIMAL_MALFORMED:
        add_fault(faults, field->name, is_decimal ? FAULT_NOT_NUMBER : FAULT_NOT_INTEGER, NULL);
        break;
    case DECIMAL_INEXACT:
        if (is_decimal) {
            add_count_fault(faults, field->name, FAULT_NOT_DECIMAL, field->scale);
        } else {
            add_fault(faults, field->name, FAULT_NOT_INTEGER, NULL);
        }
        break;
    case DECIMAL_TOO_SMALL:
        add_range_fault(faults, field, FAULT_TOO_SMALL);
        break;
    case DECIMAL_TOO_LARGE:
        add_range_fault(faults, field, FAULT_TOO_LARGE);
        break;
    }
}

/* json-c keeps the text of a number that has a point or an exponent. It replaces other numbers
 * beyond 64 bits: those above INT64_MAX by a number above INT64_MAX, those below INT64_MIN by
 * INT64_MIN, which is therefore rejected. */
static void parse_json_number(struct faults *faults, const struct field *field,
                              struct json_object *json, struct value *value)
{
    bool is_whole = json_object_is_type(json, json_type_int);
    if (!is_whole && !json_object_is_type(json, json_type_double)) {
        add_fault(faults, field->name,
                  field->type == FIELD_DECIMAL ? FAULT_NOT_NUMBER : FAULT_NOT_INTEGER, NULL);
    } else if (is_whole && json_object_get_int64(json) == INT64_MIN) {
        add_range_fault(faults, field, FAULT_TOO_SMALL);
    } else {
        parse_exact_number(faults, field, json_object_get_string(json), value);
    }
}

/* Adds a fault whose argument is a bound of the field's times. */
static void add_time_bound_fault(struct faults *faults, const struct field *field,
                                 enum fault_id fault, int64_t bound)
{
    char text[CLOCK_TEXT_SIZE];
    add_fault(faults, field->name, fault, arena_string(faults->arena, clock_format(bound, text)));
}

/* Rejects a text with NUL, which would otherwise be truncated to a valid time. */
static void parse_time_value(struct faults *faults, const struct field *field, const char *text,
                             size_t length, struct value *value)
{
    struct clock_span span;
    if (strlen(text) != length || !clock_parse_time(text, &span)) {
        add_fault(faults, field->name, FAULT_NOT_TIME, NULL);
    } else if (has_bounds(field) && span.from_ms < field->min) {
        add_time_bound_fault(faults, field, FAULT_TOO_SMALL, field->min);
    } else if (has_bounds(field) && span.from_ms > field->max) {
        add_time_bound_fault(faults, field, FAULT_TOO_LARGE, field->max);
    } else {
        field_set_integer(value, span.from_ms);
    }
}

/* Parses an array of strings. Stops at the first invalid element. */
static void parse_strings(struct faults *faults, const struct field *field,
                          struct json_object *json, struct value *value)
{
    if (!json_object_is_type(json, json_type_array)) {
        add_fault(faults, field->name, FAULT_NOT_STRINGS, NULL);
        return;
    }
    size_t count = json_object_array_length(json);
    if (count > (size_t)field->items_max) {
        add_count_fault(faults, field->name, FAULT_TOO_MANY_ITEMS, field->items_max);
        return;
    }
    const char **items = arena_array(faults->arena, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(json, i);
        struct value string = {.state = VALUE_ABSENT};
        if (!json_object_is_type(item, json_type_string)) {
            add_fault(faults, field->name, FAULT_NOT_STRINGS, NULL);
        } else {
            validate_string(faults, field, json_object_get_string(item),
                            (size_t)json_object_get_string_len(item), &string);
        }
        if (string.state != VALUE_SET) {
            return;
        }
        items[i] = string.string.bytes;
    }
    field_set_strings(value, items, count);
}

static void parse_json_value(struct faults *faults, const struct field *field,
                             struct json_object *json, struct value *value)
{
    if (!json) {
        if (field->flags & FIELD_NULLABLE) {
            value->state = VALUE_NULL;
        } else {
            add_fault(faults, field->name, FAULT_NOT_NULL, NULL);
        }
        return;
    }
    switch (field->type) {
    case FIELD_STRING:
        if (json_object_is_type(json, json_type_string)) {
            validate_string(faults, field, json_object_get_string(json),
                            (size_t)json_object_get_string_len(json), value);
        } else {
            add_fault(faults, field->name, FAULT_NOT_STRING, NULL);
        }
        break;
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
        parse_json_number(faults, field, json, value);
        break;
    case FIELD_TIME:
        if (json_object_is_type(json, json_type_string)) {
            parse_time_value(faults, field, json_object_get_string(json),
                             (size_t)json_object_get_string_len(json), value);
        } else {
            add_fault(faults, field->name, FAULT_NOT_TIME, NULL);
        }
        break;
    case FIELD_BOOLEAN:
        if (json_object_is_type(json, json_type_boolean)) {
            field_set_boolean(value, json_object_get_boolean(json));
        } else {
            add_fault(faults, field->name, FAULT_NOT_BOOLEAN, NULL);
        }
        break;
    case FIELD_STRINGS:
        if (field->items_max) {
            parse_strings(faults, field, json, value);
        } else {
            add_fault(faults, field->name, FAULT_READ_ONLY, NULL);
        }
        break;
    case FIELD_LISTS:
    case FIELD_RECORDS:
    case FIELD_RECORD: /* used only in replies */
        add_fault(faults, field->name, FAULT_READ_ONLY, NULL);
        break;
    }
}

/* --- parsing a body -------------------------------------------------------------------------- */

static const struct field *find_field_by_name(const struct field *fields, const char *name)
{
    for (; fields->name; fields++) {
        if (!strcmp(fields->name, name)) {
            return fields;
        }
    }
    return NULL;
}

/* Reports missing required fields and sets defaults, in the order of the field map. */
static void check_missing_fields(struct faults *faults, const struct field *fields,
                                 struct value *values, const bool *seen)
{
    for (size_t i = 0; fields[i].name; i++) {
        if (!seen[i] && (fields[i].flags & FIELD_REQUIRED)) {
            add_fault(faults, fields[i].name, FAULT_REQUIRED, NULL);
        }
        if (!seen[i] && (fields[i].flags & FIELD_DEFAULT)) {
            field_set_integer(&values[i], fields[i].standard);
        }
    }
}

static void release_json(void *json)
{
    json_object_put(json);
}

/* Counts the members of all objects. The count is smaller than that of json_strict_check() if a
 * name is repeated, because json-c keeps only the last member of a name. */
static size_t count_json_members(struct json_object *json)
{
    size_t count = 0;
    if (json_object_is_type(json, json_type_object)) {
        json_object_object_foreach(json, key, member)
        {
            (void)key;
            count += 1 + count_json_members(member);
        }
    } else if (json_object_is_type(json, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            count += count_json_members(json_object_array_get_idx(json, i));
        }
    }
    return count;
}

static struct error *new_invalid_json(struct arena *arena, const char *why)
{
    return error_new(arena, ERR_INVALID_JSON, "%s", why);
}

/* Parses a text that json_strict_check() has accepted. The result is NULL also for the literal
 * null. */
static struct error *build_json(struct arena *arena, const char *text, size_t length,
                                struct json_object **json_r)
{
    /* Creates a new tokener for each text, because json_tokener_reset() keeps the first half of a
     * surrogate pair, which would become part of the next client's text. The depth is one more than
     * allowed, because json-c counts a value in the innermost bracket as one level deeper. Strict
     * mode is off, because in json-c 0.18 it takes non-ASCII bytes for control characters. */
    struct json_tokener *tokener = json_tokener_new_ex(JSON_STRICT_NESTING_MAX + 1);
    if (!tokener) {
        abort();
    }
    struct json_object *json = json_tokener_parse_ex(tokener, text, (int)length);
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        json = json_tokener_parse_ex(tokener, "", 1); /* the NUL terminates a number or a literal */
    }
    enum json_tokener_error result = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    arena_defer(arena, release_json, json);
    *json_r = json;
    return result == json_tokener_success
               ? NULL
               : error_new(arena, ERR_INTERNAL, "json-c: %s", json_tokener_error_desc(result));
}

static struct error *parse_json(struct arena *arena, const char *text, size_t length,
                                struct json_object **json_r)
{
    if (length > INT32_MAX) {
        return new_invalid_json(arena, "text is too long for json-c");
    }
    size_t members = 0;
    const char *fault = json_strict_check(text, length, &members);
    if (fault) {
        return new_invalid_json(arena, fault);
    }
    struct error *error = build_json(arena, text, length, json_r);
    if (!error && members != count_json_members(*json_r)) {
        return new_invalid_json(arena, "repeated name in an object");
    }
    return error;
}

struct error *fields_read_json(struct arena *arena, const struct field *fields, const char *text,
                               size_t length, struct value **values_r)
{
    struct json_object *json = NULL;
    struct error *error = parse_json(arena, text, length, &json);
    if (error) {
        return error;
    }
    if (!json_object_is_type(json, json_type_object)) {
        return new_invalid_json(arena, "not an object");
    }
    struct faults faults = {.arena = arena};
    struct value *values = arena_array(arena, fields_count(fields) + 1, sizeof *values);
    bool *seen = arena_array(arena, fields_count(fields) + 1, sizeof *seen);
    json_object_object_foreach(json, name, member)
    {
        const struct field *field = find_field_by_name(fields, name);
        if (field) {
            seen[field - fields] = true;
            parse_json_value(&faults, field, member, &values[field - fields]);
        } else {
            add_unknown_name(&faults, name);
        }
    }
    check_missing_fields(&faults, fields, values, seen);
    *values_r = values;
    return faults.error;
}

struct error *fields_read_bare(struct arena *arena, const struct field *field, const char *text,
                               size_t length, struct value **values_r)
{
    struct json_object *json = NULL;
    struct error *error = parse_json(arena, text, length, &json);
    if (error) {
        return error;
    }
    struct faults faults = {.arena = arena};
    *values_r = arena_alloc(arena, sizeof **values_r);
    parse_json_value(&faults, field, json, *values_r);
    return faults.error;
}

/* --- parsing a query ------------------------------------------------------------------------- */

static void parse_query_value(struct faults *faults, const struct field *field, const char *text,
                              struct value *value)
{
    switch (field->type) {
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
        parse_exact_number(faults, field, text, value);
        break;
    case FIELD_BOOLEAN:
        if (!strcmp(text, "true") || !strcmp(text, "false")) {
            field_set_boolean(value, *text == 't');
        } else {
            add_fault(faults, field->name, FAULT_NOT_BOOLEAN, NULL);
        }
        break;
    case FIELD_STRING:
        validate_string(faults, field, text, strlen(text), value);
        break;
    case FIELD_TIME:
        parse_time_value(faults, field, text, strlen(text), value);
        break;
    case FIELD_STRINGS:
    case FIELD_LISTS:
    case FIELD_RECORDS:
    case FIELD_RECORD: /* used only in replies */
        add_fault(faults, field->name, FAULT_READ_ONLY, NULL);
        break;
    }
}

static void parse_query_pair(struct faults *faults, const struct field *fields, char *pair,
                             struct value *values, bool *seen)
{
    char *text = pair + strcspn(pair, "=");
    if (*text) {
        *text++ = '\0';
    }
    bool is_valid = request_decode(pair, true);
    const struct field *field = is_valid ? find_field_by_name(fields, pair) : NULL;
    if (!field && faults->ignores_unknown) {
        return;
    }
    if (is_valid && !request_decode(text, true)) {
        *text = '\0';
        is_valid = field && (field->flags & FIELD_ANY_STRING); /* counts as an empty string */
    }
    if (!is_valid) {
        add_fault(faults, utf8_valid(pair, strlen(pair)) ? truncate_name(faults->arena, pair) : "?",
                  FAULT_INVALID_UTF8, NULL);
        return;
    }
    if (!field) {
        add_unknown_name(faults, pair);
    } else if (seen[field - fields]) {
        add_fault(faults, field->name, FAULT_REPEATED, NULL);
    } else {
        seen[field - fields] = true;
        parse_query_value(faults, field, text, &values[field - fields]);
    }
}

static struct error *parse_query(struct faults faults, const struct field *fields,
                                 const char *query, struct value **values_r)
{
    struct arena *arena = faults.arena;
    struct value *values = arena_array(arena, fields_count(fields) + 1, sizeof *values);
    bool *seen = arena_array(arena, fields_count(fields) + 1, sizeof *seen);
    char *rest = arena_string(arena, query);
    for (char *pair; (pair = strsep(&rest, "&"));) {
        if (*pair) {
            parse_query_pair(&faults, fields, pair, values, seen);
        }
    }
    check_missing_fields(&faults, fields, values, seen);
    *values_r = values;
    return faults.error;
}

struct error *fields_read_query(struct arena *arena, const struct field *fields, const char *query,
                                struct value **values_r)
{
    return parse_query((struct faults){.arena = arena}, fields, query, values_r);
}

struct error *fields_read_open_query(struct arena *arena, const struct field *fields,
                                     const char *query, struct value **values_r)
{
    return parse_query((struct faults){.arena = arena, .ignores_unknown = true}, fields, query,
                       values_r);
}

/* --- writing --------------------------------------------------------------------------------- */

static void write_string_array(struct jsonw *json, const char *key,
                               const struct field_strings *strings)
{
    jsonw_open_array(json, key);
    for (size_t i = 0; i < strings->count; i++) {
        jsonw_string(json, NULL, strings->items[i]);
    }
    jsonw_close_array(json);
}

static void write_records(struct jsonw *json, const struct field *field, const struct value *value,
                          const bool *selected)
{
    jsonw_open_array(json, field->name);
    for (size_t i = 0; i < value->records.count; i++) {
        fields_write_item(json, field->fields, value->records.items[i], selected);
    }
    jsonw_close_array(json);
}

static void write_field_value(struct jsonw *json, const struct field *field,
                              const struct value *value)
{
    switch (field->type) {
    case FIELD_STRING:
        jsonw_bytes(json, field->name, value->string.bytes, value->string.length);
        break;
    case FIELD_INTEGER:
        jsonw_integer(json, field->name, value->integer);
        break;
    case FIELD_DECIMAL:
        jsonw_decimal(json, field->name, value->integer, field->scale);
        break;
    case FIELD_BOOLEAN:
        jsonw_boolean(json, field->name, value->boolean);
        break;
    case FIELD_TIME:
        jsonw_time(json, field->name, value->integer);
        break;
    case FIELD_STRINGS:
        write_string_array(json, field->name, &value->strings);
        break;
    case FIELD_LISTS:
        jsonw_open_array(json, field->name);
        for (size_t i = 0; i < value->lists.count; i++) {
            write_string_array(json, NULL, &value->lists.items[i]);
        }
        jsonw_close_array(json);
        break;
    case FIELD_RECORDS:
        write_records(json, field, value, NULL);
        break;
    case FIELD_RECORD:
        fields_write(json, field->name, field->fields, value->record);
        break;
    }
}

/* True if a reply omits the field. */
static bool is_omitted_field(const struct field *field, const struct value *value)
{
    return (field->flags & (FIELD_SECRET | FIELD_INTERNAL)) ||
           ((field->flags & FIELD_OPTIONAL) && value->state == VALUE_ABSENT);
}

static void write_field(struct jsonw *json, const struct field *field, const struct value *value)
{
    if (value->state == VALUE_SET) {
        write_field_value(json, field, value);
    } else {
        jsonw_null(json, field->name);
    }
}

void fields_write(struct jsonw *json, const char *key, const struct field *fields,
                  const struct value *values)
{
    jsonw_open_object(json, key);
    for (size_t i = 0; fields[i].name; i++) {
        if (!is_omitted_field(&fields[i], &values[i])) {
            write_field(json, &fields[i], &values[i]);
        }
    }
    jsonw_close_object(json);
}

void fields_write_item(struct jsonw *json, const struct field *fields, const struct value *values,
                       const bool *selected)
{
    jsonw_open_object(json, NULL);
    for (size_t i = 0; fields[i].name; i++) {
        if ((!selected || selected[i]) && !is_omitted_field(&fields[i], &values[i])) {
            write_field(json, &fields[i], &values[i]);
        }
    }
    jsonw_close_object(json);
}

void fields_write_listing(struct jsonw *json, const struct field *fields,
                          const struct value *values, const bool *selected, const char *explain)
{
    jsonw_open_object(json, NULL);
    for (size_t i = 0; fields[i].name; i++) {
        if ((fields[i].flags & FIELD_ITEMS) && values[i].state == VALUE_SET) {
            write_records(json, &fields[i], &values[i], selected);
        } else if (!is_omitted_field(&fields[i], &values[i])) {
            write_field(json, &fields[i], &values[i]);
        }
    }
    if (explain) {
        jsonw_raw(json, "explain", explain);
    }
    jsonw_close_object(json);
}
