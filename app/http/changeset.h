/*
 * Change set: the fields that a request changes, with their values before and after. The audit row
 * of the request and the reply to ?dry_run=true are made from it.
 */
#ifndef HTTP_CHANGESET_H
#define HTTP_CHANGESET_H

#include "base/field.h"
#include "base/jsonw.h"

#include <stddef.h>

struct arena;

/* The value of a secret field in a change set, before and after. */
#define CHANGESET_SECRET "\"***\""

/* A changed field of an object. The strings are not copied and live as long as the request. */
struct changed_field {
    const char *resource; /* type of the object as in audit lines, such as "contact" */
    const char *id;       /* id of a row, objectGUID of an entry; NULL: not known yet */
    const char *field;
    const char *before, *after; /* JSON values; "null" if the field has no value */
};

/* An object, and which of its fields are recorded. */
struct changed_object {
    const char *resource, *id;
    const struct field *fields;
    const char *const *names; /* ends with NULL */
};

/* Initialized with zeros. */
struct changeset {
    struct changed_field *items;
    size_t count, capacity;
};

/* The changes that an audit row has recorded. */
struct recorded_changes {
    int64_t id; /* of the row */
    const char *action, *resource, *object_id;
    struct changeset changes;
};

void changeset_add(struct changeset *changes, struct arena *arena,
                   const struct changed_field *change);

/* Adds a field if its values differ. Replaces the values of a secret field. NULL: no value. */
void changeset_add_value(struct changeset *changes, struct arena *arena, const char *resource,
                         const char *id, const struct field *field, const struct value *before,
                         const struct value *after);

/* Adds each field of the map whose values differ. `before` is NULL if the object is created,
 * `after` if it is removed. Leaves internal fields out. */
void changeset_add_values(struct changeset *changes, struct arena *arena, const char *resource,
                          const char *id, const struct field *fields, const struct value *before,
                          const struct value *after);

/* Like changeset_add_values(), for the named fields only. */
void changeset_add_object(struct changeset *changes, struct arena *arena,
                          const struct changed_object *object, const struct value *before,
                          const struct value *after);

/* Adds a text of `object`, whose fields are not used, if it changes. NULL: no value. */
void changeset_add_text(struct changeset *changes, struct arena *arena,
                        const struct changed_object *object, const char *name, const char *before,
                        const char *after);

/* Adds a new secret of `object`, whose fields are not used, without its values. */
void changeset_add_secret(struct changeset *changes, struct arena *arena,
                          const struct changed_object *object, const char *field);
/* Returns the value of a field as JSON; "null" if it has none. */
const char *changeset_format_value(struct arena *arena, const struct field *field,
                                   const struct value *value) __attribute__((returns_nonnull));

/* True if two values in JSON are equal, however they are written. */
bool changeset_is_equal(const char *one, const char *other);

/* Removes all changes but the first `count`. */
void changeset_truncate(struct changeset *changes, size_t count);

/* Writes the changes from the position `first` as a JSON array. Leaves the names of the object out
 * of changes whose object is `resource` and `id`; NULL: of none. */
void changeset_write(struct jsonw *json, const char *key, const struct changeset *changes,
                     size_t first, const char *resource, const char *id);

/* Parses the array that changeset_write() has written with the same `resource` and `id`. Returns
 * false if the text is something else. */
bool changeset_read(struct arena *arena, const char *text, const char *resource, const char *id,
                    struct changeset *changes_r) MUST_CHECK;

#endif
