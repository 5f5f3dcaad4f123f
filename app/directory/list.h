/* List: reads pages of the objects of a class, filtered and sorted. */
#ifndef DIRECTORY_LIST_H
#define DIRECTORY_LIST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;
struct directory_class;
struct directory_entry;
struct field;
struct filter;

/* The parameters of a list. */
struct directory_list_query {
    const char *search;          /* words to search for; NULL: none */
    const struct filter *filter; /* over the class's fields (query/filter.h); NULL: none */
    const struct field *sort;    /* field of the class to sort by; NULL: its sort_attribute */
    bool descending;             /* with `sort` */
    const char *parent_dn;       /* lists the objects below this DN; NULL: below the base DN */
    bool one_level;              /* only objects directly below it */
    const bool *selected;        /* parallel to the class's fields: those to read; NULL: all */
    int64_t skip, limit;         /* skips `skip` objects and reads at most `limit` (1 to 1000) */
};

struct directory_page {
    struct directory_entry *const *entries;
    size_t count;
    int64_t total; /* size of the whole list, as the server reports it */
    /* the search that the list was compiled to */
    const char *base, *filter;
    bool one_level;
};

/*
 * Reads one sorted page of the class through a virtual list view. The errors of `parent_dn` are
 * those of directory_find(). If there is a filter, also the errors of directory_filter_compile()
 * and, after FILTER_TIMEOUT_MS or at a limit of the controller, ERR_FILTER_TOO_COSTLY. If `sort` is
 * set and the controller refuses to sort, ERR_SORT_TOO_COSTLY.
 */
struct error *directory_list(struct directory *directory, struct arena *arena,
                             const struct directory_class *class,
                             const struct directory_list_query *query,
                             struct directory_page *page_r) MUST_CHECK;

/* Returns the names of the fields that a list can be sorted by, separated by commas. */
const char *directory_sortable_fields(struct arena *arena, const struct field *fields);

/* True if a list can be sorted by the field. */
bool directory_is_sortable(const struct field *field);

#endif
