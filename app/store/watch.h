/* Watch: periodic health checks of the database, and SQLite's checkpoints. */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "base/error.h"

#include <stdint.h>

struct arena;
struct store;

/* Moves committed pages from SQLite's write-ahead log into the database file, so that the log
 * stays short. Never blocks readers; blocks writers only if the log has grown long. One process of
 * the host calls this every second. A no-op on PostgreSQL. */
struct error *store_checkpoint(struct store *store, struct arena *arena) MUST_CHECK;

/* Runs a query to check the database, stores the result for store_health() of all processes, and
 * does a checkpoint. Logs when the result changes. Takes as long as a query may take. Returns the
 * time of the steady clock at which to call it again. The store must have shared memory. */
int64_t store_watch(struct store *store);

enum store_state {
    STORE_UNKNOWN, /* not checked yet */
    STORE_DOWN,
    STORE_UP,
};

struct store_health {
    enum store_state state;
    int64_t latency_us; /* duration of the last check; -1: it failed, or there was none */
    int64_t checked_ms; /* wall clock; 0: never */
};

/* Returns the last result of store_watch() in any process, without a query. */
void store_health(const struct store *store, struct store_health *health_r);

#endif
