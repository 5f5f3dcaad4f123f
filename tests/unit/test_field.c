/* Field maps: access to values by name, and setters for every type. */
#include "unit.h"

#include "base/field.h"

enum { A, B, C, COUNT };

static const struct field map[] = {
    [A] = {.name = "a", .type = FIELD_STRING},
    [B] = {.name = "b", .type = FIELD_INTEGER},
    [C] = {.name = "ab", .type = FIELD_STRING},
    [COUNT] = {.name = NULL},
};

static const struct field empty_map[] = {{.name = NULL}};

static void number_of_fields_of_a_map_is_correct(void **state)
{
    (void)state;
    assert_int_equal(fields_count(map), COUNT);
    assert_int_equal(fields_count(empty_map), 0);
}

static void field_values_are_found_by_name(void **state)
{
    (void)state;
    struct value values[COUNT] = {0};
    assert_ptr_equal(fields_get(map, values, "a"), &values[A]);
    assert_ptr_equal(fields_get(map, values, "b"), &values[B]);
    assert_ptr_equal(fields_get(map, values, "ab"), &values[C]);
}

static void get_by_name(void *name)
{
    struct value values[COUNT] = {0};
    (void)fields_get(map, values, name);
}

static void unknown_field_name_aborts_the_process(void **state)
{
    (void)state;
    static char prefix[] = "aba", empty[] = "", other[] = "A";
    assert_aborts(get_by_name, prefix);
    assert_aborts(get_by_name, empty);
    assert_aborts(get_by_name, other);
}

static void string_field_is_null_unless_set(void **state)
{
    (void)state;
    struct value values[COUNT] = {0};
    assert_null(fields_string(map, values, "a"));
    values[A].state = VALUE_NULL;
    assert_null(fields_string(map, values, "a"));
    field_set_string(&values[A], "text");
    assert_string_equal(fields_string(map, values, "a"), "text");
}

static void field_value_setters_store_value_and_state(void **state)
{
    (void)state;
    static const char *const items[] = {"one", "two"};
    struct value value, record = {0};
    struct value *const records[] = {&record};

    field_set_string(&value, "text");
    assert_int_equal(value.state, VALUE_SET);
    assert_int_equal(value.string.length, 4);
    field_set_string(&value, NULL);
    assert_int_equal(value.state, VALUE_NULL);
    field_set_integer(&value, INT64_MIN);
    assert_int_equal(value.state, VALUE_SET);
    assert_true(value.integer == INT64_MIN);
    field_set_boolean(&value, true);
    assert_int_equal(value.state, VALUE_SET);
    assert_true(value.boolean);
    field_set_strings(&value, items, COUNT_OF(items));
    assert_int_equal(value.strings.count, 2);
    assert_string_equal(value.strings.items[1], "two");
    field_set_records(&value, records, 1);
    assert_int_equal(value.records.count, 1);
    assert_ptr_equal(value.records.items[0], &record);
    field_set_records(&value, NULL, 0);
    assert_int_equal(value.state, VALUE_SET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_of_fields_of_a_map_is_correct),
        cmocka_unit_test(field_values_are_found_by_name),
        cmocka_unit_test(unknown_field_name_aborts_the_process),
        cmocka_unit_test(string_field_is_null_unless_set),
        cmocka_unit_test(field_value_setters_store_value_and_state),
    };
    return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
