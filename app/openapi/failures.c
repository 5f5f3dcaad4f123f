/* See failures.h. */
#include "openapi/failures.h"

#include "base/arena.h"
#include "http/problem.h"
#include "http/route.h"
#include "openapi/call.h"
#include "openapi/document.h"
#include "openapi/openapi.h"

#include <stdlib.h>
#include <string.h>

/* --- errors of nginx ------------------------------------------------------------------------- */

/* An error reply that nginx sends itself. */
struct nginx_error {
    int status;
    const char *code;
    struct text message;
};

/* Errors of nginx/errors.conf that any call may return and that the service does not send itself. A
 * test compares the two files. */
/* clang-format off */
static const struct nginx_error nginx_errors[] = {
    {414, "URI_TOO_LONG",
        {"Адрес запроса слишком длинный", "The request URI is too long"}},
    {421, "MISDIRECTED_REQUEST",
        {"Этот сервер не обслуживает запрошенное имя узла: проверьте адрес",
         "This server does not serve the requested host name: check the address"}},
    {429, "TOO_MANY_REQUESTS",
        {"Слишком много запросов: повторите позже", "Too many requests: try again later"}},
    {431, "HEADERS_TOO_LARGE",
        {"Заголовки запроса слишком большие", "The request headers are too large"}},
    {502, "BAD_GATEWAY",
        {"Сервис не отвечает: повторите позже", "The service does not respond: try again later"}},
    {503, "SERVICE_UNAVAILABLE",
        {"Сервис временно недоступен: повторите позже",
         "The service is not available: try again later"}},
    {504, "GATEWAY_TIMEOUT",
        {"Сервис не ответил вовремя: повторите позже",
         "The service did not respond in time: try again later"}},
};

/* The error of an invalid Range, which nginx sends only for files. */
static const struct nginx_error range_error = {416, "RANGE_NOT_SATISFIABLE",
    {"В файле нет запрошенного диапазона", "The file does not contain the requested range"}};
/* clang-format on */

/* --- collecting the failures of a call ------------------------------------------------------- */

/* Inserts a failure in the order of statuses, unless its code is listed already. */
static void insert_failure(struct failures *failures, const struct failure *failure)
{
    size_t at = 0;
    for (size_t i = 0; i < failures->count; i++) {
        if (!strcmp(failures->list[i].code, failure->code)) {
            return;
        }
        at += failures->list[i].status <= failure->status;
    }
    if (failures->count == FAILURES_MAX) {
        abort(); /* programming error: FAILURES_MAX is too small */
    }
    memmove(&failures->list[at + 1], &failures->list[at],
            (failures->count - at) * sizeof *failures->list);
    failures->list[at] = *failure;
    failures->count++;
}

static void add_errors(const struct document *document, struct failures *failures,
                       const enum error_id *errors)
{
    for (; errors && *errors != ERR_COUNT; errors++) {
        insert_failure(failures,
                       &(struct failure){
                           .status = problem_status(*errors),
                           .code = problem_code(*errors),
                           .message = problem_message(*errors, document->settings->language),
                           .id = *errors,
                       });
    }
}

static void add_nginx_error(const struct document *document, struct failures *failures,
                            const struct nginx_error *nginx_error)
{
    insert_failure(failures, &(struct failure){
                                 .status = nginx_error->status,
                                 .code = nginx_error->code,
                                 .message = document_text(document, &nginx_error->message),
                                 .id = ERR_COUNT,
                             });
}

static void add_nginx_errors(const struct document *document, struct failures *failures,
                             const struct route *route)
{
    for (size_t i = 0; i < sizeof nginx_errors / sizeof *nginx_errors; i++) {
        add_nginx_error(document, failures, &nginx_errors[i]);
    }
    if (route->shape == REPLY_FILE) {
        add_nginx_error(document, failures, &range_error);
    }
}

/* Adds the errors that the router returns for a route, in the order of its checks: see
 * router_handle(). */
static void add_router_errors(const struct document *document, struct failures *failures,
                              const struct route *route)
{
    static const enum error_id of_all[] = {ERR_BAD_REQUEST, ERR_PAYLOAD_TOO_LARGE, ERR_INTERNAL,
                                           ERR_COUNT};
    /* ERR_NOT_FOUND: X-Organization-ID may name an organization that does not exist.
     * ERR_DATABASE_UNAVAILABLE: the account is read from the database. ERR_FORBIDDEN,
     * ERR_DIRECTORY_UNAVAILABLE, ERR_DIRECTORY_CREDENTIALS: the scopes of an API key do not permit
     * the call; the maker of the key is read from the directory. */
    static const enum error_id of_bearers[] = {ERR_UNAUTHORIZED,
                                               ERR_INVALID_TOKEN,
                                               ERR_TOKEN_EXPIRED,
                                               ERR_FORBIDDEN,
                                               ERR_NOT_FOUND,
                                               ERR_TOO_MANY_REQUESTS,
                                               ERR_DATABASE_UNAVAILABLE,
                                               ERR_DIRECTORY_UNAVAILABLE,
                                               ERR_DIRECTORY_CREDENTIALS,
                                               ERR_COUNT};
    static const enum error_id of_bodies[] = {ERR_INVALID_JSON, ERR_VALIDATION,
                                              ERR_UNSUPPORTED_MEDIA_TYPE, ERR_UNSUPPORTED_CODING,
                                              ERR_COUNT};
    static const enum error_id of_forms[] = {ERR_UNSUPPORTED_MEDIA_TYPE, ERR_UNSUPPORTED_CODING,
                                             ERR_COUNT};
    static const enum error_id of_queries[] = {ERR_VALIDATION, ERR_COUNT};
    static const enum error_id of_filters[] = {ERR_NOT_FILTERABLE, ERR_FILTER_TOO_COSTLY,
                                               ERR_SORT_TOO_COSTLY, ERR_COUNT};
    static const enum error_id of_keys[] = {ERR_VALIDATION, ERR_IDEMPOTENCY_MISMATCH,
                                            ERR_IDEMPOTENCY_PENDING, ERR_COUNT};
    static const enum error_id of_writes[] = {ERR_STORAGE_FULL, ERR_COUNT};
    static const enum error_id of_versions[] = {ERR_PRECONDITION_FAILED, ERR_COUNT};
    static const enum error_id of_changes[] = {ERR_OUTCOME_UNKNOWN, ERR_COUNT};
    add_errors(document, failures, of_all);
    add_errors(document, failures,
               route->permission || route->access_by_setting ? of_bearers : NULL);
    add_errors(document, failures, route_needs_space(route) ? of_writes : NULL);
    add_errors(document, failures, route->query ? of_queries : NULL);
    add_errors(document, failures, call_has_parameter(route, "filter") ? of_filters : NULL);
    add_errors(document, failures, route->body ? of_bodies : NULL);
    add_errors(document, failures, route->form || route->body_type ? of_forms : NULL);
    add_errors(document, failures, call_supports_idempotency(route) ? of_keys : NULL);
    add_errors(document, failures, call_evaluates_conditions(route) ? of_versions : NULL);
    add_errors(document, failures, route->action ? of_changes : NULL);
}

void failures_collect(const struct document *document, const struct route *route,
                      struct failures *failures)
{
    failures->count = 0;
    add_router_errors(document, failures, route);
    add_errors(document, failures, route->errors);
    add_nginx_errors(document, failures, route);
}

/* --- examples -------------------------------------------------------------------------------- */

/* Example details of the errors that always have details. */
static const struct example_detail {
    enum error_id id;
    const char *field;
    enum fault_id fault;
    const char *argument;
    int64_t other;
} example_details[] = {
    {ERR_VALIDATION, "email", FAULT_NOT_EMAIL, NULL, 0},
    {ERR_ALREADY_EXISTS, "email", FAULT_TAKEN, NULL, 0},
    {ERR_DUPLICATE, "email", FAULT_DUPLICATE, "17", 17},
    {ERR_INVALID_TRANSITION, NULL, FAULT_NONE, "IN_PROGRESS", 0},
    {ERR_HIDDEN_REFERENCE, "contact_id", FAULT_DELETED, NULL, 0},
    {ERR_NOT_EMPTY, "ou", FAULT_OBJECTS_WITHIN, "3", 0},
    {ERR_HAS_CHILDREN, "children", FAULT_OBJECTS_BELOW, "3", 0},
    {ERR_HAS_PRIMARY_MEMBERS, NULL, FAULT_NONE, "CN=Petrov,OU=Staff,DC=kontora,DC=test", 0},
    {ERR_AMBIGUOUS, NULL, FAULT_NONE, "OU=Sales,DC=kontora,DC=test", 0},
    {ERR_AMBIGUOUS, NULL, FAULT_NONE, "OU=Sales,OU=Staff,DC=kontora,DC=test", 0},
};

static const char example_request_id[] = "5f0c9c1e6c1a4f0e8a7b2d3c4e5f6071";

static void write_error_example(struct document *document, enum error_id id)
{
    struct error *error = error_new(document->arena, id, NULL);
    struct buffer text = {.arena = document->arena};
    for (size_t i = 0; i < sizeof example_details / sizeof *example_details; i++) {
        if (example_details[i].id == id) {
            struct error_detail **end = error->end;
            error_detail(error, example_details[i].field, example_details[i].fault,
                         example_details[i].argument);
            (*end)->id = example_details[i].other;
        }
    }
    problem_write(&text, error, document->settings->language, example_request_id);
    jsonw_raw(&document->json, "value", text.bytes);
}

static void write_examples(struct document *document, const struct failures *failures, size_t at,
                           size_t end)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "examples");
    for (; at < end; at++) {
        const struct failure *failure = &failures->list[at];
        jsonw_open_object(json, failure->code);
        jsonw_string(json, "summary", failure->message);
        if (failure->id == ERR_COUNT) {
            jsonw_open_object(json, "value");
            jsonw_string(json, "error", failure->message);
            jsonw_string(json, "code", failure->code);
            jsonw_string(json, "request_id", example_request_id);
            jsonw_close_object(json);
        } else {
            write_error_example(document, failure->id);
        }
        jsonw_close_object(json);
    }
    jsonw_close_object(json);
}

/* --- responses ------------------------------------------------------------------------------- */

/* Returns the index after the last failure with the same status as the one at `at`. */
static size_t end_of_status(const struct failures *failures, size_t at)
{
    size_t end = at;
    while (end < failures->count && failures->list[end].status == failures->list[at].status) {
        end++;
    }
    return end;
}

static void write_failures_description(struct document *document, const struct failures *failures,
                                       size_t at, size_t end)
{
    struct buffer text = {.arena = document->arena};
    for (; at < end; at++) {
        buffer_format(&text, "%s`%s`: %s", text.length ? "; " : "", failures->list[at].code,
                      failures->list[at].message);
    }
    jsonw_bytes(&document->json, "description", text.bytes, text.length);
}

static void write_header_reference(struct document *document, const char *name)
{
    document_write_reference(document, name, "headers", name);
}

static void write_failure_headers(struct document *document, int status)
{
    enum {
        UNAUTHORIZED = 401,
        FORBIDDEN = 403,
        NO_MEDIA_TYPE = 415,
        NO_RANGE = 416,
        TOO_MANY = 429,
        BAD_GATEWAY = 502,
        TIMEOUT = 504
    };
    jsonw_open_object(&document->json, "headers");
    write_header_reference(document, "X-Request-ID");
    write_header_reference(document, "Content-Language");
    if (status == UNAUTHORIZED) {
        write_header_reference(document, "WWW-Authenticate");
    }
    if (status == FORBIDDEN) {
        document_write_reference(document, "WWW-Authenticate", "headers",
                                 OPENAPI_OPTIONAL_CHALLENGE);
    }
    if (status == NO_MEDIA_TYPE) {
        write_header_reference(document, "Accept");
        write_header_reference(document, "Accept-Encoding");
        write_header_reference(document, "Accept-Patch");
    }
    if (status == NO_RANGE) { /* nginx keeps the headers of the file */
        write_header_reference(document, "ETag");
        write_header_reference(document, "Content-Disposition");
        write_header_reference(document, "Content-Range");
    }
    if (status == TOO_MANY || (status >= BAD_GATEWAY && status <= TIMEOUT)) {
        write_header_reference(document, "Retry-After");
    }
    jsonw_close_object(&document->json);
}

/* Writes the schema of an error with one of these codes. */
static void write_codes_schema(struct document *document, const char *key,
                               const struct failures *failures, size_t at, size_t end)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, key);
    jsonw_open_array(json, "allOf");
    document_write_reference(document, NULL, "schemas", "Error");
    jsonw_open_object(json, NULL);
    jsonw_string(json, "type", "object");
    jsonw_open_object(json, "properties");
    jsonw_open_object(json, "code");
    jsonw_open_array(json, "enum");
    for (; at < end; at++) {
        jsonw_string(json, NULL, failures->list[at].code);
    }
    jsonw_close_array(json);
    jsonw_close_object(json);
    jsonw_close_object(json);
    jsonw_close_object(json);
    jsonw_close_array(json);
    jsonw_close_object(json);
}

static void write_failure_schema(struct document *document, const struct failures *failures,
                                 size_t at, size_t end, const struct schema *ready)
{
    struct jsonw *json = &document->json;
    if (!ready) {
        write_codes_schema(document, "schema", failures, at, end);
        return;
    }
    jsonw_open_object(json, "schema");
    jsonw_open_array(json, "anyOf");
    document_write_reference(document, NULL, "schemas", ready->name);
    write_codes_schema(document, NULL, failures, at, end);
    jsonw_close_array(json);
    jsonw_close_object(json);
}

static void write_failure_response(struct document *document, const char *key,
                                   const struct failures *failures, size_t at, size_t end,
                                   const struct schema *ready)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, key);
    write_failures_description(document, failures, at, end);
    write_failure_headers(document, failures->list[at].status);
    jsonw_open_object(json, "content");
    jsonw_open_object(json, "application/json");
    write_failure_schema(document, failures, at, end, ready);
    write_examples(document, failures, at, end);
    jsonw_close_object(json);
    jsonw_close_object(json);
    jsonw_close_object(json);
}

/* Returns the number of errors before this one that have the same code but another message. */
static int count_earlier_errors_with_code(const struct failure *failure)
{
    int count = 0;
    for (int id = 0; failure->id != ERR_COUNT && id < (int)failure->id; id++) {
        count += !strcmp(problem_code((enum error_id)id), failure->code);
    }
    return count;
}

/* Returns the name of the component that all calls with these failures share. If several errors
 * have the same code, a number distinguishes them, because their messages differ. */
static const char *component_name(const struct document *document, const struct failures *failures,
                                  size_t at, size_t end)
{
    struct buffer name = {.arena = document->arena};
    buffer_format(&name, "%d", failures->list[at].status);
    for (; at < end; at++) {
        int earlier = count_earlier_errors_with_code(&failures->list[at]);
        buffer_format(&name, ".%s", failures->list[at].code);
        if (earlier) {
            buffer_format(&name, "-%d", earlier + 1);
        }
    }
    return name.bytes;
}

/* True if the status may also mean that the service is not ready, with a body that is not an
 * error. */
static bool may_mean_not_ready(const struct route *route, const struct failure *failure)
{
    return route->ready && failure->status == problem_status(ERR_DATABASE_UNAVAILABLE);
}

size_t failures_write_status(struct document *document, const struct route *route,
                             const struct failures *failures, size_t at)
{
    size_t end = end_of_status(failures, at);
    const char *status = arena_format(document->arena, "%d", failures->list[at].status);
    if (may_mean_not_ready(route, &failures->list[at])) {
        write_failure_response(document, status, failures, at, end, route->reply);
    } else {
        document_write_reference(document, status, "responses",
                                 component_name(document, failures, at, end));
    }
    return end;
}

static void write_route_failures(struct document *document, const struct route *route,
                                 struct document_names *names)
{
    struct failures failures;
    failures_collect(document, route, &failures);
    for (size_t at = 0, end; at < failures.count; at = end) {
        end = end_of_status(&failures, at);
        const char *name = component_name(document, &failures, at, end);
        if (!may_mean_not_ready(route, &failures.list[at]) &&
            document_add_name(document, names, name)) {
            write_failure_response(document, name, &failures, at, end, NULL);
        }
    }
}

void failures_write(struct document *document)
{
    struct document_names names = {0};
    for (const struct resource *resource = document->resources; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            write_route_failures(document, route, &names);
        }
    }
}
