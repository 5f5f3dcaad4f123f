/* Deleted: lists the deleted objects of the directory, and restores them. */
#ifndef DIRECTORY_DELETED_H
#define DIRECTORY_DELETED_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;
struct directory_changes;
struct directory_class;
struct directory_entry;

/* A deleted object. */
struct directory_deleted {
    const char *guid;
    const char *dn;        /* of an object that exists, see directory_find_restorable() */
    const char *name;      /* value of its RDN before the deletion */
    const char *kind;      /* "user", "group", "computer", "ou" or "container" */
    const char *account;   /* sAMAccountName; NULL: none */
    const char *parent_dn; /* DN of its parent before the deletion; NULL: unknown */
    bool parent_exists;
    int64_t deleted_at; /* milliseconds since 1970 */
    bool is_recycled;   /* cannot be restored: the directory has removed its values */
};

/*
 * Reads the deleted objects of these kinds that were below the base DN and that the caller would
 * see at their former places (caller.h), the newest deletion first. `search` has words to search
 * for in their names; NULL: none. ERR_DIRECTORY_FORBIDDEN if the service account may not see
 * deleted objects.
 */
struct error *directory_list_deleted(struct directory *directory, struct arena *arena,
                                     const char *search, struct directory_deleted **items_r,
                                     size_t *count_r) MUST_CHECK;

/*
 * Finds the deleted object with this objectGUID among those of directory_list_deleted(), or an
 * object of these kinds that exists: deleted_r->dn is then not NULL. ERR_NOT_FOUND if the caller
 * sees none; ERR_NOT_RESTORABLE if the object is recycled, or exists and is of another kind. If the
 * caller does not see all entries, a hidden object takes as many searches as one that does not
 * exist.
 */
struct error *directory_find_restorable(struct directory *directory, struct arena *arena,
                                        const char *guid,
                                        struct directory_deleted *deleted_r) MUST_CHECK;

/* Returns ERR_NOT_RESTORABLE for an object with this DN, which exists. */
struct error *directory_not_deleted_error(struct arena *arena, const char *dn)
    __attribute__((returns_nonnull));

/* A deleted object to restore. */
struct directory_restoration {
    const struct directory_class *class; /* of its kind */
    const char *guid;
    const char *name;      /* new name; NULL: as before the deletion */
    const char *parent_dn; /* new parent; NULL: as before the deletion */
    const char *account;   /* new sAMAccountName; NULL: as before the deletion */
    /* the values to write back, without sAMAccountName */
    struct directory_changes *changes;
    /* DNs or GUIDs of the groups to add the object to, and of the members to add to it; both end
     * with NULL, and are NULL if there are none */
    const char *const *groups, *const *members;
    /* An earlier call has restored the object, and ended before its last step: only the steps that
     * are missing are made. The name, the parent, the account and the values are not used. */
    bool continues;
    bool was_changed; /* since then: the account is not disabled */
};

/* A membership that was not given back. */
struct directory_unrestored {
    const char *dn; /* of the group or of the member */
    const struct error *error;
};

/* The result of a restore. */
struct directory_restored {
    struct directory_entry *entry; /* as it is now */
    const char *parent_dn;         /* its parent */
    bool keeps_all;                /* the directory has kept all values (Recycle Bin) */
    bool was_enabled;              /* the account was enabled before the deletion */
    /* the memberships that were not given back and that the caller sees; also set after an error,
     * and by a dry run */
    const struct directory_unrestored *missing;
    size_t missing_count;
};

/*
 * Restores the object at its former place or at the new one, in one operation that also writes the
 * values back. An account whose password the directory has not kept is disabled. Then adds the
 * memberships that the caller may add, up to REJOIN_MAX; those that cannot be added are left out.
 * If the directory has kept all values, it gives back the memberships itself.
 *
 * These are several changes: all are planned, and announced as one (intent.h), before the first one
 * is made. Memberships that are refused after the announcement are marked in it.
 *
 * ERR_NOT_FOUND and ERR_NOT_RESTORABLE as directory_find_restorable(); ERR_NOT_RESTORABLE also if
 * the object exists, unless restoration->continues, and if the parent does not exist any more and
 * no other one is given; ERR_PARENT_NOT_FOUND and ERR_VALIDATION for "parent_dn";
 * ERR_ALREADY_EXISTS with details if its name, its account name or its principal name is taken;
 * ERR_FORBIDDEN and ERR_PROTECTED_OBJECT as for a creation and a change of the object.
 * ERR_PARTIALLY_APPLIED, with the DN as its detail, if the directory fails after the object was
 * restored.
 */
struct error *directory_restore(struct directory *directory, struct arena *arena,
                                const struct directory_restoration *restoration,
                                struct directory_restored *restored_r) MUST_CHECK;

#endif
