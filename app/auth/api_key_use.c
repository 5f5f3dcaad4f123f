/* See api_key_use.h. */
#include "auth/api_key_use.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sealed.h"
#include "base/shared.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    SETS = 1024, /* the id of a key selects the set */
    WAYS = 4,
    SLOTS = SETS * WAYS,
    ADDRESS_WORDS = 6, /* an IPv6 address as text has at most 45 characters */
    BATCH = 500,
    PAUSE_US = 50 * US_PER_MS, /* pause between two batches of a pass */
    INTERVAL_US = US_PER_S,    /* pause between two passes */
};

/* Words of a slot. */
enum { ID, TIME, ADDRESS, CHECKSUM = ADDRESS + ADDRESS_WORDS, WORDS };

struct uses {
    atomic_bool any; /* a use was recorded since the slots were last read */
    _Atomic uint64_t slots[SLOTS][WORDS];
};

static struct uses own_uses;
static struct uses *uses = &own_uses;

void api_key_use_share(void)
{
    uses = shared_alloc(sizeof *uses);
}

/* True if the time is within a minute of the other one: a clock may have been set back. */
static bool is_recent(int64_t time_ms, int64_t now_ms)
{
    return llabs(now_ms - time_ms) < MS_PER_MINUTE;
}

/* Returns the slot of the key, or else an empty one; NULL if there is none, or if the slot has a
 * recent use. */
static _Atomic uint64_t *choose_slot_of_key(int64_t id, int64_t now_ms)
{
    _Atomic uint64_t *chosen = NULL;
    uint64_t words[WORDS];
    for (size_t i = 0; i < WAYS; i++) {
        _Atomic uint64_t *slot = uses->slots[(uint64_t)id % SETS * WAYS + i];
        bool full = sealed_load(slot, words, WORDS);
        if (full && words[ID] == (uint64_t)id) {
            return is_recent((int64_t)words[TIME], now_ms) ? NULL : slot;
        }
        chosen = full || chosen ? chosen : slot;
    }
    return chosen;
}

void api_key_use_record(const struct principal_key *key, const char *address, int64_t now_ms)
{
    uint64_t words[WORDS] = {[ID] = (uint64_t)key->id, [TIME] = (uint64_t)now_ms};
    if (is_recent(key->used_ms, now_ms)) {
        return;
    }
    _Atomic uint64_t *slot = choose_slot_of_key(key->id, now_ms);
    if (!slot) {
        return;
    }
    memcpy(&words[ADDRESS], address,
           strnlen(address, ADDRESS_WORDS * sizeof *words - 1)); /* a NUL follows */
    sealed_store(slot, words, WORDS);
    if (!atomic_load(&uses->any)) {
        atomic_store(&uses->any, true);
    }
}

/* --- writing to the database ----------------------------------------------------------------- */

struct batch {
    struct arena *arena;
    size_t slots[BATCH];
    uint64_t uses[BATCH][WORDS];
    size_t count;
};

static struct error *write_uses(struct store *store, void *context)
{
    const struct batch *batch = context;
    struct error *error = NULL;
    for (size_t i = 0; i < batch->count && !error; i++) {
        struct store_query *query = store_query(store, batch->arena, SQL_API_KEYS_USED);
        store_bind_integer(query, (int64_t)batch->uses[i][ID]);
        store_bind_integer(query, (int64_t)batch->uses[i][TIME]);
        store_bind_text(query, (const char *)&batch->uses[i][ADDRESS]);
        error = store_execute(query);
    }
    return error;
}

/* Empties the slots that still have the written use. */
static void clear_written(const struct batch *batch)
{
    uint64_t words[WORDS];
    for (size_t i = 0; i < batch->count; i++) {
        _Atomic uint64_t *slot = uses->slots[batch->slots[i]];
        if (sealed_load(slot, words, WORDS) && !memcmp(words, batch->uses[i], sizeof words)) {
            sealed_clear(slot, WORDS);
        }
    }
}

struct error *api_key_use_flush(struct store *store, struct arena *arena, bool *more_r)
{
    static size_t at; /* first slot of the next batch; 0: start of a new pass */
    struct batch *batch = arena_alloc(arena, sizeof *batch);
    batch->arena = arena;
    batch->count = 0;
    *more_r = false;
    if (!at && !atomic_exchange(&uses->any, false)) {
        return NULL;
    }
    for (; at < SLOTS && batch->count < BATCH; at++) {
        batch->slots[batch->count] = at;
        batch->count += sealed_load(uses->slots[at], batch->uses[batch->count], WORDS);
    }
    *more_r = at < SLOTS;
    at = *more_r ? at : 0;
    if (!batch->count) {
        return NULL;
    }
    struct error *error = store_write_unserialized(store, arena, write_uses, batch);
    struct error *ending = store_group_commit(store, arena);
    error = error ? error : ending;
    if (error) {
        atomic_store(&uses->any, true);
    } else {
        clear_written(batch);
    }
    return error;
}

void api_key_use_flush_all(struct store *store)
{
    struct arena *arena = arena_new();
    struct error *error = NULL;
    bool more = true;
    while (more && !error) {
        error = api_key_use_flush(store, arena, &more);
        arena_reset(arena);
    }
    arena_free(&arena);
}

int64_t api_key_use_run(struct store *store)
{
    struct arena *arena = arena_new();
    bool more;
    struct error *error = api_key_use_flush(store, arena, &more);
    if (error) {
        log_warning("API keys: cannot write their last uses: %s", error->cause);
    }
    arena_free(&arena);
    return clock_steady_us() + (more && !error ? PAUSE_US : INTERVAL_US);
}
