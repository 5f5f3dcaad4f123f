/*
 * Evaluate: evaluates filters (query/filter.h) on values in memory, for lists that the program
 * computes.
 *
 * Texts are compared by their folded forms (fold_text()). A directory or a database evaluates
 * filters by itself: directory/filter.h, store/filter.h.
 */
#ifndef QUERY_EVALUATE_H
#define QUERY_EVALUATE_H

#include "base/field.h"
#include "query/filter.h"

#include <stdbool.h>

struct arena;

/* True if two values of a field with CODEC_DN, or two references, name the same entry. */
typedef bool evaluate_equal_dns(const char *a, const char *b);

/* True if the filter is true of the values, which are parallel to the map that it was parsed
 * against. `equal_dns` may be NULL: then DNs are compared as texts. */
bool evaluate_filter(struct arena *arena, const struct filter *filter, const struct field *fields,
                     const struct value *values, evaluate_equal_dns *equal_dns);

/* Returns the filter in its own language, as it is evaluated: with all parentheses, and with the
 * replacements of the parser. */
const char *evaluate_format(struct arena *arena, const struct filter *filter)
    __attribute__((returns_nonnull));

#endif
