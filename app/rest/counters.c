/* See counters.h. */
#include "rest/counters.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/field.h"
#include "rest/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Changes that are made at once collide only if they share a slot; a sum has at most so many parts. */
enum { SLOTS = 16 };

enum { FIRST_DAY = 10000000 };

void counter_deltas_add(struct counter_deltas *deltas, const char *name, int64_t amount)
{
    if (deltas->count == COUNTER_DELTAS_MAX) {
        abort(); /* a slip of the code: no row counts so often */
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

/* Adds `sign` times each of `added` to those of the same name. */
static void merge(struct counter_deltas *all, const struct counter_deltas *added, int sign)
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

static struct error *add(struct store *store, struct arena *arena, int64_t organization_id,
                         int64_t slot, const struct counter_delta *delta)
{
    struct store_query *query = store_query(store, arena, SQL_COUNTERS_ADD);
    store_bind_integer(query, organization_id);
    store_bind_text(query, delta->name);
    store_bind_integer(query, slot);
    store_bind_integer(query, delta->amount);
    return store_execute(query);
}

static int by_name(const void *one, const void *other)
{
    return strcmp(((const struct counter_delta *)one)->name,
                  ((const struct counter_delta *)other)->name);
}

struct error *counters_change(struct store *store, struct arena *arena, int64_t organization_id,
                              const struct counter_deltas *before,
                              const struct counter_deltas *after)
{
    /* Each change goes on to the next, so that two who have collided do not meet again. */
    static unsigned changes;
    int64_t slot = ((unsigned)getpid() + changes++) % SLOTS;
    struct counter_deltas all = {.count = 0};
    struct error *error = NULL;
    merge(&all, before, -1);
    merge(&all, after, 1);
    /* In one order whatever the change: two who share a slot must not wait for each other. */
    qsort(all.list, all.count, sizeof all.list[0], by_name);
    for (size_t i = 0; i < all.count && !error; i++) {
        if (all.list[i].amount) {
            error = add(store, arena, organization_id, slot, &all.list[i]);
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
    return rows_number(query, value_r);
}

/* The least and the greatest of the names, between which the database looks. */
static void bounds(const char *const *names, const char **least_r, const char **greatest_r)
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
    bounds(names, &least, &greatest);
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

/* --- counting anew --------------------------------------------------------------------------- */

struct recount {
    struct arena *arena;
    struct buffer *report;
    bool repair;
    size_t wrong;
};

/* Finds the wrong counters, then repairs them: a query must have ended before the next one writes
 * on its connection. Replaces the report, because a write may run it again. */
static struct error *recount(struct store *store, void *context)
{
    struct recount *work = context;
    struct buffer report = {.arena = work->arena};
    struct store_query *query = store_query(store, work->arena, SQL_COUNTERS_WRONG);
    struct error *error;
    bool row;
    work->wrong = 0;
    while (!(error = store_next(query, &row)) && row) {
        buffer_format(&report, "organization %" PRId64 ", %s: %" PRId64 " is %" PRId64 "\n",
                      store_integer(query, SQL_COUNTERS_WRONG_ORGANIZATION_ID),
                      store_text(query, SQL_COUNTERS_WRONG_NAME, NULL),
                      store_integer(query, SQL_COUNTERS_WRONG_IS_VALUE),
                      store_integer(query, SQL_COUNTERS_WRONG_TRUE_VALUE));
        work->wrong++;
    }
    if (!error && work->repair && work->wrong) {
        error = store_execute(store_query(store, work->arena, SQL_COUNTERS_REPAIR));
    }
    *work->report = report;
    return error;
}

struct error *counters_recount(struct store *store, struct arena *arena, bool repair,
                               struct buffer *report, size_t *wrong_r)
{
    struct recount work = {.arena = arena, .report = report, .repair = repair};
    /* Without a repair, reads outside of a transaction, so that writers do not wait. */
    struct error *error =
        repair ? store_write(store, arena, recount, &work) : recount(store, &work);
    *wrong_r = work.wrong;
    return error;
}
