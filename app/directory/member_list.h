/* Member list: reads the members of a group, page by page. */
#ifndef DIRECTORY_MEMBER_LIST_H
#define DIRECTORY_MEMBER_LIST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;
struct filter;

/* The kinds of members, a list that ends with NULL. */
extern const char *const directory_member_kinds[];

/* Orders of the list. Members with equal values are in the order of their names. */
enum directory_member_order {
    DIRECTORY_MEMBERS_BY_NAME,
    DIRECTORY_MEMBERS_BY_DN,
    DIRECTORY_MEMBERS_BY_GUID,
    DIRECTORY_MEMBERS_BY_KIND,
    DIRECTORY_MEMBERS_BY_ENABLED, /* members that are no accounts are last */
};

/* A place in the list: the key of its order, and an objectGUID. */
struct directory_member_place {
    const unsigned char *key;
    size_t length;
    const char *guid;
};

struct directory_member {
    const char *dn, *guid, *name; /* the name is that of the RDN */
    const char *kind;             /* one of directory_member_kinds */
    bool is_account, enabled;     /* only an account is enabled or disabled */
    struct directory_member_place place;
};

/* A request for one page. */
struct directory_member_query {
    const char *group;           /* cn, objectGUID or DN of the group */
    const char *group_parent_dn; /* parent of the group; NULL: anywhere below the base DN */
    bool effective;              /* the members of nested groups, too */
    const char *search;          /* words that the members must match; NULL: all members */
    const struct filter *filter; /* over the fields of members; NULL: none */
    enum directory_member_order order;
    bool descending;
    const struct directory_member_place *after; /* the page begins after it; NULL: first page */
    size_t limit;                               /* maximum number of members, at least 1 */
};

struct directory_member_page {
    struct directory_member *members;
    size_t count;
    int64_t total; /* number of members in all pages */
    bool more;     /* there are members after this page */
    /* base and filter of the search that `filter` and `search` became */
    const char *base, *compiled;
};

/*
 * Reads one page of the members of a group. Members are those in the attribute `member` and the
 * accounts whose primary group it is; if effective, also those of all groups that are members, each
 * once, but not the group itself. Members that the caller does not see (caller.h) do not count.
 * Errors as directory_find(); a partial result is an error. A filter has the errors of
 * directory_filter_compile() and ERR_FILTER_TOO_COSTLY, and an order by kind or state has
 * ERR_SORT_TOO_COSTLY. Members that cannot be read match no filter and no search.
 */
struct error *directory_list_members(struct directory *directory, struct arena *arena,
                                     const struct directory_member_query *query,
                                     struct directory_member_page *page_r) MUST_CHECK;

#endif
