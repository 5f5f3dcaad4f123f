/* See utf8.h. */
#include "base/utf8.h"

/* The number of bytes that a first byte announces, 0 if it can start no character. */
static size_t sequence_length(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return 2;
    }
    if ((first & 0xF0) == 0xE0) {
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        return 4;
    }
    return 0;
}

int32_t utf8_next(const char *text, size_t length, size_t *at)
{
    static const int32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text + *at;
    size_t count = sequence_length(bytes[0]);
    size_t left = length - *at;
    *at += 1;
    if (count == 1) {
        return bytes[0];
    }
    if (!count || count > left) {
        return -1;
    }
    int32_t character = bytes[0] & (0x7F >> count);
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return -1;
        }
        character = character << 6 | (bytes[i] & 0x3F);
    }
    bool surrogate = character >= 0xD800 && character <= 0xDFFF;
    if (character < smallest[count] || character > 0x10FFFF || surrogate) {
        return -1;
    }
    *at += count - 1;
    return character;
}

bool utf8_valid(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        if (utf8_next(text, length, &at) < 0) {
            return false;
        }
    }
    return true;
}

size_t utf8_utf16_units(const char *text, size_t length)
{
    size_t units = 0;
    for (size_t at = 0; at < length;) {
        units += utf8_next(text, length, &at) > 0xFFFF ? 2 : 1;
    }
    return units;
}
