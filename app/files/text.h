/*
 * Plain text: whether bytes are a text, whatever it is about, looked at as they arrive, from the first to the last.
 *
 * A text is told from everything else by what it does not hold: control characters other than those that
 * terminals and printers know (BEL to CR, ESC). That is all that can be said of the encodings in use:
 * UTF-8, and one byte a character (windows-1251, KOI8-R), in which every other byte is a letter. UTF-16
 * begins with its mark, and is whole: no half of a character stands alone.
 */
#ifndef FILES_TEXT_H
#define FILES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_MARK = 2 }; /* bytes of UTF-16's mark */

/* What has been seen; begins with all zero. */
struct plain_text {
    int64_t length;
    unsigned char mark[TEXT_MARK]; /* the first bytes */
    unsigned char half;            /* of UTF-16: the first byte of a unit that is not whole yet */
    bool surrogate;                /* and whether the unit before needs another one */
};

/* The next bytes, in pieces of any length; false: it is no text, and nothing that follows makes it one. */
bool plain_text_add(struct plain_text *text, const char *bytes, size_t length);

/* Whether a text may end here. */
bool plain_text_whole(const struct plain_text *text);

#endif
