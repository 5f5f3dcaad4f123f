/*
 * The queue of SQLite's writers, of all processes of a host: memory that they share by fork.
 *
 * SQLite lets one write at a time, and who finds it busy sleeps for a guessed time and tries again.
 * Here they are woken. It is a turnstile of two locks: who holds `next` waits for `writing`, all
 * others wait for `next`; so who has just written cannot pass by who waits already.
 *
 * Both are robust: when a process dies with one, the next one has it. Nothing is to be repaired
 * then, for SQLite has rolled back what the dead one had not committed.
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

static void must(int result, const char *what)
{
    if (result) {
        store_slip("the queue of writers: %s: %s", what, strerror(result));
    }
}

struct store_shared *store_shared_new(void)
{
    struct store_shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        store_slip("the queue of writers: %s", strerror(errno));
    }
    pthread_mutexattr_t attributes;
    must(pthread_mutexattr_init(&attributes), "attributes");
    must(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), "shared");
    must(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), "robust");
    must(pthread_mutex_init(&shared->next, &attributes), "next");
    must(pthread_mutex_init(&shared->writing, &attributes), "writing");
    pthread_mutexattr_destroy(&attributes);
    return shared;
}

static bool lock(pthread_mutex_t *mutex, int64_t deadline_us)
{
    struct timespec deadline = {
        .tv_sec = deadline_us / US_PER_S,
        .tv_nsec = deadline_us % US_PER_S * NS_PER_US,
    };
    int result = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &deadline);
    if (result == EOWNERDEAD) {
        log_warning("a process has died while it wrote to the database");
        result = pthread_mutex_consistent(mutex);
    }
    if (result == ETIMEDOUT) {
        return false;
    }
    must(result, "lock");
    return true;
}

bool queue_enter(struct store_shared *shared, int64_t deadline_us)
{
    if (!lock(&shared->next, deadline_us)) {
        return false;
    }
    bool entered = lock(&shared->writing, deadline_us);
    must(pthread_mutex_unlock(&shared->next), "unlock");
    return entered;
}

void queue_leave(struct store_shared *shared)
{
    must(pthread_mutex_unlock(&shared->writing), "unlock");
}
