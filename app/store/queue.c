/*
 * Queue of the SQLite writers of all processes of a host, in memory that they share by fork.
 *
 * SQLite allows one writer at a time; its busy handler makes the others sleep and poll. This queue
 * wakes the next writer at once. It consists of two mutexes: a writer locks `next`, then `writing`,
 * and then unlocks `next`. So one writer waits for `writing` and all others for `next`: a process
 * that has just written cannot overtake a waiting one.
 *
 * Both mutexes are robust: if their owner crashes, the next process gets them. No state needs
 * repair then, because SQLite rolls back the transaction of the crashed process.
 */
#include "store/queue.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/query.h"
#include "store/shared.h"
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static void check_mutex_result(int result, const char *operation)
{
    if (result) {
        store_abort("queue of writers: cannot %s: %s", operation, strerror(result));
    }
}

struct store_shared *store_shared_new(void)
{
    struct store_shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        store_abort("queue of writers: cannot map memory: %s", strerror(errno));
    }
    pthread_mutexattr_t attributes;
    check_mutex_result(pthread_mutexattr_init(&attributes), "create attributes");
    check_mutex_result(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED),
                       "share a mutex");
    check_mutex_result(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST),
                       "make a mutex robust");
    check_mutex_result(pthread_mutex_init(&shared->next, &attributes), "create a mutex");
    check_mutex_result(pthread_mutex_init(&shared->writing, &attributes), "create a mutex");
    pthread_mutexattr_destroy(&attributes);
    return shared;
}

/* Locks a mutex. Returns false if the deadline passes. */
static bool lock_until(pthread_mutex_t *mutex, int64_t deadline_us)
{
    struct timespec deadline = {
        .tv_sec = deadline_us / US_PER_S,
        .tv_nsec = deadline_us % US_PER_S * NS_PER_US,
    };
    int result = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &deadline);
    if (result == EOWNERDEAD) {
        log_warning("SQLite: a process crashed while writing to the database");
        result = pthread_mutex_consistent(mutex);
    }
    if (result == ETIMEDOUT) {
        return false;
    }
    check_mutex_result(result, "lock a mutex");
    return true;
}

bool queue_enter(struct store_shared *shared, int64_t deadline_us)
{
    if (!lock_until(&shared->next, deadline_us)) {
        return false;
    }
    bool entered = lock_until(&shared->writing, deadline_us);
    check_mutex_result(pthread_mutex_unlock(&shared->next), "unlock a mutex");
    return entered;
}

void queue_leave(struct store_shared *shared)
{
    check_mutex_result(pthread_mutex_unlock(&shared->writing), "unlock a mutex");
}
