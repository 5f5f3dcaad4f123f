/* See lists.h. */
#include "rest/lists.h"

#include "auth/digest.h"
#include "base/arena.h"
#include "base/fold.h"
#include "base/number.h"
#include "base/random.h"
#include "http/parameters.h"
#include "rest/counters.h"
#include "rest/rows.h"
#include "rest/search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    SORT_KEYS_MAX = 3,
    /* maximum number of parts of a cursor: the order, the values, the id */
    PARTS_MAX = SORT_KEYS_MAX + 2,
    VERSION_BYTES = 4, /* of the digest of fold_version() in a cursor */
};

/* One key of the requested order. */
struct order {
    const struct list_key *key;
    bool descending;
};

/* Types of values, and the characters that denote them in a cursor. */
enum parameter_type {
    PARAMETER_INTEGER = 'i',
    PARAMETER_TEXT = 't',
    PARAMETER_SORT_KEY = 'k',
};

/* The value of a parameter. */
struct parameter_value {
    enum parameter_type type;
    int64_t integer;
    const char *text; /* the text, NUL-terminated, or the bytes of the sort key */
    size_t length;    /* of the sort key */
};

static struct parameter_value new_integer(int64_t integer)
{
    return (struct parameter_value){.type = PARAMETER_INTEGER, .integer = integer};
}

static struct parameter_value new_text(const char *text)
{
    return (struct parameter_value){.type = PARAMETER_TEXT, .text = text};
}

/* The state of one request for a page. */
struct page {
    struct request *request;
    const struct list *list;
    const char *sort; /* the value of ?sort= as sent; "": none */
    struct order orders[SORT_KEYS_MAX];
    size_t order_count;
    struct parameter_value after[SORT_KEYS_MAX + 1]; /* values of the cursor, and the id */
    bool by_cursor;
    struct buffer where; /* conditions to add to the statement */
    struct parameter_value parameters[64];
    size_t parameter_count;
    enum sql_statement rows; /* statement of the list, or of a search */
    const char *id;
    const char *counter; /* name of the counter of the filtered rows; NULL: the rows are counted */
    size_t filters;      /* number of filters */
    bool searched;
    bool common; /* the search matches many rows */
    bool narrow; /* few rows pass the filters */
};

/* Adds a parameter and returns its number. */
static size_t add_parameter(struct page *page, struct parameter_value value)
{
    if (page->parameter_count == sizeof page->parameters / sizeof *page->parameters) {
        abort(); /* a bug: no list has so many parameters */
    }
    page->parameters[page->parameter_count++] = value;
    return page->parameter_count;
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

static struct error *reject_sort(const struct page *page)
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
        const struct list_key *key = find_sort_key(page->list, at, length);
        if (!key || page->order_count == SORT_KEYS_MAX || is_sorted_by(page, key)) {
            return reject_sort(page);
        }
        page->orders[page->order_count++] = (struct order){key, descending};
        at += length;
        at += *at == ',';
    }
    return NULL;
}

static enum parameter_type type_of_key(const struct list_key *key)
{
    return key->type != FIELD_STRING   ? PARAMETER_INTEGER
           : key->uses & LIST_SORT_KEY ? PARAMETER_SORT_KEY
                                       : PARAMETER_TEXT;
}

/* The columns of the order are those of its keys, then the id. */
static const char *column_at(const struct page *page, size_t place)
{
    return place < page->order_count ? page->orders[place].key->column : page->id;
}

/* The id has the direction of the last key, so that one index has the order of both. */
static bool descends_at(const struct page *page, size_t place)
{
    size_t last = page->order_count - 1;
    return page->order_count && page->orders[place < last ? place : last].descending;
}

/* --- the cursor ------------------------------------------------------------------------------- */

static const char *format_hex(struct arena *arena, const void *bytes, size_t count)
{
    char *hex = arena_alloc(arena, 2 * count + 1);
    random_format_hex(bytes, count, hex);
    return hex;
}

/* Replaces hexadecimal digits by the bytes that they encode; false if there are other characters.
 */
static bool parse_hex(char *text, size_t *length_r)
{
    *length_r = 0;
    for (const char *at = text; *at; at += 2) {
        int byte = parameters_parse_hex(at);
        if (byte < 0) {
            return false;
        }
        text[(*length_r)++] = (char)byte;
    }
    return true;
}

/* Returns VERSION_BYTES bytes that identify the version of all sort keys. */
static const unsigned char *digest_fold_version(struct arena *arena)
{
    const char *version = fold_version();
    return digest_sha256(arena, version, strlen(version));
}

/* A cursor is the order, the values of its keys, and the id, separated by "!", which occurs in none
 * of them. A value begins with its type. */
static void add_cursor_part(struct buffer *text, struct arena *arena,
                            const struct parameter_value *value)
{
    buffer_format(text, "!%c", (char)value->type);
    switch (value->type) {
    case PARAMETER_INTEGER:
        buffer_format(text, "%" PRId64, value->integer);
        break;
    case PARAMETER_TEXT:
        buffer_add_string(text, request_encode_segment(arena, value->text));
        break;
    case PARAMETER_SORT_KEY:
        buffer_add_string(text, format_hex(arena, digest_fold_version(arena), VERSION_BYTES));
        buffer_add_string(text, format_hex(arena, value->text, value->length));
        break;
    }
}

/* Reads a sort key of a cursor. False if ICU had another version when the cursor was made: the key
 * would be another place in the order. */
static bool read_cursor_key(struct arena *arena, char *hex, struct parameter_value *value)
{
    size_t length;
    if (!parse_hex(hex, &length) || length < VERSION_BYTES ||
        memcmp(hex, digest_fold_version(arena), VERSION_BYTES) != 0) {
        return false;
    }
    value->text = hex + VERSION_BYTES;
    value->length = length - VERSION_BYTES;
    return true;
}

static bool read_cursor_part(struct arena *arena, char *part, enum parameter_type type,
                             struct parameter_value *value_r)
{
    char *end = NULL;
    if (*part++ != (char)type) {
        return false;
    }
    *value_r = (struct parameter_value){.type = type, .text = part};
    switch (type) {
    case PARAMETER_INTEGER:
        value_r->integer = strtoll(part, &end, DECIMAL);
        return *part && !*end;
    case PARAMETER_TEXT:
        return request_decode(part, false);
    case PARAMETER_SORT_KEY:
        return read_cursor_key(arena, part, value_r);
    }
    return false;
}

static bool parse_cursor(struct page *page, char *cursor)
{
    struct arena *arena = page->request->arena;
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
        enum parameter_type type = type_of_key(page->orders[i].key);
        if (!read_cursor_part(arena, parts[i + 1], type, &page->after[i])) {
            return false;
        }
    }
    return read_cursor_part(arena, parts[count - 1], PARAMETER_INTEGER,
                            &page->after[page->order_count]);
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

static struct parameter_value read_row_value(const struct store_query *query, struct arena *arena,
                                             size_t index, enum parameter_type type)
{
    struct parameter_value value = {.type = type};
    switch (type) {
    case PARAMETER_INTEGER:
        value.integer = store_integer(query, index);
        break;
    case PARAMETER_TEXT:
        value.text = arena_string(arena, store_text(query, index, NULL));
        break;
    case PARAMETER_SORT_KEY:
        value.text = store_bytes(query, index, &value.length);
        value.text = arena_copy(arena, value.text, value.length);
        break;
    }
    return value;
}

/* Returns the cursor that continues after the current row. */
static const char *new_cursor(const struct page *page, const struct store_query *query)
{
    struct arena *arena = page->request->arena;
    struct buffer text = {.arena = arena};
    buffer_add_string(&text, request_encode_segment(arena, page->sort));
    for (size_t i = 0; i < page->order_count; i++) {
        const struct list_key *key = page->orders[i].key;
        struct parameter_value value = read_row_value(query, arena, key->index, type_of_key(key));
        add_cursor_part(&text, arena, &value);
    }
    struct parameter_value id =
        read_row_value(query, arena, page->list->id_index, PARAMETER_INTEGER);
    add_cursor_part(&text, arena, &id);
    return text.bytes;
}

/* --- conditions ------------------------------------------------------------------------------- */

static struct parameter_value read_filter_value(struct arena *arena, const struct list_key *key,
                                                const struct value *value)
{
    if (key->type == FIELD_STRING) {
        const char *text = value->string.bytes;
        return new_text(key->uses & LIST_ADDRESS ? fold_address(arena, text) : text);
    }
    return new_integer(key->type == FIELD_BOOLEAN ? value->boolean : value->integer);
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
        (void)add_parameter(page, new_text(parts[i]));
    }
    page->searched = true;
    page->counter = NULL;
    return error;
}

/* Returns the name of the counter of the rows that pass this filter alone; NULL if there is none.
 */
static const char *find_filter_counter(const struct page *page, const struct list_key *key,
                                       const struct parameter_value *value)
{
    if (!page->counter || !key->counter) {
        return NULL;
    }
    return value->type == PARAMETER_TEXT
               ? arena_format(page->request->arena, "%s%s", key->counter, value->text)
               : arena_format(page->request->arena, "%s%" PRId64, key->counter, value->integer);
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
            struct parameter_value parameter = read_filter_value(page->request->arena, key, value);
            page->counter = page->filters++ ? NULL : find_filter_counter(page, key, &parameter);
            page->narrow = page->narrow || (key->uses & LIST_NARROW);
            buffer_format(&page->where, " AND %s = $%zu", key->column,
                          add_parameter(page, parameter));
        }
    }
}

/* --- the page --------------------------------------------------------------------------------- */

static struct store_query *prepare_page_query(struct page *page, const char *text)
{
    struct store_query *query =
        store_compose(app_of(page->request)->store, page->request->arena, text);
    for (size_t i = 0; i < page->parameter_count; i++) {
        const struct parameter_value *value = &page->parameters[i];
        switch (value->type) {
        case PARAMETER_INTEGER:
            store_bind_integer(query, value->integer);
            break;
        case PARAMETER_TEXT:
            store_bind_text(query, value->text);
            break;
        case PARAMETER_SORT_KEY:
            store_bind_bytes(query, value->text, value->length);
            break;
        }
    }
    return query;
}

/* Returns the text of a statement with the added conditions. */
static const char *statement_text(const struct page *page, enum sql_statement statement)
{
    struct store *store = app_of(page->request)->store;
    return arena_format(page->request->arena, "%s%s", store_text_of(store, statement),
                        page->where.length ? page->where.bytes : "");
}

static struct error *count_rows(struct page *page, int64_t *total_r)
{
    const struct request *request = page->request;
    if (page->counter) {
        return counters_value(app_of(request)->store, request->arena, page->parameters[0].integer,
                              page->counter, total_r);
    }
    return rows_read_number(prepare_page_query(page, statement_text(page, page->list->count)),
                            total_r);
}

/* Counts the matches of a search, up to a limit, and chooses the statement that reads them: see
 * lists.h. */
static struct error *count_found(struct page *page, int64_t limit, int64_t *total_r)
{
    int64_t pages = limit * LIST_FOUND_PAGES;
    int64_t enough = pages > LIST_FOUND_COUNTED ? pages : LIST_FOUND_COUNTED;
    const char *found = statement_text(page, page->list->search_found);
    const char *text =
        arena_format(page->request->arena, "SELECT count(*) FROM (%s LIMIT $%zu) AS found", found,
                     add_parameter(page, new_integer(enough + 1)));
    struct error *error = rows_read_number(prepare_page_query(page, text), total_r);
    page->parameter_count--; /* removes the limit again, because only this statement has it */
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

/* Adds ORDER BY and LIMIT. SQLite has no statistics here, and would read all rows in their order
 * instead of finding the few rows that pass a narrow filter and sorting them. The operator +
 * prevents it from using the index of the order. */
static void add_page_order(struct page *page, struct buffer *text, int64_t limit)
{
    bool sorts =
        page->narrow && page->order_count && !store_compares_rows(app_of(page->request)->store);
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(text, "%s%s%s%s", i ? ", " : " ORDER BY ", sorts ? "+" : "",
                      column_at(page, i), descends_at(page, i) ? " DESC" : "");
    }
    buffer_format(text, " LIMIT $%zu", add_parameter(page, new_integer(limit)));
}

/* Returns the statement that reads rows from the beginning, after skipping `skip` rows. */
static const char *select_from_start(struct page *page, int64_t skip, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    buffer_add_string(&text, statement_text(page, page->rows));
    add_page_order(page, &text, limit);
    buffer_format(&text, " OFFSET $%zu", add_parameter(page, new_integer(skip)));
    return text.bytes;
}

/* True if all keys are ascending, or all are descending. */
static bool has_one_direction(const struct page *page)
{
    for (size_t i = 1; i < page->order_count; i++) {
        if (descends_at(page, i) != descends_at(page, 0)) {
            return false;
        }
    }
    return true;
}

/* Returns the statement that reads rows after the cursor by one comparison of rows: (a, id) > ($1,
 * $2). The values of the cursor are the parameters from $first on. */
static const char *select_after_by_comparison(struct page *page, size_t first, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    buffer_add_string(&text, statement_text(page, page->rows));
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
    add_page_order(page, &text, limit);
    return text.bytes;
}

/* Returns the statement that reads rows after the cursor as a union of ranges: the rows that equal
 * the cursor in all keys and have a greater id, those that equal it in all keys but the last, and
 * so on. Each range starts at the cursor in an index, and the engine merges the ranges while it
 * reads them. */
static const char *select_after_by_union(struct page *page, size_t first, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    const char *rows = statement_text(page, page->rows);
    for (size_t last = page->order_count + 1; last-- > 0;) {
        buffer_format(&text, "%s%s", text.length ? " UNION ALL " : "", rows);
        for (size_t i = 0; i < last; i++) {
            buffer_format(&text, " AND %s = $%zu", column_at(page, i), first + i);
        }
        buffer_format(&text, " AND %s %c $%zu", column_at(page, last),
                      descends_at(page, last) ? '<' : '>', first + last);
    }
    for (size_t i = 0; i <= page->order_count; i++) {
        size_t index = i < page->order_count ? page->orders[i].key->index : page->list->id_index;
        buffer_format(&text, "%s%zu%s", i ? ", " : " ORDER BY ", index + 1,
                      descends_at(page, i) ? " DESC" : "");
    }
    buffer_format(&text, " LIMIT $%zu", add_parameter(page, new_integer(limit)));
    return text.bytes;
}

static const char *select_after_cursor(struct page *page, int64_t limit)
{
    size_t first = page->parameter_count + 1;
    bool at_once = !page->order_count ||
                   (store_compares_rows(app_of(page->request)->store) && has_one_direction(page));
    for (size_t i = 0; i <= page->order_count; i++) {
        (void)add_parameter(page, page->after[i]);
    }
    return at_once ? select_after_by_comparison(page, first, limit)
                   : select_after_by_union(page, first, limit);
}

/* Reads a page of up to `limit` rows. The statement selects one more, which tells if there is
 * another page. */
static struct error *read_page_rows(struct page *page, struct store_query *query,
                                    struct reply *reply, int64_t limit)
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
            next = new_cursor(page, query);
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
        (void)add_parameter(&page, new_integer(scope[i]));
    }
    struct error *error = read_sort(&page);
    if (!error) {
        error = read_after(&page);
    }
    error = error_merge(error, read_search(&page));
    if (error) {
        return error;
    }
    add_filters(&page);
    if (page.searched) {
        error = count_found(&page, limit, &total);
    } else if (!page.by_cursor) {
        error = count_rows(&page, &total);
    }
    if (error) {
        return error;
    }
    const char *text = page.by_cursor ? select_after_cursor(&page, limit + 1)
                                      : select_from_start(&page, skip, limit + 1);
    reply_list(reply, NULL, 0, page.by_cursor ? REPLY_TOTAL_UNKNOWN : total, skip, limit);
    reply->total_is_minimum = page.common;
    return read_page_rows(&page, prepare_page_query(&page, text), reply, limit);
}
