/* Entry lock: serializes the changes that all processes of a host make to one object. */
#ifndef DIRECTORY_ENTRY_LOCK_H
#define DIRECTORY_ENTRY_LOCK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;

/* A lock that a process holds, for entry_lock_release(). */
struct entry_lock {
    size_t index;
};

/* Waits until no other process of the host changes the object with this objectGUID, then restarts
 * the deadline of the call. ERR_OVERLOADED after LDAP_TIMEOUT_MS. A process holds at most one
 * lock. */
struct error *entry_lock_acquire(struct directory *directory, struct arena *arena, const char *guid,
                                 struct entry_lock *lock_r) MUST_CHECK;

/* Waits for the lock. Returns false if the deadline, on the clock of clock_steady_us(), passes
 * first. */
bool entry_lock_wait(const char *guid, int64_t deadline_us, struct entry_lock *lock_r) MUST_CHECK;

void entry_lock_release(const struct entry_lock *lock);

/* Allocates the locks in shared memory. The master calls it before it forks. */
void entry_lock_share(void);

#endif
