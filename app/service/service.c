/* See service.h: how a worker serves, and the operations that proc/ calls. */
#include "service/service.h"

#include "auth/auth.h"
#include "auth/password.h"
#include "base/arena.h"
#include "base/background.h"
#include "base/fastcgi.h"
#include "base/log.h"
#include "base/size.h"
#include "base/space.h"
#include "collection/app.h"
#include "collection/idempotency.h"
#include "collection/limits.h"
#include "collection/uses.h"
#include "directory/directory.h"
#include "http/access.h"
#include "http/audit.h"
#include "http/server.h"
#include "objects/objects.h"
#include "proc/master.h"
#include "proc/service.h"
#include "resources/resources.h"
#include "service/guard.h"
#include "service/jobs.h"
#include "service/settings.h"
#include "service/sharing.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct worker_state {
    struct app app;
    struct router *router;
    struct server *server;
};

/* --- group commit ---------------------------------------------------------------------------- */

static uint64_t hold_answer(struct app *app)
{
    return store_hold(app->store);
}

static struct error *commit_group(struct app *app, struct arena *arena, uint64_t *lost_r)
{
    struct error *error = store_group_end(app->store, arena, lost_r);
    auth_committed();
    return error;
}

static const struct server_turn turn = {hold_answer, commit_group};

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
    space_enter(config->disk_reserve_mib * MIB, paths);
}

static struct worker_state *new_worker_state(const struct config *config, enum pool_id pool)
{
    const struct router_settings settings = {
        .guard = guard,
        .repeats = &idempotency,
        .standard_language = (enum config_language)config->default_language,
        .body_max = (size_t)config->max_json_kib * KIB,
    };
    struct worker_state *state = must_alloc(sizeof *state);
    state->app = (struct app){
        .config = config,
        .directory = directory_new(config),
        .store = store_new(config, sharing_database()),
        .objects = settings_open_storage(config),
        .pool = pool,
    };
    if (pool == POOL_CORE) { /* all requests of an iteration arrived before it began */
        store_read_by_turns(state->app.store);
    }
    state->router = router_new(resources, &settings);
    state->server = server_new(state->router, &state->app, &turn, pool == POOL_CORE);
    return state;
}

static void *start_serving(const struct config *config, enum pool_id pool)
{
    /* Every worker runs every route: pools only isolate. Hashing passwords takes long, so the
     * workers of `auth` yield the processor to all other processes. */
    if (pool == POOL_AUTH) {
        background_enter();
        password_estimate(config->bcrypt_cost);
    }
    access_enter(pool);
    if (!audit_open(config->audit_log_path)) {
        log_error("AUDIT_LOG_PATH %s: %s", config->audit_log_path, strerror(errno));
        return NULL;
    }
    return new_worker_state(config, pool);
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

static void *open_exchange(void *state, int fd, int body_fd)
{
    return server_open(server_of(state), fd, body_fd);
}

static enum arrival look_at_request(const char *bytes, size_t length)
{
    switch (fastcgi_look_at_request(bytes, length)) {
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

static void close_exchange(void *state, void *connection)
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
    store_rest(((struct worker_state *)state)->app.store);
}

/* --- logs and end ---------------------------------------------------------------------------- */

static void reopen_log_files(void *state)
{
    (void)state;
    log_reopen();
    audit_reopen();
}

static void stop_serving(void *state)
{
    struct worker_state *worker = state;
    uses_flush_all(worker->app.store);
    server_free(&worker->server);
    router_free(&worker->router);
    directory_free(&worker->app.directory);
    store_free(&worker->app.store);
    objects_close(&worker->app.objects);
    free(worker);
}

static const struct service service = {
    .prepare = settings_prepare,
    .enter = register_file_systems,
    .start = start_serving,
    .open = open_exchange,
    .look = look_at_request,
    .serve = serve_request,
    .commit = commit_requests,
    .finish = answer_held_request,
    .queue_length = queue_length,
    .rest = end_iteration,
    .close = close_exchange,
    .reopen = reopen_log_files,
    .stop = stop_serving,
    .begin_jobs = jobs_begin,
    .end_jobs = jobs_end,
    .jobs = jobs_list,
};

int service_run(struct config *config, const char *env_file)
{
    sharing_prepare(config);
    return master_run(config, env_file, &service);
}
