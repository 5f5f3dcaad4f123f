/* Effective: finds the direct, nested and primary groups of a user, with the paths to them. */
#ifndef DIRECTORY_EFFECTIVE_H
#define DIRECTORY_EFFECTIVE_H

#include "base/error.h"
#include "base/field.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct directory;

/* Limits of the paths that directory_read_groups() returns. The number of paths may grow
 * exponentially with the number of groups. */
enum {
    DIRECTORY_PATHS_MAX = 10,        /* paths to one group */
    DIRECTORY_PATH_DNS_MAX = 200000, /* DNs in all paths together */
};

enum directory_group_kind {
    DIRECTORY_GROUP_DIRECT,
    DIRECTORY_GROUP_NESTED,  /* a member of it is a group of the user */
    DIRECTORY_GROUP_PRIMARY, /* primaryGroupID of the user */
};

struct directory_group {
    const char *dn;
    const char *cn, *guid; /* NULL: the service account cannot read the group */
    enum directory_group_kind kind;
    /* The shortest paths, the shortest first. Each begins with a direct or the primary group and
     * ends with this group. */
    struct field_strings *paths;
    size_t paths_count;
    bool more_paths; /* there may be further paths */
};

struct directory_groups {
    struct directory_group *list; /* those of the user first, then by distance */
    size_t count;
};

/*
 * Finds the groups of the user with this name, objectGUID or DN (see directory_find()); nested
 * groups only if `nested`. Follows memberOf with one search for each level of nesting, or several
 * for a level of more than 200 groups, so groups that contain each other end the walk. Includes
 * groups outside of the base DN. A group that the caller does not see (caller.h) does not exist: it
 * is omitted, and so are those to which only such groups lead. Never returns a part of the groups:
 * if a search fails, so does the call.
 */
struct error *directory_read_groups(struct directory *directory, struct arena *arena,
                                    const char *name, const char *parent_dn, bool nested,
                                    struct directory_groups *groups_r) MUST_CHECK;

#endif
