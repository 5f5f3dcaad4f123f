/* UTF-8: decoding, validation, length and blanks (RFC 3629). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Decodes the character that starts at text[*at] and advances *at to the next one. Returns -1 and
 * advances by one byte if the bytes are not valid UTF-8: overlong, a surrogate, beyond U+10FFFF, or
 * truncated. */
int32_t utf8_next(const char *text, size_t length, size_t *at);

/* Returns the offset after the valid non-ASCII characters that start at offset `at`; returns `at`
 * if there are none. */
size_t utf8_skip_non_ascii(const char *text, size_t length, size_t at);

/* True if the text is valid UTF-8. */
bool utf8_valid(const char *text, size_t length);

/* Returns the length in UTF-16 code units, the unit in which Active Directory and browsers
 * count. */
size_t utf8_utf16_units(const char *text, size_t length);

/* True for white space, and for characters that are invisible in every script, such as U+200B and
 * U+00AD. */
bool utf8_is_blank(int32_t character);

/* Finds the part of the text from its first to its last visible character: copied text often has
 * blanks at its ends. A variation selector belongs to the character before it. The part is empty if
 * no character is visible. The text must be valid UTF-8. */
void utf8_find_visible_part(const char *text, size_t length, size_t *start_r, size_t *end_r);

/* Returns a copy of the part that utf8_find_visible_part() finds. */
char *utf8_trim(struct arena *arena, const char *text, size_t length)
    __attribute__((returns_nonnull));

/* Returns a copy in which each white space character is replaced by a space, and other blanks are
 * removed. The text must be valid UTF-8. */
char *utf8_normalize_blanks(struct arena *arena, const char *text) __attribute__((returns_nonnull));

/* Returns the first blank of valid text; 0 if there is none. */
int32_t utf8_find_blank(const char *text, size_t length);

/* Returns the first blank of valid text other than a space; 0 if there is none. If `joiners` is
 * true, ignores joiners and variation selectors after characters of scripts that use them. */
int32_t utf8_find_invisible(const char *text, size_t length, bool joiners);

#endif
