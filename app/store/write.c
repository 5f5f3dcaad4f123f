/* Write: transactions, deferred statements and the group commit; the code that both engines share.
 */
#include "store/write.h"

#include "base/clock.h"
#include "base/spent.h"
#include "store/compiled.h"
#include "store/engine.h"
#include "store/group.h"
#include "store/keys.h"
#include "store/query.h"
#include "store/store.h"
#include "store/watch.h"

#include <stdio.h>
#include <string.h>

/* Adds the duration of a transaction or a commit since `began` to the metrics. */
static void count_duration_since(const char *operation, int64_t began)
{
    int64_t us = clock_steady_us() - began;
    spent_add(SPENT_DATABASE, us);
    store_count_time(operation, us);
}

/* --- changes --------------------------------------------------------------------------------- */

struct error *store_run_work(struct store *store, struct arena *arena, store_work *work,
                             void *context)
{
    store->writing = true;
    store->write_arena = arena;
    store->failure = NULL;
    struct error *error = store->keys_checked ? NULL : store_keys_check(store, arena);
    store->keys_checked = !error;
    if (!error) {
        error = work(store, context);
    }
    for (struct store_query *query = store->queries, *next; query; query = next) {
        next = query->next;
        if (query->begun && query->writing) {
            store_end(query);
        }
    }
    store->writing = false;
    return error ? error : store->failure;
}

/* Returns the error of the failed group commit. */
static struct error *group_error(const struct store *store, struct arena *arena)
{
    return error_new(arena, store->group.id, "%s", store->group.cause);
}

static struct error *run_write(struct store *store, struct arena *arena, store_work *work,
                               void *context, enum write_kind kind)
{
    if (store->writing) {
        store_abort("store_write() called inside store_write()");
    }
    if (store->group.failed) {
        return group_error(store, arena);
    }
    store->transactions += !store_group_open(store);
    store->wrote = true;
    int64_t began = clock_steady_us();
    struct error *error = store->engine->write(store, arena, work, context, kind);
    count_duration_since("write", began);
    return error;
}

struct error *store_write(struct store *store, struct arena *arena, store_work *work, void *context)
{
    return run_write(store, arena, work, context, WRITE_ORDINARY);
}

struct error *store_write_unserialized(struct store *store, struct arena *arena, store_work *work,
                                       void *context)
{
    return run_write(store, arena, work, context, WRITE_UNSERIALIZED);
}

struct error *store_write_schema(struct store *store, struct arena *arena, store_work *work,
                                 void *context)
{
    return run_write(store, arena, work, context, WRITE_SCHEMA);
}

struct error *store_script(struct store *store, struct arena *arena, const char *text)
{
    struct error *error = store->engine->script(store, arena, text);
    return error ? store_remember_failure(store, error) : NULL;
}

void store_defer(struct store *store, enum sql_statement statement)
{
    if (!store_statements[statement].text[store->id]) {
        return;
    }
    for (size_t i = 0; i < store->deferred_count; i++) {
        if (store->deferred[i] == statement) {
            return;
        }
    }
    if (store->deferred_count == DEFERRED_MAX || !store->engine->group_commit) {
        store_abort("cannot defer %s", store_statements[statement].name);
    }
    store->deferred[store->deferred_count++] = statement;
}

static struct error *run_deferred(struct store *store, void *context)
{
    struct error *error = NULL;
    for (size_t i = 0; i < store->deferred_count && !error; i++) {
        error = store_execute(store_query(store, context, store->deferred[i]));
    }
    return error;
}

struct error *store_run_deferred(struct store *store, struct arena *arena)
{
    struct error *error = store_run_work(store, arena, run_deferred, arena);
    store->deferred_count = 0;
    return error;
}

void store_share_snapshots(struct store *store)
{
    store->shares_snapshots = true;
}

void store_snapshot_end(struct store *store)
{
    if (store->engine->snapshot_end) {
        store->engine->snapshot_end(store);
    }
}

bool store_group_open(const struct store *store)
{
    return store->engine->group_open && store->engine->group_open(store);
}

/* --- group commit ---------------------------------------------------------------------------- */

uint64_t store_pending_transaction(struct store *store)
{
    bool waits = store->wrote && store_group_open(store);
    store->wrote = false;
    store->group.waits = store->group.waits || waits;
    return waits ? store->transactions : 0;
}

/* Records the result of a commit for the requests whose replies are held. */
static void settle_group(struct store *store, const struct error *error)
{
    struct held_group *group = &store->group;
    group->failed = group->waits && error;
    group->waits = false;
    if (group->failed) {
        group->id = error->id;
        snprintf(group->cause, sizeof group->cause, "%s", error->cause ? error->cause : "");
    }
}

struct error *store_group_commit(struct store *store, struct arena *arena)
{
    if (!store->engine->group_commit) {
        return NULL;
    }
    bool open = store_group_open(store);
    int64_t began = open ? clock_steady_us() : 0;
    struct error *error = store->engine->group_commit(store, arena);
    if (open) {
        count_duration_since("commit", began);
        settle_group(store, error);
    }
    return !error && store->group.failed ? group_error(store, arena) : error;
}

struct error *store_group_end(struct store *store, struct arena *arena, uint64_t *lost_r)
{
    struct error *error = store_group_commit(store, arena);
    *lost_r = error ? store->transactions : 0;
    store->group.failed = false;
    return error;
}

struct error *store_checkpoint(struct store *store, struct arena *arena)
{
    return store->engine->checkpoint ? store->engine->checkpoint(store, arena) : NULL;
}
