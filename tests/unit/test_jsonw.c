/* JSON writer: json-c reads back every value that was written, and the output is always valid
 * JSON. */
#include "unit.h"

#include "base/jsonw.h"
#include "base/utf8.h"

static void objects_and_arrays_are_separated_by_commas(void **state)
{
    struct buffer out = {.arena = *state};
    struct jsonw json = {.out = &out};
    jsonw_open_object(&json, NULL);
    jsonw_open_object(&json, "empty");
    jsonw_close_object(&json);
    jsonw_open_array(&json, "none");
    jsonw_close_array(&json);
    jsonw_open_array(&json, "list");
    jsonw_integer(&json, NULL, 1);
    jsonw_open_array(&json, NULL);
    jsonw_close_array(&json);
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "a", "b");
    jsonw_null(&json, "c");
    jsonw_close_object(&json);
    jsonw_boolean(&json, NULL, true);
    jsonw_close_array(&json);
    jsonw_boolean(&json, "last", false);
    jsonw_close_object(&json);
    assert_string_equal(out.bytes, "{\"empty\":{},\"none\":[],"
                                   "\"list\":[1,[],{\"a\":\"b\",\"c\":null},true],\"last\":false}");
}

static void outermost_value_may_be_a_string(void **state)
{
    struct buffer out = {.arena = *state};
    struct jsonw json = {.out = &out};
    jsonw_string(&json, NULL, "alone");
    assert_string_equal(out.bytes, "\"alone\"");
}

/* Asserts that json-c reads `expected` from a string written with these bytes. */
static void assert_reads_back(struct arena *arena, const char *bytes, size_t length,
                              const char *expected, size_t expected_length)
{
    struct buffer out = {.arena = arena};
    struct jsonw json = {.out = &out};
    jsonw_open_object(&json, NULL);
    jsonw_bytes(&json, "value", bytes, length);
    jsonw_close_object(&json);
    assert_true(utf8_valid(out.bytes, out.length));
    struct json_object *object = must_parse(out.bytes, out.length);
    struct json_object *value = must_get(object, "value");
    assert_int_equal(json_object_get_string_len(value), expected_length);
    assert_memory_equal(json_object_get_string(value), expected, expected_length);
    json_object_put(object);
}

static void every_ascii_character_is_read_back(void **state)
{
    for (int c = 0; c < 0x80; c++) {
        const char bytes[] = {'x', (char)c, 'y'};
        assert_reads_back(*state, bytes, sizeof bytes, bytes, sizeof bytes);
    }
}

static void assert_no_raw_controls(struct arena *arena, const char *bytes, size_t length)
{
    struct buffer out = {.arena = arena};
    struct jsonw json = {.out = &out};
    jsonw_bytes(&json, NULL, bytes, length);
    for (size_t i = 0; i < out.length; i++) {
        assert_true(out.bytes[i] >= 0x20 && out.bytes[i] != 0x7F);
    }
}

/* The writer tests several bytes at once, except at the end of the string. */
static void characters_are_escaped_at_every_position(void **state)
{
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 20; at++) {
            char bytes[] = "abcdefgh~}|{ !#[]^01";
            bytes[at] = (char)c;
            assert_reads_back(*state, bytes, sizeof bytes - 1, bytes, sizeof bytes - 1);
            assert_no_raw_controls(*state, bytes, sizeof bytes - 1);
        }
    }
}

static void control_characters_are_always_escaped(void **state)
{
    char all[0x80];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (char)i;
    }
    assert_no_raw_controls(*state, all, sizeof all);
}

static void unicode_is_read_back(void **state)
{
    static const char *const texts[] = {
        "Иванов Иван",      "naïve",        "日本語",       "😀",
        "\xF4\x8F\xBF\xBF", "\xEF\xBB\xBF", "\xE2\x80\xA8", "a/b</script>",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t length = strlen(texts[i]);
        assert_reads_back(*state, texts[i], length, texts[i], length);
    }
}

#define REPLACEMENT "\xEF\xBF\xBD"

static void invalid_utf8_is_replaced(void **state)
{
    static const struct {
        const char *bytes, *expected;
    } rows[] = {
        {"\xFF", REPLACEMENT},
        {"a\x80z", "a" REPLACEMENT "z"},
        {"\xC0\x80", REPLACEMENT REPLACEMENT},
        {"\xED\xA0\x80", REPLACEMENT REPLACEMENT REPLACEMENT},
        {"cut \xE2\x82", "cut " REPLACEMENT REPLACEMENT},
        {"\xE2\x82\"", REPLACEMENT REPLACEMENT "\""}, /* the quote is preserved */
        {"\xF0\\", REPLACEMENT "\\"},
        {"я\xD1", "я" REPLACEMENT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_reads_back(*state, rows[i].bytes, strlen(rows[i].bytes), rows[i].expected,
                          strlen(rows[i].expected));
    }
}

static void keys_are_escaped(void **state)
{
    struct buffer out = {.arena = *state};
    struct jsonw json = {.out = &out};
    jsonw_open_object(&json, NULL);
    jsonw_integer(&json, "a\"b\\c\n\xFF", 1);
    jsonw_close_object(&json);
    struct json_object *object = must_parse(out.bytes, out.length);
    assert_member(object, "a\"b\\c\n" REPLACEMENT, "1");
    json_object_put(object);
}

static void integers_keep_every_digit(void **state)
{
    static const int64_t integers[] = {0, 1, -1, 9007199254740993, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(integers); i++) {
        struct buffer out = {.arena = *state};
        struct jsonw json = {.out = &out};
        jsonw_open_array(&json, NULL);
        jsonw_integer(&json, NULL, integers[i]);
        jsonw_close_array(&json);
        struct json_object *array = must_parse(out.bytes, out.length);
        struct json_object *value = json_object_array_get_idx(array, 0);
        assert_true(json_object_is_type(value, json_type_int));
        assert_true(json_object_get_int64(value) == integers[i]);
        json_object_put(array);
    }
}

static void decimals_are_written_with_all_places(void **state)
{
    static const struct {
        int64_t integer;
        int scale;
        const char *text;
    } rows[] = {
        {0, 0, "0"},
        {5, 0, "5"},
        {-5, 0, "-5"},
        {0, 2, "0.00"},
        {5, 2, "0.05"},
        {-5, 2, "-0.05"},
        {50, 2, "0.50"},
        {123, 2, "1.23"},
        {-123, 2, "-1.23"},
        {100, 2, "1.00"},
        {0, 4, "0.0000"},
        {5, 4, "0.0005"},
        {-5, 4, "-0.0005"},
        {123, 4, "0.0123"},
        {6667, 4, "0.6667"},
        {10000, 4, "1.0000"},
        {-10000, 4, "-1.0000"},
        {999999999999, 2, "9999999999.99"},
        {INT64_MAX, 0, "9223372036854775807"},
        {INT64_MAX, 2, "92233720368547758.07"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MIN, 2, "-92233720368547758.08"},
        {INT64_MIN, 4, "-922337203685477.5808"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer out = {.arena = *state};
        struct jsonw json = {.out = &out};
        jsonw_decimal(&json, NULL, rows[i].integer, rows[i].scale);
        assert_string_equal(out.bytes, rows[i].text);
    }
}

static void decimal_members_have_keys_and_commas(void **state)
{
    struct buffer out = {.arena = *state};
    struct jsonw json = {.out = &out};
    jsonw_open_object(&json, NULL);
    jsonw_decimal(&json, "a", -7, 2);
    jsonw_decimal(&json, "b", 7, 2);
    jsonw_close_object(&json);
    assert_string_equal(out.bytes, "{\"a\":-0.07,\"b\":0.07}");
}

static void times_are_formatted_and_missing_strings_are_null(void **state)
{
    struct buffer out = {.arena = *state};
    struct jsonw json = {.out = &out};
    jsonw_open_object(&json, NULL);
    jsonw_time(&json, "when", 1795178096789);
    jsonw_string(&json, "nobody", NULL);
    jsonw_string(&json, "empty", "");
    jsonw_bytes(&json, "nothing", NULL, 0);
    jsonw_close_object(&json);
    assert_string_equal(out.bytes, "{\"when\":\"2026-11-20T12:34:56.789Z\",\"nobody\":null,"
                                   "\"empty\":\"\",\"nothing\":\"\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(objects_and_arrays_are_separated_by_commas),
        ARENA_TEST(outermost_value_may_be_a_string),
        ARENA_TEST(every_ascii_character_is_read_back),
        ARENA_TEST(characters_are_escaped_at_every_position),
        ARENA_TEST(control_characters_are_always_escaped),
        ARENA_TEST(unicode_is_read_back),
        ARENA_TEST(invalid_utf8_is_replaced),
        ARENA_TEST(keys_are_escaped),
        ARENA_TEST(integers_keep_every_digit),
        ARENA_TEST(decimals_are_written_with_all_places),
        ARENA_TEST(decimal_members_have_keys_and_commas),
        ARENA_TEST(times_are_formatted_and_missing_strings_are_null),
    };
    return cmocka_run_group_tests_name("jsonw", tests, NULL, NULL);
}
