/* Delete: deletes objects, alone or together with the objects below them. */
#ifndef DIRECTORY_DELETE_H
#define DIRECTORY_DELETE_H

#include "base/error.h"

#include <stddef.h>

struct arena;
struct directory;
struct directory_entry;

/* Maximum number of objects below an entry that are deleted with it. The phones of a user are one
 * container and at most 100 devices, and Samba deletes 200 objects in less than LDAP_TIMEOUT_MS. */
enum { DIRECTORY_TREE_MAX = 200 };

/* Deletes the entry. ERR_NOT_EMPTY if there are objects below it; ERR_HAS_PRIMARY_MEMBERS, with DNs
 * of accounts, if it is their primary group; ERR_PROTECTED_OBJECT if it is protected. */
struct error *directory_delete(struct directory *directory, struct arena *arena,
                               const struct directory_entry *entry) MUST_CHECK;

/* The objects that were deleted with the object above them; after an error, the objects that were
 * deleted or may have been. Both lists end with NULL, and are NULL if they are empty. */
struct directory_below {
    const char *const *dns;
    const char *const *user_guids; /* the GUIDs of those that are users */
};

/*
 * Deletes the entry and all objects below it, one by one. Its errors are those of
 * directory_delete(), but ERR_NOT_EMPTY means that there are more than DIRECTORY_TREE_MAX objects,
 * or new or invisible ones, and ERR_PROTECTED_OBJECT that any of the objects is protected.
 * ERR_PARTIALLY_APPLIED names the deleted objects, if the directory refuses a later one: before
 * the first deletion it is known only that the entry itself can be deleted. If the service account
 * has no right to delete one of the objects but the right Delete Tree to the entry, the rest is
 * deleted in one operation, with any objects that the account cannot list.
 */
struct error *directory_delete_tree(struct directory *directory, struct arena *arena,
                                    const struct directory_entry *entry,
                                    struct directory_below *below_r) MUST_CHECK;

/* Counts the objects below the entry, up to DIRECTORY_TREE_MAX + 1. */
struct error *directory_count_below(struct directory *directory, struct arena *arena,
                                    const struct directory_entry *entry,
                                    size_t *count_r) MUST_CHECK;

#endif
