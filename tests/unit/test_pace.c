/* Pace: the required rate grows with time, and bounds what an upload may last. */
#include "base/clock.h"
#include "base/size.h"
#include "proc/pace.h"
#include "unit.h"

enum { START_S = 60 };

static bool is_too_slow(int64_t elapsed_s, int64_t bytes)
{
    return pace_is_too_slow(elapsed_s * US_PER_S, bytes, START_S);
}

static void the_required_rate_doubles(void **state)
{
    static const struct {
        int64_t elapsed_s, rate; /* KiB/s from then on */
    } steps[] = {{60, 2}, {180, 4}, {300, 8}, {420, 16}, {540, 32}, {660, 64}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        int64_t enough = steps[i].rate * KIB * steps[i].elapsed_s;
        assert_false(is_too_slow(steps[i].elapsed_s, enough));
        assert_true(is_too_slow(steps[i].elapsed_s, enough - 1));
        assert_false(is_too_slow(steps[i].elapsed_s - 1, enough / 2));
    }
}

static void nothing_is_required_at_the_start(void **state)
{
    (void)state;
    assert_false(is_too_slow(0, 0));
    assert_false(pace_is_too_slow((int64_t)START_S * US_PER_S - 1, 0, START_S));
    assert_true(is_too_slow(START_S, 0));
}

/* The second in which a body of a constant rate is cut off, or complete if that comes first. */
static int64_t lasts(int64_t rate, int64_t size, bool *cut_r)
{
    int64_t second = 0;
    *cut_r = false;
    while (!*cut_r && rate * second < size) {
        *cut_r = is_too_slow(second, rate * second);
        second++;
    }
    return second;
}

/* The rates in the guide to the API, app/resources/README.md. */
static void constant_rates_suffice_for_their_sizes(void **state)
{
    static const struct {
        int64_t rate, size; /* KiB/s, KiB */
    } rows[] = {{2, 360}, {4, 1126}, {8, 3276}, {16, 8600}, {31, 16 * KIB + 300}};
    bool cut;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        lasts(rows[i].rate * KIB, rows[i].size * KIB, &cut);
        assert_false(cut);
    }
    lasts(30LL * KIB, 16LL * MIB, &cut);
    assert_true(cut);
}

/* Whatever nginx lets through ends: 17 MiB sent as slowly as is allowed at every moment. */
static void nothing_lasts_longer_than_nine_minutes(void **state)
{
    (void)state;
    for (int64_t second = 545; second < S_PER_HOUR; second++) {
        assert_true(is_too_slow(second, 17LL * MIB));
    }
}

static void times_beyond_all_doublings_are_too_slow(void **state)
{
    (void)state;
    assert_true(is_too_slow(INT64_MAX / US_PER_S, INT64_MAX / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_required_rate_doubles),
        cmocka_unit_test(nothing_is_required_at_the_start),
        cmocka_unit_test(constant_rates_suffice_for_their_sizes),
        cmocka_unit_test(nothing_lasts_longer_than_nine_minutes),
        cmocka_unit_test(times_beyond_all_doublings_are_too_slow),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
