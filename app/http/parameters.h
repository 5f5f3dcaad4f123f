/*
 * Parameters of header values: `value; name=token; name="quoted"` (RFC 9110 5.6.6), and the
 * extended form name*=UTF-8''percent%20encoded (RFC 8187). Also writes the header
 * Content-Disposition.
 */
#ifndef HTTP_PARAMETERS_H
#define HTTP_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Value of a parameter. It may contain NUL bytes and is followed by one. */
struct parameter {
    const char *bytes;
    size_t length;
};

/* Returns the byte that the two hexadecimal digits encode; -1 if they are not such digits. */
int parameters_parse_hex(const char *digits);

/* Finds a parameter by name, ignoring case; false if there is none. In quotes, a backslash escapes
 * only a quote or a backslash; before any other character it stands for itself, as in browsers. */
bool parameters_find(struct arena *arena, const char *field, const char *name,
                     struct parameter *value_r);

/* True if the name of a charset means UTF-8, or US-ASCII, of which UTF-8 is a superset. */
bool parameters_is_utf8(const char *charset, size_t length);

/* Finds a parameter in the extended form and decodes it; false if there is none, if it is
 * malformed, or if its charset is not UTF-8. */
bool parameters_find_extended(struct arena *arena, const char *field, const char *name,
                              struct parameter *value_r);

/* Returns the value of Content-Disposition (RFC 6266) for a file name in UTF-8: the name in the
 * extended form, and an ASCII form of it for clients that do not support the extended form. */
const char *parameters_format_attachment(struct arena *arena, const char *name, size_t length)
    __attribute__((returns_nonnull));

#endif
