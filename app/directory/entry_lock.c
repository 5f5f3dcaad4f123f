/*
 * Entry lock: serializes the changes that all processes of a host make to one object.
 *
 * A change reads the object, decides, and writes. LDAP has no transaction for that, and a modify
 * operation that deletes the old value detects only some concurrent changes: Samba ignores the old
 * value of userAccountControl, and compares others without regard to case and blanks. So a change
 * holds the lock of its object from its last read to the end of its write.
 *
 * The locks are robust mutexes in shared memory: if a process crashes, the next one gets its lock.
 * No state needs repair then, because the object is in the directory. An object always uses the
 * same one of a fixed number of mutexes; objects that share one wait for each other, which is rare
 * and harmless.
 *
 * The locks do not exclude other hosts and other programs: see condition.h.
 */
#include "directory/entry_lock.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/shared.h"
#include "directory/connection.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCKS = 4096,
    RETRY_AFTER_S = 1, /* Retry-After if other changes of the same object take too long */
};

static pthread_mutex_t *locks; /* NULL: not yet allocated */

static void check_lock_result(int result, const char *operation)
{
    if (result) {
        log_error("directory: locks of objects: cannot %s: %s", operation, strerror(result));
        abort();
    }
}

void entry_lock_share(void)
{
    pthread_mutexattr_t attributes;
    check_lock_result(pthread_mutexattr_init(&attributes), "create attributes");
    check_lock_result(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), "share");
    check_lock_result(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST),
                      "make robust");
    locks = shared_alloc(LOCKS * sizeof(pthread_mutex_t));
    for (size_t i = 0; i < LOCKS; i++) {
        check_lock_result(pthread_mutex_init(&locks[i], &attributes), "create");
    }
    pthread_mutexattr_destroy(&attributes);
}

/* Returns the index of the object's mutex, from a hash (FNV-1a) of its GUID. */
static size_t find_lock_index(const char *guid)
{
    static const uint64_t prime = 1099511628211U;
    uint64_t hash = 14695981039346656037U;
    for (const char *c = guid; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * prime;
    }
    return hash % LOCKS;
}

bool entry_lock_wait(const char *guid, int64_t deadline_us, struct entry_lock *lock_r)
{
    if (!locks) {
        entry_lock_share(); /* without a master, as in unit programs */
    }
    struct timespec deadline = {
        .tv_sec = deadline_us / US_PER_S,
        .tv_nsec = deadline_us % US_PER_S * NS_PER_US,
    };
    lock_r->index = find_lock_index(guid);
    int result = pthread_mutex_clocklock(&locks[lock_r->index], CLOCK_MONOTONIC, &deadline);
    if (result == EOWNERDEAD) {
        log_warning("directory: a process crashed while it changed an object");
        result = pthread_mutex_consistent(&locks[lock_r->index]);
    }
    if (result == ETIMEDOUT) {
        return false;
    }
    check_lock_result(result, "lock");
    return true;
}

struct error *entry_lock_acquire(struct directory *directory, struct arena *arena, const char *guid,
                                 struct entry_lock *lock_r)
{
    int64_t wait_us = connection_config(directory)->ldap_timeout_ms * US_PER_MS;
    if (!entry_lock_wait(guid, clock_steady_us() + wait_us, lock_r)) {
        struct error *error =
            error_new(arena, ERR_OVERLOADED, "other requests are still changing the same object");
        error->retry_after_s = RETRY_AFTER_S;
        return error;
    }
    connection_begin_call(directory);
    return NULL;
}

void entry_lock_release(const struct entry_lock *lock)
{
    check_lock_result(pthread_mutex_unlock(&locks[lock->index]), "unlock");
}
