/*
 * The state of a request for one page of a list, and the statements that read it. Private to
 * rest/lists.c.
 */
#ifndef REST_LIST_PAGE_H
#define REST_LIST_PAGE_H

#include "query/filter.h"
#include "rest/lists.h"

enum { SORT_KEYS_MAX = CURSOR_VALUES_MAX - 1 }; /* the last value is the id */

/* One field of the requested order. */
struct list_order {
    const char *name;   /* name of the field */
    const char *column; /* SQL to sort by */
    size_t index;       /* position of the column, or of the field, in the rows */
    enum cursor_type type;
    const struct field *field; /* the field, if it has no key; else NULL */
    bool has_index, folded, descending;
};

/* The state of one request for a page. */
struct list_page {
    struct request *request;
    const struct list_source *source;
    const struct list *list;
    const char *sort; /* the value of ?sort= as sent; "": none */
    struct list_order orders[SORT_KEYS_MAX];
    size_t order_count;
    struct cursor_value after[CURSOR_VALUES_MAX];
    bool by_cursor;
    struct buffer where;     /* conditions to add to the statement */
    const char *filter_text; /* condition of ?filter=; NULL: none */
    bool hides_scope;        /* see store/filter.h */
    struct cursor_value *parameters;
    size_t parameter_count, parameter_size;
    enum sql_statement rows; /* statement of the list, or of a search */
    const char *id;
    const char *counter; /* name of the counter of the filtered rows; NULL: the rows are counted */
    size_t filters;      /* number of filters */
    bool searched;
    bool common;                 /* the search matches many rows */
    bool narrow;                 /* few rows pass the filters */
    const struct filter *filter; /* ?filter=; NULL: none */
    bool sorts;                  /* an order has no index: all rows are sorted */
    bool few;                    /* an index finds few rows that pass ?filter=: they are sorted */
    bool explains;               /* ?explain= */
    int64_t deadline_us;         /* 0: none */
};

/* Adds a parameter of the statements and returns its number. */
size_t list_page_add_parameter(struct list_page *page, struct cursor_value value);
size_t list_page_add_integer(struct list_page *page, int64_t integer);
size_t list_page_add_text(struct list_page *page, const char *text);

/* Returns the type of a value of the cursor: of an order, or of the id after them. */
enum cursor_type list_page_type_at(const struct list_page *page, size_t position);

/* Return the text of a statement that counts rows, and of one that selects rows to count them up to
 * a limit, which it adds as a parameter. */
const char *list_page_count(const struct list_page *page, enum sql_statement statement)
    __attribute__((returns_nonnull));
const char *list_page_count_up_to(struct list_page *page, enum sql_statement statement,
                                  int64_t limit) __attribute__((returns_nonnull));

/* Return the text of the statement that reads rows from the beginning, after skipping `skip` rows,
 * and of the one that reads rows after the cursor. They read only the columns of selected fields,
 * of the order, and the id; those of other fields are null. */
const char *list_page_select_from_start(struct list_page *page, int64_t skip, int64_t limit)
    __attribute__((returns_nonnull));
const char *list_page_select_after_cursor(struct list_page *page, int64_t limit)
    __attribute__((returns_nonnull));

#endif
