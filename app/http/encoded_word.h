/*
 * Encoded words: =?charset?B?base64?= and =?charset?Q?quoted?= (RFC 2047). RFC 7578 5.1 allows only
 * UTF-8 in file names, but programs built on mail libraries send such words, also without spaces
 * around them and inside of quotes.
 */
#ifndef HTTP_ENCODED_WORD_H
#define HTTP_ENCODED_WORD_H

#include "http/parameters.h"

struct arena;

/* Decodes the encoded words in a text to UTF-8. The text between them remains, except blanks
 * between two words. Returns false if the text has no encoded word, or one with an unknown charset
 * or invalid content: then the text stands for itself. */
bool encoded_word_decode(struct arena *arena, const struct parameter *text,
                         struct parameter *decoded_r);

#endif
