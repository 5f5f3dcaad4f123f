/*
 * Search: finds parts of words, however they are typed.
 *
 * The searchable text of a row is one column, search_text: the words of all fields, each with two
 * spaces before it, in one spelling (base/spelling.h) and with ё as е. An index of all sequences of
 * three characters (trigrams) finds any part of at least three characters, and shorter beginnings
 * of words. Behind the words of a field are its telephone numbers in several forms (rest/phone.h).
 * An address with an internationalized domain is added in its Unicode form and in that with xn--.
 *
 * Increase RULES in base/fold.c when a change of search.c, phone.c, spelling.c or words.c changes
 * the search text of any row: then all rows are computed again.
 */
#ifndef REST_SEARCH_H
#define REST_SEARCH_H

#include "base/buffer.h"
#include "base/error.h"

enum {
    SEARCH_WORDS = 3,         /* the words of a search that count; further ones are ignored */
    SEARCH_LENGTH = 1000,     /* maximum characters of a search */
    SEARCH_WORD_LENGTH = 100, /* the characters of each word that count */
};

/* Adds the words of a field, and the telephone numbers in it. No-op if the text is NULL. */
void search_add(struct buffer *search_text, const char *text);

/* Splits a search into parts: the first different words, or telephone numbers. A row matches if its
 * search_text contains all of them. Always returns SEARCH_WORDS parts: repeats the first part if
 * the search has fewer words. ERR_VALIDATION about `search` if it has no word. */
struct error *search_parse(struct arena *arena, const char *text,
                           const char *parts_r[SEARCH_WORDS]) MUST_CHECK;

#endif
