/* See operations.h. */
#include "openapi/operations.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/field.h"
#include "base/right.h"
#include "base/scope.h"
#include "http/media.h"
#include "http/route.h"
#include "openapi/call.h"
#include "openapi/document.h"
#include "openapi/failures.h"
#include "openapi/openapi.h"
#include "openapi/schemas.h"

#include <ctype.h>
#include <string.h>

/* --- shared headers and parameters ----------------------------------------------------------- */

/* Request headers. Each is a component with the name of the header. */
static const struct field request_headers[] = {
    {.name = "Accept-Language",
     .type = FIELD_STRING,
     .about = {"Язык сообщений: ru или en", "The language of messages: ru or en"},
     .example = "\"en\""},
    {.name = "X-Request-ID",
     .type = FIELD_STRING,
     .min = 1,
     .max = 64,
     .about =
         {"Идентификатор запроса из символов `[A-Za-z0-9._-]`; повторяется в ответе и журналах",
          "An id for the request, of `[A-Za-z0-9._-]`; repeated in the response and the logs"},
     .example = "\"order-4711\""},
    {.name = "X-Organization-ID",
     .type = FIELD_INTEGER,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Организация, к которой относится запрос; по умолчанию организация из токена",
               "The organization that the request refers to; by default that of the token"},
     .example = "1"},
    {.name = "Idempotency-Key",
     .type = FIELD_STRING,
     .min = 1,
     .max = 255,
     .about = {"Запрос с одним и тем же ключом выполняется один раз за 24 часа; повторный запрос "
               "получает ответ первого",
               "A request with the same key is executed once in 24 hours; a repeated request gets "
               "the response of the first"},
     .example = "\"5b1c4b8e-9a55-4d3f-8f1e-2c11a1f3c0de\""},
    {.name = "If-Match",
     .type = FIELD_STRING,
     .about = {"ETag ресурса при чтении; если ресурс с тех пор изменился, ответ 412",
               "The ETag of the resource when it was read; if the resource has changed since then, "
               "the response is 412"},
     .example = "\"\\\"1\\\"\""},
    {.name = "Range",
     .type = FIELD_STRING,
     .about = {"Запрашиваемый диапазон байтов; ответ 206",
               "The requested range of bytes; the response is 206"},
     .example = "\"bytes=0-1023\""},
    {.name = "If-None-Match",
     .type = FIELD_STRING,
     .about = {"ETag версии, которая уже есть у клиента; если ресурс не изменился, ответ на чтение "
               "304, на изменение 412",
               "The ETag of the version that the client has; if the resource has not changed, the "
               "response is 304 to a read and 412 to a write"},
     .example = "\"\\\"1\\\"\""},
    {.name = NULL},
};

/* Response headers. Each is a component with the name of the header. */
static const struct field reply_headers[] = {
    {.name = "X-Request-ID",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .about = {"Идентификатор запроса, как в журналах", "The id of the request, as in the logs"},
     .example = "\"order-4711\""},
    {.name = "Content-Language",
     .type = FIELD_STRING,
     .about = {"Язык сообщения", "The language of the message"},
     .example = "\"ru\""},
    {.name = "Location",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .about = {"Адрес созданного ресурса", "The URL of the created resource"},
     .example = "\"/api/v1/contacts/42\""},
    {.name = "ETag",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .about = {"Версия ресурса", "The version of the resource"},
     .example = "\"\\\"1\\\"\""},
    {.name = "Last-Modified",
     .type = FIELD_STRING,
     .about = {"Время записи файла", "The time at which the file was stored"},
     .example = "\"Fri, 20 Nov 2026 12:34:56 GMT\""},
    {.name = "Content-Disposition",
     .type = FIELD_STRING,
     .about = {"Имя, под которым браузер сохраняет файл",
               "The name under which a browser saves the file"},
     .example = "\"attachment; filename=\\\"a.txt\\\"; filename*=UTF-8''a.txt\""},
    {.name = "Accept-Ranges",
     .type = FIELD_STRING,
     .about = {"Файл можно запрашивать по частям", "The file can be requested in parts"},
     .example = "\"bytes\""},
    {.name = "Content-Range",
     .type = FIELD_STRING,
     .about = {"Диапазон байтов этой части файла", "The range of bytes in this part of the file"},
     .example = "\"bytes 0-1023/4096\""},
    {.name = "X-Total-Count",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .about = {"Общее число элементов", "The total number of items"},
     .example = "1"},
    {.name = "WWW-Authenticate",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .about = {"Схема аутентификации и, если токен не принят, error=\"invalid_token\"",
               "The authentication scheme; if a token was rejected, also error=\"invalid_token\""},
     .example = "\"Bearer error=\\\"invalid_token\\\"\""},
    {.name = OPENAPI_OPTIONAL_CHALLENGE,
     .type = FIELD_STRING,
     .about = {"Если токен не даёт нужных прав: Bearer error=\"insufficient_scope\"",
               "If the token lacks the permission: Bearer error=\"insufficient_scope\""},
     .example = "\"Bearer error=\\\"insufficient_scope\\\"\""},
    {.name = "Accept",
     .type = FIELD_STRING,
     .about = {"Типы содержимого, которые принимает вызов",
               "The content types that the call accepts"},
     .example = "\"application/json\""},
    {.name = "Accept-Encoding",
     .type = FIELD_STRING,
     .about = {"Если тело было сжато: identity, то есть сжатые тела не принимаются",
               "If the body was compressed: identity, which means that no compressed body is "
               "accepted"},
     .example = "\"identity\""},
    {.name = "Accept-Patch",
     .type = FIELD_STRING,
     .about = {"Типы содержимого, которые принимает PATCH", "The content types that PATCH accepts"},
     .example = "\"application/json, application/merge-patch+json\""},
    {.name = "Retry-After",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .about = {"Через сколько секунд повторить запрос",
               "The number of seconds after which to try again"},
     .example = "5"},
    {.name = NULL},
};

/* Writes a parameter, as a component or as part of an operation. The example of an optional
 * parameter is written only into its description, because documentation pages that execute calls
 * would otherwise send it. */
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

static void write_header_parameter_if(struct document *document, bool used, const char *name)
{
    if (used) {
        document_write_reference(document, NULL, "parameters", name);
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

/* True if a client can revalidate a stored response: GET with conditions. */
static bool can_be_revalidated(const struct route *route)
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
    write_header_parameter_if(document, organization, "X-Organization-ID");
    write_header_parameter_if(document, call_supports_idempotency(route), "Idempotency-Key");
    write_header_parameter_if(document, call_evaluates_conditions(route), "If-Match");
    write_header_parameter_if(document, call_evaluates_conditions(route), "If-None-Match");
    write_header_parameter_if(document, file, "Range");
    write_header_parameter_if(document, true, "Accept-Language");
    write_header_parameter_if(document, true, "X-Request-ID");
    jsonw_close_array(&document->json);
}

/* --- bodies and responses -------------------------------------------------------------------- */

/* Writes the body of an upload: a form with one file. */
static void write_upload_body(struct document *document, const char *type)
{
    static const struct text about = {"Файл", "The file"};
    struct jsonw *json = &document->json;
    jsonw_open_object(json, type);
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

static void write_media_type(struct document *document, const char *type, const struct schema *body)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, type);
    document_write_reference(document, "schema", "schemas", body->name);
    if (body->bare) {
        jsonw_raw(json, "example", body->fields->example);
    } else {
        schemas_write_example(document, "example", body->fields, USE_BODY);
    }
    jsonw_close_object(json);
}

/* Writes a body that is not JSON, such as an image. */
static void write_plain_body(struct document *document, const struct route *route)
{
    static const char example[] = "(binary)";
    struct jsonw *json = &document->json;
    jsonw_open_object(json, route->body_type);
    jsonw_open_object(json, "schema");
    jsonw_string(json, "type", "string");
    jsonw_string(json, "format", "binary");
    jsonw_close_object(json);
    jsonw_string(json, "example", example);
    jsonw_close_object(json);
}

static void write_request_body(struct document *document, const struct route *route)
{
    const char *types[MEDIA_TYPES_MAX];
    size_t count = media_types(route, types);
    struct jsonw *json = &document->json;
    if (!count) {
        return;
    }
    jsonw_open_object(json, "requestBody");
    jsonw_boolean(json, "required", !route->body_optional);
    jsonw_open_object(json, "content");
    for (size_t i = 0; i < count; i++) {
        if (route->form) {
            write_upload_body(document, types[i]);
        } else if (route->body_type) {
            write_plain_body(document, route);
        } else {
            write_media_type(document, types[i], route->body);
        }
    }
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void write_array_schema(struct document *document, const char *key,
                               const struct route *route)
{
    jsonw_open_object(&document->json, key);
    jsonw_string(&document->json, "type", "array");
    schemas_write_items(document, "items", route->reply);
    jsonw_close_object(&document->json);
}

/* Writes the schema of a reply that is an array, or with ?explain=true an object with `items`. */
static void write_array_or_list_schema(struct document *document, const struct route *route)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "schema");
    jsonw_open_array(json, "anyOf");
    write_array_schema(document, NULL, route);
    document_write_reference(document, NULL, "schemas", schemas_list_name(document, route));
    jsonw_close_array(json);
    jsonw_close_object(json);
}

static void write_reply_schema(struct document *document, const struct route *route)
{
    struct jsonw *json = &document->json;
    const char *name = schemas_reply_name(document, route);
    if (route->shape == REPLY_ARRAY && call_has_parameter(route, "explain")) {
        write_array_or_list_schema(document, route);
    } else if (route->shape == REPLY_ARRAY) {
        write_array_schema(document, "schema", route);
    } else if (name) {
        document_write_reference(document, "schema", "schemas", name);
    } else {
        jsonw_open_object(json, "schema");
        jsonw_string(json, "type", "string");
        jsonw_close_object(json);
    }
}

static void write_reply_content(struct document *document, const struct route *route)
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

static void write_reply_header_if(struct document *document, bool sent, const char *name)
{
    if (sent) {
        document_write_reference(document, name, "headers", name);
    }
}

static void write_file_headers(struct document *document, const struct route *route)
{
    bool file = route->shape == REPLY_FILE;
    write_reply_header_if(document, file, "Last-Modified");
    write_reply_header_if(document, file, "Content-Disposition");
}

static const struct text done = {"Выполнено", "Done"}, created = {"Создано", "Created"},
                         nothing = {"Выполнено; ответ без тела", "Done; the response has no body"};

/* Writes the response 204 of a call whose other responses have a body. */
static void write_empty_response(struct document *document)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "204");
    jsonw_string(json, "description", document_text(document, &nothing));
    jsonw_open_object(json, "headers");
    write_reply_header_if(document, true, "X-Request-ID");
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void write_success_response(struct document *document, const struct route *route)
{
    bool empty = route->shape == REPLY_NOTHING;
    bool tagged = route->versioned && !empty && !route->secret;
    struct jsonw *json = &document->json;
    jsonw_open_object(json, empty ? "204" : route->creates ? "201" : "200");
    jsonw_string(json, "description",
                 document_text(document, empty            ? &nothing
                                         : route->creates ? &created
                                                          : &done));
    jsonw_open_object(json, "headers");
    write_reply_header_if(document, true, "X-Request-ID");
    write_reply_header_if(document, route->creates, "Location");
    write_reply_header_if(document, tagged || can_be_revalidated(route), "ETag");
    write_reply_header_if(document, route->shape == REPLY_ARRAY, "X-Total-Count");
    write_file_headers(document, route);
    write_reply_header_if(document, route->shape == REPLY_FILE, "Accept-Ranges");
    jsonw_close_object(json);
    write_reply_content(document, route);
    jsonw_close_object(json);
}

/* Writes the response to a request with Range. A response with several ranges is
 * multipart/byteranges, with a Content-Range for each part. */
static void write_partial_response(struct document *document, const struct route *route)
{
    static const struct text part = {"Часть файла", "A part of the file"};
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "206");
    jsonw_string(json, "description", document_text(document, &part));
    jsonw_open_object(json, "headers");
    write_reply_header_if(document, true, "X-Request-ID");
    write_reply_header_if(document, true, "ETag");
    write_reply_header_if(document, true, "Content-Range");
    write_file_headers(document, route);
    jsonw_close_object(json);
    write_reply_content(document, route);
    jsonw_close_object(json);
}

static void write_not_modified_response(struct document *document, const struct route *route)
{
    static const struct text same = {"Ресурс не изменился", "The resource has not changed"};
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "304");
    jsonw_string(json, "description", document_text(document, &same));
    jsonw_open_object(json, "headers");
    write_reply_header_if(document, true, "X-Request-ID");
    write_reply_header_if(document, true, "ETag");
    write_file_headers(document, route);
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void write_responses(struct document *document, const struct route *route)
{
    struct failures failures;
    failures_collect(document, route, &failures);
    jsonw_open_object(&document->json, "responses");
    write_success_response(document, route);
    if (route->may_be_empty) {
        write_empty_response(document);
    }
    if (route->shape == REPLY_FILE) {
        write_partial_response(document, route);
    }
    if (can_be_revalidated(route)) {
        write_not_modified_response(document, route);
    }
    for (size_t at = 0; at < failures.count;) {
        at = failures_write_status(document, route, &failures, at);
    }
    jsonw_close_object(&document->json);
}

/* --- operations ------------------------------------------------------------------------------ */

/* Returns the method in lower case: "get", "post" … */
static const char *method_key(struct document *document, const struct route *route)
{
    char *key = arena_string(document->arena, route_method_names[route->method]);
    for (char *c = key; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return key;
}

/* Returns an id such as "get_contacts_id" for GET /api/v1/contacts/{id}. Derived from method and
 * path, because an id must be stable and summaries change. */
static const char *derive_operation_id(struct document *document, const struct route *route)
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

/* Returns the rights of a delegation that permit the call. */
static unsigned list_delegated_rights(const struct route *route)
{
    return route->permission == PERMIT_DIRECTORY_READ ? RIGHT_BIT(RIGHT_READ) : route->rights;
}

/* Describes the delegations that permit the call, if there are any. */
static void describe_delegated_rights(const struct document *document, const struct route *route,
                                      struct buffer *text)
{
    static const struct text of_reads = {
        " Если `DIRECTORY_READERS=delegated`, пользователь "
        "каталога видит только объекты в областях "
        "делегирования, где у него есть права.",
        " With `DIRECTORY_READERS=delegated` a directory user sees only the entries in the scopes "
        "of their delegations."};
    static const struct text of_changes = {
        " Доступно и по делегированию. Права, в зависимости от изменения: ",
        " Also permitted by a delegation. Rights, depending on the change: "};
    const char *separator = "";
    if (route->permission == PERMIT_DIRECTORY_READ) {
        buffer_add_string(text, document_text(document, &of_reads));
        return;
    }
    if (route->rights) {
        buffer_add_string(text, document_text(document, &of_changes));
    }
    for (enum right right = 0; right < RIGHT_COUNT; right++) {
        if (route->rights & RIGHT_BIT(right)) {
            buffer_format(text, "%s`%s`", separator, right_names[right]);
            separator = ", ";
        }
    }
    buffer_add_string(text, route->rights ? "." : "");
}

/* Writes the names of these rights for programs; none if only administrators may use the call. */
static void write_delegated_rights(struct document *document, const struct route *route)
{
    unsigned rights = list_delegated_rights(route);
    if (!permission_is_of_directory(route->permission)) {
        return;
    }
    jsonw_open_array(&document->json, "x-rights");
    for (enum right right = 0; right < RIGHT_COUNT; right++) {
        if (rights & RIGHT_BIT(right)) {
            jsonw_string(&document->json, NULL, right_names[right]);
        }
    }
    jsonw_close_array(&document->json);
}

/* True if an API key needs a scope to make the call, or cannot make it. */
static bool needs_scope(const struct route *route)
{
    return route->permission || route->access_by_setting;
}

static void describe_scopes(struct document *document, const struct route *route,
                            struct buffer *text)
{
    static const struct text closed = {"Недоступно с ключом API.", "Not available to API keys."};
    static const struct text one = {"Область доступа ключа API: ", "Scope of API keys: "};
    static const struct text several = {"Области доступа ключа API (достаточно одной): ",
                                        "Scopes of API keys, one of which is enough: "};
    uint64_t scopes = route_scopes(route);
    if (!scopes) {
        buffer_format(text, " %s", document_text(document, &closed));
        return;
    }
    buffer_format(text, " %s", document_text(document, scopes & (scopes - 1) ? &several : &one));
    for (enum scope scope = SCOPE_FIRST; scope < SCOPE_COUNT; scope++) {
        if (scopes & SCOPE_BIT(scope)) {
            scopes &= ~SCOPE_BIT(scope);
            buffer_format(text, "`%s`%s", scope_name(scope), scopes ? ", " : ".");
        }
    }
}

/* Writes the scopes of which an API key needs one; an empty array: no key can make the call. */
static void write_scopes(struct document *document, const struct route *route)
{
    uint64_t scopes = route_scopes(route);
    jsonw_open_array(&document->json, "x-api-key-scopes");
    for (enum scope scope = SCOPE_FIRST; scope < SCOPE_COUNT; scope++) {
        if (scopes & SCOPE_BIT(scope)) {
            jsonw_string(&document->json, NULL, scope_name(scope));
        }
    }
    jsonw_close_array(&document->json);
}

static void write_operation_description(struct document *document, const struct route *route)
{
    struct buffer text = {.arena = document->arena};
    if (route->about.ru) {
        buffer_format(&text, "%s\n\n", document_text(document, &route->about));
    }
    buffer_add_string(&text, document_text(document, &permission_descriptions[route->permission]));
    describe_delegated_rights(document, route, &text);
    if (needs_scope(route)) {
        describe_scopes(document, route, &text);
    }
    jsonw_bytes(&document->json, "description", text.bytes, text.length);
}

/* True if a call open to all uses a token when there is one: it declares ERR_UNAUTHORIZED, or it is
 * audited for some principals, or a setting may require a principal. */
static bool may_use_token(const struct route *route)
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

static void write_security_requirements(struct document *document, const struct route *route)
{
    struct jsonw *json = &document->json;
    jsonw_open_array(json, "security");
    if (!route->permission && may_use_token(route)) {
        jsonw_open_object(json, NULL);
        jsonw_close_object(json);
    }
    if (route->permission || may_use_token(route)) {
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
    jsonw_string(json, "operationId", derive_operation_id(document, route));
    jsonw_string(json, "summary", document_text(document, &route->summary));
    write_operation_description(document, route);
    write_delegated_rights(document, route);
    write_security_requirements(document, route);
    if (needs_scope(route)) {
        write_scopes(document, route);
    }
    write_route_parameters(document, route);
    write_request_body(document, route);
    write_responses(document, route);
    jsonw_close_object(json);
}
