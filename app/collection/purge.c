/* See purge.h. */
#include "collection/purge.h"

#include "auth/throttle.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/shared.h"
#include "rest/idempotency.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    MS = 1000,                 /* in microseconds */
    PAUSE_US = 50 * MS,        /* between two batches, for those who wait to write */
    ROUND_US = 60 * 1000 * MS, /* from one look at all kinds to the next one */
};

const char *const purge_names[PURGE_COUNT] = {
    [PURGE_SESSIONS] = "sessions",
    [PURGE_REFRESH_TOKENS] = "refresh_tokens",
    [PURGE_LOGIN_FAILURES] = "login_failures",
    [PURGE_LOGIN_SOURCES] = "login_sources",
    [PURGE_IDEMPOTENCY_KEYS] = "idempotency_keys",
    [PURGE_TOKENS] = "tokens",
    [PURGE_INVITATIONS] = "invitations",
    [PURGE_EMAIL_LINKS] = "email_links",
};

/* The statement of a kind, and how long a row is kept beyond the time that it bears. */
static const struct {
    enum sql_statement statement;
    int64_t kept_ms;
} kinds[PURGE_COUNT] = {
    [PURGE_SESSIONS] = {SQL_SESSIONS_PURGE, 0},
    [PURGE_REFRESH_TOKENS] = {SQL_REFRESH_TOKENS_PURGE, 0},
    [PURGE_LOGIN_FAILURES] = {SQL_LOGIN_FAILURES_PURGE, THROTTLE_FORGOTTEN_MS},
    [PURGE_LOGIN_SOURCES] = {SQL_LOGIN_SOURCES_PURGE, THROTTLE_SOURCES_KEPT_MS},
    [PURGE_IDEMPOTENCY_KEYS] = {SQL_IDEMPOTENCY_KEYS_PURGE, IDEMPOTENCY_KEPT_MS},
    [PURGE_TOKENS] = {SQL_TOKENS_PURGE, 0},
    [PURGE_INVITATIONS] = {SQL_INVITATIONS_PURGE, 0},
    [PURGE_EMAIL_LINKS] = {SQL_EMAIL_LINKS_PURGE, 0},
};

struct batch {
    struct arena *arena;
    enum purge_kind kind;
    int64_t now_ms, limit;
    int64_t deleted;
};

static struct error *delete_batch(struct store *store, void *context)
{
    struct batch *batch = context;
    struct store_query *query = store_query(store, batch->arena, kinds[batch->kind].statement);
    store_bind_integer(query, batch->now_ms - kinds[batch->kind].kept_ms);
    store_bind_integer(query, batch->limit);
    struct error *error = store_execute(query);
    batch->deleted = error ? 0 : store_changes(query);
    return error;
}

struct error *purge_rows(struct store *store, struct arena *arena, enum purge_kind kind,
                         int64_t now_ms, int64_t limit, int64_t *deleted_r)
{
    struct batch batch = {.arena = arena, .kind = kind, .now_ms = now_ms, .limit = limit};
    struct error *error = store_write(store, arena, delete_batch, &batch);
    *deleted_r = error ? 0 : batch.deleted;
    return error;
}

struct error *purge_batch(struct store *store, struct arena *arena, enum purge_kind kind,
                          int64_t now_ms, int64_t *deleted_r)
{
    struct error *error = purge_rows(store, arena, kind, now_ms, PURGE_BATCH, deleted_r);
    struct error *ending = store_turn_end(store, arena);
    error = error ? error : ending;
    *deleted_r = error ? 0 : *deleted_r;
    metrics_add(METRIC_PURGED, metrics_series(METRIC_PURGED, purge_names[kind], NULL), *deleted_r);
    return error;
}

/* --- times in the future --------------------------------------------------------------------- */

/* Statements that set times in the future to now. Otherwise, after the clock was stepped back,
 * these rows would not expire before it has caught up. */
static const enum sql_statement clamps[] = {
    SQL_IDEMPOTENCY_KEYS_CLAMP,
    SQL_PENDING_OBJECTS_CLAMP,
    SQL_LOGIN_SOURCES_CLAMP,
};

struct clamping {
    struct arena *arena;
    int64_t now_ms;
};

static struct error *clamp_times(struct store *store, void *context)
{
    const struct clamping *clamping = context;
    struct error *error = NULL;
    for (size_t i = 0; !error && i < sizeof clamps / sizeof *clamps; i++) {
        struct store_query *query = store_query(store, clamping->arena, clamps[i]);
        store_bind_integer(query, clamping->now_ms);
        error = store_execute(query);
    }
    return error;
}

struct error *purge_clamp(struct store *store, struct arena *arena, int64_t now_ms)
{
    struct clamping clamping = {arena, now_ms};
    struct error *error = store_write(store, arena, clamp_times, &clamping);
    struct error *ending = store_turn_end(store, arena);
    return error ? error : ending;
}

/* Statements for each table with a time of expiry. `ahead` finds out whether a row was issued in
 * the future; it only reads, and so takes no write lock. `shorten` corrects such rows. Not in
 * this list: login_failures, whose holds are clamped when they are read (auth/throttle.c);
 * access tokens, which end with their session; signed addresses (resources/files.c). */
static const struct {
    enum sql_statement ahead, shorten;
} expiring[] = {
    {SQL_SESSIONS_AHEAD, SQL_SESSIONS_SHORTEN},
    {SQL_REFRESH_TOKENS_AHEAD, SQL_REFRESH_TOKENS_SHORTEN},
    {SQL_TOKENS_AHEAD, SQL_TOKENS_SHORTEN},
    {SQL_INVITATIONS_AHEAD, SQL_INVITATIONS_SHORTEN},
    {SQL_EMAIL_LINKS_AHEAD, SQL_EMAIL_LINKS_SHORTEN},
};

struct shortening {
    struct arena *arena;
    enum sql_statement statement;
    int64_t now_ms, changed;
};

static struct error *shorten_batch(struct store *store, void *context)
{
    struct shortening *work = context;
    struct store_query *query = store_query(store, work->arena, work->statement);
    store_bind_integer(query, work->now_ms);
    store_bind_integer(query, PURGE_BATCH);
    struct error *error = store_execute(query);
    work->changed = error ? 0 : store_changes(query);
    return error;
}

static struct error *is_ahead(struct store *store, struct arena *arena,
                              enum sql_statement statement, int64_t now_ms, bool *ahead_r)
{
    struct store_query *query = store_query(store, arena, statement);
    store_bind_integer(query, now_ms);
    struct error *error = store_next(query, ahead_r);
    *ahead_r = *ahead_r && !error;
    store_end(query);
    return error;
}

struct error *purge_shorten(struct store *store, struct arena *arena, int64_t now_ms, bool *more_r)
{
    struct error *error = NULL;
    int64_t changed = 0;
    *more_r = false;
    for (size_t i = 0; !error && i < sizeof expiring / sizeof *expiring; i++) {
        struct shortening work = {arena, expiring[i].shorten, now_ms, 0};
        bool ahead;
        error = is_ahead(store, arena, expiring[i].ahead, now_ms, &ahead);
        if (!error && ahead) {
            error = store_write(store, arena, shorten_batch, &work);
        }
        changed += work.changed;
        *more_r = *more_r || work.changed == PURGE_BATCH;
    }
    struct error *ending = store_turn_end(store, arena);
    error = error ? error : ending;
    if (!error && changed) {
        log_warning("purge: the clock was set back: shortened %" PRId64
                    " sessions, tokens, links and invitations",
                    changed);
    }
    return error;
}

/* --- purge requests -------------------------------------------------------------------------- */

static atomic_bool own_requests[PURGE_COUNT];
static atomic_bool *requests = own_requests;

/* An eventfd(2) shared by all processes; -1 if there is no housekeeper. */
static int wake_fd = -1;

void purge_share(void)
{
    requests = shared_alloc(sizeof own_requests);
    wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd < 0) {
        log_error("eventfd: %s", strerror(errno));
        abort();
    }
}

void purge_soon(enum purge_kind kind)
{
    const uint64_t one = 1;
    if (atomic_load_explicit(&requests[kind], memory_order_relaxed) ||
        atomic_exchange(&requests[kind], true) || wake_fd < 0) {
        return; /* the first process that requests it wakes the housekeeper */
    }
    if (write(wake_fd, &one, sizeof one) < 0) {
        log_warning("purge: cannot wake the housekeeper: %s", strerror(errno));
    }
}

int purge_wake_fd(void)
{
    return wake_fd;
}

/* --- the housekeeper ------------------------------------------------------------------------- */

/* Progress of the purge of one kind, in batches. */
struct stint {
    enum purge_kind kind;
    int64_t deleted;
};

struct purge {
    struct store *store;
    struct stint round;
    struct stint requested; /* the purge request, served before the round; PURGE_COUNT: none */
    struct clock_watch clock;
    bool shortens;    /* correct the rows that were issued in the future */
    int64_t round_us; /* when the round continues, steady clock */
    int64_t pause_us; /* no batch before that, however many requests come */
};

struct purge *purge_new(struct store *store)
{
    struct purge *purge = must_alloc(sizeof *purge);
    purge->store = store;
    purge->requested.kind = PURGE_COUNT;
    return purge;
}

void purge_free(struct purge **purge)
{
    free(*purge);
    *purge = NULL;
}

static void take_request(struct purge *purge)
{
    uint64_t count;
    if (wake_fd >= 0 && read(wake_fd, &count, sizeof count) < 0 && errno != EAGAIN) {
        log_warning("eventfd: %s", strerror(errno));
    }
    for (size_t i = 0; purge->requested.kind == PURGE_COUNT && i < PURGE_COUNT; i++) {
        if (atomic_exchange(&requests[i], false)) {
            purge->requested = (struct stint){.kind = (enum purge_kind)i};
        }
    }
}

/* Called at the beginning of a round. Returns true if there is more to correct at once. Times that
 * cannot be corrected do not keep rows from being purged; the next round tries again. */
static bool correct_times(struct purge *purge, struct arena *arena, int64_t now_ms)
{
    struct error *error = purge_clamp(purge->store, arena, now_ms);
    bool more = false;
    purge->shortens =
        clock_stepped_back(&purge->clock, now_ms, clock_steady_us()) || purge->shortens;
    if (!error && purge->shortens) {
        error = purge_shorten(purge->store, arena, now_ms, &more);
        purge->shortens = error || more; /* after an error it is tried again in the next round */
    }
    if (error) {
        log_warning("purge: cannot correct times that are in the future: %s", error->cause);
    }
    return more && !error;
}

/* Deletes one batch, or corrects times at the beginning of a round. *more_r is true if more rows
 * of the kind may be left. */
static struct error *purge_piece(struct purge *purge, struct stint *stint, struct arena *arena,
                                 bool *more_r)
{
    int64_t deleted = 0, now = clock_wall_ms();
    bool begins = stint == &purge->round && !stint->kind;
    *more_r = begins && correct_times(purge, arena, now);
    if (*more_r) {
        return NULL;
    }
    struct error *error = purge_batch(purge->store, arena, stint->kind, now, &deleted);
    stint->deleted += deleted;
    *more_r = !error && deleted == PURGE_BATCH;
    return error;
}

/* Nothing is left of the kind, or the database cannot do it now. */
static void conclude(struct purge *purge, struct stint *stint, const struct error *error)
{
    if (error) {
        log_warning("purging %s: %s", purge_names[stint->kind], error->cause);
    }
    if (stint->deleted) {
        log_info("purged: %" PRId64 " of %s", stint->deleted, purge_names[stint->kind]);
    }
    stint->deleted = 0;
    if (stint == &purge->requested) {
        stint->kind = PURGE_COUNT;
        return;
    }
    stint->kind = (enum purge_kind)((stint->kind + 1) % PURGE_COUNT);
    if (error || !stint->kind) {
        purge->round_us = clock_steady_us() + ROUND_US;
    }
}

int64_t purge_run(struct purge *purge)
{
    take_request(purge);
    struct stint *stint = purge->requested.kind == PURGE_COUNT ? &purge->round : &purge->requested;
    int64_t due = stint == &purge->round && purge->round_us > purge->pause_us ? purge->round_us
                                                                              : purge->pause_us;
    if (clock_steady_us() < due) {
        return due;
    }
    struct arena *arena = arena_new();
    bool more;
    const struct error *error = purge_piece(purge, stint, arena, &more);
    if (!more) {
        conclude(purge, stint, error);
    }
    arena_free(&arena);
    purge->pause_us = clock_steady_us() + PAUSE_US;
    return purge->pause_us;
}
