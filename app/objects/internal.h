/* What objects.c and the engines share. objects.c stages, names keys, and hands on to the engine. */
#ifndef OBJECTS_INTERNAL_H
#define OBJECTS_INTERNAL_H

#include "objects/objects.h"

struct buffer;

/* An engine; the functions are those of objects.h. */
struct objects_engine {
    void (*close)(void *engine);
    struct error *(*place)(void *engine, struct arena *arena, struct staged *staged,
                           const char *key, const struct object_properties *properties);
    struct error *(*find)(void *engine, struct arena *arena, const char *key, bool *found_r,
                          struct object_info *info_r);
    struct error *(*list)(void *engine, struct arena *arena, const char *after,
                          struct object_info *infos_r, size_t max, size_t *count_r);
    struct error *(*delete)(void *engine, struct arena *arena, const char *key);
    struct error *(*url)(void *engine, struct arena *arena, const struct object_download *download,
                         const char **url_r);
    struct error *(*check)(void *engine, struct arena *arena);
};

struct objects {
    const struct objects_engine *engine;
    void *state;         /* the engine's own */
    const char *staging; /* the folder of staged files; of the local engine, on its file system */
    const struct config *config;
};

/* Fill in engine, state and staging from the configuration: file:///path, and
 * s3://bucket?endpoint=…&region=…&path_style=…&public_endpoint=… */
struct error *local_open(struct objects *objects, struct arena *arena) MUST_CHECK;
struct error *s3_open(struct objects *objects, struct arena *arena) MUST_CHECK;

/* What objects_check_settings() promises, for STORAGE_URL of their scheme. */
bool s3_check_settings(const struct config *config, struct buffer *faults) MUST_CHECK;

#endif
