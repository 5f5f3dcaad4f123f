/* See scoreboard.h. */
#include "base/scoreboard.h"

#include "base/shared.h"

#include <stdatomic.h>

enum {
    SLOTS = 4096, /* enough for the workers of two configurations; unused slots use no memory */
    CACHE_LINE = 64,
};

struct slot {
    _Alignas(CACHE_LINE) _Atomic uint32_t owner; /* group + 1; 0: free */
    atomic_bool busy;
    _Atomic uint32_t connections;
    _Atomic uint64_t upload_subject, upload_organization; /* 0: none */
};

static struct board {
    struct slot slots[SLOTS];
    _Atomic size_t used; /* number of leading slots of which each was assigned at least once */
} * board;

static struct slot unshared_slot; /* used before scoreboard_share() and if no slot is free */
static struct slot *own_slot = &unshared_slot;

void scoreboard_share(void)
{
    board = shared_alloc(sizeof *board);
}

static void store_relaxed(_Atomic uint32_t *value, uint32_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static uint32_t load_relaxed(const _Atomic uint32_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* Sequentially consistent: if two processes set their uploads and then count, at least one of them
 * sees both. */
static void store_upload(struct slot *slot, struct scoreboard_upload upload)
{
    atomic_store(&slot->upload_subject, upload.subject);
    atomic_store(&slot->upload_organization, upload.organization);
}

size_t scoreboard_assign_slot(unsigned group)
{
    for (size_t i = 0; board && i < SLOTS; i++) {
        struct slot *slot = &board->slots[i];
        if (load_relaxed(&slot->owner)) {
            continue;
        }
        atomic_store_explicit(&slot->busy, false, memory_order_relaxed);
        store_relaxed(&slot->connections, 0);
        store_upload(slot, (struct scoreboard_upload){0});
        store_relaxed(&slot->owner, group + 1);
        if (i >= atomic_load_explicit(&board->used, memory_order_relaxed)) {
            atomic_store_explicit(&board->used, i + 1, memory_order_relaxed);
        }
        return i + 1;
    }
    return 0;
}

void scoreboard_release_slot(size_t slot)
{
    if (board && slot) {
        store_relaxed(&board->slots[slot - 1].owner, 0);
    }
}

void scoreboard_set_slot(size_t slot)
{
    own_slot = board && slot ? &board->slots[slot - 1] : &unshared_slot;
}

void scoreboard_set_busy(bool busy)
{
    atomic_store_explicit(&own_slot->busy, busy, memory_order_relaxed);
}

void scoreboard_set_connections(size_t connections)
{
    store_relaxed(&own_slot->connections, (uint32_t)connections);
}

void scoreboard_set_upload(struct scoreboard_upload upload)
{
    store_upload(own_slot, upload);
}

struct scoreboard_uploads scoreboard_count_uploads(struct scoreboard_upload of)
{
    struct scoreboard_uploads count = {0};
    size_t used = board ? atomic_load_explicit(&board->used, memory_order_relaxed) : 0;
    for (size_t i = 0; i < used; i++) {
        const struct slot *slot = &board->slots[i];
        if (load_relaxed(&slot->owner)) {
            count.subject += of.subject && atomic_load(&slot->upload_subject) == of.subject;
            count.organization +=
                of.organization && atomic_load(&slot->upload_organization) == of.organization;
        }
    }
    return count;
}

struct scoreboard_count scoreboard_count(unsigned group)
{
    struct scoreboard_count count = {0};
    size_t used = board ? atomic_load_explicit(&board->used, memory_order_relaxed) : 0;
    for (size_t i = 0; i < used; i++) {
        const struct slot *slot = &board->slots[i];
        if (load_relaxed(&slot->owner) == group + 1) {
            count.processes++;
            count.busy += atomic_load_explicit(&slot->busy, memory_order_relaxed);
            count.connections += load_relaxed(&slot->connections);
        }
    }
    return count;
}
