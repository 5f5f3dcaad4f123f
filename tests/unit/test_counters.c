/* Counters: names of daily counters, and collecting counter deltas. The API tests check their
 * effect. */
#include "unit.h"

#include "base/clock.h"
#include "rest/counters.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static const char *day_of(struct arena *arena, const char *date)
{
    struct clock_span span;
    assert_true(clock_parse_date(date, &span));
    return counters_day_name(arena, "due.", span.from_ms);
}

static void all_times_of_a_day_yield_one_counter_name(void **state)
{
    assert_string_equal(counters_day_name(*state, "due.", 0), "due.10000000");
    assert_string_equal(counters_day_name(*state, "due.", DAY_MS - 1), "due.10000000");
    assert_string_equal(counters_day_name(*state, "due.", DAY_MS), "due.10000001");
    assert_string_equal(counters_day_name(*state, "", 1795178096789), "10020777");
    assert_string_equal(day_of(*state, "2026-11-20"), "due.10020777");
}

static void counter_names_sort_by_day(void **state)
{
    static const char *const dates[] = {"1970-01-01", "1970-01-02", "1999-12-31", "2000-01-01",
                                        "2026-11-20", "2243-10-16", "2243-10-17", "2243-10-18",
                                        "9999-12-30", "9999-12-31"};
    for (size_t i = 1; i < COUNT_OF(dates); i++) {
        assert_true(strcmp(day_of(*state, dates[i - 1]), day_of(*state, dates[i])) < 0);
    }
}

static void counter_deltas_keep_their_order(void **state)
{
    (void)state;
    struct counter_deltas deltas = {.count = 0};
    counter_deltas_add(&deltas, "deals", 1);
    counter_deltas_add(&deltas, "deals.pipeline", 15000000);
    assert_int_equal(deltas.count, 2);
    assert_string_equal(deltas.list[0].name, "deals");
    assert_int_equal(deltas.list[1].amount, 15000000);
}

static void add_too_many(void *argument)
{
    struct counter_deltas deltas = {.count = 0};
    for (size_t i = 0; i <= COUNTER_DELTAS_MAX; i++) {
        counter_deltas_add(&deltas, argument, 1);
    }
}

static void too_many_counter_deltas_abort_the_process(void **state)
{
    (void)state;
    char name[] = "deals";
    assert_aborts(add_too_many, name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(all_times_of_a_day_yield_one_counter_name),
        ARENA_TEST(counter_names_sort_by_day),
        cmocka_unit_test(counter_deltas_keep_their_order),
        cmocka_unit_test(too_many_counter_deltas_abort_the_process),
    };
    return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
