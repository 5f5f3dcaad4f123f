/*
 * Checks that a text is JSON exactly as RFC 8259 defines it. json-c only builds the values of texts
 * that this has accepted: which texts json-c itself accepts depends on its version and mode, and
 * never is exactly the standard.
 *
 * As RFC 8259 9 allows, four limits are added to the grammar: nesting; integers of more than 64
 * bits; unpaired surrogates, which UTF-8 cannot encode; and NUL in a name, where json-c would end
 * the name.
 */
#ifndef HTTP_JSON_STRICT_H
#define HTTP_JSON_STRICT_H

#include <stddef.h>

enum { JSON_STRICT_NESTING_MAX = 32 }; /* depth of objects and arrays */

/* Returns NULL if the text is JSON within the limits, else a description of its first fault.
 * Reads no byte beyond `length`. *members_r is the number of members in all objects together. */
const char *json_strict_check(const char *text, size_t length, size_t *members_r);

#endif
