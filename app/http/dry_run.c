/* See dry_run.h. */
#include "http/dry_run.h"

#include "base/arena.h"
#include "http/fields.h"
#include "http/permission.h"

#include <string.h>

static const char name[] = "dry_run";

enum { STATUS_OK = 200 };

const char dry_run_ldif_type[] = "text/ldif";

const struct field dry_run_parameter[] = {
    {.name = name,
     .type = FIELD_BOOLEAN,
     .about = {"Только проверить запрос и показать, что он изменит; ничего не записывается",
               "Only check the request and show what it would change; nothing is written"},
     .example = "true"},
    {.name = NULL},
};

const struct field dry_run_change_fields[] = {
    {.name = "resource",
     .type = FIELD_STRING,
     .about = {"Вид объекта", "The kind of the object"},
     .example = "\"contact\""},
    {.name = "id",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Идентификатор или objectGUID; null у нового объекта",
               "The id or the objectGUID; null for a new object"},
     .example = "\"42\""},
    {.name = "field",
     .type = FIELD_STRING,
     .about = {"Поле", "The field"},
     .example = "\"company\""},
    {.name = "before",
     .type = FIELD_JSON,
     .about = {"Значение до изменения", "The value before the change"},
     .example = "\"Луч\""},
    {.name = "after",
     .type = FIELD_JSON,
     .about = {"Значение после изменения", "The value after the change"},
     .example = "\"Ромашка\""},
    {.name = NULL},
};

static const struct field reply_fields[] = {
    {.name = name,
     .type = FIELD_BOOLEAN,
     .about = {"Всегда true", "Always true"},
     .example = "true"},
    {.name = "changes",
     .type = FIELD_JSON,
     .fields = dry_run_change_fields,
     .about = {"Изменения, которые сделает запрос", "The changes that the request would make"}},
    {.name = NULL},
};

const struct schema dry_run_schema = {"DryRun", reply_fields, false};

/* Returns true if the name of a `name=value` pair of the query is that of the parameter. */
static bool is_parameter(struct arena *arena, const char *pair, size_t length)
{
    size_t name_length = strcspn(pair, "=");
    char *decoded = arena_copy(arena, pair, name_length < length ? name_length : length);
    return request_decode(decoded, true) && !strcmp(decoded, name);
}

static const char *remove_parameter(struct arena *arena, const char *query)
{
    struct buffer rest = {.arena = arena};
    while (*query) {
        size_t length = strcspn(query, "&");
        if (!is_parameter(arena, query, length)) {
            buffer_add(&rest, query, length);
            buffer_add_char(&rest, '&');
        }
        query += length + (query[length] == '&');
    }
    return rest.length ? arena_copy(arena, rest.bytes, rest.length - 1) : "";
}

struct error *dry_run_read(struct request *request)
{
    struct value *values;
    if (request->method == METHOD_GET || !*request->query_text) {
        return NULL;
    }
    struct error *error =
        fields_read_open_query(request->arena, dry_run_parameter, request->query_text, &values);
    if (error || values->state != VALUE_SET) {
        return error;
    }
    request->dry_run = values->boolean;
    if (!request->route->dry_run) {
        return error_field(request->arena, name, FAULT_UNKNOWN, NULL);
    }
    request->query_text = remove_parameter(request->arena, request->query_text);
    return NULL;
}

bool dry_run_wants_ldif(const struct request *request)
{
    const struct route *route = request->reverted_route ? request->reverted_route : request->route;
    return request->dry_run && permission_is_of_directory(route->permission) &&
           strcasestr(request->headers.accept, dry_run_ldif_type);
}

/* Replies with the changes of the directory as LDIF. */
static void reply_ldif(const struct request *request, struct reply *reply)
{
    static const struct buffer no_changes = {.bytes = "version: 1\n",
                                             .length = sizeof "version: 1\n" - 1};
    *reply = (struct reply){0};
    reply_text(reply, dry_run_ldif_type, request->ldif ? request->ldif : &no_changes);
    reply->serialized = true;
}

void dry_run_reply(struct request *request, struct reply *reply)
{
    if (dry_run_wants_ldif(request)) {
        reply_ldif(request, reply);
        return;
    }
    struct buffer text = {.arena = request->arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    jsonw_boolean(&json, name, true);
    changeset_write(&json, "changes", &request->changes, 0, NULL, NULL);
    jsonw_close_object(&json);
    *reply = (struct reply){.status = STATUS_OK, .body = text, .serialized = true};
}
