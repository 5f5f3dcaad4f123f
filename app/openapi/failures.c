/* Failures: with which errors a call may be answered, by its row, by what the router implies of a
 * row, and by nginx in front of it. */
#include "openapi/failures.h"

#include "base/arena.h"
#include "http/problem.h"
#include "http/route.h"
#include "openapi/call.h"
#include "openapi/document.h"
#include "openapi/openapi.h"

#include <stdlib.h>
#include <string.h>

/* --- nginx's own ----------------------------------------------------------------------------- */

struct edge {
    int status;
    const char *code;
    struct text message;
};

/* Those of nginx/errors.conf that any call may meet and the service has not; a test holds the two
 * against each other. */
/* clang-format off */
static const struct edge edges[] = {
    {414, "URI_TOO_LONG",
        {"Адрес запроса слишком длинный", "The address of the request is too long"}},
    {421, "MISDIRECTED_REQUEST",
        {"Этот сервер не обслуживает запрошенное имя узла: проверьте адрес",
         "This server does not serve the requested host name: check the address"}},
    {429, "TOO_MANY_REQUESTS",
        {"Слишком много запросов: повторите позже", "Too many requests: try again later"}},
    {431, "HEADERS_TOO_LARGE",
        {"Заголовки запроса слишком большие", "The headers of the request are too large"}},
    {502, "BAD_GATEWAY",
        {"Сервис не отвечает: повторите позже", "The service does not answer: try again later"}},
    {503, "SERVICE_UNAVAILABLE",
        {"Сервис временно недоступен: повторите позже",
         "The service is not available: try again later"}},
    {504, "GATEWAY_TIMEOUT",
        {"Сервис не ответил вовремя: повторите позже",
         "The service did not answer in time: try again later"}},
};

/* Of a file that it sends. */
static const struct edge range_edge = {416, "RANGE_NOT_SATISFIABLE",
    {"Запрошенного диапазона нет", "There is no such range"}};
/* clang-format on */

/* --- which there are ------------------------------------------------------------------------- */

/* Keeps the list in the order of statuses; one of a code. */
static void add(struct failures *failures, const struct failure *failure)
{
    size_t at = 0;
    for (size_t i = 0; i < failures->count; i++) {
        if (!strcmp(failures->list[i].code, failure->code)) {
            return;
        }
        at += failures->list[i].status <= failure->status;
    }
    if (failures->count == FAILURES_MAX) {
        abort(); /* a slip of the code: no call has so many */
    }
    memmove(&failures->list[at + 1], &failures->list[at],
            (failures->count - at) * sizeof *failures->list);
    failures->list[at] = *failure;
    failures->count++;
}

static void add_error(const struct document *document, struct failures *failures, enum error_id id)
{
    add(failures, &(struct failure){
                      .status = problem_status(id),
                      .code = problem_code(id),
                      .message = problem_message(id, document->settings->language),
                      .id = id,
                  });
}

static void add_errors(const struct document *document, struct failures *failures,
                       const enum error_id *errors)
{
    for (; errors && *errors != ERR_COUNT; errors++) {
        add_error(document, failures, *errors);
    }
}

static void add_edge(const struct document *document, struct failures *failures,
                     const struct edge *edge)
{
    add(failures, &(struct failure){
                      .status = edge->status,
                      .code = edge->code,
                      .message = document_text(document, &edge->message),
                      .id = ERR_COUNT,
                  });
}

static void add_edges(const struct document *document, struct failures *failures,
                      const struct route *route)
{
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        add_edge(document, failures, &edges[i]);
    }
    if (route->shape == REPLY_FILE) {
        add_edge(document, failures, &range_edge);
    }
}

/* What the router answers, in its order: see router_handle(). */
static void add_implied(const struct document *document, struct failures *failures,
                        const struct route *route)
{
    static const enum error_id of_all[] = {ERR_BAD_REQUEST, ERR_PAYLOAD_TOO_LARGE, ERR_INTERNAL,
                                           ERR_COUNT};
    /* The organization that a header names may be nobody's; an account is looked up. */
    static const enum error_id of_bearers[] = {
        ERR_UNAUTHORIZED,      ERR_INVALID_TOKEN,        ERR_TOKEN_EXPIRED, ERR_NOT_FOUND,
        ERR_TOO_MANY_REQUESTS, ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
    static const enum error_id of_bodies[] = {ERR_INVALID_JSON, ERR_VALIDATION,
                                              ERR_UNSUPPORTED_MEDIA_TYPE, ERR_COUNT};
    static const enum error_id of_queries[] = {ERR_VALIDATION, ERR_COUNT};
    static const enum error_id of_keys[] = {ERR_VALIDATION, ERR_IDEMPOTENCY_MISMATCH,
                                            ERR_IDEMPOTENCY_PENDING, ERR_COUNT};
    static const enum error_id of_writes[] = {ERR_STORAGE_FULL, ERR_COUNT};
    static const enum error_id of_ranks[] = {ERR_FORBIDDEN, ERR_COUNT};
    static const enum error_id of_versions[] = {ERR_PRECONDITION_FAILED, ERR_COUNT};
    static const enum error_id of_changes[] = {ERR_OUTCOME_UNKNOWN, ERR_COUNT};
    bool ranked = route->permission != PERMIT_ALL && route->permission != PERMIT_PRINCIPAL;
    add_errors(document, failures, of_all);
    add_errors(document, failures,
               route->permission || route->access_by_setting ? of_bearers : NULL);
    add_errors(document, failures, ranked ? of_ranks : NULL);
    add_errors(document, failures, route_needs_space(route) ? of_writes : NULL);
    add_errors(document, failures, route->query ? of_queries : NULL);
    add_errors(document, failures, route->body ? of_bodies : NULL);
    add_errors(document, failures, call_takes_key(route) ? of_keys : NULL);
    add_errors(document, failures, call_evaluates_conditions(route) ? of_versions : NULL);
    add_errors(document, failures, route->action ? of_changes : NULL);
}

void failures_find(const struct document *document, const struct route *route,
                   struct failures *failures)
{
    failures->count = 0;
    add_implied(document, failures, route);
    add_errors(document, failures, route->errors);
    add_edges(document, failures, route);
}

/* --- examples -------------------------------------------------------------------------------- */

/* What the details of an error are about, for those that never come without. */
static const struct sample {
    enum error_id id;
    const char *field;
    enum fault_id fault;
    const char *argument;
    int64_t other;
} samples[] = {
    {ERR_VALIDATION, "email", FAULT_NOT_EMAIL, NULL, 0},
    {ERR_ALREADY_EXISTS, "email", FAULT_TAKEN, NULL, 0},
    {ERR_DUPLICATE, "email", FAULT_DUPLICATE, "17", 17},
    {ERR_INVALID_TRANSITION, NULL, FAULT_NONE, "IN_PROGRESS", 0},
    {ERR_HIDDEN_REFERENCE, "contact_id", FAULT_HIDDEN, NULL, 0},
    {ERR_AMBIGUOUS, NULL, FAULT_NONE, "OU=Sales,DC=kontora,DC=test", 0},
    {ERR_AMBIGUOUS, NULL, FAULT_NONE, "OU=Sales,OU=Staff,DC=kontora,DC=test", 0},
};

static const char request_id[] = "5f0c9c1e6c1a4f0e8a7b2d3c4e5f6071";

static void write_edge_example(struct document *document, const struct failure *failure)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "value");
    jsonw_string(json, "error", failure->message);
    jsonw_string(json, "code", failure->code);
    jsonw_string(json, "request_id", request_id);
    jsonw_close_object(json);
}

static void write_error_example(struct document *document, enum error_id id)
{
    struct error *error = error_new(document->arena, id, NULL);
    struct buffer text = {.arena = document->arena};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        if (samples[i].id == id) {
            struct error_detail **end = error->end;
            error_detail(error, samples[i].field, samples[i].fault, samples[i].argument);
            (*end)->id = samples[i].other;
        }
    }
    problem_write(&text, error, document->settings->language, request_id);
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
            write_edge_example(document, failure);
        } else {
            write_error_example(document, failure->id);
        }
        jsonw_close_object(json);
    }
    jsonw_close_object(json);
}

/* --- answers --------------------------------------------------------------------------------- */

static size_t find_end(const struct failures *failures, size_t at)
{
    size_t end = at;
    while (end < failures->count && failures->list[end].status == failures->list[at].status) {
        end++;
    }
    return end;
}

static void write_description(struct document *document, const struct failures *failures, size_t at,
                              size_t end)
{
    struct buffer text = {.arena = document->arena};
    for (; at < end; at++) {
        buffer_format(&text, "%s`%s`: %s", text.length ? "; " : "", failures->list[at].code,
                      failures->list[at].message);
    }
    jsonw_bytes(&document->json, "description", text.bytes, text.length);
}

static void write_header(struct document *document, const char *name)
{
    document_reference(document, name, "headers", name);
}

static void write_answer_headers(struct document *document, int status)
{
    enum {
        UNAUTHORIZED = 401,
        FORBIDDEN = 403,
        NO_RANGE = 416,
        TOO_MANY = 429,
        BAD_GATEWAY = 502,
        TIMEOUT = 504
    };
    jsonw_open_object(&document->json, "headers");
    write_header(document, "X-Request-ID");
    write_header(document, "Content-Language");
    if (status == UNAUTHORIZED) {
        write_header(document, "WWW-Authenticate");
    }
    if (status == FORBIDDEN) {
        document_reference(document, "WWW-Authenticate", "headers", OPENAPI_OPTIONAL_CHALLENGE);
    }
    if (status == NO_RANGE) { /* nginx keeps what it had begun to say of the file */
        write_header(document, "ETag");
        write_header(document, "Content-Disposition");
        write_header(document, "Content-Range");
    }
    if (status == TOO_MANY || (status >= BAD_GATEWAY && status <= TIMEOUT)) {
        write_header(document, "Retry-After");
    }
    jsonw_close_object(&document->json);
}

/* An error with one of these codes. */
static void write_codes(struct document *document, const char *key, const struct failures *failures,
                        size_t at, size_t end)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, key);
    jsonw_open_array(json, "allOf");
    document_reference(document, NULL, "schemas", "Error");
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

static void write_schema(struct document *document, const struct failures *failures, size_t at,
                         size_t end, const struct schema *ready)
{
    struct jsonw *json = &document->json;
    if (!ready) {
        write_codes(document, "schema", failures, at, end);
        return;
    }
    jsonw_open_object(json, "schema");
    jsonw_open_array(json, "anyOf");
    document_reference(document, NULL, "schemas", ready->name);
    write_codes(document, NULL, failures, at, end);
    jsonw_close_array(json);
    jsonw_close_object(json);
}

static void write_answer(struct document *document, const char *key,
                         const struct failures *failures, size_t at, size_t end,
                         const struct schema *ready)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, key);
    write_description(document, failures, at, end);
    write_answer_headers(document, failures->list[at].status);
    jsonw_open_object(json, "content");
    jsonw_open_object(json, "application/json");
    write_schema(document, failures, at, end, ready);
    write_examples(document, failures, at, end);
    jsonw_close_object(json);
    jsonw_close_object(json);
    jsonw_close_object(json);
}

/* Of the component that all calls with these errors share. */
static const char *component_name(const struct document *document, const struct failures *failures,
                                  size_t at, size_t end)
{
    struct buffer name = {.arena = document->arena};
    buffer_format(&name, "%d", failures->list[at].status);
    for (; at < end; at++) {
        buffer_format(&name, ".%s", failures->list[at].code);
    }
    return name.bytes;
}

/* Whether the status is also that of a service which is not ready, with a body of its own. */
static bool says_not_ready(const struct route *route, const struct failure *failure)
{
    return route->ready && failure->status == problem_status(ERR_DATABASE_UNAVAILABLE);
}

size_t failures_write_status(struct document *document, const struct route *route,
                             const struct failures *failures, size_t at)
{
    size_t end = find_end(failures, at);
    const char *status = arena_format(document->arena, "%d", failures->list[at].status);
    if (says_not_ready(route, &failures->list[at])) {
        write_answer(document, status, failures, at, end, route->reply);
    } else {
        document_reference(document, status, "responses",
                           component_name(document, failures, at, end));
    }
    return end;
}

static void write_route_failures(struct document *document, const struct route *route,
                                 struct document_names *names)
{
    struct failures failures;
    failures_find(document, route, &failures);
    for (size_t at = 0, end; at < failures.count; at = end) {
        end = find_end(&failures, at);
        const char *name = component_name(document, &failures, at, end);
        if (!says_not_ready(route, &failures.list[at]) && document_is_new(document, names, name)) {
            write_answer(document, name, &failures, at, end, NULL);
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
