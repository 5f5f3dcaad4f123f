/* See listing.h. */
#include "files/listing.h"

#include "base/arena.h"
#include "files/fields.h"
#include "files/scope.h"
#include "rest/app.h"
#include "rest/paging.h"
#include "rest/search.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LIMIT_FILES = 100 };

/* --- field maps ------------------------------------------------------------------------------ */

static const struct field item_fields[] = {
    FILE_NAME("name"), FILE_SIZE_OF("size"), FILE_MODIFIED, FILE_ETAG,      FILE_URL,
    FILE_ORIGINAL,     FILE_TYPE_OF,         FILE_TAGS,     {.name = NULL},
};

static const struct field list_fields[] = {
    {.name = "files",
     .type = FIELD_RECORDS,
     .fields = item_fields,
     .about = {"Файлы", "The files"},
     .example = "[" FILE_INFO_EXAMPLE "]"},
    {.name = "count",
     .type = FIELD_INTEGER,
     .about = {"Сколько их в этом ответе", "How many are in this answer"},
     .example = "1"},
    FILE_STRING("prefix", "Префикс, о котором спросили", "The prefix that was asked for", "\"\""),
    {.name = "next",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Значение after для следующей страницы; null: это всё",
               "The `after` of the next page; null: that was all"},
     .example = "null"},
    {.name = NULL},
};

const struct field file_listing_query[] = {
    {.name = "prefix",
     .type = FIELD_STRING,
     .max = FILE_NAME_LENGTH_MAX,
     .about = {"Начало имени", "What names begin with"},
     .example = "\"202609\""},
    QUERY_LIMIT(LIMIT_FILES),
    {.name = "search",
     .type = FIELD_STRING,
     .min = 1,
     .max = 100,
     .about = {"Слова или их части из имени файла у клиента",
               "Words, or parts of them, of what clients call the files"},
     .example = "\"договор\""},
    {.name = "tag",
     .type = FIELD_STRING,
     .min = 1,
     .max = FILE_TAG_MAX,
     .about = {"Тег", "A tag"},
     .example = "\"договор\""},
    {.name = "after",
     .type = FIELD_STRING,
     .min = 1,
     .max = FILE_NAME_LENGTH_MAX,
     .about = {"Значение next последнего ответа: следующая страница",
               "The `next` of the last answer: the page after it"},
     .example = "null"},
    {.name = NULL},
};

const struct schema file_listing_schema = {"FileList", list_fields};

/* --- lists ----------------------------------------------------------------------------------- */

enum { BOUNDS_MAX = 12 };

/* A list that is being put together: text of ours, and the values that are bound. */
struct listing {
    struct request *request;
    struct buffer text;
    struct {
        const char *text; /* NULL: an integer */
        int64_t integer;
    } bounds[BOUNDS_MAX];
    size_t count;
    bool by_id; /* found by words or a tag: in the order in which they came */
};

static size_t bind_text(struct listing *listing, const char *text)
{
    listing->bounds[listing->count++].text = text;
    return listing->count;
}

static size_t bind_integer(struct listing *listing, int64_t integer)
{
    listing->bounds[listing->count++].integer = integer;
    return listing->count;
}

/* What is found by words, by a tag, or by both; else all. */
static struct error *choose(struct listing *listing)
{
    struct request *request = listing->request;
    struct store *store = request->app->store;
    const char *search = request_query_string(request, "search");
    const char *tag = request_query_string(request, "tag");
    const char *parts[SEARCH_WORDS];
    listing->by_id = search || tag;
    if (!search) {
        buffer_add_string(&listing->text,
                          store_text_of(store, tag ? SQL_FILES_TAGGED : SQL_FILES_LIST));
        if (tag) {
            (void)bind_text(listing, tag);
        }
        return NULL;
    }
    struct error *error = search_parse(request->arena, search, parts);
    for (size_t i = 0; i < SEARCH_WORDS && !error; i++) {
        (void)bind_text(listing, parts[i]);
    }
    buffer_add_string(&listing->text, store_text_of(store, SQL_FILES_SEARCH));
    if (tag) {
        buffer_format(&listing->text,
                      " AND EXISTS (SELECT 1 FROM file_tags t WHERE t.file_id = f.id"
                      " AND t.tag = $%zu)",
                      bind_text(listing, tag));
    }
    return error;
}

/* Whose they are; of what is found by a tag alone, its index has that. */
static void add_scope(struct listing *listing)
{
    const struct request *request = listing->request;
    if (file_scope_is_all(request)) {
        return;
    }
    bool by_tag = request_query_string(request, "tag") && !request_query_string(request, "search");
    buffer_format(&listing->text, " AND %s.scope = $%zu", by_tag ? "t" : "f",
                  bind_text(listing, file_scope_of(request)));
}

/* Names have nothing but ASCII, all of which is less than DEL. */
static void add_prefix(struct listing *listing)
{
    const char *prefix = request_query_string(listing->request, "prefix");
    if (prefix && *prefix) {
        buffer_format(&listing->text, " AND f.name >= $%zu", bind_text(listing, prefix));
        buffer_format(&listing->text, " AND f.name < $%zu",
                      bind_text(listing, arena_format(listing->request->arena, "%s\x7f", prefix)));
    }
}

/* The order is that of names, or of ids; the cursor is the last one's. */
static struct error *add_order(struct listing *listing, int64_t limit)
{
    struct request *request = listing->request;
    const char *after = request_query_string(request, "after");
    bool by_tag = request_query_string(request, "tag") && !request_query_string(request, "search");
    const char *column = !listing->by_id ? "f.name" : by_tag ? "t.file_id" : "f.id";
    if (after && listing->by_id) {
        int64_t id = request_parse_id(after);
        if (!id) {
            return error_field(request->arena, "after", FAULT_NOT_CURSOR, NULL);
        }
        buffer_format(&listing->text, " AND %s > $%zu", column, bind_integer(listing, id));
    } else if (after) {
        buffer_format(&listing->text, " AND %s > $%zu", column, bind_text(listing, after));
    }
    buffer_format(&listing->text, " ORDER BY %s LIMIT $%zu", column, bind_integer(listing, limit));
    return NULL;
}

static struct store_query *compose(const struct listing *listing)
{
    const struct request *request = listing->request;
    struct store_query *query =
        store_compose(request->app->store, request->arena, listing->text.bytes);
    for (size_t i = 0; i < listing->count; i++) {
        if (listing->bounds[i].text) {
            store_bind_text(query, listing->bounds[i].text);
        } else {
            store_bind_integer(query, listing->bounds[i].integer);
        }
    }
    return query;
}

/* The files of one page; one more is read to know whether there are more. */
static struct error *read_page(const struct listing *listing, int64_t limit, struct value **items,
                               size_t *count_r, const char **next_r)
{
    const struct request *request = listing->request;
    struct store_query *query = compose(listing);
    struct catalog_file file = {0};
    struct error *error;
    bool row;
    *count_r = 0;
    *next_r = NULL;
    while (!(error = store_next(query, &row)) && row) {
        if ((int64_t)*count_r == limit) {
            *next_r =
                listing->by_id ? arena_format(request->arena, "%" PRId64, file.id) : file.name;
            continue;
        }
        catalog_read(query, request->arena, &file);
        items[*count_r] = file_fields_describe(request->arena, item_fields, &file);
        error = file_fields_set_url(request, item_fields, items[(*count_r)++], &file);
        if (error) {
            return error;
        }
    }
    return error;
}

struct error *file_listing_reply(struct request *request, struct reply *reply)
{
    struct listing listing = {.request = request, .text = {.arena = request->arena}};
    const char *prefix = request_query_string(request, "prefix"), *next;
    int64_t limit = request_query_integer(request, "limit");
    struct value **items = arena_array(request->arena, (size_t)limit, sizeof(*items));
    size_t count;
    struct error *error = choose(&listing);
    if (!error) {
        add_scope(&listing);
        add_prefix(&listing);
        error = add_order(&listing, limit + 1);
    }
    if (!error) {
        error = read_page(&listing, limit, items, &count, &next);
    }
    if (error) {
        return error;
    }
    struct value *record = arena_array(request->arena, fields_count(list_fields), sizeof *record);
    value_set_records(fields_get(list_fields, record, "files"), items, count);
    value_set_integer(fields_get(list_fields, record, "count"), (int64_t)count);
    value_set_string(fields_get(list_fields, record, "prefix"), prefix ? prefix : "");
    value_set_string(fields_get(list_fields, record, "next"), next);
    reply_record(reply, record);
    return NULL;
}
