/* Members: adds an object to a group and removes it. */
#ifndef DIRECTORY_MEMBERS_H
#define DIRECTORY_MEMBERS_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct directory;
struct directory_entry;
struct directory_guard;

enum directory_member_state {
    DIRECTORY_MEMBER,
    DIRECTORY_NO_MEMBER,
};

/* A change of the membership of an object in a group. */
struct directory_membership {
    const char *group;             /* cn, objectGUID or DN of the group */
    const char *group_parent_dn;   /* parent of the group; NULL: anywhere below the base DN */
    const char *member;            /* sAMAccountName, objectGUID or DN of the member */
    const char *member_filter;     /* filter for a member that is named by its account */
    const char *identifier_filter; /* filter for a member that is named by GUID or DN */
    /* a removal also finds by GUID or DN each value of the group's `member`, wherever its entry
     * is */
    bool removes_any_value;
    enum directory_member_state belonging; /* membership after the change */
    const struct directory_guard *guard;   /* condition of the change; NULL: none */
    bool guards_member; /* the condition is about the member; false: about the group */
};

/*
 * Adds the member to the group or removes it, by adding or deleting one value of the attribute
 * `member`. Succeeds if the membership is already as requested. ERR_NOT_FOUND and ERR_AMBIGUOUS as
 * directory_find(); ERR_PRIMARY_GROUP if an account would be removed from its primary group;
 * ERR_PROTECTED_OBJECT if the group or the member is protected, or if the member
 * cannot be read; ERR_OVERLOADED if other changes of
 * the guarded entry take too long. The returned entries have only a DN and a GUID; after an error
 * the DN is NULL if the entry was not found.
 */
struct error *directory_change_member(struct directory *directory, struct arena *arena,
                                      const struct directory_membership *membership,
                                      struct directory_entry **group_r,
                                      struct directory_entry **member_r) MUST_CHECK;

#endif
