/*
 * Lists: pages of rows, with filters, an order, and two ways to go on.
 *
 * ?skip= counts rows, and costs more the deeper it goes. ?after= takes what the last answer gave as
 * `next`, and costs the same at any depth: it holds the values of the order's columns in the last
 * row, and the page begins behind them, by an index. Rows that are equal in all of them are told
 * apart by their id, so that no row comes twice or never, whatever is inserted meanwhile.
 *
 * A list is a statement that ends with its WHERE, and a table of what it can be filtered and sorted
 * by. Texts of ours alone are put together; what clients send is bound.
 *
 * ?search= has statements of its own. An index for it leads to all that is found, in no order: good for
 * what a thousand rows have, bad for what every other row has, where whoever walks along the order finds
 * a page at once. So what is found is counted first, but no further than that is decided: `total` is
 * exact up to LIST_FOUND_COUNTED rows or ten pages, and said to be a minimum beyond.
 */
#ifndef REST_LISTS_H
#define REST_LISTS_H

#include "http/reply.h"
#include "rest/app.h"
#include "rest/paging.h"
#include "store/store.h"

enum { LIST_FOUND_COUNTED = 1000, LIST_FOUND_PAGES = 10 };

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
    /* Prefix of the counters that count rows by the value of this filter (rest/counters.h). NULL:
     * there are none, and the matching rows are counted. */
    const char *counter;
};

struct list {
    enum sql_statement rows; /* SELECT … WHERE …; its rows begin with the columns of `fields` */
    enum sql_statement count; /* SELECT count(*) … with the same WHERE */
    const char *counter;      /* of all rows: rest/counters.h; NULL: they are counted */
    /* What is found by the parts of search_parse(), parameters behind the scope's; not in a list whose
     * search_id is NULL. SELECT 1 … of each that is found; the rows by the index of the search, for what
     * few have; the rows in the order of the list, for what many have. */
    enum sql_statement search_found, search_rare, search_common;
    const char *search_id;      /* the column that has the id in search_rare */
    const struct field *fields; /* of a row */
    const struct list_key *keys;
    const char *id;  /* the column that tells rows apart, an integer; */
    size_t id_index; /* and where it is in the rows */
};

/* The rows that the query map of a list begins with; `sorts_` are the names that ?sort= takes,
 * `example_` an order of them. */
#define LIST_QUERY_FIELDS(sorts_, example_)                                                        \
    QUERY_SKIP, QUERY_LIMIT(LIMIT_STANDARD),                                                       \
        {.name = "sort",                                                                           \
         .type = FIELD_STRING,                                                                     \
         .min = 1,                                                                                 \
         .max = 200,                                                                               \
         .about =                                                                                  \
             {"Порядок: до трёх имён через запятую, «-» означает убывание: " sorts_,               \
              "The order: up to three names, separated by commas; '-' is descending: " sorts_},    \
         .example = "\"" example_ "\""},                                                           \
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
