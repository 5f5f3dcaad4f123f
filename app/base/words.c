/* See words.h. */
#include "base/words.h"

#include "base/buffer.h"
#include "base/fold.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>

/* Maximum number of UTF-16 units of one character in NFD (Unicode Standard Annex 15). */
enum { EXPANSION_MAX = 4 };

/* --- normalization --------------------------------------------------------------------------- */

/* Returns a copy without invisible characters, which would separate a letter from its accent. */
static char *copy_visible(struct arena *arena, const char *text)
{
    struct buffer visible = {.arena = arena};
    size_t length = strlen(text);
    buffer_add(&visible, "", 0);
    for (size_t at = 0; at < length;) {
        size_t start = at;
        int32_t character = utf8_next(text, length, &at);
        if (character >= 0 && !u_hasBinaryProperty(character, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) {
            buffer_add(&visible, text + start, at - start);
        }
    }
    return visible.bytes;
}

bool words_is_accented(int32_t character)
{
    UErrorCode code = U_ZERO_ERROR;
    UChar decomposition[EXPANSION_MAX];
    const UNormalizer2 *form = unorm2_getNFDInstance(&code); /* part of ICU: cannot fail */
    return u_getCombiningClass(character) ||
           unorm2_getDecomposition(form, character, decomposition, EXPANSION_MAX, &code) >= 0;
}

/* --- words ----------------------------------------------------------------------------------- */

enum character_kind {
    CHARACTER_LETTER,      /* a letter, a digit, or another character that can be a word alone */
    CHARACTER_SYMBOL,      /* a part of the word next to it, but not a word alone */
    CHARACTER_WITHIN_WORD, /* a separator unless it stands between two characters of a word */
    CHARACTER_SEPARATOR,
};

/* Returns the kind of a character that is punctuation or a symbol, by its properties. */
static enum character_kind classify_punctuation(UChar32 character)
{
    switch (u_charType(character)) {
    case U_DASH_PUNCTUATION:
        return CHARACTER_WITHIN_WORD;
    case U_START_PUNCTUATION:
    case U_END_PUNCTUATION:
    case U_INITIAL_PUNCTUATION:
    case U_FINAL_PUNCTUATION:
        return CHARACTER_SEPARATOR;
    case U_CONNECTOR_PUNCTUATION:
    case U_OTHER_PUNCTUATION:
    case U_MATH_SYMBOL:
    case U_MODIFIER_SYMBOL:
        return u_hasBinaryProperty(character, UCHAR_QUOTATION_MARK) ||
                       u_hasBinaryProperty(character, UCHAR_TERMINAL_PUNCTUATION)
                   ? CHARACTER_SEPARATOR
                   : CHARACTER_SYMBOL;
    default:
        return CHARACTER_LETTER;
    }
}

static enum character_kind classify_character(UChar32 character)
{
    enum { LEFT_APOSTROPHE = 0x2018, APOSTROPHE = 0x2019, BULLET = 0x2022, ELLIPSIS = 0x2026 };
    switch (character) {
    case '\'':
    case LEFT_APOSTROPHE:
    case APOSTROPHE:
    case '.':
    case ':':
        return CHARACTER_WITHIN_WORD;
    case '<': /* brackets in "Иван Петров <petrov@example.com>" */
    case '>':
    case BULLET:
    case ELLIPSIS:
        return CHARACTER_SEPARATOR;
    default:
        return u_isUWhiteSpace(character) || u_isISOControl(character)
                   ? CHARACTER_SEPARATOR
                   : classify_punctuation(character);
    }
}

/* Returns the kind of the character at the offset, and advances the offset. Returns
 * CHARACTER_SEPARATOR at the end of the text. */
static enum character_kind next_kind(const struct words *words, size_t *at)
{
    return *at < words->length ? classify_character(utf8_next(words->text, words->length, at))
                               : CHARACTER_SEPARATOR;
}

static bool belongs_to_word(enum character_kind kind)
{
    return kind == CHARACTER_LETTER || kind == CHARACTER_SYMBOL;
}

/* True if the character at the offset belongs to the same word as the character before it. Advances
 * the offset. Sets *has_letter if the character is a letter. */
static bool continues_word(const struct words *words, size_t *at, bool *has_letter)
{
    enum character_kind kind = next_kind(words, at);
    size_t following = *at;
    *has_letter |= kind == CHARACTER_LETTER;
    return belongs_to_word(kind) ||
           (kind == CHARACTER_WITHIN_WORD && belongs_to_word(next_kind(words, &following)));
}

void words_begin(struct words *words_r, struct arena *arena, const char *text)
{
    *words_r = (struct words){0};
    words_r->text = fold_compose(arena, copy_visible(arena, text));
    words_r->length = strlen(words_r->text);
}

/* Moves to the first character of the next word. Returns its offset; the length of the text if
 * there is no further word. */
static size_t find_word(struct words *words, bool *has_letter_r)
{
    size_t start;
    enum character_kind kind;
    do {
        start = words->at;
        kind = next_kind(words, &words->at);
    } while (start < words->length && !belongs_to_word(kind));
    *has_letter_r = kind == CHARACTER_LETTER;
    return start;
}

const char *words_next(struct words *words)
{
    while (words->at < words->length) {
        bool has_letter;
        size_t start = find_word(words, &has_letter), end;
        do {
            end = words->at;
        } while (end < words->length && continues_word(words, &words->at, &has_letter));
        if (has_letter) {
            words->text[end] = '\0';
            return words->text + start;
        }
    }
    return NULL;
}
