/*
 * What RFC 8259 forbids and json-c (0.16, in its strict mode) lets pass or mends silently: control
 * characters and lone surrogates in strings, NUL in names, "1." and "NaN", a name that stands
 * twice.
 */
#ifndef HTTP_JSON_STRICT_H
#define HTTP_JSON_STRICT_H

#include <stddef.h>

/* Looks at text that json-c has accepted. NULL if nothing is wrong, else what is; `members_r` is
 * the number of members that all its objects have together. */
const char *json_strict_check(const char *text, size_t length, size_t *members_r);

#endif
