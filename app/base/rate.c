/*
 * See rate.h.
 *
 * The state of a bucket is one number: the time at which it will be full (generic cell rate
 * algorithm, ITU-T I.371). Taking a token moves this time one interval into the future; the bucket
 * is empty if the time would then be more than `burst` intervals ahead. Taking a token is therefore
 * one compare-and-swap, and buckets need no periodic refill.
 *
 * The cells form a set-associative hash table; each set fills two cache lines. If two processes
 * claim the same cell for different keys at the same time, one of them takes one token from the
 * bucket of the other key.
 */
#include "base/rate.h"

#include "base/random.h"
#include "base/shared.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

enum {
    SETS = 16384, /* 2 MiB of address space; unused pages occupy no memory */
    CELLS = 8,    /* cells per set */
    CACHE_LINE = 64,
    WORD = 8,
    BITS_A_BYTE = 8,
};

struct cell {
    _Atomic uint64_t key;    /* 0: never used */
    _Atomic int64_t full_us; /* time at which the bucket is full */
};

struct set {
    _Alignas(CACHE_LINE) struct cell cells[CELLS];
};

static struct table {
    uint64_t secret[2]; /* key of the hash function */
    struct set sets[SETS];
} * table;

void rate_share(void)
{
    table = shared_alloc(sizeof *table);
    random_bytes((unsigned char *)table->secret, sizeof table->secret);
}

/* --- keys: SipHash-2-4 (Aumasson and Bernstein, 2012) ---------------------------------------- */

static uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void run_sip_rounds(uint64_t v[4], unsigned rounds)
{
    while (rounds--) {
        v[0] += v[1];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[3];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[2] = rotate_left(v[2], 32);
    }
}

static void absorb_word(uint64_t v[4], uint64_t word)
{
    enum { ROUNDS = 2 };
    v[3] ^= word;
    run_sip_rounds(v, ROUNDS);
    v[0] ^= word;
}

uint64_t rate_key(unsigned kind, const char *name)
{
    enum { FINAL_ROUNDS = 4, LENGTH_SHIFT = 56, FINAL = 0xff };
    size_t length = strlen(name), at = 0;
    uint64_t secret[2] = {table ? table->secret[0] : 0, table ? table->secret[1] : 0};
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
                     secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
    uint64_t word;
    absorb_word(v, kind);
    for (; length - at >= WORD; at += WORD) {
        memcpy(&word, name + at, WORD);
        absorb_word(v, word);
    }
    word = (uint64_t)(length + WORD) << LENGTH_SHIFT;
    for (size_t i = 0; at + i < length; i++) {
        word |= (uint64_t)(unsigned char)name[at + i] << (BITS_A_BYTE * i);
    }
    absorb_word(v, word);
    v[2] ^= FINAL;
    run_sip_rounds(v, FINAL_ROUNDS);
    uint64_t key = v[0] ^ v[1] ^ v[2] ^ v[3];
    return key ? key : 1;
}

/* --- cells ----------------------------------------------------------------------------------- */

static struct cell *find_cell(struct set *set, uint64_t key)
{
    for (size_t i = 0; i < CELLS; i++) {
        if (atomic_load_explicit(&set->cells[i].key, memory_order_relaxed) == key) {
            return &set->cells[i];
        }
    }
    return NULL;
}

/* Returns the cell whose bucket is full, or will be full first. */
static struct cell *choose_reusable_cell(struct set *set)
{
    struct cell *chosen = &set->cells[0];
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < CELLS; i++) {
        int64_t full = atomic_load_explicit(&set->cells[i].full_us, memory_order_relaxed);
        if (full < first) {
            first = full;
            chosen = &set->cells[i];
        }
    }
    return chosen;
}

/* Assigns a cell to a key that has none. */
static struct cell *claim_cell(struct set *set, uint64_t key)
{
    for (;;) {
        struct cell *cell = choose_reusable_cell(set);
        uint64_t other = atomic_load_explicit(&cell->key, memory_order_relaxed);
        if (other == key) {
            return cell;
        }
        if (atomic_compare_exchange_strong_explicit(&cell->key, &other, key, memory_order_relaxed,
                                                    memory_order_relaxed)) {
            atomic_store_explicit(&cell->full_us, 0, memory_order_relaxed);
            return cell;
        }
    }
}

int64_t rate_take(uint64_t key, const struct rate_limit *limit, int64_t now_us)
{
    if (!table) {
        return 0;
    }
    struct set *set = &table->sets[key % SETS];
    struct cell *cell = find_cell(set, key);
    if (!cell) {
        cell = claim_cell(set, key);
    }
    const int64_t depth = limit->burst * limit->interval_us;
    int64_t full = atomic_load_explicit(&cell->full_us, memory_order_relaxed), next;
    do {
        /* After a reload with a lower limit, full_us may lie further ahead than the new limit
         * allows: caps it. */
        int64_t from = full < now_us ? now_us : full > now_us + depth ? now_us + depth : full;
        next = from + limit->interval_us;
        if (next - now_us > depth) {
            return next - now_us - depth;
        }
    } while (!atomic_compare_exchange_weak_explicit(&cell->full_us, &full, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return 0;
}

void rate_return(uint64_t key, const struct rate_limit *limit)
{
    struct cell *cell = table ? find_cell(&table->sets[key % SETS], key) : NULL;
    if (cell) {
        atomic_fetch_sub_explicit(&cell->full_us, limit->interval_us, memory_order_relaxed);
    }
}
