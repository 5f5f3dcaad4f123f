/*
 * Merged: pages of a list over several places of a caller (caller.h).
 *
 * A controller sorts the entries below one base only. So the sort keys of all entries of the list
 * are read once, place by place, and sorted here. The order is cached like a view of the
 * controller: for the connection, while highestCommittedUSN is unchanged. Then any page reads only
 * its own entries.
 *
 * Texts are sorted by the root collation of CLDR (base/fold.h).
 */
#ifndef DIRECTORY_MERGED_H
#define DIRECTORY_MERGED_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;
struct directory_class;
struct directory_list_query;
struct directory_page;
struct order;

struct merged_list {
    const struct directory_class *class;
    const struct directory_list_query *query;
    const char *const *places;
    size_t places_count;
    int scope;          /* LDAP_SCOPE_SUBTREE; LDAP_SCOPE_BASE: only the places themselves */
    const char *filter; /* without the parts of the order */
    const struct order *order;
    int64_t until; /* see struct operation; 0: none */
};

/* Reads one page. */
struct error *merged_read(struct directory *directory, struct arena *arena,
                          const struct merged_list *list, struct directory_page *page_r) MUST_CHECK;

#endif
