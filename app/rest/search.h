/*
 * Search: finds parts of words and telephone numbers, in whatever spelling they were stored or
 * typed.
 *
 * The searchable text of a row is one column, search_text: the words of all fields, each with two
 * spaces before it, in one spelling (base/spelling.h) and with ё as е. An index of all sequences of
 * three characters (trigrams) finds any part of at least three characters, and shorter beginnings
 * of words. The telephone numbers of a field follow its words, in several forms (rest/phone.h). An
 * internationalized domain is stored in its Unicode form and in its xn-- form.
 *
 * Increase RULES in base/fold.c when a change of search.c, phone.c, spelling.c or words.c changes
 * the search text of any row: this causes a rebuild of all search texts.
 */
#ifndef REST_SEARCH_H
#define REST_SEARCH_H

#include "base/buffer.h"
#include "base/error.h"

enum {
    SEARCH_WORDS = 3,         /* maximum number of words of a search; further ones are ignored */
    SEARCH_LENGTH = 1000,     /* maximum number of characters of a search */
    SEARCH_WORD_LENGTH = 100, /* maximum number of characters of a word; the rest is ignored */
};

/* Adds the words of a field, and the telephone numbers in it. No-op if the text is NULL. */
void search_add(struct buffer *search_text, const char *text);

/* Splits a search into parts: its first distinct words and telephone numbers. A row matches if its
 * search_text contains all of them. Always returns SEARCH_WORDS parts: repeats the first part if
 * the search has fewer words. ERR_VALIDATION about `search` if it has no word. */
struct error *search_parse(struct arena *arena, const char *text,
                           const char *parts_r[SEARCH_WORDS]) MUST_CHECK;

#endif
