/* See purge.h. */
#include "store/purge.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/shared.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    PAUSE_US = 50 * US_PER_MS, /* pause between two batches, so that other writers can run */
    ROUND_US = US_PER_MINUTE,  /* between the starts of two rounds through all kinds of rows */
};

struct batch {
    struct arena *arena;
    const struct purge_kind *kind;
    int64_t now_ms, limit;
    int64_t deleted;
};

static struct error *delete_batch(struct store *store, void *context)
{
    struct batch *batch = context;
    struct store_query *query = store_query(store, batch->arena, batch->kind->statement);
    store_bind_integer(query, batch->now_ms - batch->kind->kept_ms);
    store_bind_integer(query, batch->limit);
    struct error *error = store_execute(query);
    batch->deleted = error ? 0 : store_changes(query);
    return error;
}

struct error *purge_rows(struct store *store, struct arena *arena, const struct purge_kind *kind,
                         int64_t now_ms, int64_t limit, int64_t *deleted_r)
{
    struct batch batch = {.arena = arena, .kind = kind, .now_ms = now_ms, .limit = limit};
    struct error *error = store_write(store, arena, delete_batch, &batch);
    *deleted_r = error ? 0 : batch.deleted;
    return error;
}

struct error *purge_batch(struct store *store, struct arena *arena, const struct purge_kind *kind,
                          int64_t now_ms, int64_t *deleted_r)
{
    struct error *error = purge_rows(store, arena, kind, now_ms, PURGE_BATCH, deleted_r);
    struct error *ending = store_group_commit(store, arena);
    error = error ? error : ending;
    *deleted_r = error ? 0 : *deleted_r;
    metrics_add(METRIC_PURGED, metrics_series(METRIC_PURGED, kind->table, NULL), *deleted_r);
    return error;
}

/* --- times in the future --------------------------------------------------------------------- */

struct clamping {
    const struct purge_plan *plan;
    struct arena *arena;
    int64_t now_ms;
};

static struct error *execute_clamps(struct store *store, void *context)
{
    const struct clamping *clamping = context;
    const struct purge_plan *plan = clamping->plan;
    struct error *error = NULL;
    for (size_t i = 0; !error && i < plan->clamp_count; i++) {
        struct store_query *query = store_query(store, clamping->arena, plan->clamps[i]);
        store_bind_integer(query, clamping->now_ms);
        error = store_execute(query);
    }
    return error;
}

/* Sets times in the future to now, and commits. Otherwise, after the clock was set back, these rows
 * would expire too late. */
static struct error *clamp_times(const struct purge_plan *plan, struct store *store,
                                 struct arena *arena, int64_t now_ms)
{
    struct clamping clamping = {plan, arena, now_ms};
    struct error *error = store_write(store, arena, execute_clamps, &clamping);
    struct error *ending = store_group_commit(store, arena);
    return error ? error : ending;
}

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

/* Sets *ahead_r to true if the table has rows that were issued after `now_ms`. */
static struct error *find_rows_ahead(struct store *store, struct arena *arena,
                                     enum sql_statement statement, int64_t now_ms, bool *ahead_r)
{
    struct store_query *query = store_query(store, arena, statement);
    store_bind_integer(query, now_ms);
    struct error *error = store_next(query, ahead_r);
    *ahead_r = *ahead_r && !error;
    store_end(query);
    return error;
}

struct error *purge_shorten(const struct purge_plan *plan, struct store *store, struct arena *arena,
                            int64_t now_ms, bool *more_r)
{
    enum { DIFFERENCE_MS = 1000 }; /* tolerated difference between the clocks of two hosts */
    struct error *error = NULL;
    int64_t changed = 0;
    *more_r = false;
    for (size_t i = 0; !error && i < plan->expiry_count; i++) {
        struct shortening work = {arena, plan->expiries[i].shorten, now_ms, 0};
        bool ahead;
        error =
            find_rows_ahead(store, arena, plan->expiries[i].ahead, now_ms + DIFFERENCE_MS, &ahead);
        if (!error && ahead) {
            error = store_write(store, arena, shorten_batch, &work);
        }
        changed += work.changed;
        *more_r = *more_r || work.changed == PURGE_BATCH;
    }
    struct error *ending = store_group_commit(store, arena);
    error = error ? error : ending;
    if (!error && changed) {
        log_warning("purge: the clock was set back: corrected the expiry of %" PRId64
                    " sessions, tokens, links and invitations",
                    changed);
    }
    return error;
}

/* --- purge requests -------------------------------------------------------------------------- */

/* The plan of purge_share(), and a flag for each of its kinds. */
static const struct purge_plan *shared_plan;
static atomic_bool *requests;

/* An eventfd(2) shared by all processes; -1 if there is no housekeeper. */
static int wake_fd = -1;

static size_t count_kinds(const struct purge_plan *plan)
{
    size_t count = 0;
    while (plan->kinds[count]) {
        count++;
    }
    return count;
}

void purge_share(const struct purge_plan *plan)
{
    shared_plan = plan;
    requests = shared_alloc(count_kinds(plan) * sizeof *requests);
    wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd < 0) {
        log_error("purge: cannot create an eventfd: %s", strerror(errno));
        abort();
    }
}

/* Returns the flag of a kind; NULL if it is not in the shared plan. */
static atomic_bool *find_request(const struct purge_kind *kind)
{
    for (size_t i = 0; shared_plan && shared_plan->kinds[i]; i++) {
        if (shared_plan->kinds[i] == kind) {
            return &requests[i];
        }
    }
    return NULL;
}

void purge_soon(const struct purge_kind *kind)
{
    const uint64_t one = 1;
    atomic_bool *request = find_request(kind);
    if (!request || atomic_load_explicit(request, memory_order_relaxed) ||
        atomic_exchange(request, true)) {
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

/* --- the periodic job ------------------------------------------------------------------------ */

enum { NO_KIND = -1 };

/* Progress of the purge of one kind, in batches. */
struct purge_progress {
    int kind; /* index of the kind in the plan */
    int64_t deleted;
};

struct purge {
    struct store *store;
    const struct purge_plan *plan;
    int kind_count;
    struct purge_progress round;
    /* requested purge, which has priority over the round; `kind` may be NO_KIND */
    struct purge_progress requested;
    struct clock_watch clock;
    bool shortens; /* call purge_shorten(): the clock was set back */
    /* time at which the round begins or, after an error, continues; steady clock */
    int64_t round_us;
    int64_t pause_us; /* earliest time of the next batch, even if one is requested */
};

struct purge *purge_new(struct store *store)
{
    struct purge *purge = base_alloc(sizeof *purge);
    purge->store = store;
    purge->plan = shared_plan;
    purge->kind_count = (int)count_kinds(shared_plan);
    purge->requested.kind = NO_KIND;
    return purge;
}

void purge_free(struct purge **purge)
{
    free(*purge);
    *purge = NULL;
}

/* Takes one requested kind, if no requested purge is in progress. */
static void accept_request(struct purge *purge)
{
    uint64_t count;
    if (wake_fd >= 0 && read(wake_fd, &count, sizeof count) < 0 && errno != EAGAIN) {
        log_warning("purge: cannot read the eventfd: %s", strerror(errno));
    }
    for (int i = 0; purge->requested.kind == NO_KIND && i < purge->kind_count; i++) {
        if (atomic_exchange(&requests[i], false)) {
            purge->requested = (struct purge_progress){.kind = i};
        }
    }
}

/* Corrects times in the future, at the beginning of a round. Returns true if rows are left to
 * correct before the purge. After an error the round continues; the next round tries again. */
static bool correct_times(struct purge *purge, struct arena *arena, int64_t now_ms)
{
    struct error *error = clamp_times(purge->plan, purge->store, arena, now_ms);
    bool more = false;
    purge->shortens =
        clock_stepped_back(&purge->clock, now_ms, clock_steady_us()) || purge->shortens;
    if (!error && purge->shortens) {
        error = purge_shorten(purge->plan, purge->store, arena, now_ms, &more);
        purge->shortens = error || more;
    }
    if (error) {
        log_warning("purge: cannot correct times in the future: %s", error->cause);
    }
    return more && !error;
}

/* Deletes one batch, or corrects times at the beginning of a round. *more_r is true if more rows
 * of the kind may be left. */
static struct error *purge_one_batch(struct purge *purge, struct purge_progress *progress,
                                     struct arena *arena, bool *more_r)
{
    int64_t deleted = 0, now = clock_wall_ms();
    bool begins = progress == &purge->round && !progress->kind;
    *more_r = begins && correct_times(purge, arena, now);
    if (*more_r) {
        return NULL;
    }
    struct error *error =
        purge_batch(purge->store, arena, purge->plan->kinds[progress->kind], now, &deleted);
    progress->deleted += deleted;
    *more_r = !error && deleted == PURGE_BATCH;
    return error;
}

/* Ends the purge of a kind: no expired rows are left, or the database failed. */
static void end_kind(struct purge *purge, struct purge_progress *progress,
                     const struct error *error)
{
    const char *table = purge->plan->kinds[progress->kind]->table;
    if (error) {
        log_warning("purge: cannot purge %s: %s", table, error->cause);
    }
    if (progress->deleted) {
        log_info("purge: deleted %" PRId64 " expired rows of %s", progress->deleted, table);
    }
    progress->deleted = 0;
    if (progress == &purge->requested) {
        progress->kind = NO_KIND;
        return;
    }
    progress->kind = (progress->kind + 1) % purge->kind_count;
    if (error || !progress->kind) {
        purge->round_us = clock_steady_us() + ROUND_US;
    }
}

int64_t purge_run(struct purge *purge)
{
    accept_request(purge);
    struct purge_progress *progress =
        purge->requested.kind == NO_KIND ? &purge->round : &purge->requested;
    int64_t due = progress == &purge->round && purge->round_us > purge->pause_us ? purge->round_us
                                                                                 : purge->pause_us;
    if (clock_steady_us() < due) {
        return due;
    }
    struct arena *arena = arena_new();
    bool more;
    const struct error *error = purge_one_batch(purge, progress, arena, &more);
    if (!more) {
        end_kind(purge, progress, error);
    }
    arena_free(&arena);
    purge->pause_us = clock_steady_us() + PAUSE_US;
    return purge->pause_us;
}
