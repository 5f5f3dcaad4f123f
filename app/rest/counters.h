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

/* What a row adds to the counter of that name. */
struct tally {
    const char *name; /* lives as long as the request */
    int64_t amount;
};

enum { TALLIES_MAX = 12 }; /* of one row */

struct tallies {
    struct tally list[TALLIES_MAX];
    size_t count;
};

void tallies_add(struct tallies *tallies, const char *name, int64_t amount);

/* The same for the counter of a value: of rows with that id in a column. None, none. */
void tallies_add_id(struct tallies *tallies, struct arena *arena, const char *prefix,
                    const struct value *id);

/* The name of the counter of a day in UTC, by any of its milliseconds, for what is counted day by day;
 * such names sort as their days do, until the year 9999. */
const char *counters_day_name(struct arena *arena, const char *prefix, int64_t wall_ms);

/* What becomes of the counters of an organization when a row that had the one set of tallies has the
 * other. Inside of store_write(). */
struct error *counters_change(struct store *store, struct arena *arena, int64_t organization_id,
                              const struct tallies *before, const struct tallies *after) MUST_CHECK;

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
