/*
 * Watch: the periodic job for the database, which the housekeeper (proc/housekeeper.h) runs. It
 * checks the database, stores the result in shared memory, so that no other process needs a check
 * of its own, and keeps SQLite's log short.
 */
#include "store/watch.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/engine.h"
#include "store/keys.h"
#include "store/shared.h"
#include "store/store.h"

enum { INTERVAL_US = US_PER_S };

/* Logs the first failure and the recovery, not every attempt. */
static void log_store_change(bool *logged, const struct error *error, const char *object)
{
    if (error && !*logged) {
        log_error("%s: %s", object, error->cause);
    } else if (!error && *logged) {
        log_info("%s: works again", object);
    }
    *logged = error;
}

int64_t store_watch(struct store *store)
{
    struct arena *arena = arena_new();
    int64_t began = clock_steady_us();
    struct store_shared *shared = store->shared;
    struct error *error = store_keys_watch(store, arena);
    if (!error) { /* this statement reads the database file, and works on every schema */
        error = store_execute(store_query(store, arena, SQL_SCHEMA_MIGRATIONS_EXIST));
    }
    atomic_store(&shared->health.latency_us, error ? -1 : clock_steady_us() - began);
    atomic_store(&shared->health.checked_ms, clock_wall_ms());
    atomic_store(&shared->health.state, error ? STORE_DOWN : STORE_UP);
    log_store_change(&store->down_logged, error, "database");
    if (!error) {
        error = store_checkpoint(store, arena);
        log_store_change(&store->checkpoint_logged, error, "database checkpoint");
    }
    arena_free(&arena);
    return clock_steady_us() + INTERVAL_US;
}

void store_health(const struct store *store, struct store_health *health_r)
{
    struct store_shared *shared = store->shared;
    *health_r = (struct store_health){.latency_us = -1};
    if (shared && atomic_load(&shared->health.checked_ms)) {
        health_r->state = (enum store_state)atomic_load(&shared->health.state);
        health_r->latency_us = atomic_load(&shared->health.latency_us);
        health_r->checked_ms = atomic_load(&shared->health.checked_ms);
    }
}
