/* See service.h. Implements the functions that proc/ calls in workers. */
#include "service/service.h"

#include "auth/api_key_use.h"
#include "auth/auth.h"
#include "auth/password.h"
#include "base/arena.h"
#include "base/background.h"
#include "base/fastcgi.h"
#include "base/fold.h"
#include "base/log.h"
#include "base/size.h"
#include "base/space.h"
#include "directory/directory.h"
#include "http/access.h"
#include "http/audit.h"
#include "http/server.h"
#include "objects/objects.h"
#include "proc/master.h"
#include "proc/service.h"
#include "resources/resources.h"
#include "rest/app.h"
#include "rest/delegations.h"
#include "rest/idempotency.h"
#include "rest/limits.h"
#include "rest/user_fields.h"
#include "service/guard.h"
#include "service/jobs.h"
#include "service/settings.h"
#include "service/sharing.h"
#include "store/keys.h"
#include "store/store.h"
#include "tokens/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct worker_state {
    struct app app;
    struct router *router;
    struct server *server;
};

/* --- group commit ---------------------------------------------------------------------------- */

static uint64_t pending_transaction(void *state)
{
    const struct app *app = state;
    return store_pending_transaction(app->store);
}

static struct error *end_group_commit(void *state, struct arena *arena, uint64_t *lost_r)
{
    const struct app *app = state;
    struct error *error = store_group_end(app->store, arena, lost_r);
    auth_after_commit();
    return error;
}

static const struct server_group_commit group_commit = {pending_transaction, end_group_commit};

/* --- start of a process ---------------------------------------------------------------------- */

/* Registers every file system to which the service writes. */
static void register_file_systems(const struct config *config)
{
    enum { PLACES = 5 };
    static const char *paths[PLACES + 1];
    const char *const places[PLACES] = {
        config->state_dir,
        config->audit_log_path,
        *config->log_path ? config->log_path : NULL,
        store_database_file(config, config->arena),
        objects_folder(config, config->arena),
    };
    size_t count = 0;
    for (size_t i = 0; i < PLACES; i++) {
        if (places[i]) {
            paths[count++] = places[i];
        }
    }
    paths[count] = NULL;
    space_configure(config->disk_reserve_mib * MIB, paths);
}

static struct worker_state *create_worker_state(const struct config *config, enum pool_id pool)
{
    const struct router_settings settings = {
        .guard = guard,
        .repeats = &idempotency,
        .standard_language = (enum config_language)config->default_language,
        .body_max = (size_t)config->max_json_kib * KIB,
    };
    struct worker_state *state = base_alloc(sizeof *state);
    state->app = (struct app){
        .config = config,
        .directory = directory_new(config),
        .store = store_new(config, sharing_database()),
        .objects = settings_open_storage(config),
        .pool = pool,
    };
    store_require_keys(state->app.store, fold_version());
    state->app.delegations = delegations_new(config, state->app.store, state->app.directory);
    user_fields_configure(config);
    if (pool == POOL_CORE) { /* all requests of a loop iteration have arrived before it begins */
        store_share_snapshots(state->app.store);
    }
    state->router = router_new(resources, &settings);
    state->server = server_new(state->router, &state->app, &group_commit, pool == POOL_CORE);
    return state;
}

static void *start_serving(const struct config *config, enum pool_id pool)
{
    /* Every worker serves every route; pools only isolate slow requests. Hashing passwords takes
     * long, so the workers of `auth` and `overflow` run with background priority. */
    if (pool == POOL_AUTH || pool == POOL_OVERFLOW) {
        background_enter();
    }
    if (pool == POOL_AUTH) { /* limits_queue_length() needs the estimate */
        password_estimate(config->bcrypt_cost);
    }
    access_set_pool(pool);
    if (!audit_open(config->audit_log_path)) {
        log_error("AUDIT_LOG_PATH: cannot open %s: %s", config->audit_log_path, strerror(errno));
        return NULL;
    }
    return create_worker_state(config, pool);
}

/* --- connections ----------------------------------------------------------------------------- */

static const enum served served[] = {
    [SERVER_ANSWERED] = SERVED,
    [SERVER_CLOSED] = SERVED_CLOSED,
    [SERVER_HELD] = SERVED_HELD,
};

static struct server *server_of(void *state)
{
    return ((struct worker_state *)state)->server;
}

static void *open_server_connection(void *state, int fd, int body_fd)
{
    return server_open(server_of(state), fd, body_fd);
}

static enum arrival classify_request(const char *bytes, size_t length)
{
    switch (fastcgi_inspect_request(bytes, length)) {
    case FASTCGI_END:
        return ARRIVAL_COMPLETE;
    case FASTCGI_PARAMS_END:
        return ARRIVAL_READY;
    case FASTCGI_MORE:
        return ARRIVAL_PENDING;
    default:
        return ARRIVAL_REFUSED;
    }
}

static enum served serve_request(void *state, void *connection, bool complete)
{
    return served[server_serve(server_of(state), connection, complete)];
}

static void commit_requests(void *state)
{
    server_commit(server_of(state));
}

static enum served answer_held_request(void *state, void *connection)
{
    return served[server_finish(server_of(state), connection)];
}

static void close_server_connection(void *state, void *connection)
{
    (void)state;
    server_close(connection);
}

static size_t queue_length(void *state)
{
    const struct app *app = &((struct worker_state *)state)->app;
    return app->pool == POOL_AUTH ? limits_queue_length(app->config) : 0;
}

static void end_iteration(void *state)
{
    store_snapshot_end(((struct worker_state *)state)->app.store);
}

/* --- log rotation and shutdown --------------------------------------------------------------- */

static void reopen_log_files(void *state)
{
    (void)state;
    log_reopen();
    audit_reopen();
}

static void stop_serving(void *state)
{
    struct worker_state *worker = state;
    tokens_usage_flush_all(worker->app.store);
    api_key_use_flush_all(worker->app.store);
    server_free(&worker->server);
    router_free(&worker->router);
    delegations_free(&worker->app.delegations);
    directory_free(&worker->app.directory);
    store_free(&worker->app.store);
    objects_close(&worker->app.objects);
    free(worker);
}

static const struct service service = {
    .prepare = settings_prepare,
    .enter = register_file_systems,
    .start = start_serving,
    .open = open_server_connection,
    .look = classify_request,
    .serve = serve_request,
    .commit = commit_requests,
    .finish = answer_held_request,
    .queue_length = queue_length,
    .rest = end_iteration,
    .close = close_server_connection,
    .reopen = reopen_log_files,
    .stop = stop_serving,
    .begin_jobs = jobs_open_store,
    .end_jobs = jobs_close_store,
    .jobs = jobs_list,
};

int service_run(struct config *config, const char *env_file)
{
    fold_prepare();
    sharing_prepare(config);
    return master_run(config, env_file, &service);
}
