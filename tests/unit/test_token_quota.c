/* Token quota: tokens count until they expire, even if the clock is set back or forward. */
#include "unit.h"

#include "tokens/quota.h"

static const int64_t hour = 3600000, day = 24 * hour;
static const int64_t now = 1795178096000;

static int setup_quota(void **state)
{
    (void)state;
    tokens_quota_share();
    return 0;
}

static void token_quota_limits_the_number_of_tokens(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(tokens_quota_take(3, now, now + hour * 10 * i));
    }
    assert_false(tokens_quota_take(3, now, now + hour));
    assert_false(tokens_quota_take(3, now, now + day));
    assert_true(tokens_quota_take(4, now, now + day));
}

static void expired_tokens_release_the_token_quota(void **state)
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

static void tokens_issued_with_a_wrong_clock_do_not_block_the_quota(void **state)
{
    (void)state;
    assert_true(tokens_quota_take(1, now + 1000 * day, now + 1000 * day + hour));
    assert_true(tokens_quota_take(1, now, now + hour));
    assert_false(tokens_quota_take(1, now, now + hour));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(token_quota_limits_the_number_of_tokens, setup_quota),
        cmocka_unit_test_setup(expired_tokens_release_the_token_quota, setup_quota),
        cmocka_unit_test_setup(tokens_issued_with_a_wrong_clock_do_not_block_the_quota,
                               setup_quota),
    };
    return cmocka_run_group_tests_name("token quota", tests, NULL, NULL);
}
