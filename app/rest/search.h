/*
 * Search: text in which parts of words are found, whatever their case.
 *
 * What is searched is one column, search_text: the words of all fields without their case, each with
 * two blanks before it, so that an index of three characters each (trigrams) finds any part of three or
 * more characters, and the beginnings of words by fewer. What has digits is there twice, as it was given and by
 * its digits alone: a telephone number is found whatever its punctuation.
 */
#ifndef REST_SEARCH_H
#define REST_SEARCH_H

#include "base/buffer.h"
#include "base/error.h"

enum { SEARCH_WORDS = 3 }; /* that can be searched for at once */

/* Adds the words of `text`, NULL for none. */
void search_add(struct buffer *search_text, const char *text);

/* Adds the digits of a telephone number, or of a text that has some, as one word; NULL for none. */
void search_add_digits(struct buffer *search_text, const char *text);

/* The parts that must all be in search_text for what was searched for, SEARCH_WORDS of them: where
 * there are fewer, the first stands again. ERR_VALIDATION about `search` if there are more, or none. */
struct error *search_parse(struct arena *arena, const char *text,
                           const char *parts_r[SEARCH_WORDS]) MUST_CHECK;

#endif
