/* See name_search.h. */
#include "directory/name_search.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "base/words.h"
#include "directory/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* --- words ----------------------------------------------------------------------------------- */

/* True if the text has only characters of telephone numbers, and at least three digits. */
static bool is_phone_number(const char *text)
{
    enum { PHONE_DIGITS_MIN = 3 };
    size_t digits = 0;
    for (const char *at = text; *at; at++) {
        digits += isdigit((unsigned char)*at) != 0;
    }
    return digits >= PHONE_DIGITS_MIN && !text[strspn(text, "0123456789+-(). ")];
}

/* Returns the word without the characters after the first *rest_r, and subtracts its length. */
static const char *cut_word(struct arena *arena, const char *word, size_t *rest_r)
{
    size_t length = strlen(word), at = 0;
    for (; at < length && *rest_r; --*rest_r) {
        (void)utf8_next(word, length, &at);
    }
    return at < length ? arena_copy(arena, word, at) : word;
}

/* Returns the text with its Internet domains in the Unicode form, because the hyphens of the form
 * xn-- would separate words. */
static const char *decode_domains(struct arena *arena, const char *text)
{
    static const char separators[] = " \t\r\n,;<>()\"";
    struct buffer decoded = {.arena = arena};
    if (!strcasestr(text, "xn--")) {
        return text;
    }
    while (*text) {
        size_t blanks = strspn(text, separators), length = strcspn(text + blanks, separators);
        const char *part = arena_copy(arena, text + blanks, length);
        bool is_address = strchr(part, '@'), is_domain = strchr(part, '.');
        buffer_add(&decoded, text, blanks);
        if (is_address && strcasestr(part, "xn--")) {
            part = fold_address(arena, part);
        } else if (is_domain && strcasestr(part, "xn--")) {
            part = fold_address(arena, arena_format(arena, "@%s", part)) + 1;
        }
        buffer_add_string(&decoded, part);
        text += blanks + length;
    }
    return decoded.bytes;
}

void name_search_parse(struct name_search *search_r, struct arena *arena, const char *text)
{
    *search_r = (struct name_search){0};
    const char *trimmed = text ? utf8_trim(arena, text, strlen(text)) : "";
    size_t rest = NAME_SEARCH_CHARACTERS_MAX;
    if (is_phone_number(trimmed)) {
        search_r->words[search_r->count++] = cut_word(arena, trimmed, &rest);
        return;
    }
    struct words words;
    words_begin(&words, arena, decode_domains(arena, trimmed));
    const char *word;
    while (rest && search_r->count < NAME_SEARCH_WORDS_MAX && (word = words_next(&words))) {
        search_r->words[search_r->count++] = cut_word(arena, word, &rest);
    }
    if (!search_r->count && *trimmed) {
        search_r->words[search_r->count++] = cut_word(arena, trimmed, &rest);
    }
}

/* --- spellings ------------------------------------------------------------------------------- */

#define YE "е"
#define YO "ё"

enum {
    LETTER_BYTES = sizeof YE - 1, /* the same for both letters in both cases */
    VARIED_MAX = 3,               /* most letters е and ё whose combinations are all listed */
    SPELLINGS_MAX = 8,            /* maximum number of spellings of one word in NFC */
};

/* The spellings of a word, in NFC and NFD. */
struct spellings {
    const char *texts[2 * SPELLINGS_MAX];
    size_t count;
};

static bool is_ye(const char *text)
{
    static const char *const letters[] = {YE, YO, "Е", "Ё"};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (!strncmp(text, letters[i], LETTER_BYTES)) {
            return true;
        }
    }
    return false;
}

static size_t count_ye(const char *word)
{
    size_t count = 0;
    for (; *word; word++) {
        count += is_ye(word);
    }
    return count;
}

static void add_spelling(struct spellings *spellings, const char *text)
{
    for (size_t i = 0; i < spellings->count; i++) {
        if (!strcmp(spellings->texts[i], text)) {
            return;
        }
    }
    spellings->texts[spellings->count++] = text;
}

/* Returns the word with its n-th letter е or ё written as ё if bit n of `yo` is set, and as е
 * otherwise. */
static const char *spell_word(struct arena *arena, const char *word, unsigned yo)
{
    char *spelling = arena_string(arena, word);
    for (char *at = spelling; *at; at++) {
        if (is_ye(at)) {
            memcpy(at, yo & 1 ? YO : YE, LETTER_BYTES);
            yo >>= 1;
        }
    }
    return spelling;
}

/* Adds all spellings of a word in which each letter е or ё is one of the two. A word with many of
 * these letters has too many such spellings. Russian words have at most one ё, so for such a word
 * adds the typed spelling, the spelling without ё and, if `all` is true, the spellings with one ё.
 */
static void add_yo_spellings(struct spellings *spellings, struct arena *arena, const char *word,
                             bool all)
{
    size_t letters = count_ye(word);
    if (letters && letters <= (all ? VARIED_MAX : VARIED_MAX - 1)) {
        for (unsigned yo = 0; yo < 1U << letters; yo++) {
            add_spelling(spellings, spell_word(arena, word, yo));
        }
        return;
    }
    add_spelling(spellings, word);
    if (letters) {
        add_spelling(spellings, spell_word(arena, word, 0));
    }
    for (size_t i = 0; all && i < letters && spellings->count < SPELLINGS_MAX; i++) {
        add_spelling(spellings, spell_word(arena, word, 1U << i));
    }
}

/* Lists the spellings of a word, each in NFC and NFD. Lists fewer of them if the pattern of the
 * word is "*", because then the directory compares every entry with every spelling. */
static void list_spellings(struct spellings *spellings_r, struct arena *arena, const char *word,
                           const char *pattern)
{
    *spellings_r = (struct spellings){0};
    add_yo_spellings(spellings_r, arena, word, strcmp(pattern, "*") != 0);
    size_t composed = spellings_r->count;
    for (size_t i = 0; i < composed; i++) {
        add_spelling(spellings_r, fold_decompose(arena, spellings_r->texts[i]));
    }
}

/* --- filters --------------------------------------------------------------------------------- */

static void append_contains(struct buffer *filter, const char *attribute, const char *value)
{
    buffer_format(filter, "(%s=*%s*)", attribute, names_filter_value(filter->arena, value));
}

/* Appends "*" unless the pattern ends with it. An escaped value never ends with "*". */
static void append_any(struct buffer *pattern)
{
    if (!pattern->length || pattern->bytes[pattern->length - 1] != '*') {
        buffer_add_char(pattern, '*');
    }
}

/* Returns a pattern that matches all spellings of the word: "*" stands for each letter that differs
 * between them. The pattern is only "*" if all letters differ. */
static const char *build_pattern(struct arena *arena, const char *word)
{
    struct buffer pattern = {.arena = arena};
    size_t length = strlen(word);
    append_any(&pattern);
    for (size_t at = 0; at < length;) {
        size_t start = at;
        int32_t character = utf8_next(word, length, &at);
        if (is_ye(word + start) || words_is_accented(character)) {
            append_any(&pattern);
        } else {
            const char *text = arena_copy(arena, word + start, at - start);
            buffer_add_string(&pattern, names_filter_value(arena, text));
        }
    }
    append_any(&pattern);
    return pattern.bytes;
}

/* Appends a filter for the entries whose attribute contains one of the spellings. The pattern comes
 * first, because it rejects most entries in one comparison. */
static void append_spellings(struct buffer *filter, const char *attribute, const char *pattern,
                             const struct spellings *spellings)
{
    if (spellings->count == 1) {
        append_contains(filter, attribute, spellings->texts[0]);
        return;
    }
    buffer_format(filter, "(&(%s=%s)(|", attribute, pattern);
    for (size_t i = 0; i < spellings->count; i++) {
        append_contains(filter, attribute, spellings->texts[i]);
    }
    buffer_add_string(filter, "))");
}

/* Returns the word with its Internet domain in the ASCII form; NULL if that is the same word. The
 * text of the search has no domains in this form: see decode_domains(). */
static const char *encode_domain(struct arena *arena, const char *word)
{
    enum { TOP_BYTES_MIN = 3 }; /* one Cyrillic letter has two bytes: "И.О" are initials */
    const char *at = strrchr(word, '@'), *dot = strrchr(word, '.');
    if (!at && !(dot && strlen(dot + 1) >= TOP_BYTES_MIN)) {
        return NULL;
    }
    const char *address = at ? word : arena_format(arena, "@%s", word);
    const char *encoded = fold_encode_address(arena, address);
    return encoded && strcasecmp(encoded, address) != 0 ? encoded + !at : NULL;
}

/* Appends a filter for the entries that have the word in one of the attributes. */
static void append_spelled_word(struct buffer *filter, const char *const *attributes,
                                const char *word)
{
    struct spellings spellings;
    const char *pattern = build_pattern(filter->arena, word);
    list_spellings(&spellings, filter->arena, word, pattern);
    for (const char *const *attribute = attributes; *attribute; attribute++) {
        append_spellings(filter, *attribute, pattern, &spellings);
    }
}

/* Appends a filter for the entries that have the word, with its domain in either form. */
static void append_word(struct buffer *filter, const char *const *attributes, const char *word)
{
    const char *other = encode_domain(filter->arena, word);
    buffer_add_string(filter, "(|");
    append_spelled_word(filter, attributes, word);
    if (other) {
        append_spelled_word(filter, attributes, other);
    }
    buffer_add_char(filter, ')');
}

const char *name_search_filter(struct arena *arena, const char *entries,
                               const char *const *attributes, const struct name_search *search,
                               size_t count)
{
    if (!search->count) {
        return entries;
    }
    struct buffer filter = {.arena = arena};
    buffer_format(&filter, "(&%s", entries);
    for (size_t i = 0; i < search->count && i < count; i++) {
        append_word(&filter, attributes, search->words[i]);
    }
    buffer_add_char(&filter, ')');
    return filter.bytes;
}
