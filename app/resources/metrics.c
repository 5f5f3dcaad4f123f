/* Metrics: what the service has counted, as Prometheus collects it. No name of a controller or of a
 * person is in it, so that everybody may read it. */
#include "base/metrics.h"

#include "directory/directory.h"
#include "http/reply.h"
#include "resources/resources.h"

/* What is not counted when it happens, but looked at now. */
static void look(const struct app *app)
{
    struct directory_health health;
    directory_health(app->directory, &health);
    const struct {
        const char *state;
        size_t count;
    } controllers[] = {{"up", health.up}, {"down", health.down}, {"unknown", health.unknown}};
    for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
        metrics_set(METRIC_DIRECTORY_CONTROLLERS,
                    metrics_series(METRIC_DIRECTORY_CONTROLLERS, controllers[i].state, NULL),
                    (int64_t)controllers[i].count);
    }
    metrics_set(METRIC_DIRECTORY_OPEN, 0, health.open);
}

static struct error *get_metrics(struct request *request, struct reply *reply)
{
    struct buffer text = {.arena = request->arena};
    look(request->app);
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
