/* Values of a plan: compares the attributes of an entry before and after a change, as JSON by the
 * field map of its class. */
#include "directory/plan.h"

#include "base/arena.h"
#include "base/base64.h"
#include "base/field.h"
#include "base/jsonw.h"
#include "base/utf8.h"
#include "directory/attribute.h"
#include "directory/changes.h"
#include "directory/directory.h"
#include "directory/entry.h"

#include <string.h>

static const char json_null[] = "null", json_no_items[] = "[]";

/* --- JSON ------------------------------------------------------------------------------------ */

const char *plan_json_text(struct arena *arena, const char *text)
{
    struct buffer out = {.arena = arena};
    jsonw_string(&(struct jsonw){.out = &out}, NULL, text);
    return out.bytes;
}

const char *plan_json_truth(const bool *truth)
{
    return !truth ? json_null : *truth ? "true" : "false";
}

const char *plan_json_bytes(struct arena *arena, const struct berval *bytes)
{
    struct buffer out = {.arena = arena};
    if (!bytes) {
        return json_null;
    }
    buffer_add_char(&out, '"');
    base64_add(&out, bytes->bv_val, bytes->bv_len);
    buffer_add_char(&out, '"');
    return out.bytes;
}

static const char *format_strings(struct arena *arena, const struct field_strings *strings)
{
    struct buffer out = {.arena = arena};
    struct jsonw json = {.out = &out};
    jsonw_open_array(&json, NULL);
    for (size_t i = 0; i < strings->count; i++) {
        jsonw_string(&json, NULL, strings->items[i]);
    }
    jsonw_close_array(&json);
    return out.bytes;
}

/* Formats a value that entry_decode_attribute() has decoded. */
static const char *format_field_value(struct arena *arena, const struct field *field,
                                      const struct value *value)
{
    struct buffer out = {.arena = arena};
    struct jsonw json = {.out = &out};
    if (value->state != VALUE_SET) {
        return json_null;
    }
    switch (field->type) {
    case FIELD_INTEGER:
        jsonw_integer(&json, NULL, value->integer);
        return out.bytes;
    case FIELD_BOOLEAN:
        return plan_json_truth(&value->boolean);
    case FIELD_TIME:
        jsonw_time(&json, NULL, value->integer);
        return out.bytes;
    case FIELD_STRINGS:
        return format_strings(arena, &value->strings);
    default: /* texts, and references, which are decoded as texts */
        return plan_json_text(arena, value->string.bytes);
    }
}

static const char *format_field(struct arena *arena, const struct field *field,
                                const struct raw_entry *raw)
{
    struct value value;
    if (!raw) {
        return json_null;
    }
    entry_decode_attribute(arena, field, raw, &value);
    return format_field_value(arena, field, &value);
}

static bool is_text(const struct berval *value)
{
    return utf8_valid(value->bv_val, value->bv_len) && !memchr(value->bv_val, '\0', value->bv_len);
}

/* Formats an attribute without a field: a text or, if it has several values, a list of texts. */
static const char *format_attribute(struct arena *arena, const struct raw_entry *raw,
                                    const char *name)
{
    const struct attribute *attribute = raw ? attribute_get(raw, name) : NULL;
    if (!attribute) {
        return json_null;
    }
    if (!is_text(attribute->values)) {
        return plan_json_bytes(arena, attribute->values);
    }
    if (attribute->count == 1) {
        return plan_json_text(arena, attribute->values->bv_val);
    }
    const char **items = arena_array(arena, attribute->count, sizeof *items);
    for (size_t i = 0; i < attribute->count; i++) {
        items[i] = attribute->values[i].bv_val;
    }
    return format_strings(arena, &(struct field_strings){items, attribute->count});
}

/* --- fields ---------------------------------------------------------------------------------- */

static void append_field(struct arena *arena, struct directory_intent_entry *entry,
                         const struct directory_intent_field *content)
{
    struct directory_intent_field **end = &entry->fields;
    while (*end) {
        end = &(*end)->next;
    }
    *end = arena_alloc(arena, sizeof **end);
    **end = *content;
}

void plan_add_field(struct arena *arena, struct directory_intent_entry *entry, const char *name,
                    const char *before, const char *after)
{
    const struct directory_intent_field field = {.name = name, .before = before, .after = after};
    if (strcmp(before, after) != 0) {
        append_field(arena, entry, &field);
    }
}

void plan_add_secret(struct arena *arena, struct directory_intent_entry *entry, const char *name)
{
    static const char hidden[] = "\"***\"";
    const struct directory_intent_field field = {.name = name, .before = hidden, .after = hidden};
    append_field(arena, entry, &field);
}

/* True if replies show the field, and its value is an attribute or the DN. */
static bool is_shown(const struct field *field)
{
    return field->codec != CODEC_NONE && field->codec != CODEC_GUID &&
           !(field->flags & FIELD_INTERNAL);
}

/* True if the entry exists on one side only, and has an empty list there. */
static bool is_empty_side(const struct raw_entry *raw, const char *json)
{
    return raw && !strcmp(json, json_no_items);
}

void plan_add_values(struct arena *arena, struct directory_intent_entry *entry,
                     const struct directory_class *class, const struct raw_entry *before,
                     const struct raw_entry *after)
{
    for (const struct field *field = class->fields; field->name; field++) {
        if (!is_shown(field)) {
            continue;
        }
        const char *old = format_field(arena, field, before);
        const char *new = format_field(arena, field, after);
        bool is_nothing =
            (!before && is_empty_side(after, new)) || (!after && is_empty_side(before, old));
        if (!is_nothing) {
            plan_add_field(arena, entry, field->name, old, new);
        }
    }
}

/* True if a field of the class shows the attribute. */
static bool is_bound(const struct directory_class *class, const char *attribute)
{
    const struct field *field = class->fields;
    while (field->name &&
           !(is_shown(field) && field->attribute && !strcasecmp(field->attribute, attribute))) {
        field++;
    }
    return field->name;
}

void plan_add_unbound_values(struct arena *arena, struct directory_intent_entry *entry,
                             const struct directory_class *class,
                             const struct directory_changes *changes,
                             const struct raw_entry *before, const struct raw_entry *after)
{
    for (const struct change *change = changes->first; change; change = change->next) {
        if (!is_bound(class, change->attribute)) {
            plan_add_field(arena, entry, change->attribute,
                           format_attribute(arena, before, change->attribute),
                           format_attribute(arena, after, change->attribute));
        }
    }
}

/* --- kinds ----------------------------------------------------------------------------------- */

/* Kinds by object class: a class that others are derived from follows them. */
static const struct kind_name {
    const char *class, *kind;
} kind_names[] = {
    {"computer", "computer"},     {"user", "user"},
    {"group", "group"},           {"contact", "contact"},
    {"organizationalUnit", "ou"}, {"container", "container"},
};

static const char *find_kind_name(const char *class)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof *kind_names; i++) {
        if (!strcasecmp(kind_names[i].class, class)) {
            return kind_names[i].kind;
        }
    }
    return "other";
}

const char *plan_kind_of_class(const struct directory_class *class)
{
    size_t last = 0;
    while (class->object_classes[last + 1]) {
        last++;
    }
    return find_kind_name(class->object_classes[last]);
}

const char *plan_kind(const struct raw_entry *raw)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof *kind_names; i++) {
        if (attribute_has_class(raw, kind_names[i].class)) {
            return kind_names[i].kind;
        }
    }
    return "other";
}
