/* Change set: which fields are added, how secrets are replaced, and the JSON of the changes. */
#include "unit.h"

#include "base/jsonw.h"
#include "http/changeset.h"

enum { NAME, AMOUNT, PASSWORD, VERSION, FIELDS };

enum { MANY = 100 };

static const struct field map[] = {
    [NAME] = {.name = "name", .type = FIELD_STRING},
    [AMOUNT] = {.name = "amount", .type = FIELD_DECIMAL, .scale = 2},
    [PASSWORD] = {.name = "password", .type = FIELD_STRING, .flags = FIELD_SECRET},
    [VERSION] = {.name = "version", .type = FIELD_INTEGER, .flags = FIELD_INTERNAL},
    [FIELDS] = {.name = NULL},
};

struct test {
    struct arena *arena;
    struct changeset changes;
    struct value before[FIELDS], after[FIELDS];
};

static int set_up(void **state)
{
    struct test *test = base_alloc(sizeof *test);
    *test = (struct test){.arena = arena_new()};
    field_set_string(&test->before[NAME], "one");
    field_set_integer(&test->before[AMOUNT], 1050);
    field_set_string(&test->before[PASSWORD], "old secret");
    field_set_integer(&test->before[VERSION], 1);
    memcpy(test->after, test->before, sizeof test->after);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    struct test *test = *state;
    arena_free(&test->arena);
    free(test);
    return 0;
}

static void add_values(struct test *test, const struct value *before, const struct value *after)
{
    changeset_add_values(&test->changes, test->arena, "thing", "7", map, before, after);
}

static const char *write_changes(struct test *test, size_t first, const char *id)
{
    struct buffer text = {.arena = test->arena};
    struct jsonw json = {.out = &text};
    changeset_write(&json, NULL, &test->changes, first, "thing", id);
    return text.bytes;
}

static void only_fields_that_differ_are_added(void **state)
{
    struct test *test = *state;
    add_values(test, test->before, test->after);
    assert_int_equal(test->changes.count, 0);
    field_set_integer(&test->after[AMOUNT], 100);
    add_values(test, test->before, test->after);
    assert_string_equal(write_changes(test, 0, "7"),
                        "[{\"field\":\"amount\",\"before\":10.50,\"after\":1.00}]");
}

static void creation_and_removal_have_null_on_one_side(void **state)
{
    struct test *test = *state;
    test->before[AMOUNT] = (struct value){.state = VALUE_NULL};
    test->before[PASSWORD] = test->before[AMOUNT];
    add_values(test, NULL, test->before);
    add_values(test, test->before, NULL);
    assert_string_equal(write_changes(test, 0, "7"),
                        "[{\"field\":\"name\",\"before\":null,\"after\":\"one\"},"
                        "{\"field\":\"name\",\"before\":\"one\",\"after\":null}]");
}

static void secrets_are_replaced_and_internal_fields_left_out(void **state)
{
    struct test *test = *state;
    field_set_string(&test->after[PASSWORD], "new secret");
    field_set_integer(&test->after[VERSION], 2);
    add_values(test, test->before, test->after);
    assert_string_equal(write_changes(test, 0, "7"),
                        "[{\"field\":\"password\",\"before\":\"***\",\"after\":\"***\"}]");
}

static void changes_of_other_objects_name_them(void **state)
{
    struct test *test = *state;
    const struct changed_object object = {.resource = "other", .id = NULL};
    changeset_add_text(&test->changes, test->arena, &object, "a", NULL, "x\"y");
    changeset_add_text(&test->changes, test->arena, &object, "b", "same", "same");
    changeset_add_secret(&test->changes, test->arena, &object, "c");
    assert_string_equal(write_changes(test, 0, NULL),
                        "[{\"resource\":\"other\",\"id\":null,\"field\":\"a\",\"before\":null,"
                        "\"after\":\"x\\\"y\"},{\"resource\":\"other\",\"id\":null,"
                        "\"field\":\"c\",\"before\":\"***\",\"after\":\"***\"}]");
}

static void only_named_fields_of_an_object_are_added(void **state)
{
    static const char *const names[] = {"amount", NULL};
    struct test *test = *state;
    const struct changed_object object = {"thing", "7", map, names};
    changeset_add_object(&test->changes, test->arena, &object, test->before, NULL);
    assert_string_equal(write_changes(test, 0, "7"),
                        "[{\"field\":\"amount\",\"before\":10.50,\"after\":null}]");
}

static void truncated_changes_are_replaced(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < MANY; i++) {
        changeset_add(
            &test->changes, test->arena,
            &(struct changed_field){"thing", "7", arena_format(test->arena, "f%d", i), "0", "1"});
    }
    assert_int_equal(test->changes.count, MANY);
    assert_string_equal(test->changes.items[MANY - 1].field, "f99");
    changeset_truncate(&test->changes, MANY + 1);
    assert_int_equal(test->changes.count, MANY);
    changeset_truncate(&test->changes, 2);
    assert_string_equal(write_changes(test, 1, "7"),
                        "[{\"field\":\"f1\",\"before\":0,\"after\":1}]");
}

static void values_are_equal_however_they_are_written(void **state)
{
    (void)state;
    assert_true(changeset_is_equal("\"\\u0416\\/\"", "\"Ж/\""));
    assert_true(changeset_is_equal("[\"a\", \"b\"]", "[\"a\",\"b\"]"));
    assert_true(changeset_is_equal("null", "null"));
    assert_false(changeset_is_equal("[\"a\",\"b\"]", "[\"b\",\"a\"]"));
    assert_false(changeset_is_equal("null", "\"\""));
    assert_false(changeset_is_equal("true", "\"true\""));
}

#define CHANGESET_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHANGESET_TEST(only_fields_that_differ_are_added),
        CHANGESET_TEST(creation_and_removal_have_null_on_one_side),
        CHANGESET_TEST(secrets_are_replaced_and_internal_fields_left_out),
        CHANGESET_TEST(changes_of_other_objects_name_them),
        CHANGESET_TEST(only_named_fields_of_an_object_are_added),
        CHANGESET_TEST(truncated_changes_are_replaced),
        cmocka_unit_test(values_are_equal_however_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
