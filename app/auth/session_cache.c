/*
 * See session_cache.h.
 *
 * The slots form a set-associative table: the session's id, which is random, selects the set. A
 * slot is one cache line of eight words with a checksum (base/sealed.h).
 *
 * Each set has a generation, which is incremented when a session of the set ends. A slot holds the
 * generation that its writer read before it read the database. If a session of the set has ended
 * since, the generations differ and the slot is invalid. This also invalidates the other sessions
 * of the set, which are read from the database again.
 */
#include "auth/session_cache.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sealed.h"
#include "base/shared.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

enum {
    SETS = 4096,
    WAYS = 4,
    /* maximum number of sessions that one group commit ends; more invalidate all entries */
    ENDED_MAX = 64,
};

enum word { ID_HIGH, ID_LOW, SUBJECT, GENERATION, CHECKED, EPOCH, EXPIRY, CHECKSUM, WORDS };

struct slot {
    _Alignas(WORDS * sizeof(uint64_t)) _Atomic uint64_t words[WORDS];
};

struct table {
    _Atomic uint64_t layout; /* version of this struct, for a file of an earlier program */
    struct slot slots[SETS][WAYS];
    _Atomic uint64_t generations[SETS];
    _Atomic uint64_t generation; /* incremented to invalidate the entries of all sets */
};

static const uint64_t layout = 0x4b5345535330301; /* "KSESS" in ASCII, and a version number */

static struct table own_table;
static struct table *table = &own_table;

/* The sets of the sessions that this process has ended in the current group commit. */
static struct {
    size_t sets[ENDED_MAX];
    size_t count;
    bool all;
} ended;

void session_cache_share(const char *path)
{
    struct table *file = shared_map(path, sizeof *table);
    if (!file) {
        log_warning("session cache: cannot map %s, so the cache will not survive a restart: %s",
                    path, strerror(errno));
        table = shared_alloc(sizeof *table);
        return;
    }
    table = file;
    if (atomic_load(&table->layout) != layout) {
        memset(table, 0, sizeof *table);
        atomic_store(&table->layout, layout);
    }
}

/* --- slots ----------------------------------------------------------------------------------- */

/* FNV-1a, 64 bits. Clients cannot choose subjects, so they cannot produce collisions. */
static uint64_t hash_subject(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    }
    return hash;
}

static void copy_id_words(const unsigned char *id, uint64_t *words)
{
    memcpy(&words[ID_HIGH], id, sizeof *words);
    memcpy(&words[ID_LOW], id + sizeof *words, sizeof *words);
}

static size_t select_set(const unsigned char *id)
{
    uint64_t words[2];
    copy_id_words(id, words);
    return words[ID_LOW] % SETS;
}

/* Returns false if the slot is empty or partly written. */
static bool load_slot(const struct slot *slot, uint64_t *words)
{
    return sealed_load(slot->words, words, WORDS);
}

/* --- sessions -------------------------------------------------------------------------------- */

uint64_t session_cache_generation(const unsigned char id[RANDOM_ID_BYTES])
{
    return atomic_load(&table->generation) + atomic_load(&table->generations[select_set(id)]);
}

enum session_cache_state session_cache_find(const unsigned char id[RANDOM_ID_BYTES],
                                            const char *subject, struct session_facts *facts_r)
{
    uint64_t generation = session_cache_generation(id), hash = hash_subject(subject);
    uint64_t wanted[2], words[WORDS];
    copy_id_words(id, wanted);
    for (size_t i = 0; i < WAYS; i++) {
        if (!load_slot(&table->slots[select_set(id)][i], words) ||
            words[ID_HIGH] != wanted[ID_HIGH] || words[ID_LOW] != wanted[ID_LOW] ||
            words[SUBJECT] != hash || words[GENERATION] != generation) {
            continue;
        }
        facts_r->epoch = (int64_t)words[EPOCH];
        facts_r->administrator = words[EXPIRY] & 1;
        facts_r->expires_ms = (int64_t)(words[EXPIRY] >> 1);
        int64_t age = clock_steady_us() - (int64_t)words[CHECKED];
        bool invalid = age < 0 || /* the host was rebooted: its steady clock restarted */
                       facts_r->expires_ms <= clock_wall_ms();
        return invalid                                              ? SESSION_UNKNOWN
               : age < (int64_t)SESSION_FRESH_S * (int64_t)US_PER_S ? SESSION_FRESH
                                                                    : SESSION_STALE;
    }
    return SESSION_UNKNOWN;
}

/* Returns the session's slot, or else an empty one, or else the one that was read from the database
 * first. */
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

void session_cache_store(const unsigned char id[RANDOM_ID_BYTES], const char *subject,
                         uint64_t generation, const struct session_facts *facts)
{
    uint64_t words[WORDS] = {
        [SUBJECT] = hash_subject(subject),
        [GENERATION] = generation,
        [CHECKED] = (uint64_t)clock_steady_us(),
        [EPOCH] = (uint64_t)facts->epoch,
        [EXPIRY] = (uint64_t)facts->expires_ms << 1 | facts->administrator,
    };
    copy_id_words(id, words);
    sealed_store(choose_slot(table->slots[select_set(id)], words)->words, words, WORDS);
}

/* --- ended sessions -------------------------------------------------------------------------- */

void session_cache_invalidate(const unsigned char id[RANDOM_ID_BYTES])
{
    size_t set = select_set(id);
    atomic_fetch_add(&table->generations[set], 1);
    if (ended.count < ENDED_MAX) {
        ended.sets[ended.count++] = set;
    } else {
        ended.all = true;
    }
}

void session_cache_invalidate_all(void)
{
    atomic_fetch_add(&table->generation, 1);
    ended.all = true;
}

void session_cache_after_commit(void)
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
