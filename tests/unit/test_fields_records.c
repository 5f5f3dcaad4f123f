/* Field maps with arrays of objects and free JSON in bodies. */
#include "unit.h"

#include "http/fields.h"

enum { NUMBER, FREE, ITEM_FIELDS };

static const struct field item_map[] = {
    [NUMBER] = {.name = "number", .type = FIELD_INTEGER, .flags = FIELD_REQUIRED, .max = 9},
    [FREE] = {.name = "free", .type = FIELD_JSON, .flags = FIELD_NULLABLE},
    [ITEM_FIELDS] = {.name = NULL},
};

static const struct field map[] = {
    {.name = "items", .type = FIELD_RECORDS, .fields = item_map, .min = 1, .items_max = 3},
    {.name = "rows", .type = FIELD_JSON, .fields = item_map},
    {.name = NULL},
};

static struct value *must_read_items(struct arena *arena, const char *text, size_t count)
{
    struct value *values = NULL;
    assert_null(fields_read_json(arena, map, text, strlen(text), &values));
    assert_int_equal(values->state, VALUE_SET);
    assert_int_equal(values->records.count, count);
    return values;
}

static void objects_of_an_array_are_read_in_order(void **state)
{
    const struct value *items = must_read_items(
        *state, "{\"items\":[{\"number\":3},{\"number\":1,\"free\":null},{\"number\":2}]}", 3);
    static const int64_t expected[] = {3, 1, 2};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_int_equal(items->records.items[i][NUMBER].integer, expected[i]);
    }
    assert_int_equal(items->records.items[0][FREE].state, VALUE_ABSENT);
    assert_int_equal(items->records.items[1][FREE].state, VALUE_NULL);
}

static void free_json_keeps_its_value(void **state)
{
    static const char *const texts[] = {
        "{\"a\":[1,{\"b\":\"\\\"\\\\/\"}],\"c\":null}",
        "1000.00",
        "-0.5e-7",
        "9223372036854775807",
        "\"\\u0000x\"",
        "\"ж😀\"",
        "[]",
        "true",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *text =
            arena_format(*state, "{\"items\":[{\"number\":1,\"free\":%s}]}", texts[i]);
        const struct value *items = must_read_items(*state, text, 1);
        const struct value *value = &items->records.items[0][FREE];
        assert_string_equal(value->string.bytes, texts[i]);
        assert_int_equal(value->string.length, strlen(texts[i]));
    }
}

static void faults_name_the_object_in_the_array(void **state)
{
    static const struct {
        const char *text, *field;
        enum fault_id fault;
    } cases[] = {
        {"{\"items\":[{\"number\":1},{\"number\":10}]}", "items[1].number", FAULT_TOO_LARGE},
        {"{\"items\":[{\"number\":1},{}]}", "items[1].number", FAULT_REQUIRED},
        {"{\"items\":[{\"number\":1,\"x\":2}]}", "items[0].x", FAULT_UNKNOWN},
        {"{\"items\":[{\"number\":1},5]}", "items[1]", FAULT_NOT_OBJECT},
        {"{\"items\":[null]}", "items[0]", FAULT_NOT_OBJECT},
        {"{\"items\":[]}", "items", FAULT_TOO_FEW_ITEMS},
        {"{\"items\":[{},{},{},{}]}", "items", FAULT_TOO_MANY_ITEMS},
        {"{\"items\":{}}", "items", FAULT_NOT_OBJECTS},
        {"{\"items\":[{\"number\":1}],\"y\":1}", "y", FAULT_UNKNOWN},
        {"{\"rows\":[]}", "rows", FAULT_READ_ONLY},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value *values = NULL;
        const struct error *error =
            fields_read_json(*state, map, cases[i].text, strlen(cases[i].text), &values);
        assert_non_null(error);
        assert_string_equal(error->details->field, cases[i].field);
        assert_int_equal(error->details->fault, cases[i].fault);
        assert_null(error->details->next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(objects_of_an_array_are_read_in_order),
        ARENA_TEST(free_json_keeps_its_value),
        ARENA_TEST(faults_name_the_object_in_the_array),
    };
    return cmocka_run_group_tests_name("arrays of objects in bodies", tests, NULL, NULL);
}
