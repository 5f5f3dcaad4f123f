/*
 * Cursor: the place in a list behind which a page begins, as text that the client sends back
 * unchanged. It holds the order, and the values of a row: those of its sort columns and its id.
 */
#ifndef REST_CURSOR_H
#define REST_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Maximum number of characters of a cursor: a sort key of the maximum length, and other values. */
enum { CURSOR_MAX = 2400, CURSOR_VALUES_MAX = 4 };

/* Types of values, and the characters that denote them in a cursor. */
enum cursor_type {
    CURSOR_INTEGER = 'i',
    CURSOR_TEXT = 't',
    CURSOR_SORT_KEY = 'k', /* see fold_sort_key() */
};

struct cursor_value {
    enum cursor_type type;
    int64_t integer;
    const char *text; /* the text, NUL-terminated, or the bytes of the sort key */
    size_t length;    /* of the sort key */
};

/* Returns the cursor. The sort keys in it are valid for the version of ICU that runs. */
const char *cursor_format(struct arena *arena, const char *order, const struct cursor_value *values,
                          size_t count) __attribute__((returns_nonnull));

/* Reads a cursor for an order and up to CURSOR_VALUES_MAX values, whose types the caller has set.
 * False if it is invalid: damaged, of another order, or with a sort key of another version of ICU,
 * whose place in the order is not known. */
bool cursor_parse(struct arena *arena, const char *cursor, const char *order,
                  struct cursor_value *values, size_t count);

#endif
