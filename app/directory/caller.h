/*
 * Caller: the rights of the caller of the current request in the directory.
 *
 * service/ sets the caller before each request. Without one, as in the housekeeper and at a login,
 * and for an administrator whose credentials have no limit, nothing is restricted. For any other
 * caller an entry that it may not see does not exist: every file that returns entries, counts them
 * or names them in errors asks caller_sees() or searches below caller_places() only. Every change
 * passes caller_check() with the entry as it is right before the change, and caller_compare() with
 * the SIDs of the entry and of its groups.
 *
 * Rules are compared by the objectGUID of their scope and the SID of their principal, which stay
 * the same when the objects are renamed or moved.
 */
#ifndef DIRECTORY_CALLER_H
#define DIRECTORY_CALLER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct caller_parents;
struct directory;
struct directory_changes;
struct directory_class;

/* One delegation: its principal has rights on the entries below its scope. */
struct directory_rule {
    int64_t id;
    const char *principal_sid; /* SID of a user or of a group, as text */
    const char *scope_guid;
    const char *scope_dn;      /* current DN of the scope; NULL: it does not exist any more */
    unsigned rights;           /* set of enum right */
    const char *const *fields; /* fields that RIGHT_UPDATE is limited to, ends with NULL; NULL: all
                                  fields */
};

enum { DIRECTORY_RULES_USED_MAX = 16 };

struct directory_caller {
    bool administrator;      /* has all rights below the base DN, except those that `limit` lacks */
    bool reads_all;          /* sees all entries below the base DN (DIRECTORY_READERS=all) */
    unsigned limit;          /* the rights that the credentials permit; RIGHT_ALL: no limit */
    const char *const *sids; /* SIDs of the caller and its groups; ends with NULL */
    const struct directory_rule *rules; /* the rules of all principals */
    size_t rules_count;
    const struct directory_rule *const
        *own; /* those of the caller; set by directory_set_caller() */
    size_t own_count;
    struct caller_parents *parents; /* cache of caller_sees(); set by directory_set_caller() */
    /* Result: the rules that allowed the changes of this request, for audit. */
    int64_t used[DIRECTORY_RULES_USED_MAX];
    size_t used_count;
};

/* Sets the caller of the calls that follow; NULL: they are not restricted. The caller must outlive
 * them; its own rules are allocated in the arena. */
void directory_set_caller(struct directory *directory, struct arena *arena,
                          struct directory_caller *caller);

/* True if the caller has only the rights that delegations give. */
bool caller_is_delegate(const struct directory *directory);

/* Returns the caller if it is restricted, else NULL. */
struct directory_caller *caller_restricted(const struct directory *directory);

/* True if the rule applies to an entry with this DN. */
bool caller_rule_applies(const struct directory_rule *rule, const char *dn);

/* Returns the rights of the caller on an entry with this DN, as a set. */
unsigned caller_rights_at(const struct directory_caller *caller, const char *dn);

/* True if the caller may see all entries below the base DN. */
bool caller_sees_all(const struct directory *directory);

/* True if the caller may see an entry with this DN, as the directory spells it. */
bool caller_sees(const struct directory *directory, const char *dn);

/* Returns the places: the DNs at and below `base` at and below which the caller may see all
 * entries. That is `base` itself if the caller sees it. No place is within another one. *count_r is
 * 0 if the caller sees nothing there. */
const char *const *caller_places(const struct directory *directory, struct arena *arena,
                                 const char *base, size_t *count_r);

/* The rights that a change requires, and the fields that it changes by RIGHT_UPDATE; `fields` ends
 * with NULL, and is NULL if there are none. */
struct caller_need {
    unsigned rights;
    const char *const *fields;
};

/* Returns what changes to an entry of the class require. A new name requires RIGHT_UPDATE of the
 * field "cn" or "ou", a new parent RIGHT_MOVE. */
struct caller_need caller_need_of(struct arena *arena, const struct directory_class *class,
                                  const struct directory_changes *changes);

/* Checks that the caller may make the change to the entry with this DN, as the directory spells it,
 * and records the rules that allow it. ERR_FORBIDDEN with the missing right as its detail. With
 * `changes_dn`, also if the entry is the scope of a delegation or has one below it: only
 * administrators rename, move and delete scopes. */
struct error *caller_check(struct directory *directory, struct arena *arena, const char *dn,
                           const struct caller_need *need, bool changes_dn) MUST_CHECK;

/* Checks the new DN of an entry: the caller needs the same rights there, must not gain rights by
 * the move, and the entry must not become LDAP_ADMIN_GROUP or a unit above it. `old_dn` is NULL for
 * a new entry. */
struct error *caller_check_new_dn(struct directory *directory, struct arena *arena,
                                  const char *old_dn, const char *new_dn,
                                  const struct caller_need *need) MUST_CHECK;

/* Sets *has_more_r if the principal with this SID has a right that the caller does not have: it is
 * LDAP_ADMIN_GROUP, or the principal of a rule that the rules of the caller do not cover. So an
 * administrator with limited credentials cannot gain the missing rights by a change either. */
struct error *caller_compare(struct directory *directory, struct arena *arena, const char *sid,
                             bool *has_more_r) MUST_CHECK;

#endif
