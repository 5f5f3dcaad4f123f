/*
 * Predict: checks before a dry run that the directory would make a change. The change itself needs
 * none of them, because the directory refuses it with the same result.
 *
 * All functions are no-ops unless the observer of the changes is that of a dry run (intent.h).
 */
#ifndef DIRECTORY_PREDICT_H
#define DIRECTORY_PREDICT_H

#include "base/error.h"

#include <ldap.h>
#include <stdbool.h>

struct arena;
struct directory;
struct directory_changes;
struct directory_class;
struct plan_addition;
struct plan_update;
struct raw_entry;

/* Sets *allowed_r if the service account has the right to create objects of the class below the
 * parent. Also without a dry run. */
struct error *predict_creation_right(struct directory *directory, struct arena *arena,
                                     const struct directory_class *class, const char *parent_dn,
                                     bool *allowed_r) MUST_CHECK;

/* Checks that the names and the DN of a new entry are free, that the service account may create it,
 * and the rules for its password. */
struct error *predict_addition(struct directory *directory, struct arena *arena,
                               const struct plan_addition *addition,
                               const char *parent_dn) MUST_CHECK;

/* Checks that the new names and the new DN of an entry are free, that the service account may write
 * its attributes and create it at its new place, and the rules for a new password. */
struct error *predict_update(struct directory *directory, struct arena *arena,
                             const struct plan_update *update) MUST_CHECK;

/* Checks that the service account may write an attribute of the object. */
struct error *predict_write(struct directory *directory, struct arena *arena, const char *guid,
                            const char *attribute) MUST_CHECK;

/* Checks that an object has no members by primary group and, unless `with_tree` is true, no objects
 * below. `raw` has its objectSid and groupType if it is a group. */
struct error *predict_deletion(struct directory *directory, struct arena *arena, const char *guid,
                               const struct raw_entry *raw, bool with_tree) MUST_CHECK;

#endif
