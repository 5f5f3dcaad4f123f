/*
 * Checks incrementally, as bytes arrive, that they are a plain text.
 *
 * A text contains no control characters but those that terminals and printers know (BEL to CR, ESC).
 * More cannot be checked for the encodings in use: UTF-8, and encodings of one byte a character
 * (windows-1251, KOI8-R), in which every other byte is a letter. UTF-16 begins with a byte order mark
 * and has no unpaired surrogate.
 */
#ifndef FILES_TEXT_H
#define FILES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILE_TEXT_MARK_SIZE = 2 }; /* bytes of UTF-16's byte order mark */

/* The state of a check; starts as all zero. */
struct file_text {
    int64_t length;
    unsigned char mark[FILE_TEXT_MARK_SIZE]; /* the first bytes */
    unsigned char half;                      /* of UTF-16: the first byte of an incomplete unit */
    bool surrogate;                          /* of UTF-16: the last unit was a high surrogate */
};

/* Adds the next bytes, in pieces of any length. False if they cannot be part of a text. */
bool file_text_add(struct file_text *text, const char *bytes, size_t length);

/* True if the text may end here. */
bool file_text_is_complete(const struct file_text *text);

#endif
