/* See order.h. */
#include "directory/order.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "directory/caller.h"
#include "directory/directory.h"
#include "directory/filter.h"
#include "query/filter.h"

#include <string.h>

/* Returns the attribute to sort by; NULL if the controller has none with the order of the field. */
static const char *sorted_attribute(const struct field *field)
{
    if (field->type == FIELD_STRINGS || (field->flags & FIELD_NOT_FILTERABLE)) {
        return NULL;
    }
    switch (field->codec) {
    case CODEC_TEXT:
    case CODEC_INTEGER:
    case CODEC_TIME:
    case CODEC_FILETIME:
    case CODEC_TRUTH:
    case CODEC_REFERENCE:
    case CODEC_GUID:
        return field->attribute;
    case CODEC_DN:
        return "distinguishedName";
    default:
        return NULL;
    }
}

/* True if a list sorted by the field consists of parts. */
static bool has_parts(const struct field *field)
{
    bool stored = !(field->flags & FIELD_NOT_FILTERABLE);
    return stored && (field->codec == CODEC_BITS_SET || field->codec == CODEC_BITS_CLEAR ||
                      field->codec == CODEC_SCOPE);
}

bool directory_is_sortable(const struct field *field)
{
    bool known = !(field->flags & (FIELD_SECRET | FIELD_INTERNAL));
    return known && (sorted_attribute(field) || has_parts(field));
}

/* Returns the names of the sortable fields; without references if they are not `visible`. */
static const char *list_sortable_fields(struct arena *arena, const struct field *fields,
                                        bool visible)
{
    struct buffer names = {.arena = arena};
    for (; fields->name; fields++) {
        if (directory_is_sortable(fields) && (visible || fields->codec != CODEC_REFERENCE)) {
            buffer_format(&names, "%s%s", names.length ? ", " : "", fields->name);
        }
    }
    return names.bytes;
}

const char *directory_sortable_fields(struct arena *arena, const struct field *fields)
{
    return list_sortable_fields(arena, fields, true);
}

/* Adds a part: the entries for which the filter is true. */
static struct error *add_order_part(struct directory *directory, struct arena *arena,
                                    const struct filter *filter, struct order *order)
{
    return directory_filter_compile(directory, arena, filter, &order->parts[order->count++]);
}

static void reverse_parts(struct order *order)
{
    for (size_t i = 0; i < order->count / 2; i++) {
        const char *part = order->parts[i];
        order->parts[i] = order->parts[order->count - 1 - i];
        order->parts[order->count - 1 - i] = part;
    }
}

/* Adds a part for each value, in ascending order. */
static struct error *add_value_parts(struct directory *directory, struct arena *arena,
                                     const struct field *field, struct order *order)
{
    static const char *const scopes[] = {"domain_local", "global", "universal"};
    bool is_scope = field->codec == CODEC_SCOPE;
    size_t count = is_scope ? sizeof scopes / sizeof *scopes : 2;
    struct error *error = NULL;
    for (size_t i = 0; !error && i < count; i++) {
        struct filter term = {.kind = FILTER_TERM, .field = field, .operator= FILTER_EQUAL };
        if (is_scope) {
            field_set_string(&term.value, scopes[i]);
        } else {
            field_set_boolean(&term.value, i == 1);
        }
        error = add_order_part(directory, arena, &term, order);
    }
    return error;
}

/* Adds the parts in ascending order: one for each value, or one for all values, which the
 * controller sorts by the attribute; at the end the entries without a value. */
static struct error *add_order_parts(struct directory *directory, struct arena *arena,
                                     const struct field *field, struct order *order)
{
    const struct filter present = {.kind = FILTER_TERM, .field = field, .operator= FILTER_PRESENT };
    const struct filter absent = {.kind = FILTER_NOT, .left = &present};
    struct error *error = sorted_attribute(field)
                              ? add_order_part(directory, arena, &present, order)
                              : add_value_parts(directory, arena, field, order);
    return error ? error : add_order_part(directory, arena, &absent, order);
}

struct error *order_prepare(struct directory *directory, struct arena *arena,
                            const struct directory_class *class,
                            const struct directory_list_query *query, struct order *order_r)
{
    *order_r = (struct order){.attribute = class->sort_attribute, .codec = CODEC_TEXT};
    if (!query->sort) {
        return NULL;
    }
    if (query->sort->codec == CODEC_REFERENCE && !caller_sees_all(directory)) {
        return error_field(arena, "sort", FAULT_NOT_ONE_OF,
                           list_sortable_fields(arena, class->fields, false));
    }
    const char *attribute = sorted_attribute(query->sort);
    order_r->attribute = arena_format(arena, "%s%s", query->descending ? "-" : "",
                                      attribute ? attribute : class->sort_attribute);
    order_r->codec = attribute ? query->sort->codec : CODEC_TEXT;
    if (attribute && query->sort->codec != CODEC_FILETIME) {
        return NULL;
    }
    struct error *error = add_order_parts(directory, arena, query->sort, order_r);
    if (query->descending) {
        reverse_parts(order_r);
    }
    return error;
}
