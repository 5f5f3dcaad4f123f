/* See purge.h. */
#include "collection/purge.h"

#include "auth/throttle.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "collection/idempotency.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    MS = 1000,               /* in microseconds */
    PAUSE_US = 50 * MS,      /* between two batches, for those who wait to write */
    REST_US = 60 * 1000 * MS /* when nothing is left */
};

const char *const purge_names[PURGE_COUNT] = {
    [PURGE_SESSIONS] = "sessions",
    [PURGE_LOGIN_FAILURES] = "login_failures",
    [PURGE_IDEMPOTENCY_KEYS] = "idempotency_keys",
};

/* The statement of a kind, and how long a row is kept beyond the time that it bears. */
static const struct {
    enum sql_statement statement;
    int64_t kept_ms;
} kinds[PURGE_COUNT] = {
    [PURGE_SESSIONS] = {SQL_SESSIONS_PURGE, 0},
    [PURGE_LOGIN_FAILURES] = {SQL_LOGIN_FAILURES_PURGE, THROTTLE_FORGOTTEN_MS},
    [PURGE_IDEMPOTENCY_KEYS] = {SQL_IDEMPOTENCY_KEYS_PURGE, IDEMPOTENCY_KEPT_MS},
};

struct batch {
    struct arena *arena;
    enum purge_kind kind;
    int64_t now_ms;
    int64_t deleted;
};

static struct error *delete_batch(struct store *store, void *context)
{
    struct batch *batch = context;
    struct store_query *query = store_query(store, batch->arena, kinds[batch->kind].statement);
    store_bind_integer(query, batch->now_ms - kinds[batch->kind].kept_ms);
    store_bind_integer(query, PURGE_BATCH);
    struct error *error = store_execute(query);
    batch->deleted = error ? 0 : store_changes(query);
    return error;
}

struct error *purge_batch(struct store *store, struct arena *arena, enum purge_kind kind,
                          int64_t now_ms, int64_t *deleted_r)
{
    struct batch batch = {.arena = arena, .kind = kind, .now_ms = now_ms};
    struct error *error = store_write(store, arena, delete_batch, &batch);
    struct error *ending = store_turn_end(store, arena);
    error = error ? error : ending;
    *deleted_r = error ? 0 : batch.deleted;
    return error;
}

/* --- the housekeeper ------------------------------------------------------------------------- */

struct purge {
    struct store *store;
    enum purge_kind kind; /* that is next */
    int64_t deleted;      /* of this kind, since it was begun */
};

struct purge *purge_new(struct store *store)
{
    struct purge *purge = must_alloc(sizeof *purge);
    purge->store = store;
    return purge;
}

void purge_free(struct purge **purge)
{
    store_free(&(*purge)->store);
    free(*purge);
    *purge = NULL;
}

/* Goes on to the next kind. True if that is the first one again. */
static bool go_on(struct purge *purge)
{
    if (purge->deleted) {
        log_info("purged: %" PRId64 " of %s", purge->deleted, purge_names[purge->kind]);
    }
    purge->deleted = 0;
    purge->kind = (enum purge_kind)((purge->kind + 1) % PURGE_COUNT);
    return purge->kind == 0;
}

int64_t purge_run(struct purge *purge)
{
    struct arena *arena = arena_new();
    int64_t deleted;
    bool rests = false;
    struct error *error = purge_batch(purge->store, arena, purge->kind, clock_wall_ms(), &deleted);
    purge->deleted += deleted;
    if (error) {
        log_warning("purging %s: %s", purge_names[purge->kind], error->cause);
    }
    if (error || deleted < PURGE_BATCH) {
        rests = go_on(purge) || error;
    }
    arena_free(&arena);
    return clock_steady_us() + (rests ? REST_US : PAUSE_US);
}
