/*
 * Filter: compiles the tree of ?filter= (query/filter.h) to a condition in SQL. All values become
 * parameters.
 *
 * Negations are moved down to the terms: a negated term is true if the column is null. Other terms
 * may be null then, which a WHERE clause treats as false.
 *
 * Texts are compared by their folded forms (base/folded.h), with functions such as instr() that
 * take no patterns, so no character of a value is special.
 *
 * SQLite chooses indexes by statistics that a database need not have; without them it takes the
 * rows of one organization for few. It also does not see, in a term of an `or`, the conditions
 * outside of it, on which the indexes of lists depend. So the compiler chooses the index of a
 * filter on SQLite: it leaves only the terms of this index visible, and hides the others.
 * PostgreSQL has statistics, and chooses itself.
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

/* Indexes by which an engine can find the rows for which terms are true, in the order in which they
 * are preferred. */
enum store_filter_index {
    STORE_INDEX_NONE,
    STORE_INDEX_RANGE,    /* all values above or below one */
    STORE_INDEX_COMMON,   /* a value that many rows have, such as a status */
    STORE_INDEX_WINDOW,   /* a range with both ends, of two terms */
    STORE_INDEX_DISTINCT, /* a value that mostly few rows have, such as an amount */
    STORE_INDEX_NARROW,   /* a value that few rows have, such as the id of a contact */
};

struct store_filter {
    const struct store *store;
    struct arena *arena;
    /* Finds the column of a field. */
    void (*find)(const void *columns, struct arena *arena, const struct field *field,
                 struct store_filter_column *column_r);
    /* Returns the index that finds the rows for which `FIELD OPERATOR value` is true: none, or one
     * of the others except STORE_INDEX_WINDOW. */
    enum store_filter_index (*find_index)(const void *columns, const struct field *field,
                                          enum filter_operator operator);
    const void *columns; /* argument of find() and find_index() */
    /* The condition of all rows of the list. On SQLite, the compiler chooses the index unless this
     * is NULL. */
    const char *scope;
    /* Add a parameter and return its number. */
    size_t (*add_integer)(void *parameters, int64_t integer);
    size_t (*add_text)(void *parameters, const char *text);
    void *parameters; /* argument of add_integer() and add_text() */
};

/* Returns the index that finds the rows that pass a filter; an `or` needs one for each term.
 * Needs only find_index() and `columns` of the compiler. */
enum store_filter_index store_filter_find_index(const struct store_filter *compiler,
                                                const struct filter *filter);

/* Returns the condition for a WHERE clause. *hides_scope_r is true if the scope must be hidden in
 * that clause with store_filter_hide(), because the terms of an `or` contain it. */
const char *store_filter_compile(const struct store_filter *compiler, const struct filter *filter,
                                 bool *hides_scope_r) __attribute__((returns_nonnull));

/* Returns a condition for which the engine uses no index. */
const char *store_filter_hide(const struct store *store, struct arena *arena, const char *condition)
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
