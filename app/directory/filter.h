/* Filter: compiles the tree of ?filter= (query/filter.h) to an LDAP filter (RFC 4515). */
#ifndef DIRECTORY_FILTER_H
#define DIRECTORY_FILTER_H

#include "base/error.h"

struct arena;
struct directory;
struct filter;

/*
 * Compiles a filter over the fields of a class of objects. The LDAP filter matches exactly the
 * entries for which the filter is true of the fields that are read from them, except that the
 * directory compares text by its own rules.
 *
 * Looks up groups and accounts to which the filter refers, because primary groups have no links.
 * ERR_VALIDATION for "filter" if a field with a DN or a GUID is compared in another way than for
 * equality with one; ERR_NOT_FILTERABLE if a field has no attribute that can be searched.
 */
struct error *directory_filter_compile(struct directory *directory, struct arena *arena,
                                       const struct filter *filter, const char **text_r) MUST_CHECK;

#endif
