/*
 * Lists: pages of rows, with filters, a sort order, and two kinds of paging.
 *
 * ?skip= is an offset: a page takes longer the deeper it is. ?after= takes the cursor that the last
 * page returned as `next`: a page takes the same time at any depth. The cursor holds the values of
 * the sort columns in the last row, and the page starts after them, with an index. The id orders
 * rows with equal values, so that no row is repeated or skipped, even if rows are inserted
 * meanwhile.
 *
 * A list is a statement that ends with its WHERE clause, and a table of the columns to filter and
 * sort by. The text of a statement contains nothing that a client sent: values are parameters.
 *
 * ?filter= adds a condition on the columns of the fields (store/filter.h). `total` stays exact.
 *
 * A list can be sorted by any field. A field with a key has an index. To sort by another field, the
 * engine sorts all rows by the first 100 characters of a text. A request with ?filter= or such an
 * order ends with an error after FILTER_TIMEOUT_MS.
 *
 * If an index finds few rows that pass a filter, these rows are sorted; otherwise all rows are read
 * in their order and tested. The program counts the rows to choose, because an engine plans a
 * statement without the values of its parameters. On SQLite, which may have no statistics, the
 * program also chooses the index (store/filter.h).
 *
 * ?fields= selects columns: those of other fields are not read.
 *
 * ?search= has its own statements. The index of the search finds all matches, unordered. That is
 * fast for up to some thousand matches. If every other row matches, it is faster to read the rows
 * in their order, and to test each one. So the matches are counted first, but only up to the limit
 * that decides this: `total` is exact up to LIST_FOUND_COUNTED rows or ten pages, and a minimum
 * beyond.
 */
#ifndef REST_LISTS_H
#define REST_LISTS_H

#include "http/reply.h"
#include "rest/app.h"
#include "rest/cursor.h"
#include "rest/paging.h"
#include "rest/search.h"
#include "store/store.h"

enum { LIST_FOUND_COUNTED = 1000, LIST_FOUND_PAGES = 10 };

enum list_use {
    LIST_SORT = 1 << 0,
    LIST_FILTER = 1 << 1,    /* filters rows by the query parameter of the same name */
    LIST_ADDRESS = 1 << 2,   /* the column holds folded addresses: see fold_address() */
    LIST_NARROW = 1 << 3,    /* few rows pass the filter: they are found first, then sorted */
    LIST_SORT_KEY = 1 << 4,  /* the column holds sort keys: see fold_sort_key(), or other bytes */
    LIST_UNINDEXED = 1 << 5, /* no index begins with the column: all rows are sorted */
    LIST_FOLDED = 1 << 6,    /* the order is that of the folded text: see base/folded.h */
};

/* A column to sort or filter by, which is never null. A column with nulls has a second column for
 * sorting, in which another value replaces the nulls and sorts after all others. (An expression is
 * not enough: SQLite cannot use an index for a range of an expression.) */
struct list_key {
    const char *name;   /* name of the key in ?sort=; NULL ends a table */
    const char *column; /* name of the column in SQL */
    size_t index;       /* position of the column in the rows of the statement; for sorting */
    enum field_type type;
    unsigned uses;
    /* Prefix of the counters for the values of this filter (rest/counters.h). NULL: matching rows
     * are counted. */
    const char *counter;
};

/* Columns of a field, if its value is not in the column ALIAS.FIELD. The members are SQL; those
 * that are NULL have their standard value. */
struct list_column {
    const char *field;                       /* NULL ends a table */
    const char *value, *folded, *key, *time; /* see struct store_filter_column */
};

struct list {
    const char *alias;                 /* of the table, in all statements */
    const struct list_column *columns; /* NULL: none */
    enum sql_statement rows; /* SELECT … WHERE …; its rows begin with the columns of `fields` */
    enum sql_statement count; /* SELECT count(*) … with the same WHERE clause */
    /* The WHERE clause of both. The program chooses the index for ?filter= on SQLite, and hides the
     * others; NULL: the engine chooses. */
    const char *scope;
    const char *counter; /* counter of all rows (rest/counters.h); NULL: rows are counted */
    /* Statements of the search, if search_id is not NULL. Their parameters are those of the scope,
     * then the parts of search_parse(). search_found is SELECT 1 … for each match. search_rare
     * reads the matches by the index of the search; search_common reads the rows in the order of
     * the list. */
    enum sql_statement search_found, search_rare, search_common;
    const char *search_id;      /* the id column of search_rare */
    const struct field *fields; /* fields of a row */
    const struct list_key *keys;
    bool keys_only;  /* only fields with a key can be sorted by */
    const char *id;  /* the id column, a unique integer */
    size_t id_index; /* position of the id column in the rows */
};

/* The first rows of the query map of a list. `sorts_` lists the names for ?sort=, `example_` is an
 * order of them. */
#define LIST_QUERY_FIELDS(sorts_, example_)                                                        \
    QUERY_SKIP, QUERY_LIMIT(LIMIT_STANDARD), QUERY_FIELDS, QUERY_FILTER, QUERY_EXPLAIN,            \
        QUERY_SORT("быстро: ", "fast: ", sorts_, example_), QUERY_AFTER

/* The query map of a list that needs no cursors, because it is short. */
#define LIST_SHORT_QUERY_FIELDS(limit_)                                                            \
    QUERY_SKIP, QUERY_LIMIT(limit_), QUERY_FIELDS, QUERY_FILTER, QUERY_EXPLAIN,                    \
        QUERY_SORT("быстро: ", "fast: ", "`id`", "-id")

#define LIST_SEARCH_FIELD                                                                          \
    {                                                                                              \
        .name = "search", .type = FIELD_STRING, .min = 1, .max = SEARCH_LENGTH,                    \
        .about =                                                                                   \
            {"Слова, части слов или цифры телефона; учитываются только первые три",                \
             "Words, parts of words, or digits of a telephone number; only the first three are "   \
             "used"},                                                                              \
        .example = "\"ромашка\""                                                            \
    }

/* A list whose statement depends on the request. */
struct list_source {
    const struct list *list;
    const struct cursor_value *parameters; /* the first parameters of all statements */
    size_t parameter_count;
    const char *conditions; /* added to the WHERE clause; NULL: none */
    bool uncounted;         /* the reply has no total */
    /* Reads the current row; NULL: by the field map of the list */
    struct error *(*read)(struct request *request, struct store_query *query,
                          struct value **item_r);
};

/* Sets the items, `next` and `explain` of the reply to one page. */
struct error *list_reply_from(struct request *request, struct reply *reply,
                              const struct list_source *source) MUST_CHECK;

/* Replies with one page. `scope` has the values of the first parameters of all statements. If the
 * list has counters, its first value is the id of the organization. A call without ?limit= replies
 * with all rows. */
struct error *list_reply(struct request *request, struct reply *reply, const struct list *list,
                         const int64_t *scope, size_t scope_count) MUST_CHECK;

#endif
