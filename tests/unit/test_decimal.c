/* Decimals: the exact value of a number, however it is written. */
#include "unit.h"

#include "base/decimal.h"

enum { PLACES_MAX = 9 };

static void assert_parsed(const char *text, int scale, int64_t expected)
{
    int64_t integer = 0;
    enum decimal_result result = decimal_parse(text, scale, &integer);
    if (result != DECIMAL_EXACT || integer != expected) {
        FAIL("%s with %d places: result %d, %lld", text, scale, (int)result, (long long)integer);
    }
}

static void assert_result(const char *text, int scale, enum decimal_result expected)
{
    int64_t integer = -7;
    enum decimal_result result = decimal_parse(text, scale, &integer);
    if (result != expected || (result != DECIMAL_EXACT && integer != -7)) {
        FAIL("%s with %d places: result %d instead of %d", text, scale, (int)result, (int)expected);
    }
}

static void assert_results(const char *const *texts, size_t count, int scale,
                           enum decimal_result expected)
{
    for (size_t i = 0; i < count; i++) {
        assert_result(texts[i], scale, expected);
    }
}

#define ASSERT_RESULTS(scale, expected, ...)                                                       \
    assert_results((const char *const[]){__VA_ARGS__},                                             \
                   COUNT_OF(((const char *const[]){__VA_ARGS__})), scale, expected)

/* Returns a text with many zeros in the middle. */
static char *repeat(struct arena *arena, const char *before, size_t zeros, const char *after)
{
    struct buffer text = {.arena = arena};
    buffer_add_string(&text, before);
    for (; zeros; zeros--) {
        buffer_add_char(&text, '0');
    }
    buffer_add_string(&text, after);
    return text.bytes;
}

static void equal_numbers_have_equal_values(void **state)
{
    static const char *const thousands[] = {
        "1000",       "1000.0",   "1000.00000", "1e3",   "1E3",         "1E+3",
        "1e03",       "1.0e3",    "1.000E+3",   "10e2",  "100000e-2",   "1000e0",
        "1000.000e0", "0.001e6",  "0.1e4",      "01000", "00001000.00", "1000e-0",
        "1000E+0",    "10.00e+2", "0001e3",     "100e1", "0.00001e8",   "1000000e-3",
    };
    for (size_t i = 0; i < COUNT_OF(thousands); i++) {
        for (int scale = 0, unit = 1000; scale <= 3; scale++, unit *= 10) {
            assert_parsed(thousands[i], scale, unit);
            assert_parsed(arena_format(*state, "-%s", thousands[i]), scale, -unit);
        }
    }
    assert_parsed("10.500", 2, 1050);
    assert_parsed("5.0", 0, 5);
    assert_parsed("100e-2", 0, 1);
    assert_parsed("100e-2", 2, 100);
    assert_parsed("0.29", 2, 29);
    assert_parsed("29e-2", 2, 29);
    assert_parsed("0.0000029E+5", 2, 29);
    assert_parsed("1.15", 2, 115);
    assert_parsed("101.010", 2, 10101);
    assert_parsed("90071992547409.93", 2, 9007199254740993);
    assert_parsed("9007199254740993e0", 0, 9007199254740993);
}

static void zero_is_exact_with_any_exponent(void **state)
{
    static const char *const zeros[] = {"0",      "-0",     "0.0",   "-0.000",     "000",     "0e0",
                                        "0e-400", "-0e400", "0.0e9", "0.0000e-99", "00.0E+99"};
    for (size_t i = 0; i < COUNT_OF(zeros); i++) {
        assert_parsed(zeros[i], 0, 0);
        assert_parsed(zeros[i], PLACES_MAX, 0);
    }
    assert_parsed(repeat(*state, "0e9", 100000, ""), 2, 0);
    assert_parsed(repeat(*state, "0e-9", 100000, ""), 2, 0);
    assert_parsed(repeat(*state, "0.", 100000, ""), 2, 0);
}

static void excess_places_are_inexact(void **state)
{
    ASSERT_RESULTS(0, DECIMAL_INEXACT, "0.5", "1.5", "1e-1", "-1e-1", "15e-1", "1.01e1", "1e-400",
                   "9007199254740993.5", "0.1e0", "99999999999999999999.5");
    ASSERT_RESULTS(2, DECIMAL_INEXACT, "0.001", "1.001", "1e-3", "0.1e-2", "10.005", "1.2345e1",
                   "0.30000000000000004", "9999999999.990000001", "1e-99999999999999999999");
    assert_result(repeat(*state, "0.", 100000, "1"), 2, DECIMAL_INEXACT);
    assert_result(repeat(*state, "1e-1", 100000, ""), 2, DECIMAL_INEXACT);
    assert_result(repeat(*state, "-1e-9", 100000, ""), PLACES_MAX, DECIMAL_INEXACT);
}

static void values_beyond_64_bits_are_out_of_range(void **state)
{
    static const char *const huge[] = {"9223372036854775808",
                                       "9223372036854775808.0",
                                       "9223372036854775808e0",
                                       "922337203685477580.8e1",
                                       "99999999999999999999",
                                       "18446744073709551616",
                                       "18446744073709551617",
                                       "1e19",
                                       "1e400",
                                       "0.1e21",
                                       "1e99999999999999999999",
                                       "340282366920938463463374607431768"};
    for (size_t i = 0; i < COUNT_OF(huge); i++) {
        assert_result(huge[i], 0, DECIMAL_TOO_LARGE);
    }
    ASSERT_RESULTS(0, DECIMAL_TOO_SMALL, "-9223372036854775809", "-9223372036854775809.0", "-1e19",
                   "-1e400", "-99999999999999999999", "-18446744073709551616");
    ASSERT_RESULTS(2, DECIMAL_TOO_LARGE, "92233720368547758.08", "1e17", "9223372036854775807");
    assert_parsed("9223372036854775807", 0, INT64_MAX);
    assert_parsed("9223372036854775807.000", 0, INT64_MAX);
    assert_parsed("9.223372036854775807e18", 0, INT64_MAX);
    assert_parsed("-9223372036854775808", 0, INT64_MIN);
    assert_parsed("-92233720368547758.08", 2, INT64_MIN);
    assert_parsed("92233720368547758.07", 2, INT64_MAX);
    assert_parsed("1e18", 0, 1000000000000000000);
    assert_result(repeat(*state, "1", 100000, ""), 0, DECIMAL_TOO_LARGE);
    assert_result(repeat(*state, "-1", 100000, ".5e1"), 0, DECIMAL_TOO_SMALL);
    assert_result(repeat(*state, "1e9", 100000, ""), 0, DECIMAL_TOO_LARGE);
}

/* The exponent may cancel any number of zeros. */
static void long_texts_of_small_numbers_are_exact(void **state)
{
    assert_parsed(repeat(*state, "7", 100000, "e-100000"), 0, 7);
    assert_parsed(repeat(*state, "0.", 100000, "7e100001"), 0, 7);
    assert_parsed(repeat(*state, "7.", 100000, ""), 2, 700);
    assert_parsed(repeat(*state, "", 100000, "7"), 0, 7);
    assert_parsed(repeat(*state, "7e", 100000, "1"), 0, 70);
    assert_parsed(repeat(*state, "7e-", 100000, "1"), 1, 7);
}

static void other_texts_are_malformed(void **state)
{
    (void)state;
    ASSERT_RESULTS(2, DECIMAL_MALFORMED, "", "-", "+", "+1", "--1", ".", ".5", "-.5", "5.", "1.e1",
                   "e1", "1e", "1e+", "1e-", "1e+-1", "1e1.5", "1e1e1", "1.2.3", "1,5", "1_000",
                   " 1", "1 ", "\n1", "1\n", "0x10", "1a", "NaN", "nan", "Infinity", "-Infinity",
                   "inf", "null", "true", "\xD9\xA1", "\xEF\xBC\x91", "1e\xD9\xA1", "1f", "1-",
                   "\xE2\x88\x92 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(equal_numbers_have_equal_values),
        ARENA_TEST(zero_is_exact_with_any_exponent),
        ARENA_TEST(excess_places_are_inexact),
        ARENA_TEST(values_beyond_64_bits_are_out_of_range),
        ARENA_TEST(long_texts_of_small_numbers_are_exact),
        ARENA_TEST(other_texts_are_malformed),
    };
    return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
