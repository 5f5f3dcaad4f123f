/* Plain text detection: texts and non-texts, in pieces of any size. */
#include "files/text.h"
#include "unit.h"

/* True if the bytes are a text when they arrive in pieces of that size. */
static bool is_text(const char *bytes, size_t length, size_t piece)
{
    struct file_text text = {0};
    for (size_t at = 0; at < length; at += piece) {
        if (!file_text_add(&text, bytes + at, length - at < piece ? length - at : piece)) {
            return false;
        }
    }
    return file_text_is_complete(&text);
}

static void assert_text(bool expected, const char *bytes, size_t length)
{
    for (size_t piece = 1; piece <= length + 1; piece++) {
        assert_int_equal(is_text(bytes, length, piece), expected);
    }
}

static void texts_in_all_supported_encodings_are_recognized(void **state)
{
    (void)state;
    assert_text(true, BYTES(""));
    assert_text(true, BYTES("x"));
    assert_text(true, BYTES("\a\b\t\n\v\f\r\033[1m ~"));
    assert_text(true, BYTES("\xd0\x96 \xe2\x82\xac \xf0\x9f\x98\x80"));
    assert_text(true, BYTES("\xef\xbb\xbfUTF-8 with its mark"));
    assert_text(true, BYTES("\xcf\xf0\xe8\xe2\xe5\xf2")); /* text in windows-1251 */
    assert_text(true, BYTES("\xff"));
    assert_text(true, BYTES("\xff\xfe"));
    assert_text(true, BYTES("\xff\xfe\x16\x04\x3d\xd8\x00\xde"));
    assert_text(true, BYTES("\xfe\xff\x04\x16\xd8\x3d\xde\x00"));
}

static void utf16_without_a_mark_is_recognized(void **state)
{
    (void)state;
    assert_text(true, BYTES("a\0"));
    assert_text(true, BYTES("\0a"));
    assert_text(true, BYTES("\x1f\x04\x40\x04\x38\x04")); /* Cyrillic, little endian */
    assert_text(true, BYTES("\x04\x1f\x04\x40\x04\x38")); /* Cyrillic, big endian */
    assert_text(true, BYTES("\x04\x04\x04\x3f"));         /* U+0404, which is its own reverse */
    assert_text(true, BYTES("\x16\x21 \0005\0"));         /* begins with a number sign */
    assert_text(true, BYTES("a\0=\xd8\0\xde"));           /* a surrogate pair */
    assert_text(true, BYTES("\xd0\x05\xd1\x05"));         /* Hebrew */
    assert_text(true, BYTES("a\0\x1a\0"));                /* ended as in DOS */
    assert_text(false, BYTES("a\0b"));                    /* half a unit */
    assert_text(false, BYTES("a\0=\xd8"));                /* half a surrogate pair */
    assert_text(false, BYTES("a\0\x1a\0b\0"));
    assert_text(false, BYTES("a\0\0\0"));      /* UTF-32 */
    assert_text(false, BYTES("\1\0\2\0"));     /* small integers */
    assert_text(false, BYTES("\xff\0\xfe\0")); /* mostly other characters */
    assert_text(false, BYTES("a\0\0\x80\1\x80\2\x80"));
}

static void sub_ends_a_text(void **state)
{
    (void)state;
    assert_text(true, BYTES("\x1a"));
    assert_text(true, BYTES("a\r\n\x1a"));
    assert_text(true, BYTES("a\x1a\x1a\x1a"));
    assert_text(true, BYTES("\xff\xfe"
                            "a\0\x1a\0"));
    assert_text(false, BYTES("\x1a"
                             "a"));
    assert_text(false, BYTES("a\x1a\n"));
    assert_text(false, BYTES("abc\x1a"
                             "d"));
    assert_text(false, BYTES("\xff\xfe\x1a\0a\0"));
}

static void binary_content_is_not_a_text(void **state)
{
    (void)state;
    assert_text(false, BYTES("\0"));
    assert_text(false, BYTES("a\0b"));
    assert_text(false, BYTES("\xff\0"));
    assert_text(false, BYTES("\x89PNG\r\n\x1a\n"));
    assert_text(false, BYTES("\xff\xfe\x16"));     /* half a UTF-16 unit */
    assert_text(false, BYTES("\xff\xfe\x3d\xd8")); /* half a surrogate pair */
    /* Half a surrogate pair before another character. */
    assert_text(false, BYTES("\xff\xfe\x3d\xd8\x16\x04"));
    /* Only the second half of a surrogate pair. */
    assert_text(false, BYTES("\xff\xfe\x00\xde\x16\x04"));
    /* The first half of a surrogate pair twice. */
    assert_text(false, BYTES("\xfe\xff\xd8\x3d\xd8\x3d\xde\0"));
    assert_text(false, BYTES("\xff\xfe\x01\x00"));
    assert_text(false, BYTES("\xff\xfe\0\0a\0\0\0")); /* text in UTF-32 */
}

static void forbidden_bytes_are_detected_at_every_position(void **state)
{
    (void)state;
    char bytes[200];
    for (unsigned byte = 0; byte <= UCHAR_MAX; byte++) {
        bool control = byte < ' ' || byte == 0x7F;
        bool allowed = !control || (byte && strchr("\a\b\t\n\v\f\r\033", (int)byte));
        for (size_t at = 0; at < sizeof bytes; at++) {
            bool expected = allowed || (byte == 0x1A && at == sizeof bytes - 1);
            memset(bytes, 'x', sizeof bytes);
            bytes[at] = (char)byte;
            assert_int_equal(is_text(bytes, sizeof bytes, sizeof bytes), expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_in_all_supported_encodings_are_recognized),
        cmocka_unit_test(utf16_without_a_mark_is_recognized),
        cmocka_unit_test(sub_ends_a_text),
        cmocka_unit_test(binary_content_is_not_a_text),
        cmocka_unit_test(forbidden_bytes_are_detected_at_every_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
