/* See counters.h. */
#include "rest/counters.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/field.h"
#include "rest/recount.h"
#include "rest/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The value of a counter is the sum of its slots. Concurrent changes wait for each other only if
 * they update the same slot. */
enum { SLOTS = 16 };

/* Number of the first day, so that the numbers of all days have the same length. */
enum { FIRST_DAY = 10000000 };

void counter_deltas_add(struct counter_deltas *deltas, const char *name, int64_t amount)
{
    if (deltas->count == COUNTER_DELTAS_MAX) {
        abort(); /* a bug: no row has so many deltas */
    }
    deltas->list[deltas->count++] = (struct counter_delta){name, amount};
}

void counter_deltas_add_id(struct counter_deltas *deltas, struct arena *arena, const char *prefix,
                           const struct value *id)
{
    if (id->state == VALUE_SET) {
        counter_deltas_add(deltas, arena_format(arena, "%s%" PRId64, prefix, id->integer), 1);
    }
}

const char *counters_day_name(struct arena *arena, const char *prefix, int64_t wall_ms)
{
    return arena_format(arena, "%s%" PRId64, prefix, FIRST_DAY + wall_ms / MS_PER_DAY);
}

/* Adds the deltas `added`, multiplied by `sign`, to the deltas of the same names in `all`. */
static void merge_deltas(struct counter_deltas *all, const struct counter_deltas *added, int sign)
{
    for (size_t i = 0; i < added->count; i++) {
        const struct counter_delta *delta = &added->list[i];
        size_t at = 0;
        while (at < all->count && strcmp(all->list[at].name, delta->name) != 0) {
            at++;
        }
        if (at == all->count) {
            counter_deltas_add(all, delta->name, 0);
        }
        all->list[at].amount += sign * delta->amount;
    }
}

static int compare_delta_names(const void *one, const void *other)
{
    return strcmp(((const struct counter_delta *)one)->name,
                  ((const struct counter_delta *)other)->name);
}

struct error *counters_update(struct store *store, struct arena *arena, int64_t organization_id,
                              const struct counter_deltas *before,
                              const struct counter_deltas *after)
{
    /* Each change takes the next slot, so that two processes that have collided do not collide
     * again. */
    static unsigned changes;
    int64_t slot = ((unsigned)getpid() + changes++) % SLOTS;
    struct counter_deltas all = {.count = 0};
    struct error *error = NULL;
    merge_deltas(&all, before, -1);
    merge_deltas(&all, after, 1);
    /* All changes update counters in the same order, so that they cannot deadlock in a slot. */
    qsort(all.list, all.count, sizeof all.list[0], compare_delta_names);
    for (size_t i = 0; i < all.count && !error; i++) {
        if (all.list[i].amount) {
            struct store_query *query = store_query(store, arena, SQL_COUNTERS_ADD);
            store_bind_integer(query, organization_id);
            store_bind_text(query, all.list[i].name);
            store_bind_integer(query, slot);
            store_bind_integer(query, all.list[i].amount);
            error = store_execute(query);
        }
    }
    return error;
}

struct error *counters_value(struct store *store, struct arena *arena, int64_t organization_id,
                             const char *name, int64_t *value_r)
{
    struct store_query *query = store_query(store, arena, SQL_COUNTERS_VALUE);
    store_bind_integer(query, organization_id);
    store_bind_text(query, name);
    return rows_read_number(query, value_r);
}

/* Finds the first and the last name in alphabetical order: the range that the query reads. */
static void find_name_range(const char *const *names, const char **least_r, const char **greatest_r)
{
    *least_r = *greatest_r = *names;
    for (; *names; names++) {
        *least_r = strcmp(*names, *least_r) < 0 ? *names : *least_r;
        *greatest_r = strcmp(*names, *greatest_r) > 0 ? *names : *greatest_r;
    }
}

struct error *counters_values(struct store *store, struct arena *arena, int64_t organization_id,
                              const char *const *names, int64_t *values_r)
{
    const char *least, *greatest;
    struct error *error;
    bool row;
    find_name_range(names, &least, &greatest);
    struct store_query *query = store_query(store, arena, SQL_COUNTERS_BETWEEN);
    store_bind_integer(query, organization_id);
    store_bind_text(query, least);
    store_bind_text(query, greatest);
    for (size_t i = 0; names[i]; i++) {
        values_r[i] = 0;
    }
    while (!(error = store_next(query, &row)) && row) {
        for (size_t i = 0; names[i]; i++) {
            if (!strcmp(names[i], store_text(query, SQL_COUNTERS_BETWEEN_NAME, NULL))) {
                values_r[i] = store_integer(query, SQL_COUNTERS_BETWEEN_TOTAL);
            }
        }
    }
    return error;
}

/* --- recount ---------------------------------------------------------------------------------- */

static void describe_wrong_counter(struct buffer *report, const struct store_query *query)
{
    buffer_format(report, "organization %" PRId64 ", %s: stored %" PRId64 ", counted %" PRId64 "\n",
                  store_integer(query, SQL_COUNTERS_WRONG_ORGANIZATION_ID),
                  store_text(query, SQL_COUNTERS_WRONG_NAME, NULL),
                  store_integer(query, SQL_COUNTERS_WRONG_IS_VALUE),
                  store_integer(query, SQL_COUNTERS_WRONG_TRUE_VALUE));
}

struct error *counters_recount(struct store *store, struct arena *arena, bool repair,
                               struct buffer *report, size_t *wrong_r)
{
    static const struct recount recount = {SQL_COUNTERS_WRONG, SQL_COUNTERS_REPAIR,
                                           describe_wrong_counter};
    return recount_run(&recount, store, arena, repair, report, wrong_r);
}
