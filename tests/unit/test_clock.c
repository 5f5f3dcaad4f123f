/* Clock: formatting and parsing of times, and comparison of instants. */
#include "unit.h"

#include "base/clock.h"

#include <time.h>

static const struct {
    int64_t wall_ms;
    const char *text;
} times[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {999, "1970-01-01T00:00:00.999Z"},
    {1000, "1970-01-01T00:00:01.000Z"},
    {1795178096789, "2026-11-20T12:34:56.789Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {-1000, "1969-12-31T23:59:59.000Z"},
    {-1001, "1969-12-31T23:59:58.999Z"},
    {-11644473600000, "1601-01-01T00:00:00.000Z"}, /* epoch of Windows times */
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {-30641760000000, "0999-01-01T00:00:00.000Z"}, /* RFC 3339: a year has four digits */
    {-62135596800000, "0001-01-01T00:00:00.000Z"},
};

static void times_are_formatted_as_rfc_3339(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char text[CLOCK_TEXT_SIZE];
        assert_ptr_equal(clock_format(times[i].wall_ms, text), text);
        assert_string_equal(text, times[i].text);
    }
}

/* No 64-bit instant writes beyond the buffer or overflows in between. */
static void text_of_every_instant_fits_into_its_buffer(void **state)
{
    (void)state;
    static const int64_t instants[] = {INT64_MAX, INT64_MAX - 1, INT64_MIN + 1000, INT64_MIN + 1,
                                       INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(instants); i++) {
        char text[CLOCK_TEXT_SIZE];
        clock_format(instants[i], text);
        assert_true(strlen(text) < sizeof text);
        assert_int_equal(text[strlen(text) - 1], 'Z');
    }
}

static void formatting_ignores_the_time_zone(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    setenv("TZ", "Asia/Vladivostok", 1);
    tzset();
    assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
    unsetenv("TZ");
    tzset();
}

static void wall_clock_matches_the_system_clock(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = clock_wall_ms();
    int64_t after = ((int64_t)time(NULL) + 1) * 1000;
    assert_true(before <= now + 1000 && now <= after);
}

static void steady_clock_never_goes_back(void **state)
{
    (void)state;
    int64_t first = clock_steady_us(), last = first;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_steady_us();
        assert_true(now >= last);
        last = now;
    }
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    assert_true(clock_steady_us() - first >= 2000);
}

/* --- parsing ---------------------------------------------------------------------------------- */

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* Parses a copy of the text in memory of exactly its size, so that the sanitizer detects reads
 * beyond its end. */
static bool parse_copy(bool (*parser)(const char *, struct clock_span *), const char *text,
                       struct clock_span *span_r)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    bool parsed = parser(copy, span_r);
    assert_int_equal(parser(copy, NULL), parsed);
    free(copy);
    return parsed;
}

static void assert_not_date_or_time(const char *text)
{
    struct clock_span span;
    if (parse_copy(clock_parse_date, text, &span) || parse_copy(clock_parse_time, text, &span)) {
        FAIL("accepted: %s", text);
    }
}

static void assert_date(const char *text, int64_t from_ms)
{
    struct clock_span span;
    if (!parse_copy(clock_parse_date, text, &span) || span.from_ms != from_ms ||
        span.until_ms != from_ms + DAY_MS) {
        FAIL("not the day from %lld: %s", (long long)from_ms, text);
    }
    assert_false(parse_copy(clock_parse_time, text, &span));
}

static void assert_time(const char *text, int64_t wall_ms)
{
    struct clock_span span;
    if (!parse_copy(clock_parse_time, text, &span) || span.from_ms != wall_ms ||
        span.until_ms != wall_ms + 1) {
        FAIL("not %lld: %s", (long long)wall_ms, text);
    }
    assert_false(parse_copy(clock_parse_date, text, &span));
}

static void formatted_times_parse_to_the_same_instant(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        assert_time(times[i].text, times[i].wall_ms);
    }
}

static void dates_are_parsed_as_days_in_utc(void **state)
{
    (void)state;
    setenv("TZ", "Asia/Vladivostok", 1);
    tzset();
    assert_date("1970-01-01", 0);
    assert_date("1969-12-31", -DAY_MS);
    assert_date("2026-11-20", 1795132800000);
    assert_date("0001-01-01", -62135596800000);
    assert_date("9999-12-31", 253402214400000);
    unsetenv("TZ");
    tzset();
}

static void leap_days_are_valid_in_leap_years_only(void **state)
{
    (void)state;
    assert_date("2000-02-29", 951782400000);
    assert_date("2024-02-29", 1709164800000);
    assert_time("2024-02-29T00:00:00Z", 1709164800000);
    static const char *const none[] = {"1900-02-29", "2023-02-29", "2100-02-29", "2024-02-30"};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        assert_not_date_or_time(none[i]);
    }
}

static void out_of_range_dates_and_times_are_rejected(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0000-01-01",           "0000-12-31",           "2026-13-01",
        "2026-00-10",           "2026-11-00",           "2026-11-31",
        "2026-01-32",           "2026-99-99",           "10000-01-01",
        "0000-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-00T00:00:00Z",
        "2026-11-31T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T23:60:00Z",
        "2026-11-20T23:59:61Z", "2026-11-20T99:00:00Z", "10000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_not_date_or_time(texts[i]);
    }
}

static void malformed_dates_and_times_are_rejected(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "T",
        "t",
        "Z",
        "now",
        "20261120",
        "2026-1-20",
        "2026-11-2",
        "26-11-20",
        "2026/11/20",
        "2026-11-20 ",
        " 2026-11-20",
        "+2026-11-20",
        "-2026-11-20",
        "2026-+1-20",
        "2026-11-+2",
        "2026-11-20Z",
        "2026-11-20x",
        "2026-11-20T",
        "2026-11-20T12",
        "2026-11-20T12:34Z",
        "2026-11-20T12:34:56",
        "2026-11-20 12:34:56Z",
        "2026-11-2012:34:56Z",
        "2026-11-20x12:34:56Z",
        "2026-11-20T12:34:56Zx",
        "2026-11-20T12:34:56Z ",
        "2026-11-20T12:34:56ZZ",
        "2026-11-20T12:34:56.Z",
        "2026-11-20T12:34:56,5Z",
        "2026-11-20T12:34:56.5",
        "2026-11-20T12:34:56.5.5Z",
        "2026-11-20T12:34:5xZ",
        "2026-11-20T1x:34:56Z",
        "2026-11-20T-1:34:56Z",
        "2026-11-20T+1:34:56Z",
        "2026-11-20T12:34:56+3:00",
        "2026-11-20T12:34:56+0300",
        "2026-11-20T12:34:56+03",
        "2026-11-20T12:34:56+03:",
        "2026-11-20T12:34:56+03:0",
        "2026-11-20T12:34:56+03:000",
        "2026-11-20T12:34:56+24:00",
        "2026-11-20T12:34:56+03:60",
        "2026-11-20T12:34:56*03:00",
        "2026-11-20T12:34:56Z+03:00",
        "2026-11-20T12:34:56+03:00Z",
        "2026-11-20TT12:34:56Z",
        "2026-1T-20T12:34:56Z",
        "T2026-11-20T12:34:56Z",
        "２０２６-11-20",
        "2026-11-20\xFF",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_not_date_or_time(texts[i]);
    }
}

static void utc_offsets_are_subtracted(void **state)
{
    (void)state;
    const int64_t noon = 1795176000000, minute = 60000;
    assert_time("2026-11-20T12:00:00Z", noon);
    assert_time("2026-11-20T12:00:00z", noon);
    assert_time("2026-11-20t12:00:00Z", noon);
    assert_time("2026-11-20T12:00:00+00:00", noon);
    assert_time("2026-11-20T12:00:00-00:00", noon);
    assert_time("2026-11-20T15:00:00+03:00", noon);
    assert_time("2026-11-20T06:30:00-05:30", noon);
    assert_time("2026-11-20T12:00:00-00:01", noon + minute);
    assert_time("2026-11-20T12:00:00+23:59", noon - (24 * 60 - 1) * minute);
    assert_time("2026-11-21T01:00:00+13:00", noon);
}

/* Such instants fall outside the years 1 to 9999 in UTC, so their text could not be parsed
 * again. */
static void offsets_beyond_years_1_to_9999_are_rejected(void **state)
{
    (void)state;
    assert_time("0001-01-01T01:00:00+01:00", -62135596800000);
    assert_time("9999-12-31T22:59:59.999-01:00", 253402300799999);
    assert_not_date_or_time("0001-01-01T00:59:59.999+01:00");
    assert_not_date_or_time("9999-12-31T23:00:00-01:00");
    assert_not_date_or_time("9999-12-31T23:59:59-23:59");
}

static void fractions_of_seconds_are_truncated_to_milliseconds(void **state)
{
    (void)state;
    const int64_t second = 1795176000000;
    assert_time("2026-11-20T12:00:00.1Z", second + 100);
    assert_time("2026-11-20T12:00:00.12Z", second + 120);
    assert_time("2026-11-20T12:00:00.123Z", second + 123);
    assert_time("2026-11-20T12:00:00.1239Z", second + 123);
    assert_time("2026-11-20T12:00:00.0009Z", second);
    assert_time("2026-11-20T12:00:00.999999999999999999999+00:00", second + 999);
    char text[300];
    for (int digits = 1; digits < 200; digits++) {
        snprintf(text, sizeof text, "2026-11-20T12:00:00.%0*dZ", digits, 0);
        assert_time(text, second);
    }
}

/* A leap second counts as the last second of its minute, because Unix time has no value for it. */
static void leap_seconds_map_to_the_preceding_second(void **state)
{
    (void)state;
    const int64_t last = 1483228799000;
    assert_time("2016-12-31T23:59:60Z", last);
    assert_time("2016-12-31T23:59:60.5Z", last + 500);
    assert_time("2016-12-31T15:59:60-08:00", last);
}

static void truncated_times_are_rejected(void **state)
{
    (void)state;
    static const char *const whole[] = {"2026-11-20T12:34:56.789+03:00", "2026-11-20T12:34:56Z"};
    for (size_t i = 0; i < COUNT_OF(whole); i++) {
        for (size_t length = 0; length < strlen(whole[i]); length++) {
            char text[CLOCK_TEXT_SIZE] = "";
            memcpy(text, whole[i], length);
            if (length == strlen("2026-11-20")) {
                assert_date(text, 1795132800000);
            } else {
                assert_not_date_or_time(text);
            }
        }
    }
}

/* Replaces each byte in turn by characters that are invalid there. */
static void replacing_any_byte_makes_the_time_invalid(void **state)
{
    (void)state;
    static const char whole[] = "2026-11-20T12:34:56.789+03:00", wrong[] = "x:-+.TZ 0\x80\xFF";
    struct clock_span span;
    for (size_t at = 0; at < sizeof whole - 1; at++) {
        for (const char *c = wrong; *c; c++) {
            char text[sizeof whole];
            memcpy(text, whole, sizeof whole);
            text[at] = *c;
            bool same_kind = whole[at] == *c || (*c == '0' && whole[at] >= '0' && whole[at] <= '9');
            if (!same_kind && !(whole[at] == '+' && *c == '-')) {
                assert_not_date_or_time(text);
            } else {
                (void)parse_copy(clock_parse_time, text, &span);
            }
        }
    }
}

static void clock_step_back_is_reported_once(void **state)
{
    (void)state;
    const int64_t second = 1000, hour = 3600 * second;
    struct clock_watch watch = {0};
    int64_t wall = 1700000000000, steady = 5000000;
    /* first call: unknown, so treated as a step */
    assert_true(clock_stepped_back(&watch, wall, steady));
    assert_false(clock_stepped_back(&watch, wall + hour, steady + hour * 1000));
    wall += hour;
    steady += hour * 1000;
    /* A step forward is not reported. */
    assert_false(clock_stepped_back(&watch, wall + 2 * hour, steady));
    assert_true(clock_stepped_back(&watch, wall, steady));
    assert_false(clock_stepped_back(&watch, wall, steady));
    /* A small adjustment is not reported. */
    assert_false(clock_stepped_back(&watch, wall - second, steady));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_formatted_as_rfc_3339),
        cmocka_unit_test(text_of_every_instant_fits_into_its_buffer),
        cmocka_unit_test(formatting_ignores_the_time_zone),
        cmocka_unit_test(wall_clock_matches_the_system_clock),
        cmocka_unit_test(steady_clock_never_goes_back),
        cmocka_unit_test(clock_step_back_is_reported_once),
        cmocka_unit_test(formatted_times_parse_to_the_same_instant),
        cmocka_unit_test(dates_are_parsed_as_days_in_utc),
        cmocka_unit_test(leap_days_are_valid_in_leap_years_only),
        cmocka_unit_test(out_of_range_dates_and_times_are_rejected),
        cmocka_unit_test(malformed_dates_and_times_are_rejected),
        cmocka_unit_test(utc_offsets_are_subtracted),
        cmocka_unit_test(offsets_beyond_years_1_to_9999_are_rejected),
        cmocka_unit_test(fractions_of_seconds_are_truncated_to_milliseconds),
        cmocka_unit_test(leap_seconds_map_to_the_preceding_second),
        cmocka_unit_test(truncated_times_are_rejected),
        cmocka_unit_test(replacing_any_byte_makes_the_time_invalid),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
