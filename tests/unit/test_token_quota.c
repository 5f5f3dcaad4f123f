/* Token quota: tokens count until they expire, whatever the clock does. */
#include "unit.h"

#include "tokens/quota.h"

static const int64_t hour = 3600000, day = 24 * hour;
static const int64_t now = 1795178096000;

static int setup(void **state)
{
    (void)state;
    tokens_quota_share();
    return 0;
}

static void as_many_are_taken_as_the_quota_has(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(tokens_quota_take(3, now, now + hour * 10 * i));
    }
    assert_false(tokens_quota_take(3, now, now + hour));
    assert_false(tokens_quota_take(3, now, now + day));
    assert_true(tokens_quota_take(4, now, now + day));
}

static void what_has_expired_counts_no_more(void **state)
{
    (void)state;
    assert_true(tokens_quota_take(1, now, now + hour));
    assert_false(tokens_quota_take(1, now + hour, now + 2 * hour));
    assert_true(tokens_quota_take(1, now + 2 * hour, now + 3 * hour));
    for (int64_t later = now + 2 * day; later < now + 100 * day; later += 2 * day) {
        assert_true(tokens_quota_take(2, later, later + day));
        assert_true(tokens_quota_take(2, later, later + day));
        assert_false(tokens_quota_take(2, later, later + day));
    }
}

static void a_clock_that_was_wrong_holds_up_nobody(void **state)
{
    (void)state;
    assert_true(tokens_quota_take(1, now + 1000 * day, now + 1000 * day + hour));
    assert_true(tokens_quota_take(1, now, now + hour));
    assert_false(tokens_quota_take(1, now, now + hour));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(as_many_are_taken_as_the_quota_has, setup),
        cmocka_unit_test_setup(what_has_expired_counts_no_more, setup),
        cmocka_unit_test_setup(a_clock_that_was_wrong_holds_up_nobody, setup),
    };
    return cmocka_run_group_tests_name("quota of tokens", tests, NULL, NULL);
}
