/*
 * Plan: builds the intent of a change (intent.h) from its LDAP modifications and the attributes
 * that were read before it. Sends no request. Hides values from the caller that it does not see.
 */
#ifndef DIRECTORY_PLAN_H
#define DIRECTORY_PLAN_H

#include "directory/intent.h"

#include <ldap.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;
struct directory_changes;
struct directory_class;
struct raw_entry;

/* --- whole changes --------------------------------------------------------------------------- */

/* An entry to add. */
struct plan_addition {
    const struct directory_class *class;
    const char *dn, *name; /* `name` is the value of the RDN */
    const struct directory_changes *changes;
    LDAPMod **mods; /* its attributes */
};

const struct directory_intent *plan_addition(struct arena *arena,
                                             const struct plan_addition *addition);

/* A deleted entry to restore. */
struct plan_restore {
    struct plan_addition addition; /* `mods` restore it: they set the values that it gets */
    const char *guid, *deleted_dn;
    int64_t deleted_at; /* milliseconds since 1970 */
};

/* Plans a restore: the values are those of a new entry, as far as it does not have them already.
 * The field deleted_at becomes null. */
const struct directory_intent *plan_restore(struct arena *arena,
                                            const struct plan_restore *restore);

/* Returns the attributes to read before an update, as a NULL-terminated array: those that the
 * changes set, and those that change with them. */
char **plan_update_attributes(struct arena *arena, const struct directory_changes *changes);

/* Changes of an entry. */
struct plan_update {
    const struct directory_class *class;
    const char *guid, *dn;
    const struct directory_changes *changes;
    const struct raw_entry *before; /* read with plan_update_attributes() */
    int64_t account_control;        /* userAccountControl before the changes; 0: none */
    LDAPMod **mods;                 /* NULL: none */
    const char *rdn, *parent;       /* of the new DN; NULL: the entry is not moved */
};

const struct directory_intent *plan_update(const struct directory *directory, struct arena *arena,
                                           const struct plan_update *update);

/* One value of an attribute of an entry, which is not bound to a field: the photo of a user. */
struct plan_value {
    const char *kind, *guid, *dn, *field;
    const struct berval *before, *after; /* NULL: none */
    LDAPMod **mods;
};

const struct directory_intent *plan_value(struct arena *arena, const struct plan_value *value);

/* A change of a membership. */
struct plan_membership {
    const char *group_dn, *group_guid;
    const char *member_dn, *member_guid;
    const char *member_kind; /* NULL: the member cannot be read, and is no entry of the intent */
    bool adds;
};

const struct directory_intent *plan_membership(struct arena *arena,
                                               const struct plan_membership *membership);

/* An entry to delete. */
struct plan_deletion {
    const struct directory_class *class; /* NULL: not known */
    const char *kind, *guid, *dn;
    const struct raw_entry *before; /* NULL: only its DN is known */
};

/* Plans the deletions. The first one is that of the entry on top, which is deleted last; the others
 * follow in the order in which they are deleted. */
const struct directory_intent *plan_deletions(const struct directory *directory,
                                              struct arena *arena,
                                              const struct plan_deletion *deletions, size_t count);

/* --- parts ----------------------------------------------------------------------------------- */

/* Returns the kind of the entries of a class, and the kind of an entry with an objectClass, as in
 * struct directory_intent_entry. */
const char *plan_kind_of_class(const struct directory_class *class)
    __attribute__((returns_nonnull));
const char *plan_kind(const struct raw_entry *raw) __attribute__((returns_nonnull));

/* Appends a changed field; the values are JSON. No-op if they are equal. */
void plan_add_field(struct arena *arena, struct directory_intent_entry *entry, const char *name,
                    const char *before, const char *after);

/* Appends a field whose values are secret. */
void plan_add_secret(struct arena *arena, struct directory_intent_entry *entry, const char *name);

/* Appends the fields of the class whose values differ. `before` is NULL for a new entry, `after`
 * for a deleted one. */
void plan_add_values(struct arena *arena, struct directory_intent_entry *entry,
                     const struct directory_class *class, const struct raw_entry *before,
                     const struct raw_entry *after);

/* Like plan_add_values(), for the attributes of the changes that no field of the class shows. */
void plan_add_unbound_values(struct arena *arena, struct directory_intent_entry *entry,
                             const struct directory_class *class,
                             const struct directory_changes *changes,
                             const struct raw_entry *before, const struct raw_entry *after);

/* Return a text, a truth value and bytes in base64 as JSON; NULL as null. */
const char *plan_json_text(struct arena *arena, const char *text);
const char *plan_json_truth(const bool *truth);
const char *plan_json_bytes(struct arena *arena, const struct berval *bytes);

#endif
