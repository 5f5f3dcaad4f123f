/*
 * Files: documents of an organization, or of a principal without an organization. A file is a row
 * in the database and an object in the storage; files/catalog.h describes how they stay consistent.
 */
#include "auth/principal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/number.h"
#include "base/random.h"
#include "files/fields.h"
#include "files/listing.h"
#include "files/scope.h"
#include "files/upload.h"
#include "http/audit.h"
#include "http/parameters.h"
#include "http/problem.h"
#include "http/reply.h"
#include "http/router.h"
#include "resources/resources.h"
#include "rest/app.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    NAME_RANDOM_BYTES = 16,
    BULK_MAX = 1000,
    TIME_SIZE = 32,
    STATUS_CREATED = 201,
};

/* --- field maps ------------------------------------------------------------------------------ */

static const struct field info_fields[] = {
    FILE_NAME("name"), FILE_SIZE_OF("size"), FILE_MODIFIED, FILE_TYPE_OF,
    FILE_ETAG,         FILE_METADATA,        FILE_URL,      FILE_SHA256,
    FILE_TAGS,         {.name = NULL},
};

/* The file's information in the reply to an upload. It has no URL: that is a field of the reply. */
static const struct field uploaded_info_fields[] = {
    FILE_NAME("name"), FILE_SIZE_OF("size"), FILE_MODIFIED, FILE_TYPE_OF,
    FILE_ETAG,         FILE_METADATA,        FILE_SHA256,   {.name = NULL},
};

static const struct field uploaded_fields[] = {
    FILE_MESSAGE("\"Файл успешно загружен\""),
    FILE_NAME("filename"),
    FILE_ORIGINAL,
    FILE_SIZE_OF("size"),
    FILE_TYPE_OF,
    FILE_URL,
    {.name = "file_info",
     .type = FIELD_RECORD,
     .fields = uploaded_info_fields,
     .about = {"Сведения о файле", "Information about the file"},
     .example = FILE_INFO_EXAMPLE},
    {.name = NULL},
};

static const struct field download_info_fields[] = {
    FILE_NAME("name"), FILE_SIZE_OF("size"), FILE_MODIFIED, FILE_TYPE_OF, FILE_ETAG, {.name = NULL},
};

static const struct field download_fields[] = {
    FILE_URL,
    {.name = "file_info",
     .type = FIELD_RECORD,
     .fields = download_info_fields,
     .about = {"Сведения о файле", "Information about the file"},
     .example = FILE_INFO_EXAMPLE},
    {.name = "expires_in",
     .type = FIELD_INTEGER,
     .about = {"Срок действия ссылки, секунды", "The lifetime of the URL in seconds"},
     .example = "300"},
    {.name = NULL},
};

static const struct field deleted_fields[] = {
    FILE_MESSAGE("\"Файл успешно удален\""),
    FILE_NAME("filename"),
    {.name = NULL},
};

static const struct field result_fields[] = {
    FILE_NAME("name"),
    {.name = "deleted",
     .type = FIELD_BOOLEAN,
     .about = {"Файл удалён", "True if the file was deleted"},
     .example = "true"},
    {.name = "code",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Код ошибки, если файл не удалён", "The error code if the file was not deleted"},
     .example = "null"},
    {.name = "error",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Сообщение об ошибке, если файл не удалён",
               "The error message if the file was not deleted"},
     .example = "null"},
    {.name = NULL},
};

static const struct field results_fields[] = {
    {.name = "deleted",
     .type = FIELD_INTEGER,
     .about = {"Число удалённых файлов", "The number of deleted files"},
     .example = "1"},
    {.name = "results",
     .type = FIELD_RECORDS,
     .fields = result_fields,
     .about = {"Результат для каждого файла, в порядке запроса",
               "The result for each file, in the order of the request"},
     .example = "[{\"name\":\"20260906_123456_9f86d081884c7d659a2feaa0c55ad015.txt\","
                "\"deleted\":true,\"code\":null,\"error\":null}]"},
    {.name = NULL},
};

static const struct field names_fields[] = {
    {.name = "names",
     .type = FIELD_STRINGS,
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = FILE_NAME_LENGTH_MAX,
     .items_max = BULK_MAX,
     .about = {"Имена файлов", "The names of the files"},
     .example = "[\"20260906_123456_9f86d081884c7d659a2feaa0c55ad015.txt\"]"},
    {.name = NULL},
};

static const struct field tags_fields[] = {
    {.name = "tags",
     .type = FIELD_STRINGS,
     .flags = FIELD_NAME | FIELD_VISIBLE | FIELD_JOINERS,
     .min = 1,
     .max = FILE_TAG_MAX,
     .items_max = FILE_TAGS_MAX,
     .about = {"Все теги файла; они заменяют прежние",
               "All tags of the file; they replace the previous ones"},
     .example = "[\"договор\", \"2026\"]"},
    {.name = NULL},
};

static const struct field content_query[] = {
    {.name = "expires",
     .type = FIELD_STRING,
     .max = 2000,
     .about = {"Когда истекает ссылка, секунды с 1970 года",
               "When the URL expires, in seconds since 1970"},
     .example = "\"1788698396\""},
    {.name = "signature",
     .type = FIELD_STRING,
     .max = 2000,
     .about = {"Подпись ссылки", "The signature of the URL"},
     .example = "\"5f70bf18\""},
    {.name = NULL},
};

static const struct schema uploaded_schema = {"FileUploaded", uploaded_fields};
static const struct schema info_schema = {"FileInfo", info_fields};
static const struct schema download_schema = {"FileDownload", download_fields};
static const struct schema deleted_schema = {"FileDeleted", deleted_fields};
static const struct schema names_schema = {"FileNames", names_fields};
static const struct schema results_schema = {"FilesDeleted", results_fields};
static const struct schema tags_schema = {"FileTags", tags_fields, .bare = true};

/* Finds the file that the path names. */
static struct error *find_file_in_path(const struct request *request, struct catalog_file *file_r)
{
    return file_scope_find(request, request_path_value(request, "name"), file_r);
}

static struct value *new_file_record(const struct request *request, const struct field *map)
{
    return arena_array(request->arena, fields_count(map), sizeof(struct value));
}

static void set_file_message(const struct request *request, const struct field *map,
                             struct value *record, const char *ru, const char *en)
{
    field_set_string(fields_get(map, record, "message"),
                     request->language == LANGUAGE_EN ? en : ru);
}

/* --- upload ---------------------------------------------------------------------------------- */

/* Returns YYYYMMDD_HHMMSS_<random>.<ext>, in UTC: a unique name that cannot be guessed. */
static const char *generate_file_name(struct arena *arena, int64_t wall_ms, const char *extension)
{
    struct tm parts;
    char text[TIME_SIZE];
    time_t seconds = (time_t)(wall_ms / MS_PER_S);
    if (!gmtime_r(&seconds, &parts) || !strftime(text, sizeof text, "%Y%m%d_%H%M%S", &parts)) {
        abort(); /* the clock is set to a year that gmtime_r() cannot represent */
    }
    return arena_format(arena, "%s_%s.%s", text, random_hex(arena, NAME_RANDOM_BYTES), extension);
}

static struct catalog_file describe_new_file(const struct request *request,
                                             const struct upload *upload)
{
    int64_t now = clock_wall_ms();
    return (struct catalog_file){
        .scope = file_scope_of(request),
        .organization_id = request->principal ? app_principal(request)->organization_id : 0,
        .name = generate_file_name(request->arena, now, upload->extension),
        .object_key = objects_generate_key(request->arena),
        .original_name = upload->original_name,
        .original_length = upload->original_length,
        .content_type = upload->content_type,
        .size = upload->size,
        .md5 = upload->md5,
        .sha256 = upload->sha256,
        .tags = "",
        .created_at = now,
    };
}

/* Makes the reply to an upload. Called before the file is recorded, because signing the URL can
 * fail. */
static struct error *describe_uploaded_file(struct request *request,
                                            const struct catalog_file *file,
                                            struct value **record_r)
{
    const struct field *map = uploaded_fields;
    struct value *record = file_fields_describe(request->arena, map, file);
    set_file_message(request, map, record, "Файл успешно загружен", "The file was uploaded");
    field_set_record(fields_get(map, record, "file_info"),
                     file_fields_describe(request->arena, uploaded_info_fields, file));
    *record_r = record;
    return file_fields_set_url(request, map, record, file);
}

/* Stores the object first and the row after it, so that no file is without an object. */
static struct error *store_file(struct request *request, struct reply *reply, struct upload *upload)
{
    const struct app *app = request->app;
    const struct catalog_file file = describe_new_file(request, upload);
    struct value *record;
    request->subject = file.name;
    struct error *error = describe_uploaded_file(request, &file, &record);
    if (!error) {
        error =
            catalog_put_object(app->store, app->objects, request->arena, &upload->staged, &file);
    }
    if (error) {
        return error;
    }
    const struct file_quota quota = file_usage_quota(app->config);
    error = catalog_insert_file(app->store, request->arena, &file, &quota);
    if (!error) {
        reply->status = STATUS_CREATED;
        reply_set_language(request, reply);
        reply_header(reply, "Location",
                     arena_format(request->arena, "/api/v1/files/%s/info", file.name));
        reply_record(reply, record);
    } else if (error->id != ERR_OUTCOME_UNKNOWN) {
        /* With an unknown outcome the row may be committed, and its object is kept. */
        catalog_delete_pending(app->store, app->objects, request->arena, &file.object_key, 1);
    }
    return error;
}

/* Returns the number of bytes that the quotas leave, so that a larger file is refused at the first
 * byte beyond. With an Idempotency-Key the size is not limited here: a repetition must get the
 * first reply, even if the first request used the last bytes of the quota. */
static struct error *find_remaining_bytes(const struct request *request, int64_t *remaining_r)
{
    const struct app *app = request->app;
    const struct file_quota quota = file_usage_quota(app->config);
    *remaining_r = INT64_MAX;
    return *request->headers.idempotency_key
               ? NULL
               : file_usage_remaining(app->store, request->arena, file_scope_of(request), &quota,
                                      remaining_r);
}

static struct error *upload_file(struct request *request, struct reply *reply)
{
    struct upload upload;
    int64_t remaining;
    struct error *error = find_remaining_bytes(request, &remaining);
    if (error) {
        return error;
    }
    error = upload_receive(request, remaining, &upload);
    if (!error) {
        /* A repetition has the same content and file name; its boundary may differ. */
        struct buffer text = {.arena = request->arena};
        buffer_add(&text, (const char *)upload.sha256, sizeof upload.sha256);
        buffer_add(&text, upload.original_name, upload.original_length);
        error = router_recall(request, &text, reply);
    }
    if (!error && !reply->repeated) {
        error = store_file(request, reply, &upload);
    }
    objects_discard(app_of(request)->objects, &upload.staged);
    return error;
}

/* --- one file -------------------------------------------------------------------------------- */

static struct error *reply_file_info(struct request *request, struct reply *reply,
                                     const struct catalog_file *file)
{
    struct value *record = file_fields_describe(request->arena, info_fields, file);
    struct error *error = file_fields_set_url(request, info_fields, record, file);
    reply_record(reply, record);
    return error;
}

static struct error *get_file_info(struct request *request, struct reply *reply)
{
    struct catalog_file file;
    struct error *error = find_file_in_path(request, &file);
    return error ? error : reply_file_info(request, reply, &file);
}

static struct error *get_file_download(struct request *request, struct reply *reply)
{
    struct catalog_file file;
    struct error *error = find_file_in_path(request, &file);
    if (error) {
        return error;
    }
    const struct field *map = download_fields;
    struct value *record = new_file_record(request, map);
    field_set_record(fields_get(map, record, "file_info"),
                     file_fields_describe(request->arena, download_info_fields, &file));
    field_set_integer(fields_get(map, record, "expires_in"), FILE_URL_LIFETIME_S);
    error = file_fields_set_url(request, map, record, &file);
    reply_record(reply, record);
    return error;
}

/* True if a URL expires later than one signed now would: it was signed while the clock was ahead.
 * Tolerates a small difference between the clocks of two hosts. */
static bool expires_too_late(const char *expires)
{
    enum { SLACK_S = 60 };
    int64_t left = strtoll(expires, NULL, DECIMAL) - clock_wall_ms() / MS_PER_S;
    return left > FILE_URL_LIFETIME_S + SLACK_S;
}

/* Lets nginx send the file to a caller with a valid signature. Checks the signature first, so that
 * other callers do not learn whether the file exists. */
static struct error *get_file_content(struct request *request, struct reply *reply)
{
    const char *name = request_path_value(request, "name");
    const char *expires = request_query_string(request, "expires");
    const char *signature = request_query_string(request, "signature");
    struct catalog_file file;
    bool found;
    if (!expires || !signature ||
        !objects_verify_url(app_of(request)->objects, name, expires, signature) ||
        expires_too_late(expires)) {
        return error_new(request->arena, ERR_LINK_INVALID, NULL);
    }
    struct error *error = catalog_find(app_of(request)->store, request->arena, name, &found, &file);
    if (error || !found) {
        return error ? error : error_new(request->arena, ERR_FILE_NOT_FOUND, NULL);
    }
    reply_header(reply, "X-Accel-Redirect", objects_internal_path(request->arena, file.object_key));
    reply_header(
        reply, "Content-Disposition",
        parameters_format_attachment(request->arena, file.original_name, file.original_length));
    reply_text(reply, file.content_type, &(struct buffer){.arena = request->arena});
    return NULL;
}

/* --- tags ------------------------------------------------------------------------------------ */

struct tagging {
    struct arena *arena;
    const struct catalog_file *file;
    const char *lines;
};

static struct error *write_file_tags(struct store *store, void *context)
{
    const struct tagging *tagging = context;
    struct store_query *query = store_query(store, tagging->arena, SQL_FILES_SET_TAGS);
    store_bind_integer(query, tagging->file->id);
    struct catalog_file tagged = *tagging->file;
    tagged.tags = tagging->lines;
    store_bind_text(query, tagging->lines);
    store_bind_text(query, catalog_folded(tagging->arena, &tagged));
    struct error *error = store_execute(query);
    if (!error && store_changes(query) != 1) {
        return error_new(tagging->arena, ERR_FILE_NOT_FOUND, NULL);
    }
    return error ? error
                 : catalog_index_tags(store, tagging->arena, tagging->file->id,
                                      tagging->file->scope, tagging->lines);
}

/* Returns the tags, each on a line; the first line is empty. Of several spellings of one tag only
 * the first is kept. */
static const char *join_tags(struct arena *arena, const struct value *tags)
{
    struct buffer lines = {.arena = arena}, keys = {.arena = arena};
    buffer_add_char(&lines, '\n');
    buffer_add_char(&keys, '\n');
    for (size_t i = 0; i < tags->strings.count; i++) {
        const char *tag = fold_compose(arena, tags->strings.items[i]);
        const char *key = fold_text(arena, tag);
        if (!strstr(keys.bytes, arena_format(arena, "\n%s\n", key))) {
            buffer_format(&keys, "%s\n", key);
            buffer_format(&lines, "%s\n", tag);
        }
    }
    return lines.bytes;
}

static struct error *replace_file_tags(struct request *request, struct reply *reply)
{
    struct catalog_file file;
    struct error *error = find_file_in_path(request, &file);
    if (error) {
        return error;
    }
    struct tagging tagging = {
        .arena = request->arena,
        .file = &file,
        .lines = join_tags(request->arena, request_body_value(request, "tags")),
    };
    error = store_write(app_of(request)->store, request->arena, write_file_tags, &tagging);
    file.tags = tagging.lines;
    return error ? error : reply_file_info(request, reply, &file);
}

/* --- deletion -------------------------------------------------------------------------------- */

/* Files deleted by one request. */
struct deletion {
    const struct request *request;
    const char *const *names;
    size_t count;
    bool *found;       /* parallel to the names of the request */
    const char **keys; /* object keys of the deleted files */
    size_t deleted;
};

static struct error *remove_catalog_files(struct store *store, void *context)
{
    struct deletion *deletion = context;
    struct error *error = NULL;
    deletion->deleted = 0;
    for (size_t i = 0; i < deletion->count && !error; i++) {
        struct catalog_file file;
        error = file_scope_find(deletion->request, deletion->names[i], &file);
        if (!error) {
            error = catalog_delete_file(store, deletion->request->arena, &file);
        }
        deletion->found[i] = !error;
        if (!error) {
            deletion->keys[deletion->deleted++] = file.object_key;
        } else if (error->id == ERR_FILE_NOT_FOUND) {
            error = NULL;
        }
    }
    return error;
}

/* Commits the removal of the rows first, and deletes the objects after it. If the worker is killed
 * in between, the housekeeper (the process for periodic jobs) deletes the orphaned objects. */
static struct error *delete_named_files(struct request *request, struct deletion *deletion)
{
    const struct app *app = request->app;
    deletion->request = request;
    deletion->found = arena_array(request->arena, deletion->count, sizeof *deletion->found);
    deletion->keys = arena_array(request->arena, deletion->count, sizeof *deletion->keys);
    struct error *error =
        store_write_unserialized(app->store, request->arena, remove_catalog_files, deletion);
    struct error *ending = store_group_commit(app->store, request->arena);
    if (error || ending) {
        return error ? error : ending;
    }
    catalog_delete_pending(app->store, app->objects, request->arena, deletion->keys,
                           deletion->deleted);
    return NULL;
}

static struct error *delete_file(struct request *request, struct reply *reply)
{
    const char *name = request_path_value(request, "name");
    struct deletion deletion = {.names = &name, .count = 1};
    struct error *error = delete_named_files(request, &deletion);
    if (error || !deletion.deleted) {
        return error ? error : error_new(request->arena, ERR_FILE_NOT_FOUND, NULL);
    }
    const struct field *map = deleted_fields;
    struct value *record = new_file_record(request, map);
    set_file_message(request, map, record, "Файл успешно удален", "The file was deleted");
    reply_set_language(request, reply);
    field_set_string(fields_get(map, record, "filename"), name);
    reply_record(reply, record);
    return NULL;
}

static struct value *describe_deletion(const struct request *request, const char *name,
                                       bool deleted)
{
    const struct field *map = result_fields;
    struct value *record = new_file_record(request, map);
    field_set_string(fields_get(map, record, "name"), name);
    field_set_boolean(fields_get(map, record, "deleted"), deleted);
    if (!deleted) {
        field_set_string(fields_get(map, record, "code"), problem_code(ERR_FILE_NOT_FOUND));
        field_set_string(fields_get(map, record, "error"),
                         problem_message(ERR_FILE_NOT_FOUND, request->language));
    }
    return record;
}

/* Writes an audit line for each file, as if each had been deleted by its own request. */
static void audit_deleted_files(const struct request *request, const struct deletion *deletion)
{
    for (size_t i = 0; i < deletion->count; i++) {
        struct request one = *request;
        one.subject = deletion->names[i];
        audit_write(&one, deletion->found[i] ? NULL
                                             : error_new(request->arena, ERR_FILE_NOT_FOUND, NULL));
    }
}

static struct error *delete_many_files(struct request *request, struct reply *reply)
{
    const struct value *names = request_body_value(request, "names");
    struct deletion deletion = {.names = names->strings.items, .count = names->strings.count};
    struct error *error = delete_named_files(request, &deletion);
    if (error) {
        return error;
    }
    const struct field *map = results_fields;
    struct value *record = new_file_record(request, map);
    struct value **results = arena_array(request->arena, deletion.count, sizeof *results);
    for (size_t i = 0; i < deletion.count; i++) {
        results[i] = describe_deletion(request, deletion.names[i], deletion.found[i]);
    }
    field_set_integer(fields_get(map, record, "deleted"), (int64_t)deletion.deleted);
    field_set_records(fields_get(map, record, "results"), results, deletion.count);
    audit_deleted_files(request, &deletion);
    reply->audited = deletion.count;
    reply_record(reply, record);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id upload_errors[] = {
    ERR_UNSUPPORTED_MEDIA_TYPE,
    ERR_VALIDATION,
    ERR_INVALID_MULTIPART,
    ERR_PART_ENCODING,
    ERR_TOO_SLOW,
    ERR_FILE_MISSING,
    ERR_FILE_TYPE,
    ERR_FILE_CONTENT,
    ERR_FILE_PASSWORD,
    ERR_FILE_TOO_LARGE,
    ERR_FILE_MACROS,
    ERR_FILE_INFECTED,
    ERR_QUOTA_EXCEEDED,
    ERR_PAYLOAD_TOO_LARGE,
    ERR_SCAN_UNAVAILABLE,
    ERR_STORAGE_UNAVAILABLE,
    ERR_STORAGE_FULL,
    ERR_DATABASE_UNAVAILABLE,
    ERR_COUNT,
};
static const enum error_id list_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id file_errors[] = {ERR_FILE_NOT_FOUND, ERR_DATABASE_UNAVAILABLE,
                                            ERR_COUNT};
static const enum error_id content_errors[] = {ERR_LINK_INVALID, ERR_FILE_NOT_FOUND,
                                               ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

static const struct field path_fields[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .max = FILE_NAME_LENGTH_MAX,
     .about = {"Имя файла, присвоенное сервисом", "The name that the service assigned to the file"},
     .example = "\"20260906_123456_9f86d081884c7d659a2feaa0c55ad015.txt\""},
    {.name = NULL},
};

const struct route files_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/api/v1/files/upload",
     .handler = upload_file,
     .permission = PERMIT_FILES_CREATE,
     .scope = SCOPE_FILES_WRITE,
     .pool = POOL_UPLOADS,
     .summary = {"Загрузить файл", "Upload a file"},
     .form = true,
     .shape = REPLY_RECORD,
     .creates = true,
     .reply = &uploaded_schema,
     .errors = upload_errors,
     .action = "upload_file",
     .resource_type = "file"},
    {.method = METHOD_GET,
     .pattern = "/api/v1/files",
     .handler = file_listing_reply,
     .permission = PERMIT_FILES_READ,
     .scope = SCOPE_FILES_READ,
     .pool = POOL_CORE,
     .summary = {"Получить список файлов", "List the files"},
     .query = file_listing_query,
     .shape = REPLY_RECORD,
     .reply = &file_listing_schema,
     .errors = list_errors},
    {.method = METHOD_GET,
     .pattern = "/api/v1/files/{name}/info",
     .path = path_fields,
     .handler = get_file_info,
     .permission = PERMIT_FILES_READ,
     .scope = SCOPE_FILES_READ,
     .pool = POOL_CORE,
     .summary = {"Получить сведения о файле", "Get information about a file"},
     .shape = REPLY_RECORD,
     .reply = &info_schema,
     .errors = file_errors},
    {.method = METHOD_GET,
     .pattern = "/api/v1/files/{name}/download",
     .path = path_fields,
     .handler = get_file_download,
     .permission = PERMIT_FILES_READ,
     .scope = SCOPE_FILES_READ,
     .pool = POOL_CORE,
     .summary = {"Получить ссылку для скачивания", "Get a URL to download a file"},
     .shape = REPLY_RECORD,
     .reply = &download_schema,
     .errors = file_errors},
    {.method = METHOD_GET,
     .pattern = "/api/v1/files/{name}/content",
     .path = path_fields,
     .handler = get_file_content,
     .permission = PERMIT_ALL,
     .pool = POOL_CORE,
     .summary = {"Скачать файл по подписанной ссылке", "Download a file by a signed URL"},
     .about = {"Другие параметры, которые почтовые программы и сайты добавляют к ссылке, не "
               "учитываются.",
               "Other parameters, which mail programs and web sites add to URLs, are ignored."},
     .query = content_query,
     .query_open = true,
     .shape = REPLY_FILE,
     .media_type = "*/*",
     .example = "…",
     .errors = content_errors},
    {.method = METHOD_PUT,
     .pattern = "/api/v1/files/{name}/tags",
     .path = path_fields,
     .handler = replace_file_tags,
     .permission = PERMIT_FILES_UPDATE,
     .scope = SCOPE_FILES_WRITE,
     .pool = POOL_CORE,
     .summary = {"Задать теги файла", "Replace the tags of a file"},
     .body = &tags_schema,
     .shape = REPLY_RECORD,
     .reply = &info_schema,
     .errors = file_errors,
     .action = "tag_file",
     .resource_type = "file",
     .resource = "name"},
    {.method = METHOD_DELETE,
     .pattern = "/api/v1/files/{name}",
     .path = path_fields,
     .handler = delete_file,
     .permission = PERMIT_FILES_DELETE,
     .scope = SCOPE_FILES_WRITE,
     .pool = POOL_FILES,
     .summary = {"Удалить файл", "Delete a file"},
     .shape = REPLY_RECORD,
     .reply = &deleted_schema,
     .errors = file_errors,
     .action = "delete_file",
     .resource_type = "file"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/files/bulk-delete",
     .handler = delete_many_files,
     .permission = PERMIT_FILES_DELETE,
     .scope = SCOPE_FILES_WRITE,
     .pool = POOL_FILES,
     .summary = {"Удалить несколько файлов", "Delete several files"},
     .essential = true,
     .body = &names_schema,
     .shape = REPLY_RECORD,
     .reply = &results_schema,
     .errors = list_errors,
     .action = "delete_file",
     .resource_type = "file"},
    {.pattern = NULL},
};
