/* See audit_retention.h. */
#include "rest/audit_retention.h"

#include "base/arena.h"
#include "rest/audit_chain.h"

#include <string.h>

struct retention {
    struct arena *arena;
    const char *key;
    int64_t limit_ms, now_ms;
    struct audit_chain_link *links; /* the oldest links */
    bool *changed;                  /* of each link: the row was edited or is missing */
    size_t count;                   /* number of links that are due */
    int64_t deleted, deleted_changed;
};

/* Examines the next link. Returns false if the row is not due. */
static bool examine_link(struct retention *work, const struct store_query *query, size_t index)
{
    struct arena *arena = arena_new();
    struct audit_chain_link *link = &work->links[index];
    struct audit_chain_row row = {0};
    bool exists = !store_is_null(query, SQL_AUDIT_LINKS_PAGE_ID);
    audit_chain_read_link(query, link);
    if (exists) {
        audit_chain_read_row(query, arena, &row);
    }
    bool matches = exists && audit_chain_row_matches(arena, work->key, link, &row);
    arena_free(&arena);
    work->changed[index] = !matches;
    if (matches && row.at < work->limit_ms) {
        work->count = index + 1;
    }
    return !matches || row.at < work->limit_ms || row.at > work->now_ms;
}

/* Finds the links that are due: a prefix of the oldest ones. */
static struct error *find_due_links(struct store *store, struct retention *work)
{
    struct store_query *query = store_query(store, work->arena, SQL_AUDIT_LINKS_PAGE);
    bool row, due = true;
    store_bind_integer(query, 0);
    store_bind_integer(query, AUDIT_CHAIN_BATCH);
    work->links = arena_array(work->arena, AUDIT_CHAIN_BATCH, sizeof *work->links);
    work->changed = arena_array(work->arena, AUDIT_CHAIN_BATCH, sizeof *work->changed);
    struct error *error = store_next(query, &row);
    for (size_t i = 0; !error && row && due; i++) {
        due = examine_link(work, query, i);
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

struct error *audit_retention_run(struct store *store, struct arena *arena, const char *key,
                                  int64_t limit_ms, int64_t now_ms,
                                  struct audit_retention *result_r)
{
    struct retention work = {.arena = arena, .key = key, .limit_ms = limit_ms, .now_ms = now_ms};
    *result_r = (struct audit_retention){0};
    struct error *error = find_due_links(store, &work);
    if (error || !work.count) {
        return error;
    }
    error = store_write_unserialized(store, arena, delete_due_links, &work);
    struct error *ending = store_group_commit(store, arena);
    error = error ? error : ending;
    if (!error) {
        *result_r = (struct audit_retention){work.deleted, work.deleted_changed};
    }
    return error;
}
