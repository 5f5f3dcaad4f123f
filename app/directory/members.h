/* Members: adds an account to a group and removes it. */
#ifndef DIRECTORY_MEMBERS_H
#define DIRECTORY_MEMBERS_H

#include "base/error.h"

struct arena;
struct directory;
struct directory_entry;

enum directory_belonging {
    DIRECTORY_MEMBER,
    DIRECTORY_NO_MEMBER,
};

/* A change of the membership of an account in a group. */
struct directory_membership {
    const char *group;           /* its cn */
    const char *group_parent_dn; /* chooses among several of that name; NULL: there is one */
    const char *member;          /* an account name */
    const char *member_filter;   /* which accounts may be meant */
    enum directory_belonging belonging;
};

/*
 * Makes it so, by a change of that one value of the group; if it is so already, that is a success.
 * ERR_NOT_FOUND and ERR_AMBIGUOUS as directory_find(); ERR_PRIMARY_GROUP if the account would have
 * to leave its primary group; ERR_PROTECTED_OBJECT if either is protected. Of the two entries only
 * DN and GUID are returned.
 */
struct error *directory_change_member(struct directory *directory, struct arena *arena,
                                      const struct directory_membership *membership,
                                      struct directory_entry **group_r,
                                      struct directory_entry **member_r) MUST_CHECK;

#endif
