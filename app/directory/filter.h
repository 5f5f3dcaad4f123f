/* Filter: compiles the tree of ?filter= (query/filter.h) to an LDAP filter (RFC 4515). */
#ifndef DIRECTORY_FILTER_H
#define DIRECTORY_FILTER_H

#include "base/error.h"

struct arena;
struct directory;
struct filter;

/*
 * Compiles a filter over the fields of a class of objects. The LDAP filter matches exactly the
 * entries whose fields satisfy the filter, except that the directory compares text by its own
 * rules.
 *
 * Reads the groups and accounts that the filter names, because the membership in a primary group is
 * no link. The result depends on the caller (caller.h), which may not see these objects.
 * ERR_VALIDATION for "filter" if a field with a DN or a GUID does not support the
 * operator, or is compared with another value; ERR_NOT_FILTERABLE if a field has no attribute that
 * can be searched.
 */
struct error *directory_filter_compile(struct directory *directory, struct arena *arena,
                                       const struct filter *filter, const char **text_r) MUST_CHECK;

#endif
