/*
 * See session_cache.h.
 *
 * The slots are a set-associative table: a set is chosen by the session's id, which is random. A
 * slot is one cache line of eight words, the last of which is a checksum of the others: a reader
 * that sees words of two writers sees a checksum that does not match.
 *
 * Each set has a generation, which an end counts up. A slot bears the generation that its writer
 * read before it asked the database. If a session ended in between, the generations differ, and the
 * slot is void. Other sessions of the set are asked for once more.
 */
#include "auth/session_cache.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

enum {
    SETS = 4096,
    WAYS = 4,
    ENDED_MAX = 64, /* sessions that one turn ends, by their sets; more end all */
};

enum word { ID_HIGH, ID_LOW, SUBJECT, GENERATION, CHECKED, EPOCH, EXPIRY, CHECKSUM, WORDS };

struct slot {
    _Alignas(WORDS * sizeof(uint64_t)) _Atomic uint64_t words[WORDS];
};

struct table {
    _Atomic uint64_t layout; /* of a file: changes with this struct */
    struct slot slots[SETS][WAYS];
    _Atomic uint64_t generations[SETS];
    _Atomic uint64_t generation; /* of all sets */
};

static const uint64_t layout = 0x4b5345535330301; /* "KSESS", 0001 */

static struct table own_table;
static struct table *table = &own_table;

/* The sets of sessions that this process has ended and not committed yet. */
static struct {
    size_t sets[ENDED_MAX];
    size_t count;
    bool all;
} ended;

void session_cache_share(const char *path)
{
    struct table *file = shared_map(path, sizeof *table);
    if (!file) {
        log_warning("session cache: cannot map %s: %s: the cache will be lost at a restart", path,
                    strerror(errno));
        table = shared_alloc(sizeof *table);
        return;
    }
    table = file;
    if (atomic_load(&table->layout) != layout) {
        memset(table, 0, sizeof *table);
        atomic_store(&table->layout, layout);
    }
}

/* --- words ----------------------------------------------------------------------------------- */

/* The finalizer of MurmurHash3, word by word. */
static uint64_t checksum_of(const uint64_t *words)
{
    uint64_t sum = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < CHECKSUM; i++) {
        sum = (sum ^ words[i]) * 0xff51afd7ed558ccd;
        sum ^= sum >> 33;
    }
    return sum;
}

/* FNV-1a, 64 bits. Subjects are ours: nobody chooses one that collides. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    }
    return hash;
}

static void set_id(const unsigned char *id, uint64_t *words)
{
    memcpy(&words[ID_HIGH], id, sizeof *words);
    memcpy(&words[ID_LOW], id + sizeof *words, sizeof *words);
}

static size_t set_of(const unsigned char *id)
{
    uint64_t words[2];
    set_id(id, words);
    return words[ID_LOW] % SETS;
}

/* False if the slot is empty, or half written. */
static bool load_slot(const struct slot *slot, uint64_t *words)
{
    for (size_t i = 0; i < WORDS; i++) {
        words[i] = atomic_load(&slot->words[i]);
    }
    return words[CHECKSUM] == checksum_of(words);
}

static void store_slot(struct slot *slot, uint64_t *words)
{
    words[CHECKSUM] = checksum_of(words);
    for (size_t i = 0; i < WORDS; i++) {
        atomic_store(&slot->words[i], words[i]);
    }
}

/* --- sessions -------------------------------------------------------------------------------- */

uint64_t session_cache_generation(const unsigned char id[RANDOM_ID_BYTES])
{
    return atomic_load(&table->generation) + atomic_load(&table->generations[set_of(id)]);
}

enum session_known session_cache_find(const unsigned char id[RANDOM_ID_BYTES], const char *subject,
                                      struct session_facts *facts_r)
{
    uint64_t generation = session_cache_generation(id), hash = hash_text(subject);
    uint64_t wanted[2], words[WORDS];
    set_id(id, wanted);
    for (size_t i = 0; i < WAYS; i++) {
        if (!load_slot(&table->slots[set_of(id)][i], words) || words[ID_HIGH] != wanted[ID_HIGH] ||
            words[ID_LOW] != wanted[ID_LOW] || words[SUBJECT] != hash ||
            words[GENERATION] != generation) {
            continue;
        }
        facts_r->epoch = (int64_t)words[EPOCH];
        facts_r->administrator = words[EXPIRY] & 1;
        facts_r->expires_ms = (int64_t)(words[EXPIRY] >> 1);
        int64_t age = clock_steady_us() - (int64_t)words[CHECKED];
        bool void_slot =
            age < 0 || facts_r->expires_ms <= clock_wall_ms(); /* < 0: rebooted since */
        return void_slot                                            ? SESSION_UNKNOWN
               : age < (int64_t)SESSION_FRESH_S * (int64_t)US_PER_S ? SESSION_FRESH
                                                                    : SESSION_STALE;
    }
    return SESSION_UNKNOWN;
}

/* The slot of the session, else an empty one, else the one that was checked first. */
static struct slot *choose_slot(struct slot *set, const uint64_t *wanted)
{
    struct slot *chosen = set;
    uint64_t words[WORDS], oldest = UINT64_MAX;
    for (size_t i = 0; i < WAYS; i++) {
        bool full = load_slot(&set[i], words);
        if (full && words[ID_HIGH] == wanted[ID_HIGH] && words[ID_LOW] == wanted[ID_LOW]) {
            return &set[i];
        }
        uint64_t checked = full ? words[CHECKED] : 0;
        if (checked < oldest) {
            oldest = checked;
            chosen = &set[i];
        }
    }
    return chosen;
}

void session_cache_keep(const unsigned char id[RANDOM_ID_BYTES], const char *subject,
                        uint64_t generation, const struct session_facts *facts)
{
    uint64_t words[WORDS] = {
        [SUBJECT] = hash_text(subject),
        [GENERATION] = generation,
        [CHECKED] = (uint64_t)clock_steady_us(),
        [EPOCH] = (uint64_t)facts->epoch,
        [EXPIRY] = (uint64_t)facts->expires_ms << 1 | facts->administrator,
    };
    set_id(id, words);
    store_slot(choose_slot(table->slots[set_of(id)], words), words);
}

/* --- ends ------------------------------------------------------------------------------------ */

void session_cache_end(const unsigned char id[RANDOM_ID_BYTES])
{
    size_t set = set_of(id);
    atomic_fetch_add(&table->generations[set], 1);
    if (ended.count < ENDED_MAX) {
        ended.sets[ended.count++] = set;
    } else {
        ended.all = true;
    }
}

void session_cache_end_all(void)
{
    atomic_fetch_add(&table->generation, 1);
    ended.all = true;
}

void session_cache_committed(void)
{
    for (size_t i = 0; i < ended.count; i++) {
        atomic_fetch_add(&table->generations[ended.sets[i]], 1);
    }
    if (ended.all) {
        atomic_fetch_add(&table->generation, 1);
    }
    ended.count = 0;
    ended.all = false;
}
