/*
 * Checks while bytes arrive that they are plain text.
 *
 * The only control characters in a text are those for terminals and printers (BEL to CR, ESC), and
 * SUB (0x1A) at its end, as DOS and CP/M write it. More cannot be checked for the encodings in use:
 * UTF-8, and encodings with one byte per character (windows-1251, KOI8-R), in which any other byte
 * can be a letter.
 *
 * UTF-16 has no unpaired surrogates. Without a byte order mark, a text is UTF-16 if its first
 * character has a control character as one of its bytes, as all Latin, Greek, Cyrillic, Hebrew and
 * Arabic letters do, and if at least half of its characters are ASCII or of these alphabets.
 */
#ifndef FILES_TEXT_H
#define FILES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILE_TEXT_MARK_SIZE = 2 }; /* bytes of UTF-16's byte order mark */

enum file_text_encoding {
    FILE_TEXT_UNDECIDED,
    FILE_TEXT_BYTES, /* UTF-8, or one byte per character */
    FILE_TEXT_UTF16_MARKED,
    FILE_TEXT_UTF16_UNMARKED,
};

/* Checks UTF-16 in one byte order. */
struct file_text_order {
    bool refuted;   /* the bytes are no text in this order */
    bool surrogate; /* the last unit was a high surrogate */
    bool ended;     /* the last unit was SUB */
    int64_t characters, common;
};

/* The state of a check. Initialize it with zeros. */
struct file_text {
    enum file_text_encoding encoding;
    int64_t length;
    char mark[FILE_TEXT_MARK_SIZE]; /* the first bytes */
    bool ended;                     /* the last byte was SUB */
    unsigned char half;             /* UTF-16: the first byte of an incomplete unit */
    struct file_text_order little, big;
};

/* Checks the next bytes. Returns false if they cannot be part of a text. */
bool file_text_add(struct file_text *text, const char *bytes, size_t length);

/* True if all bytes together are a text, which does not end inside of a UTF-16 character. */
bool file_text_is_complete(const struct file_text *text);

#endif
