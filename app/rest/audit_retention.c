/* See audit_retention.h. */
#include "rest/audit_retention.h"

#include "base/arena.h"
#include "rest/audit_chain.h"

#include <string.h>

/* A batch of links, examined in their order up to the first one that is not due. */
struct retention {
    struct arena *arena;
    const char *key;
    int64_t limit_ms, now_ms;
    int64_t due; /* all links up to this position are due */
    struct audit_chain_link *links;
    bool *changed;   /* of each link: the row was edited or is missing */
    size_t examined; /* number of links */
    size_t count;    /* of them, the first ones that are due */
    bool stopped;    /* at a link that is not due */
    int64_t deleted, deleted_changed;
};

/* Examines the next link. */
static void examine_link(struct retention *work, const struct store_query *query)
{
    struct arena *arena = arena_new();
    struct audit_chain_link *link = &work->links[work->examined];
    struct audit_chain_row row = {0};
    bool exists = !store_is_null(query, SQL_AUDIT_LINKS_PAGE_ID);
    audit_chain_read_link(query, link);
    if (exists) {
        audit_chain_read_row(query, arena, &row);
    }
    bool matches = exists && audit_chain_row_matches(arena, work->key, link, &row);
    arena_free(&arena);
    bool due = link->position <= work->due || (matches && row.at < work->limit_ms);
    work->stopped = matches && !due && row.at <= work->now_ms;
    if (work->stopped) {
        return;
    }
    work->changed[work->examined++] = !matches;
    work->count = due ? work->examined : work->count;
}

/* Examines the links after a position. */
static struct error *examine_links(struct store *store, struct retention *work, int64_t after)
{
    struct store_query *query = store_query(store, work->arena, SQL_AUDIT_LINKS_PAGE);
    bool row;
    store_bind_integer(query, after);
    store_bind_integer(query, AUDIT_CHAIN_BATCH);
    work->links = arena_array(work->arena, AUDIT_CHAIN_BATCH, sizeof *work->links);
    work->changed = arena_array(work->arena, AUDIT_CHAIN_BATCH, sizeof *work->changed);
    struct error *error = store_next(query, &row);
    while (!error && row && !work->stopped) {
        examine_link(work, query);
        error = store_next(query, &row);
    }
    store_end(query);
    return error;
}

static struct error *delete_link(struct store *store, struct arena *arena,
                                 const struct audit_chain_link *link)
{
    struct store_query *query = store_query(store, arena, SQL_AUDIT_CHAIN_DELETE_ROW);
    store_bind_integer(query, link->audit_id);
    struct error *error = store_execute(query);
    if (error) {
        return error;
    }
    query = store_query(store, arena, SQL_AUDIT_LINKS_DELETE);
    store_bind_integer(query, link->position);
    return store_execute(query);
}

/* Deletes the links that are due, unless another host has deleted them since they were read. */
static struct error *delete_due_links(struct store *store, void *context)
{
    struct retention *work = context;
    const struct audit_chain_link *last = &work->links[work->count - 1];
    struct audit_chain_anchor anchor;
    bool locked;
    work->deleted = work->deleted_changed = 0;
    struct error *error = audit_chain_lock(store, work->arena, &locked);
    if (error || !locked) {
        return error;
    }
    error = audit_chain_read_anchor(store, work->arena, work->key, &anchor);
    if (error || anchor.head.position >= work->links[0].position) {
        return error;
    }
    for (size_t i = 0; !error && i < work->count; i++) {
        error = delete_link(store, work->arena, &work->links[i]);
        work->deleted_changed += work->changed[i];
    }
    if (error) {
        return error;
    }
    anchor.head.position = last->position;
    anchor.head.audit_id = last->audit_id;
    memcpy(anchor.head.chain_tag, last->chain_tag, DIGEST_SIZE);
    work->deleted = (int64_t)work->count;
    anchor.removed_at = work->now_ms;
    anchor.removed_count =
        (anchor.valid ? anchor.removed_count : 0) + work->deleted - work->deleted_changed;
    return audit_chain_write_anchor(store, work->arena, work->key, &anchor);
}

/* Passes links of which none is due. */
static void pass_links(const struct retention *work, struct audit_retention *retention)
{
    retention->kept = retention->passed_changed;
    for (size_t i = 0; i < work->examined; i++) {
        retention->kept += work->changed[i];
    }
    retention->more = work->examined == AUDIT_CHAIN_BATCH;
    if (retention->more) {
        retention->passed = work->links[work->examined - 1].position;
        retention->passed_changed = retention->kept;
    } else if (!work->examined && !work->stopped) { /* the end: the next call begins anew */
        retention->passed = retention->passed_changed = 0;
    }
}

static struct error *delete_oldest_links(struct store *store, struct retention *work,
                                         struct audit_retention *retention)
{
    struct error *error = store_write_unserialized(store, work->arena, delete_due_links, work);
    struct error *ending = store_group_commit(store, work->arena);
    if (error || ending) {
        return error ? error : ending;
    }
    retention->deleted = work->deleted;
    retention->changed = work->deleted_changed;
    retention->more = work->deleted == AUDIT_CHAIN_BATCH;
    if (work->deleted && work->links[work->count - 1].position >= retention->due) {
        retention->due = 0;
    }
    return NULL;
}

struct error *audit_retention_run(struct store *store, struct arena *arena, const char *key,
                                  int64_t limit_ms, int64_t now_ms,
                                  struct audit_retention *retention)
{
    struct retention work = {
        .arena = arena, .key = key, .limit_ms = limit_ms, .now_ms = now_ms, .due = retention->due};
    retention->deleted = retention->changed = retention->kept = 0;
    retention->more = false;
    struct error *error = examine_links(store, &work, retention->passed);
    if (error) {
        return error;
    }
    if (!work.count) {
        retention->due = 0;
        pass_links(&work, retention);
        return NULL;
    }
    if (!retention->passed) {
        return delete_oldest_links(store, &work, retention);
    }
    /* All links that were passed precede one that is due. */
    retention->due = work.links[work.count - 1].position;
    retention->passed = retention->passed_changed = 0;
    retention->more = true;
    return NULL;
}
