/* See catalog.h. */
#include "files/catalog.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "files/usage.h"
#include "rest/search.h"

#include <stdlib.h>
#include <string.h>

enum {
    PURGE_BATCH_OBJECTS = 50,
    PAUSE_US = US_PER_S / 20, /* between two batches, for the housekeeper's other jobs */
    REST_US = 60 * US_PER_S,
    DISPOSE_US = 10 * US_PER_S, /* for objects that nobody sees any more, in a request */
};

/* --- rows ------------------------------------------------------------------------------------ */

static const char *text_at(struct store_query *query, struct arena *arena, size_t column)
{
    return arena_string(arena, store_text(query, column, NULL));
}

static const char *bytes_at(struct store_query *query, struct arena *arena, size_t column,
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
        .scope = text_at(query, arena, SQL_FILES_GET_SCOPE),
        .organization_id = store_integer(query, SQL_FILES_GET_ORGANIZATION_ID),
        .name = text_at(query, arena, SQL_FILES_GET_NAME),
        .object_key = text_at(query, arena, SQL_FILES_GET_OBJECT_KEY),
        .content_type = text_at(query, arena, SQL_FILES_GET_CONTENT_TYPE),
        .size = store_integer(query, SQL_FILES_GET_SIZE),
        .tags = text_at(query, arena, SQL_FILES_GET_TAGS),
        .created_at = store_integer(query, SQL_FILES_GET_CREATED_AT),
    };
    file_r->original_name =
        bytes_at(query, arena, SQL_FILES_GET_ORIGINAL_NAME, &file_r->original_length);
    file_r->md5 = (const unsigned char *)bytes_at(query, arena, SQL_FILES_GET_MD5, &length);
    file_r->sha256 = (const unsigned char *)bytes_at(query, arena, SQL_FILES_GET_SHA256, &length);
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

/* --- pending objects ------------------------------------------------------------------------- */

/* One change of a pending row, in a transaction or within one. */
struct pending {
    struct arena *arena;
    const char *key;
};

static struct error *add_pending(struct store *store, void *context)
{
    const struct pending *pending = context;
    struct store_query *query = store_query(store, pending->arena, SQL_PENDING_OBJECTS_INSERT);
    store_bind_text(query, pending->key);
    store_bind_integer(query, clock_wall_ms());
    return store_execute(query);
}

/* Pending rows that go together. */
struct pendings {
    struct arena *arena;
    const char *const *keys;
    size_t count;
};

static struct error *drop_pendings(struct store *store, void *context)
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

/* Runs it in a transaction of its own, which is durable when this returns. */
static struct error *commit(struct store *store, struct arena *arena, store_work *work,
                            void *context)
{
    struct error *error = store_write(store, arena, work, context);
    struct error *ending = store_turn_end(store, arena);
    return error ? error : ending;
}

/* Deletes objects that are pending, as far as the storage does it in a while, and then the rows of
 * those. */
static struct error *dispose(struct store *store, struct objects *objects, struct arena *arena,
                             const char *const *keys, size_t count, size_t *deleted_r)
{
    int64_t until = clock_steady_us() + DISPOSE_US;
    struct error *error = NULL;
    *deleted_r = 0;
    for (size_t i = 0; i < count && !error && clock_steady_us() < until; i++) {
        error = objects_delete(objects, arena, keys[i]);
        *deleted_r += !error;
    }
    struct pendings pendings = {arena, keys, *deleted_r};
    struct error *dropping = *deleted_r ? commit(store, arena, drop_pendings, &pendings) : NULL;
    return error ? error : dropping;
}

void catalog_dispose(struct store *store, struct objects *objects, struct arena *arena,
                     const char *const *keys, size_t count)
{
    size_t deleted;
    const struct error *error = dispose(store, objects, arena, keys, count, &deleted);
    if (error || deleted < count) {
        log_warning("%zu objects are left to the housekeeper: %s", count - deleted,
                    error ? error->cause : "the storage is slow");
    }
}

/* --- adding --------------------------------------------------------------------------- */

struct error *catalog_place(struct store *store, struct objects *objects, struct arena *arena,
                            struct staged *staged, const struct catalog_file *file)
{
    struct pending pending = {arena, file->object_key};
    const struct object_properties properties = {
        .size = file->size,
        .content_type = file->content_type,
        .md5 = file->md5,
        .sha256 = file->sha256,
    };
    struct error *error = commit(store, arena, add_pending, &pending);
    if (error) {
        return error;
    }
    error = objects_place(objects, arena, staged, file->object_key, &properties);
    if (error) {
        catalog_dispose(store, objects, arena, &file->object_key, 1);
    }
    return error;
}

struct recording {
    struct arena *arena;
    const struct catalog_file *file;
    const struct file_quota *quota;
};

static struct error *insert_file(struct store *store, struct arena *arena,
                                 const struct catalog_file *file)
{
    struct buffer words = {.arena = arena};
    struct store_query *query = store_query(store, arena, SQL_FILES_INSERT);
    buffer_add_string(&words, "");
    search_add(&words, file->original_name);
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
    store_bind_text(query, words.bytes);
    store_bind_integer(query, file->created_at);
    return store_execute(query);
}

/* The pending row must still be there: if it took that long, the object may be gone. */
static struct error *confirm(struct store *store, struct arena *arena, const char *key)
{
    struct store_query *query = store_query(store, arena, SQL_PENDING_OBJECTS_DELETE);
    store_bind_text(query, key);
    struct error *error = store_execute(query);
    return error || store_changes(query) == 1
               ? error
               : error_new(arena, ERR_STORAGE_UNAVAILABLE, "object %s took too long", key);
}

static struct error *record(struct store *store, void *context)
{
    const struct recording *recording = context;
    const struct catalog_file *file = recording->file;
    struct error *error = insert_file(store, recording->arena, file);
    if (!error) {
        error = confirm(store, recording->arena, file->object_key);
    }
    return error
               ? error
               : file_usage_add(store, recording->arena, file->scope, file->size, recording->quota);
}

struct error *catalog_record(struct store *store, struct arena *arena,
                             const struct catalog_file *file, const struct file_quota *quota)
{
    struct recording recording = {arena, file, quota};
    return store_write_unserialized(store, arena, record, &recording);
}

/* --- removing -------------------------------------------------------------------------- */

struct error *catalog_remove(struct store *store, struct arena *arena,
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
        error = add_pending(store, &pending);
    }
    return error ? error : file_usage_remove(store, arena, file->scope, file->size);
}

/* --- orphans -------------------------------------------------------------------- */

/* The keys of the oldest, that are due. */
static struct error *find_due(struct store *store, struct arena *arena, int64_t now_ms,
                              const char **keys_r, size_t *count_r)
{
    struct store_query *query = store_query(store, arena, SQL_PENDING_OBJECTS_OLDEST);
    struct error *error;
    bool row;
    *count_r = 0;
    store_bind_integer(query, now_ms - (int64_t)CATALOG_PENDING_S * MS_PER_S);
    store_bind_integer(query, PURGE_BATCH_OBJECTS);
    while (!(error = store_next(query, &row)) && row) {
        keys_r[(*count_r)++] = text_at(query, arena, SQL_PENDING_OBJECTS_OLDEST_OBJECT_KEY);
    }
    return error;
}

struct error *catalog_purge(struct store *store, struct objects *objects, struct arena *arena,
                            int64_t now_ms, struct catalog_orphans *orphans_r, bool *more_r)
{
    const char *keys[PURGE_BATCH_OBJECTS];
    size_t count;
    *orphans_r = (struct catalog_orphans){0};
    struct error *error = find_due(store, arena, now_ms, keys, &count);
    if (!error) {
        error = dispose(store, objects, arena, keys, count, &orphans_r->objects);
    }
    *more_r = !error && count == PURGE_BATCH_OBJECTS;
    return error ? error : objects_sweep(objects, arena, CATALOG_PENDING_S, &orphans_r->staged);
}

struct catalog_job {
    struct store *store;
    struct objects *objects;
};

struct catalog_job *catalog_job_new(struct store *store, struct objects *objects)
{
    struct catalog_job *job = must_alloc(sizeof *job);
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
        log_info("orphans of files deleted: %zu objects, %zu staged", orphans.objects,
                 orphans.staged);
    }
    if (error) {
        log_warning("orphans of files: %s", error->cause);
    }
    arena_free(&arena);
    return clock_steady_us() + (more ? PAUSE_US : REST_US);
}
