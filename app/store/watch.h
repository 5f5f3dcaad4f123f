/* Watch: checkpoints and the health of the database, for the housekeeper. */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "base/error.h"

#include <stdint.h>

struct arena;
struct store;

/* Moves what was committed from SQLite's log into its file, so that the log stays short. Never in
 * the way of readers, and of writers only when the log has grown long. To be called every second by
 * one process of the host; does nothing on PostgreSQL. */
struct error *store_checkpoint(struct store *store, struct arena *arena) MUST_CHECK;

/* Asks the database whether it answers, for store_health() of all processes, and checkpoints; the
 * log gets every change. Takes as long as a query may. Returns when to be called again, of the
 * steady clock. For a store that has somebody to share with. */
int64_t store_watch(struct store *store);

enum store_state {
    STORE_UNKNOWN, /* not asked yet */
    STORE_DOWN,
    STORE_UP,
};

struct store_health {
    enum store_state state;
    int64_t latency_us; /* of the last answer; -1: there was none */
    int64_t checked_ms; /* wall clock; 0: never */
};

/* Returns the last result of store_watch() in any process, without a query. */
void store_health(const struct store *store, struct store_health *health_r);

#endif
