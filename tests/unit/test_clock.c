/* Clock: the text of times, and the order of instants. */
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
    {-11644473600000, "1601-01-01T00:00:00.000Z"}, /* where the times of Windows begin */
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {-30641760000000, "0999-01-01T00:00:00.000Z"}, /* RFC 3339: a year has four digits */
    {-62135596800000, "0001-01-01T00:00:00.000Z"},
};

static void times_are_written_as_rfc_3339(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char text[CLOCK_TEXT_SIZE];
        assert_ptr_equal(clock_format(times[i].wall_ms, text), text);
        assert_string_equal(text, times[i].text);
    }
}

/* No instant that 64 bits can name writes outside of the text or overflows on the way. */
static void every_instant_fits(void **state)
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

static void the_time_zone_does_not_matter(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    setenv("TZ", "Asia/Vladivostok", 1);
    tzset();
    assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
    unsetenv("TZ");
    tzset();
}

static void the_wall_clock_is_the_systems(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = clock_wall_ms();
    int64_t after = ((int64_t)time(NULL) + 1) * 1000;
    assert_true(before <= now + 1000 && now <= after);
}

static void the_steady_clock_goes_forward(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_as_rfc_3339),
        cmocka_unit_test(every_instant_fits),
        cmocka_unit_test(the_time_zone_does_not_matter),
        cmocka_unit_test(the_wall_clock_is_the_systems),
        cmocka_unit_test(the_steady_clock_goes_forward),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
