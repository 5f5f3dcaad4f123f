/* See order.h. */
#include "directory/order.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "directory/directory.h"
#include "directory/filter.h"
#include "query/filter.h"

#include <string.h>

/* Returns the attribute to sort by; NULL if the controller has none with the order of the field. */
static const char *sorted_attribute(const struct field *field)
{
    if (field->type == FIELD_STRINGS) {
        return NULL;
    }
    switch (field->codec) {
    case CODEC_TEXT:
    case CODEC_INTEGER:
    case CODEC_TIME:
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
    return sorted_attribute(field) || has_parts(field);
}

const char *directory_sortable_fields(struct arena *arena, const struct field *fields)
{
    struct buffer names = {.arena = arena};
    for (; fields->name; fields++) {
        if (directory_is_sortable(fields)) {
            buffer_format(&names, "%s%s", names.length ? ", " : "", fields->name);
        }
    }
    return names.bytes;
}

/* Adds a part: the entries for which the field equals the value, or those without a value. */
static struct error *add_order_part(struct directory *directory, struct arena *arena,
                                    const struct field *field, const struct value *value,
                                    struct order *order)
{
    const struct filter term = {
        .kind = FILTER_TERM,
        .field = field,
        .operator= value->state == VALUE_SET ? FILTER_EQUAL : FILTER_PRESENT,
        .value = *value,
    };
    const struct filter absent = {.kind = FILTER_NOT, .left = &term};
    return directory_filter_compile(directory, arena, value->state == VALUE_SET ? &term : &absent,
                                    &order->parts[order->count++]);
}

static void reverse_parts(struct order *order)
{
    for (size_t i = 0; i < order->count / 2; i++) {
        const char *part = order->parts[i];
        order->parts[i] = order->parts[order->count - 1 - i];
        order->parts[order->count - 1 - i] = part;
    }
}

/* Sets the parts: one for each value, in ascending order, and one without a value. */
static struct error *add_order_parts(struct directory *directory, struct arena *arena,
                                     const struct field *field, struct order *order)
{
    static const char *const scopes[] = {"domain_local", "global", "universal"};
    struct value values[ORDER_PARTS_MAX] = {0};
    size_t count = 0;
    if (field->codec == CODEC_SCOPE) {
        for (; count < sizeof scopes / sizeof *scopes; count++) {
            field_set_string(&values[count], scopes[count]);
        }
    } else {
        field_set_boolean(&values[count++], false);
        field_set_boolean(&values[count++], true);
    }
    struct error *error = NULL;
    for (size_t i = 0; !error && i <= count; i++) {
        error = add_order_part(directory, arena, field, &values[i], order);
    }
    return error;
}

struct error *order_prepare(struct directory *directory, struct arena *arena,
                            const struct directory_class *class,
                            const struct directory_list_query *query, struct order *order_r)
{
    *order_r = (struct order){.attribute = class->sort_attribute};
    if (!query->sort) {
        return NULL;
    }
    const char *attribute = sorted_attribute(query->sort);
    if (attribute) {
        order_r->attribute = arena_format(arena, "%s%s", query->descending ? "-" : "", attribute);
        return NULL;
    }
    if (query->descending) {
        order_r->attribute = arena_format(arena, "-%s", class->sort_attribute);
    }
    struct error *error = add_order_parts(directory, arena, query->sort, order_r);
    if (query->descending) {
        reverse_parts(order_r);
    }
    return error;
}
