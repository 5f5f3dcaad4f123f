/* Metrics: the counters of the service in the text format of Prometheus. They contain no name of a
 * controller or of a person, so the route needs no permission. */
#include "base/metrics.h"
#include "base/config.h"
#include "base/scoreboard.h"
#include "base/space.h"
#include "directory/directory.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "store/store.h"

/* --- gauges, which are set when they are read ------------------------------------------------- */

static void set_gauge(enum metric metric, const char *first, const char *second, int64_t value)
{
    metrics_set(metric, metrics_series(metric, first, second), value);
}

static void set_pool_gauges(void)
{
    for (unsigned pool = 0; pool < POOL_COUNT; pool++) {
        const char *name = config_pool_names[pool];
        struct scoreboard_count count = scoreboard_count(pool);
        set_gauge(METRIC_POOL_WORKERS, name, "busy", count.busy);
        set_gauge(METRIC_POOL_WORKERS, name, "idle", count.processes - count.busy);
        set_gauge(METRIC_POOL_CONNECTIONS, name, NULL, count.connections);
    }
}

static void set_directory_gauges(const struct directory *directory)
{
    struct directory_health health;
    directory_health(directory, &health);
    const struct {
        const char *state;
        size_t count;
    } controllers[] = {{"up", health.up}, {"down", health.down}, {"unknown", health.unknown}};
    for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
        set_gauge(METRIC_DIRECTORY_CONTROLLERS, controllers[i].state, NULL,
                  (int64_t)controllers[i].count);
    }
    metrics_set(METRIC_DIRECTORY_OPEN, 0, health.open);
}

static struct error *get_metrics(struct request *request, struct reply *reply)
{
    struct buffer text = {.arena = request->arena};
    const struct app *app = request->app;
    struct space_health space;
    struct store_health database;
    space_health(&space);
    metrics_set(METRIC_DISK_FREE, 0, space.free_bytes);
    metrics_set(METRIC_DISK_RESERVE, 0, space.reserve_bytes);
    store_health(app->store, &database);
    metrics_set(METRIC_DATABASE_UP, 0, database.state == STORE_UP);
    set_pool_gauges();
    set_directory_gauges(app->directory);
    metrics_write(&text);
    reply_text(reply, "text/plain; version=0.0.4; charset=utf-8", &text);
    return NULL;
}

/* nginx itself replies 403 to addresses that it does not permit. */
static const enum error_id metrics_errors[] = {ERR_FORBIDDEN, ERR_COUNT};

const struct route metrics_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/metrics",
     .handler = get_metrics,
     .pool = POOL_CORE,
     .summary = {"Получить счётчики в формате Prometheus",
                 "Get the counters in the format of Prometheus"},
     .about = {"Адреса, которым они доступны, задаёт nginx.",
               "nginx restricts the addresses that may read them."},
     .shape = REPLY_TEXT,
     .media_type = "text/plain",
     .example = "kontora_directory_circuit_open 0\n",
     .errors = metrics_errors},
    {.pattern = NULL},
};
