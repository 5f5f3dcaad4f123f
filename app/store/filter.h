/*
 * Filter: compiles the tree of ?filter= (query/filter.h) to a condition in SQL. All values become
 * parameters.
 *
 * Negations are moved down to the terms: a negated term is true if the column is null. Other terms
 * may be null then, which a WHERE clause treats as false.
 *
 * Texts are compared by their folded forms (base/folded.h), with functions such as instr() that
 * take no patterns, so no character of a value is special.
 */
#ifndef STORE_FILTER_H
#define STORE_FILTER_H

#include "query/filter.h"
#include "store/store.h"

/* SQL expressions of a field. */
struct store_filter_column {
    const char *value;  /* the value */
    const char *folded; /* TABLE.NAME: the text NAME in TABLE.folded; NULL: none */
    /* A column with an index that is compared instead of the value; NULL: none. Of an address:
     * fold_address(), for `eq` only. Of the format "date": the text, or '~' if it is absent. Of the
     * format "moment": the time at which the date or time has passed, or INT64_MAX. */
    const char *key;
    const char *time; /* of the format "date-time": the time in seconds */
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

/* Returns the condition for a WHERE clause. */
const char *store_filter_compile(const struct store_filter *compiler, const struct filter *filter)
    __attribute__((returns_nonnull));

/* Returns the SQL expression of the folded form of TABLE.NAME. */
const char *store_folded_column(const struct store *store, struct arena *arena, const char *column)
    __attribute__((returns_nonnull));

/*
 * SQL expressions to sort by. They are never null: absent values sort after all others.
 */

enum { STORE_ORDER_TEXT = 100 }; /* characters of a text that count */

/* Returns an expression that sorts by a column of integers. */
const char *store_order_by_integer(struct arena *arena, const char *column)
    __attribute__((returns_nonnull));

/* Returns an expression that sorts by a column of texts, in the order of fold_sort_key(). */
const char *store_order_by_text(const struct store *store, struct arena *arena, const char *column)
    __attribute__((returns_nonnull));

/* Returns the value that store_order_by_text() has for this text; NULL: absent. */
const char *store_order_text(struct arena *arena, const char *text)
    __attribute__((returns_nonnull));

/* Returns an expression that sorts like the column, but for which the engine uses no index. */
const char *store_order_without_index(const struct store *store, struct arena *arena,
                                      const char *column, bool is_integer)
    __attribute__((returns_nonnull));

#endif
