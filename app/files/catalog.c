/* See catalog.h. */
#include "files/catalog.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/log.h"
#include "files/usage.h"
#include "rest/search.h"

#include <stdlib.h>
#include <string.h>

enum {
    PURGE_BATCH_OBJECTS = 50,
    PAUSE_US = US_PER_S / 20,    /* pause between two batches, so that other jobs can run */
    INTERVAL_US = 60 * US_PER_S, /* interval of the job when no orphans are left */
    DELETE_US = 10 * US_PER_S,   /* time limit of deleting objects in one request */
};

/* --- rows ------------------------------------------------------------------------------------- */

static const char *copy_text_column(struct store_query *query, struct arena *arena, size_t column)
{
    return arena_string(arena, store_text(query, column, NULL));
}

static const char *copy_bytes_column(struct store_query *query, struct arena *arena, size_t column,
                                     size_t *length_r)
{
    const char *bytes = store_bytes(query, column, length_r);
    return arena_copy(arena, bytes ? bytes : "", *length_r);
}

void catalog_read(struct store_query *query, struct arena *arena, struct catalog_file *file_r)
{
    size_t length;
    *file_r = (struct catalog_file){
        .id = store_integer(query, SQL_FILES_GET_ID),
        .scope = copy_text_column(query, arena, SQL_FILES_GET_SCOPE),
        .organization_id = store_integer(query, SQL_FILES_GET_ORGANIZATION_ID),
        .name = copy_text_column(query, arena, SQL_FILES_GET_NAME),
        .object_key = copy_text_column(query, arena, SQL_FILES_GET_OBJECT_KEY),
        .content_type = copy_text_column(query, arena, SQL_FILES_GET_CONTENT_TYPE),
        .size = store_integer(query, SQL_FILES_GET_SIZE),
        .tags = copy_text_column(query, arena, SQL_FILES_GET_TAGS),
        .created_at = store_integer(query, SQL_FILES_GET_CREATED_AT),
    };
    file_r->original_name =
        copy_bytes_column(query, arena, SQL_FILES_GET_ORIGINAL_NAME, &file_r->original_length);
    file_r->md5 =
        (const unsigned char *)copy_bytes_column(query, arena, SQL_FILES_GET_MD5, &length);
    file_r->sha256 =
        (const unsigned char *)copy_bytes_column(query, arena, SQL_FILES_GET_SHA256, &length);
}

struct error *catalog_find(struct store *store, struct arena *arena, const char *name,
                           bool *found_r, struct catalog_file *file_r)
{
    struct store_query *query = store_query(store, arena, SQL_FILES_GET);
    bool row;
    store_bind_text(query, name);
    struct error *error = store_next(query, found_r);
    if (error || !*found_r) {
        return error;
    }
    catalog_read(query, arena, file_r);
    return store_next(query, &row);
}

/* --- pending objects -------------------------------------------------------------------------- */

/* A key to insert into pending_objects. */
struct pending {
    struct arena *arena;
    const char *key;
};

static struct error *insert_pending_row(struct store *store, void *context)
{
    const struct pending *pending = context;
    struct store_query *query = store_query(store, pending->arena, SQL_PENDING_OBJECTS_INSERT);
    store_bind_text(query, pending->key);
    store_bind_integer(query, clock_wall_ms());
    return store_execute(query);
}

/* Keys to delete from pending_objects. */
struct pendings {
    struct arena *arena;
    const char *const *keys;
    size_t count;
};

static struct error *delete_pending_rows(struct store *store, void *context)
{
    const struct pendings *pendings = context;
    struct error *error = NULL;
    for (size_t i = 0; i < pendings->count && !error; i++) {
        struct store_query *query = store_query(store, pendings->arena, SQL_PENDING_OBJECTS_DELETE);
        store_bind_text(query, pendings->keys[i]);
        error = store_execute(query);
    }
    return error;
}

/* Runs `work` in its own transaction, which is durable when this returns. */
static struct error *commit_alone(struct store *store, struct arena *arena, store_work *work,
                                  void *context)
{
    struct error *error = store_write(store, arena, work, context);
    struct error *ending = store_group_commit(store, arena);
    return error ? error : ending;
}

/* Deletes pending objects until DELETE_US have passed, then the rows of the deleted ones. */
static struct error *delete_pending_objects(struct store *store, struct objects *objects,
                                            struct arena *arena, const char *const *keys,
                                            size_t count, size_t *deleted_r)
{
    int64_t until = clock_steady_us() + DELETE_US;
    struct error *error = NULL;
    *deleted_r = 0;
    for (size_t i = 0; i < count && !error && clock_steady_us() < until; i++) {
        error = objects_delete(objects, arena, keys[i]);
        *deleted_r += !error;
    }
    struct pendings pendings = {arena, keys, *deleted_r};
    struct error *dropping =
        *deleted_r ? commit_alone(store, arena, delete_pending_rows, &pendings) : NULL;
    return error ? error : dropping;
}

void catalog_delete_pending(struct store *store, struct objects *objects, struct arena *arena,
                            const char *const *keys, size_t count)
{
    size_t deleted;
    const struct error *error =
        delete_pending_objects(store, objects, arena, keys, count, &deleted);
    if (error || deleted < count) {
        log_warning("catalog: cannot delete %zu objects, retrying later: %s", count - deleted,
                    error ? error->cause : "the storage is too slow");
    }
}

/* --- insertion -------------------------------------------------------------------------------- */

struct error *catalog_put_object(struct store *store, struct objects *objects, struct arena *arena,
                                 struct staged *staged, const struct catalog_file *file)
{
    struct pending pending = {arena, file->object_key};
    const struct object_properties properties = {
        .size = file->size,
        .content_type = file->content_type,
        .md5 = file->md5,
        .sha256 = file->sha256,
    };
    struct error *error = commit_alone(store, arena, insert_pending_row, &pending);
    if (error) {
        return error;
    }
    error = objects_put(objects, arena, staged, file->object_key, &properties);
    if (error) {
        catalog_delete_pending(store, objects, arena, &file->object_key, 1);
    }
    return error;
}

struct insertion {
    struct arena *arena;
    const struct catalog_file *file;
    const struct file_quota *quota;
};

const char *catalog_search_text(struct arena *arena, const char *original_name)
{
    struct buffer words = {.arena = arena};
    buffer_add_string(&words, "");
    search_add(&words, original_name);
    return words.bytes;
}

static struct error *insert_file(struct store *store, struct arena *arena,
                                 const struct catalog_file *file)
{
    struct store_query *query = store_query(store, arena, SQL_FILES_INSERT);
    store_bind_text(query, file->scope);
    if (file->organization_id) {
        store_bind_integer(query, file->organization_id);
    } else {
        store_bind_null(query);
    }
    store_bind_text(query, file->name);
    store_bind_text(query, file->object_key);
    store_bind_bytes(query, file->original_name, file->original_length);
    store_bind_text(query, file->content_type);
    store_bind_integer(query, file->size);
    store_bind_bytes(query, file->md5, MD5_SIZE);
    store_bind_bytes(query, file->sha256, SHA256_SIZE);
    store_bind_text(query, catalog_search_text(arena, file->original_name));
    store_bind_integer(query, file->created_at);
    return store_execute(query);
}

static struct error *insert_tag_key(struct store *store, struct arena *arena, int64_t id,
                                    const char *scope, const char *tag)
{
    struct store_query *query = store_query(store, arena, SQL_FILE_TAGS_INSERT);
    store_bind_integer(query, id);
    store_bind_text(query, scope);
    store_bind_text(query, fold_text(arena, tag));
    return store_execute(query);
}

struct error *catalog_index_tags(struct store *store, struct arena *arena, int64_t id,
                                 const char *scope, const char *lines)
{
    struct store_query *query = store_query(store, arena, SQL_FILE_TAGS_CLEAR);
    store_bind_integer(query, id);
    struct error *error = store_execute(query);
    char *rest = arena_string(arena, lines);
    for (char *tag; !error && (tag = strsep(&rest, "\n"));) {
        error = *tag ? insert_tag_key(store, arena, id, scope, tag) : NULL;
    }
    return error;
}

static struct error *replace_pending_by_file(struct store *store, void *context)
{
    const struct insertion *insertion = context;
    const struct catalog_file *file = insertion->file;
    struct error *error = insert_file(store, insertion->arena, file);
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, insertion->arena, SQL_PENDING_OBJECTS_DELETE);
    store_bind_text(query, file->object_key);
    error = store_execute(query);
    if (!error && store_changes(query) != 1) {
        /* The upload took so long that its pending row, and the object, were purged. */
        error = error_new(insertion->arena, ERR_STORAGE_UNAVAILABLE,
                          "catalog: object %s: upload took too long", file->object_key);
    }
    return error
               ? error
               : file_usage_add(store, insertion->arena, file->scope, file->size, insertion->quota);
}

struct error *catalog_insert_file(struct store *store, struct arena *arena,
                                  const struct catalog_file *file, const struct file_quota *quota)
{
    struct insertion insertion = {arena, file, quota};
    return store_write_unserialized(store, arena, replace_pending_by_file, &insertion);
}

/* --- deletion --------------------------------------------------------------------------------- */

struct error *catalog_delete_file(struct store *store, struct arena *arena,
                                  const struct catalog_file *file)
{
    struct pending pending = {arena, file->object_key};
    struct store_query *query = store_query(store, arena, SQL_FILES_DELETE);
    store_bind_integer(query, file->id);
    struct error *error = store_execute(query);
    if (!error && store_changes(query) != 1) {
        return error_new(arena, ERR_FILE_NOT_FOUND, NULL);
    }
    if (!error) {
        error = insert_pending_row(store, &pending);
    }
    return error ? error : file_usage_remove(store, arena, file->scope, file->size);
}

/* --- orphans ---------------------------------------------------------------------------------- */

/* Reads the keys of the oldest pending rows that are orphans. */
static struct error *find_due_orphans(struct store *store, struct arena *arena, int64_t now_ms,
                                      const char **keys_r, size_t *count_r)
{
    struct store_query *query = store_query(store, arena, SQL_PENDING_OBJECTS_OLDEST);
    struct error *error;
    bool row;
    *count_r = 0;
    store_bind_integer(query, now_ms - (int64_t)CATALOG_PENDING_S * MS_PER_S);
    store_bind_integer(query, PURGE_BATCH_OBJECTS);
    while (!(error = store_next(query, &row)) && row) {
        keys_r[(*count_r)++] =
            copy_text_column(query, arena, SQL_PENDING_OBJECTS_OLDEST_OBJECT_KEY);
    }
    return error;
}

struct error *catalog_purge(struct store *store, struct objects *objects, struct arena *arena,
                            int64_t now_ms, struct catalog_orphans *orphans_r, bool *more_r)
{
    const char *keys[PURGE_BATCH_OBJECTS];
    size_t count;
    *orphans_r = (struct catalog_orphans){0};
    struct error *error = find_due_orphans(store, arena, now_ms, keys, &count);
    if (!error) {
        error = delete_pending_objects(store, objects, arena, keys, count, &orphans_r->objects);
    }
    *more_r = !error && count == PURGE_BATCH_OBJECTS;
    return error ? error
                 : objects_purge_staged(objects, arena, CATALOG_PENDING_S, &orphans_r->staged);
}

struct catalog_job {
    struct store *store;
    struct objects *objects;
};

struct catalog_job *catalog_job_new(struct store *store, struct objects *objects)
{
    struct catalog_job *job = base_alloc(sizeof *job);
    *job = (struct catalog_job){store, objects};
    return job;
}

void catalog_job_free(struct catalog_job **job)
{
    objects_close(&(*job)->objects);
    free(*job);
    *job = NULL;
}

int64_t catalog_job_run(struct catalog_job *job)
{
    struct arena *arena = arena_new();
    struct catalog_orphans orphans;
    bool more;
    const struct error *error =
        catalog_purge(job->store, job->objects, arena, clock_wall_ms(), &orphans, &more);
    if (orphans.objects || orphans.staged) {
        log_info("catalog: purged orphans: %zu objects, %zu staged files", orphans.objects,
                 orphans.staged);
    }
    if (error) {
        log_warning("catalog: cannot purge orphans: %s", error->cause);
    }
    arena_free(&arena);
    return clock_steady_us() + (more ? PAUSE_US : INTERVAL_US);
}
