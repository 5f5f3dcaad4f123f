/* Directory policy: decoding the rules of the domain and of password settings objects. */
#include "unit.h"

#include "base/clock.h"
#include "directory/attribute.h"
#include "directory/policy.h"

/* Spans in units of 100 ns; the directory stores them as negative numbers. */
#define ONE_DAY "-864000000000"
#define TEN_DAYS "-8640000000000"
#define ONE_MINUTE "-600000000"
#define TEN_MINUTES "-6000000000"
#define LONGEST "-9223372036854775808"

enum { RULES_MAX = 10 };

/* Decodes pairs of names and values; NULL ends the list. */
static struct directory_policy decode_policy(bool of_domain, const char *const *pairs)
{
    struct attribute attributes[RULES_MAX];
    struct berval values[RULES_MAX];
    struct raw_entry raw = {.dn = "DC=x", .attributes = attributes};
    struct directory_policy policy;
    for (; pairs[2 * raw.count]; raw.count++) {
        const char *value = pairs[2 * raw.count + 1];
        values[raw.count] = (struct berval){.bv_val = (char *)value, .bv_len = strlen(value)};
        attributes[raw.count] = (struct attribute){
            .name = pairs[2 * raw.count], .values = &values[raw.count], .count = 1};
    }
    policy_decode(&raw, of_domain, &policy);
    return policy;
}

static void rules_of_the_domain_are_decoded(void **state)
{
    (void)state;
    const char *const pairs[] = {"minPwdLength",
                                 "7",
                                 "pwdHistoryLength",
                                 "24",
                                 "pwdProperties",
                                 "17",
                                 "minPwdAge",
                                 ONE_DAY,
                                 "maxPwdAge",
                                 TEN_DAYS,
                                 "lockoutThreshold",
                                 "5",
                                 "lockoutDuration",
                                 ONE_MINUTE,
                                 "lockOutObservationWindow",
                                 TEN_MINUTES,
                                 NULL};
    struct directory_policy policy = decode_policy(true, pairs);
    assert_int_equal(policy.min_length, 7);
    assert_int_equal(policy.history_length, 24);
    assert_int_equal(policy.complexity, 1);
    assert_int_equal(policy.min_age_ms, MS_PER_DAY);
    assert_int_equal(policy.max_age_ms, 10 * (int64_t)MS_PER_DAY);
    assert_int_equal(policy.lockout_threshold, 5);
    assert_int_equal(policy.lockout_duration_ms, MS_PER_MINUTE);
    assert_int_equal(policy.lockout_window_ms, 10 * MS_PER_MINUTE);
    assert_true(directory_policy_is_known(&policy));
}

static void rules_of_a_password_settings_object_are_decoded(void **state)
{
    (void)state;
    const char *const pairs[] = {"msDS-PasswordSettingsPrecedence",
                                 "3",
                                 "msDS-MinimumPasswordLength",
                                 "30",
                                 "msDS-PasswordHistoryLength",
                                 "2",
                                 "msDS-PasswordComplexityEnabled",
                                 "TRUE",
                                 "msDS-MinimumPasswordAge",
                                 "0",
                                 "msDS-MaximumPasswordAge",
                                 LONGEST,
                                 "msDS-LockoutThreshold",
                                 "0",
                                 "msDS-LockoutDuration",
                                 "0",
                                 "msDS-LockoutObservationWindow",
                                 ONE_MINUTE,
                                 NULL};
    struct directory_policy policy = decode_policy(false, pairs);
    policy.is_fine_grained = true;
    assert_int_equal(policy.precedence, 3);
    assert_int_equal(policy.min_length, 30);
    assert_int_equal(policy.history_length, 2);
    assert_int_equal(policy.complexity, 1);
    assert_int_equal(policy.min_age_ms, 0);
    assert_true(policy.max_age_ms == DIRECTORY_SPAN_NEVER);
    assert_true(policy.lockout_duration_ms == DIRECTORY_SPAN_NEVER);
    assert_int_equal(policy.lockout_window_ms, MS_PER_MINUTE);
    assert_true(directory_policy_is_known(&policy));
}

static void complexity_is_bit_of_domain_and_boolean_of_object(void **state)
{
    (void)state;
    assert_int_equal(
        decode_policy(true, (const char *const[]){"pwdProperties", "16", NULL}).complexity, 0);
    assert_int_equal(
        decode_policy(false, (const char *const[]){"msDS-PasswordComplexityEnabled", "FALSE", NULL})
            .complexity,
        0);
}

static void unreadable_rules_are_unknown(void **state)
{
    (void)state;
    struct directory_policy policy =
        decode_policy(true, (const char *const[]){"minPwdLength", "many", "maxPwdAge", "", NULL});
    assert_int_equal(policy.min_length, DIRECTORY_RULE_UNKNOWN);
    assert_int_equal(policy.max_age_ms, DIRECTORY_RULE_UNKNOWN);
    assert_int_equal(policy.complexity, DIRECTORY_RULE_UNKNOWN);
    assert_false(directory_policy_is_known(&policy));
}

static void extreme_spans_are_bounded(void **state)
{
    (void)state;
    static const int64_t century_ms = INT64_C(36500) * MS_PER_DAY;
    const char *const pairs[] = {"minPwdAge", LONGEST,     "lockOutObservationWindow",
                                 "600000000", "maxPwdAge", "-9223372036854775807",
                                 NULL};
    struct directory_policy policy = decode_policy(true, pairs);
    assert_int_equal(policy.min_age_ms, century_ms);
    assert_int_equal(policy.lockout_window_ms, 0);
    assert_int_equal(policy.max_age_ms, century_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_of_the_domain_are_decoded),
        cmocka_unit_test(rules_of_a_password_settings_object_are_decoded),
        cmocka_unit_test(complexity_is_bit_of_domain_and_boolean_of_object),
        cmocka_unit_test(unreadable_rules_are_unknown),
        cmocka_unit_test(extreme_spans_are_bounded),
    };
    return cmocka_run_group_tests_name("directory policy", tests, NULL, NULL);
}
