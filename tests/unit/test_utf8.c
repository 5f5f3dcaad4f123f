/* UTF-8: decoding of every character, and every kind of invalid sequence. */
#include "unit.h"

#include "base/utf8.h"

/* Encodes a character as RFC 3629 3 says, independently of the tested code. */
static size_t encode_character(uint32_t character, char bytes[4])
{
    if (character < 0x80) {
        bytes[0] = (char)character;
        return 1;
    }
    size_t more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    for (size_t i = more; i; i--) {
        bytes[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    static const unsigned char marks[] = {0, 0xC0, 0xE0, 0xF0};
    bytes[0] = (char)(marks[more] | character);
    return more + 1;
}

static void every_character_is_decoded(void **state)
{
    (void)state;
    for (uint32_t character = 0; character <= 0x10FFFF; character++) {
        char bytes[4];
        size_t length = encode_character(character, bytes);
        bool surrogate = character >= 0xD800 && character <= 0xDFFF;
        size_t at = 0;
        int32_t got = utf8_next(bytes, length, &at);
        if (got != (surrogate ? -1 : (int32_t)character) || at != (surrogate ? 1 : length) ||
            utf8_valid(bytes, length) == surrogate) {
            FAIL("U+%04X is read as %d", character, got);
        }
    }
}

/* A character truncated at any byte is invalid. Each copy is in memory of exactly its size, so
 * that the sanitizer detects reads beyond its end. */
static void truncated_characters_are_invalid(void **state)
{
    (void)state;
    static const uint32_t characters[] = {0x80, 0x7FF, 0x800, 0xFFFD, 0x10000, 0x10FFFF};
    for (size_t i = 0; i < COUNT_OF(characters); i++) {
        char bytes[4];
        size_t length = encode_character(characters[i], bytes);
        for (size_t cut = 1; cut < length; cut++) {
            char *copy = malloc(cut);
            assert_non_null(copy);
            memcpy(copy, bytes, cut);
            size_t at = 0;
            assert_int_equal(utf8_next(copy, cut, &at), -1);
            assert_int_equal(at, 1);
            assert_false(utf8_valid(copy, cut));
            free(copy);
        }
    }
}

static const char *const invalid[] = {
    "\x80",             /* a continuation byte alone */
    "\xBF",             /* a continuation byte alone */
    "\xC0\x80",         /* NUL, overlong */
    "\xC1\xBF",         /* overlong */
    "\xC0\xAF",         /* a slash, overlong */
    "\xE0\x80\x80",     /* overlong */
    "\xE0\x9F\xBF",     /* overlong: U+07FF in three bytes */
    "\xF0\x80\x80\x80", /* overlong */
    "\xF0\x8F\xBF\xBF", /* overlong: U+FFFF in four bytes */
    "\xED\xA0\x80",     /* a surrogate */
    "\xED\xBF\xBF",     /* a surrogate */
    "\xF4\x90\x80\x80", /* U+110000 */
    "\xF5\x80\x80\x80", /* beyond the last plane */
    "\xF8\x88\x80\x80\x80",
    "\xFC\x84\x80\x80\x80\x80",
    "\xFE",
    "\xFF",
    "\xC3(",     /* a continuation byte is missing */
    "\xE2\x82(", /* a continuation byte is missing */
    "\xF0\x9F\x98(",
    "a\xFFz",
    "ok \xE2\x82",
};

static void invalid_sequences_are_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(invalid); i++) {
        if (utf8_valid(invalid[i], strlen(invalid[i]))) {
            FAIL("row %zu is accepted as valid", i);
        }
    }
}

/* The check tests several bytes at once, except at the end of the text. */
static void non_ascii_bytes_are_detected_at_every_position(void **state)
{
    (void)state;
    static const char plain[] = "twenty bytes of text";
    for (unsigned byte = 1; byte < 256; byte++) {
        for (size_t at = 0; at < sizeof plain - 1; at++) {
            char text[sizeof plain];
            memcpy(text, plain, sizeof plain);
            text[at] = (char)byte;
            assert_int_equal(utf8_valid(text, sizeof plain - 1), byte < 0x80);
        }
    }
}

/* The decoder advances with each call and never passes the end, whatever the bytes are. */
static void decoder_always_advances_within_the_text(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            const char bytes[] = {(char)first, (char)second, (char)0x80, (char)0x80, 'a'};
            size_t at = 0;
            while (at < sizeof bytes) {
                size_t before = at;
                int32_t character = utf8_next(bytes, sizeof bytes, &at);
                assert_true(at > before && at <= sizeof bytes);
                assert_true(character >= 0 || at == before + 1);
            }
        }
    }
}

/* A run of non-ASCII characters ends where checking single characters ends: at ASCII, at invalid
 * UTF-8, or at the end of the text. */
static void non_ascii_run_ends_where_valid_characters_end(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            for (unsigned third = 0; third < 256; third += 15) {
                const char bytes[] = {(char)0xD0,  (char)0xB6, (char)first, (char)second,
                                      (char)third, (char)0xE2, (char)0x82,  (char)0xAC,
                                      'a',         (char)0xD0, (char)0xB6};
                for (size_t length = 0; length <= sizeof bytes; length++) {
                    size_t end = 0, next = 0;
                    while (next < length && utf8_next(bytes, length, &next) >= 0x80) {
                        end = next;
                    }
                    assert_true(utf8_skip_non_ascii(bytes, length, 0) == end);
                }
            }
        }
    }
}

static void empty_text_and_nul_are_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid(BYTES("a\0b"))); /* NUL is a valid character */
    assert_int_equal(utf8_utf16_units("", 0), 0);
}

static void utf16_units_are_counted(void **state)
{
    (void)state;
    assert_int_equal(utf8_utf16_units(BYTES("abc")), 3);
    assert_int_equal(utf8_utf16_units(BYTES("Иванов")), 6);
    assert_int_equal(utf8_utf16_units(BYTES("€")), 1);
    assert_int_equal(utf8_utf16_units(BYTES("\xEF\xBF\xBF")), 1);     /* U+FFFF */
    assert_int_equal(utf8_utf16_units(BYTES("\xF0\x90\x80\x80")), 2); /* U+10000 */
    assert_int_equal(utf8_utf16_units(BYTES("a😀я")), 4);
}

static void blanks_at_both_ends_are_trimmed(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"a", "a"},
        {" a b\t", "a b"},
        {"\r\n\v\f", ""},
        {"\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000й\xC2\x85", "й"},
        {"\u00ad\u061c\u180e\u200b\u200d\u200e\u202e\u202c\u2060\u2066\u2069\ufeff", ""},
        {"a\u200b", "a"},
        {"a\u00a0b\ufeffc", "a\u00a0b\ufeffc"},
        {"\u0301a\u0301", "\u0301a\u0301"}, /* combining characters are visible */
        {"\U000e0061😀", "😀"},
        {"\ufe0f❤\ufe0f \ufe0f", "❤\ufe0f"}, /* a variation selector belongs to its character */
        {"🏴\U000e0067\U000e0062\U000e007f\u200b", "🏴\U000e0067\U000e0062\U000e007f"},
        {"\u3164\u2800x\u034f\u115f\ufff9", "x"},
    };
    struct arena *arena = *state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const char *text = pairs[i][0];
        assert_string_equal(utf8_trim(arena, text, strlen(text)), pairs[i][1]);
    }
    assert_string_equal(utf8_trim(arena, " ab", 2), "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_decoded),
        cmocka_unit_test(truncated_characters_are_invalid),
        cmocka_unit_test(invalid_sequences_are_rejected),
        cmocka_unit_test(non_ascii_bytes_are_detected_at_every_position),
        cmocka_unit_test(decoder_always_advances_within_the_text),
        cmocka_unit_test(non_ascii_run_ends_where_valid_characters_end),
        cmocka_unit_test(empty_text_and_nul_are_valid),
        cmocka_unit_test(utf16_units_are_counted),
        ARENA_TEST(blanks_at_both_ends_are_trimmed),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
