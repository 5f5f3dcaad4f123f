/* See search.h. */
#include "rest/search.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* characters of a trigram; shorter parts are found only at the beginning of a word */
enum { TRIGRAM = 3 };

static const char blanks[] = " \t\r\n", before_word[] = "  ";

void search_add(struct buffer *search_text, const char *text)
{
    char *rest = utf8_fold_text(search_text->arena, text);
    for (char *word; (word = strsep(&rest, blanks));) {
        if (*word) {
            buffer_format(search_text, "%s%s", before_word, word);
        }
    }
}

static void append_digits(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (isdigit((unsigned char)*text)) {
            buffer_add_char(out, *text);
        }
    }
}

void search_add_digits(struct buffer *search_text, const char *text)
{
    if (text && strpbrk(text, "0123456789")) {
        buffer_add_string(search_text, before_word);
        append_digits(search_text, text);
    }
}

/* True if the text has only characters of telephone numbers, and enough digits to search for. */
static bool is_phone(const char *text)
{
    size_t digits = 0;
    for (const char *at = text; *at; at++) {
        digits += isdigit((unsigned char)*at) != 0;
    }
    return digits >= TRIGRAM && !text[strspn(text, "0123456789+-(). ")];
}

/* Returns the part that finds a word: a short word is only found at the beginning of a word. */
static const char *new_search_part(struct arena *arena, const char *word)
{
    size_t characters = 0, length = strlen(word);
    for (size_t at = 0; at < length && characters < TRIGRAM; characters++) {
        utf8_next(word, length, &at);
    }
    return characters < TRIGRAM ? arena_format(arena, "%s%s", before_word, word) : word;
}

struct error *search_parse(struct arena *arena, const char *text, const char *parts_r[SEARCH_WORDS])
{
    size_t count = 0;
    if (is_phone(text)) {
        struct buffer digits = {.arena = arena};
        append_digits(&digits, text);
        parts_r[count++] = digits.bytes;
    } else {
        char *rest = utf8_fold_text(arena, text);
        for (char *word; (word = strsep(&rest, blanks));) {
            if (*word && count == SEARCH_WORDS) {
                return error_field(arena, "search", FAULT_TOO_MANY_WORDS,
                                   arena_format(arena, "%d", SEARCH_WORDS));
            }
            if (*word) {
                parts_r[count++] = new_search_part(arena, word);
            }
        }
    }
    if (!count) {
        return error_field(arena, "search", FAULT_TOO_SHORT, "1");
    }
    for (size_t i = count; i < SEARCH_WORDS; i++) {
        parts_r[i] = parts_r[0];
    }
    return NULL;
}
