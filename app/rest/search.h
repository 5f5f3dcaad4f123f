/*
 * Search: finds parts of words, ignoring case.
 *
 * The searchable text of a row is one column, search_text: the case-folded words of all fields,
 * each with two spaces before it. An index of all sequences of three characters (trigrams) finds
 * any part of at least three characters, and shorter beginnings of words. A text with digits is
 * added a second time as its digits only, so that a telephone number is found regardless of its
 * punctuation.
 */
#ifndef REST_SEARCH_H
#define REST_SEARCH_H

#include "base/buffer.h"
#include "base/error.h"

enum { SEARCH_WORDS = 3 }; /* maximum number of words in one search */

/* Adds the words of `text`. No-op if it is NULL. */
void search_add(struct buffer *search_text, const char *text);

/* Adds all digits of a text, such as a telephone number, as one word. No-op if the text is NULL or
 * has no digits. */
void search_add_digits(struct buffer *search_text, const char *text);

/* Splits a search into parts. A row matches if its search_text contains all of them. Always returns
 * SEARCH_WORDS parts: repeats the first part if the search has fewer words. ERR_VALIDATION about
 * `search` if it has no word or too many words. */
struct error *search_parse(struct arena *arena, const char *text,
                           const char *parts_r[SEARCH_WORDS]) MUST_CHECK;

#endif
