/* Protected: objects that callers cannot change. */
#ifndef DIRECTORY_PROTECTED_H
#define DIRECTORY_PROTECTED_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct directory;
struct raw_entry;

/* An object that is about to be changed, as it was read by its objectGUID. */
struct target {
    const char *dn;
    int64_t account_control; /* 0: it has none */
};

/*
 * Reads an object for a change of it, or of its membership. ERR_PROTECTED_OBJECT if callers cannot
 * change it; a detail is the reason. `moves`: its DN is to change, so the objects below it count
 * too.
 */
struct error *protected_read(struct directory *directory, struct arena *arena, const char *guid,
                             bool moves, struct target *target_r) MUST_CHECK;

/* Names the attribute that protects an object; NULL: none. The groups above a group are not
 * considered. */
const char *protected_reason(struct arena *arena, const struct raw_entry *raw);

#endif
