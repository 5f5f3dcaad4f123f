/*
 * Deleted object: decodes an object in CN=Deleted Objects, and finds the place that it had.
 *
 * A deleted object has the DN "CN=name\0ADEL:guid,CN=Deleted Objects,DC=…" (MS-ADTS 3.1.1.5.5.1.3)
 * and keeps the DN of its parent in lastKnownParent. If the parent is deleted as well, its former
 * DN is composed of its own name and that of its last parent, and so on.
 */
#ifndef DIRECTORY_DELETED_OBJECT_H
#define DIRECTORY_DELETED_OBJECT_H

#include "base/error.h"

#include <ldap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;
struct raw_entry;

/* The place of an object before it was deleted. */
struct deleted_place {
    const char *parent_dn;   /* the former DN of the parent; NULL: unknown */
    const char *ancestor_dn; /* the nearest object above that is not deleted; NULL: unknown */
    bool parent_exists;      /* the parent is not deleted */
};

struct deleted_object {
    const char *dn, *guid;
    bool exists;         /* not deleted (any more); `dn` is that of the object, without a place */
    const char *name;    /* value of the RDN before the deletion */
    const char *rdn;     /* "CN=name", escaped */
    const char *kind;    /* see struct directory_deleted; NULL: another one */
    const char *account; /* sAMAccountName; NULL: none */
    struct deleted_place place;
    int64_t deleted_at; /* milliseconds since 1970 */
    bool is_recycled;   /* isRecycled is set: see deleted_object_find_bin() */
};

/* The controls that make deleted objects visible to a search, with NULL at the end. */
extern LDAPControl *deleted_object_controls[];

/* The attributes that deleted_object_decode() needs, with NULL at the end. */
extern char *deleted_object_attributes[];

/* Returns the DN of CN=Deleted Objects in the domain of LDAP_BASE_DN. */
const char *deleted_object_container(const struct directory *directory, struct arena *arena)
    __attribute__((returns_nonnull));

/* Deleted objects as they were read. */
struct deleted_objects {
    struct arena *arena;
    struct raw_entry *items;
    size_t count, capacity;
};

/* Reads the deleted objects in the container that match the filter. */
struct error *deleted_object_read_all(struct directory *directory, const char *container,
                                      const char *filter,
                                      struct deleted_objects *objects) MUST_CHECK;

/* The places that were found in a call, so that each deleted parent is read once. */
struct deleted_places {
    const char *container;
    const struct deleted_objects *all; /* all deleted objects; NULL: parents are read one by one */
    struct cached_place *items;
    size_t count, capacity;
};

/* Decodes a deleted object. False if it has no name or no objectGUID, as CN=Deleted Objects itself.
 * Leaves the place empty. */
bool deleted_object_decode(struct arena *arena, const struct raw_entry *raw,
                           struct deleted_object *object_r);

/* Finds the place that a deleted object had. */
struct error *deleted_object_locate(struct directory *directory, struct arena *arena,
                                    struct deleted_places *places, const struct raw_entry *raw,
                                    struct deleted_place *place_r) MUST_CHECK;

/* Sets *enabled_r to true if the Recycle Bin is enabled (MS-ADTS 3.1.1.9.1). Without it, every
 * deleted object can be restored, and Samba sets isRecycled of all of them. */
struct error *deleted_object_find_bin(struct directory *directory, struct arena *arena,
                                      bool *enabled_r) MUST_CHECK;

/*
 * Reads the object with this objectGUID, deleted or not. ERR_NOT_FOUND if there is none of the
 * listed kinds that the caller sees, or would see at its former place; ERR_NOT_RESTORABLE if it is
 * recycled, or exists and is of another kind. Also reads the attributes on which its rights depend:
 * userAccountControl, pwdLastSet, objectSid, sIDHistory, objectCategory and memberOf.
 *
 * If the caller does not see everything, the number of searches does not depend on the objects that
 * it does not see.
 */
struct error *deleted_object_find(struct directory *directory, struct arena *arena,
                                  const char *guid, struct raw_entry *raw_r,
                                  struct deleted_object *object_r) MUST_CHECK;

/* Returns the error for an object with this DN that is not deleted. */
struct error *deleted_object_not_deleted(struct arena *arena, const char *dn)
    __attribute__((returns_nonnull));

/* True if the object was below LDAP_BASE_DN and the caller would see it at its former place. An
 * object below a deleted parent counts as an object at the place of the nearest ancestor that
 * exists, because that decides about the rights on it. */
bool deleted_object_is_visible(const struct directory *directory, struct arena *arena,
                               const struct deleted_object *object);

#endif
