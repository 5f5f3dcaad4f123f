/*
 * Watch: what the housekeeper does about the database. It asks whether it answers, and notes that in
 * memory that all processes share, so that nobody else has to ask only to know; and it keeps
 * SQLite's log short.
 */
#include "store/watch.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/engine.h"
#include "store/shared.h"
#include "store/store.h"

enum { INTERVAL_US = US_PER_S };

/* A question that reads the database itself, whatever is in it. */
static struct error *ask(struct store *store, struct arena *arena)
{
    return store_execute(store_query(store, arena, SQL_SCHEMA_MIGRATIONS_EXIST));
}

static void note(struct store_shared *shared, int64_t latency_us)
{
    atomic_store(&shared->health.latency_us, latency_us);
    atomic_store(&shared->health.checked_ms, clock_wall_ms());
    atomic_store(&shared->health.state, latency_us < 0 ? STORE_DOWN : STORE_UP);
}

static void log_change(bool *logged, const struct error *error, const char *what)
{
    if (error && !*logged) {
        log_error("%s: %s", what, error->cause);
    } else if (!error && *logged) {
        log_info("%s: it works again", what);
    }
    *logged = error;
}

int64_t store_watch(struct store *store)
{
    struct arena *arena = arena_new();
    int64_t began = clock_steady_us();
    struct error *error = ask(store, arena);
    note(store->shared, error ? -1 : clock_steady_us() - began);
    log_change(&store->down_logged, error, "database");
    if (!error) {
        error = store_checkpoint(store, arena);
        log_change(&store->checkpoint_logged, error, "checkpoint of the database");
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
