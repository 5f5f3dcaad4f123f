/* See computed_list.h. */
#include "rest/computed_list.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fold.h"
#include "base/jsonw.h"
#include "directory/names.h"
#include "query/evaluate.h"
#include "rest/app.h"
#include "rest/entries.h"

#include <stdlib.h>
#include <string.h>

const struct field computed_list_explain_fields[] = {
    {.name = "filter",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Фильтр SCIM со всеми скобками; null — фильтра нет",
               "The filter of SCIM with all parentheses; null: there is no filter"},
     .example = "\"(kind eq \\\"ou\\\" and not (has_children eq true))\""},
    {.name = NULL},
};

/* --- parameters ------------------------------------------------------------------------------- */

static bool can_sort_by(const struct field *field)
{
    return field->type == FIELD_STRING || field->type == FIELD_INTEGER ||
           field->type == FIELD_DECIMAL || field->type == FIELD_BOOLEAN ||
           field->type == FIELD_TIME;
}

static struct error *read_computed_sort(const struct request *request, const struct field *fields,
                                        struct computed_list *list)
{
    const char *sort = request_query_string(request, "sort");
    struct buffer names = {.arena = request->arena};
    if (!sort) {
        return NULL;
    }
    list->descending = *sort == '-';
    sort += list->descending;
    for (const struct field *field = fields; field->name; field++) {
        if (can_sort_by(field)) {
            list->sort = !strcmp(field->name, sort) ? field : list->sort;
            buffer_format(&names, "%s%s", names.length ? ", " : "", field->name);
        }
    }
    return list->sort ? NULL : error_field(request->arena, "sort", FAULT_NOT_ONE_OF, names.bytes);
}

static const char *explain_computed_list(struct arena *arena, const struct filter *filter)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "filter", filter ? evaluate_format(arena, filter) : NULL);
    jsonw_close_object(&json);
    return text.bytes;
}

struct error *computed_list_read(const struct request *request, const struct field *fields,
                                 struct computed_list *list_r)
{
    *list_r = (struct computed_list){.fields = fields};
    struct error *error = error_merge(read_computed_sort(request, fields, list_r),
                                      entries_read_filter(request, fields, &list_r->filter));
    if (!error && request_query_boolean(request, "explain")) {
        list_r->explain = explain_computed_list(request->arena, list_r->filter);
    }
    return error;
}

bool computed_list_selects(const struct request *request, const struct field *fields,
                           const struct field *field)
{
    return !request->selected || request->selected[field - fields];
}

/* --- filters ---------------------------------------------------------------------------------- */

/* Removes the items that do not pass the filter. The folded forms of each item are freed before the
 * next one. */
static struct error *filter_items(const struct request *request, const struct computed_list *list,
                                  struct value **items, size_t *count)
{
    int64_t until = clock_steady_us() + app_of(request)->config->filter_timeout_ms * US_PER_MS;
    struct arena *scratch = arena_new();
    size_t kept = 0;
    bool is_late = false;
    for (size_t i = 0; i < *count && !is_late; i++) {
        if (evaluate_filter(scratch, list->filter, list->fields, items[i], names_equal)) {
            items[kept++] = items[i];
        }
        arena_reset(scratch);
        is_late = clock_steady_us() > until;
    }
    arena_free(&scratch);
    *count = kept;
    return is_late ? error_new(request->arena, ERR_FILTER_TOO_COSTLY, "evaluation in memory")
                   : NULL;
}

/* --- orders ----------------------------------------------------------------------------------- */

/* An item with the value to sort it by. */
struct keyed_item {
    struct value *item;
    bool is_absent;
    int64_t number;
    const unsigned char *key; /* of a text; NULL: the number counts */
    size_t length, index;
    bool descending;
};

static int compare_item_keys(const struct keyed_item *a, const struct keyed_item *b)
{
    if (a->is_absent || b->is_absent) {
        return a->is_absent - b->is_absent;
    }
    if (!a->key) {
        return (a->number > b->number) - (a->number < b->number);
    }
    int order = memcmp(a->key, b->key, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_keyed_items(const void *a, const void *b)
{
    const struct keyed_item *left = a, *right = b;
    int order = left->descending ? compare_item_keys(right, left) : compare_item_keys(left, right);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

static void set_item_key(struct arena *arena, const struct field *field, const struct value *value,
                         struct keyed_item *keyed)
{
    keyed->is_absent = value->state != VALUE_SET;
    if (keyed->is_absent) {
        return;
    }
    if (field->type == FIELD_STRING) {
        keyed->length = fold_sort_key(arena, value->string.bytes, &keyed->key);
    } else {
        keyed->number = field->type == FIELD_BOOLEAN ? value->boolean : value->integer;
    }
}

static void sort_items(struct arena *arena, const struct computed_list *list, struct value **items,
                       size_t count)
{
    struct keyed_item *keyed = arena_array(arena, count, sizeof *keyed);
    for (size_t i = 0; i < count; i++) {
        keyed[i] =
            (struct keyed_item){.item = items[i], .index = i, .descending = list->descending};
        set_item_key(arena, list->sort, &items[i][list->sort - list->fields], &keyed[i]);
    }
    qsort(keyed, count, sizeof *keyed, compare_keyed_items);
    for (size_t i = 0; i < count; i++) {
        items[i] = keyed[i].item;
    }
}

struct error *computed_list_apply(const struct request *request, const struct computed_list *list,
                                  struct value **items, size_t *count)
{
    struct error *error = list->filter ? filter_items(request, list, items, count) : NULL;
    if (!error && list->sort && *count) {
        sort_items(request->arena, list, items, *count);
    }
    return error;
}
