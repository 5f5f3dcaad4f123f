/*
 * Health of the storage: the housekeeper (the process for periodic jobs) checks it and notes the
 * result in shared memory, so that other processes can read it without a request to the storage.
 */
#include "objects/objects.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"

#include <stdatomic.h>

enum {
    INTERVAL_US = 5 * US_PER_S,
    INTERVAL_DOWN_US = US_PER_S,
};

static struct shared_health {
    _Atomic int64_t latency_us, checked_ms;
    _Atomic int state;
} * shared;

void objects_share(void)
{
    shared = shared_alloc(sizeof *shared);
}

int64_t objects_watch(struct objects *objects)
{
    struct arena *arena = arena_new();
    int64_t began = clock_steady_us();
    struct error *error = objects_check(objects, arena);
    bool was_down = atomic_load(&shared->state) == OBJECTS_DOWN;
    if (error && !was_down) {
        log_error("storage: unavailable: %s", error->cause);
    } else if (!error && was_down) {
        log_info("storage: available again");
    }
    atomic_store(&shared->latency_us, error ? -1 : clock_steady_us() - began);
    atomic_store(&shared->checked_ms, clock_wall_ms());
    atomic_store(&shared->state, error ? OBJECTS_DOWN : OBJECTS_UP);
    int64_t next = clock_steady_us() + (error ? INTERVAL_DOWN_US : INTERVAL_US);
    arena_free(&arena);
    return next;
}

void objects_health(struct objects_health *health_r)
{
    *health_r = (struct objects_health){.latency_us = -1};
    if (shared && atomic_load(&shared->checked_ms)) {
        health_r->state = (enum objects_state)atomic_load(&shared->state);
        health_r->latency_us = atomic_load(&shared->latency_us);
        health_r->checked_ms = atomic_load(&shared->checked_ms);
    }
}
