/*
 * Health: liveness, readiness, and a check of the file storage.
 *
 * Readiness reports the states of the dependencies that the processes share in memory, so it never
 * waits for a dependency that does not respond. Only /health/storage contacts one. Addresses of
 * dependencies and causes of failures are in the log only.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/space.h"
#include "directory/directory.h"
#include "http/problem.h"
#include "http/reply.h"
#include "objects/objects.h"
#include "resources/resources.h"
#include "store/store.h"

#include <string.h>

enum {
    STATUS_UNAVAILABLE = 503,
};

static const struct field hello_fields[] = {
    {.name = "message",
     .type = FIELD_STRING,
     .about = {"Приветствие", "A greeting"},
     .example = "\"Hello World!\""},
    {.name = NULL},
};

static const struct field health_fields[] = {
    {.name = "status",
     .type = FIELD_STRING,
     .about = {"Состояние сервиса", "The state of the service"},
     .example = "\"ok\""},
    {.name = "service",
     .type = FIELD_STRING,
     .about = {"Имя сервиса (APP_NAME)", "The name of the service (APP_NAME)"},
     .example = "\"kontora\""},
    {.name = NULL},
};

static const struct field dependency_fields[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .about = {"Имя зависимости", "The name of the dependency"},
     .example = "\"directory\""},
    {.name = "state",
     .type = FIELD_STRING,
     .about = {"up, down, unknown (ещё не проверялась) или off (не настроена)",
               "up, down, unknown (not checked yet) or off (not configured)"},
     .example = "\"up\""},
    {.name = "needed",
     .type = FIELD_BOOLEAN,
     .about = {"Без этой зависимости сервис не готов",
               "True if the service is not ready without this dependency"},
     .example = "true"},
    {.name = "latency_ms",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE,
     .about = {"Длительность последней проверки, мс",
               "The duration of the last check in milliseconds"},
     .example = "12"},
    {.name = "checked_at",
     .type = FIELD_TIME,
     .flags = FIELD_NULLABLE,
     .about = {"Время последней проверки", "The time of the last check"},
     .example = "\"2026-11-20T12:34:56.789Z\""},
    {.name = NULL},
};

static const struct field ready_fields[] = {
    {.name = "status",
     .type = FIELD_STRING,
     .about = {"ready или unavailable", "ready or unavailable"},
     .example = "\"ready\""},
    {.name = "service",
     .type = FIELD_STRING,
     .about = {"Имя сервиса (APP_NAME)", "The name of the service (APP_NAME)"},
     .example = "\"kontora\""},
    {.name = "dependencies",
     .type = FIELD_RECORDS,
     .fields = dependency_fields,
     .about = {"Зависимости сервиса", "The dependencies of the service"},
     .example = "[{\"name\":\"directory\",\"state\":\"up\",\"needed\":true,"
                "\"latency_ms\":12,\"checked_at\":\"2026-11-20T12:34:56.789Z\"}]"},
    {.name = NULL},
};

static const struct field storage_fields[] = {
    {.name = "status",
     .type = FIELD_STRING,
     .about = {"healthy или unhealthy", "healthy or unhealthy"},
     .example = "\"healthy\""},
    {.name = "message",
     .type = FIELD_STRING,
     .about = {"Состояние хранилища словами", "The state of the storage in words"},
     .example = "\"Object Storage доступен\""},
    {.name = "timestamp",
     .type = FIELD_TIME,
     .about = {"Время проверки", "The time of the check"},
     .example = "\"2026-11-20T12:34:56.789Z\""},
    {.name = NULL},
};

static const struct schema storage_schema = {"StorageHealth", storage_fields};
static const struct schema hello_schema = {"Hello", hello_fields};
static const struct schema health_schema = {"Health", health_fields};
static const struct schema ready_schema = {"Readiness", ready_fields};

static struct error *get_root(struct request *request, struct reply *reply)
{
    struct value *record = arena_array(request->arena, fields_count(hello_fields), sizeof *record);
    field_set_string(fields_get(hello_fields, record, "message"), "Hello World!");
    reply_record(reply, record);
    return NULL;
}

static struct error *get_health(struct request *request, struct reply *reply)
{
    struct value *record = arena_array(request->arena, fields_count(health_fields), sizeof *record);
    field_set_string(fields_get(health_fields, record, "status"), "ok");
    field_set_string(fields_get(health_fields, record, "service"),
                     app_of(request)->config->app_name);
    reply_record(reply, record);
    return NULL;
}

/* --- dependencies ---------------------------------------------------------------------------- */

/* The state of one dependency. */
struct dependency_state {
    const char *state;
    bool needed;
    int64_t latency_us; /* duration of the last check; -1: unknown */
    int64_t checked_ms; /* time of the last check; 0: never */
};

static void read_directory_health(const struct app *app, struct dependency_state *state_r)
{
    static const char *const states[] = {
        [DIRECTORY_OFF] = "off",
        [DIRECTORY_UNKNOWN] = "unknown",
        [DIRECTORY_DOWN] = "down",
        [DIRECTORY_UP] = "up",
    };
    struct directory_health health;
    directory_health(app->directory, &health);
    *state_r = (struct dependency_state){
        .state = states[health.state],
        .needed = health.state != DIRECTORY_OFF,
        .latency_us = health.latency_us,
        .checked_ms = health.checked_ms,
    };
}

static void read_database_health(const struct app *app, struct dependency_state *state_r)
{
    static const char *const states[] = {
        [STORE_UNKNOWN] = "unknown",
        [STORE_DOWN] = "down",
        [STORE_UP] = "up",
    };
    struct store_health health;
    store_health(app->store, &health);
    *state_r = (struct dependency_state){
        .state = states[health.state],
        .needed = true,
        .latency_us = health.latency_us,
        .checked_ms = health.checked_ms,
    };
}

static void read_storage_health(const struct app *app, struct dependency_state *state_r)
{
    static const char *const states[] = {
        [OBJECTS_UNKNOWN] = "unknown",
        [OBJECTS_DOWN] = "down",
        [OBJECTS_UP] = "up",
    };
    struct objects_health health;
    (void)app;
    objects_health(&health);
    *state_r = (struct dependency_state){
        .state = states[health.state],
        .needed = true,
        .latency_us = health.latency_us,
        .checked_ms = health.checked_ms,
    };
}

static void read_disk_health(const struct app *app, struct dependency_state *state_r)
{
    static const char *const states[] = {
        [SPACE_OFF] = "off",
        [SPACE_UNKNOWN] = "unknown",
        [SPACE_LOW] = "down",
        [SPACE_ENOUGH] = "up",
    };
    struct space_health health;
    (void)app;
    space_health(&health);
    *state_r = (struct dependency_state){
        .state = states[health.state],
        .needed = health.state != SPACE_OFF,
        .latency_us = health.latency_us,
        .checked_ms = health.checked_ms,
    };
}

static const struct dependency {
    const char *name;
    void (*read)(const struct app *app, struct dependency_state *state_r);
} dependencies[] = {
    {"directory", read_directory_health},
    {"database", read_database_health},
    {"storage", read_storage_health},
    {"disk", read_disk_health},
};

enum { DEPENDENCIES = sizeof dependencies / sizeof *dependencies };

static struct value *describe_dependency(struct arena *arena, const char *name,
                                         const struct dependency_state *state)
{
    const struct field *map = dependency_fields;
    struct value *record = arena_array(arena, fields_count(map), sizeof *record);
    field_set_string(fields_get(map, record, "name"), name);
    field_set_string(fields_get(map, record, "state"), state->state);
    field_set_boolean(fields_get(map, record, "needed"), state->needed);
    if (state->latency_us >= 0) {
        field_set_integer(fields_get(map, record, "latency_ms"),
                          (state->latency_us + US_PER_MS - 1) / US_PER_MS);
    }
    if (state->checked_ms) {
        field_set_integer(fields_get(map, record, "checked_at"), state->checked_ms);
    }
    return record;
}

static struct error *get_ready(struct request *request, struct reply *reply)
{
    struct arena *arena = request->arena;
    struct value *record = arena_array(arena, fields_count(ready_fields), sizeof *record);
    struct value **records = arena_array(arena, DEPENDENCIES, sizeof *records);
    bool ready = true;
    for (size_t i = 0; i < DEPENDENCIES; i++) {
        struct dependency_state state;
        dependencies[i].read(request->app, &state);
        ready &= !state.needed || strcmp(state.state, "down") != 0;
        records[i] = describe_dependency(arena, dependencies[i].name, &state);
    }
    field_set_string(fields_get(ready_fields, record, "status"), ready ? "ready" : "unavailable");
    field_set_string(fields_get(ready_fields, record, "service"),
                     app_of(request)->config->app_name);
    field_set_records(fields_get(ready_fields, record, "dependencies"), records, DEPENDENCIES);
    if (!ready) {
        reply->status = STATUS_UNAVAILABLE;
        reply_header(reply, "Retry-After", "5");
    }
    reply_record(reply, record);
    return NULL;
}

/* Checks the storage now; the reply may take as long as the storage. */
static struct error *get_storage(struct request *request, struct reply *reply)
{
    struct arena *arena = request->arena;
    const struct error *error = objects_check(app_of(request)->objects, arena);
    bool english = request->language == LANGUAGE_EN;
    struct value *record = arena_array(arena, fields_count(storage_fields), sizeof *record);
    field_set_string(fields_get(storage_fields, record, "status"), error ? "unhealthy" : "healthy");
    field_set_string(fields_get(storage_fields, record, "message"),
                     error     ? problem_message(ERR_STORAGE_UNAVAILABLE, request->language)
                     : english ? "The object storage is available"
                               : "Object Storage доступен");
    field_set_integer(fields_get(storage_fields, record, "timestamp"), clock_wall_ms());
    reply_set_language(request, reply);
    if (error) {
        log_warning("storage: check failed: %s", error->cause);
        reply->status = STATUS_UNAVAILABLE;
        reply_header(reply, "Retry-After", "5");
    }
    reply_record(reply, record);
    return NULL;
}

const struct route health_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/",
     .handler = get_root,
     .pool = POOL_CORE,
     .summary = {"Получить приветствие", "Get a greeting"},
     .shape = REPLY_RECORD,
     .reply = &hello_schema},
    {.method = METHOD_GET,
     .pattern = "/health",
     .handler = get_health,
     .pool = POOL_CORE,
     .summary = {"Проверить, что сервис работает", "Check that the service is running"},
     .shape = REPLY_RECORD,
     .reply = &health_schema},
    {.method = METHOD_GET,
     .pattern = "/health/ready",
     .handler = get_ready,
     .pool = POOL_CORE,
     .summary = {"Проверить, что сервис готов: доступны все нужные зависимости",
                 "Check that the service is ready: all dependencies that it needs are up"},
     .shape = REPLY_RECORD,
     .reply = &ready_schema,
     .ready = true},
    {.method = METHOD_GET,
     .pattern = "/health/storage",
     .handler = get_storage,
     .pool = POOL_FILES,
     .summary = {"Проверить, что хранилище файлов доступно",
                 "Check that the file storage is available"},
     .shape = REPLY_RECORD,
     .reply = &storage_schema,
     .ready = true},
    {.pattern = NULL},
};
