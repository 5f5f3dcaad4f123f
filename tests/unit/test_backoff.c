/* Backoff of retries: delays double up to a maximum; jitter spreads them over 50 to 150 %. */
#include "base/backoff.h"
#include "unit.h"

static uint32_t bound_requested, drawn;

static uint32_t draw(uint32_t bound)
{
    bound_requested = bound;
    return drawn < bound ? drawn : bound - 1;
}

static void backoff_delay_doubles_up_to_the_maximum(void **state)
{
    static const struct backoff backoff = {.first = 5, .max = 60};
    static const int64_t expected[] = {0, 5, 10, 20, 40, 60, 60};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_int_equal(backoff_delay(&backoff, (int64_t)i), expected[i]);
        assert_int_equal(backoff_delay_max(&backoff, (int64_t)i), expected[i]);
    }
    assert_int_equal(backoff_delay(&backoff, -1), 0);
}

static void backoff_delay_does_not_overflow(void **state)
{
    static const struct backoff backoff = {.first = 3, .max = INT64_MAX};
    (void)state;
    assert_int_equal(backoff_delay(&backoff, INT64_MAX), INT64_MAX);
}

static void backoff_delay_with_equal_bounds_is_constant(void **state)
{
    static const struct backoff backoff = {.first = 7, .max = 7};
    (void)state;
    assert_int_equal(backoff_delay(&backoff, 1), 7);
    assert_int_equal(backoff_delay(&backoff, 9), 7);
}

static void jitter_spreads_delay_over_50_to_150_percent(void **state)
{
    static const struct backoff backoff = {.first = 100, .max = 400, .random = draw};
    (void)state;
    drawn = 0;
    assert_int_equal(backoff_delay(&backoff, 2), 100);
    assert_int_equal(bound_requested, 200);
    drawn = 100;
    assert_int_equal(backoff_delay(&backoff, 2), 200);
    drawn = UINT32_MAX;
    assert_int_equal(backoff_delay(&backoff, 2), 299);
    assert_int_equal(backoff_delay_max(&backoff, 2), 300);
    assert_int_equal(backoff_delay_max(&backoff, 9), 600);
}

static void no_random_number_is_drawn_without_a_failure(void **state)
{
    static const struct backoff backoff = {.first = 100, .max = 400, .random = draw};
    (void)state;
    bound_requested = 1;
    assert_int_equal(backoff_delay(&backoff, 0), 0);
    assert_int_equal(bound_requested, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_delay_doubles_up_to_the_maximum),
        cmocka_unit_test(backoff_delay_does_not_overflow),
        cmocka_unit_test(backoff_delay_with_equal_bounds_is_constant),
        cmocka_unit_test(jitter_spreads_delay_over_50_to_150_percent),
        cmocka_unit_test(no_random_number_is_drawn_without_a_failure),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
