/* See text.h. */
#include "files/text.h"

enum {
    BLOCK = 64, /* bytes; the compiler vectorizes loops of a fixed length */
    SUB = 0x1A, /* end of file in DOS and CP/M */
};

/* This function has no branches, so that the compiler can process many bytes with one instruction.
 */
static unsigned char is_control(unsigned char byte)
{
    return (byte < '\a') | (byte == 0x7F) | ((byte > '\r') & (byte < ' ') & (byte != '\033'));
}

static bool has_control(const char *bytes, size_t length)
{
    unsigned char found = 0;
    for (; length >= BLOCK; bytes += BLOCK, length -= BLOCK) {
        for (size_t i = 0; i < BLOCK; i++) {
            found |= is_control((unsigned char)bytes[i]);
        }
    }
    for (; length; bytes++, length--) {
        found |= is_control((unsigned char)*bytes);
    }
    return found;
}

/* Only SUB may follow SUB. */
static bool check_bytes(struct file_text *text, const char *bytes, size_t length)
{
    size_t content = length;
    while (content && bytes[content - 1] == SUB) {
        content--;
    }
    bool fits = !(text->ended && content) && !has_control(bytes, content);
    text->ended |= content < length;
    return fits;
}

/* --- UTF-16 (RFC 2781) ------------------------------------------------------------------------ */

/* True for ASCII and for letters of the Greek, Cyrillic, Hebrew and Arabic alphabets. */
static bool is_common_unit(unsigned unit)
{
    return unit <= 0x7F || (unit >= 0x370 && unit <= 0x6FF);
}

/* A low surrogate must follow each high surrogate, and nothing else. */
static void check_utf16_unit(struct file_text_order *order, unsigned unit)
{
    bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    bool control = unit <= 0x7F && unit != SUB && is_control((unsigned char)unit);
    order->refuted |= low != order->surrogate || control || (order->ended && unit != SUB);
    order->surrogate = unit >= 0xD800 && unit <= 0xDBFF;
    order->ended = unit == SUB;
    order->characters += !low;
    order->common += is_common_unit(unit);
}

/* Returns false if the bytes are no text in either byte order. */
static bool check_utf16(struct file_text *text, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned byte = (unsigned char)bytes[i];
        if (text->length++ % 2 == 0) {
            text->half = (unsigned char)byte;
            continue;
        }
        if (!text->little.refuted) {
            check_utf16_unit(&text->little, byte << 8 | text->half);
        }
        if (!text->big.refuted) {
            check_utf16_unit(&text->big, (unsigned)text->half << 8 | byte);
        }
        if (text->little.refuted && text->big.refuted) {
            return false;
        }
    }
    return true;
}

static bool is_complete_utf16(const struct file_text *text, const struct file_text_order *order)
{
    return !order->refuted && !order->surrogate &&
           (text->encoding == FILE_TEXT_UTF16_MARKED || 2 * order->common >= order->characters);
}

/* --- the public functions --------------------------------------------------------------------- */

static bool add_decided(struct file_text *text, const char *bytes, size_t length)
{
    if (text->encoding != FILE_TEXT_BYTES) {
        return check_utf16(text, bytes, length);
    }
    text->length += (int64_t)length;
    return check_bytes(text, bytes, length);
}

/* Decides on the encoding by the first bytes and checks them. */
static bool decide_encoding(struct file_text *text)
{
    const unsigned char first = (unsigned char)text->mark[0], second = (unsigned char)text->mark[1];
    if ((first == 0xFF && second == 0xFE) || (first == 0xFE && second == 0xFF)) {
        text->encoding = FILE_TEXT_UTF16_MARKED;
        text->little.refuted = first == 0xFE;
        text->big.refuted = first == 0xFF;
        return true;
    }
    bool control = (is_control(first) && first != SUB) || (is_control(second) && second != SUB);
    text->encoding = control ? FILE_TEXT_UTF16_UNMARKED : FILE_TEXT_BYTES;
    text->length = 0;
    return add_decided(text, text->mark, sizeof text->mark);
}

bool file_text_add(struct file_text *text, const char *bytes, size_t length)
{
    for (; length && text->length < FILE_TEXT_MARK_SIZE; bytes++, length--) {
        text->mark[text->length++] = *bytes;
        if (text->length == FILE_TEXT_MARK_SIZE && !decide_encoding(text)) {
            return false;
        }
    }
    return !length || add_decided(text, bytes, length);
}

bool file_text_is_complete(const struct file_text *text)
{
    struct file_text rest = {0};
    switch (text->encoding) {
    case FILE_TEXT_UNDECIDED:
        return check_bytes(&rest, text->mark, (size_t)text->length);
    case FILE_TEXT_BYTES:
        return true;
    default:
        return text->length % 2 == 0 &&
               (is_complete_utf16(text, &text->little) || is_complete_utf16(text, &text->big));
    }
}
