/* See utf8.h. */
#include "base/utf8.h"

#include "base/arena.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

enum { BYTES_MAX = 4 };

/* Returns the length of the sequence that begins with this byte; 0 if the byte is invalid there. */
static size_t get_sequence_length(unsigned char first)
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
    size_t count = get_sequence_length(bytes[0]);
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

/* Tests eight bytes at once: true if all are ASCII, that is, if no byte has its highest bit set. */
static bool is_ascii_word(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return !(word & (UINT64_MAX / 0xFF << 7));
}

/* True if a two-byte sequence (U+0080 to U+07FF) starts here. A fast path for Cyrillic. */
static bool is_two_byte_sequence(const char *bytes)
{
    return (bytes[0] & 0xE0) == 0xC0 && (unsigned char)bytes[0] >= 0xC2 &&
           (bytes[1] & 0xC0) == 0x80;
}

size_t utf8_skip_non_ascii(const char *text, size_t length, size_t at)
{
    while (at < length && (text[at] & 0x80)) {
        size_t next = at;
        if (length - at >= 2 && is_two_byte_sequence(text + at)) {
            next += 2;
        } else if (utf8_next(text, length, &next) < 0) {
            break;
        }
        at = next;
    }
    return at;
}

bool utf8_valid(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t start = at;
        if (length - at >= sizeof(uint64_t) && is_ascii_word(text + at)) {
            at += sizeof(uint64_t);
        } else if (!(text[at] & 0x80)) {
            at++;
        } else {
            at = utf8_skip_non_ascii(text, length, at);
        }
        if (at == start) {
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

/* --- case folding ---------------------------------------------------------------------------- */

int32_t utf8_fold(int32_t character)
{
    static locale_t unicode;
    if (!unicode) {
        unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    }
    wint_t wide = (wint_t)character;
    /* Converts to upper case first, because several lower-case letters may share an upper case. */
    return (int32_t)(unicode ? towlower_l(towupper_l(wide, unicode), unicode) : towlower(wide));
}

static char *encode_utf8(int32_t character, char *at)
{
    if (character < 0x80) {
        *at++ = (char)character;
    } else if (character < 0x800) {
        *at++ = (char)(0xC0 | character >> 6);
        *at++ = (char)(0x80 | (character & 0x3F));
    } else if (character < 0x10000) {
        *at++ = (char)(0xE0 | character >> 12);
        *at++ = (char)(0x80 | (character >> 6 & 0x3F));
        *at++ = (char)(0x80 | (character & 0x3F));
    } else {
        *at++ = (char)(0xF0 | character >> 18);
        *at++ = (char)(0x80 | (character >> 12 & 0x3F));
        *at++ = (char)(0x80 | (character >> 6 & 0x3F));
        *at++ = (char)(0x80 | (character & 0x3F));
    }
    return at;
}

char *utf8_fold_text(struct arena *arena, const char *text)
{
    if (!text) {
        return NULL;
    }
    size_t length = strlen(text);
    char *folded = arena_array(arena, length + 1, BYTES_MAX); /* folding may lengthen a character */
    char *end = folded;
    for (size_t at = 0; at < length;) {
        int32_t character = utf8_next(text, length, &at);
        if (character >= 0) {
            end = encode_utf8(utf8_fold(character), end);
        }
    }
    return folded;
}

/* --- trimming -------------------------------------------------------------------------------- */

struct character_range {
    int32_t first, last;
};

/* The characters with the properties White_Space, Cf (format) and Default_Ignorable_Code_Point
 * (Unicode Standard Annex 44) that are invisible in every script. */
static const struct character_range blanks[] = {
    {'\t', '\r'},     {' ', ' '},       {0x85, 0x85},     {0xA0, 0xA0},       {0xAD, 0xAD},
    {0x61C, 0x61C},   {0x1680, 0x1680}, {0x180E, 0x180E}, {0x2000, 0x200F},   {0x2028, 0x202F},
    {0x205F, 0x206F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}, {0xE0001, 0xE007F},
};

static bool is_blank(int32_t character)
{
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        if (character >= blanks[i].first && character <= blanks[i].last) {
            return true;
        }
    }
    return false;
}

/* Finds the part of the text from its first to its last visible character. */
static void find_visible_part(const char *text, size_t length, size_t *start_r, size_t *end_r)
{
    *start_r = length;
    *end_r = 0;
    for (size_t at = 0; at < length;) {
        size_t from = at;
        if (!is_blank(utf8_next(text, length, &at))) {
            *start_r = *start_r < from ? *start_r : from;
            *end_r = at;
        }
    }
}

char *utf8_trim(struct arena *arena, const char *text, size_t length)
{
    size_t start, end;
    find_visible_part(text, length, &start, &end);
    return arena_copy(arena, text + start, end > start ? end - start : 0);
}

bool utf8_is_trimmed(const char *text, size_t length)
{
    size_t start, end;
    find_visible_part(text, length, &start, &end);
    return start == 0 && end == length;
}
