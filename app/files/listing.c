/* See listing.h. */
#include "files/listing.h"

#include "base/arena.h"
#include "base/fold.h"
#include "files/fields.h"
#include "files/scope.h"
#include "rest/app.h"
#include "rest/list_filter.h"
#include "rest/lists.h"
#include "rest/paging.h"
#include "rest/search.h"

#include <inttypes.h>
#include <string.h>

enum { LIMIT_FILES = 100 };

/* --- field maps ------------------------------------------------------------------------------- */

static const struct field item_fields[] = {
    FILE_NAME("name"), FILE_SIZE_OF("size"), FILE_MODIFIED, FILE_ETAG,      FILE_URL,
    FILE_ORIGINAL,     FILE_TYPE_OF,         FILE_TAGS,     {.name = NULL},
};

static const struct field explain_fields[] = {
    FILE_STRING("sql", "Запрос SQL", "The SQL statement", "\"SELECT 1\""),
    {.name = "parameters",
     .type = FIELD_STRINGS,
     .about = {"Параметры запроса SQL", "The parameters of the SQL statement"},
     .example = "[]"},
    {.name = NULL},
};

static const struct field list_fields[] = {
    {.name = "files",
     .type = FIELD_RECORDS,
     .flags = FIELD_ITEMS,
     .fields = item_fields,
     .about = {"Файлы", "The files"},
     .example = "[" FILE_INFO_EXAMPLE "]"},
    {.name = "count",
     .type = FIELD_INTEGER,
     .about = {"Число файлов в этом ответе", "The number of files in this response"},
     .example = "1"},
    FILE_STRING("prefix", "Префикс из запроса", "The prefix from the request", "\"\""),
    {.name = "next",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Значение after для следующей страницы; null, если страница последняя",
               "The value of `after` for the next page; null on the last page"},
     .example = "null"},
    {.name = "explain",
     .type = FIELD_RECORD,
     .flags = FIELD_OPTIONAL,
     .fields = explain_fields,
     .about = {"Скомпилированный запрос; только при explain=true",
               "The compiled statement; only with explain=true"},
     .example = "null"},
    {.name = NULL},
};

const struct field file_listing_query[] = {
    {.name = "prefix",
     .type = FIELD_STRING,
     .max = FILE_NAME_LENGTH_MAX,
     .about = {"Начало имени файла", "The beginning of the file name"},
     .example = "\"202609\""},
    QUERY_LIMIT(LIMIT_FILES),
    QUERY_FIELDS,
    QUERY_FILTER,
    QUERY_EXPLAIN,
    QUERY_SORT("по умолчанию ", "by default ", "`name`", "-name"),
    {.name = "search",
     .type = FIELD_STRING,
     .min = 1,
     .max = SEARCH_LENGTH,
     .about = {"Слова или части слов из исходного имени файла; учитываются только первые три слова",
               "Words, or parts of words, of the original file name; only the first three words "
               "are used"},
     .example = "\"договор\""},
    {.name = "tag",
     .type = FIELD_STRING,
     .flags = FIELD_NAME,
     .min = 1,
     .max = FILE_TAG_MAX,
     .about = {"Тег файла", "A tag of the file"},
     .example = "\"договор\""},
    QUERY_AFTER,
    {.name = NULL},
};

const struct schema file_listing_schema = {"FileList", list_fields};

/* --- columns ---------------------------------------------------------------------------------- */

static const struct list_column file_columns[] = {
    {.field = "etag", .value = "f.md5", .folded = "f.etag"},
    {.field = "last_modified", .value = "f.created_at", .time = "f.created_at / 1000"},
    {.field = NULL},
};

static const struct list_key file_keys[] = {
    {"name", "f.name", SQL_FILES_GET_NAME, FIELD_STRING, LIST_SORT},
    {"original_name", "f.original_name", SQL_FILES_GET_ORIGINAL_NAME, FIELD_STRING,
     LIST_SORT | LIST_UNINDEXED | LIST_FOLDED},
    {"size", "f.size", SQL_FILES_GET_SIZE, FIELD_INTEGER, LIST_SORT | LIST_UNINDEXED},
    {"last_modified", "f.created_at", SQL_FILES_GET_CREATED_AT, FIELD_INTEGER,
     LIST_SORT | LIST_UNINDEXED},
    {"content_type", "f.content_type", SQL_FILES_GET_CONTENT_TYPE, FIELD_STRING,
     LIST_SORT | LIST_UNINDEXED},
    {"etag", "f.md5", SQL_FILES_GET_MD5, FIELD_STRING, LIST_SORT | LIST_SORT_KEY | LIST_UNINDEXED},
    {.name = NULL},
};

/* --- lists ------------------------------------------------------------------------------------ */

/* The statement of a page: the statement `list.rows`, then `conditions`, then the parameters. The
 * conditions contain no text that a client sent. */
struct listing {
    struct request *request;
    struct list list;
    struct buffer conditions;
    struct cursor_value *parameters;
    size_t count, size;
    bool by_id; /* sorted in the order of upload: the files are found by words or a tag */
    const struct filter *filter;
    bool explains;
};

/* Adds a parameter and returns its number. */
static size_t bind_file_value(struct listing *listing, struct cursor_value value)
{
    enum { FIRST = 16 };
    if (listing->count == listing->size) {
        size_t size = listing->size ? 2 * listing->size : FIRST;
        struct cursor_value *larger = arena_array(listing->request->arena, size, sizeof *larger);
        if (listing->count) {
            memcpy(larger, listing->parameters, listing->count * sizeof *larger);
        }
        listing->parameters = larger;
        listing->size = size;
    }
    listing->parameters[listing->count++] = value;
    return listing->count;
}

static size_t bind_file_text(void *listing, const char *text)
{
    return bind_file_value(listing, (struct cursor_value){.type = CURSOR_TEXT, .text = text});
}

static size_t bind_file_integer(void *listing, int64_t integer)
{
    return bind_file_value(listing,
                           (struct cursor_value){.type = CURSOR_INTEGER, .integer = integer});
}

/* Begins the statement that finds files by words, by a tag, by both, or all files. */
static struct error *begin_listing(struct listing *listing)
{
    struct request *request = listing->request;
    const char *search = request_query_string(request, "search");
    const char *given = request_query_string(request, "tag");
    const char *tag = fold_text(request->arena, given);
    const char *parts[SEARCH_WORDS];
    listing->by_id = search || tag;
    if (!search) {
        listing->list.rows = tag ? SQL_FILES_TAGGED : SQL_FILES_LIST;
        if (tag) {
            (void)bind_file_text(listing, tag);
        }
        return NULL;
    }
    struct error *error = search_parse(request->arena, search, parts);
    for (size_t i = 0; i < SEARCH_WORDS && !error; i++) {
        (void)bind_file_text(listing, parts[i]);
    }
    listing->list.rows = SQL_FILES_SEARCH;
    if (tag) {
        buffer_format(&listing->conditions,
                      " AND EXISTS (SELECT 1 FROM file_tags t WHERE t.file_id = f.id"
                      " AND t.tag = $%zu)",
                      bind_file_text(listing, tag));
    }
    return error;
}

/* Restricts the files to the caller's scope. In a search by a tag alone, the index of tags has the
 * scope. */
static void add_scope_condition(struct listing *listing)
{
    const struct request *request = listing->request;
    if (file_scope_is_all(request)) {
        return;
    }
    bool by_tag = request_query_string(request, "tag") && !request_query_string(request, "search");
    buffer_format(&listing->conditions, " AND %s.scope = $%zu", by_tag ? "t" : "f",
                  bind_file_text(listing, file_scope_of(request)));
}

/* Adds the conditions of the scope and of ?prefix=. */
static void add_file_conditions(struct listing *listing, const char *prefix)
{
    add_scope_condition(listing);
    if (prefix && *prefix) {
        /* Names contain only ASCII characters less than DEL. */
        const char *end = arena_format(listing->request->arena, "%s\x7f", prefix);
        buffer_format(&listing->conditions, " AND f.name >= $%zu", bind_file_text(listing, prefix));
        buffer_format(&listing->conditions, " AND f.name < $%zu", bind_file_text(listing, end));
    }
}

/* Adds the condition of ?filter=. */
static void add_listing_filter(struct listing *listing)
{
    const struct store_filter compiler = {
        .store = app_of(listing->request)->store,
        .arena = listing->request->arena,
        .add_integer = bind_file_integer,
        .add_text = bind_file_text,
        .parameters = listing,
    };
    if (listing->filter) {
        bool hides_scope; /* false: the list has none */
        buffer_format(&listing->conditions, " AND %s",
                      list_filter_compile(&listing->list, compiler, listing->filter, &hides_scope));
    }
}

static struct error *read_file_item(struct request *request, struct store_query *query,
                                    struct value **item_r)
{
    struct catalog_file file;
    catalog_read(query, request->arena, &file);
    *item_r = file_fields_describe(request->arena, item_fields, &file);
    return file_fields_set_url(request, item_fields, *item_r, &file);
}

/* Reads a page in the order of ?sort=. Its filter is added, and its cursors have the format, as in
 * other lists: see rest/lists.c. */
static struct error *read_sorted_page(const struct listing *listing, struct reply *page)
{
    const struct list_source source = {
        .list = &listing->list,
        .parameters = listing->parameters,
        .parameter_count = listing->count,
        .conditions = listing->conditions.bytes,
        .uncounted = true,
        .read = read_file_item,
    };
    return list_reply_from(listing->request, page, &source);
}

/* Adds the order, by names or ids, and the condition of the cursor: the last file's name or id. */
static struct error *add_listing_order(struct listing *listing, int64_t limit)
{
    struct request *request = listing->request;
    const char *after = request_query_string(request, "after"), *column = listing->list.id;
    if (after && listing->by_id) {
        int64_t id = request_parse_id(after);
        if (!id) {
            return error_field(request->arena, "after", FAULT_NOT_CURSOR, NULL);
        }
        buffer_format(&listing->conditions, " AND %s > $%zu", column,
                      bind_file_integer(listing, id));
    } else if (after) {
        column = "f.name";
        buffer_format(&listing->conditions, " AND f.name > $%zu", bind_file_text(listing, after));
    }
    buffer_format(&listing->conditions, " ORDER BY %s LIMIT $%zu",
                  listing->by_id ? column : "f.name", bind_file_integer(listing, limit));
    return NULL;
}

static const char *explain_listing(const struct listing *listing, const char *text)
{
    struct arena *arena = listing->request->arena;
    const char **parameters = arena_array(arena, listing->count, sizeof *parameters);
    for (size_t i = 0; i < listing->count; i++) {
        const struct cursor_value *value = &listing->parameters[i];
        parameters[i] = value->type == CURSOR_TEXT
                            ? value->text
                            : arena_format(arena, "%" PRId64, value->integer);
    }
    return list_filter_explain(arena, text, parameters, listing->count);
}

static struct store_query *prepare_listing(const struct listing *listing, const char *text)
{
    const struct request *request = listing->request;
    struct store_query *query = store_compose(app_of(request)->store, request->arena, text);
    store_set_deadline(query, listing->filter ? list_filter_deadline(request) : 0);
    for (size_t i = 0; i < listing->count; i++) {
        if (listing->parameters[i].type == CURSOR_TEXT) {
            store_bind_text(query, listing->parameters[i].text);
        } else {
            store_bind_integer(query, listing->parameters[i].integer);
        }
    }
    return query;
}

/* Reads a page of up to `limit` files in the order of their names or ids. The statement selects one
 * more, which tells if there is another page. */
static struct error *read_listing_page(struct listing *listing, int64_t limit, struct reply *page)
{
    struct request *request = listing->request;
    struct arena *arena = request->arena;
    struct value **items = arena_array(arena, (size_t)limit, sizeof(*items));
    struct catalog_file file = {0};
    bool row;
    add_listing_filter(listing);
    struct error *error = add_listing_order(listing, limit + 1);
    if (error) {
        return error;
    }
    const char *text =
        arena_format(arena, "%s%s", store_text_of(app_of(request)->store, listing->list.rows),
                     listing->conditions.bytes);
    struct store_query *query = prepare_listing(listing, text);
    page->items = items;
    page->explain = listing->explains ? explain_listing(listing, text) : NULL;
    while (!(error = store_next(query, &row)) && row) {
        if ((int64_t)page->items_count == limit) {
            page->next = listing->by_id ? arena_format(arena, "%" PRId64, file.id) : file.name;
            continue;
        }
        catalog_read(query, arena, &file);
        items[page->items_count] = file_fields_describe(arena, item_fields, &file);
        error = file_fields_set_url(request, item_fields, items[page->items_count++], &file);
        if (error) {
            return error;
        }
    }
    return error;
}

/* Reads the parameters of the request and composes the conditions. */
static struct error *read_listing_query(struct listing *listing, const char *prefix)
{
    struct request *request = listing->request;
    bool by_tag = request_query_string(request, "tag") && !request_query_string(request, "search");
    listing->list = (struct list){
        .alias = "f",
        .columns = file_columns,
        .fields = item_fields,
        .keys = file_keys,
        .keys_only = true,
        .id = by_tag ? "t.file_id" : "f.id",
        .id_index = SQL_FILES_GET_ID,
    };
    struct error *error = list_filter_read_explain(request, &listing->explains);
    if (!error) {
        error = error_merge(begin_listing(listing),
                            list_filter_read(request, item_fields, &listing->filter));
    }
    if (!error) {
        add_file_conditions(listing, prefix);
    }
    return error;
}

struct error *file_listing_reply(struct request *request, struct reply *reply)
{
    struct listing listing = {.request = request, .conditions = {.arena = request->arena}};
    struct reply page = {0};
    const char *prefix = request_query_string(request, "prefix");
    buffer_add_string(&listing.conditions, "");
    struct error *error = read_listing_query(&listing, prefix);
    if (!error) {
        error = request_query_string(request, "sort")
                    ? read_sorted_page(&listing, &page)
                    : read_listing_page(&listing, request_query_integer(request, "limit"), &page);
    }
    if (error) {
        return error;
    }
    struct value *record = arena_array(request->arena, fields_count(list_fields), sizeof *record);
    field_set_records(fields_get(list_fields, record, "files"), page.items, page.items_count);
    field_set_integer(fields_get(list_fields, record, "count"), (int64_t)page.items_count);
    field_set_string(fields_get(list_fields, record, "prefix"), prefix ? prefix : "");
    field_set_string(fields_get(list_fields, record, "next"), page.next);
    reply_record(reply, record);
    reply->explain = page.explain;
    return NULL;
}
