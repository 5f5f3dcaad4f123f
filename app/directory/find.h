/* Find: reads and decodes one object by its DN. */
#ifndef DIRECTORY_FIND_H
#define DIRECTORY_FIND_H

#include "base/error.h"
#include "directory/entry.h"

struct arena;
struct directory;
struct directory_class;
struct directory_entry;
struct directory_guard;
struct raw_entry;

/* Reads the object of the class at a DN. ERR_NOT_FOUND if it does not exist or is of another
 * class. */
struct error *find_entry(struct directory *directory, struct arena *arena,
                         const struct directory_class *class, const char *dn,
                         enum entry_extent extent, struct directory_entry **entry_r) MUST_CHECK;

/* Reads the attributes that the version of an object depends on, and these further ones, with all
 * their values. */
struct error *find_version(struct directory *directory, struct arena *arena,
                           const struct directory_class *class, const char *dn, char **attributes,
                           struct raw_entry *raw_r) MUST_CHECK;

/* Computes the version of an object that find_version() has read, as the caller sees the object:
 * values that refer to other objects are part of it only if the caller sees those. */
const char *find_compute_version(const struct directory *directory, struct arena *arena,
                                 const struct directory_class *class, const struct raw_entry *raw);

/* Evaluates a condition for the current version of an object; no-op if there is no guard. */
struct error *find_check_guard(struct directory *directory, struct arena *arena, const char *dn,
                               const struct directory_guard *guard) MUST_CHECK;

/* Reads an object after a successful change. ERR_RESULT_UNREAD if it cannot be read. */
struct error *find_result(struct directory *directory, struct arena *arena,
                          const struct directory_class *class, const char *dn,
                          struct directory_entry **entry_r) MUST_CHECK;

#endif
