/*
 * Decides what is JSON, by the letter of RFC 8259. json-c only builds the values of text that this
 * has accepted: what json-c itself takes differs between its versions and modes, and none of them
 * is the standard.
 *
 * Four limits of ours come on top of the grammar, as RFC 8259 9 allows: nesting, whole numbers of
 * more than 64 bits, surrogates without their other half (which no UTF-8 can hold), and NUL in a
 * name (where json-c would end the name).
 */
#ifndef HTTP_JSON_STRICT_H
#define HTTP_JSON_STRICT_H

#include <stddef.h>

enum { JSON_STRICT_NESTING_MAX = 32 }; /* objects and arrays inside each other */

/* Returns NULL if the text is JSON within the limits, else what is wrong with it. Reads nothing
 * behind `length`. `members_r` is the number of members that all its objects have together. */
const char *json_strict_check(const char *text, size_t length, size_t *members_r);

#endif
