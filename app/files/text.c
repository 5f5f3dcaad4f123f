/* See text.h. */
#include "files/text.h"

enum { BLOCK = 64 }; /* bytes of a block; the compiler vectorizes loops of a fixed length */

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

/* --- UTF-16 (RFC 2781) ------------------------------------------------------------------------ */

static bool is_little_endian(const struct file_text *text)
{
    return text->mark[0] == 0xFF && text->mark[1] == 0xFE;
}

static bool is_utf16(const struct file_text *text)
{
    return text->length >= FILE_TEXT_MARK_SIZE &&
           (is_little_endian(text) || (text->mark[0] == 0xFE && text->mark[1] == 0xFF));
}

/* Each high surrogate must be followed by a low surrogate. Low surrogates may occur nowhere else.
 */
static bool check_utf16_unit(struct file_text *text, unsigned unit)
{
    bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    bool fits = low == text->surrogate && (unit > 0x7F || !is_control((unsigned char)unit));
    text->surrogate = unit >= 0xD800 && unit <= 0xDBFF;
    return fits;
}

static bool check_utf16(struct file_text *text, const char *bytes, size_t length)
{
    bool fits = true;
    for (size_t i = 0; i < length && fits; i++) {
        unsigned byte = (unsigned char)bytes[i];
        if (text->length++ % 2 == 0) {
            text->half = (unsigned char)byte;
        } else {
            fits =
                check_utf16_unit(text, is_little_endian(text) ? byte << 8 | text->half
                                                              : (unsigned)text->half << 8 | byte);
        }
    }
    return fits;
}

/* --- the public functions --------------------------------------------------------------------- */

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
        return check_utf16(text, bytes, length);
    }
    text->length += (int64_t)length;
    return !has_control(bytes, length);
}

bool file_text_is_complete(const struct file_text *text)
{
    return !is_utf16(text) || (text->length % 2 == 0 && !text->surrogate);
}
