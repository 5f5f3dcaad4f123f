/* Find: reads and decodes one object by its DN. */
#ifndef DIRECTORY_FIND_H
#define DIRECTORY_FIND_H

#include "base/error.h"
#include "directory/entry.h"

struct arena;
struct directory;
struct directory_class;
struct directory_entry;

/* Reads the object of the class at a DN. ERR_NOT_FOUND if it does not exist or is of another
 * class. */
struct error *find_entry(struct directory *directory, struct arena *arena,
                         const struct directory_class *class, const char *dn,
                         enum entry_extent extent, struct directory_entry **entry_r) MUST_CHECK;

/* Reads an object after a successful change. ERR_RESULT_UNREAD if it cannot be read. */
struct error *find_result(struct directory *directory, struct arena *arena,
                          const struct directory_class *class, const char *dn,
                          struct directory_entry **entry_r) MUST_CHECK;

#endif
