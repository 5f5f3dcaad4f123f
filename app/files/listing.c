/* See listing.h. */
#include "files/listing.h"

#include "base/arena.h"
#include "base/fold.h"
#include "files/fields.h"
#include "files/scope.h"
#include "rest/app.h"
#include "rest/paging.h"
#include "rest/search.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LIMIT_FILES = 100 };

/* --- field maps ------------------------------------------------------------------------------- */

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
     .about = {"Число файлов в этом ответе", "The number of files in this response"},
     .example = "1"},
    FILE_STRING("prefix", "Префикс из запроса", "The prefix from the request", "\"\""),
    {.name = "next",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Значение after для следующей страницы; null, если страница последняя",
               "The value of `after` for the next page; null on the last page"},
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
    {.name = "after",
     .type = FIELD_STRING,
     .min = 1,
     .max = FILE_NAME_LENGTH_MAX,
     .about = {"Значение next из предыдущего ответа: возвращает следующую страницу",
               "The value of `next` from the previous response: returns the next page"},
     .example = "null"},
    {.name = NULL},
};

const struct schema file_listing_schema = {"FileList", list_fields};

/* --- lists ------------------------------------------------------------------------------------ */

enum { PARAMETERS_MAX = 12 };

/* The statement of a page: its text, which contains nothing that a client sent, and its
 * parameters. */
struct listing {
    struct request *request;
    struct buffer text;
    struct {
        const char *text; /* NULL: the parameter is an integer */
        int64_t integer;
    } parameters[PARAMETERS_MAX];
    size_t count;
    bool by_id; /* sorted in the order of upload: the files are found by words or a tag */
};

/* Adds a parameter and returns its number. */
static size_t bind_file_text(struct listing *listing, const char *text)
{
    listing->parameters[listing->count++].text = text;
    return listing->count;
}

static size_t bind_file_integer(struct listing *listing, int64_t integer)
{
    listing->parameters[listing->count++].integer = integer;
    return listing->count;
}

/* Begins the statement that finds files by words, by a tag, by both, or all files. */
static struct error *begin_listing(struct listing *listing)
{
    struct request *request = listing->request;
    struct store *store = app_of(request)->store;
    const char *search = request_query_string(request, "search");
    const char *given = request_query_string(request, "tag");
    const char *tag = fold_text(request->arena, given);
    const char *parts[SEARCH_WORDS];
    listing->by_id = search || tag;
    if (!search) {
        buffer_add_string(&listing->text,
                          store_text_of(store, tag ? SQL_FILES_TAGGED : SQL_FILES_LIST));
        if (tag) {
            (void)bind_file_text(listing, tag);
        }
        return NULL;
    }
    struct error *error = search_parse(request->arena, search, parts);
    for (size_t i = 0; i < SEARCH_WORDS && !error; i++) {
        (void)bind_file_text(listing, parts[i]);
    }
    buffer_add_string(&listing->text, store_text_of(store, SQL_FILES_SEARCH));
    if (tag) {
        buffer_format(&listing->text,
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
    buffer_format(&listing->text, " AND %s.scope = $%zu", by_tag ? "t" : "f",
                  bind_file_text(listing, file_scope_of(request)));
}

/* Adds the order, by names or ids, and the condition of the cursor: the last file's name or id. */
static struct error *add_listing_order(struct listing *listing, int64_t limit)
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
        buffer_format(&listing->text, " AND %s > $%zu", column, bind_file_integer(listing, id));
    } else if (after) {
        buffer_format(&listing->text, " AND %s > $%zu", column, bind_file_text(listing, after));
    }
    buffer_format(&listing->text, " ORDER BY %s LIMIT $%zu", column,
                  bind_file_integer(listing, limit));
    return NULL;
}

static struct store_query *prepare_listing(const struct listing *listing)
{
    const struct request *request = listing->request;
    struct store_query *query =
        store_compose(app_of(request)->store, request->arena, listing->text.bytes);
    for (size_t i = 0; i < listing->count; i++) {
        if (listing->parameters[i].text) {
            store_bind_text(query, listing->parameters[i].text);
        } else {
            store_bind_integer(query, listing->parameters[i].integer);
        }
    }
    return query;
}

/* Reads a page of up to `limit` files. The statement selects one more, which tells if there is
 * another page. */
static struct error *read_listing_page(const struct listing *listing, int64_t limit,
                                       struct value **items, size_t *count_r, const char **next_r)
{
    const struct request *request = listing->request;
    struct store_query *query = prepare_listing(listing);
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
    struct error *error = begin_listing(&listing);
    if (!error) {
        add_scope_condition(&listing);
        if (prefix && *prefix) {
            /* Names contain only ASCII characters less than DEL. */
            const char *end = arena_format(request->arena, "%s\x7f", prefix);
            buffer_format(&listing.text, " AND f.name >= $%zu", bind_file_text(&listing, prefix));
            buffer_format(&listing.text, " AND f.name < $%zu", bind_file_text(&listing, end));
        }
        error = add_listing_order(&listing, limit + 1);
    }
    if (!error) {
        error = read_listing_page(&listing, limit, items, &count, &next);
    }
    if (error) {
        return error;
    }
    struct value *record = arena_array(request->arena, fields_count(list_fields), sizeof *record);
    field_set_records(fields_get(list_fields, record, "files"), items, count);
    field_set_integer(fields_get(list_fields, record, "count"), (int64_t)count);
    field_set_string(fields_get(list_fields, record, "prefix"), prefix ? prefix : "");
    field_set_string(fields_get(list_fields, record, "next"), next);
    reply_record(reply, record);
    return NULL;
}
