/* See base64.h. */
#include "base/base64.h"

#include "base/buffer.h"

#include <stdint.h>

enum {
    GROUP_BYTES = 3, /* bytes that four digits encode */
    GROUP_DIGITS = 4,
    DIGIT_BITS = 6,
    DIGIT_MASK = 0x3F,
    BYTE_BITS = 8,
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Writes the four digits of the first one to three bytes. */
static void encode_group(const char *bytes, size_t count, char *digits)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < GROUP_BYTES; i++) {
        bits = bits << BYTE_BITS | (i < count ? (unsigned char)bytes[i] : 0);
    }
    for (size_t i = GROUP_DIGITS; i-- > 0; bits >>= DIGIT_BITS) {
        digits[i] = alphabet[bits & DIGIT_MASK];
        if (i > count) {
            digits[i] = '=';
        }
    }
}

void base64_add(struct buffer *out, const char *bytes, size_t length)
{
    size_t groups = (length + GROUP_BYTES - 1) / GROUP_BYTES;
    char *digits = buffer_reserve(out, groups * GROUP_DIGITS);
    for (size_t i = 0; i < groups; i++) {
        size_t left = length - i * GROUP_BYTES;
        encode_group(bytes + i * GROUP_BYTES, left < GROUP_BYTES ? left : GROUP_BYTES, digits);
        digits += GROUP_DIGITS;
    }
    out->length += groups * GROUP_DIGITS;
    *digits = '\0';
}
