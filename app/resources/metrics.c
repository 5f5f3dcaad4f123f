/* Metrics: what the service has counted, as Prometheus collects it. No name of a controller or of a
 * person is in it, so that everybody may read it. */
#include "base/metrics.h"

#include "base/config.h"
#include "base/scoreboard.h"
#include "base/space.h"
#include "directory/directory.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "store/store.h"

/* What is not counted when it happens, but looked at now. */

static void set(enum metric metric, const char *first, const char *second, int64_t value)
{
    metrics_set(metric, metrics_series(metric, first, second), value);
}

static void look_at_pools(void)
{
    for (unsigned pool = 0; pool < POOL_COUNT; pool++) {
        const char *name = pool_names[pool];
        struct scoreboard_count count = scoreboard_count(pool);
        set(METRIC_POOL_WORKERS, name, "busy", count.busy);
        set(METRIC_POOL_WORKERS, name, "idle", count.processes - count.busy);
        set(METRIC_POOL_CONNECTIONS, name, NULL, count.connections);
    }
}

static void set_disk_gauges(void)
{
    struct space_health health;
    space_health(&health);
    metrics_set(METRIC_DISK_FREE, 0, health.free_bytes);
    metrics_set(METRIC_DISK_RESERVE, 0, health.reserve_bytes);
}

static void look_at_database(const struct store *store)
{
    struct store_health health;
    store_health(store, &health);
    metrics_set(METRIC_DATABASE_UP, 0, health.state == STORE_UP);
}

static void look_at_directory(const struct directory *directory)
{
    struct directory_health health;
    directory_health(directory, &health);
    const struct {
        const char *state;
        size_t count;
    } controllers[] = {{"up", health.up}, {"down", health.down}, {"unknown", health.unknown}};
    for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
        set(METRIC_DIRECTORY_CONTROLLERS, controllers[i].state, NULL,
            (int64_t)controllers[i].count);
    }
    metrics_set(METRIC_DIRECTORY_OPEN, 0, health.open);
}

static struct error *get_metrics(struct request *request, struct reply *reply)
{
    struct buffer text = {.arena = request->arena};
    const struct app *app = request->app;
    look_at_pools();
    set_disk_gauges();
    look_at_database(app->store);
    look_at_directory(app->directory);
    metrics_write(&text);
    reply_text(reply, "text/plain; version=0.0.4; charset=utf-8", &text);
    return NULL;
}

/* nginx's, for those it keeps out. */
static const enum error_id errors[] = {ERR_FORBIDDEN, ERR_COUNT};

const struct route metrics_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/metrics",
     .handler = get_metrics,
     .pool = POOL_CORE,
     .summary = {"Счётчики в формате Prometheus", "Counters in the format of Prometheus"},
     .about = {"Кому они открыты, решает nginx.", "nginx decides who may see them."},
     .shape = REPLY_TEXT,
     .media_type = "text/plain",
     .example = "kontora_directory_circuit_open 0\n",
     .errors = errors},
    {.pattern = NULL},
};
