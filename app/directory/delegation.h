/* Delegation: finds the principals and scopes of delegations, which are stored by their
 * objectGUID. */
#ifndef DIRECTORY_DELEGATION_H
#define DIRECTORY_DELEGATION_H

#include "base/error.h"

#include <stddef.h>

struct arena;
struct directory;

struct directory_object {
    const char *guid; /* objectGUID */
    const char *dn;   /* NULL: there is no such object below the base DN */
    const char *name; /* its displayName, else the name in its DN */
    const char *sid;  /* NULL: none, or not read */
};

/* Finds the user or the security group that the field of a request refers to by its objectGUID or
 * DN. ERR_VALIDATION for the field if there is none below the base DN. */
struct error *directory_find_principal(struct directory *directory, struct arena *arena,
                                       const char *text, const char *field,
                                       struct directory_object *object_r) MUST_CHECK;

/* Finds the organizational unit, container or domain, as directory_find_principal() does.
 * ERR_VALIDATION also for CN=System and below. */
struct error *directory_find_scope(struct directory *directory, struct arena *arena,
                                   const char *text, const char *field,
                                   struct directory_object *object_r) MUST_CHECK;

/* Reads DN and name of the objects with these GUIDs, with one search for a hundred of them. Sorts
 * the objects by GUID. */
struct error *directory_locate(struct directory *directory, struct arena *arena,
                               struct directory_object *objects, size_t count) MUST_CHECK;

/* Returns the object with this GUID among objects that directory_locate() has sorted, or NULL. */
const struct directory_object *directory_located(const struct directory_object *objects,
                                                 size_t count, const char *guid);

#endif
