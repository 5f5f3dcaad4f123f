/* Directory access: evaluating logonHours, 168 bits that begin on Sunday at 00:00 UTC. */
#include "unit.h"

#include "base/clock.h"
#include "directory/access.h"

enum { BYTES_OF_WEEK = 21, HOURS = 168 };

static const int64_t hour_ms = MS_PER_HOUR;

/* Sunday, 2026-11-29 00:00 UTC. */
static const int64_t sunday_ms = INT64_C(1795910400000);

static void allow_hours(char *hours, int first, int end)
{
    for (int hour = first; hour < end; hour++) {
        hours[hour / 8] = (char)((unsigned char)hours[hour / 8] | 1U << hour % 8);
    }
}

static struct directory_obstacle evaluate_hour(const char *hours, int64_t hour)
{
    return access_evaluate_hours(hours, BYTES_OF_WEEK, sunday_ms + hour * hour_ms + hour_ms / 2);
}

static void each_hour_has_its_own_bit(void **state)
{
    (void)state;
    for (int allowed = 0; allowed < HOURS; allowed++) {
        char hours[BYTES_OF_WEEK] = {0};
        allow_hours(hours, allowed, allowed + 1);
        for (int hour = 0; hour < HOURS; hour++) {
            assert_int_equal(evaluate_hour(hours, hour).holds, hour != allowed);
        }
    }
}

static void limits_of_forbidden_hours_are_reported(void **state)
{
    (void)state;
    char hours[BYTES_OF_WEEK] = {0};
    allow_hours(hours, 24 + 8, 24 + 17); /* Monday, 08:00 to 17:00 */
    struct directory_obstacle night = evaluate_hour(hours, 24 + 7);
    assert_true(night.holds);
    assert_int_equal(night.until_ms, sunday_ms + (24 + 8) * hour_ms);
    assert_int_equal(night.since_ms, sunday_ms + (24 + 17 - HOURS) * hour_ms);
    struct directory_obstacle saturday = evaluate_hour(hours, HOURS - 1);
    assert_int_equal(saturday.until_ms, sunday_ms + (HOURS + 24 + 8) * hour_ms);
    assert_false(evaluate_hour(hours, 24 + 16).holds);
    assert_true(evaluate_hour(hours, 24 + 17).holds);
}

static void forbidden_week_has_no_end(void **state)
{
    (void)state;
    const char hours[BYTES_OF_WEEK] = {0};
    struct directory_obstacle obstacle = evaluate_hour(hours, 5);
    assert_true(obstacle.holds);
    assert_int_equal(obstacle.since_ms, 0);
    assert_int_equal(obstacle.until_ms, 0);
}

static void value_of_another_length_allows_every_hour(void **state)
{
    (void)state;
    const char hours[BYTES_OF_WEEK + 1] = {0};
    for (size_t length = 0; length <= sizeof hours; length++) {
        assert_int_equal(access_evaluate_hours(hours, length, sunday_ms).holds,
                         length == BYTES_OF_WEEK);
    }
}

/* Writes metadata with stamps of these attributes; returns its length. */
static size_t write_metadata(char *bytes, const uint32_t *attributes, size_t count)
{
    enum { HEADER = 16, STAMP = 48, COUNT_AT = 8 };
    memset(bytes, 0, HEADER + count * STAMP);
    bytes[0] = 1;
    bytes[COUNT_AT] = (char)count;
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < sizeof *attributes; at++) {
            bytes[HEADER + i * STAMP + at] = (char)(attributes[i] >> 8 * at & 0xFF);
        }
    }
    return HEADER + count * STAMP;
}

static void password_is_detected_by_stamp_of_its_attribute(void **state)
{
    (void)state;
    static const uint32_t with[] = {0x90060, 0x9007D, 0x90092}, without[] = {0x90060, 0x9005A};
    char bytes[16 + 3 * 48];
    assert_true(access_has_password(bytes, write_metadata(bytes, with, COUNT_OF(with))));
    assert_false(access_has_password(bytes, write_metadata(bytes, without, COUNT_OF(without))));
    assert_false(access_has_password(bytes, write_metadata(bytes, NULL, 0)));
}

static void password_is_assumed_with_malformed_metadata(void **state)
{
    (void)state;
    static const uint32_t without[] = {0x90060, 0x9005A};
    char bytes[16 + 3 * 48];
    size_t whole = write_metadata(bytes, without, COUNT_OF(without));
    for (size_t length = 0; length < sizeof bytes; length++) {
        assert_int_equal(access_has_password(bytes, length), length != whole);
    }
    memset(bytes, 0xFF, sizeof bytes);
    assert_true(access_has_password(bytes, sizeof bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hour_has_its_own_bit),
        cmocka_unit_test(limits_of_forbidden_hours_are_reported),
        cmocka_unit_test(forbidden_week_has_no_end),
        cmocka_unit_test(value_of_another_length_allows_every_hour),
        cmocka_unit_test(password_is_detected_by_stamp_of_its_attribute),
        cmocka_unit_test(password_is_assumed_with_malformed_metadata),
    };
    return cmocka_run_group_tests_name("directory access", tests, NULL, NULL);
}
