/* See router.h. The routes stand in a tree of path segments, built once. */
#include "http/router.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/access.h"
#include "http/audit.h"
#include "http/fields.h"
#include "http/parameters.h"
#include "http/problem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct node {
    const char *segment; /* of the pattern, up to '/' or its end */
    size_t length;
    struct node *sibling, *children;
    const struct route *routes[METHOD_COUNT];
};

struct router {
    struct arena *arena; /* holds the tree */
    struct router_settings settings;
    struct node root;
};

/* --- the tree -------------------------------------------------------------------------------- */

/* Literal segments stand before {placeholders}: /users/me would win over /users/{username}. */
static struct node *add_child(struct router *router, struct node *parent, const char *segment,
                              size_t length)
{
    struct node **place = &parent->children;
    for (; *place; place = &(*place)->sibling) {
        bool same = (*place)->length == length && !memcmp((*place)->segment, segment, length);
        if (same || (*segment == '{' && *(*place)->segment == '{')) {
            return *place;
        }
        if (*(*place)->segment == '{') {
            break;
        }
    }
    struct node *node = arena_alloc(router->arena, sizeof *node);
    *node = (struct node){.segment = segment, .length = length, .sibling = *place};
    *place = node;
    return node;
}

static void add_route(struct router *router, const struct route *route)
{
    struct node *node = &router->root;
    for (const char *segment = route->pattern + 1; *segment;) {
        size_t length = strcspn(segment, "/");
        node = add_child(router, node, segment, length);
        segment += length + (segment[length] == '/');
    }
    if (node->routes[route->method]) {
        log_error("two routes for %s %s", method_names[route->method], route->pattern);
        abort();
    }
    node->routes[route->method] = route;
}

struct router *router_new(const struct resource *resources, const struct router_settings *settings)
{
    struct router *router = must_alloc(sizeof *router);
    router->arena = arena_new();
    router->settings = *settings;
    for (; resources->routes; resources++) {
        for (const struct route *route = resources->routes; route->pattern; route++) {
            add_route(router, route);
        }
    }
    return router;
}

void router_free(struct router **router)
{
    if (*router) {
        arena_free(&(*router)->arena);
        free(*router);
        *router = NULL;
    }
}

/* The node of a path below `node`, with a route on it; a literal match that leads nowhere gives way
 * to a placeholder. */
static const struct node *find_node(const struct node *node, char *const *segments, size_t count)
{
    if (!count) {
        for (size_t i = 0; i < METHOD_COUNT; i++) {
            if (node->routes[i]) {
                return node;
            }
        }
        return NULL;
    }
    size_t length = strlen(segments[0]);
    for (const struct node *child = node->children; child; child = child->sibling) {
        bool literal = child->length == length && !memcmp(child->segment, segments[0], length);
        if (literal || (*child->segment == '{' && length)) {
            const struct node *found = find_node(child, segments + 1, count - 1);
            if (found) {
                return found;
            }
        }
    }
    return NULL;
}

/* How many segments of a path that leads nowhere are words of patterns, up to the first that is
 * not. */
static size_t count_known(const struct node *node, char *const *segments, size_t count)
{
    size_t known = 0;
    for (; known < count; known++) {
        const struct node *child = node->children;
        size_t length = strlen(segments[known]);
        while (child &&
               (child->length != length || memcmp(child->segment, segments[known], length) != 0)) {
            child = child->sibling;
        }
        if (!child) {
            break;
        }
        node = child;
    }
    return known;
}

/* --- the steps of an answer ------------------------------------------------------------------ */

/* The Allow field of RFC 9110 10.2.1. */
static const char *allowed_methods(struct arena *arena, const struct node *node)
{
    struct buffer list = {.arena = arena};
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (node->routes[i]) {
            buffer_format(&list, "%s%s%s", list.length ? ", " : "", method_names[i],
                          i == METHOD_GET ? ", HEAD" : "");
        }
    }
    return list.bytes;
}

static struct error *find_route(const struct router *router, struct request *request,
                                struct reply *reply)
{
    const struct node *node = find_node(&router->root, request->segments, request->segments_count);
    if (!node) {
        request->segments_known =
            count_known(&router->root, request->segments, request->segments_count);
        return error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    request->segments_known = request->segments_count;
    if (request->method == METHOD_COUNT || !node->routes[request->method]) {
        reply_header(reply, "Allow", allowed_methods(request->arena, node));
        return error_new(request->arena, ERR_METHOD_NOT_ALLOWED, NULL);
    }
    request->route = node->routes[request->method];
    return NULL;
}

/* Applies the rate limits of the principal, NULL for nobody. A preliminary request is not counted,
 * because it comes again, complete. */
static struct error *begin_limits(const struct router_guard *guard, struct request *request)
{
    if (!guard->begin || request->asks) {
        return NULL;
    }
    struct error *error = guard->begin(request);
    request->limited = !error;
    return error;
}

static struct error *ask_guard(const struct router_guard *guard, struct request *request)
{
    enum permission permission = request->route->permission;
    struct error *error = guard->authenticate(request);
    if (!error) {
        error = begin_limits(guard, request);
    }
    if (!error) {
        error = guard->confirm(request, permission);
    }
    if (error) {
        return error;
    }
    if (guard->permits(request, permission)) {
        return NULL;
    }
    return error_new(request->arena, request->principal ? ERR_FORBIDDEN : ERR_UNAUTHORIZED, NULL);
}

/* Identifies the caller of a call that is open to all. Where a setting requires a principal, wrong
 * credentials are an error; where it does not, they are as good as none. */
static struct error *recognize(const struct router_guard *guard, struct request *request)
{
    const struct route *route = request->route;
    struct error *error = guard->authenticate(request);
    request->principal = error ? NULL : request->principal;
    request->unaudited = route->audited_for && !guard->permits(request, route->audited_for);
    if (request->principal) {
        return begin_limits(guard, request);
    }
    if (!route->access_by_setting || guard->is_open(request)) {
        return NULL;
    }
    return error ? error : error_new(request->arena, ERR_UNAUTHORIZED, NULL);
}

static struct error *check_permission(const struct router *router, struct request *request)
{
    const struct router_guard *guard = &router->settings.guard;
    struct error *error = NULL;
    const struct route *route = request->route;
    if (!route->permission && !route->audited_for && !route->access_by_setting) {
        return NULL;
    }
    int64_t began = clock_steady_us();
    error = route->permission ? ask_guard(guard, request) : recognize(guard, request);
    request->auth_us = clock_steady_us() - began;
    return error;
}

bool route_needs_space(const struct route *route)
{
    return route->method != METHOD_GET && route->method != METHOD_DELETE && !route->essential;
}

/* Refuses writes in the reserve of free space. Essential calls go on, but no answer is kept for a
 * repetition of them: they can be repeated as they are. */
static struct error *check_space(const struct router *router, struct request *request)
{
    enum { RETRY_AFTER_S = 60 };
    if (request->method == METHOD_GET || router->settings.guard.may_write(request)) {
        return NULL;
    }
    request->repeats = NULL;
    if (!route_needs_space(request->route)) {
        return NULL;
    }
    struct error *error = error_new(request->arena, ERR_STORAGE_FULL, NULL);
    error->retry_after_s = RETRY_AFTER_S;
    return error;
}

/* Whether a Content-Type field says JSON in UTF-8, the only encoding JSON has (RFC 8259 8.1). */
static bool is_json(struct arena *arena, const char *content_type)
{
    static const char json[] = "application/json";
    content_type += strspn(content_type, " \t");
    if (strncasecmp(content_type, json, sizeof json - 1) != 0) {
        return false;
    }
    const char *rest = content_type + sizeof json - 1;
    rest += strspn(rest, " \t");
    if (*rest && *rest != ';') {
        return false;
    }
    struct parameter charset;
    return !parameters_find(arena, content_type, "charset", &charset) ||
           !strcasecmp(charset.bytes, "utf-8");
}

/* True if a Content-Type field names a form. The type has no parameters, so that a charset means
 * nothing: what is percent-encoded is UTF-8 (WHATWG URL 5.1). */
static bool is_form(const char *content_type)
{
    static const char form[] = "application/x-www-form-urlencoded";
    content_type += strspn(content_type, " \t");
    return !strncasecmp(content_type, form, sizeof form - 1) &&
           strchr("; \t", content_type[sizeof form - 1]);
}

static struct error *read_form(struct request *request, const struct field *fields)
{
    const struct buffer *text = &request->body_text;
    if (text->length && strlen(text->bytes) != text->length) {
        return error_new(request->arena, ERR_BAD_REQUEST, "a form with a NUL");
    }
    return fields_read_query(request->arena, fields, text->length ? text->bytes : "",
                             &request->body);
}

static struct error *read_body(const struct router *router, struct request *request)
{
    const struct schema *schema = request->route->body;
    if (!schema) {
        return NULL;
    }
    struct buffer *text = &request->body_text;
    struct error *error = request_read_body(request, router->settings.body_max, text);
    if (error) {
        return error;
    }
    if (!text->length && request->route->body_optional) {
        return fields_read_query(request->arena, schema->fields, "", &request->body);
    }
    if (request->route->body_form && is_form(request->headers.content_type)) {
        return read_form(request, schema->fields);
    }
    if (!is_json(request->arena, request->headers.content_type)) {
        return error_new(request->arena, ERR_UNSUPPORTED_MEDIA_TYPE, NULL);
    }
    return (schema->bare ? fields_read_bare : fields_read_json)(
        request->arena, schema->fields, text->bytes, text->length, &request->body);
}

/* --- answers --------------------------------------------------------------------------------- */

enum {
    STATUS_UNAUTHORIZED = 401,
    STATUS_SERVER_ERROR = 500,
    STATUS_UNAVAILABLE = 503,
};

/* True if the request carries a bearer token that this call uses. */
static bool has_bearer(const struct request *request)
{
    static const char scheme[] = "Bearer ";
    return !request->bearer_ignored &&
           !strncasecmp(request->headers.authorization, scheme, sizeof scheme - 1);
}

/* Returns the challenge of RFC 6750 3, NULL if the answer carries none. It names an error only
 * if a token was sent (3.1). */
static const char *challenge_of(const struct request *request, const struct error *error,
                                int status)
{
    bool bearer = has_bearer(request);
    if (bearer && (error->id == ERR_INVALID_TOKEN || error->id == ERR_TOKEN_EXPIRED)) {
        return "Bearer error=\"invalid_token\"";
    }
    if (bearer && error->id == ERR_FORBIDDEN) {
        return "Bearer error=\"insufficient_scope\"";
    }
    return status == STATUS_UNAUTHORIZED ? "Bearer" : NULL;
}

static void serialize_error(const struct request *request, struct reply *reply,
                            const struct error *error)
{
    reply->status = problem_status(error->id);
    const char *challenge = challenge_of(request, error, reply->status);
    if (challenge) {
        reply_header(reply, "WWW-Authenticate", challenge);
    }
    if (error->retry_after_s) {
        reply_header(reply, "Retry-After",
                     arena_format(request->arena, "%d", error->retry_after_s));
    } else if (reply->status == STATUS_UNAVAILABLE) {
        reply_header(reply, "Retry-After", "5");
    }
    if (error->cause && reply->status >= STATUS_SERVER_ERROR) {
        log_error("%s: %s", problem_code(error->id), error->cause);
    } else if (error->cause) {
        log_debug("%s: %s", problem_code(error->id), error->cause);
    }
    reply_language(request, reply);
    reply->body = (struct buffer){.arena = request->arena};
    problem_write(&reply->body, error, request->language, request->id);
}

static void serialize(const struct request *request, struct reply *reply, const struct error *error)
{
    if (error) {
        serialize_error(request, reply, error);
    } else {
        reply_serialize(request->route, reply, request->arena);
    }
    reply->serialized = true;
}

struct error *router_recall(struct request *request, const struct buffer *body, struct reply *reply)
{
    if (!request->repeats || !*request->headers.idempotency_key) {
        return NULL;
    }
    struct error *error = request->repeats->recall(request, body, reply);
    if (!error) {
        reply->serialized = reply->repeated = reply->status;
        reply->recalled = true;
    }
    return error;
}

/* Does what is asked, unless it has been done: then the answer is that of the first time. Of a
 * form, the handler finds that out, when it has read it. */
static struct error *handle_once(struct request *request, struct reply *reply)
{
    struct error *error =
        request->route->form ? NULL : router_recall(request, &request->body_text, reply);
    if (error || reply->repeated) {
        return error;
    }
    error = request->route->handler(request, reply);
    if (reply->recalled && !reply->repeated) {
        serialize(request, reply, error);
        request->repeats->keep(request, reply, error);
    }
    return error;
}

/* --- a request ------------------------------------------------------------------------------- */

static struct error *handle_permitted(const struct router *router, struct request *request,
                                      struct reply *reply)
{
    struct error *error = NULL;
    if (request->route->query) {
        error = fields_read_query(request->arena, request->route->query, request->query_text,
                                  &request->query);
        if (error) {
            return error;
        }
    }
    if ((error = read_body(router, request))) {
        if (error->id != ERR_VALIDATION || !request->route->adds_faults) {
            return error;
        }
        request->faults = error;
    }
    return handle_once(request, reply);
}

struct error *router_handle(const struct router *router, struct request *request,
                            struct reply *reply)
{
    const struct router_guard *guard = &router->settings.guard;
    *reply = (struct reply){0};
    request->repeats = router->settings.repeats;
    request->body_abandoned = true; /* until somebody is to read it: a form's handler */
    struct error *error = request_parse(request, router->settings.standard_language);
    log_set_request(request->id);
    if (!error) {
        error = find_route(router, request, reply);
    }
    access_routed(request);
    if (!error) {
        request->body_abandoned = request->route->form; /* until the handler has read it */
        error = guard->check_queue ? guard->check_queue(request) : NULL;
    }
    if (!error) {
        error = check_permission(router, request);
    }
    if (!error) {
        error = check_space(router, request);
    }
    if (!error && request->asks) { /* all that does not depend on the body is known */
        reply_continue(request, reply);
        if (guard->name_owners) {
            guard->name_owners(request, reply);
        }
    } else if (!error) {
        error = handle_permitted(router, request, reply);
    }
    if (request->limited) {
        guard->end(request);
    }
    return error;
}

static bool is_audited(const struct request *request)
{
    const struct route *route = request->route;
    return route && route->action && !request->unaudited;
}

/* Tells nginx the masked path for its log: nginx knows neither the routes nor the decoded path
 * (nginx/log.conf). */
static void tell_masked_path(const struct request *request, struct reply *reply)
{
    const char *masked = access_masked_path(request);
    if (masked) {
        reply_header(reply, "X-Kontora-Path", masked);
    }
}

void router_finish(struct request *request, struct reply *reply, const struct error *error)
{
    if (is_audited(request) && !reply->repeated && !reply->audited) {
        audit_write(request, error);
    }
    if (!error && request->count.amount) {
        metrics_add(request->count.metric, request->count.series, request->count.amount);
    }
    tell_masked_path(request, reply);
    if (!reply->serialized) {
        serialize(request, reply, error);
    }
}
