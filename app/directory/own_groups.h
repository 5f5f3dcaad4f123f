/* Own groups: the groups of which a user is a direct member, for a change of all of them. */
#ifndef DIRECTORY_OWN_GROUPS_H
#define DIRECTORY_OWN_GROUPS_H

#include "base/error.h"
#include "directory/members.h"

#include <stdbool.h>
#include <stddef.h>

/* A group of the user. */
struct directory_own_group {
    const char *dn, *guid;
    /* why the members of the group cannot be changed; NULL: they can. `guid` is NULL only if this
     * is ERR_NOT_FOUND: the group is outside of the base DN, or cannot be read. */
    struct error *error;
};

struct directory_own_groups {
    struct directory_own_group *list; /* those that the caller sees */
    size_t count;
    bool has_hidden; /* the user is in groups that the caller does not see */
};

enum directory_own_kind {
    DIRECTORY_OWN_DIRECT, /* the groups of memberOf, which does not contain the primary group */
    /* Also the primary group. Without Domain Users, the primary group of new users. */
    DIRECTORY_OWN_FOR_NEW_USER,
};

/*
 * Reads the groups of the user, and checks for each of them that its members can be changed. The
 * error of a group is ERR_FORBIDDEN if the caller lacks the right, or the group has more rights
 * than the caller; ERR_PROTECTED_OBJECT; ERR_DIRECTORY_FORBIDDEN if the service account lacks the
 * right; or ERR_NOT_FOUND.
 */
struct error *directory_read_own_groups(struct directory *directory, struct arena *arena,
                                        const struct directory_entry *user,
                                        enum directory_own_kind kind,
                                        struct directory_own_groups *groups_r) MUST_CHECK;

/* Plans the addition of a new user, who gets this DN, to the group; see sequence.h. The group must
 * have no error. */
struct error *directory_plan_new_member(struct directory *directory, struct arena *arena,
                                        const char *user_dn,
                                        const struct directory_own_group *group) MUST_CHECK;

/* Adds the user to the group or removes them, by directory_change_member(). The group must have no
 * error. */
struct error *directory_change_own_group(struct directory *directory, struct arena *arena,
                                         const struct directory_entry *user,
                                         const struct directory_own_group *group,
                                         enum directory_member_state belonging) MUST_CHECK;

/* Returns ERR_FORBIDDEN for hidden groups, which the caller has no right to change. It names none
 * of them. */
struct error *directory_hidden_groups_error(struct arena *arena) __attribute__((returns_nonnull));

/* True for the errors by which one group cannot be changed and others can. */
bool directory_is_group_error(const struct error *error);

#endif
