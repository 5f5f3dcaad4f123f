/* See utf8.h. */
#include "base/utf8.h"

#include "base/arena.h"

#include <string.h>

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

/* --- trimming -------------------------------------------------------------------------------- */

enum { FIRST_NON_ASCII_BLANK = 0x85 };

struct character_range {
    int32_t first, last;
};

/* White space, and characters that are invisible in every script: the properties White_Space and
 * Default_Ignorable_Code_Point (Unicode Standard Annex 44), the marks of interlinear annotations
 * (U+FFF9 to U+FFFB), and the Braille pattern without dots (U+2800). */
static const struct character_range blanks[] = {
    {'\t', '\r'},     {' ', ' '},         {0x85, 0x85},       {0xA0, 0xA0},       {0xAD, 0xAD},
    {0x34F, 0x34F},   {0x61C, 0x61C},     {0x115F, 0x1160},   {0x1680, 0x1680},   {0x17B4, 0x17B5},
    {0x180B, 0x180F}, {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},   {0x2800, 0x2800},
    {0x3000, 0x3000}, {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

/* Blanks that separate words: White_Space, and the Braille pattern without dots. */
static const struct character_range spaces[] = {
    {'\t', '\r'},     {' ', ' '},       {0x85, 0x85},     {0xA0, 0xA0},
    {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
    {0x205F, 0x205F}, {0x2800, 0x2800}, {0x3000, 0x3000},
};

/* Blanks that change the shape of the character before them: variation selectors, and the tags of
 * an emoji flag. */
static const struct character_range modifiers[] = {
    {0x180B, 0x180D}, {0x180F, 0x180F}, {0xFE00, 0xFE0F}, {0xE0020, 0xE007F}, {0xE0100, 0xE01EF},
};

static bool is_in_ranges(int32_t character, const struct character_range *ranges, size_t count)
{
    for (size_t i = 0; i < count && character >= ranges[i].first; i++) {
        if (character <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

bool utf8_is_blank(int32_t character)
{
    return (character <= ' ' || character >= FIRST_NON_ASCII_BLANK) &&
           is_in_ranges(character, blanks, sizeof blanks / sizeof *blanks);
}

static bool is_modifier(int32_t character)
{
    return is_in_ranges(character, modifiers, sizeof modifiers / sizeof *modifiers);
}

void utf8_find_visible_part(const char *text, size_t length, size_t *start_r, size_t *end_r)
{
    *start_r = length;
    *end_r = 0;
    for (size_t at = 0; at < length;) {
        size_t from = at;
        int32_t character = utf8_next(text, length, &at);
        if (!utf8_is_blank(character)) {
            *start_r = *start_r < from ? *start_r : from;
            *end_r = at;
        } else if (from && *end_r == from && is_modifier(character)) {
            *end_r = at;
        }
    }
    *start_r = *end_r ? *start_r : 0;
}

char *utf8_trim(struct arena *arena, const char *text, size_t length)
{
    size_t start, end;
    utf8_find_visible_part(text, length, &start, &end);
    return arena_copy(arena, text + start, end - start);
}

static bool is_white_space(int32_t character)
{
    return is_in_ranges(character, spaces, sizeof spaces / sizeof *spaces);
}

char *utf8_normalize_blanks(struct arena *arena, const char *text)
{
    size_t length = strlen(text), kept = 0;
    char *normal = arena_string(arena, text);
    for (size_t at = 0; at < length;) {
        size_t from = at;
        int32_t character = utf8_next(text, length, &at);
        if (!utf8_is_blank(character)) {
            memcpy(normal + kept, text + from, at - from);
            kept += at - from;
        } else if (is_white_space(character)) {
            normal[kept++] = ' ';
        }
    }
    normal[kept] = '\0';
    return normal;
}

int32_t utf8_find_blank(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        int32_t character = utf8_next(text, length, &at);
        if (utf8_is_blank(character)) {
            return character;
        }
    }
    return 0;
}

/* True if the joiners U+200C and U+200D, and variation selectors, have a meaning after this
 * character, as in Arabic, Devanagari and emoji. They have no meaning in the Latin, Greek, Cyrillic
 * and Armenian scripts. */
static bool takes_joiners(int32_t character)
{
    enum { FIRST = 0x590 };
    static const struct character_range without_joiners[] = {
        {0x1C80, 0x1C8F}, {0x1D00, 0x1DBF}, {0x1E00, 0x206F}, {0x2C60, 0x2C7F}, {0x2DE0, 0x2DFF},
        {0xA640, 0xA69F}, {0xA720, 0xA7FF}, {0xAB30, 0xAB6F}, {0xFB00, 0xFB17}, {0xFF00, 0xFF5E},
    };
    return character >= FIRST && !is_in_ranges(character, without_joiners,
                                               sizeof without_joiners / sizeof *without_joiners);
}

int32_t utf8_find_invisible(const char *text, size_t length, bool joiners)
{
    enum { NON_JOINER = 0x200C, JOINER = 0x200D };
    int32_t before = 0;
    for (size_t at = 0; at < length;) {
        int32_t character = utf8_next(text, length, &at);
        bool joins = character == NON_JOINER || character == JOINER || is_modifier(character);
        if (!utf8_is_blank(character)) {
            before = character;
        } else if (character != ' ' && !(joiners && joins && takes_joiners(before))) {
            return character;
        } else if (character == ' ') {
            before = 0;
        }
    }
    return 0;
}
