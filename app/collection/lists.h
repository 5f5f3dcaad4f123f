/*
 * Lists: pages of rows, with filters, an order, and two ways to go on.
 *
 * ?skip= counts rows, and costs more the deeper it goes. ?after= takes what the last answer gave as
 * `next`, and costs the same at any depth: it holds the values of the order's columns in the last
 * row, and the page begins behind them, by an index. Rows that are equal in all of them are told
 * apart by their id, so that no row comes twice or never, whatever is inserted meanwhile.
 *
 * A list is a statement that ends with its WHERE, and a table of what it can be filtered and sorted
 * by. Texts of ours alone are put together; what clients send is bound. ?search= is a statement of its
 * own, so that an index for it can decide the order.
 */
#ifndef COLLECTION_LISTS_H
#define COLLECTION_LISTS_H

#include "collection/app.h"
#include "collection/paging.h"
#include "http/reply.h"
#include "store/store.h"

enum list_use {
    LIST_SORT = 1 << 0,
    LIST_FILTER = 1 << 1, /* by a query parameter of the same name */
    LIST_FOLD = 1 << 2,   /* the column holds the filter's text without its case */
    LIST_NARROW = 1 << 3, /* few rows pass the filter: they are found first, and then sorted */
};

/* A column that is never null: what is sorted by and may be missing has a column beside it, in which
 * what is missing stands behind all others. An expression would not do: SQLite bounds no range by one. */
struct list_key {
    const char *name;   /* in ?sort=; NULL ends a table */
    const char *column; /* in SQL */
    size_t index;       /* of the column in the statement's rows, for what can be sorted by */
    enum field_type type;
    unsigned uses;
};

struct list {
    enum sql_statement rows; /* SELECT … WHERE …; its rows begin with the columns of `fields` */
    enum sql_statement count; /* SELECT count(*) … with the same WHERE */
    const char *counter;      /* of all rows: collection/counters.h; NULL: they are counted */
    /* The same for what is found by the parts of search_parse(), parameters behind the scope's. Not
     * in a list whose search_id is NULL. */
    enum sql_statement search, search_count;
    const char *search_id;      /* the column that has the id there */
    const struct field *fields; /* of a row */
    const struct list_key *keys;
    const char *id;  /* the column that tells rows apart, an integer; */
    size_t id_index; /* and where it is in the rows */
};

/* The rows that the query map of a list begins with. */
#define LIST_QUERY_FIELDS                                                                          \
    QUERY_SKIP, QUERY_LIMIT(LIMIT_STANDARD),                                                       \
        {.name = "sort",                                                                           \
         .type = FIELD_STRING,                                                                     \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .about = {"Порядок: имена полей через запятую, «-» означает убывание",                    \
                   "The order: names of fields, separated by commas; '-' is descending"},          \
         .example = "\"-created_at\""},                                                            \
    {                                                                                              \
        .name = "after", .type = FIELD_STRING, .min = 1, .max = 2000,                              \
        .about = {"Значение next последнего ответа: следующая страница",                           \
                  "The `next` of the last answer: the page after it"},                             \
        .example = "null"                                                                          \
    }

#define LIST_SEARCH_FIELD                                                                          \
    {                                                                                              \
        .name = "search", .type = FIELD_STRING, .min = 1, .max = 100,                              \
        .about = {"Слова, которые должны встречаться", "Words that must be found"},                \
        .example = "\"ромашка\""                                                            \
    }

/* Answers one page. `scope` are the values of the statements' own parameters, from $1; the first is the
 * organization, where there is a counter. */
struct error *list_reply(struct request *request, struct reply *reply, const struct list *list,
                         const int64_t *scope, size_t scope_count) MUST_CHECK;

#endif
