/*
 * Checks while bytes arrive that they are plain text.
 *
 * The only control characters in a text are those for terminals and printers (BEL to CR, ESC). More
 * cannot be checked for the encodings in use: UTF-8, and encodings with one byte per character
 * (windows-1251, KOI8-R), in which any other byte can be a letter. UTF-16 must begin with a byte
 * order mark and must not have unpaired surrogates.
 */
#ifndef FILES_TEXT_H
#define FILES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILE_TEXT_MARK_SIZE = 2 }; /* bytes of UTF-16's byte order mark */

/* The state of a check. Initialize it with zeros. */
struct file_text {
    int64_t length;
    unsigned char mark[FILE_TEXT_MARK_SIZE]; /* the first bytes of the file */
    unsigned char half;                      /* UTF-16: the first byte of an incomplete unit */
    bool surrogate;                          /* UTF-16: the last unit was a high surrogate */
};

/* Checks the next bytes. Returns false if they cannot be part of a text. */
bool file_text_add(struct file_text *text, const char *bytes, size_t length);

/* True if the text is complete: it does not end inside of a UTF-16 character. */
bool file_text_is_complete(const struct file_text *text);

#endif
