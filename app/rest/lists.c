/* See lists.h. */
#include "rest/lists.h"

#include "base/arena.h"
#include "base/number.h"
#include "base/utf8.h"
#include "rest/counters.h"
#include "rest/rows.h"
#include "rest/search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    SORT_KEYS_MAX = 3,
    PARTS_MAX = SORT_KEYS_MAX + 2, /* of a cursor: the order, its values, the id */
};

/* One key of the order that was asked for. */
struct order {
    const struct list_key *key;
    bool descending;
};

/* A value that is bound. */
struct bound {
    bool is_text;
    const char *text;
    int64_t integer;
};

/* A page that is being put together. */
struct page {
    struct request *request;
    const struct list *list;
    const char *sort; /* as it was sent; "" */
    struct order orders[SORT_KEYS_MAX];
    size_t order_count;
    struct bound after[SORT_KEYS_MAX + 1]; /* the values behind which it begins, and the id */
    bool by_cursor;
    struct buffer where; /* what is added to the statement's own condition */
    struct bound bounds[64];
    size_t bound_count;
    enum sql_statement rows; /* the list's, or one of a search */
    const char *id;
    const char *counter; /* of what passes the filters; NULL: it is counted */
    size_t filters;      /* how many there are */
    bool searched;
    bool common; /* many rows are found */
    bool narrow; /* few rows are left by the filters */
};

/* Adds a parameter and returns its number. */
static size_t bind(struct page *page, struct bound bound)
{
    if (page->bound_count == sizeof page->bounds / sizeof *page->bounds) {
        abort(); /* a slip of the code: no list has so many filters */
    }
    page->bounds[page->bound_count++] = bound;
    return page->bound_count;
}

/* --- the order ------------------------------------------------------------------------------- */

static const struct list_key *find_key(const struct list *list, const char *name, size_t length)
{
    for (const struct list_key *key = list->keys; key->name; key++) {
        if ((key->uses & LIST_SORT) && strlen(key->name) == length &&
            !memcmp(key->name, name, length)) {
            return key;
        }
    }
    return NULL;
}

static struct error *refuse_sort(const struct page *page)
{
    struct buffer names = {.arena = page->request->arena};
    for (const struct list_key *key = page->list->keys; key->name; key++) {
        if (key->uses & LIST_SORT) {
            buffer_format(&names, "%s%s", names.length ? ", " : "", key->name);
        }
    }
    return error_field(page->request->arena, "sort", FAULT_NOT_ONE_OF, names.bytes);
}

static bool is_sorted_by(const struct page *page, const struct list_key *key)
{
    size_t i = 0;
    while (i < page->order_count && page->orders[i].key != key) {
        i++;
    }
    return i < page->order_count;
}

static struct error *read_sort(struct page *page)
{
    const char *sort = request_query_string(page->request, "sort");
    page->sort = sort ? sort : "";
    for (const char *at = page->sort; *at;) {
        bool descending = *at == '-';
        at += descending;
        size_t length = strcspn(at, ",");
        const struct list_key *key = find_key(page->list, at, length);
        if (!key || page->order_count == SORT_KEYS_MAX || is_sorted_by(page, key)) {
            return refuse_sort(page);
        }
        page->orders[page->order_count++] = (struct order){key, descending};
        at += length;
        at += *at == ',';
    }
    return NULL;
}

/* Of rows that are equal in all keys; as the last key, so that one index serves both. */
static bool id_descends(const struct page *page)
{
    return page->order_count && page->orders[page->order_count - 1].descending;
}

/* The keys of the order, and behind them the id. */
static const char *column_at(const struct page *page, size_t place)
{
    return place < page->order_count ? page->orders[place].key->column : page->id;
}

static bool descends_at(const struct page *page, size_t place)
{
    return place < page->order_count ? page->orders[place].descending : id_descends(page);
}

static size_t index_at(const struct page *page, size_t place)
{
    return place < page->order_count ? page->orders[place].key->index : page->list->id_index;
}

/* --- the cursor: the order, each value, the id; separated by what no part holds ---------------- */

static void add_part(struct buffer *text, struct arena *arena, const struct bound *bound)
{
    if (bound->is_text) {
        buffer_format(text, "!t%s", request_encode_segment(arena, bound->text));
    } else {
        buffer_format(text, "!i%" PRId64, bound->integer);
    }
}

static bool read_part(char *part, enum field_type type, struct bound *bound_r)
{
    bool is_text = type == FIELD_STRING;
    char *end = NULL;
    if (*part != (is_text ? 't' : 'i')) {
        return false;
    }
    *bound_r = (struct bound){.is_text = is_text, .text = part + 1};
    if (is_text) {
        return request_decode(part + 1, false);
    }
    bound_r->integer = strtoll(part + 1, &end, DECIMAL);
    return part[1] && !*end;
}

static bool parse_cursor(struct page *page, char *cursor)
{
    char *parts[PARTS_MAX];
    size_t count = 0;
    for (char *part = strsep(&cursor, "!"); part; part = strsep(&cursor, "!")) {
        if (count == PARTS_MAX) {
            return false;
        }
        parts[count++] = part;
    }
    if (count != page->order_count + 2 || !request_decode(parts[0], false) ||
        strcmp(parts[0], page->sort) != 0) {
        return false;
    }
    for (size_t i = 0; i < page->order_count; i++) {
        if (!read_part(parts[i + 1], page->orders[i].key->type, &page->after[i])) {
            return false;
        }
    }
    return read_part(parts[count - 1], FIELD_INTEGER, &page->after[page->order_count]);
}

static struct error *read_after(struct page *page)
{
    struct arena *arena = page->request->arena;
    const char *after = request_query_string(page->request, "after");
    if (!after) {
        return NULL;
    }
    page->by_cursor = true;
    return parse_cursor(page, arena_string(arena, after))
               ? NULL
               : error_field(arena, "after", FAULT_NOT_CURSOR, NULL);
}

static struct bound row_value(const struct store_query *query, struct arena *arena, size_t index,
                              enum field_type type)
{
    if (type != FIELD_STRING) {
        return (struct bound){.integer = store_integer(query, index)};
    }
    return (struct bound){.is_text = true,
                          .text = arena_string(arena, store_text(query, index, NULL))};
}

/* The cursor behind the current row. */
static const char *cursor_of(const struct page *page, const struct store_query *query)
{
    struct arena *arena = page->request->arena;
    struct buffer text = {.arena = arena};
    buffer_add_string(&text, request_encode_segment(arena, page->sort));
    for (size_t i = 0; i < page->order_count; i++) {
        const struct list_key *key = page->orders[i].key;
        struct bound bound = row_value(query, arena, key->index, key->type);
        add_part(&text, arena, &bound);
    }
    struct bound id = row_value(query, arena, page->list->id_index, FIELD_INTEGER);
    add_part(&text, arena, &id);
    return text.bytes;
}

/* --- conditions ------------------------------------------------------------------------------ */

static struct bound filter_value(struct arena *arena, const struct list_key *key,
                                 const struct value *value)
{
    if (key->type == FIELD_STRING) {
        const char *text = value->string.bytes;
        return (struct bound){
            .is_text = true,
            .text = key->uses & LIST_FOLD ? utf8_fold_text(arena, text) : text,
        };
    }
    return (struct bound){.integer = key->type == FIELD_BOOLEAN ? value->boolean : value->integer};
}

static struct error *read_search(struct page *page)
{
    const struct list *list = page->list;
    const char *parts[SEARCH_WORDS];
    const char *text = list->search_id ? request_query_string(page->request, "search") : NULL;
    if (!text) {
        return NULL;
    }
    struct error *error = search_parse(page->request->arena, text, parts);
    for (size_t i = 0; i < SEARCH_WORDS && !error; i++) {
        (void)bind(page, (struct bound){.is_text = true, .text = parts[i]});
    }
    page->searched = true;
    page->counter = NULL;
    return error;
}

/* The counter of what one filter alone leaves; NULL if there is none. */
static const char *counter_of(const struct page *page, const struct list_key *key,
                              const struct bound *bound)
{
    if (!page->counter || !key->counter) {
        return NULL;
    }
    return bound->is_text
               ? arena_format(page->request->arena, "%s%s", key->counter, bound->text)
               : arena_format(page->request->arena, "%s%" PRId64, key->counter, bound->integer);
}

static void add_filters(struct page *page)
{
    const struct field *query = page->request->route->query;
    for (const struct list_key *key = page->list->keys; key->name; key++) {
        if (!(key->uses & LIST_FILTER)) {
            continue;
        }
        const struct value *value = fields_get(query, page->request->query, key->name);
        if (value->state == VALUE_SET) {
            struct bound bound = filter_value(page->request->arena, key, value);
            page->counter = page->filters++ ? NULL : counter_of(page, key, &bound);
            page->narrow = page->narrow || (key->uses & LIST_NARROW);
            buffer_format(&page->where, " AND %s = $%zu", key->column, bind(page, bound));
        }
    }
}

/* --- the page -------------------------------------------------------------------------------- */

static struct store_query *compose(struct page *page, const char *text)
{
    struct store_query *query =
        store_compose(page->request->app->store, page->request->arena, text);
    for (size_t i = 0; i < page->bound_count; i++) {
        const struct bound *bound = &page->bounds[i];
        if (bound->is_text) {
            store_bind_text(query, bound->text);
        } else {
            store_bind_integer(query, bound->integer);
        }
    }
    return query;
}

/* The statement's text, and what was added to its condition. */
static const char *text_of(const struct page *page, enum sql_statement statement)
{
    struct store *store = page->request->app->store;
    return arena_format(page->request->arena, "%s%s", store_text_of(store, statement),
                        page->where.length ? page->where.bytes : "");
}

static struct error *count(struct page *page, int64_t *total_r)
{
    const struct request *request = page->request;
    if (page->counter) {
        return counters_value(request->app->store, request->arena, page->bounds[0].integer,
                              page->counter, total_r);
    }
    return rows_number(compose(page, text_of(page, page->list->count)), total_r);
}

/* Whether the index of the search finds rows in the order that is asked for. SQLite's goes by id; that of
 * PostgreSQL, the engine that compares rows, goes by nothing. */
static bool found_in_order(const struct page *page)
{
    return !page->order_count && !store_compares_rows(page->request->app->store);
}

/* Counts what is found, as far as that matters, and decides how its rows are read. */
static struct error *count_found(struct page *page, int64_t limit, int64_t *total_r)
{
    int64_t pages = limit * LIST_FOUND_PAGES;
    int64_t enough = pages > LIST_FOUND_COUNTED ? pages : LIST_FOUND_COUNTED;
    const char *found = text_of(page, page->list->search_found);
    const char *text =
        arena_format(page->request->arena, "SELECT count(*) FROM (%s LIMIT $%zu) AS found", found,
                     bind(page, (struct bound){.integer = enough + 1}));
    struct error *error = rows_number(compose(page, text), total_r);
    page->bound_count--; /* the limit is of this statement alone */
    page->common = *total_r > enough;
    *total_r -= page->common;
    bool walks = page->common && !found_in_order(page);
    page->rows = walks ? page->list->search_common : page->list->search_rare;
    page->id = walks ? page->list->id : page->list->search_id;
    return error;
}

/* The end of a statement: in the order of the columns, with a limit. SQLite, which has no statistics, would
 * rather walk along all rows in their order than sort the few that it could find; + takes the index of
 * the order from it. */
static void add_order(struct page *page, struct buffer *text, int64_t limit)
{
    bool sorts =
        page->narrow && page->order_count && !store_compares_rows(page->request->app->store);
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(text, "%s%s%s%s", i ? ", " : " ORDER BY ", sorts ? "+" : "",
                      column_at(page, i), descends_at(page, i) ? " DESC" : "");
    }
    buffer_format(text, " LIMIT $%zu", bind(page, (struct bound){.integer = limit}));
}

/* The rows from the beginning, less those that are passed over. */
static const char *rows_from_first(struct page *page, int64_t skip, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    buffer_add_string(&text, text_of(page, page->rows));
    add_order(page, &text, limit);
    buffer_format(&text, " OFFSET $%zu", bind(page, (struct bound){.integer = skip}));
    return text.bytes;
}

static bool all_the_same_way(const struct page *page)
{
    for (size_t i = 1; i < page->order_count; i++) {
        if (descends_at(page, i) != descends_at(page, 0)) {
            return false;
        }
    }
    return true;
}

/* Rows behind the cursor, whose values are bound from $first on: one comparison of rows. */
static const char *rows_behind_at_once(struct page *page, size_t first, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    buffer_add_string(&text, text_of(page, page->rows));
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(&text, "%s%s", i ? ", " : " AND (", column_at(page, i));
    }
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(&text, "%s$%zu",
                      i                      ? ", "
                      : descends_at(page, 0) ? ") < ("
                                             : ") > (",
                      first + i);
    }
    buffer_add_char(&text, ')');
    add_order(page, &text, limit);
    return text.bytes;
}

/* The same in parts: those that are equal to the cursor in all keys and have an id behind its own, those
 * that are equal in all keys but the last, and so on. Each is a range of an index that begins where the
 * cursor is, and they are merged as they are read. */
static const char *rows_behind_by_parts(struct page *page, size_t first, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    const char *rows = text_of(page, page->rows);
    for (size_t last = page->order_count + 1; last-- > 0;) {
        buffer_format(&text, "%s%s", text.length ? " UNION ALL " : "", rows);
        for (size_t i = 0; i < last; i++) {
            buffer_format(&text, " AND %s = $%zu", column_at(page, i), first + i);
        }
        buffer_format(&text, " AND %s %c $%zu", column_at(page, last),
                      descends_at(page, last) ? '<' : '>', first + last);
    }
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(&text, "%s%zu%s", i ? ", " : " ORDER BY ", index_at(page, i) + 1,
                      descends_at(page, i) ? " DESC" : "");
    }
    buffer_format(&text, " LIMIT $%zu", bind(page, (struct bound){.integer = limit}));
    return text.bytes;
}

static const char *rows_behind(struct page *page, int64_t limit)
{
    size_t first = page->bound_count + 1;
    bool at_once = !page->order_count ||
                   (store_compares_rows(page->request->app->store) && all_the_same_way(page));
    for (size_t i = 0; i <= page->order_count; i++) {
        (void)bind(page, page->after[i]);
    }
    return at_once ? rows_behind_at_once(page, first, limit)
                   : rows_behind_by_parts(page, first, limit);
}

/* The rows, and whether there are more: one more than was asked for is read for that. */
static struct error *read_rows(struct page *page, struct store_query *query, struct reply *reply,
                               int64_t limit)
{
    struct arena *arena = page->request->arena;
    struct value **items = arena_array(arena, (size_t)limit, sizeof(*items));
    const char *next = NULL;
    struct error *error;
    bool row;
    reply->items = items;
    while (!(error = store_next(query, &row)) && row) {
        if ((int64_t)reply->items_count == limit) {
            reply->next = next;
            continue;
        }
        items[reply->items_count++] = rows_read(query, arena, page->list->fields);
        if ((int64_t)reply->items_count == limit) {
            next = cursor_of(page, query);
        }
    }
    return error;
}

struct error *list_reply(struct request *request, struct reply *reply, const struct list *list,
                         const int64_t *scope, size_t scope_count)
{
    struct page page = {
        .request = request,
        .list = list,
        .where = {.arena = request->arena},
        .rows = list->rows,
        .id = list->id,
        .counter = list->counter,
    };
    int64_t skip = request_query_integer(request, "skip");
    int64_t limit = request_query_integer(request, "limit");
    int64_t total = 0;
    for (size_t i = 0; i < scope_count; i++) {
        (void)bind(&page, (struct bound){.integer = scope[i]});
    }
    struct error *error = read_sort(&page);
    if (!error) {
        error = read_after(&page);
    }
    error = error_join(error, read_search(&page));
    if (error) {
        return error;
    }
    add_filters(&page);
    if (page.searched) {
        error = count_found(&page, limit, &total);
    } else if (!page.by_cursor) {
        error = count(&page, &total);
    }
    if (error) {
        return error;
    }
    const char *text =
        page.by_cursor ? rows_behind(&page, limit + 1) : rows_from_first(&page, skip, limit + 1);
    reply_list(reply, NULL, 0, page.by_cursor ? REPLY_TOTAL_UNKNOWN : total, skip, limit);
    reply->total_is_minimum = page.common;
    return read_rows(&page, compose(&page, text), reply, limit);
}
