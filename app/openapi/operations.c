/* Operations: what a row of a table of routes says of its call, and what the router and nginx heed
 * and add for all of them. */
#include "openapi/operations.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/field.h"
#include "http/route.h"
#include "openapi/call.h"
#include "openapi/document.h"
#include "openapi/failures.h"
#include "openapi/openapi.h"
#include "openapi/schemas.h"

#include <ctype.h>
#include <string.h>

/* --- what all calls share -------------------------------------------------------------------- */

/* Header fields of requests, as components of these names. */
static const struct field request_headers[] = {
    {.name = "Accept-Language",
     .type = FIELD_STRING,
     .about = {"Язык сообщений: ru или en", "The language of messages: ru or en"},
     .example = "\"en\""},
    {.name = "X-Request-ID",
     .type = FIELD_STRING,
     .min = 1,
     .max = 64,
     .about = {"Идентификатор запроса из `[A-Za-z0-9._-]`: ответ и журналы его повторят",
               "An id for the request, of `[A-Za-z0-9._-]`: the answer and the logs repeat it"},
     .example = "\"order-4711\""},
    {.name = "X-Organization-ID",
     .type = FIELD_INTEGER,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Организация, о которой речь, если не та, что в токене",
               "The organization that is meant, if not that of the token"},
     .example = "1"},
    {.name = "Idempotency-Key",
     .type = FIELD_STRING,
     .min = 1,
     .max = 255,
     .about =
         {"С одним ключом запрос выполняется один раз за 24 часа; повтор получает первый ответ",
          "With one key the request is done once in 24 hours; a repetition gets the first answer"},
     .example = "\"5b1c4b8e-9a55-4d3f-8f1e-2c11a1f3c0de\""},
    {.name = "If-Match",
     .type = FIELD_STRING,
     .about = {"ETag, с которым ресурс был прочитан; если он изменился, ответ 412",
               "The ETag that the resource was read with; if it has changed, the answer is 412"},
     .example = "\"\\\"1\\\"\""},
    {.name = "Range",
     .type = FIELD_STRING,
     .about = {"Какие байты нужны: ответ 206", "Which bytes are wanted: the answer is 206"},
     .example = "\"bytes=0-1023\""},
    {.name = "If-None-Match",
     .type = FIELD_STRING,
     .about = {"ETag, который уже есть; если ресурс не изменился, ответ на чтение 304, на "
               "изменение 412",
               "The ETag that you have; if the resource has not changed, the answer to a read is "
               "304, to a change 412"},
     .example = "\"\\\"1\\\"\""},
    {.name = NULL},
};

/* Header fields of answers. */
static const struct field reply_headers[] = {
    {.name = "X-Request-ID",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .about = {"Идентификатор запроса, тот же, что в журналах",
               "The id of the request, the same as in the logs"},
     .example = "\"order-4711\""},
    {.name = "Content-Language",
     .type = FIELD_STRING,
     .about = {"Язык сообщения", "The language of the message"},
     .example = "\"ru\""},
    {.name = "Location",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .about = {"Где созданное", "Where what was created is"},
     .example = "\"/api/v1/contacts/42\""},
    {.name = "ETag",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .about = {"Версия ресурса", "The version of the resource"},
     .example = "\"\\\"1\\\"\""},
    {.name = "Last-Modified",
     .type = FIELD_STRING,
     .about = {"Когда файл записан", "When the file was written"},
     .example = "\"Fri, 20 Nov 2026 12:34:56 GMT\""},
    {.name = "Content-Disposition",
     .type = FIELD_STRING,
     .about = {"Под каким именем файл сохраняют", "The name that the file is saved by"},
     .example = "\"attachment; filename=\\\"a.txt\\\"; filename*=UTF-8''a.txt\""},
    {.name = "Accept-Ranges",
     .type = FIELD_STRING,
     .about = {"Файл можно получить по частям", "The file can be had in parts"},
     .example = "\"bytes\""},
    {.name = "Content-Range",
     .type = FIELD_STRING,
     .about = {"Какая это часть файла", "Which part of the file it is"},
     .example = "\"bytes 0-1023/4096\""},
    {.name = "X-Total-Count",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .about = {"Сколько их всего", "How many there are"},
     .example = "1"},
    {.name = "WWW-Authenticate",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .about = {"Схема аутентификации и, если токен не принят, error=\"invalid_token\"",
               "The authentication scheme and, if a token was refused, error=\"invalid_token\""},
     .example = "\"Bearer error=\\\"invalid_token\\\"\""},
    {.name = OPENAPI_OPTIONAL_CHALLENGE,
     .type = FIELD_STRING,
     .about = {"Если токен не даёт нужных прав: Bearer error=\"insufficient_scope\"",
               "If the token lacks the permission: Bearer error=\"insufficient_scope\""},
     .example = "\"Bearer error=\\\"insufficient_scope\\\"\""},
    {.name = "Retry-After",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .about = {"Через сколько секунд повторить", "After how many seconds to try again"},
     .example = "5"},
    {.name = NULL},
};

/* A parameter, which is a component or stands in the operation. One that may be left out has its
 * example in its description alone: pages that execute calls would send it. */
static void write_parameter(struct document *document, const char *key, const char *in,
                            const struct field *field)
{
    static const struct text such_as = {"например", "such as"};
    const char *example = schemas_example_text(document, field);
    const char *about = document_text(document, &field->about);
    struct jsonw *json = &document->json;
    jsonw_open_object(json, key);
    jsonw_string(json, "name", field->name);
    jsonw_string(json, "in", in);
    if (field->flags & (FIELD_REQUIRED | FIELD_DEFAULT) || !example) {
        jsonw_string(json, "description", about);
    } else {
        jsonw_string(json, "description",
                     arena_format(document->arena, "%s; %s `%s`", about,
                                  document_text(document, &such_as), example));
    }
    jsonw_boolean(json, "required", field->flags & FIELD_REQUIRED);
    schemas_write_field(document, "schema", field, USE_PARAMETER);
    if (field->flags & FIELD_REQUIRED && example) {
        jsonw_raw(json, "example", field->example);
    }
    jsonw_close_object(json);
}

void operations_write_parameters(struct document *document)
{
    for (const struct field *field = request_headers; field->name; field++) {
        write_parameter(document, field->name, "header", field);
    }
}

void operations_write_headers(struct document *document)
{
    struct jsonw *json = &document->json;
    for (const struct field *field = reply_headers; field->name; field++) {
        jsonw_open_object(json, field->name);
        jsonw_string(json, "description", document_text(document, &field->about));
        jsonw_boolean(json, "required", field->flags & FIELD_REQUIRED);
        schemas_write_field(document, "schema", field, USE_REPLY);
        jsonw_close_object(json);
    }
}

/* --- parameters ------------------------------------------------------------------------------ */

static void write_header_parameter(struct document *document, bool heeded, const char *name)
{
    if (heeded) {
        document_reference(document, NULL, "parameters", name);
    }
}

static void write_path_parameters(struct document *document, const struct route *route)
{
    for (const char *at = route->pattern; (at = strchr(at, '{')); at++) {
        size_t length = strcspn(at + 1, "}");
        for (const struct field *field = route->path; field && field->name; field++) {
            if (strlen(field->name) == length && !memcmp(field->name, at + 1, length)) {
                write_parameter(document, NULL, "path", field);
            }
        }
    }
}

/* Whether who has the answer already can ask for another one alone. */
static bool has_version(const struct route *route)
{
    return call_evaluates_conditions(route) && route->method == METHOD_GET;
}

static void write_route_parameters(struct document *document, const struct route *route)
{
    bool organization = (permission_is_of_organization(route->permission) ||
                         permission_is_of_files(route->permission)) &&
                        !strstr(route->pattern, "{organization_id}");
    bool file = route->shape == REPLY_FILE;
    jsonw_open_array(&document->json, "parameters");
    write_path_parameters(document, route);
    for (const struct field *field = route->query; field && field->name; field++) {
        write_parameter(document, NULL, "query", field);
    }
    for (const struct field *field = route->headers; field && field->name; field++) {
        write_parameter(document, NULL, "header", field);
    }
    write_header_parameter(document, organization, "X-Organization-ID");
    write_header_parameter(document, call_takes_key(route), "Idempotency-Key");
    write_header_parameter(document, call_evaluates_conditions(route), "If-Match");
    write_header_parameter(document, call_evaluates_conditions(route), "If-None-Match");
    write_header_parameter(document, file, "Range");
    write_header_parameter(document, true, "Accept-Language");
    write_header_parameter(document, true, "X-Request-ID");
    jsonw_close_array(&document->json);
}

/* --- bodies and answers ---------------------------------------------------------------------- */

/* One file, as http/multipart.c reads it. */
static void write_upload(struct document *document)
{
    static const struct text about = {"Файл", "The file"};
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "multipart/form-data");
    jsonw_open_object(json, "schema");
    jsonw_string(json, "type", "object");
    jsonw_open_object(json, "properties");
    jsonw_open_object(json, "file");
    jsonw_string(json, "type", "string");
    jsonw_string(json, "format", "binary");
    jsonw_string(json, "description", document_text(document, &about));
    jsonw_close_object(json);
    jsonw_close_object(json);
    jsonw_open_array(json, "required");
    jsonw_string(json, NULL, "file");
    jsonw_close_array(json);
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void write_media(struct document *document, const char *type, const struct schema *body)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, type);
    document_reference(document, "schema", "schemas", body->name);
    if (body->bare) {
        jsonw_raw(json, "example", body->fields->example);
    } else {
        schemas_write_example(document, "example", body->fields, USE_BODY);
    }
    jsonw_close_object(json);
}

static void write_body(struct document *document, const struct route *route)
{
    struct jsonw *json = &document->json;
    if (!route->body && !route->form) {
        return;
    }
    jsonw_open_object(json, "requestBody");
    jsonw_boolean(json, "required", !route->body_optional);
    jsonw_open_object(json, "content");
    if (route->form) {
        write_upload(document);
    }
    if (route->body) {
        write_media(document, "application/json", route->body);
    }
    if (route->body && route->body_form) {
        write_media(document, "application/x-www-form-urlencoded", route->body);
    }
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void write_reply_schema(struct document *document, const struct route *route)
{
    struct jsonw *json = &document->json;
    const char *name = schemas_reply_name(document, route);
    if (route->shape == REPLY_ARRAY || !name) {
        jsonw_open_object(json, "schema");
        jsonw_string(json, "type", name ? "array" : "string");
        if (name) {
            document_reference(document, "items", "schemas", name);
        }
        jsonw_close_object(json);
    } else {
        document_reference(document, "schema", "schemas", name);
    }
}

static void write_content(struct document *document, const struct route *route)
{
    struct jsonw *json = &document->json;
    if (route->shape == REPLY_NOTHING) {
        return;
    }
    jsonw_open_object(json, "content");
    jsonw_open_object(json, route->media_type ? route->media_type : "application/json");
    write_reply_schema(document, route);
    schemas_write_reply_example(document, "example", route);
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void write_reply_header(struct document *document, bool sent, const char *name)
{
    if (sent) {
        document_reference(document, name, "headers", name);
    }
}

static void write_file_headers(struct document *document, const struct route *route)
{
    bool file = route->shape == REPLY_FILE;
    write_reply_header(document, file, "Last-Modified");
    write_reply_header(document, file, "Content-Disposition");
}

static void write_success(struct document *document, const struct route *route)
{
    static const struct text done = {"Выполнено", "Done"}, created = {"Создано", "Created"},
                             nothing = {"Выполнено; тела нет", "Done; there is no body"};
    bool empty = route->shape == REPLY_NOTHING;
    struct jsonw *json = &document->json;
    jsonw_open_object(json, empty ? "204" : route->creates ? "201" : "200");
    jsonw_string(json, "description",
                 document_text(document, empty            ? &nothing
                                         : route->creates ? &created
                                                          : &done));
    jsonw_open_object(json, "headers");
    write_reply_header(document, true, "X-Request-ID");
    write_reply_header(document, route->creates, "Location");
    write_reply_header(document, (route->versioned && !empty) || has_version(route), "ETag");
    write_reply_header(document, route->shape == REPLY_ARRAY, "X-Total-Count");
    write_file_headers(document, route);
    write_reply_header(document, route->shape == REPLY_FILE, "Accept-Ranges");
    jsonw_close_object(json);
    write_content(document, route);
    jsonw_close_object(json);
}

/* Several ranges are one multipart/byteranges, each with a Content-Range of its own. */
static void write_partial(struct document *document, const struct route *route)
{
    static const struct text part = {"Часть файла", "A part of the file"};
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "206");
    jsonw_string(json, "description", document_text(document, &part));
    jsonw_open_object(json, "headers");
    write_reply_header(document, true, "X-Request-ID");
    write_reply_header(document, true, "ETag");
    write_reply_header(document, true, "Content-Range");
    write_file_headers(document, route);
    jsonw_close_object(json);
    write_content(document, route);
    jsonw_close_object(json);
}

static void write_not_modified(struct document *document, const struct route *route)
{
    static const struct text same = {"Ресурс не изменился", "The resource has not changed"};
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "304");
    jsonw_string(json, "description", document_text(document, &same));
    jsonw_open_object(json, "headers");
    write_reply_header(document, true, "X-Request-ID");
    write_reply_header(document, true, "ETag");
    write_file_headers(document, route);
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void write_responses(struct document *document, const struct route *route)
{
    struct failures failures;
    failures_find(document, route, &failures);
    jsonw_open_object(&document->json, "responses");
    write_success(document, route);
    if (route->shape == REPLY_FILE) {
        write_partial(document, route);
    }
    if (has_version(route)) {
        write_not_modified(document, route);
    }
    for (size_t at = 0; at < failures.count;) {
        at = failures_write_status(document, route, &failures, at);
    }
    jsonw_close_object(&document->json);
}

/* --- the operation --------------------------------------------------------------------------- */

/* "get", "post" … */
static const char *method_key(struct document *document, const struct route *route)
{
    char *key = arena_string(document->arena, method_names[route->method]);
    for (char *c = key; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return key;
}

/* "get_contacts_id" of GET /api/v1/contacts/{id}: what never changes, unlike a summary. */
static const char *operation_id(struct document *document, const struct route *route)
{
    static const char prefix[] = "/api/v1";
    size_t shared = strncmp(route->pattern, prefix, sizeof prefix - 1) ? 0 : sizeof prefix - 1;
    struct buffer id = {.arena = document->arena};
    buffer_add_string(&id, method_key(document, route));
    for (const char *c = route->pattern + shared; *c; c++) {
        if (*c == '-' || *c == '/') {
            buffer_add_char(&id, '_');
        } else if (*c != '{' && *c != '}') {
            buffer_add_char(&id, *c);
        }
    }
    if (!route->pattern[1]) {
        buffer_add_string(&id, "root");
    }
    return id.bytes;
}

static void write_description(struct document *document, const struct route *route)
{
    struct buffer text = {.arena = document->arena};
    if (route->about.ru) {
        buffer_format(&text, "%s\n\n", document_text(document, &route->about));
    }
    buffer_add_string(&text, document_text(document, &permission_about[route->permission]));
    jsonw_bytes(&document->json, "description", text.bytes, text.length);
}

/* Whether an open call looks at a token, if there is one: it says that there is none, or is audited
 * for some of those who have one. */
static bool may_take_bearer(const struct route *route)
{
    const enum error_id *error = route->errors;
    if (route->audited_for || route->access_by_setting) {
        return true;
    }
    while (error && *error != ERR_COUNT && *error != ERR_UNAUTHORIZED) {
        error++;
    }
    return error && *error == ERR_UNAUTHORIZED;
}

static void write_security(struct document *document, const struct route *route)
{
    struct jsonw *json = &document->json;
    jsonw_open_array(json, "security");
    if (!route->permission && may_take_bearer(route)) {
        jsonw_open_object(json, NULL);
        jsonw_close_object(json);
    }
    if (route->permission || may_take_bearer(route)) {
        jsonw_open_object(json, NULL);
        jsonw_open_array(json, "bearer");
        jsonw_close_array(json);
        jsonw_close_object(json);
    }
    jsonw_close_array(json);
}

void operations_write(struct document *document, const struct resource *resource,
                      const struct route *route)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, method_key(document, route));
    jsonw_open_array(json, "tags");
    jsonw_string(json, NULL, resource->tag);
    jsonw_close_array(json);
    jsonw_string(json, "operationId", operation_id(document, route));
    jsonw_string(json, "summary", document_text(document, &route->summary));
    write_description(document, route);
    write_security(document, route);
    write_route_parameters(document, route);
    write_body(document, route);
    write_responses(document, route);
    jsonw_close_object(json);
}
