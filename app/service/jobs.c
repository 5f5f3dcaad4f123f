/* See jobs.h. */
#include "service/jobs.h"

#include "auth/api_key.h"
#include "auth/api_key_use.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/space.h"
#include "directory/directory.h"
#include "files/catalog.h"
#include "objects/objects.h"
#include "service/delegation_watch.h"
#include "service/session_watch.h"
#include "service/settings.h"
#include "service/sharing.h"
#include "store/keys.h"
#include "store/purge.h"
#include "store/store.h"
#include "tokens/usage.h"

void *jobs_open_store(const struct config *config)
{
    struct store *store = store_new(config, sharing_database());
    store_require_keys(store, fold_version());
    return store;
}

void jobs_close_store(void *store)
{
    struct store *owned = store;
    store_free(&owned);
}

/* Starts a job whose only state is the shared store. Returns the store as the state. */
static void *use_shared_store(const struct config *config, void *store)
{
    (void)config;
    return store;
}

/* Stops a job that has no state of its own to free. */
static void leave_shared_store(void *store)
{
    (void)store;
}

/* --- directory ------------------------------------------------------------------------------- */

static void *start_directory_probe(const struct config *config, void *store)
{
    (void)store;
    return directory_new(config);
}

static int64_t run_directory_probe(void *directory)
{
    return directory_probe(directory);
}

static void stop_directory_probe(void *state)
{
    struct directory *directory = state;
    directory_free(&directory);
}

/* --- database -------------------------------------------------------------------------------- */

static int64_t run_database_watch(void *store)
{
    return store_watch(store);
}

static void *start_purge(const struct config *config, void *store)
{
    (void)config;
    return purge_new(store);
}

static int64_t run_purge_batch(void *purge)
{
    return purge_run(purge);
}

static void stop_purge(void *state)
{
    struct purge *purge = state;
    purge_free(&purge);
}

static int64_t run_usage_flush(void *store)
{
    return tokens_usage_run(store);
}

static void stop_usage_flush(void *store)
{
    tokens_usage_flush_all(store);
}

/* --- API keys -------------------------------------------------------------------------------- */

/* Warns of old keys once, when the database can be read. */
static void warn_of_old_keys(struct store *store)
{
    static bool warned;
    struct store_health health;
    store_health(store, &health);
    if (warned || health.state == STORE_DOWN) {
        return;
    }
    struct arena *arena = arena_new();
    warned = !api_key_warn_of_old(store, arena, clock_wall_ms());
    arena_free(&arena);
}

static int64_t run_key_uses(void *store)
{
    warn_of_old_keys(store);
    return api_key_use_run(store);
}

static void stop_key_uses(void *store)
{
    api_key_use_flush_all(store);
}

/* --- disk and object storage ----------------------------------------------------------------- */

/* Measures the file systems that register_file_systems() has registered (service.c). */
static int64_t run_space_watch(void *store)
{
    (void)store;
    return space_watch();
}

static void *start_storage_watch(const struct config *config, void *store)
{
    (void)store;
    return settings_open_storage(config);
}

static int64_t run_storage_watch(void *objects)
{
    return objects_watch(objects);
}

static void stop_storage_watch(void *state)
{
    struct objects *objects = state;
    objects_close(&objects);
}

static void *start_orphan_purge(const struct config *config, void *store)
{
    return catalog_job_new(store, settings_open_storage(config));
}

static int64_t run_orphan_purge(void *job)
{
    return catalog_job_run(job);
}

static void stop_orphan_purge(void *state)
{
    struct catalog_job *job = state;
    catalog_job_free(&job);
}

/* --- sessions -------------------------------------------------------------------------------- */

static void *start_session_watch(const struct config *config, void *store)
{
    return session_watch_new(config, store, directory_new(config));
}

static int64_t run_session_watch(void *watch)
{
    return session_watch_run(watch);
}

static void stop_session_watch(void *state)
{
    struct session_watch *watch = state;
    session_watch_free(&watch);
}

/* --- delegations ----------------------------------------------------------------------------- */

static void *start_delegation_watch(const struct config *config, void *store)
{
    return delegation_watch_new(store, directory_new(config));
}

static int64_t run_delegation_watch(void *watch)
{
    return delegation_watch_run(watch);
}

static void stop_delegation_watch(void *state)
{
    struct delegation_watch *watch = state;
    delegation_watch_free(&watch);
}

const struct job jobs_list[] = {
    {"directory probe", start_directory_probe, run_directory_probe, stop_directory_probe},
    {"database watch", use_shared_store, run_database_watch, leave_shared_store},
    {"purge", start_purge, run_purge_batch, stop_purge, purge_wake_fd},
    {"token usage flush", use_shared_store, run_usage_flush, stop_usage_flush},
    {"API key use", use_shared_store, run_key_uses, stop_key_uses},
    {"free space watch", use_shared_store, run_space_watch, leave_shared_store},
    {"storage watch", start_storage_watch, run_storage_watch, stop_storage_watch},
    {"session watch", start_session_watch, run_session_watch, stop_session_watch},
    {"delegation watch", start_delegation_watch, run_delegation_watch, stop_delegation_watch},
    {"orphan purge", start_orphan_purge, run_orphan_purge, stop_orphan_purge},
    {.run = NULL},
};
