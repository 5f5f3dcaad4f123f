/*
 * Intent: a change of the directory as a whole, as it is known right before its first write. The
 * audit and the dry run are made from it.
 *
 * An observer that is set with directory_set_observer() is called once for each change, under the
 * lock of the changed entry and after all checks. No write of a request is sent before: see
 * intent_check_write(). A change that needs no write, because the entry is as requested already, is
 * not announced. Rollbacks, repeated attempts and later reads do not announce the change again.
 *
 * An intent contains only values that the caller sees (caller.h), and the values of a change are
 * read under its lock. It does not contain consequences that the directory computes, such as
 * whenChanged, passwordExpires, the DNs of entries below a moved one, or memberOf of the members of
 * a deleted group.
 *
 * In a dry run (directory_observer.is_dry_run) Kontora checks more before it announces the change,
 * so that a change that the directory would refuse is refused in the same way: names and DNs that
 * are taken, objects below a deleted entry, members by primary group, the rights of the service
 * account, and the length and complexity of passwords. Only the controller checks the password
 * history, names within passwords, values that the schema rejects, the kinds of groups that can be
 * members of each other, and its own rights to delete an object.
 */
#ifndef DIRECTORY_INTENT_H
#define DIRECTORY_INTENT_H

#include "base/error.h"
#include "directory/ldif.h"

#include <stdbool.h>

struct arena;
struct directory;
struct directory_changes;
struct operation;

/* A changed field of an entry. The name is that of the field in replies if the class of the entry
 * has a field for the attribute, or else the attribute's. Fields that correspond to no attribute:
 *   parent_dn             the DN of the parent; with the field of the name, of a moved entry
 *   password              always "***", before and after
 *   must_change_password  true if the password must be changed at the next login
 *   photo                 the JPEG in base64
 * member and memberOf of a change of a membership are texts: the one DN that is added (`before` is
 * null) or removed (`after` is null). memberOf has no primary group, and a reference such as
 * manager is a DN. Binary values are in base64. */
struct directory_intent_field {
    struct directory_intent_field *next;
    const char *name;
    const char *before, *after; /* JSON; "null" if there is no value, or no entry */
};

enum directory_intent_change {
    DIRECTORY_ENTRY_CREATED,
    DIRECTORY_ENTRY_CHANGED,
    DIRECTORY_ENTRY_DELETED, /* its fields are all values that it had */
};

/* A changed entry. */
struct directory_intent_entry {
    struct directory_intent_entry *next;
    enum directory_intent_change change;
    const char *kind;   /* "user", "group", "computer", "ou", "container", "contact", "other" */
    const char *guid;   /* objectGUID; NULL: not created yet; set after the creation */
    const char *dn;     /* before the change; of a new entry: the DN that it gets */
    const char *new_dn; /* of an entry that is moved or renamed; else NULL */
    struct directory_intent_field *fields;
    /* The entry changes as a consequence of the change of the first entry, without a write of its
     * own: the member that is added to a group or removed from it. */
    bool is_consequence;
    /* Set after the announcement: this change was not made, see intent_refuse(). */
    bool was_refused;
};

/* A planned change. Lives as long as the arena of the call. */
struct directory_intent {
    struct directory_intent_entry *entries; /* the entry that the request names comes first */
    struct ldif_record *records;            /* the LDAP operations, in order */
};

struct directory_observer {
    /* An error ends the change before anything is sent, and is returned unchanged. */
    struct error *(*intend)(void *context, const struct directory_intent *intent);
    bool is_dry_run; /* nothing is ever sent: ERR_DRY_RUN if intend() returns NULL */
};

/* Sets the observer of the changes that follow; NULL: none. It must outlive them. */
void directory_set_observer(struct directory *directory, const struct directory_observer *observer,
                            void *context);

/* Says that the changes belong to the change that was announced last, such as the second of two
 * passwords that are set one after the other: they are not announced again. */
void directory_change_continue(struct directory_changes *changes);

/* --- for this folder ------------------------------------------------------------------------- */

/* True if there is an observer, so that changes must be announced. */
bool intent_is_observed(const struct directory *directory);

bool intent_is_dry_run(const struct directory *directory);

/* Announces the change. After success its writes may be sent. No-op without an observer. */
struct error *intent_announce(struct directory *directory, struct arena *arena,
                              const struct directory_intent *intent) MUST_CHECK;

/* Permits the writes of a change that belongs to the last one that was announced for the same
 * observer, and was part of it. */
void intent_continue(struct directory *directory);

/* Says that one of several changes that were announced together was not made: that of the entry,
 * with the consequences that follow it. */
void intent_refuse(struct directory_intent_entry *entry);

/* Returns ERR_INTERNAL if the operation is a write of a change that was not announced. */
struct error *intent_check_write(const struct directory *directory, struct arena *arena,
                                 const struct operation *operation) MUST_CHECK;

#endif
