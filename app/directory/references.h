/* References: the objects that DN-valued attributes refer to, such as the manager of a user. */
#ifndef DIRECTORY_REFERENCES_H
#define DIRECTORY_REFERENCES_H

#include "base/error.h"

#include <stddef.h>

struct arena;
struct directory;
struct field;
struct raw_entry;
struct value;

/* Another object, as it is shown. */
struct reference {
    const char *dn;
    const char *guid; /* NULL: not read, or outside the base DN */
    const char *name; /* its displayName, else its cn; NULL: not read */
};

/* A set of objects with different DNs; zero-initialized. */
struct references {
    struct reference *items;
    size_t count;
};

/* Adds the objects that this attribute of the entries refers to. */
void references_add(struct references *references, struct arena *arena,
                    const struct raw_entry *raws, size_t count, const char *attribute);

/* Reads all objects of the set, with one search for a hundred of them. */
struct error *references_read(struct references *references, struct directory *directory,
                              struct arena *arena) MUST_CHECK;

/* An object that the field of a request refers to by its objectGUID or DN. */
struct references_wanted {
    const char *text, *field;
    const char *filter;    /* that the object must match */
    enum fault_id missing; /* the fault if there is no such object below the base DN */
    char **attributes;     /* to read */
};

/* Finds the object. ERR_VALIDATION for the field if there is none. */
struct error *references_find(struct directory *directory, struct arena *arena,
                              const struct references_wanted *wanted,
                              struct raw_entry *raw_r) MUST_CHECK;

/* Finds the user or contact that the field of a request refers to, by its objectGUID or DN.
 * ERR_VALIDATION for the field if there is none below the base DN that the caller sees. */
struct error *directory_resolve_person(struct directory *directory, struct arena *arena,
                                       const char *text, const char *field,
                                       const char **dn_r) MUST_CHECK;

/* Like directory_resolve_person(), for an object of any class. */
struct error *directory_resolve_object(struct directory *directory, struct arena *arena,
                                       const char *text, const char *field,
                                       const char **dn_r) MUST_CHECK;

/* Returns the record of the object with this DN. Its field map has the fields "dn", "objectGUID"
 * and "name". The name of an object that was not read is the one in its DN. */
struct value *references_record(const struct references *references, struct arena *arena,
                                const struct field *fields, const char *dn)
    __attribute__((returns_nonnull));

#endif
