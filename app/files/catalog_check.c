/* See catalog_check.h. */
#include "files/catalog_check.h"

#include "base/arena.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 500 };

/* The columns of a file that are checked. */
struct listed_file {
    const char *name, *key;
    int64_t size;
};

/* The state of a check: a page of files, a page of objects, and the position in each. */
struct check {
    struct store *store;
    struct objects *objects;
    bool repair;
    struct arena *file_arena, *object_arena; /* arenas of the current pages */
    struct buffer *report;
    struct catalog_faults *faults;
    struct listed_file files[PAGE];
    struct object_info infos[PAGE];
    size_t file_count, file_at, info_count, info_at;
    bool files_ended, objects_ended; /* the last page was read */
    char after_file[OBJECT_KEY_LENGTH + 1], after_object[OBJECT_KEY_LENGTH + 1];
};

/* --- pages ------------------------------------------------------------------------------------ */

static struct error *read_file_page(struct check *check)
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
        struct listed_file *file = &check->files[check->file_count++];
        file->name =
            arena_string(check->file_arena, store_text(query, SQL_FILES_BY_OBJECT_NAME, NULL));
        file->key = arena_string(check->file_arena,
                                 store_text(query, SQL_FILES_BY_OBJECT_OBJECT_KEY, NULL));
        file->size = store_integer(query, SQL_FILES_BY_OBJECT_SIZE);
        snprintf(check->after_file, sizeof check->after_file, "%s", file->key);
    }
    check->files_ended = check->file_count < PAGE;
    return error;
}

static struct error *read_object_page(struct check *check)
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

/* Reads the next page of each side whose page is used up. Reads files first: an upload in between
 * then adds an object whose file is not listed, which check_missing_file() looks up. */
static struct error *read_next_pages(struct check *check)
{
    struct error *error = NULL;
    if (check->file_at == check->file_count) {
        error = read_file_page(check);
    }
    if (!error && check->info_at == check->info_count) {
        error = read_object_page(check);
    }
    return error;
}

/* --- faults ----------------------------------------------------------------------------------- */

/* Reads the file of an object key from the database. */
static struct error *find_file_of_object(struct store *store, struct arena *arena, const char *key,
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

/* Sets *in_progress_r to true if a request may be uploading or deleting the object. */
static struct error *check_in_progress(const struct check *check, struct arena *arena,
                                       const char *key, bool *in_progress_r)
{
    struct store_query *query = store_query(check->store, arena, SQL_PENDING_OBJECTS_GET);
    bool row;
    store_bind_text(query, key);
    struct error *error = store_next(query, &row);
    *in_progress_r = !error && row &&
                     store_integer(query, SQL_PENDING_OBJECTS_GET_SINCE) >
                         clock_wall_ms() - (int64_t)CATALOG_PENDING_S * MS_PER_S;
    return error || !row ? error : store_next(query, &row);
}

struct deletion {
    struct arena *arena;
    const struct catalog_file *file;
};

static struct error *delete_lost_file(struct store *store, void *context)
{
    const struct deletion *deletion = context;
    return catalog_delete_file(store, deletion->arena, deletion->file);
}

/* Deletes a lost file in the same way as a request: its row becomes a pending row, which is then
 * deleted. */
static struct error *repair_lost_file(const struct check *check, struct arena *arena,
                                      const struct catalog_file *file)
{
    struct deletion deletion = {arena, file};
    struct error *error = store_write(check->store, arena, delete_lost_file, &deletion);
    struct error *ending = store_group_commit(check->store, arena);
    if (!error && !ending) {
        catalog_delete_pending(check->store, check->objects, arena, &file->object_key, 1);
    }
    return error ? error : ending;
}

/* Checks a file whose object was not listed. The file may have been deleted meanwhile. */
static struct error *check_missing_object(const struct check *check, struct arena *arena,
                                          const struct listed_file *file)
{
    struct catalog_file current;
    struct object_info info;
    bool is_file = false, is_there = false;
    struct error *error = objects_find(check->objects, arena, file->key, &is_there, &info);
    if (!error && !is_there) {
        error = find_file_of_object(check->store, arena, file->key, &is_file, &current);
    }
    if (error || is_there || !is_file) {
        return error;
    }
    check->faults->lost++;
    buffer_format(check->report, "lost %s\n", file->name);
    return check->repair ? repair_lost_file(check, arena, &current) : NULL;
}

/* Checks an object whose file was not listed. The file may have been uploaded meanwhile. */
static struct error *check_missing_file(const struct check *check, struct arena *arena,
                                        const char *key)
{
    struct catalog_file file;
    bool is_file = false, in_progress = false;
    struct error *error = check_in_progress(check, arena, key, &in_progress);
    if (!error && !in_progress) {
        error = find_file_of_object(check->store, arena, key, &is_file, &file);
    }
    if (error || in_progress || is_file) {
        return error;
    }
    check->faults->orphans++;
    buffer_format(check->report, "orphan %s\n", key);
    if (check->repair) {
        catalog_delete_pending(check->store, check->objects, arena, &key, 1);
    }
    return NULL;
}

/* --- comparing files and objects -------------------------------------------------------------- */

static void compare_sizes(const struct check *check, const struct listed_file *file,
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

/* Copies an error out of an arena that will be freed. */
static struct error *copy_error(struct arena *arena, const struct error *error)
{
    return error ? error_new(arena, error->id, "%s", error->cause ? error->cause : "") : NULL;
}

/* Compares the next file and the next object. */
static struct error *check_next(struct check *check)
{
    const struct listed_file *file =
        check->file_at < check->file_count ? &check->files[check->file_at] : NULL;
    const struct object_info *info =
        check->info_at < check->info_count ? &check->infos[check->info_at] : NULL;
    int order = !file ? 1 : !info ? -1 : strcmp(file->key, info->key);
    check->file_at += order <= 0;
    check->info_at += order >= 0;
    if (!order) {
        compare_sizes(check, file, info);
        return NULL;
    }
    struct arena *arena = arena_new();
    struct error *error = order < 0 ? check_missing_object(check, arena, file)
                                    : check_missing_file(check, arena, info->key);
    error = copy_error(check->file_arena, error);
    arena_free(&arena);
    return error;
}

static struct error *check_all(struct check *check)
{
    struct error *error = read_next_pages(check);
    while (!error && (check->file_count || check->info_count)) {
        error = check_next(check);
        if (!error &&
            (check->file_at == check->file_count || check->info_at == check->info_count)) {
            error = read_next_pages(check);
        }
    }
    return error;
}

/* Checks all files and objects once. */
static struct error *run_check(struct store *store, struct objects *objects, bool repair,
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
    struct error *error = run_check(store, objects, false, arena, report, faults_r);
    if (error || !repair || !(faults_r->lost + faults_r->orphans)) {
        return error;
    }
    if (faults_r->lost && !faults_r->whole && !faults_r->damaged) {
        return error_new(arena, ERR_STORAGE_UNAVAILABLE,
                         "catalog: none of the files has an object: check STORAGE_URL");
    }
    buffer_clear(report);
    return run_check(store, objects, true, arena, report, faults_r);
}
