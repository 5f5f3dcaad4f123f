/* Fuzzes the parser of queries: accepted queries match the map, rejected ones yield an error
 * body. */
#include "fuzz.h"
#include "http/fields.h"
#include "http/problem.h"
#include "rfc8259.h"

enum { SEARCH_MAX = 16, LIMIT_MAX = 1000 };

enum { SEARCH, SKIP, LIMIT, FREE, FLAG, FIELDS };

static const struct field map[] = {
    [SEARCH] = {.name = "search", .type = FIELD_STRING, .max = SEARCH_MAX},
    [SKIP] = {.name = "skip", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT, .max = INT32_MAX},
    [LIMIT] = {.name = "limit",
               .type = FIELD_INTEGER,
               .flags = FIELD_DEFAULT,
               .min = 1,
               .max = LIMIT_MAX,
               .standard = 10},
    [FREE] = {.name = "free", .type = FIELD_INTEGER},
    [FLAG] = {.name = "flag", .type = FIELD_BOOLEAN},
    [FIELDS] = {.name = NULL},
};

static void check_values(const struct value *values)
{
    if (values[SEARCH].state == VALUE_SET) {
        const char *bytes = values[SEARCH].string.bytes;
        size_t length = values[SEARCH].string.length;
        FUZZ_CHECK(strlen(bytes) == length && utf8_valid(bytes, length));
        FUZZ_CHECK(utf8_utf16_units(bytes, length) <= SEARCH_MAX);
    }
    FUZZ_CHECK(values[SKIP].state == VALUE_SET && values[SKIP].integer >= 0);
    FUZZ_CHECK(values[LIMIT].state == VALUE_SET && values[LIMIT].integer >= 1 &&
               values[LIMIT].integer <= LIMIT_MAX);
    if (values[FLAG].state == VALUE_SET) {
        unsigned char flag;
        memcpy(&flag, &values[FLAG].boolean, sizeof flag);
        FUZZ_CHECK(flag <= 1); /* a valid bool, not a part of a pointer */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *query = fuzz_string(data, size);
    struct value *values = NULL;
    const struct error *error = fields_read_query(arena, map, query, &values);
    if (error) {
        struct buffer out = {.arena = arena};
        FUZZ_CHECK(error->id == ERR_VALIDATION && error->details);
        problem_write(&out, error, LANGUAGE_RU, "id");
        FUZZ_CHECK(rfc8259_valid(out.bytes, out.length));
    } else {
        check_values(values);
    }
    /* An open query accepts whatever the other accepts. */
    const struct error *open_error = fields_read_open_query(arena, map, query, &values);
    FUZZ_CHECK(error || !open_error);
    if (!open_error) {
        check_values(values);
    }
    free(query);
    arena_free(&arena);
    return 0;
}
