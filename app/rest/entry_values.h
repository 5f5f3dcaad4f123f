/*
 * Entry values: compares an entry of the directory with the values that an audit row has recorded,
 * and sets the previous ones (directory/intent.h describes the recorded fields).
 *
 * Values that follow from others are neither compared nor written: the DN, userAccountControl as a
 * number, and the times of the password. A change of the password or of the lock of an account has
 * no inverse.
 */
#ifndef REST_ENTRY_VALUES_H
#define REST_ENTRY_VALUES_H

#include "base/error.h"
#include "http/changeset.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct directory_changes;
struct directory_entry;
struct entries;
struct request;

enum recorded_kind { RECORDED_CHANGE, RECORDED_CREATION, RECORDED_DELETION };

/* The recorded changes of one entry, without those of its memberships. */
struct recorded_entry {
    const struct entries *entries; /* the description of its kind */
    const char *guid;
    enum recorded_kind kind;
    bool is_restored; /* the creation is the restore of a deleted entry, which keeps values */
    const struct changed_field **fields;
    size_t count;
};

/* Returns the recorded change of a field; NULL: there is none. */
const struct changed_field *entry_values_find(const struct recorded_entry *recorded,
                                              const char *name);

/* Returns the text of a recorded value; NULL if it is no text. */
const char *entry_values_text(struct arena *arena, const char *json);

/* Adds a detail to *rejection_r, which is created if it is NULL, for each field whose value is not
 * the recorded one. After a creation, compares all fields that a client can set. */
struct error *entry_values_compare(struct request *request, const struct recorded_entry *recorded,
                                   const struct directory_entry *entry,
                                   struct error **rejection_r) MUST_CHECK;

/* Adds the detail that the field has another value now, as JSON; NULL: a value that the caller does
 * not see. */
void entry_values_reject(struct arena *arena, const char *field, const char *current,
                         struct error **rejection_r);

/* Adds the changes that set the previous values. ERR_NOT_REVERTIBLE with each field that has no
 * inverse; ERR_VALIDATION for a reference to an entry that does not exist any more. */
struct error *entry_values_set_previous(struct request *request,
                                        const struct recorded_entry *recorded,
                                        struct directory_changes *changes) MUST_CHECK;

#endif
