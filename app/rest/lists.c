/* See lists.h. */
#include "rest/lists.h"

#include "base/arena.h"
#include "base/fold.h"
#include "base/random.h"
#include "rest/counters.h"
#include "rest/list_filter.h"
#include "rest/list_page.h"
#include "rest/rows.h"
#include "rest/search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct cursor_value new_integer(int64_t integer)
{
    return (struct cursor_value){.type = CURSOR_INTEGER, .integer = integer};
}

static struct cursor_value new_text(const char *text)
{
    return (struct cursor_value){.type = CURSOR_TEXT, .text = text};
}

/* --- the order -------------------------------------------------------------------------------- */

static const struct list_key *find_sort_key(const struct list *list, const char *name,
                                            size_t length)
{
    for (const struct list_key *key = list->keys; key->name; key++) {
        if ((key->uses & LIST_SORT) && strlen(key->name) == length &&
            !memcmp(key->name, name, length)) {
            return key;
        }
    }
    return NULL;
}

/* True if clients know the field, and its values have an order. */
static bool is_sortable(const struct field *field)
{
    return !(field->flags & (FIELD_SECRET | FIELD_INTERNAL | FIELD_NOT_FILTERABLE)) &&
           field->type != FIELD_STRINGS && field->type != FIELD_RECORD &&
           field->type != FIELD_RECORDS;
}

static void add_sort_name(struct buffer *names, const char *name)
{
    buffer_format(names, "%s%s", names->length ? ", " : "", name);
}

static struct error *reject_sort(const struct list_page *page)
{
    const struct list *list = page->list;
    struct buffer names = {.arena = page->request->arena};
    for (const struct list_key *key = list->keys; list->keys_only && key->name; key++) {
        add_sort_name(&names, key->name);
    }
    for (const struct field *field = list->fields; !list->keys_only && field->name; field++) {
        if (is_sortable(field)) {
            add_sort_name(&names, field->name);
        }
    }
    return error_field(page->request->arena, "sort", FAULT_NOT_ONE_OF, names.bytes);
}

static bool is_sorted_by(const struct list_page *page, const char *name)
{
    size_t i = 0;
    while (i < page->order_count && strcmp(page->orders[i].name, name) != 0) {
        i++;
    }
    return i < page->order_count;
}

static struct list_order order_by_key(const struct list_page *page, const struct list_key *key)
{
    const struct store *store = app_of(page->request)->store;
    struct arena *arena = page->request->arena;
    bool folded = key->uses & LIST_FOLDED;
    return (struct list_order){
        .name = key->name,
        .column = folded ? store_order_by_text(store, arena,
                                               store_folded_column(store, arena, key->column))
                         : key->column,
        .index = key->index,
        .type = key->type != FIELD_STRING   ? CURSOR_INTEGER
                : key->uses & LIST_SORT_KEY ? CURSOR_SORT_KEY
                                            : CURSOR_TEXT,
        .has_index = !(key->uses & LIST_UNINDEXED),
        .folded = folded,
    };
}

/* Returns the order by a field that has no key. */
static struct list_order order_by_field(const struct list_page *page, const struct field *field)
{
    struct arena *arena = page->request->arena;
    const char *value = list_filter_value(arena, page->list, field);
    bool is_text = field->type == FIELD_STRING;
    return (struct list_order){
        .name = field->name,
        .column = is_text ? store_order_by_text(app_of(page->request)->store, arena, value)
                          : store_order_by_integer(arena, value),
        .index = (size_t)(field - page->list->fields),
        .type = is_text ? CURSOR_TEXT : CURSOR_INTEGER,
        .field = field,
    };
}

/* Finds the order by the field of this name. Returns false if there is none. */
static bool find_order(const struct list_page *page, const char *name, size_t length,
                       struct list_order *order_r)
{
    const struct list_key *key = find_sort_key(page->list, name, length);
    const struct field *field = page->list->fields;
    if (key) {
        *order_r = order_by_key(page, key);
        return true;
    }
    while (field->name &&
           (page->list->keys_only || !is_sortable(field) || strlen(field->name) != length ||
            memcmp(field->name, name, length) != 0)) {
        field++;
    }
    if (field->name) {
        *order_r = order_by_field(page, field);
    }
    return field->name;
}

static struct error *read_sort(struct list_page *page)
{
    const struct value *sort = list_filter_parameter(page->request, "sort");
    page->sort = sort ? sort->string.bytes : "";
    for (const char *at = page->sort; *at;) {
        struct list_order order;
        bool descending = *at == '-';
        at += descending;
        size_t length = strcspn(at, ",");
        if (!find_order(page, at, length, &order) || page->order_count == SORT_KEYS_MAX ||
            is_sorted_by(page, order.name)) {
            return reject_sort(page);
        }
        order.descending = descending;
        page->sorts = page->sorts || !order.has_index;
        page->orders[page->order_count++] = order;
        at += length;
        at += *at == ',';
    }
    return NULL;
}

/* --- the cursor ------------------------------------------------------------------------------- */

static struct error *read_after(struct list_page *page)
{
    struct arena *arena = page->request->arena;
    const struct value *after = list_filter_parameter(page->request, "after");
    if (!after) {
        return NULL;
    }
    for (size_t i = 0; i <= page->order_count; i++) {
        page->after[i].type = list_page_type_at(page, i);
    }
    page->by_cursor = true;
    return cursor_parse(arena, after->string.bytes, page->sort, page->after, page->order_count + 1)
               ? NULL
               : error_field(arena, "after", FAULT_NOT_CURSOR, NULL);
}

static struct cursor_value read_row_value(const struct store_query *query, struct arena *arena,
                                          size_t index, enum cursor_type type)
{
    struct cursor_value value = {.type = type};
    switch (type) {
    case CURSOR_INTEGER:
        value.integer = store_integer(query, index);
        break;
    case CURSOR_TEXT:
        value.text = arena_string(arena, store_text(query, index, NULL));
        break;
    case CURSOR_SORT_KEY:
        value.text = store_bytes(query, index, &value.length);
        value.text = arena_copy(arena, value.text, value.length);
        break;
    }
    return value;
}

/* Returns the value of an order for the current row. */
static struct cursor_value read_order_value(const struct store_query *query, struct arena *arena,
                                            const struct list_order *order)
{
    size_t length;
    if (order->folded) {
        const char *bytes = store_bytes(query, order->index, &length);
        return new_text(
            store_order_text(arena, fold_text(arena, arena_copy(arena, bytes, length))));
    }
    if (!order->field) {
        return read_row_value(query, arena, order->index, order->type);
    }
    bool is_null = store_is_null(query, order->index);
    return order->type == CURSOR_TEXT
               ? new_text(store_order_text(arena,
                                           is_null ? NULL : store_text(query, order->index, NULL)))
               : new_integer(is_null ? INT64_MAX : store_integer(query, order->index));
}

/* Returns the cursor that continues after the current row. */
static const char *new_cursor(const struct list_page *page, const struct store_query *query)
{
    struct arena *arena = page->request->arena;
    struct cursor_value values[CURSOR_VALUES_MAX];
    for (size_t i = 0; i <= page->order_count; i++) {
        values[i] = i < page->order_count
                        ? read_order_value(query, arena, &page->orders[i])
                        : read_row_value(query, arena, page->list->id_index, CURSOR_INTEGER);
    }
    return cursor_format(arena, page->sort, values, page->order_count + 1);
}

/* --- conditions ------------------------------------------------------------------------------- */

static struct cursor_value read_filter_value(struct arena *arena, const struct list_key *key,
                                             const struct value *value)
{
    if (key->type == FIELD_STRING) {
        const char *text = value->string.bytes;
        return new_text(key->uses & LIST_ADDRESS ? fold_address(arena, text) : text);
    }
    return new_integer(key->type == FIELD_BOOLEAN ? value->boolean : value->integer);
}

static struct error *read_search(struct list_page *page)
{
    const struct list *list = page->list;
    const char *parts[SEARCH_WORDS];
    const struct value *search =
        list->search_id ? list_filter_parameter(page->request, "search") : NULL;
    if (!search) {
        return NULL;
    }
    struct error *error = search_parse(page->request->arena, search->string.bytes, parts);
    for (size_t i = 0; i < SEARCH_WORDS && !error; i++) {
        (void)list_page_add_text(page, parts[i]);
    }
    page->searched = true;
    page->counter = NULL;
    return error;
}

/* Returns the name of the counter of the rows that pass this filter alone; NULL if there is none.
 */
static const char *find_filter_counter(const struct list_page *page, const struct list_key *key,
                                       const struct cursor_value *value)
{
    if (!page->counter || !key->counter) {
        return NULL;
    }
    return value->type == CURSOR_TEXT
               ? arena_format(page->request->arena, "%s%s", key->counter, value->text)
               : arena_format(page->request->arena, "%s%" PRId64, key->counter, value->integer);
}

static void add_filters(struct list_page *page)
{
    const struct field *query = page->request->route->query;
    for (const struct list_key *key = page->list->keys; key->name; key++) {
        if (!(key->uses & LIST_FILTER)) {
            continue;
        }
        const struct value *value = fields_get(query, page->request->query, key->name);
        if (value->state == VALUE_SET) {
            struct cursor_value parameter = read_filter_value(page->request->arena, key, value);
            page->counter = page->filters++ ? NULL : find_filter_counter(page, key, &parameter);
            page->narrow = page->narrow || (key->uses & LIST_NARROW);
            buffer_format(&page->where, " AND %s = $%zu", key->column,
                          list_page_add_parameter(page, parameter));
        }
    }
}

static size_t add_integer_parameter(void *page, int64_t integer)
{
    return list_page_add_integer(page, integer);
}

static size_t add_text_parameter(void *page, const char *text)
{
    return list_page_add_text(page, text);
}

static void add_filter_condition(struct list_page *page)
{
    const struct store_filter compiler = {
        .store = app_of(page->request)->store,
        .arena = page->request->arena,
        .add_integer = add_integer_parameter,
        .add_text = add_text_parameter,
        .parameters = page,
    };
    if (page->filter) {
        page->counter = NULL;
        page->filter_text =
            list_filter_compile(page->list, compiler, page->filter, &page->hides_scope);
    }
}

/* --- the page --------------------------------------------------------------------------------- */

static struct store_query *prepare_page_query(struct list_page *page, const char *text)
{
    struct store_query *query =
        store_compose(app_of(page->request)->store, page->request->arena, text);
    store_set_deadline(query, page->deadline_us);
    for (size_t i = 0; i < page->parameter_count; i++) {
        const struct cursor_value *value = &page->parameters[i];
        switch (value->type) {
        case CURSOR_INTEGER:
            store_bind_integer(query, value->integer);
            break;
        case CURSOR_TEXT:
            store_bind_text(query, value->text);
            break;
        case CURSOR_SORT_KEY:
            store_bind_bytes(query, value->text, value->length);
            break;
        }
    }
    return query;
}

static struct error *count_rows(struct list_page *page, int64_t *total_r)
{
    const struct request *request = page->request;
    if (page->counter) {
        return counters_value(app_of(request)->store, request->arena, page->parameters[0].integer,
                              page->counter, total_r);
    }
    return rows_read_number(prepare_page_query(page, list_page_count(page, page->list->count)),
                            total_r);
}

/* Returns the maximum number of rows that are counted, or sorted instead of read in their order. */
static int64_t few_rows(int64_t limit)
{
    int64_t pages = limit * LIST_FOUND_PAGES;
    return pages > LIST_FOUND_COUNTED ? pages : LIST_FOUND_COUNTED;
}

/* Counts the rows of a statement, up to a limit. */
static struct error *count_up_to(struct list_page *page, enum sql_statement statement,
                                 int64_t limit, int64_t *count_r)
{
    const char *text = list_page_count_up_to(page, statement, limit);
    struct error *error = rows_read_number(prepare_page_query(page, text), count_r);
    page->parameter_count--; /* removes the limit again, because only this statement has it */
    return error;
}

/* Decides if the rows that pass ?filter= are sorted: see lists.h. `total` is the number of these
 * rows; if it is REPLY_TOTAL_UNKNOWN, counts them as far as necessary. */
static struct error *choose_plan(struct list_page *page, int64_t limit, int64_t total)
{
    struct error *error = NULL;
    if (!page->filter || page->searched ||
        !list_filter_has_index(page->request->arena, page->list, page->filter)) {
        return NULL;
    }
    if (total == REPLY_TOTAL_UNKNOWN) {
        error = count_up_to(page, page->list->rows, few_rows(limit) + 1, &total);
    }
    page->few = total <= few_rows(limit);
    return error;
}

/* Counts the matches of a search, up to a limit, and chooses the statement that reads them: see
 * lists.h. */
static struct error *count_found(struct list_page *page, int64_t limit, int64_t *total_r)
{
    int64_t enough = few_rows(limit);
    struct error *error = count_up_to(page, page->list->search_found, enough + 1, total_r);
    page->common = *total_r > enough;
    *total_r -= page->common;
    /* Without sort keys, rows are ordered by id. SQLite's index of the search finds them in this
     * order; that of PostgreSQL, the engine that compares rows, is unordered. */
    bool index_is_ordered =
        !page->order_count && !store_compares_rows(app_of(page->request)->store);
    bool use_order = page->common && !index_is_ordered;
    page->rows = use_order ? page->list->search_common : page->list->search_rare;
    page->id = use_order ? page->list->id : page->list->search_id;
    return error;
}

/* Adds an item to the reply. `size` is the number of items that its array has room for. */
static void add_item(const struct list_page *page, struct reply *reply, struct value *item,
                     size_t *size)
{
    enum { ITEMS_FIRST = 16 };
    struct value **items = (struct value **)reply->items;
    if (reply->items_count == *size) {
        *size = *size ? 2 * *size : ITEMS_FIRST;
        struct value **larger = arena_array(page->request->arena, *size, sizeof(*larger));
        if (reply->items_count) {
            memcpy(larger, items, reply->items_count * sizeof(*larger));
        }
        items = larger;
    }
    items[reply->items_count++] = item;
    reply->items = items;
}

static struct error *read_item(const struct list_page *page, struct store_query *query,
                               struct value **item_r)
{
    if (page->source->read) {
        return page->source->read(page->request, query, item_r);
    }
    *item_r = rows_read_selected(query, page->request->arena, page->list->fields,
                                 page->request->selected);
    return NULL;
}

/* Reads a page of up to `limit` rows. The statement selects one more, which tells if there is
 * another page. */
static struct error *read_page_rows(const struct list_page *page, struct store_query *query,
                                    struct reply *reply, int64_t limit)
{
    const char *next = NULL;
    struct error *error;
    size_t size = 0;
    bool row;
    while (!(error = store_next(query, &row)) && row) {
        struct value *item;
        if ((int64_t)reply->items_count == limit) {
            reply->next = next;
            continue;
        }
        if ((error = read_item(page, query, &item))) {
            break;
        }
        add_item(page, reply, item, &size);
        if ((int64_t)reply->items_count == limit) {
            next = new_cursor(page, query);
        }
    }
    return error;
}

/* Reads the parameters of the request and composes the conditions. */
static struct error *read_page_query(struct list_page *page)
{
    struct request *request = page->request;
    struct error *error = list_filter_read_explain(request, &page->explains);
    if (!error) {
        error = read_sort(page);
    }
    if (!error) {
        error = read_after(page);
    }
    error = error_merge(error, read_search(page));
    error = error_merge(error, list_filter_read(request, page->list->fields, &page->filter));
    if (error) {
        return error;
    }
    add_filters(page);
    add_filter_condition(page);
    page->deadline_us = page->filter || page->sorts ? list_filter_deadline(request) : 0;
    return NULL;
}

/* Returns the JSON of a statement with the parameters of the page. */
static const char *format_page_explanation(const struct list_page *page, const char *text)
{
    struct arena *arena = page->request->arena;
    const char **parameters = arena_array(arena, page->parameter_count, sizeof *parameters);
    for (size_t i = 0; i < page->parameter_count; i++) {
        const struct cursor_value *value = &page->parameters[i];
        char *hex = arena_alloc(arena, 2 * value->length + 1);
        random_format_hex((const unsigned char *)value->text, value->length, hex);
        parameters[i] = value->type == CURSOR_INTEGER
                            ? arena_format(arena, "%" PRId64, value->integer)
                        : value->type == CURSOR_TEXT ? value->text
                                                     : hex;
    }
    return list_filter_explain(arena, text, parameters, page->parameter_count);
}

/* Counts the rows, and decides how they are read. */
static struct error *count_page(struct list_page *page, int64_t limit, int64_t *total_r)
{
    struct error *error = NULL;
    if (page->searched) {
        error = count_found(page, limit, total_r);
    } else if (!page->by_cursor && !page->source->uncounted) {
        error = count_rows(page, total_r);
    }
    *total_r = page->by_cursor || page->source->uncounted ? REPLY_TOTAL_UNKNOWN : *total_r;
    return error ? error : choose_plan(page, limit, *total_r);
}

/* Replaces ERR_FILTER_TOO_COSTLY by ERR_SORT_TOO_COSTLY if the list has no filter. */
static struct error *name_costly_part(const struct list_page *page, struct error *error)
{
    return error && error->id == ERR_FILTER_TOO_COSTLY && !page->filter
               ? error_new(page->request->arena, ERR_SORT_TOO_COSTLY, NULL)
               : error;
}

static struct error *reply_page(struct list_page *page, struct reply *reply)
{
    const struct value *given = list_filter_parameter(page->request, "limit");
    const struct value *skipped = list_filter_parameter(page->request, "skip");
    int64_t limit = given ? given->integer : INT32_MAX, skip = skipped ? skipped->integer : 0;
    int64_t total = 0;
    struct error *error = count_page(page, limit, &total);
    if (error) {
        return error;
    }
    const char *text = page->by_cursor ? list_page_select_after_cursor(page, limit + 1)
                                       : list_page_select_from_start(page, skip, limit + 1);
    if (page->request->route->shape == REPLY_ARRAY) {
        reply_array(page->request, reply, NULL, 0, total);
    }
    reply_list(reply, NULL, 0, total, skip, limit);
    reply->total_is_minimum = page->common;
    reply->explain = page->explains ? format_page_explanation(page, text) : NULL;
    error = read_page_rows(page, prepare_page_query(page, text), reply, limit);
    if (!given) {
        reply->limit = reply->items_count ? (int64_t)reply->items_count : 1;
    }
    return error;
}

struct error *list_reply_from(struct request *request, struct reply *reply,
                              const struct list_source *source)
{
    const struct list *list = source->list;
    struct list_page page = {
        .request = request,
        .source = source,
        .list = list,
        .where = {.arena = request->arena},
        .rows = list->rows,
        .id = list->id,
        .counter = list->counter,
    };
    for (size_t i = 0; i < source->parameter_count; i++) {
        (void)list_page_add_parameter(&page, source->parameters[i]);
    }
    buffer_add_string(&page.where, source->conditions ? source->conditions : "");
    struct error *error = read_page_query(&page);
    return error ? error : name_costly_part(&page, reply_page(&page, reply));
}

struct error *list_reply(struct request *request, struct reply *reply, const struct list *list,
                         const int64_t *scope, size_t scope_count)
{
    struct cursor_value *parameters = arena_array(request->arena, scope_count, sizeof *parameters);
    for (size_t i = 0; i < scope_count; i++) {
        parameters[i] = new_integer(scope[i]);
    }
    const struct list_source source = {
        .list = list, .parameters = parameters, .parameter_count = scope_count};
    return list_reply_from(request, reply, &source);
}
