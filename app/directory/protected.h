/* Protected: detects objects that clients must not change. */
#ifndef DIRECTORY_PROTECTED_H
#define DIRECTORY_PROTECTED_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct caller_need;
struct directory;
struct raw_entry;

/* An object to change, as it was read by its objectGUID. */
struct target {
    const char *dn;
    int64_t account_control; /* userAccountControl; 0: none */
    bool is_unreadable;      /* the service account cannot read its class, or its SID */
};

/* The kinds of changes. */
enum protected_change {
    PROTECTED_MODIFY,
    PROTECTED_MOVE, /* the DN changes, and that of each object below */
    PROTECTED_DELETE,
};

/*
 * Reads an object before it or its membership is changed. ERR_FORBIDDEN if the caller lacks a right
 * that the change needs (caller.h), or if the object, or a group that it is in, has more rights
 * than the caller. ERR_PROTECTED_OBJECT, with the reason as its detail, if clients must not change
 * it. With PROTECTED_MOVE, the objects below it must not be protected or have more rights either.
 */
struct error *protected_read(struct directory *directory, struct arena *arena, const char *guid,
                             enum protected_change change, const struct caller_need *need,
                             struct target *target_r) MUST_CHECK;

/* Returns the DN by which a change addresses the object after it was read. It is the objectGUID, so
 * that a concurrent rename cannot redirect the change to another object; but the rights of a
 * delegate hold at a place, so that the directory must refuse the change if the object has left
 * that place meanwhile. */
const char *protected_address(const struct directory *directory, struct arena *arena,
                              const char *guid, const struct target *target);

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
