/*
 * Counters: numbers of rows and sums of amounts that are kept up with each change, in its transaction,
 * so that nobody has to count when they are asked for. `kontora recount` verifies them.
 */
#ifndef REST_COUNTERS_H
#define REST_COUNTERS_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>

struct arena;
struct value;

/* The amount that a row adds to the counter of that name. */
struct counter_delta {
    const char *name; /* lives as long as the request */
    int64_t amount;
};

enum { COUNTER_DELTAS_MAX = 12 }; /* of one row */

struct counter_deltas {
    struct counter_delta list[COUNTER_DELTAS_MAX];
    size_t count;
};

void counter_deltas_add(struct counter_deltas *deltas, const char *name, int64_t amount);

/* Adds 1 to the counter of the rows that have this id in a column; a no-op if it is unset. */
void counter_deltas_add_id(struct counter_deltas *deltas, struct arena *arena, const char *prefix,
                           const struct value *id);

/* Returns the name of the counter of the UTC day that contains wall_ms. Such names sort as their
 * days do, until the year 9999. */
const char *counters_day_name(struct arena *arena, const char *prefix, int64_t wall_ms);

/* Updates the counters of an organization for a row whose deltas were `before` and are now `after`.
 * Inside of store_write(). */
struct error *counters_change(struct store *store, struct arena *arena, int64_t organization_id,
                              const struct counter_deltas *before,
                              const struct counter_deltas *after) MUST_CHECK;

struct error *counters_value(struct store *store, struct arena *arena, int64_t organization_id,
                             const char *name, int64_t *value_r) MUST_CHECK;

/* The values of those whose names are in the list, NULL after the last. */
struct error *counters_values(struct store *store, struct arena *arena, int64_t organization_id,
                              const char *const *names, int64_t *values_r) MUST_CHECK;

/* Counts everything anew, and adds a line for each counter that is something else; sets them right if
 * that is wanted. */
struct error *counters_recount(struct store *store, struct arena *arena, bool repair,
                               struct buffer *report, size_t *wrong_r) MUST_CHECK;

#endif
