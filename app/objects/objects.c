/* See objects.h. The code that all engines share: choice of the engine, keys, staged files. */
#include "objects/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/size.h"
#include "base/spent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLUSH_BYTES = MIB }; /* bytes of a staged file that are written to the disk at a time */

static const struct {
    const char *scheme;
    struct error *(*open)(struct objects *objects, struct arena *arena);
} engines[] = {
    {"file:", local_open},
    {"s3:", s3_open},
};

/* --- opening and closing ---------------------------------------------------------------------- */

struct error *objects_open(const struct config *config, struct arena *arena,
                           struct objects **objects_r)
{
    const char *url = config->storage_url;
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        if (!strncmp(url, engines[i].scheme, strlen(engines[i].scheme))) {
            struct objects *objects = base_alloc(sizeof *objects);
            *objects = (struct objects){.config = config};
            struct error *error = engines[i].open(objects, arena);
            if (error) {
                free(objects);
                objects = NULL;
            }
            *objects_r = objects;
            return error;
        }
    }
    *objects_r = NULL;
    return error_new(arena, ERR_STORAGE_UNAVAILABLE, "must be file:///path or s3://bucket?…");
}

void objects_close(struct objects **objects)
{
    if (*objects) {
        (*objects)->engine->close((*objects)->state);
        free(*objects);
        *objects = NULL;
    }
}

const char *objects_generate_key(struct arena *arena)
{
    return random_hex(arena, OBJECT_KEY_LENGTH / 2);
}

/* --- measured time ---------------------------------------------------------------------------- */

static void count_storage_time(const char *operation, int64_t us)
{
    metrics_observe(METRIC_STORAGE_TIME, metrics_series(METRIC_STORAGE_TIME, operation, NULL), us);
}

/* Counts the time of an operation that began at `began`. */
static void count_storage_time_since(const char *operation, int64_t began)
{
    int64_t us = clock_steady_us() - began;
    spent_add(SPENT_STORAGE, us);
    count_storage_time(operation, us);
}

/* Adds to the time spent on a staged file. It is measured in parts, because the worker waits for
 * the client between them. */
static void add_staging_time(struct staged *staged, int64_t began)
{
    int64_t us = clock_steady_us() - began;
    staged->spent_us += us;
    spent_add(SPENT_STORAGE, us);
}

/* --- staged files ----------------------------------------------------------------------------- */

struct error *objects_stage(struct objects *objects, struct arena *arena, struct staged *staged_r)
{
    int64_t began = clock_steady_us();
    struct error *error = storage_stage(objects, arena, staged_r);
    add_staging_time(staged_r, began);
    if (error) {
        count_storage_time("stage", staged_r->spent_us);
    }
    return error;
}

static struct error *append_to_staged(struct arena *arena, struct staged *staged, const char *bytes,
                                      size_t length)
{
    if (file_write(staged->fd, bytes, length) != length) {
        return storage_error(arena, staged->path);
    }
    staged->length += (int64_t)length;
    if (staged->length - staged->flushed >= FLUSH_BYTES) {
        /* Starts writing to the disk early, so that the final fsync() has little left to write. */
        (void)sync_file_range(staged->fd, staged->flushed, staged->length - staged->flushed,
                              SYNC_FILE_RANGE_WRITE);
        staged->flushed = staged->length;
    }
    return NULL;
}

struct error *objects_write(struct arena *arena, struct staged *staged, const char *bytes,
                            size_t length)
{
    int64_t began = clock_steady_us();
    struct error *error = append_to_staged(arena, staged, bytes, length);
    add_staging_time(staged, began);
    return error;
}

void objects_discard(struct objects *objects, struct staged *staged)
{
    (void)objects;
    if (staged->fd >= 0) {
        int64_t began = clock_steady_us();
        storage_discard(staged);
        add_staging_time(staged, began);
        count_storage_time("stage", staged->spent_us);
    }
}

struct error *objects_purge_staged(struct objects *objects, struct arena *arena, int64_t age_s,
                                   size_t *removed_r)
{
    time_t now = (time_t)(clock_wall_ms() / MS_PER_S), before = now - age_s;
    *removed_r = 0;
    DIR *folder = opendir(objects->staging);
    if (!folder) {
        return errno == ENOENT ? NULL : storage_error(arena, objects->staging);
    }
    struct error *error = NULL;
    for (const struct dirent *entry; !error && (entry = readdir(folder));) {
        struct stat facts;
        if (storage_is_key(entry->d_name) &&
            fstatat(dirfd(folder), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
            (facts.st_mtime <= before || facts.st_mtime > now + age_s)) {
            if (unlinkat(dirfd(folder), entry->d_name, 0) == 0) {
                (*removed_r)++;
            } else if (errno != ENOENT) {
                error = storage_error(arena, entry->d_name);
            }
        }
    }
    closedir(folder);
    return error;
}

/* --- objects ---------------------------------------------------------------------------------- */

struct error *objects_put(struct objects *objects, struct arena *arena, struct staged *staged,
                          const char *key, const struct object_properties *properties)
{
    int64_t began = clock_steady_us();
    struct error *error = objects->engine->put(objects->state, arena, staged, key, properties);
    count_storage_time_since("place", began);
    return error;
}

struct error *objects_find(struct objects *objects, struct arena *arena, const char *key,
                           bool *found_r, struct object_info *info_r)
{
    return objects->engine->find(objects->state, arena, key, found_r, info_r);
}

struct error *objects_list(struct objects *objects, struct arena *arena, const char *after,
                           struct object_info *infos_r, size_t max, size_t *count_r)
{
    return objects->engine->list(objects->state, arena, after, infos_r, max, count_r);
}

struct error *objects_delete(struct objects *objects, struct arena *arena, const char *key)
{
    int64_t began = clock_steady_us();
    struct error *error = objects->engine->delete (objects->state, arena, key);
    count_storage_time_since("delete", began);
    return error;
}

struct error *objects_sign_url(struct objects *objects, struct arena *arena,
                               const struct object_download *download, const char **url_r)
{
    return objects->engine->sign_url(objects->state, arena, download, url_r);
}

bool objects_verify_url(const struct objects *objects, const char *name, const char *expires,
                        const char *signature)
{
    return objects->engine->verify_url &&
           objects->engine->verify_url(objects->state, name, expires, signature);
}

const char *objects_internal_path(struct arena *arena, const char *key)
{
    return arena_format(arena, "/_objects/%.2s/%s", key, key);
}

struct error *objects_check(struct objects *objects, struct arena *arena)
{
    int64_t began = clock_steady_us();
    struct error *error = objects->engine->check(objects->state, arena);
    count_storage_time_since("check", began);
    return error;
}
