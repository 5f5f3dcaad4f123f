/* Optional: attributes that the schema of the directory may lack. */
#ifndef DIRECTORY_OPTIONAL_H
#define DIRECTORY_OPTIONAL_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct directory;
struct directory_entry;

/* An attribute of an entry that is TRUE or FALSE. */
struct directory_optional {
    bool exists; /* the schema permits the attribute */
    bool is_true;
};

struct error *directory_read_optional(struct directory *directory, struct arena *arena,
                                      const struct directory_entry *entry, const char *attribute,
                                      struct directory_optional *found_r) MUST_CHECK;

#endif
