/* See delegation_watch.h. */
#include "service/delegation_watch.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "directory/directory.h"
#include "rest/delegations.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 50,                /* delegations per call: their names are read by one search */
    PAUSE_US = 20 * US_PER_MS, /* pause between two batches */
    ROUND_S = 60,              /* pause between two rounds over all delegations */
};

struct delegation_watch {
    struct store *store;
    struct directory *directory;
    int64_t last_id; /* of the delegation checked last in this round */
    bool started;    /* a round is complete: delegations that cannot be resolved have been logged */
    bool failing;    /* the last check failed, which has been logged */
};

struct delegation_watch *delegation_watch_new(struct store *store, struct directory *directory)
{
    struct delegation_watch *watch = base_alloc(sizeof *watch);
    *watch = (struct delegation_watch){.store = store, .directory = directory};
    return watch;
}

void delegation_watch_free(struct delegation_watch **watch)
{
    directory_free(&(*watch)->directory);
    free(*watch);
    *watch = NULL;
}

/* A stored delegation. */
struct stored {
    int64_t id, version;
    const char *principal_guid, *scope_guid;
    struct delegation_texts texts;
};

static const char *copy_stored_text(struct arena *arena, const struct store_query *query,
                                    size_t column)
{
    const char *text = store_text(query, column, NULL);
    return text ? arena_string(arena, text) : NULL;
}

/* Reads the next delegations. */
static struct error *read_batch(const struct delegation_watch *watch, struct arena *arena,
                                struct stored *stored_r, size_t *count_r)
{
    struct store_query *query = store_query(watch->store, arena, SQL_DELEGATIONS_PAGE);
    struct error *error;
    bool row;
    *count_r = 0;
    store_bind_integer(query, watch->last_id);
    store_bind_integer(query, BATCH);
    while (!(error = store_next(query, &row)) && row) {
        stored_r[(*count_r)++] = (struct stored){
            .id = store_integer(query, SQL_DELEGATIONS_PAGE_ID),
            .version = store_integer(query, SQL_DELEGATIONS_PAGE_VERSION),
            .principal_guid = copy_stored_text(arena, query, SQL_DELEGATIONS_PAGE_PRINCIPAL_GUID),
            .scope_guid = copy_stored_text(arena, query, SQL_DELEGATIONS_PAGE_SCOPE_GUID),
            .texts =
                {
                    .principal = copy_stored_text(arena, query, SQL_DELEGATIONS_PAGE_PRINCIPAL),
                    .principal_name =
                        copy_stored_text(arena, query, SQL_DELEGATIONS_PAGE_PRINCIPAL_NAME),
                    .scope = copy_stored_text(arena, query, SQL_DELEGATIONS_PAGE_SCOPE),
                    .rights = (unsigned)store_integer(query, SQL_DELEGATIONS_PAGE_RIGHTS),
                    .fields = copy_stored_text(arena, query, SQL_DELEGATIONS_PAGE_FIELDS),
                    .created_by = copy_stored_text(arena, query, SQL_DELEGATIONS_PAGE_CREATED_BY),
                },
        };
    }
    return error;
}

static bool equals_name(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* --- names ----------------------------------------------------------------------------------- */

/* Logs objects that do not exist: all of them in the first round, later those that existed in the
 * round before. */
static void log_missing(const struct delegation_watch *watch, const struct stored *stored,
                        const struct delegation_texts *now)
{
    if (!now->principal && (!watch->started || stored->texts.principal)) {
        log_warning("delegations: %" PRId64 " has no effect: its user or group \"%s\" does not "
                    "exist in LDAP_BASE_DN",
                    stored->id, stored->texts.principal_name);
    }
    if (!now->scope && (!watch->started || stored->texts.scope)) {
        log_warning("delegations: %" PRId64 " of \"%s\" has no effect: its scope \"%s\" does not "
                    "exist in LDAP_BASE_DN",
                    stored->id, stored->texts.principal_name,
                    stored->texts.scope ? stored->texts.scope : stored->scope_guid);
    }
}

/* The context of the transaction that stores new names. */
struct renaming {
    struct arena *arena;
    const struct stored *stored;
    const struct delegation_texts *now;
};

/* Stores the names, unless the delegation has been changed since it was read. */
static struct error *store_names(struct store *store, void *context)
{
    const struct renaming *work = context;
    struct store_query *query = store_query(store, work->arena, SQL_DELEGATIONS_RENAME);
    store_bind_integer(query, work->stored->id);
    store_bind_text(query, work->now->principal);
    store_bind_text(query, work->now->principal_name);
    store_bind_text(query, work->now->scope);
    store_bind_text(query, delegations_fold(work->arena, work->now));
    store_bind_integer(query, work->stored->version);
    return store_execute(query);
}

static struct error *update_names(struct delegation_watch *watch, struct arena *arena,
                                  const struct stored *stored,
                                  const struct directory_object *objects, size_t count)
{
    const struct directory_object *principal =
        directory_located(objects, count, stored->principal_guid);
    const struct directory_object *scope = directory_located(objects, count, stored->scope_guid);
    struct delegation_texts now = stored->texts;
    now.principal = principal ? principal->dn : NULL;
    now.principal_name = now.principal ? principal->name : stored->texts.principal_name;
    now.scope = scope ? scope->dn : NULL;
    log_missing(watch, stored, &now);
    if (equals_name(now.principal, stored->texts.principal) &&
        equals_name(now.principal_name, stored->texts.principal_name) &&
        equals_name(now.scope, stored->texts.scope)) {
        return NULL;
    }
    struct renaming work = {arena, stored, &now};
    struct error *error = store_write(watch->store, arena, store_names, &work);
    return error ? error : store_group_commit(watch->store, arena);
}

/* Checks a batch. *more_r is true if the round is not complete. */
static struct error *check_batch(struct delegation_watch *watch, struct arena *arena, bool *more_r)
{
    struct stored stored[BATCH];
    struct directory_object objects[2 * BATCH];
    size_t count;
    *more_r = false;
    struct error *error = read_batch(watch, arena, stored, &count);
    if (error) {
        return error;
    }
    for (size_t i = 0; i < count; i++) {
        objects[2 * i] = (struct directory_object){.guid = stored[i].principal_guid};
        objects[2 * i + 1] = (struct directory_object){.guid = stored[i].scope_guid};
    }
    error = directory_locate(watch->directory, arena, objects, 2 * count);
    for (size_t i = 0; !error && i < count; i++) {
        error = update_names(watch, arena, &stored[i], objects, 2 * count);
        watch->last_id = stored[i].id;
    }
    *more_r = !error && count == BATCH;
    return error;
}

/* Logs when checks begin to fail and when they succeed again. */
static void log_check_change(struct delegation_watch *watch, const struct error *error)
{
    if (error && !watch->failing) {
        log_warning("delegations: cannot read their principals and scopes: %s",
                    error->cause ? error->cause : "unknown cause");
    } else if (!error && watch->failing) {
        log_info("delegations: reading their principals and scopes works again");
    }
    watch->failing = error;
}

int64_t delegation_watch_run(struct delegation_watch *watch)
{
    struct store_health health;
    bool more = false;
    store_health(watch->store, &health);
    if (health.state == STORE_DOWN) { /* waiting for the database would delay the other jobs */
        return clock_steady_us() + (int64_t)ROUND_S * US_PER_S;
    }
    struct arena *arena = arena_new();
    struct error *error = check_batch(watch, arena, &more);
    log_check_change(watch, error);
    if (!more && !error) { /* the round is complete */
        watch->started = true;
        watch->last_id = 0;
    }
    arena_free(&arena);
    return clock_steady_us() + (more ? PAUSE_US : (int64_t)ROUND_S * US_PER_S);
}
