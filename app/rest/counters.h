/*
 * Counters: numbers of rows and sums of amounts. Each change of a row updates its counters in the
 * same transaction, so that reading a total counts no rows. `kontora recount` verifies the
 * counters.
 */
#ifndef REST_COUNTERS_H
#define REST_COUNTERS_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>

struct arena;
struct value;

/* The amount that a row adds to the counter of this name. */
struct counter_delta {
    const char *name; /* name of the counter; must live as long as the request */
    int64_t amount;
};

enum { COUNTER_DELTAS_MAX = 12 }; /* maximum number of deltas of one row */

struct counter_deltas {
    struct counter_delta list[COUNTER_DELTAS_MAX];
    size_t count;
};

void counter_deltas_add(struct counter_deltas *deltas, const char *name, int64_t amount);

/* Adds 1 to the counter whose name is `prefix` and the id. No-op if the id is unset. */
void counter_deltas_add_id(struct counter_deltas *deltas, struct arena *arena, const char *prefix,
                           const struct value *id);

/* Returns the name of the counter for the UTC day that contains wall_ms. Until the year 9999, the
 * names sort in the order of their days. */
const char *counters_day_name(struct arena *arena, const char *prefix, int64_t wall_ms);

/* Updates the counters of an organization after a row has changed: subtracts the deltas `before`
 * and adds the deltas `after`. Called inside of store_write(). */
struct error *counters_update(struct store *store, struct arena *arena, int64_t organization_id,
                              const struct counter_deltas *before,
                              const struct counter_deltas *after) MUST_CHECK;

/* Reads one counter; 0 if it does not exist. */
struct error *counters_value(struct store *store, struct arena *arena, int64_t organization_id,
                             const char *name, int64_t *value_r) MUST_CHECK;

/* Reads several counters. NULL ends `names`; values_r has a value for each name. */
struct error *counters_values(struct store *store, struct arena *arena, int64_t organization_id,
                              const char *const *names, int64_t *values_r) MUST_CHECK;

/* Compares all counters with the rows that they count (rest/recount.h). */
struct error *counters_recount(struct store *store, struct arena *arena, bool repair,
                               struct buffer *report, size_t *wrong_r) MUST_CHECK;

#endif
