/* Rate limits: all processes take tokens from shared buckets, which refill with time. */
#include "unit.h"

#include "base/rate.h"

enum { S = 1000 * 1000, KIND = 1, OTHER_KIND = 2, START = 5 * S };

static const struct rate_limit two_per_second = {S / 2, 3};

static void requests_are_not_limited_without_shared_memory(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(rate_take(rate_key(KIND, "vera"), &two_per_second, START), 0);
    }
}

static void take_all(uint64_t key, int64_t now)
{
    for (int i = 0; i < two_per_second.burst; i++) {
        assert_int_equal(rate_take(key, &two_per_second, now), 0);
    }
}

static void rejected_request_must_wait_for_the_next_rate_limit_token(void **state)
{
    (void)state;
    rate_share();
    uint64_t key = rate_key(KIND, "vera");
    take_all(key, START);
    int64_t wait = rate_take(key, &two_per_second, START);
    assert_int_equal(wait, S / 2);
    assert_int_equal(rate_take(key, &two_per_second, START + wait - 1), 1);
    assert_int_equal(rate_take(key, &two_per_second, START + wait), 0);
    assert_int_equal(rate_take(key, &two_per_second, START + wait), S / 2);
    take_all(key, START + 100 * S); /* an idle bucket does not exceed its capacity */
    assert_true(rate_take(key, &two_per_second, START + 100 * S) > 0);
}

static void each_name_and_kind_has_its_own_rate_limit_bucket(void **state)
{
    (void)state;
    rate_share();
    take_all(rate_key(KIND, "mallory"), START);
    assert_true(rate_take(rate_key(KIND, "mallory"), &two_per_second, START) > 0);
    take_all(rate_key(KIND, "vera"), START);
    take_all(rate_key(OTHER_KIND, "mallory"), START);
}

static void returned_rate_limit_token_can_be_taken_again(void **state)
{
    (void)state;
    rate_share();
    uint64_t key = rate_key(KIND, "vera");
    take_all(key, START);
    rate_return(key, &two_per_second);
    assert_int_equal(rate_take(key, &two_per_second, START), 0);
    assert_true(rate_take(key, &two_per_second, START) > 0);
    rate_return(rate_key(KIND, "nobody"), &two_per_second);
}

static void waiting_time_follows_a_change_of_the_rate_limit(void **state)
{
    static const struct rate_limit hours = {3600LL * S, 24};
    (void)state;
    rate_share();
    uint64_t key = rate_key(KIND, "vera");
    for (int i = 0; i < hours.burst; i++) {
        assert_int_equal(rate_take(key, &hours, START), 0);
    }
    assert_int_equal(rate_take(key, &two_per_second, START), S / 2);
}

static void rate_limit_bucket_keys_change_at_each_start(void **state)
{
    (void)state;
    rate_share();
    uint64_t before = rate_key(KIND, "vera");
    assert_true(before == rate_key(KIND, "vera"));
    rate_share();
    assert_true(before != rate_key(KIND, "vera"));
}

/* There are many times more client names than buckets in shared memory. */
static void flood_of_client_names_does_not_reject_requests_within_the_limit(void **state)
{
    rate_share();
    uint64_t mallory = rate_key(KIND, "mallory");
    take_all(mallory, START);
    for (int i = 0; i < 500000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "crowd-%d", i);
        assert_int_equal(rate_take(rate_key(KIND, name), &two_per_second, START), 0);
    }
    (void)state;
    take_all(rate_key(KIND, "vera"), START);
}

/* The bucket with the fewest tokens left is evicted last. */
static void empty_bucket_survives_a_flood_of_names(void **state)
{
    (void)state;
    rate_share();
    uint64_t mallory = rate_key(KIND, "mallory");
    take_all(mallory, START);
    for (int i = 0; i < 200000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "crowd-%d", i);
        (void)rate_take(rate_key(KIND, name), &two_per_second, START);
    }
    assert_true(rate_take(mallory, &two_per_second, START) > 0);
}

/* Four processes take tokens concurrently and kill themselves. */
static void killed_processes_leave_shared_buckets_intact(void **state)
{
    enum { PROCESSES = 4, ASKS = 100000 };
    static const struct rate_limit many = {S, 1000};
    (void)state;
    rate_share();
    uint64_t key = rate_key(KIND, "vera");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            int taken = 0;
            for (int asks = 0; asks < ASKS; asks++) {
                taken += rate_take(key, &many, START) == 0;
            }
            (void)!write(ends[1], &taken, sizeof taken);
            (void)raise(SIGKILL);
        }
    }
    int sum = 0, taken;
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(read(ends[0], &taken, sizeof taken), sizeof taken);
        sum += taken;
    }
    while (wait(NULL) > 0) {
    }
    assert_int_equal(sum, many.burst);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_not_limited_without_shared_memory),
        cmocka_unit_test(rejected_request_must_wait_for_the_next_rate_limit_token),
        cmocka_unit_test(each_name_and_kind_has_its_own_rate_limit_bucket),
        cmocka_unit_test(returned_rate_limit_token_can_be_taken_again),
        cmocka_unit_test(waiting_time_follows_a_change_of_the_rate_limit),
        cmocka_unit_test(rate_limit_bucket_keys_change_at_each_start),
        cmocka_unit_test(flood_of_client_names_does_not_reject_requests_within_the_limit),
        cmocka_unit_test(empty_bucket_survives_a_flood_of_names),
        cmocka_unit_test(killed_processes_leave_shared_buckets_intact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
