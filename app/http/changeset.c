/* See changeset.h. */
#include "http/changeset.h"

#include "base/arena.h"
#include "http/fields.h"

#include <string.h>

enum { FIRST_CAPACITY = 16 };

void changeset_add(struct changeset *changes, struct arena *arena,
                   const struct changed_field *change)
{
    if (changes->count == changes->capacity) {
        size_t capacity = changes->capacity ? 2 * changes->capacity : FIRST_CAPACITY;
        struct changed_field *items = arena_array(arena, capacity, sizeof *items);
        if (changes->count) {
            memcpy(items, changes->items, changes->count * sizeof *items);
        }
        changes->items = items;
        changes->capacity = capacity;
    }
    changes->items[changes->count++] = *change;
}

/* Returns the value of a field as JSON. */
static const char *format_json_value(struct arena *arena, const struct field *field,
                                     const struct value *value)
{
    if (!value || value->state != VALUE_SET) {
        return "null";
    }
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    fields_write_value(&json, NULL, field, value);
    return text.bytes;
}

void changeset_add_value(struct changeset *changes, struct arena *arena, const char *resource,
                         const char *id, const struct field *field, const struct value *before,
                         const struct value *after)
{
    struct changed_field change = {
        .resource = resource,
        .id = id,
        .field = field->name,
        .before = format_json_value(arena, field, before),
        .after = format_json_value(arena, field, after),
    };
    if (!strcmp(change.before, change.after)) {
        return;
    }
    if (field->flags & FIELD_SECRET) {
        change.before = change.after = CHANGESET_SECRET;
    }
    changeset_add(changes, arena, &change);
}

void changeset_add_values(struct changeset *changes, struct arena *arena, const char *resource,
                          const char *id, const struct field *fields, const struct value *before,
                          const struct value *after)
{
    for (size_t i = 0; fields[i].name; i++) {
        if (!(fields[i].flags & FIELD_INTERNAL)) {
            changeset_add_value(changes, arena, resource, id, &fields[i],
                                before ? &before[i] : NULL, after ? &after[i] : NULL);
        }
    }
}

void changeset_truncate(struct changeset *changes, size_t count)
{
    changes->count = count < changes->count ? count : changes->count;
}

static bool is_equal_name(const char *one, const char *other)
{
    return one == other || (one && other && !strcmp(one, other));
}

void changeset_write(struct jsonw *json, const char *key, const struct changeset *changes,
                     size_t first, const char *resource, const char *id)
{
    jsonw_open_array(json, key);
    for (size_t i = first; i < changes->count; i++) {
        const struct changed_field *change = &changes->items[i];
        jsonw_open_object(json, NULL);
        if (!is_equal_name(change->resource, resource) || !is_equal_name(change->id, id)) {
            jsonw_string(json, "resource", change->resource);
            jsonw_string(json, "id", change->id);
        }
        jsonw_string(json, "field", change->field);
        jsonw_raw(json, "before", change->before);
        jsonw_raw(json, "after", change->after);
        jsonw_close_object(json);
    }
    jsonw_close_array(json);
}
