/* See catalog_check.h. */
#include "files/catalog_check.h"

#include "base/arena.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 500 };

/* A file, as far as it is checked. */
struct known {
    const char *name, *key;
    int64_t size;
};

/* A check under way: a page of each side, and where in it we are. */
struct check {
    struct store *store;
    struct objects *objects;
    bool repair;
    struct arena *file_arena, *object_arena; /* of the current pages */
    struct buffer *report;
    struct catalog_faults *faults;
    struct known files[PAGE];
    struct object_info infos[PAGE];
    size_t file_count, file_at, info_count, info_at;
    bool files_ended, objects_ended; /* the page is the last one */
    char after_file[OBJECT_KEY_LENGTH + 1], after_object[OBJECT_KEY_LENGTH + 1];
};

/* --- pages ----------------------------------------------------------------------------------- */

static struct error *read_files(struct check *check)
{
    check->file_at = check->file_count = 0;
    if (check->files_ended) {
        return NULL;
    }
    arena_reset(check->file_arena);
    struct store_query *query = store_query(check->store, check->file_arena, SQL_FILES_BY_OBJECT);
    struct error *error;
    bool row;
    store_bind_text(query, check->after_file);
    store_bind_integer(query, PAGE);
    while (!(error = store_next(query, &row)) && row) {
        struct known *known = &check->files[check->file_count++];
        known->name =
            arena_string(check->file_arena, store_text(query, SQL_FILES_BY_OBJECT_NAME, NULL));
        known->key = arena_string(check->file_arena,
                                  store_text(query, SQL_FILES_BY_OBJECT_OBJECT_KEY, NULL));
        known->size = store_integer(query, SQL_FILES_BY_OBJECT_SIZE);
        snprintf(check->after_file, sizeof check->after_file, "%s", known->key);
    }
    check->files_ended = check->file_count < PAGE;
    return error;
}

static struct error *read_objects(struct check *check)
{
    check->info_at = check->info_count = 0;
    if (check->objects_ended) {
        return NULL;
    }
    arena_reset(check->object_arena);
    struct error *error = objects_list(check->objects, check->object_arena, check->after_object,
                                       check->infos, PAGE, &check->info_count);
    check->objects_ended = check->info_count < PAGE;
    if (!error && check->info_count) {
        memcpy(check->after_object, check->infos[check->info_count - 1].key,
               sizeof check->after_object);
    }
    return error;
}

/* The next page of whichever side has none left. Files first: one that comes later has an object that comes
 * later too. */
static struct error *fill(struct check *check)
{
    struct error *error = NULL;
    if (check->file_at == check->file_count) {
        error = read_files(check);
    }
    if (!error && check->info_at == check->info_count) {
        error = read_objects(check);
    }
    return error;
}

/* --- faults ---------------------------------------------------------------------------------- */

/* The file of a key as it is now. */
static struct error *file_of(struct store *store, struct arena *arena, const char *key,
                             bool *found_r, struct catalog_file *file_r)
{
    struct store_query *query = store_query(store, arena, SQL_FILES_OF_OBJECT);
    bool row;
    store_bind_text(query, key);
    struct error *error = store_next(query, found_r);
    if (error || !*found_r) {
        return error;
    }
    catalog_read(query, arena, file_r);
    return store_next(query, &row);
}

/* Whether the key is one of those that are on their way in or out. */
static struct error *is_under_way(const struct check *check, struct arena *arena, const char *key,
                                  bool *under_way_r)
{
    struct store_query *query = store_query(check->store, arena, SQL_PENDING_OBJECTS_GET);
    bool row;
    store_bind_text(query, key);
    struct error *error = store_next(query, &row);
    *under_way_r = !error && row &&
                   store_integer(query, SQL_PENDING_OBJECTS_GET_SINCE) >
                       clock_wall_ms() - (int64_t)CATALOG_PENDING_S * MS_PER_S;
    return error || !row ? error : store_next(query, &row);
}

struct forgetting {
    struct arena *arena;
    const struct catalog_file *file;
};

static struct error *forget(struct store *store, void *context)
{
    const struct forgetting *forgetting = context;
    return catalog_remove(store, forgetting->arena, forgetting->file);
}

/* The file's row becomes a pending one, and with that it goes. */
static struct error *forget_file(const struct check *check, struct arena *arena,
                                 const struct catalog_file *file)
{
    struct forgetting forgetting = {arena, file};
    struct error *error = store_write(check->store, arena, forget, &forgetting);
    struct error *ending = store_turn_end(check->store, arena);
    if (!error && !ending) {
        catalog_dispose(check->store, check->objects, arena, &file->object_key, 1);
    }
    return error ? error : ending;
}

/* A file whose object was not listed: it may have been deleted meanwhile. */
static struct error *look_for_object(const struct check *check, struct arena *arena,
                                     const struct known *known)
{
    struct catalog_file file;
    struct object_info info;
    bool is_file = false, is_there = false;
    struct error *error = objects_find(check->objects, arena, known->key, &is_there, &info);
    if (!error && !is_there) {
        error = file_of(check->store, arena, known->key, &is_file, &file);
    }
    if (error || is_there || !is_file) {
        return error;
    }
    check->faults->lost++;
    buffer_format(check->report, "lost %s\n", known->name);
    return check->repair ? forget_file(check, arena, &file) : NULL;
}

/* An object whose file was not listed: it may have come meanwhile. */
static struct error *look_for_file(const struct check *check, struct arena *arena, const char *key)
{
    struct catalog_file file;
    bool is_file = false, under_way = false;
    struct error *error = is_under_way(check, arena, key, &under_way);
    if (!error && !under_way) {
        error = file_of(check->store, arena, key, &is_file, &file);
    }
    if (error || under_way || is_file) {
        return error;
    }
    check->faults->orphans++;
    buffer_format(check->report, "stray %s\n", key);
    if (check->repair) {
        catalog_dispose(check->store, check->objects, arena, &key, 1);
    }
    return NULL;
}

/* --- the merge of both sides ----------------------------------------------------------------- */

static void compare(const struct check *check, const struct known *file,
                    const struct object_info *info)
{
    if (file->size == info->size) {
        check->faults->whole++;
        return;
    }
    check->faults->damaged++;
    buffer_format(check->report, "damaged %s: %" PRId64 " bytes instead of %" PRId64 "\n",
                  file->name, info->size, file->size);
}

static struct error *copy_error(struct arena *arena, const struct error *error)
{
    return error ? error_new(arena, error->id, "%s", error->cause ? error->cause : "") : NULL;
}

static struct error *step(struct check *check)
{
    const struct known *file =
        check->file_at < check->file_count ? &check->files[check->file_at] : NULL;
    const struct object_info *info =
        check->info_at < check->info_count ? &check->infos[check->info_at] : NULL;
    int order = !file ? 1 : !info ? -1 : strcmp(file->key, info->key);
    check->file_at += order <= 0;
    check->info_at += order >= 0;
    if (!order) {
        compare(check, file, info);
        return NULL;
    }
    struct arena *arena = arena_new();
    struct error *error =
        order < 0 ? look_for_object(check, arena, file) : look_for_file(check, arena, info->key);
    error = copy_error(check->file_arena, error);
    arena_free(&arena);
    return error;
}

static struct error *check_all(struct check *check)
{
    struct error *error = fill(check);
    while (!error && (check->file_count || check->info_count)) {
        error = step(check);
        if (!error &&
            (check->file_at == check->file_count || check->info_at == check->info_count)) {
            error = fill(check);
        }
    }
    return error;
}

/* One pass over everything. */
static struct error *pass(struct store *store, struct objects *objects, bool repair,
                          struct arena *arena, struct buffer *report,
                          struct catalog_faults *faults_r)
{
    struct check *check = arena_alloc(arena, sizeof *check);
    *check = (struct check){
        .store = store,
        .objects = objects,
        .repair = repair,
        .file_arena = arena_new(),
        .object_arena = arena_new(),
        .report = report,
        .faults = faults_r,
    };
    *faults_r = (struct catalog_faults){0};
    struct error *error = copy_error(arena, check_all(check));
    arena_free(&check->file_arena);
    arena_free(&check->object_arena);
    return error;
}

struct error *catalog_check(struct store *store, struct objects *objects, bool repair,
                            struct arena *arena, struct buffer *report,
                            struct catalog_faults *faults_r)
{
    struct error *error = pass(store, objects, false, arena, report, faults_r);
    if (error || !repair || !(faults_r->lost + faults_r->orphans)) {
        return error;
    }
    if (faults_r->lost && !faults_r->whole && !faults_r->damaged) {
        return error_new(arena, ERR_STORAGE_UNAVAILABLE,
                         "not one of the files has its object: is it their storage?");
    }
    buffer_clear(report);
    return pass(store, objects, true, arena, report, faults_r);
}
