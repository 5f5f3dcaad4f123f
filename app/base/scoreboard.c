/* See scoreboard.h. */
#include "base/scoreboard.h"

#include "base/shared.h"

#include <stdatomic.h>

enum {
    PLACES =
        4096, /* all workers of two configurations at their greatest; each costs memory when used */
    CACHE_LINE = 64,
};

struct place {
    _Alignas(CACHE_LINE) _Atomic uint32_t owner; /* the group and 1; 0: free */
    atomic_bool busy;
    _Atomic uint32_t connections;
    atomic_bool hashing;
    _Atomic uint64_t upload_subject, upload_organization; /* 0: none */
};

static struct board {
    struct place places[PLACES];
    _Atomic size_t used; /* as many places, from the first on, have ever been given */
} * board;

static struct place nowhere; /* before the board is made, and beyond its end */
static struct place *mine = &nowhere;

void scoreboard_share(void)
{
    board = shared_alloc(sizeof *board);
}

static void set(_Atomic uint32_t *value, uint32_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static uint32_t get(const _Atomic uint32_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* Ordered, so that of two processes that begin an upload and then count, one at least sees both. */
static void set_upload(struct place *place, struct scoreboard_upload upload)
{
    atomic_store(&place->upload_subject, upload.subject);
    atomic_store(&place->upload_organization, upload.organization);
}

size_t scoreboard_give(unsigned group)
{
    for (size_t i = 0; board && i < PLACES; i++) {
        struct place *place = &board->places[i];
        if (get(&place->owner)) {
            continue;
        }
        atomic_store_explicit(&place->busy, false, memory_order_relaxed);
        set(&place->connections, 0);
        atomic_store(&place->hashing, false);
        set_upload(place, (struct scoreboard_upload){0});
        set(&place->owner, group + 1);
        if (i >= atomic_load_explicit(&board->used, memory_order_relaxed)) {
            atomic_store_explicit(&board->used, i + 1, memory_order_relaxed);
        }
        return i + 1;
    }
    return 0;
}

void scoreboard_take_back(size_t place)
{
    if (board && place) {
        set(&board->places[place - 1].owner, 0);
    }
}

void scoreboard_enter(size_t place)
{
    mine = board && place ? &board->places[place - 1] : &nowhere;
}

void scoreboard_set_busy(bool busy)
{
    atomic_store_explicit(&mine->busy, busy, memory_order_relaxed);
}

void scoreboard_set_connections(size_t connections)
{
    set(&mine->connections, (uint32_t)connections);
}

void scoreboard_set_upload(struct scoreboard_upload upload)
{
    set_upload(mine, upload);
}

struct scoreboard_uploads scoreboard_count_uploads(struct scoreboard_upload of)
{
    struct scoreboard_uploads count = {0};
    size_t used = board ? atomic_load_explicit(&board->used, memory_order_relaxed) : 0;
    for (size_t i = 0; i < used; i++) {
        const struct place *place = &board->places[i];
        if (get(&place->owner)) {
            count.subject += of.subject && atomic_load(&place->upload_subject) == of.subject;
            count.organization +=
                of.organization && atomic_load(&place->upload_organization) == of.organization;
        }
    }
    return count;
}

/* Sequentially consistent, as for uploads: a process sets its own flag before it counts all of
 * them. */
void scoreboard_set_hashing(bool hashing)
{
    atomic_store(&mine->hashing, hashing);
}

int64_t scoreboard_count_hashing(unsigned group)
{
    int64_t count = 0;
    size_t used = board ? atomic_load_explicit(&board->used, memory_order_relaxed) : 0;
    for (size_t i = 0; i < used; i++) {
        const struct place *place = &board->places[i];
        count += get(&place->owner) == group + 1 && atomic_load(&place->hashing);
    }
    return count;
}

struct scoreboard_count scoreboard_count(unsigned group)
{
    struct scoreboard_count count = {0};
    size_t used = board ? atomic_load_explicit(&board->used, memory_order_relaxed) : 0;
    for (size_t i = 0; i < used; i++) {
        const struct place *place = &board->places[i];
        if (get(&place->owner) == group + 1) {
            count.processes++;
            count.busy += atomic_load_explicit(&place->busy, memory_order_relaxed);
            count.connections += get(&place->connections);
        }
    }
    return count;
}
