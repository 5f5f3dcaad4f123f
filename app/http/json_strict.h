/*
 * Checks that a text is JSON exactly as RFC 8259 defines it, before json-c parses it. The texts
 * that json-c itself accepts depend on its version and mode and differ from the standard.
 *
 * As RFC 8259 9 permits, three limits are added to the grammar: nesting depth, no unpaired
 * surrogates (UTF-8 cannot encode them), and no NUL in a name (json-c would truncate the name).
 */
#ifndef HTTP_JSON_STRICT_H
#define HTTP_JSON_STRICT_H

#include <stddef.h>

enum { JSON_STRICT_NESTING_MAX = 32 }; /* maximum depth of objects and arrays */

/* Returns NULL if the text is JSON within the limits, else a description of its first fault. Reads
 * at most `length` bytes. Sets *members_r to the number of members of all objects. */
const char *json_strict_check(const char *text, size_t length, size_t *members_r);

#endif
