/* Taken: finds the objects that already have a name which must be unique. */
#ifndef DIRECTORY_TAKEN_H
#define DIRECTORY_TAKEN_H

#include "base/error.h"

struct arena;
struct directory;
struct directory_changes;
struct directory_class;

/* Returns ERR_ALREADY_EXISTS if the changes set a sAMAccountName or a userPrincipalName of another
 * object in the domain; its details name the fields and the objects. `own_guid` is the object that
 * is changed; NULL: a new one. */
struct error *taken_find(struct directory *directory, struct arena *arena,
                         const struct directory_class *class,
                         const struct directory_changes *changes, const char *own_guid) MUST_CHECK;

/* Like taken_find(), for names of other objects that the directory distinguishes but people do not:
 * ß and ss, or the forms of an Internet domain. Searches only if the name has another spelling. */
struct error *taken_find_similar(struct directory *directory, struct arena *arena,
                                 const struct directory_class *class,
                                 const struct directory_changes *changes,
                                 const char *own_guid) MUST_CHECK;

/* Returns the error of a change. If it is ERR_ALREADY_EXISTS without details, adds the details of
 * taken_find() and of the object at `dn`, the new place of the object; NULL: it is not moved. */
struct error *taken_explain(struct directory *directory, struct arena *arena,
                            const struct directory_class *class,
                            const struct directory_changes *changes, const char *own_guid,
                            const char *dn, struct error *error) __attribute__((returns_nonnull));

#endif
