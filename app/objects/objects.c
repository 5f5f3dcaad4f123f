/* See objects.h. What all engines have in common: which one it is, keys, and staged files. */
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

enum { FLUSH_BYTES = MIB };

static const struct {
    const char *scheme;
    struct error *(*open)(struct objects *objects, struct arena *arena);
} engines[] = {
    {"file:", local_open},
    {"s3:", s3_open},
};

/* --- life ------------------------------------------------------------------------------------ */

struct error *objects_open(const struct config *config, struct arena *arena,
                           struct objects **objects_r)
{
    const char *url = config->storage_url;
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        if (!strncmp(url, engines[i].scheme, strlen(engines[i].scheme))) {
            struct objects *objects = must_alloc(sizeof *objects);
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

const char *objects_key(struct arena *arena)
{
    return random_hex(arena, OBJECT_KEY_LENGTH / 2);
}

/* --- time ------------------------------------------------------------------------------------ */

static void count_time(const char *operation, int64_t us)
{
    metrics_observe(METRIC_STORAGE_TIME, metrics_series(METRIC_STORAGE_TIME, operation, NULL), us);
}

/* What an operation took since `began`. */
static void count_since(const char *operation, int64_t began)
{
    int64_t us = clock_steady_us() - began;
    spent_add(SPENT_STORAGE, us);
    count_time(operation, us);
}

/* A part of what a staged file takes: the client is waited for between the parts. */
static void spend(struct staged *staged, int64_t began)
{
    int64_t us = clock_steady_us() - began;
    staged->spent_us += us;
    spent_add(SPENT_STORAGE, us);
}

/* --- staged files ---------------------------------------------------------------------------- */

struct error *objects_stage(struct objects *objects, struct arena *arena, struct staged *staged_r)
{
    int64_t began = clock_steady_us();
    struct error *error = storage_stage(objects, arena, staged_r);
    spend(staged_r, began);
    if (error) {
        count_time("stage", staged_r->spent_us);
    }
    return error;
}

static struct error *append(struct arena *arena, struct staged *staged, const char *bytes,
                            size_t length)
{
    if (file_write(staged->fd, bytes, length) != length) {
        return storage_error(arena, staged->path);
    }
    staged->length += (int64_t)length;
    if (staged->length - staged->flushed >= FLUSH_BYTES) {
        /* Begins to write to the disk while more comes, so that the fsync() at the end has little left. */
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
    struct error *error = append(arena, staged, bytes, length);
    spend(staged, began);
    return error;
}

void objects_discard(struct objects *objects, struct staged *staged)
{
    (void)objects;
    if (staged->fd >= 0) {
        int64_t began = clock_steady_us();
        storage_discard(staged);
        spend(staged, began);
        count_time("stage", staged->spent_us);
    }
}

struct error *objects_sweep(struct objects *objects, struct arena *arena, int64_t age_s,
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

/* --- objects --------------------------------------------------------------------------------- */

struct error *objects_place(struct objects *objects, struct arena *arena, struct staged *staged,
                            const char *key, const struct object_properties *properties)
{
    int64_t began = clock_steady_us();
    struct error *error = objects->engine->place(objects->state, arena, staged, key, properties);
    count_since("place", began);
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
    count_since("delete", began);
    return error;
}

struct error *objects_url(struct objects *objects, struct arena *arena,
                          const struct object_download *download, const char **url_r)
{
    return objects->engine->url(objects->state, arena, download, url_r);
}

bool objects_verify(const struct objects *objects, const char *name, const char *expires,
                    const char *signature)
{
    return objects->engine->verify &&
           objects->engine->verify(objects->state, name, expires, signature);
}

const char *objects_internal_path(struct arena *arena, const char *key)
{
    return arena_format(arena, "/_objects/%.2s/%s", key, key);
}

struct error *objects_check(struct objects *objects, struct arena *arena)
{
    int64_t began = clock_steady_us();
    struct error *error = objects->engine->check(objects->state, arena);
    count_since("check", began);
    return error;
}
