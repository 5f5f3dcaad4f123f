/* Lockout: the number of failed logins that a source may cause, also across several processes. */
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

static void attempt_limits_stay_below_the_lockout_threshold(void **state)
{
    static const struct {
        int64_t threshold, unknown, known;
    } rows[] = {
        {0, INT64_MAX, INT64_MAX},
        {1, 1, 1}, /* a limit lower than 1 would allow no login at all */
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

static void failed_logins_older_than_the_window_are_ignored(void **state)
{
    static const int64_t now = INT64_C(1800000000000);
    static const struct {
        int64_t failures, age_ms, counted;
    } rows[] = {
        {4, 0, 4},
        {4, WINDOW_MS, 4},
        {4, WINDOW_MS + 2 * SECOND_MS, 4}, /* the controller's clock is known only to the second */
        {4, WINDOW_MS + 2 * SECOND_MS + 1, 0},
        {4, -WINDOW_MS, 4}, /* failures with a time in the future */
        {0, 0, 0},
        {4, now, 4}, /* the time of the failures could not be read */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct lockout_count count = {rows[i].failures, now - rows[i].age_ms};
        assert_int_equal(lockout_failures(&count, WINDOW_MS, now), rows[i].counted);
    }
}

static bool reserve_attempt(const char *guid, int64_t failures, int64_t limit, int64_t now_us)
{
    struct lockout_attempt attempt;
    return lockout_reserve(guid, failures, limit, WINDOW_MS, now_us, &attempt);
}

/* Begins an attempt; the test decides how it ends. */
static struct lockout_attempt begin_attempt(const char *guid, int64_t limit)
{
    struct lockout_attempt attempt;
    assert_true(lockout_reserve(guid, 0, limit, WINDOW_MS, start_us, &attempt));
    return attempt;
}

static void fail_attempt(const char *guid, int64_t limit)
{
    struct lockout_attempt attempt = begin_attempt(guid, limit);
    lockout_record_failure(&attempt);
}

static void login_attempts_are_admitted_up_to_the_limit(void **state)
{
    (void)state;
    assert_true(reserve_attempt("a", 0, 2, start_us));
    assert_true(reserve_attempt("a", 0, 2, start_us));
    assert_false(reserve_attempt("a", 0, 2, start_us));
    assert_true(reserve_attempt("a", 0, 3, start_us)); /* known sources have a higher limit */
    assert_false(reserve_attempt("a", 0, 3, start_us));
    assert_true(reserve_attempt("b", 0, 2, start_us));
}

static void failures_counted_by_the_controller_reduce_the_limit(void **state)
{
    (void)state;
    assert_false(reserve_attempt("c", 2, 2, start_us));
    assert_true(reserve_attempt("c", 2, 4, start_us));
    /* The controller has not counted the first attempt yet. */
    assert_true(reserve_attempt("c", 2, 4, start_us));
    assert_false(reserve_attempt("c", 2, 4, start_us));
}

static void login_attempts_expire_with_the_window(void **state)
{
    (void)state;
    assert_true(reserve_attempt("d", 0, 1, start_us));
    assert_false(reserve_attempt("d", 0, 1, start_us + WINDOW_US));
    assert_true(reserve_attempt("d", 0, 1, start_us + WINDOW_US + (int64_t)2 * US_PER_S));
}

static void successful_login_clears_earlier_failures(void **state)
{
    (void)state;
    fail_attempt("e", 3);
    fail_attempt("e", 3);
    struct lockout_attempt attempt = begin_attempt("e", 3);
    assert_false(reserve_attempt("e", 0, 3, start_us));
    lockout_record_success(&attempt);
    for (int i = 0; i < 3; i++) {
        fail_attempt("e", 3);
    }
    assert_false(reserve_attempt("e", 0, 3, start_us));
}

static void successful_login_clears_failures_on_other_hosts(void **state)
{
    struct lockout_attempt attempt;
    (void)state;
    assert_true(lockout_reserve("other hosts", 2, 3, WINDOW_MS, start_us, &attempt));
    assert_false(reserve_attempt("other hosts", 0, 3, start_us));
    lockout_record_success(&attempt);
    assert_true(reserve_attempt("other hosts", 0, 1, start_us));
}

/* These login attempts were admitted before the successful login and may fail after it. */
static void successful_login_keeps_attempts_in_progress(void **state)
{
    (void)state;
    struct lockout_attempt first = begin_attempt("flight", 2), second = begin_attempt("flight", 2);
    struct lockout_attempt owner = begin_attempt("flight", 4);
    lockout_record_success(&owner);
    assert_false(reserve_attempt("flight", 0, 2, start_us));
    lockout_record_failure(&first);
    lockout_record_failure(&second);
    assert_false(reserve_attempt("flight", 0, 2, start_us));
    assert_true(reserve_attempt("flight", 0, 3, start_us));
}

/* The order in which the controller processed the two login attempts is unknown. */
static void successful_login_keeps_failures_that_ended_meanwhile(void **state)
{
    (void)state;
    struct lockout_attempt first = begin_attempt("late", 2), owner = begin_attempt("late", 4);
    lockout_record_failure(&first);
    lockout_record_success(&owner);
    assert_true(reserve_attempt("late", 0, 2, start_us));
    assert_false(reserve_attempt("late", 0, 2, start_us));
}

static void concurrent_successful_logins_do_not_clear_a_failure_twice(void **state)
{
    (void)state;
    fail_attempt("twice", 9);
    fail_attempt("twice", 9);
    struct lockout_attempt older = begin_attempt("twice", 9), newer = begin_attempt("twice", 9);
    struct lockout_attempt late = begin_attempt("twice", 9), later = begin_attempt("twice", 9);
    lockout_record_failure(&late);
    lockout_record_failure(&later);
    lockout_record_success(&newer);
    lockout_record_success(&older);
    lockout_record_success(&older); /* ending an attempt twice has no effect */
    assert_false(reserve_attempt("twice", 0, 2, start_us));
    assert_true(reserve_attempt("twice", 0, 3, start_us));
}

static void late_success_does_not_undo_a_newer_successful_login(void **state)
{
    (void)state;
    struct lockout_attempt older = begin_attempt("order", 9);
    fail_attempt("order", 9);
    fail_attempt("order", 9);
    struct lockout_attempt newer = begin_attempt("order", 9);
    lockout_record_success(&newer);
    lockout_record_success(&older);
    assert_true(reserve_attempt("order", 0, 1, start_us));
}

static void expired_attempt_does_not_clear_later_failures(void **state)
{
    static const int64_t later_us = start_us + WINDOW_US + (int64_t)2 * US_PER_S;
    struct lockout_attempt expired = begin_attempt("old", 2), later;
    (void)state;
    assert_true(lockout_reserve("old", 0, 1, WINDOW_MS, later_us, &later));
    lockout_record_failure(&later);
    lockout_record_success(&expired);
    assert_false(reserve_attempt("old", 0, 1, later_us));
}

static void failures_are_counted_after_thousands_of_successes(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        fail_attempt("many", 3);
        fail_attempt("many", 3);
        struct lockout_attempt attempt = begin_attempt("many", 3);
        assert_false(reserve_attempt("many", 0, 3, start_us));
        lockout_record_success(&attempt);
    }
}

static void failures_are_counted_up_to_the_highest_threshold(void **state)
{
    enum { LIMIT = 998 };
    (void)state;
    for (int i = 0; i < LIMIT; i++) {
        assert_true(reserve_attempt("high", 0, LIMIT, start_us));
        fail_attempt("high failures", LIMIT);
    }
    assert_false(reserve_attempt("high", 0, LIMIT, start_us));
    assert_false(reserve_attempt("high failures", 0, LIMIT, start_us));
}

static void ending_an_unreserved_attempt_has_no_effect(void **state)
{
    struct lockout_attempt nothing = {0};
    (void)state;
    lockout_record_failure(&nothing);
    lockout_record_success(&nothing);
}

static void attempts_are_not_counted_without_a_threshold(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(reserve_attempt("f", 1000, INT64_MAX, start_us));
    }
    assert_true(reserve_attempt("f", 0, 1, start_us));
}

static void attempts_are_counted_for_more_accounts_than_slots(void **state)
{
    for (int i = 0; i < 20000; i++) {
        const char *guid = arena_format(*state, "guid %d", i);
        assert_true(reserve_attempt(guid, 0, 1, start_us + i));
        assert_false(reserve_attempt(guid, 0, 1, start_us + i));
        arena_reset(*state);
    }
}

/* Several processes reserve login attempts at the same time; each exits with the number of attempts
 * that it got. */
static void concurrent_processes_share_the_login_attempt_limit(void **state)
{
    enum { PROCESSES = 8, TRIES = 200, LIMIT = 97 };
    int admitted = 0, status;
    (void)state;
    lockout_share();
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            int got = 0;
            for (int tries = 0; tries < TRIES; tries++) {
                got += reserve_attempt("g", 0, LIMIT, start_us);
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
        cmocka_unit_test(attempt_limits_stay_below_the_lockout_threshold),
        cmocka_unit_test(failed_logins_older_than_the_window_are_ignored),
        cmocka_unit_test(login_attempts_are_admitted_up_to_the_limit),
        cmocka_unit_test(failures_counted_by_the_controller_reduce_the_limit),
        cmocka_unit_test(login_attempts_expire_with_the_window),
        cmocka_unit_test(successful_login_clears_earlier_failures),
        cmocka_unit_test(successful_login_clears_failures_on_other_hosts),
        cmocka_unit_test(successful_login_keeps_attempts_in_progress),
        cmocka_unit_test(successful_login_keeps_failures_that_ended_meanwhile),
        cmocka_unit_test(concurrent_successful_logins_do_not_clear_a_failure_twice),
        cmocka_unit_test(late_success_does_not_undo_a_newer_successful_login),
        cmocka_unit_test(expired_attempt_does_not_clear_later_failures),
        cmocka_unit_test(failures_are_counted_after_thousands_of_successes),
        cmocka_unit_test(failures_are_counted_up_to_the_highest_threshold),
        cmocka_unit_test(ending_an_unreserved_attempt_has_no_effect),
        cmocka_unit_test(attempts_are_not_counted_without_a_threshold),
        ARENA_TEST(attempts_are_counted_for_more_accounts_than_slots),
        cmocka_unit_test(concurrent_processes_share_the_login_attempt_limit),
    };
    return cmocka_run_group_tests_name("lockout", tests, NULL, NULL);
}
