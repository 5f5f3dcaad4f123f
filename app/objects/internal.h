/* What objects.c and the engines share. objects.c stages, names keys, and hands on to the engine. */
#ifndef OBJECTS_INTERNAL_H
#define OBJECTS_INTERNAL_H

#include "objects/objects.h"

#include <sys/types.h>

/* An engine; the functions are those of objects.h. */
struct objects_engine {
    void (*close)(void *engine);
    /* Makes the folder of staged files, if there is none. */
    struct error *(*prepare)(void *engine, struct arena *arena);
    struct error *(*place)(void *engine, struct arena *arena, struct staged *staged,
                           const char *key, const struct object_properties *properties);
    struct error *(*find)(void *engine, struct arena *arena, const char *key, bool *found_r,
                          struct object_info *info_r);
    struct error *(*list)(void *engine, struct arena *arena, const char *after,
                          struct object_info *infos_r, size_t max, size_t *count_r);
    struct error *(*delete)(void *engine, struct arena *arena, const char *key);
    struct error *(*url)(void *engine, struct arena *arena, const struct object_download *download,
                         const char **url_r);
    /* NULL: it gives out its objects itself. */
    bool (*verify)(const void *engine, const char *name, const char *expires,
                   const char *signature);
    struct error *(*check)(void *engine, struct arena *arena);
};

struct objects {
    const struct objects_engine *engine;
    void *state;         /* the engine's own */
    const char *staging; /* the folder of staged files; of the local engine, on its file system */
    const struct config *config;
};

/* What failed with errno, and the path or whatever it was about: ERR_STORAGE_FULL, or
 * ERR_STORAGE_UNAVAILABLE. */
struct error *storage_error(struct arena *arena, const char *what) __attribute__((returns_nonnull));

/* objects_stage() and objects_discard() of whoever's time is counted already. */
struct error *storage_stage(struct objects *objects, struct arena *arena,
                            struct staged *staged_r) MUST_CHECK;
void storage_discard(struct staged *staged);

/* The mode of folders that are the service's alone. */
enum { STORAGE_PRIVATE = 0700 };

/* Makes a folder and those that lead to it, as far as they are missing. */
struct error *storage_make_folder(struct arena *arena, const char *path, mode_t mode) MUST_CHECK;

/* Whether a file's name has the form of a key: other files are none of ours. */
bool storage_is_key(const char *name);

/* Fill in engine, state and staging from the configuration: file:///path, and
 * s3://bucket?endpoint=…&region=…&path_style=…&public_endpoint=… */
struct error *local_open(struct objects *objects, struct arena *arena) MUST_CHECK;
struct error *s3_open(struct objects *objects, struct arena *arena) MUST_CHECK;

#endif
