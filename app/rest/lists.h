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
    LIST_FILTER = 1 << 1,   /* filters rows by the query parameter of the same name */
    LIST_ADDRESS = 1 << 2,  /* the column holds folded addresses: see fold_address() */
    LIST_NARROW = 1 << 3,   /* few rows pass the filter: they are found first, then sorted */
    LIST_SORT_KEY = 1 << 4, /* the column holds sort keys: see fold_sort_key() */
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

struct list {
    enum sql_statement rows; /* SELECT … WHERE …; its rows begin with the columns of `fields` */
    enum sql_statement count; /* SELECT count(*) … with the same WHERE clause */
    const char *counter;      /* counter of all rows (rest/counters.h); NULL: rows are counted */
    /* Statements of the search, if search_id is not NULL. Their parameters are those of the scope,
     * then the parts of search_parse(). search_found is SELECT 1 … for each match. search_rare
     * reads the matches by the index of the search; search_common reads the rows in the order of
     * the list. */
    enum sql_statement search_found, search_rare, search_common;
    const char *search_id;      /* the id column of search_rare */
    const struct field *fields; /* fields of a row */
    const struct list_key *keys;
    const char *id;  /* the id column, a unique integer */
    size_t id_index; /* position of the id column in the rows */
};

/* The first rows of the query map of a list. `sorts_` lists the names for ?sort=, `example_` is an
 * order of them. */
#define LIST_QUERY_FIELDS(sorts_, example_)                                                        \
    QUERY_SKIP, QUERY_LIMIT(LIMIT_STANDARD),                                                       \
        {.name = "sort",                                                                           \
         .type = FIELD_STRING,                                                                     \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .about =                                                                                  \
             {"Порядок: до трёх полей через запятую; «-» перед полем — по убыванию: " sorts_,      \
              "The order: up to three fields, separated by commas; '-' is descending: " sorts_},   \
         .example = "\"" example_ "\""},                                                           \
    {                                                                                              \
        .name = "after", .type = FIELD_STRING, .min = 1, .max = CURSOR_MAX,                        \
        .about = {"Значение next из предыдущего ответа: возвращает следующую страницу",            \
                  "The value of `next` from the previous response: returns the next page"},        \
        .example = "null"                                                                          \
    }

#define LIST_SEARCH_FIELD                                                                          \
    {                                                                                              \
        .name = "search", .type = FIELD_STRING, .min = 1, .max = SEARCH_LENGTH,                    \
        .about =                                                                                   \
            {"Слова, части слов или цифры телефона; учитываются только первые три",                \
             "Words, parts of words, or digits of a telephone number; only the first three are "   \
             "used"},                                                                              \
        .example = "\"ромашка\""                                                            \
    }

/* Replies with one page. `scope` has the values of the first parameters of all statements. If the
 * list has counters, its first value is the id of the organization. */
struct error *list_reply(struct request *request, struct reply *reply, const struct list *list,
                         const int64_t *scope, size_t scope_count) MUST_CHECK;

#endif
