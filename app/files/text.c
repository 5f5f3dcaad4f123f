/* See text.h. */
#include "files/text.h"

enum { BLOCK = 64 };

/* Without a branch, so that the compiler takes many bytes at once. */
static unsigned char is_control(unsigned char byte)
{
    return (byte < '\a') | (byte == 0x7F) | ((byte > '\r') & (byte < ' ') & (byte != '\033'));
}

static unsigned char block_control(const char *bytes)
{
    unsigned char found = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        found |= is_control((unsigned char)bytes[i]);
    }
    return found;
}

static bool holds_control(const char *bytes, size_t length)
{
    unsigned char found = 0;
    for (; length >= BLOCK; bytes += BLOCK, length -= BLOCK) {
        found |= block_control(bytes);
    }
    for (; length; bytes++, length--) {
        found |= is_control((unsigned char)*bytes);
    }
    return found;
}

/* --- UTF-16 (RFC 2781) ----------------------------------------------------------------------- */

static bool is_little(const struct file_text *text)
{
    return text->mark[0] == 0xFF && text->mark[1] == 0xFE;
}

static bool is_utf16(const struct file_text *text)
{
    return text->length >= FILE_TEXT_MARK_SIZE &&
           (is_little(text) || (text->mark[0] == 0xFE && text->mark[1] == 0xFF));
}

/* A low surrogate behind each high one, and nowhere else. */
static bool add_unit(struct file_text *text, unsigned unit)
{
    bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    bool fits = low == text->surrogate && (unit > 0x7F || !is_control((unsigned char)unit));
    text->surrogate = unit >= 0xD800 && unit <= 0xDBFF;
    return fits;
}

static bool add_utf16(struct file_text *text, const char *bytes, size_t length)
{
    bool fits = true;
    for (size_t i = 0; i < length && fits; i++) {
        unsigned byte = (unsigned char)bytes[i];
        if (text->length++ % 2 == 0) {
            text->half = (unsigned char)byte;
        } else {
            fits = add_unit(text, is_little(text) ? byte << 8 | text->half
                                                  : (unsigned)text->half << 8 | byte);
        }
    }
    return fits;
}

/* --- all of it ------------------------------------------------------------------------------- */

bool file_text_add(struct file_text *text, const char *bytes, size_t length)
{
    for (; length && text->length < FILE_TEXT_MARK_SIZE; bytes++, length--) {
        unsigned char byte = (unsigned char)*bytes;
        if (is_control(byte)) {
            return false;
        }
        text->mark[text->length++] = byte;
    }
    if (is_utf16(text)) {
        return add_utf16(text, bytes, length);
    }
    text->length += (int64_t)length;
    return !holds_control(bytes, length);
}

bool file_text_is_complete(const struct file_text *text)
{
    return !is_utf16(text) || (text->length % 2 == 0 && !text->surrogate);
}
