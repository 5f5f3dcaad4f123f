/* Lockout: how many failed logins a source may cause, and that several processes keep to it. */
#include "base/clock.h"
#include "unit.h"

#include "directory/lockout.h"

#include <sys/wait.h>

enum {
    SECOND_MS = 1000,
    WINDOW_MS = 30 * 60 * SECOND_MS,
    WINDOW_US = 30 * 60 * US_PER_S,
};

static const int64_t start_us = INT64_C(1000) * US_PER_S;

static void limits_stay_below_the_threshold(void **state)
{
    static const struct {
        int64_t threshold, unknown, known;
    } rows[] = {
        {0, INT64_MAX, INT64_MAX},
        {1, 1, 1}, /* nothing less lets anybody log in */
        {2, 1, 1},
        {3, 1, 2},
        {4, 2, 3},
        {5, 2, 4},
        {6, 3, 5},
        {10, 5, 9},
        {999, 499, 998},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(lockout_limit(rows[i].threshold, false), rows[i].unknown);
        assert_int_equal(lockout_limit(rows[i].threshold, true), rows[i].known);
    }
}

static void stale_failures_count_as_none(void **state)
{
    static const int64_t now = INT64_C(1800000000000);
    static const struct {
        int64_t failures, age_ms, counted;
    } rows[] = {
        {4, 0, 4},
        {4, WINDOW_MS, 4},
        {4, WINDOW_MS + 2 * SECOND_MS, 4}, /* the controller's clock is known to the second */
        {4, WINDOW_MS + 2 * SECOND_MS + 1, 0},
        {4, -WINDOW_MS, 4}, /* in the future */
        {0, 0, 0},
        {4, now, 4}, /* no time was read */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct lockout_count count = {rows[i].failures, now - rows[i].age_ms};
        assert_int_equal(lockout_failures(&count, WINDOW_MS, now), rows[i].counted);
    }
}

static bool reserve(const char *guid, int64_t failures, int64_t limit, int64_t now_us)
{
    struct lockout_attempt attempt;
    return lockout_reserve(guid, failures, limit, WINDOW_MS, now_us, &attempt);
}

/* An attempt of which the test says how it ends. */
static struct lockout_attempt begin_attempt(const char *guid, int64_t limit)
{
    struct lockout_attempt attempt;
    assert_true(lockout_reserve(guid, 0, limit, WINDOW_MS, start_us, &attempt));
    return attempt;
}

static void fail_attempt(const char *guid, int64_t limit)
{
    struct lockout_attempt attempt = begin_attempt(guid, limit);
    lockout_failed(&attempt);
}

static void attempts_are_admitted_up_to_the_limit(void **state)
{
    (void)state;
    assert_true(reserve("a", 0, 2, start_us));
    assert_true(reserve("a", 0, 2, start_us));
    assert_false(reserve("a", 0, 2, start_us));
    assert_true(reserve("a", 0, 3, start_us)); /* a known source */
    assert_false(reserve("a", 0, 3, start_us));
    assert_true(reserve("b", 0, 2, start_us));
}

static void failures_elsewhere_count(void **state)
{
    (void)state;
    assert_false(reserve("c", 2, 2, start_us));
    assert_true(reserve("c", 2, 4, start_us));
    assert_true(reserve("c", 2, 4, start_us)); /* the first is not counted by the controller yet */
    assert_false(reserve("c", 2, 4, start_us));
}

static void attempts_expire_with_the_window(void **state)
{
    (void)state;
    assert_true(reserve("d", 0, 1, start_us));
    assert_false(reserve("d", 0, 1, start_us + WINDOW_US));
    assert_true(reserve("d", 0, 1, start_us + WINDOW_US + (int64_t)2 * US_PER_S));
}

static void success_forgives_the_failures_before_it(void **state)
{
    (void)state;
    fail_attempt("e", 3);
    fail_attempt("e", 3);
    struct lockout_attempt attempt = begin_attempt("e", 3);
    assert_false(reserve("e", 0, 3, start_us));
    lockout_succeeded(&attempt);
    for (int i = 0; i < 3; i++) {
        fail_attempt("e", 3);
    }
    assert_false(reserve("e", 0, 3, start_us));
}

static void success_forgives_failures_of_other_hosts_too(void **state)
{
    struct lockout_attempt attempt;
    (void)state;
    assert_true(lockout_reserve("other hosts", 2, 3, WINDOW_MS, start_us, &attempt));
    assert_false(reserve("other hosts", 0, 3, start_us));
    lockout_succeeded(&attempt);
    assert_true(reserve("other hosts", 0, 1, start_us));
}

/* They were resolved before the success and may fail after it. */
static void success_keeps_the_attempts_under_way(void **state)
{
    (void)state;
    struct lockout_attempt first = begin_attempt("flight", 2), second = begin_attempt("flight", 2);
    struct lockout_attempt owner = begin_attempt("flight", 4);
    lockout_succeeded(&owner);
    assert_false(reserve("flight", 0, 2, start_us));
    lockout_failed(&first);
    lockout_failed(&second);
    assert_false(reserve("flight", 0, 2, start_us));
    assert_true(reserve("flight", 0, 3, start_us));
}

/* Nobody knows which of the two came to the controller first. */
static void success_keeps_failures_that_end_while_it_is_under_way(void **state)
{
    (void)state;
    struct lockout_attempt first = begin_attempt("late", 2), owner = begin_attempt("late", 4);
    lockout_failed(&first);
    lockout_succeeded(&owner);
    assert_true(reserve("late", 0, 2, start_us));
    assert_false(reserve("late", 0, 2, start_us));
}

static void two_successes_forgive_no_failure_twice(void **state)
{
    (void)state;
    fail_attempt("twice", 9);
    fail_attempt("twice", 9);
    struct lockout_attempt older = begin_attempt("twice", 9), newer = begin_attempt("twice", 9);
    struct lockout_attempt late = begin_attempt("twice", 9), later = begin_attempt("twice", 9);
    lockout_failed(&late);
    lockout_failed(&later);
    lockout_succeeded(&newer);
    lockout_succeeded(&older);
    lockout_succeeded(&older); /* of an attempt that is over, nothing is left */
    assert_false(reserve("twice", 0, 2, start_us));
    assert_true(reserve("twice", 0, 3, start_us));
}

static void older_success_does_not_undo_a_newer_one(void **state)
{
    (void)state;
    struct lockout_attempt older = begin_attempt("order", 9);
    fail_attempt("order", 9);
    fail_attempt("order", 9);
    struct lockout_attempt newer = begin_attempt("order", 9);
    lockout_succeeded(&newer);
    lockout_succeeded(&older);
    assert_true(reserve("order", 0, 1, start_us));
}

static void expired_attempt_forgives_no_later_failure(void **state)
{
    static const int64_t later_us = start_us + WINDOW_US + (int64_t)2 * US_PER_S;
    struct lockout_attempt expired = begin_attempt("old", 2), later;
    (void)state;
    assert_true(lockout_reserve("old", 0, 1, WINDOW_MS, later_us, &later));
    lockout_failed(&later);
    lockout_succeeded(&expired);
    assert_false(reserve("old", 0, 1, later_us));
}

static void failures_are_counted_for_ever(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        fail_attempt("many", 3);
        fail_attempt("many", 3);
        struct lockout_attempt attempt = begin_attempt("many", 3);
        assert_false(reserve("many", 0, 3, start_us));
        lockout_succeeded(&attempt);
    }
}

static void highest_threshold_fits(void **state)
{
    enum { LIMIT = 998 };
    (void)state;
    for (int i = 0; i < LIMIT; i++) {
        assert_true(reserve("high", 0, LIMIT, start_us));
        fail_attempt("high failures", LIMIT);
    }
    assert_false(reserve("high", 0, LIMIT, start_us));
    assert_false(reserve("high failures", 0, LIMIT, start_us));
}

static void nothing_reserved_is_nothing_to_end(void **state)
{
    struct lockout_attempt nothing = {0};
    (void)state;
    lockout_failed(&nothing);
    lockout_succeeded(&nothing);
}

static void without_a_threshold_nothing_is_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(reserve("f", 1000, INT64_MAX, start_us));
    }
    assert_true(reserve("f", 0, 1, start_us));
}

static void more_accounts_than_slots_are_still_counted(void **state)
{
    for (int i = 0; i < 20000; i++) {
        const char *guid = arena_format(*state, "guid %d", i);
        assert_true(reserve(guid, 0, 1, start_us + i));
        assert_false(reserve(guid, 0, 1, start_us + i));
        arena_reset(*state);
    }
}

/* Processes that reserve at the same time; each exits with how many attempts it got. */
static void processes_together_keep_to_the_limit(void **state)
{
    enum { PROCESSES = 8, TRIES = 200, LIMIT = 97 };
    int admitted = 0, status;
    (void)state;
    lockout_share();
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            int got = 0;
            for (int tries = 0; tries < TRIES; tries++) {
                got += reserve("g", 0, LIMIT, start_us);
            }
            _exit(got);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_true(wait(&status) > 0);
        admitted += WEXITSTATUS(status);
    }
    assert_int_equal(admitted, LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_stay_below_the_threshold),
        cmocka_unit_test(stale_failures_count_as_none),
        cmocka_unit_test(attempts_are_admitted_up_to_the_limit),
        cmocka_unit_test(failures_elsewhere_count),
        cmocka_unit_test(attempts_expire_with_the_window),
        cmocka_unit_test(success_forgives_the_failures_before_it),
        cmocka_unit_test(success_forgives_failures_of_other_hosts_too),
        cmocka_unit_test(success_keeps_the_attempts_under_way),
        cmocka_unit_test(success_keeps_failures_that_end_while_it_is_under_way),
        cmocka_unit_test(two_successes_forgive_no_failure_twice),
        cmocka_unit_test(older_success_does_not_undo_a_newer_one),
        cmocka_unit_test(expired_attempt_forgives_no_later_failure),
        cmocka_unit_test(failures_are_counted_for_ever),
        cmocka_unit_test(highest_threshold_fits),
        cmocka_unit_test(nothing_reserved_is_nothing_to_end),
        cmocka_unit_test(without_a_threshold_nothing_is_counted),
        ARENA_TEST(more_accounts_than_slots_are_still_counted),
        cmocka_unit_test(processes_together_keep_to_the_limit),
    };
    return cmocka_run_group_tests_name("lockout", tests, NULL, NULL);
}
