/*
 * Computed lists: ?filter=, ?sort= and ?explain= of lists whose items the program computes, such as
 * a level of the tree. They have no pages. Texts are compared by their folded forms, and sorted by
 * fold_sort_key().
 */
#ifndef REST_COMPUTED_LIST_H
#define REST_COMPUTED_LIST_H

#include "http/request.h"
#include "rest/paging.h"

#include <stddef.h>

struct filter;

/* The order of such a list, in its query map. `sorts_` lists the fields, `example_` is one of them.
 * The map also has QUERY_FIELDS, QUERY_FILTER and QUERY_EXPLAIN. */
#define COMPUTED_LIST_SORT(ru_, en_, sorts_, example_)                                             \
    {                                                                                              \
        .name = "sort", .type = FIELD_STRING, .min = 1, .max = 200,                                \
        .about = {"Порядок: одно из полей " sorts_ "; «-» — по убыванию; по умолчанию " ru_,       \
                  "The order: one of " sorts_ "; '-' is descending; by default " en_},             \
        .example = "\"" example_ "\""                                                              \
    }

/* The row of the reply's map for ?explain=. */
extern const struct field computed_list_explain_fields[];
#define COMPUTED_LIST_EXPLAIN                                                                      \
    {                                                                                              \
        .name = "explain", .type = FIELD_RECORD, .flags = FIELD_OPTIONAL,                          \
        .fields = computed_list_explain_fields,                                                    \
        .about = {"Фильтр, как он вычисляется; только при explain=true",                           \
                  "The filter as it is evaluated; only with explain=true"},                        \
        .example = "null"                                                                          \
    }

/* Errors of such a list. */
#define COMPUTED_LIST_ERRORS ERR_NOT_FILTERABLE, ERR_FILTER_TOO_COSTLY

struct computed_list {
    const struct field *fields;  /* of the items */
    const struct filter *filter; /* NULL: none */
    const struct field *sort;    /* NULL: the items keep their order */
    bool descending;
    const char *explain; /* JSON, see struct reply; NULL: none */
};

/* Reads the parameters. ERR_FORBIDDEN for ?explain= unless the caller may change the directory. */
struct error *computed_list_read(const struct request *request, const struct field *fields,
                                 struct computed_list *list_r) MUST_CHECK;

/* True if the items of the reply have the field. */
bool computed_list_selects(const struct request *request, const struct field *fields,
                           const struct field *field);

/* Removes the items that do not pass the filter, and sorts the others; items with equal values keep
 * their order, and absent values are last. ERR_FILTER_TOO_COSTLY after FILTER_TIMEOUT_MS. */
struct error *computed_list_apply(const struct request *request, const struct computed_list *list,
                                  struct value **items, size_t *count) MUST_CHECK;

#endif
