/* Pace: the minimum rate of an upload grows with time and so limits its duration. */
#include "base/clock.h"
#include "base/size.h"
#include "proc/pace.h"
#include "unit.h"

enum { START_S = 60 };

static bool is_too_slow(int64_t elapsed_s, int64_t bytes)
{
    return pace_is_too_slow(elapsed_s * US_PER_S, bytes, START_S);
}

static void required_upload_rate_doubles_every_two_minutes(void **state)
{
    static const struct {
        int64_t elapsed_s, rate; /* the rate in KiB/s from that time on */
    } steps[] = {{60, 2}, {180, 4}, {300, 8}, {420, 16}, {540, 32}, {660, 64}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        int64_t enough = steps[i].rate * KIB * steps[i].elapsed_s;
        assert_false(is_too_slow(steps[i].elapsed_s, enough));
        assert_true(is_too_slow(steps[i].elapsed_s, enough - 1));
        assert_false(is_too_slow(steps[i].elapsed_s - 1, enough / 2));
    }
}

static void no_upload_rate_is_required_in_the_first_minute(void **state)
{
    (void)state;
    assert_false(is_too_slow(0, 0));
    assert_false(pace_is_too_slow((int64_t)START_S * US_PER_S - 1, 0, START_S));
    assert_true(is_too_slow(START_S, 0));
}

/* Returns the second in which a body sent at a constant rate is cut off or complete. */
static int64_t simulate_upload(int64_t rate, int64_t size, bool *cut_r)
{
    int64_t second = 0;
    *cut_r = false;
    while (!*cut_r && rate * second < size) {
        *cut_r = is_too_slow(second, rate * second);
        second++;
    }
    return second;
}

/* Rates documented in the guide to the API, app/resources/README.md. */
static void documented_upload_rates_suffice_for_their_sizes(void **state)
{
    static const struct {
        int64_t rate, size; /* in KiB/s and KiB */
    } rows[] = {{2, 360}, {4, 1126}, {8, 3276}, {16, 8600}, {31, 16 * KIB + 300}};
    bool cut;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        simulate_upload(rows[i].rate * KIB, rows[i].size * KIB, &cut);
        assert_false(cut);
    }
    simulate_upload(30LL * KIB, 16LL * MIB, &cut);
    assert_true(cut);
}

/* nginx accepts no body that is larger than 17 MiB, so every upload ends, even at the lowest
 * permitted rate. */
static void largest_upload_is_too_slow_after_nine_minutes(void **state)
{
    (void)state;
    for (int64_t second = 545; second < S_PER_HOUR; second++) {
        assert_true(is_too_slow(second, 17LL * MIB));
    }
}

static void upload_of_extreme_duration_is_too_slow(void **state)
{
    (void)state;
    assert_true(is_too_slow(INT64_MAX / US_PER_S, INT64_MAX / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_upload_rate_doubles_every_two_minutes),
        cmocka_unit_test(no_upload_rate_is_required_in_the_first_minute),
        cmocka_unit_test(documented_upload_rates_suffice_for_their_sizes),
        cmocka_unit_test(largest_upload_is_too_slow_after_nine_minutes),
        cmocka_unit_test(upload_of_extreme_duration_is_too_slow),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
