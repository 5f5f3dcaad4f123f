/* See router.h. The routes form a tree of path segments, built once. */
#include "http/router.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/access.h"
#include "http/audit.h"
#include "http/fields.h"
#include "http/media.h"
#include "http/problem.h"
#include "http/selection.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct node {
    const char *segment; /* start of the segment in the pattern */
    size_t length;
    struct node *sibling, *children;
    const struct route *routes[METHOD_COUNT];
};

struct router {
    struct arena *arena; /* holds the tree */
    struct router_settings settings;
    struct node root;
};

/* --- tree of routes -------------------------------------------------------------------------- */

/* Returns the child for a segment, creating it if necessary. Literal segments precede
 * {placeholders}, so that /users/me is preferred to /users/{username}. */
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
        log_error("router: two routes for %s %s", route_method_names[route->method],
                  route->pattern);
        abort();
    }
    node->routes[route->method] = route;
}

struct router *router_new(const struct resource *resources, const struct router_settings *settings)
{
    struct router *router = base_alloc(sizeof *router);
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

/* Finds the node of a path that has a route, below `node`. Tries a placeholder if a literal segment
 * does not lead to a route. */
static const struct node *find_node_with_route(const struct node *node, char *const *segments,
                                               size_t count)
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
            const struct node *found = find_node_with_route(child, segments + 1, count - 1);
            if (found) {
                return found;
            }
        }
    }
    return NULL;
}

/* Returns the number of leading segments of a path without a route that match literal segments of
 * patterns. */
static size_t count_known_segments(const struct node *node, char *const *segments, size_t count)
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

/* --- checks before the handler --------------------------------------------------------------- */

/* Returns the value of the Allow header (RFC 9110 10.2.1). */
static const char *list_allowed_methods(struct arena *arena, const struct node *node)
{
    struct buffer list = {.arena = arena};
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (node->routes[i]) {
            buffer_format(&list, "%s%s%s", list.length ? ", " : "", route_method_names[i],
                          i == METHOD_GET ? ", HEAD" : "");
        }
    }
    return list.bytes;
}

static struct error *find_route(const struct router *router, struct request *request,
                                struct reply *reply)
{
    const struct node *node =
        find_node_with_route(&router->root, request->segments, request->segments_count);
    if (!node) {
        request->segments_known =
            count_known_segments(&router->root, request->segments, request->segments_count);
        return error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    request->segments_known = request->segments_count;
    if (request->method == METHOD_COUNT || !node->routes[request->method]) {
        reply_header(reply, "Allow", list_allowed_methods(request->arena, node));
        media_add_accept_patch(request, node->routes[METHOD_PATCH], reply);
        return error_new(request->arena, ERR_METHOD_NOT_ALLOWED, NULL);
    }
    request->route = node->routes[request->method];
    return NULL;
}

/* Applies the rate limits of the principal (NULL: anonymous). A preliminary request is not counted,
 * because the complete request follows. */
static struct error *apply_rate_limits(const struct router_guard *guard, struct request *request)
{
    if (!guard->begin || request->asks) {
        return NULL;
    }
    struct error *error = guard->begin(request);
    request->limited = !error;
    return error;
}

static struct error *authorize_caller(const struct router_guard *guard, struct request *request)
{
    enum permission permission = request->route->permission;
    struct error *error = guard->authenticate(request);
    if (!error) {
        error = apply_rate_limits(guard, request);
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

/* Identifies the caller of a call that is open to all. Invalid credentials are an error only if a
 * setting requires a principal; otherwise the caller is anonymous. */
static struct error *identify_optional_caller(const struct router_guard *guard,
                                              struct request *request)
{
    const struct route *route = request->route;
    struct error *error = guard->authenticate(request);
    request->principal = error ? NULL : request->principal;
    request->unaudited = route->audited_for && !guard->permits(request, route->audited_for);
    if (request->principal) {
        return apply_rate_limits(guard, request);
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
    error = route->permission ? authorize_caller(guard, request)
                              : identify_optional_caller(guard, request);
    request->auth_us = clock_steady_us() - began;
    return error;
}

uint64_t route_scopes(const struct route *route)
{
    return route->scope > SCOPE_CLOSED ? SCOPE_BIT(route->scope) : scope_of_rights(route->rights);
}

bool route_needs_space(const struct route *route)
{
    return route->method != METHOD_GET && route->method != METHOD_DELETE && !route->essential;
}

/* Rejects writes while free space is short, except essential ones and those of principals that may
 * use the reserve. The reply to an essential write is not stored for repeated requests, because
 * storing it takes space; such requests can be executed again without harm. */
static struct error *check_free_space(const struct router *router, struct request *request)
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

static struct error *parse_body(const struct router *router, struct request *request)
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
    size_t mark = media_mark_length(text);
    const char *bytes = text->length ? text->bytes + mark : "";
    size_t length = text->length - mark;
    if (!length && request->route->body_optional) {
        return fields_read_query(request->arena, schema->fields, "", &request->body);
    }
    if (media_is_form(request)) {
        if (strlen(bytes) != length) {
            return error_new(request->arena, ERR_BAD_REQUEST, "the form contains NUL");
        }
        return fields_read_query(request->arena, schema->fields, bytes, &request->body);
    }
    if (!media_is_json(request)) {
        return error_new(request->arena, ERR_UNSUPPORTED_MEDIA_TYPE, NULL);
    }
    return (schema->bare ? fields_read_bare : fields_read_json)(request->arena, schema->fields,
                                                                bytes, length, &request->body);
}

/* --- replies --------------------------------------------------------------------------------- */

enum {
    STATUS_UNAUTHORIZED = 401,
    STATUS_SERVER_ERROR = 500,
    STATUS_UNAVAILABLE = 503,
};

/* Returns the value of WWW-Authenticate (RFC 6750 3); NULL if the reply has none. It names an error
 * only if a token was sent (3.1). */
static const char *choose_challenge(const struct request *request, const struct error *error,
                                    int status)
{
    static const char scheme[] = "Bearer ";
    bool bearer = !request->bearer_ignored &&
                  !strncasecmp(request->headers.authorization, scheme, sizeof scheme - 1);
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
    const char *challenge = choose_challenge(request, error, reply->status);
    if (challenge) {
        reply_header(reply, "WWW-Authenticate", challenge);
    }
    media_add_accepted(request, error, reply);
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
    reply_set_language(request, reply);
    reply->body = (struct buffer){.arena = request->arena};
    problem_write(&reply->body, error, request->language, request->id);
}

static void serialize_result(const struct request *request, struct reply *reply,
                             const struct error *error)
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

/* Calls the handler, unless there is a stored reply to an earlier identical request. A handler that
 * reads a form itself calls router_recall() when it has read the form. */
static struct error *handle_once(struct request *request, struct reply *reply)
{
    struct error *error =
        request->route->form ? NULL : router_recall(request, &request->body_text, reply);
    if (error || reply->repeated) {
        return error;
    }
    error = request->route->handler(request, reply);
    if (reply->recalled && !reply->repeated) {
        serialize_result(request, reply, error);
        request->repeats->keep(request, reply, error);
    }
    return error;
}

/* --- request processing ---------------------------------------------------------------------- */

static struct error *parse_and_handle(const struct router *router, struct request *request,
                                      struct reply *reply)
{
    struct error *error = NULL;
    if (request->route->query) {
        error = (request->route->query_open ? fields_read_open_query : fields_read_query)(
            request->arena, request->route->query, request->query_text, &request->query);
        if (error) {
            return error;
        }
    }
    if ((error = selection_read(request))) {
        return error;
    }
    reply->selected = request->selected;
    if ((error = parse_body(router, request))) {
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
    request->body_abandoned = true; /* not drained until the route is known */
    struct error *error = request_parse(request, router->settings.standard_language);
    log_set_request(request->id);
    if (!error) {
        error = find_route(router, request, reply);
    }
    access_count_request(request);
    if (!error) {
        request->body_abandoned = request->route->form; /* a form may be too long to drain */
        error = guard->check_queue ? guard->check_queue(request) : NULL;
    }
    if (!error) {
        error = check_permission(router, request);
    }
    if (!error) {
        error = check_free_space(router, request);
    }
    if (!error) {
        error = media_check_coding(request);
    }
    if (!error && request->asks) { /* all checks that need no body have passed */
        reply_continue(request, reply);
        if (guard->name_owners) {
            guard->name_owners(request, reply);
        }
    } else if (!error) {
        error = parse_and_handle(router, request, reply);
    }
    if (request->limited) {
        guard->end(request);
    }
    if (guard->leave) {
        guard->leave(request);
    }
    return error;
}

void router_finish(struct request *request, struct reply *reply, const struct error *error)
{
    bool has_action = request->route && request->route->action;
    if (has_action && !request->unaudited && !reply->repeated && !reply->audited) {
        audit_write(request, error);
    }
    if (!error && request->count.amount) {
        metrics_add(request->count.metric, request->count.series, request->count.amount);
    }
    /* nginx logs the path too, but knows neither the routes nor the decoded path
     * (nginx/log.conf). */
    const char *masked_path = access_masked_path(request);
    if (masked_path) {
        reply_header(reply, "X-Kontora-Path", masked_path);
    }
    if (!reply->serialized) {
        serialize_result(request, reply, error);
    }
}
