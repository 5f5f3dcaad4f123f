/*
 * Cursor: identifies the last row of a page. The client sends it back unchanged to get the page
 * after that row. It is a text with the order of the list, the values of the row's sort columns,
 * and the id of the row.
 */
#ifndef REST_CURSOR_H
#define REST_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* CURSOR_MAX: maximum number of characters, enough for a sort key of maximum length and other
 * values. CURSOR_VALUES_MAX: maximum number of values, with the id. */
enum { CURSOR_MAX = 2400, CURSOR_VALUES_MAX = 4 };

/* Types of values. Each constant is the character that denotes the type in a cursor. */
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

/* Returns a cursor. Its sort keys are only valid for the version of ICU that runs. */
const char *cursor_format(struct arena *arena, const char *order, const struct cursor_value *values,
                          size_t count) __attribute__((returns_nonnull));

/* Parses a cursor of this order into `count` values, whose types the caller has set. Returns false
 * if the cursor is damaged, belongs to another order, or has a sort key of another version of ICU,
 * which cannot be compared with those in the database. */
bool cursor_parse(struct arena *arena, const char *cursor, const char *order,
                  struct cursor_value *values, size_t count);

#endif
