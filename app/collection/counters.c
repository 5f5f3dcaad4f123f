/* See counters.h. */
#include "collection/counters.h"

#include "collection/rows.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Workers that write at once collide only if they share a slot; a sum has at most so many parts. */
enum { SLOTS = 16 };

void tallies_add(struct tallies *tallies, const char *name, int64_t amount)
{
    if (tallies->count == TALLIES_MAX) {
        abort(); /* a slip of the code: no row counts so often */
    }
    tallies->list[tallies->count++] = (struct tally){name, amount};
}

/* Adds `sign` times each of `added` to those of the same name. */
static void merge(struct tallies *all, const struct tallies *added, int sign)
{
    for (size_t i = 0; i < added->count; i++) {
        const struct tally *tally = &added->list[i];
        size_t at = 0;
        while (at < all->count && strcmp(all->list[at].name, tally->name) != 0) {
            at++;
        }
        if (at == all->count) {
            tallies_add(all, tally->name, 0);
        }
        all->list[at].amount += sign * tally->amount;
    }
}

static struct error *add(struct store *store, struct arena *arena, int64_t organization_id,
                         const struct tally *tally)
{
    struct store_query *query = store_query(store, arena, SQL_COUNTERS_ADD);
    store_bind_integer(query, organization_id);
    store_bind_text(query, tally->name);
    store_bind_integer(query, getpid() % SLOTS);
    store_bind_integer(query, tally->amount);
    return store_execute(query);
}

struct error *counters_change(struct store *store, struct arena *arena, int64_t organization_id,
                              const struct tallies *before, const struct tallies *after)
{
    struct tallies all = {.count = 0};
    struct error *error = NULL;
    merge(&all, before, -1);
    merge(&all, after, 1);
    for (size_t i = 0; i < all.count && !error; i++) {
        if (all.list[i].amount) {
            error = add(store, arena, organization_id, &all.list[i]);
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
