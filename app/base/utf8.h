/* UTF-8: decoding and measuring (RFC 3629). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Decodes the character that starts at text[*at] and moves *at behind it. Returns -1, and moves by
 * one byte, where the bytes are no valid UTF-8: overlong, a surrogate, beyond U+10FFFF, cut off. */
int32_t utf8_next(const char *text, size_t length, size_t *at);

/* Returns the end of the run of valid non-ASCII characters that starts at `at`; `at` itself if
 * there is none. */
size_t utf8_pass_beyond_ascii(const char *text, size_t length, size_t at);

/* Whether all of it is valid. */
bool utf8_valid(const char *text, size_t length);

/* The length in UTF-16 units, in which Active Directory and browsers count. */
size_t utf8_utf16_units(const char *text, size_t length);

/* The character without its case, by the C library's tables for all of Unicode: what has two lower
 * forms of one upper has one here. */
int32_t utf8_fold(int32_t character);

/* A copy of valid text for comparisons that ignore case; NULL of NULL. */
char *utf8_fold_text(struct arena *arena, const char *text);

#endif
