/* Field maps and queries: parsing of application/x-www-form-urlencoded, and writing of records
 * as JSON. */
#include "unit.h"

#include "http/fields.h"

enum { SEARCH, SKIP, LIMIT, FREE, FLAG, PRICE, FIELDS };

static const struct field map[] = {
    [SEARCH] = {.name = "search", .type = FIELD_STRING, .max = 10},
    [SKIP] = {.name = "skip", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT, .max = 1000},
    [LIMIT] = {.name = "limit",
               .type = FIELD_INTEGER,
               .flags = FIELD_DEFAULT,
               .min = 1,
               .max = 1000,
               .standard = 10},
    [FREE] = {.name = "free", .type = FIELD_INTEGER},
    [FLAG] = {.name = "flag", .type = FIELD_BOOLEAN},
    [PRICE] = {.name = "price", .type = FIELD_DECIMAL, .scale = 2, .max = 5000},
    [FIELDS] = {.name = NULL},
};

static struct value *must_read(struct arena *arena, const char *query)
{
    struct value *values = NULL;
    if (fields_read_query(arena, map, query, &values) || !values) {
        FAIL("rejected: %s", query);
    }
    return values;
}

static void assert_fault(struct arena *arena, const char *query, const char *field,
                         enum fault_id fault)
{
    struct value *values = NULL;
    struct error *error = fields_read_query(arena, map, query, &values);
    if (!error || error->id != ERR_VALIDATION || !error->details || error->details->next ||
        strcmp(error->details->field, field) != 0 || error->details->fault != fault) {
        FAIL("not rejected with fault %d of %s only: %s", (int)fault, field, query);
    }
}

static void missing_parameters_take_their_defaults(void **state)
{
    static const char *const queries[] = {"", "&", "&&&"};
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        const struct value *values = must_read(*state, queries[i]);
        assert_int_equal(values[SEARCH].state, VALUE_ABSENT);
        assert_int_equal(values[SKIP].integer, 0);
        assert_int_equal(values[LIMIT].integer, 10);
        assert_int_equal(values[LIMIT].state, VALUE_SET);
    }
}

static void string_parameters_are_url_decoded(void **state)
{
    static const struct {
        const char *query, *search;
    } rows[] = {
        {"search=a", "a"},
        {"search=", ""},
        {"search", ""},
        {"search=a+b", "a b"},
        {"search=a%20b%2Bc", "a b+c"},
        {"search=%D0%98", "И"},
        {"search=И", "И"},
        {"search=a=b", "a=b"},
        {"search=%26%3D%25", "&=%"},
        {"%73earch=x", "x"},
        {"&search=x&", "x"},
        {"search=*()", "*()"},
        {"search=%0A", "\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(must_read(*state, rows[i].query)[SEARCH].string.bytes, rows[i].search);
    }
}

static void integer_parameters_are_parsed(void **state)
{
    assert_int_equal(must_read(*state, "limit=1000&skip=5")[LIMIT].integer, 1000);
    assert_int_equal(must_read(*state, "limit=1000&skip=5")[SKIP].integer, 5);
    assert_int_equal(must_read(*state, "skip=007")[SKIP].integer, 7);
    assert_int_equal(must_read(*state, "free=-5")[FREE].integer, -5);
    assert_true(must_read(*state, "free=9223372036854775807")[FREE].integer == INT64_MAX);
    assert_true(must_read(*state, "free=-9223372036854775808")[FREE].integer == INT64_MIN);
}

static void numbers_of_a_query_are_judged_by_their_value(void **state)
{
    assert_int_equal(must_read(*state, "limit=1.0")[LIMIT].integer, 1);
    assert_int_equal(must_read(*state, "limit=1e2")[LIMIT].integer, 100);
    assert_int_equal(must_read(*state, "limit=1e%2B02")[LIMIT].integer, 100);
    assert_int_equal(must_read(*state, "limit=5000E-2")[LIMIT].integer, 50);
    assert_int_equal(must_read(*state, "skip=-0.0")[SKIP].integer, 0);
    assert_int_equal(must_read(*state, "price=10.500")[PRICE].integer, 1050);
    assert_int_equal(must_read(*state, "price=1e1")[PRICE].integer, 1000);
    assert_fault(*state, "price=10.505", "price", FAULT_NOT_DECIMAL);
    assert_fault(*state, "price=ten", "price", FAULT_NOT_NUMBER);
    assert_fault(*state, "price=50.01", "price", FAULT_TOO_LARGE);
    assert_fault(*state, "limit=1e4", "limit", FAULT_TOO_LARGE);
    assert_fault(*state, "free=9223372036854775808", "free", FAULT_TOO_LARGE);
    assert_fault(*state, "free=99999999999999999999", "free", FAULT_TOO_LARGE);
    assert_fault(*state, "free=-9223372036854775809", "free", FAULT_TOO_SMALL);
}

/* A plus sign in a query is a space. */
static void invalid_integers_are_rejected(void **state)
{
    static const char *const texts[] = {
        "",     "x",      "1x",  "1.5",  "1e-2", "1.",   ".5",   "1e",
        "1e+2", "0x10",   "+1",  "%2B1", "%201", "1%20", "--1",  "-",
        "1,5",  "%D9%A1", "NaN", "null", "true", "%0A1", "1%0A",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_fault(*state, arena_format(*state, "free=%s", texts[i]), "free", FAULT_NOT_INTEGER);
    }
    assert_fault(*state, "free", "free", FAULT_NOT_INTEGER);
}

/* Compares the bytes: loading a bool that holds another value would be undefined behaviour. */
static void assert_boolean(struct arena *arena, const char *query, bool expected)
{
    const struct value *value = &must_read(arena, query)[FLAG];
    assert_int_equal(value->state, VALUE_SET);
    assert_memory_equal(&value->boolean, &expected, sizeof expected);
}

static void boolean_parameters_are_parsed(void **state)
{
    assert_boolean(*state, "flag=true", true);
    assert_boolean(*state, "flag=false", false);
    assert_fault(*state, "flag=yes", "flag", FAULT_NOT_BOOLEAN);
    assert_fault(*state, "flag=", "flag", FAULT_NOT_BOOLEAN);
}

static void query_values_out_of_bounds_are_rejected(void **state)
{
    assert_fault(*state, "limit=0", "limit", FAULT_TOO_SMALL);
    assert_fault(*state, "limit=-1", "limit", FAULT_TOO_SMALL);
    assert_fault(*state, "limit=1001", "limit", FAULT_TOO_LARGE);
    assert_fault(*state, "skip=-1", "skip", FAULT_TOO_SMALL);
    must_read(*state, "search=0123456789");
    assert_fault(*state, "search=0123456789x", "search", FAULT_TOO_LONG);
}

static void unknown_and_repeated_parameters_are_rejected(void **state)
{
    assert_fault(*state, "other=1", "other", FAULT_UNKNOWN);
    assert_fault(*state, "other", "other", FAULT_UNKNOWN);
    assert_fault(*state, "=1", "", FAULT_UNKNOWN);
    assert_fault(*state, "Search=a", "Search", FAULT_UNKNOWN);
    assert_fault(*state, "skip%20=1", "skip ", FAULT_UNKNOWN);
    assert_fault(*state, "skip=1&skip=1", "skip", FAULT_REPEATED);
    assert_fault(*state, "skip=1&%73kip=2", "skip", FAULT_REPEATED);
    /* A semicolon is not a separator. */
    assert_fault(*state, "skip=1;limit=2", "skip", FAULT_NOT_INTEGER);
}

static void invalid_url_encoding_is_rejected(void **state)
{
    static const char *const queries[] = {"search=%",      "search=%4",    "search=%zz",
                                          "search=%00",    "search=a%00b", "search=%FF",
                                          "search=%C0%80", "search=\xFF",  "search=%ED%A0%80"};
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        assert_fault(*state, queries[i], "search", FAULT_INVALID_UTF8);
    }
    static const char *const names[] = {"%=1", "%FF=1", "%00=1", "\xFF=1", "%ED%A0%80"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct value *values = NULL;
        struct error *error = fields_read_query(*state, map, names[i], &values);
        assert_non_null(error);
        assert_int_equal(error->id, ERR_VALIDATION);
    }
}

static void all_faults_of_a_query_are_reported_together(void **state)
{
    static const struct field demanding[] = {
        {.name = "needed", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
        {.name = "number", .type = FIELD_INTEGER, .min = 1, .max = 2},
        {.name = NULL},
    };
    struct value *values = NULL;
    struct error *error = fields_read_query(*state, demanding, "number=3&x=1&y=%", &values);
    size_t count = 0;
    assert_non_null(error);
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        count++;
    }
    assert_int_equal(count, 4);
}

static void thousands_of_parameters_are_rejected_as_unknown(void **state)
{
    struct buffer query = {.arena = *state};
    for (int i = 0; i < 2000; i++) {
        buffer_format(&query, "x%d=1&", i);
    }
    struct value *values = NULL;
    struct error *error = fields_read_query(*state, map, query.bytes, &values);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_VALIDATION);
}

/* --- writing ---------------------------------------------------------------------------------- */

static const struct field inner[] = {
    {.name = "id", .type = FIELD_INTEGER},
    {.name = "hidden", .type = FIELD_STRING, .flags = FIELD_SECRET},
    {.name = NULL},
};

enum { TEXT, NUMBER, YES, WHEN, TAGS, ROWS, SECRET, NOTHING, CLEARED, REPLY_FIELDS };

static const struct field reply[] = {
    [TEXT] = {.name = "text", .type = FIELD_STRING},
    [NUMBER] = {.name = "number", .type = FIELD_INTEGER},
    [YES] = {.name = "yes", .type = FIELD_BOOLEAN},
    [WHEN] = {.name = "when", .type = FIELD_TIME},
    [TAGS] = {.name = "tags", .type = FIELD_STRINGS},
    [ROWS] = {.name = "rows", .type = FIELD_RECORDS, .fields = inner},
    [SECRET] = {.name = "secret", .type = FIELD_STRING, .flags = FIELD_SECRET},
    [NOTHING] = {.name = "nothing", .type = FIELD_STRING},
    [CLEARED] = {.name = "cleared", .type = FIELD_INTEGER},
    [REPLY_FIELDS] = {.name = NULL},
};

static void records_are_written_without_secret_fields(void **state)
{
    static const char *const tags[] = {"a", "b\"c"};
    struct value row[2] = {0}, values[REPLY_FIELDS] = {0};
    struct value *const rows[] = {row, row};
    struct buffer out = {.arena = *state};
    struct jsonw json = {.out = &out};
    field_set_integer(&row[0], 1);
    field_set_string(&row[1], "hush");
    field_set_string(&values[TEXT], "Иван \"И\"");
    field_set_integer(&values[NUMBER], -5);
    field_set_boolean(&values[YES], true);
    field_set_integer(&values[WHEN], 0);
    field_set_strings(&values[TAGS], tags, COUNT_OF(tags));
    field_set_records(&values[ROWS], rows, COUNT_OF(rows));
    field_set_string(&values[SECRET], "hush");
    values[CLEARED].state = VALUE_NULL;
    fields_write(&json, NULL, reply, values);
    assert_string_equal(out.bytes,
                        "{\"text\":\"Иван \\\"И\\\"\",\"number\":-5,\"yes\":true,"
                        "\"when\":\"1970-01-01T00:00:00.000Z\",\"tags\":[\"a\",\"b\\\"c\"],"
                        "\"rows\":[{\"id\":1},{\"id\":1}],\"nothing\":null,\"cleared\":null}");
}

static void empty_lists_are_written_as_arrays(void **state)
{
    struct value values[REPLY_FIELDS] = {0};
    struct buffer out = {.arena = *state};
    struct jsonw json = {.out = &out};
    field_set_strings(&values[TAGS], NULL, 0);
    field_set_records(&values[ROWS], NULL, 0);
    jsonw_open_object(&json, NULL);
    fields_write(&json, "inside", reply, values);
    jsonw_close_object(&json);
    assert_non_null(strstr(out.bytes, "{\"inside\":{\"text\":null,"));
    assert_non_null(strstr(out.bytes, "\"tags\":[],\"rows\":[],"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(missing_parameters_take_their_defaults),
        ARENA_TEST(string_parameters_are_url_decoded),
        ARENA_TEST(integer_parameters_are_parsed),
        ARENA_TEST(numbers_of_a_query_are_judged_by_their_value),
        ARENA_TEST(invalid_integers_are_rejected),
        ARENA_TEST(boolean_parameters_are_parsed),
        ARENA_TEST(query_values_out_of_bounds_are_rejected),
        ARENA_TEST(unknown_and_repeated_parameters_are_rejected),
        ARENA_TEST(invalid_url_encoding_is_rejected),
        ARENA_TEST(all_faults_of_a_query_are_reported_together),
        ARENA_TEST(thousands_of_parameters_are_rejected_as_unknown),
        ARENA_TEST(records_are_written_without_secret_fields),
        ARENA_TEST(empty_lists_are_written_as_arrays),
    };
    return cmocka_run_group_tests_name("fields_query", tests, NULL, NULL);
}
