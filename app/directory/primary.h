/* Primary: finds primary groups of accounts, and members of a group by their primary group. */
#ifndef DIRECTORY_PRIMARY_H
#define DIRECTORY_PRIMARY_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;
struct raw_entry;

/* Returns the DN of an account's primary group; NULL if it has none that can be read. */
struct error *primary_group_dn(struct directory *directory, struct arena *arena,
                               const struct raw_entry *raw, const char **dn_r) MUST_CHECK;

/* Returns the RID by which accounts refer to the group as their primary group; 0 if it cannot be
 * one. `group` has objectSid and groupType. */
int64_t primary_group_rid(struct arena *arena, const struct raw_entry *group);

/* Caches the DN of a primary group for ten seconds. */
void primary_cache_group(struct directory *directory, const char *sid, const char *dn);

/* Adds the DNs of some of the accounts whose primary group this is, and which the caller sees, to
 * the details of the error. */
void primary_name_members(struct directory *directory, struct arena *arena, const char *group_dn,
                          struct error *error);

/* The accounts whose primary group is the group with this RID. */
struct primary_set {
    int64_t rid; /* last part of the group's SID */
    const char **dns;
    size_t count, size;
    struct arena *arena;
};

struct primary_members {
    struct primary_set *sets; /* sorted by rid */
    size_t count;
};

/* Finds the primary members of several groups that the caller sees, with one search for each of its
 * places. */
struct error *primary_find_members(struct directory *directory, struct arena *arena,
                                   const struct raw_entry *groups, size_t count,
                                   struct primary_members *members_r) MUST_CHECK;

/* Returns the primary members of one of the groups; NULL if it cannot be a primary group. */
const struct primary_set *primary_get_members(const struct primary_members *members,
                                              struct arena *arena, const struct raw_entry *group);

#endif
