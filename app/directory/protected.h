/* Protected: detects objects that clients must not change. */
#ifndef DIRECTORY_PROTECTED_H
#define DIRECTORY_PROTECTED_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct directory;
struct raw_entry;

/* An object to change, as it was read by its objectGUID. */
struct target {
    const char *dn;
    int64_t account_control; /* userAccountControl; 0: none */
    bool is_unreadable;      /* the service account cannot read its class, or its SID */
};

/*
 * Reads an object before it or its membership is changed. ERR_PROTECTED_OBJECT, with the reason as
 * its detail, if clients must not change it. `moves` is true if its DN changes: then the objects
 * below it must not be protected either.
 */
struct error *protected_read(struct directory *directory, struct arena *arena, const char *guid,
                             bool moves, struct target *target_r) MUST_CHECK;

/* Fails if the object is the account of a domain controller, which is never changed or deleted,
 * whatever DIRECTORY_PROTECTED is: that would disable the controller. */
struct error *protected_check_controller(const struct directory *directory, struct arena *arena,
                                         const struct target *target) MUST_CHECK;

/* Returns ERR_DIRECTORY_REFUSED if the DN is the base DN, which is never renamed, moved or deleted,
 * whatever DIRECTORY_PROTECTED is. */
struct error *protected_check_base(const struct directory *directory, struct arena *arena,
                                   const char *dn) MUST_CHECK;

/* Returns the attribute and value that protect an object, as text; NULL if it is not protected.
 * Does not consider the groups of which a group or a foreign principal is a member. */
const char *protected_reason(struct arena *arena, const struct raw_entry *raw);

#endif
