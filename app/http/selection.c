/* See selection.h. */
#include "http/selection.h"

#include "base/arena.h"
#include "base/buffer.h"

#include <string.h>

static bool is_list_shape(enum reply_shape shape)
{
    return shape == REPLY_ARRAY || shape == REPLY_LIST || shape == REPLY_PAGE;
}

const struct field *selection_items(const struct route *route)
{
    if (!route->reply || is_list_shape(route->shape)) {
        return route->reply ? route->reply->fields : NULL;
    }
    for (const struct field *field = route->reply->fields; field->name; field++) {
        if (field->flags & FIELD_ITEMS) {
            return field->fields;
        }
    }
    return NULL;
}

const struct field *selection_key(const struct field *items)
{
    static const char *const names[] = {"id", "objectGUID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (const struct field *field = items; field->name; field++) {
            if (!strcmp(field->name, names[i])) {
                return field;
            }
        }
    }
    return items;
}

/* True if clients know the field: it is not secret and not internal. */
static bool is_public_field(const struct field *field)
{
    return !(field->flags & (FIELD_SECRET | FIELD_INTERNAL));
}

static struct error *reject_selection(struct arena *arena, const struct field *items)
{
    struct buffer names = {.arena = arena};
    for (const struct field *field = items; field->name; field++) {
        if (is_public_field(field)) {
            buffer_format(&names, "%s%s", names.length ? ", " : "", field->name);
        }
    }
    return error_field(arena, "fields", FAULT_NOT_ONE_OF, names.bytes);
}

static const struct field *find_public_field(const struct field *items, const char *name,
                                             size_t length)
{
    for (; items->name; items++) {
        if (is_public_field(items) && strlen(items->name) == length &&
            !memcmp(items->name, name, length)) {
            return items;
        }
    }
    return NULL;
}

static struct error *select_by_names(struct arena *arena, const struct field *items,
                                     const char *names, bool *selected)
{
    for (const char *at = names;; at++) {
        size_t length = strcspn(at, ",");
        const struct field *field = find_public_field(items, at, length);
        if (!field) {
            return reject_selection(arena, items);
        }
        selected[field - items] = true;
        at += length;
        if (!*at) {
            break;
        }
    }
    selected[selection_key(items) - items] = true;
    return NULL;
}

/* Selects all fields without FIELD_ON_REQUEST. Returns false if these are all fields. */
static bool select_standard(const struct field *items, bool *selected)
{
    bool on_request = false;
    for (size_t i = 0; items[i].name; i++) {
        selected[i] = !(items[i].flags & FIELD_ON_REQUEST);
        on_request |= !selected[i];
    }
    return on_request;
}

struct error *selection_read(struct request *request)
{
    const struct field *items = selection_items(request->route);
    const char *names = NULL;
    for (size_t i = 0; request->route->query && request->route->query[i].name; i++) {
        if (!strcmp(request->route->query[i].name, "fields") &&
            request->query[i].state == VALUE_SET) {
            names = request->query[i].string.bytes;
        }
    }
    if (!items) {
        return NULL;
    }
    bool *selected = arena_array(request->arena, fields_count(items) + 1, sizeof *selected);
    if (!names) {
        request->selected = select_standard(items, selected) ? selected : NULL;
        return NULL;
    }
    request->selected = selected;
    return select_by_names(request->arena, items, names, selected);
}
