/* See transfer.h. */
#include "http/transfer.h"

#include "http/parameters.h"

#include <string.h>
#include <strings.h>

enum {
    DIGIT_BITS = 6,
    DIGITS = 4, /* of base64 that encode three bytes */
    BYTE_BITS = 8,
    BYTE = 0xFF,
};

/* States of quoted-printable. */
enum state {
    IN_TEXT,
    BEHIND_BLANK,
    BEHIND_ESCAPE, /* "=" */
    IN_ESCAPE,     /* "=" and a digit */
    IN_SOFT_BREAK, /* "=" and blanks, which transport may have added */
    BEHIND_RETURN, /* "=", blanks and CR */
};

static bool is_space_or_tab(char c)
{
    return c == ' ' || c == '\t';
}

bool transfer_begin(struct transfer *transfer, const char *encoding)
{
    static const struct {
        const char *name;
        enum transfer_encoding encoding;
    } encodings[] = {
        {"", TRANSFER_IDENTITY},     {"7bit", TRANSFER_IDENTITY},
        {"8bit", TRANSFER_IDENTITY}, {"binary", TRANSFER_IDENTITY},
        {"base64", TRANSFER_BASE64}, {"quoted-printable", TRANSFER_QUOTED_PRINTABLE},
    };
    encoding += strspn(encoding, " \t");
    size_t length = strcspn(encoding, " \t");
    if (encoding[length + strspn(encoding + length, " \t")]) {
        return false;
    }
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        if (strlen(encodings[i].name) == length &&
            !strncasecmp(encodings[i].name, encoding, length)) {
            *transfer = (struct transfer){.encoding = encodings[i].encoding};
            return true;
        }
    }
    return false;
}

/* --- base64 ----------------------------------------------------------------------------------- */

static int base64_digit_value(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Adds a digit or the padding. Sets *added_r to true if that completes a byte, in `bits`. */
static bool add_base64_character(struct transfer *transfer, char c, bool *added_r)
{
    int value = base64_digit_value(c);
    *added_r = false;
    if (c == '=' && transfer->digits >= 2) {
        transfer->padded = true;
    } else if (value < 0 || transfer->padded) {
        return false;
    } else {
        transfer->bits = transfer->bits << DIGIT_BITS | (unsigned)value;
        *added_r = transfer->digits > 0;
    }
    transfer->digits = (transfer->digits + 1) % DIGITS;
    return true;
}

/* The second, third and fourth of four digits complete a byte, followed by 4, 2 and 0 bits. */
static char last_base64_byte(const struct transfer *transfer)
{
    unsigned left = (DIGITS - transfer->digits) % DIGITS * 2;
    return (char)(transfer->bits >> left & BYTE);
}

static bool decode_base64(struct transfer *transfer, char *bytes, size_t length, size_t *decoded_r)
{
    for (size_t i = 0; i < length; i++) {
        bool added;
        if (is_space_or_tab(bytes[i]) || bytes[i] == '\r' || bytes[i] == '\n') {
            continue;
        }
        if (!add_base64_character(transfer, bytes[i], &added)) {
            return false;
        }
        if (added) {
            bytes[(*decoded_r)++] = last_base64_byte(transfer);
        }
    }
    return true;
}

/* --- quoted-printable ------------------------------------------------------------------------- */

/* A blank at the end of a line is invalid, because transport may have added or removed it. */
static bool decode_plain_character(struct transfer *transfer, char c, char *bytes,
                                   size_t *decoded_r)
{
    bool line_end = c == '\r' || c == '\n';
    if (c == '=') {
        transfer->state = BEHIND_ESCAPE;
        return true;
    }
    if ((line_end && transfer->state == BEHIND_BLANK) ||
        (!line_end && !is_space_or_tab(c) && (c <= ' ' || c > '~'))) {
        return false;
    }
    transfer->state = is_space_or_tab(c) ? BEHIND_BLANK : IN_TEXT;
    bytes[(*decoded_r)++] = c;
    return true;
}

/* Decodes a character behind "=": a digit, or a part of a soft line break. */
static bool decode_escape(struct transfer *transfer, char c, char *bytes, size_t *decoded_r)
{
    const char digits[] = {'0', c};
    int value = parameters_parse_hex(digits);
    if (transfer->state == BEHIND_ESCAPE && value >= 0) {
        transfer->high = value;
        transfer->state = IN_ESCAPE;
        return true;
    }
    if (transfer->state == IN_ESCAPE) {
        bytes[(*decoded_r)++] = (char)(transfer->high << 4 | value);
        transfer->state = IN_TEXT;
        return value >= 0;
    }
    bool in_break = transfer->state != BEHIND_RETURN;
    transfer->state = c == '\n' ? IN_TEXT : c == '\r' ? BEHIND_RETURN : IN_SOFT_BREAK;
    return c == '\n' || (in_break && (c == '\r' || is_space_or_tab(c)));
}

static bool decode_quoted_printable(struct transfer *transfer, char *bytes, size_t length,
                                    size_t *decoded_r)
{
    for (size_t i = 0; i < length; i++) {
        bool in_text = transfer->state == IN_TEXT || transfer->state == BEHIND_BLANK;
        if (in_text ? !decode_plain_character(transfer, bytes[i], bytes, decoded_r)
                    : !decode_escape(transfer, bytes[i], bytes, decoded_r)) {
            return false;
        }
    }
    return true;
}

/* --- the public functions --------------------------------------------------------------------- */

bool transfer_decode(struct transfer *transfer, char *bytes, size_t length, size_t *decoded_r)
{
    *decoded_r = 0;
    switch (transfer->encoding) {
    case TRANSFER_BASE64:
        return decode_base64(transfer, bytes, length, decoded_r);
    case TRANSFER_QUOTED_PRINTABLE:
        return decode_quoted_printable(transfer, bytes, length, decoded_r);
    case TRANSFER_IDENTITY:
        break;
    }
    *decoded_r = length;
    return true;
}

bool transfer_is_complete(const struct transfer *transfer)
{
    return !transfer->digits && transfer->state == IN_TEXT;
}
