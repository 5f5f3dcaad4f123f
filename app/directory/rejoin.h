/*
 * Rejoin: the memberships of a restored object: those in groups, and those of its members.
 *
 * They are planned before the object is restored, together with it (sequence.h), and made after
 * that. A membership that cannot be given back does not prevent the others.
 */
#ifndef DIRECTORY_REJOIN_H
#define DIRECTORY_REJOIN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct directory;
struct directory_restoration;
struct directory_sequence;
struct directory_unrestored;

/* Maximum number of memberships that a restore gives back: each takes some milliseconds. */
enum { REJOIN_MAX = 5000 };

/* The restored object. */
struct rejoin_object {
    const char *guid, *kind;
    const char *dn; /* after the restore */
    bool exists;    /* it is restored already, and may have some of the memberships */
};

struct rejoin_membership;

/* The memberships of a restored object. */
struct rejoin {
    struct directory *directory;
    struct arena *arena;
    struct rejoin_object object;
    const char *filter; /* of the class of the object */
    struct rejoin_membership *list;
    size_t count;
};

/* Begins with the groups and members of the restoration. */
struct rejoin rejoin_new(struct directory *directory, struct arena *arena,
                         const struct directory_restoration *restoration,
                         const struct rejoin_object *object);

/* Checks the memberships, and plans those that can be given back and are missing. Fails only if the
 * directory does. */
struct error *rejoin_plan(struct rejoin *rejoin,
                          const struct directory_sequence *sequence) MUST_CHECK;

/* Adds the planned memberships, after their announcement. Stops at the first one for which the
 * directory fails. */
struct error *rejoin_make(struct rejoin *rejoin) MUST_CHECK;

/* Says that none of the planned memberships was made, because of the error of an earlier step. */
void rejoin_give_up(struct rejoin *rejoin, struct error *error);

/* Returns the memberships that were not given back and that the caller may see. */
const struct directory_unrestored *rejoin_missing(const struct rejoin *rejoin, size_t *count_r);

#endif
