/* Directory codecs: conversion between Active Directory's attribute values and ours. */
#include "unit.h"

#include "directory/codec.h"

static struct berval bytes_of(const char *bytes, size_t length)
{
    return (struct berval){.bv_len = length, .bv_val = (char *)bytes};
}

static struct berval text_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

static void decimal_integers_are_decoded(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "x", "1x", "9223372036854775808", "1.0", "TRUE"};
    int64_t integer = 0;
    struct berval value = text_of("-2147483646");
    assert_true(codec_integer(&value, &integer));
    assert_int_equal(integer, -2147483646);
    value = text_of("9223372036854775807");
    assert_true(codec_integer(&value, &integer));
    assert_true(integer == INT64_MAX);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        value = text_of(wrong[i]);
        assert_false(codec_integer(&value, &integer));
    }
    value = bytes_of(BYTES("1\0"));
    assert_false(codec_integer(&value, &integer));
}

struct time_case {
    const char *text;
    int64_t wall_ms;
};

static void generalized_times_and_filetimes_are_decoded(void **state)
{
    (void)state;
    static const struct time_case right[] = {
        {"19700101000000Z", 0},
        {"20261120123456.0Z", 1795178096000},
        {"20261120123456Z", 1795178096000},
        {"20261120123456.789Z", 1795178096789},
        {"20261120123456,7Z", 1795178096700},
        {"20261120153456.0+0300", 1795178096000},
        {"20261120073456.0-05", 1795178096000},
        {"202611201234Z", 1795178040000},
        {"202611201234.5Z", 1795178070000},
        {"2026112012Z", 1795176000000},
        {"16010101000000.0Z", -11644473600000},
        {"116444736000000000", 0}, /* FILETIME of 1970-01-01 */
        {"133444736001234567", 1700000000123},
        {"1", -11644473600000},
        {"2650467743999999999", 253402300799999}, /* the end of the year 9999 */
    };
    static const char *const wrong[] = {
        "",
        "x",
        "0",                   /* FILETIME: never */
        "9223372036854775807", /* FILETIME: never */
        "2650467744000000000", /* FILETIME of the year 10000: never */
        "-1",
        "20261320123456.0Z",
        "20261100123456.0Z",
        "20261132123456.0Z",
        "20261120243456.0Z",
        "20261120126056.0Z",
        "20261120123456.0",
        "20261120123456.0Zx",
        "20261120123456.0+3",
        "2026112Z",
        "20261120123456.0Z ",
    };
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        int64_t wall_ms = -1;
        struct berval value = text_of(right[i].text);
        if (!codec_time(&value, &wall_ms) || wall_ms != right[i].wall_ms) {
            FAIL("%s is read as %lld", right[i].text, (long long)wall_ms);
        }
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        int64_t wall_ms;
        struct berval value = text_of(wrong[i]);
        if (codec_time(&value, &wall_ms)) {
            FAIL("%s is accepted as a time", wrong[i]);
        }
    }
}

static void times_survive_encoding_and_decoding(void **state)
{
    struct arena *arena = *state;
    static const int64_t times[] = {0, 1795178096789, -11644387200000, 253402300799999, -1};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        int64_t wall_ms = 1;
        struct berval value = text_of(codec_format_filetime(arena, times[i]));
        assert_true(codec_time(&value, &wall_ms));
        assert_true(wall_ms == times[i]);
        value = text_of(codec_format_time(arena, times[i]));
        assert_true(codec_time(&value, &wall_ms));
        assert_true(wall_ms <= times[i] && wall_ms > times[i] - 1000); /* no fraction */
    }
    assert_string_equal(codec_format_filetime(arena, 0), "116444736000000000");
    assert_string_equal(codec_format_time(arena, 1795178096789), "20261120123456.0Z");
    assert_string_equal(codec_format_time(arena, -62135596800000), "00010101000000.0Z");
}

static void booleans_are_upper_case_true_or_false(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "true", "TRUE ", "1", "FALSEX", "T"};
    bool truth = false;
    struct berval value = text_of("TRUE");
    assert_true(codec_truth(&value, &truth));
    assert_true(truth);
    value = text_of("FALSE");
    assert_true(codec_truth(&value, &truth));
    assert_false(truth);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        value = text_of(wrong[i]);
        assert_false(codec_truth(&value, &truth));
    }
}

static void lists_are_split_at_commas(void **state)
{
    struct arena *arena = *state;
    static const char *const names[] = {"PC-1", "ПК 2", "c"};
    const char *const *items = NULL;
    size_t count = 0;
    struct berval value = text_of(" PC-1 ,, ПК 2,c, ");
    assert_true(codec_list(arena, &value, &items, &count));
    assert_int_equal(count, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_string_equal(items[i], names[i]);
    }
    assert_string_equal(codec_format_list(arena, names, COUNT_OF(names)), "PC-1,ПК 2,c");
    assert_null(codec_format_list(arena, NULL, 0));
    value = text_of("");
    assert_true(codec_list(arena, &value, &items, &count));
    assert_int_equal(count, 0);
    value = text_of("a,\xff");
    assert_false(codec_list(arena, &value, &items, &count));
}

/* Returns the time of an hour (UTC) of the week that begins on Sunday, 2026-11-15. */
static int64_t hour_of_week(int day, int hour)
{
    return 1794700800000 + (day * 24 + hour) * INT64_C(3600000);
}

static void logon_hours_have_time_of_next_change(void **state)
{
    (void)state;
    char bits[21] = {0};
    bool allowed = true;
    int64_t until = 0;
    struct berval value = bytes_of(bits, sizeof bits);
    bits[5] = (char)0xFF; /* Monday, 16:00 to 24:00 */
    bits[6] = 0x01;       /* Tuesday, 0:00 to 1:00 */
    assert_true(
        codec_logon_hours(&value, hour_of_week(1, 15) + INT64_C(59) * 60000, &allowed, &until));
    assert_false(allowed);
    assert_true(until == hour_of_week(1, 16));
    assert_true(codec_logon_hours(&value, hour_of_week(1, 16), &allowed, &until));
    assert_true(allowed);
    assert_true(until == hour_of_week(2, 1));
    assert_true(codec_logon_hours(&value, hour_of_week(2, 1), &allowed, &until));
    assert_false(allowed);
    assert_true(until == hour_of_week(8, 16)); /* the next week */
}

static void constant_logon_hours_never_change(void **state)
{
    (void)state;
    char bits[21] = {0};
    bool allowed = true;
    int64_t until = 0;
    struct berval value = bytes_of(bits, sizeof bits);
    assert_true(codec_logon_hours(&value, hour_of_week(3, 3), &allowed, &until));
    assert_false(allowed);
    assert_true(until == INT64_MAX);
    memset(bits, 0xFF, sizeof bits);
    assert_true(codec_logon_hours(&value, -1, &allowed, &until)); /* before 1970 */
    assert_true(allowed);
    assert_true(until == INT64_MAX);
    value.bv_len--;
    assert_false(codec_logon_hours(&value, 0, &allowed, &until));
}

static void guid_bytes_are_decoded_in_mixed_endian_order(void **state)
{
    struct arena *arena = *state;
    const char *text = NULL;
    struct berval value =
        bytes_of(BYTES("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff"));
    assert_true(codec_guid(arena, &value, &text));
    assert_string_equal(text, "03020100-0504-0706-0809-0a0b0c0d0eff");
    value.bv_len--;
    assert_false(codec_guid(arena, &value, &text));
}

static void sids_are_decoded_and_invalid_lengths_rejected(void **state)
{
    struct arena *arena = *state;
    const char *text = NULL;
    static const char bytes[] = "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x00\x00\x00\x80"
                                "\x01\x00\x00\x00\xff\xff\xff\xff\xf4\x01\x00\x00";
    struct berval value = bytes_of(BYTES(bytes));
    assert_true(codec_sid(arena, &value, &text));
    assert_string_equal(text, "S-1-5-21-2147483648-1-4294967295-500");
    assert_string_equal(codec_sid_sibling(arena, text, 513),
                        "S-1-5-21-2147483648-1-4294967295-513");
    for (size_t length = 0; length < sizeof bytes - 1; length++) {
        value.bv_len = length;
        assert_false(codec_sid(arena, &value, &text));
    }
    value = bytes_of(BYTES("\x01\xff\x00\x00\x00\x00\x00\x05"));
    assert_false(codec_sid(arena, &value, &text));
}

static void passwords_are_quoted_and_encoded_as_utf16(void **state)
{
    struct arena *arena = *state;
    struct berval value;
    assert_true(codec_password(arena, "aЖ", &value));
    assert_int_equal(value.bv_len, 8);
    assert_memory_equal(value.bv_val, "\"\0a\0\x16\x04\"\0", 8);
    assert_true(codec_password(arena, "😀\"", &value));
    assert_int_equal(value.bv_len, 10);
    assert_memory_equal(value.bv_val, "\"\0\x3d\xd8\x00\xde\"\0\"\0", 10);
    assert_true(codec_password(arena, "", &value));
    assert_int_equal(value.bv_len, 4);
    assert_false(codec_password(arena, "\xff", &value));
    assert_false(codec_password(arena, "\xed\xa0\x80", &value)); /* half a surrogate pair */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_integers_are_decoded),
        cmocka_unit_test(generalized_times_and_filetimes_are_decoded),
        ARENA_TEST(times_survive_encoding_and_decoding),
        cmocka_unit_test(booleans_are_upper_case_true_or_false),
        ARENA_TEST(lists_are_split_at_commas),
        cmocka_unit_test(logon_hours_have_time_of_next_change),
        cmocka_unit_test(constant_logon_hours_never_change),
        ARENA_TEST(guid_bytes_are_decoded_in_mixed_endian_order),
        ARENA_TEST(sids_are_decoded_and_invalid_lengths_rejected),
        ARENA_TEST(passwords_are_quoted_and_encoded_as_utf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
