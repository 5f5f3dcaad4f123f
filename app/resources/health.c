/* Health: that the service is there. Both calls touch nothing but this worker. */
#include "base/arena.h"
#include "base/config.h"
#include "http/reply.h"
#include "resources/resources.h"

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

static const struct schema hello_schema = {"Hello", hello_fields};
static const struct schema health_schema = {"Health", health_fields};

static struct error *get_root(struct request *request, struct reply *reply)
{
    struct value *record = arena_array(request->arena, fields_count(hello_fields), sizeof *record);
    value_set_string(fields_get(hello_fields, record, "message"), "Hello World!");
    reply_record(reply, record);
    return NULL;
}

static struct error *get_health(struct request *request, struct reply *reply)
{
    struct value *record = arena_array(request->arena, fields_count(health_fields), sizeof *record);
    value_set_string(fields_get(health_fields, record, "status"), "ok");
    value_set_string(fields_get(health_fields, record, "service"), request->app->config->app_name);
    reply_record(reply, record);
    return NULL;
}

const struct route health_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/",
     .handler = get_root,
     .pool = POOL_CORE,
     .summary = {"Приветствие", "Say hello"},
     .shape = REPLY_RECORD,
     .reply = &hello_schema},
    {.method = METHOD_GET,
     .pattern = "/health",
     .handler = get_health,
     .pool = POOL_CORE,
     .summary = {"Проверить, что сервис работает", "Check that the service is there"},
     .shape = REPLY_RECORD,
     .reply = &health_schema},
    {.pattern = NULL},
};
