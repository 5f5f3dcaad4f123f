/*
 * Filter: compiles the tree of ?filter= (query/filter.h) to a condition in SQL. All values become
 * parameters.
 *
 * The condition is never null in a way that matters: negations are moved down to the terms, so that
 * a term on a null column counts as false, or as true if it is negated.
 *
 * Texts are compared by their folded forms (base/folded.h): by instr() and its like, which take no
 * patterns, so that no character of a value is special.
 */
#ifndef STORE_FILTER_H
#define STORE_FILTER_H

#include "query/filter.h"
#include "store/store.h"

/* How SQL reads a field. */
struct store_filter_column {
    const char *value;  /* SQL of the value */
    const char *folded; /* TABLE.NAME: the text NAME in TABLE.folded; NULL: none */
    /* A column with an index, to compare by; NULL: none. Of a text: fold_address() of it, for `eq`
     * alone. Of a text with the format "date": the text, or '~' if it is absent. With the format
     * "moment": the time at which the date or the time has passed, or INT64_MAX. */
    const char *key;
    const char *time; /* with the format "date-time": SQL of the time in seconds */
};

struct store_filter {
    const struct store *store;
    struct arena *arena;
    /* Finds the column of a field. */
    void (*find)(const void *columns, struct arena *arena, const struct field *field,
                 struct store_filter_column *column_r);
    const void *columns; /* argument of find() */
    /* Add a parameter and return its number. */
    size_t (*add_integer)(void *parameters, int64_t integer);
    size_t (*add_text)(void *parameters, const char *text);
    void *parameters; /* argument of add_integer() and add_text() */
};

/* Returns the condition. */
const char *store_filter_compile(const struct store_filter *compiler, const struct filter *filter)
    __attribute__((returns_nonnull));

/* Returns SQL of the folded form of TABLE.NAME. */
const char *store_folded_column(const struct store *store, struct arena *arena, const char *column)
    __attribute__((returns_nonnull));

/*
 * Expressions to sort by. They are never null: absent values sort after all others.
 */

enum { STORE_ORDER_TEXT = 100 }; /* characters of a text that count */

/* Returns SQL that sorts by a column of integers. */
const char *store_order_by_integer(struct arena *arena, const char *column)
    __attribute__((returns_nonnull));

/* Returns SQL that sorts by a column of texts, in the order of fold_sort_key(). */
const char *store_order_by_text(const struct store *store, struct arena *arena, const char *column)
    __attribute__((returns_nonnull));

/* Returns the value of store_order_by_text() for a text; NULL: absent. */
const char *store_order_text(struct arena *arena, const char *text)
    __attribute__((returns_nonnull));

/* Returns SQL with the same order as a column, which no index has. */
const char *store_order_without_index(const struct store *store, struct arena *arena,
                                      const char *column, bool is_integer)
    __attribute__((returns_nonnull));

#endif
