/*
 * See usage.h.
 *
 * A counter is one word, with the token's id in the upper bits and the count in the lower ones, so
 * that both change atomically: a process that takes a counter gets its whole count, and a killed
 * process leaves no counter half changed. Each id can use only a few slots; its value determines
 * the first one. Ids are assigned in order, so tokens issued in a row have adjacent slots, and a
 * batch, which is written in the order of the slots, changes few database pages.
 */
#include "tokens/usage.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"

#include <inttypes.h>
#include <stdatomic.h>

enum {
    SLOTS = 1 << 18, /* words: 2 MiB, allocated by the kernel on first use */
    TRIES = 8,       /* number of slots that an id can use */
    STRIDE = 30011,  /* distance between these slots */
    COUNT_BITS = 24,
    BATCH = 500,               /* tokens */
    PAUSE_US = 50 * US_PER_MS, /* pause between two batches of a pass */
    INTERVAL_US = US_PER_S,    /* pause between two passes */
};

static const uint64_t count_max = (UINT64_C(1) << COUNT_BITS) - 1;
static const int64_t id_max = INT64_MAX >> COUNT_BITS;

struct uses {
    atomic_bool any; /* a use was counted since the slots were last read */
    _Atomic uint64_t slots[SLOTS];
};

static struct uses own_uses;
static struct uses *uses = &own_uses;

void tokens_usage_share(void)
{
    uses = shared_alloc(sizeof *uses);
}

static uint64_t pack_counter(int64_t id, uint64_t count)
{
    return (uint64_t)id << COUNT_BITS | count;
}

static int64_t counter_id(uint64_t word)
{
    return (int64_t)(word >> COUNT_BITS);
}

/* Returns false if the slot belongs to another token, or its count would exceed the maximum. */
static bool add_to_slot(_Atomic uint64_t *slot, int64_t id, uint64_t count)
{
    uint64_t word = atomic_load(slot), sum;
    do {
        sum = (word & count_max) + count;
        if ((word && counter_id(word) != id) || sum > count_max) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(slot, &word, pack_counter(id, sum)));
    return true;
}

/* Returns false if none of the id's slots can take the count. */
static bool add_uses(int64_t id, uint64_t count)
{
    if (id <= 0 || id > id_max) {
        return false;
    }
    for (size_t i = 0; i < TRIES; i++) {
        if (add_to_slot(&uses->slots[((uint64_t)id + i * STRIDE) % SLOTS], id, count)) {
            if (!atomic_load(&uses->any)) {
                atomic_store(&uses->any, true);
            }
            return true;
        }
    }
    return false;
}

bool tokens_usage_add(int64_t id)
{
    return add_uses(id, 1);
}

/* --- flushing to the database ---------------------------------------------------------------- */

struct batch {
    struct arena *arena;
    uint64_t words[BATCH];
    size_t count;
};

static struct error *write_counters(struct store *store, void *context)
{
    const struct batch *batch = context;
    struct error *error = NULL;
    for (size_t i = 0; i < batch->count && !error; i++) {
        struct store_query *query = store_query(store, batch->arena, SQL_TOKENS_USED);
        store_bind_integer(query, counter_id(batch->words[i]));
        store_bind_integer(query, (int64_t)(batch->words[i] & count_max));
        error = store_execute(query);
    }
    return error;
}

struct error *tokens_usage_write(struct store *store, struct arena *arena, int64_t id)
{
    struct batch batch = {.arena = arena, .words = {pack_counter(id, 1)}, .count = 1};
    return store_write_unserialized(store, arena, write_counters, &batch);
}

static void restore_counters(const struct batch *batch)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < batch->count; i++) {
        uint64_t count = batch->words[i] & count_max;
        lost += add_uses(counter_id(batch->words[i]), count) ? 0 : count;
    }
    if (lost) {
        log_warning("token usage: %" PRIu64 " uses were lost: no counter is free", lost);
    }
}

struct error *tokens_usage_flush(struct store *store, struct arena *arena, bool *more_r)
{
    static size_t at; /* first slot of the next batch; 0: start of a new pass */
    struct batch *batch = arena_alloc(arena, sizeof *batch);
    batch->arena = arena;
    *more_r = false;
    if (!at && !atomic_exchange(&uses->any, false)) {
        return NULL;
    }
    for (; at < SLOTS && batch->count < BATCH; at++) {
        if (atomic_load(&uses->slots[at])) {
            batch->words[batch->count] = atomic_exchange(&uses->slots[at], 0);
            batch->count += batch->words[batch->count] != 0;
        }
    }
    *more_r = at < SLOTS;
    at = *more_r ? at : 0;
    if (!batch->count) {
        return NULL;
    }
    struct error *error = store_write_unserialized(store, arena, write_counters, batch);
    struct error *ending = store_group_commit(store, arena);
    error = error ? error : ending;
    bool may_be_written = !error || error->id == ERR_OUTCOME_UNKNOWN;
    if (!may_be_written) {
        restore_counters(batch);
    }
    return error;
}

void tokens_usage_flush_all(struct store *store)
{
    struct arena *arena = arena_new();
    struct error *error = NULL;
    bool more = true;
    while (more && !error) {
        error = tokens_usage_flush(store, arena, &more);
        arena_reset(arena);
    }
    arena_free(&arena);
}

int64_t tokens_usage_run(struct store *store)
{
    struct arena *arena = arena_new();
    bool more;
    struct error *error = tokens_usage_flush(store, arena, &more);
    if (error) {
        log_warning("token usage: cannot write the counters: %s", error->cause);
    }
    arena_free(&arena);
    return clock_steady_us() + (more && !error ? PAUSE_US : INTERVAL_US);
}
