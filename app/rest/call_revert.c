/* See call_revert.h. */
#include "rest/call_revert.h"

#include "base/arena.h"
#include "http/changeset.h"
#include "http/fields.h"
#include "http/reply.h"
#include "http/request.h"
#include "rest/app.h"
#include "rest/audit.h"
#include "rest/revert.h"

#include <inttypes.h>
#include <string.h>

static const char null_text[] = "null";

/* Parts of the request that differ while it makes another call. */
struct call {
    const struct route *route;
    char *segments[REQUEST_SEGMENTS_MAX];
    size_t segments_count;
    struct value *query, *body;
};

static struct error *new_changed_since(struct arena *arena, const char *field, const char *current)
{
    return error_detail(error_new(arena, ERR_CHANGED_SINCE, NULL), field, FAULT_CHANGED_SINCE,
                        current);
}

/* --- the call --------------------------------------------------------------------------------- */

/* Returns the route of the same resource with the method; NULL: there is none. */
static const struct route *find_sibling(const struct request *request, const struct route *route,
                                        enum method method)
{
    const struct resource *resource = request->route->description;
    for (; resource->routes; resource++) {
        for (const struct route *each = resource->routes; each->pattern; each++) {
            if (each->revert == call_revert && each->method == method &&
                !strcmp(each->resource_type, route->resource_type)) {
                return each;
            }
        }
    }
    return NULL;
}

/* Returns the route of the inverse call: that of the recorded call if it updates an object. */
static const struct route *find_inverse(const struct request *request,
                                        const struct recorded_changes *recorded)
{
    const struct route *route = request->reverted_route;
    if (route->method == METHOD_PATCH || route->method == METHOD_PUT) {
        return route;
    }
    bool created = !strcmp(recorded->changes.items[0].before, null_text);
    return find_sibling(request, route, created ? METHOD_DELETE : METHOD_POST);
}

/* Sets the segments of the path. The last placeholder is the id of the object, the one before it
 * the organization of the caller. */
static void set_segments(const struct request *request, const struct recorded_changes *recorded,
                         struct call *call)
{
    char *pattern = arena_string(request->arena, call->route->pattern + 1), *rest = pattern;
    const char *organization =
        arena_format(request->arena, "%" PRId64, app_principal(request)->organization_id);
    const char *last = strrchr(call->route->pattern, '{');
    for (char *segment; (segment = strsep(&rest, "/"));) {
        bool is_last = last && segment - pattern == last - (call->route->pattern + 1);
        const char *text = is_last ? recorded->object_id : organization;
        call->segments[call->segments_count++] =
            *segment == '{' ? arena_string(request->arena, text) : segment;
    }
}

/* Returns the index of a field of the map; that of its end if there is none. */
static size_t find_body_field(const struct field *fields, const char *name)
{
    size_t i = 0;
    while (fields[i].name && strcmp(fields[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* Sets a field of the body to the value before the recorded change. Leaves fields out that a new
 * object gets by itself. ERR_NOT_REVERTIBLE if the call cannot set the field. */
static struct error *set_body_field(const struct request *request, struct call *call,
                                    const struct changed_field *change)
{
    const struct field *field =
        &call->route->body->fields[find_body_field(call->route->body->fields, change->field)];
    struct value *value;
    bool is_null = !strcmp(change->before, null_text);
    if (!field->name && call->route->creates) {
        return NULL;
    }
    if (!field->name || (is_null && !(field->flags & FIELD_NULLABLE))) {
        return revert_impossible(request->arena, change->field, FAULT_NO_REVERT);
    }
    struct value *place = &call->body[field - call->route->body->fields];
    if (is_null) {
        place->state = VALUE_NULL;
        return NULL;
    }
    struct error *error =
        fields_read_bare(request->arena, field, change->before, strlen(change->before), &value);
    if (!error) {
        *place = *value;
    }
    return error;
}

static struct error *set_body(const struct request *request,
                              const struct recorded_changes *recorded, struct call *call)
{
    struct error *error = NULL;
    call->body =
        arena_array(request->arena, fields_count(call->route->body->fields), sizeof *call->body);
    for (size_t i = 0; i < recorded->changes.count && !error; i++) {
        error = set_body_field(request, call, &recorded->changes.items[i]);
    }
    return error;
}

/* Exchanges the parts of the request and of the call. */
static void exchange_call(struct request *request, struct call *call)
{
    struct call own = {.route = request->route,
                       .segments_count = request->segments_count,
                       .query = request->query,
                       .body = request->body};
    memcpy(own.segments, request->segments, sizeof own.segments);
    request->route = call->route;
    memcpy(request->segments, call->segments, sizeof call->segments);
    request->segments_count = call->segments_count;
    request->query = call->query;
    request->body = call->body;
    *call = own;
}

/* --- comparison ------------------------------------------------------------------------------- */

/* Returns the change of the same field; NULL: the call has not changed it. The object may be a new
 * one. */
static const struct changed_field *find_made_change(const struct changeset *changes,
                                                    const struct changed_field *recorded)
{
    for (size_t i = 0; i < changes->count; i++) {
        if (!strcmp(changes->items[i].resource, recorded->resource) &&
            !strcmp(changes->items[i].field, recorded->field)) {
            return &changes->items[i];
        }
    }
    return NULL;
}

/* An audit_describe: ERR_CHANGED_SINCE if a change is not the inverse of the recorded one. */
static struct error *check_inverse(struct store *store, struct request *request, void *context)
{
    const struct recorded_changes *recorded = context;
    (void)store;
    for (size_t i = 0; i < recorded->changes.count; i++) {
        const struct changed_field *expected = &recorded->changes.items[i];
        const struct changed_field *made = find_made_change(&request->changes, expected);
        if (!made || !changeset_is_equal(made->before, expected->after) ||
            !changeset_is_equal(made->after, expected->before)) {
            return new_changed_since(request->arena, expected->field,
                                     made ? made->before : expected->before);
        }
    }
    return NULL;
}

/* ERR_NOT_REVERTIBLE if the call has also changed another object. */
static struct error *check_one_object(const struct request *request,
                                      const struct recorded_changes *recorded)
{
    for (size_t i = 0; i < recorded->changes.count; i++) {
        const struct changed_field *change = &recorded->changes.items[i];
        if (!change->id || strcmp(change->resource, recorded->resource) != 0 ||
            strcmp(change->id, recorded->object_id) != 0) {
            return revert_impossible(request->arena, change->resource, FAULT_NO_REVERT);
        }
    }
    return NULL;
}

struct error *call_revert(struct request *request, const struct recorded_changes *recorded)
{
    struct call call = {.route = find_inverse(request, recorded)};
    struct reply reply = {0};
    if (!call.route) {
        return revert_impossible(request->arena, "action", FAULT_NO_REVERT);
    }
    struct error *error = check_one_object(request, recorded);
    if (!error && call.route->body) {
        error = set_body(request, recorded, &call);
    }
    if (error) {
        return error;
    }
    if (call.route->query) {
        call.query =
            arena_array(request->arena, fields_count(call.route->query), sizeof *call.query);
    }
    set_segments(request, recorded, &call);
    audit_describe_with(request, check_inverse, (void *)recorded);
    exchange_call(request, &call);
    error = request->route->handler(request, &reply);
    exchange_call(request, &call);
    audit_describe_with(request, NULL, NULL);
    if (error && (error->id == ERR_NOT_FOUND || error->id == ERR_FILE_NOT_FOUND)) {
        return new_changed_since(request->arena, recorded->changes.items[0].field, null_text);
    }
    return error;
}
