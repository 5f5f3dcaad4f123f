/* Errors: their cause, and the order of their details. */
#include "unit.h"

#include "base/error.h"

static void error_carries_its_formatted_cause(void **state)
{
    struct error *error = error_new(*state, ERR_CONFLICT, "%s is %d", "version", 7);
    assert_int_equal(error->id, ERR_CONFLICT);
    assert_string_equal(error->cause, "version is 7");
    assert_null(error->details);
    assert_ptr_equal(error->arena, *state);
}

static void error_may_have_no_cause(void **state)
{
    struct error *error = error_new(*state, ERR_NOT_FOUND, NULL);
    assert_int_equal(error->id, ERR_NOT_FOUND);
    assert_null(error->cause);
}

static void error_details_keep_the_order_of_insertion(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct error *error = error_new(*state, ERR_VALIDATION, NULL);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_ptr_equal(error_detail(error, names[i], FAULT_TOO_LONG, "5"), error);
    }
    size_t count = 0;
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        assert_true(count < COUNT_OF(names));
        assert_string_equal(detail->field, names[count++]);
        assert_int_equal(detail->fault, FAULT_TOO_LONG);
        assert_string_equal(detail->argument, "5");
    }
    assert_int_equal(count, COUNT_OF(names));
}

static void error_about_one_field_has_one_detail(void **state)
{
    struct error *error = error_field(*state, "cn", FAULT_REQUIRED, NULL);
    assert_int_equal(error->id, ERR_VALIDATION);
    assert_non_null(error->details);
    assert_string_equal(error->details->field, "cn");
    assert_int_equal(error->details->fault, FAULT_REQUIRED);
    assert_null(error->details->argument);
    assert_null(error->details->next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(error_carries_its_formatted_cause),
        ARENA_TEST(error_may_have_no_cause),
        ARENA_TEST(error_details_keep_the_order_of_insertion),
        ARENA_TEST(error_about_one_field_has_one_detail),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
