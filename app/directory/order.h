/*
 * Order: the order of a list by one of its fields.
 *
 * A domain controller sorts by one attribute. Boolean fields and scopes are computed from bits of
 * an attribute, so a list that is sorted by such a field consists of parts, one for each value,
 * each in the standard order of the class. A list that is sorted by a FILETIME consists of the
 * entries with a time and of those without, because the attribute has values that mean "never".
 * Entries without a value are last in the ascending and first in the descending order.
 */
#ifndef DIRECTORY_ORDER_H
#define DIRECTORY_ORDER_H

#include "base/error.h"
#include "base/field.h"

#include <stddef.h>

struct arena;
struct directory;
struct directory_class;
struct directory_list_query;

enum { ORDER_PARTS_MAX = 4 };

struct order {
    const char *attribute; /* to sort by, with "-" in front for the descending order */
    enum codec codec;      /* of the attribute */
    /* LDAP filters of the parts of the list, in their order; 0 parts: the list is one */
    const char *parts[ORDER_PARTS_MAX];
    size_t count;
};

/* Returns the order that the query asks for. ERR_VALIDATION for "sort" if that is a reference and
 * the caller does not see all entries (caller.h): the order would reveal the others. */
struct error *order_prepare(struct directory *directory, struct arena *arena,
                            const struct directory_class *class,
                            const struct directory_list_query *query,
                            struct order *order_r) MUST_CHECK;

#endif
