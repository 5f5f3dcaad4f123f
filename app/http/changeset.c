/* See changeset.h. */
#include "http/changeset.h"

#include "base/arena.h"
#include "http/fields.h"

#include <json-c/json.h>
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

const char *changeset_format_value(struct arena *arena, const struct field *field,
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
        .before = changeset_format_value(arena, field, before),
        .after = changeset_format_value(arena, field, after),
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

static bool is_named(const struct changed_object *object, const char *field)
{
    for (const char *const *name = object->names; *name; name++) {
        if (!strcmp(*name, field)) {
            return true;
        }
    }
    return false;
}

void changeset_add_object(struct changeset *changes, struct arena *arena,
                          const struct changed_object *object, const struct value *before,
                          const struct value *after)
{
    const struct field *fields = object->fields;
    for (size_t i = 0; fields[i].name; i++) {
        if (is_named(object, fields[i].name)) {
            changeset_add_value(changes, arena, object->resource, object->id, &fields[i],
                                before ? &before[i] : NULL, after ? &after[i] : NULL);
        }
    }
}

void changeset_add_text(struct changeset *changes, struct arena *arena,
                        const struct changed_object *object, const char *name, const char *before,
                        const char *after)
{
    const struct field field = {.name = name, .type = FIELD_STRING};
    struct value values[2];
    field_set_string(&values[0], before);
    field_set_string(&values[1], after);
    changeset_add_value(changes, arena, object->resource, object->id, &field, &values[0],
                        &values[1]);
}

void changeset_add_secret(struct changeset *changes, struct arena *arena,
                          const struct changed_object *object, const char *field)
{
    const struct changed_field change = {object->resource, object->id, field, CHANGESET_SECRET,
                                         CHANGESET_SECRET};
    changeset_add(changes, arena, &change);
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

/* --- reading ---------------------------------------------------------------------------------- */

bool changeset_is_equal(const char *one, const char *other)
{
    struct json_object *left = json_tokener_parse(one), *right = json_tokener_parse(other);
    bool equal = json_object_equal(left, right);
    json_object_put(left);
    json_object_put(right);
    return equal;
}

/* Returns the member as JSON text; "null" if the object does not have it. */
static const char *copy_json_member(struct arena *arena, struct json_object *object,
                                    const char *name)
{
    struct json_object *member = NULL;
    (void)json_object_object_get_ex(object, name, &member);
    return arena_string(
        arena, member ? json_object_to_json_string_ext(member, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE)
                      : "null");
}

/* Returns the member as text; `standard` if the object does not have it, or if it is null. */
static const char *copy_text_member(struct arena *arena, struct json_object *object,
                                    const char *name, const char *standard)
{
    struct json_object *member = NULL;
    bool found = json_object_object_get_ex(object, name, &member) && member;
    return found ? arena_string(arena, json_object_get_string(member)) : standard;
}

static bool read_changes(struct arena *arena, struct json_object *array, const char *resource,
                         const char *id, struct changeset *changes)
{
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *object = json_object_array_get_idx(array, i);
        if (!json_object_is_type(object, json_type_object)) {
            return false;
        }
        const struct changed_field change = {
            .resource = copy_text_member(arena, object, "resource", resource),
            .id = copy_text_member(arena, object, "id", id),
            .field = copy_text_member(arena, object, "field", ""),
            .before = copy_json_member(arena, object, "before"),
            .after = copy_json_member(arena, object, "after"),
        };
        changeset_add(changes, arena, &change);
    }
    return true;
}

bool changeset_read(struct arena *arena, const char *text, const char *resource, const char *id,
                    struct changeset *changes_r)
{
    struct json_object *array = json_tokener_parse(text);
    *changes_r = (struct changeset){0};
    bool valid = json_object_is_type(array, json_type_array) &&
                 read_changes(arena, array, resource, id, changes_r);
    json_object_put(array);
    return valid;
}
