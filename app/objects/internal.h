/*
 * The interface between objects.c and the engines. objects.c stages files, makes keys, and calls
 * the engine for everything else.
 */
#ifndef OBJECTS_INTERNAL_H
#define OBJECTS_INTERNAL_H

#include "objects/objects.h"

#include <sys/types.h>

/* The functions of an engine. Contracts are those of the functions of the same names in
 * objects.h. */
struct objects_engine {
    void (*close)(void *engine);
    /* Creates the folder of staged files, if it does not exist. */
    struct error *(*make_staging)(void *engine, struct arena *arena);
    struct error *(*put)(void *engine, struct arena *arena, struct staged *staged, const char *key,
                         const struct object_properties *properties);
    struct error *(*find)(void *engine, struct arena *arena, const char *key, bool *found_r,
                          struct object_info *info_r);
    struct error *(*list)(void *engine, struct arena *arena, const char *after,
                          struct object_info *infos_r, size_t max, size_t *count_r);
    struct error *(*delete)(void *engine, struct arena *arena, const char *key);
    struct error *(*sign_url)(void *engine, struct arena *arena,
                              const struct object_download *download, const char **url_r);
    /* NULL: clients download from the engine itself, which verifies its URLs. */
    bool (*verify_url)(const void *engine, const char *name, const char *expires,
                       const char *signature);
    struct error *(*check)(void *engine, struct arena *arena);
};

struct objects {
    const struct objects_engine *engine;
    void *state;         /* state of the engine */
    const char *staging; /* folder of staged files */
    const struct config *config;
};

/* Returns the error of a failed system call, by errno: ERR_STORAGE_FULL or ERR_STORAGE_UNAVAILABLE.
 * `object` is the path, or another name of the thing that the call concerned, for the log. */
struct error *storage_error(struct arena *arena, const char *object)
    __attribute__((returns_nonnull));

/* Like objects_stage() and objects_discard(), without measuring the time. */
struct error *storage_stage(struct objects *objects, struct arena *arena,
                            struct staged *staged_r) MUST_CHECK;
void storage_discard(struct staged *staged);

/* Mode of folders that only the service may use. */
enum { STORAGE_PRIVATE = 0700 };

/* Creates a folder and its missing parents. No-op if it exists. */
struct error *storage_make_folder(struct arena *arena, const char *path, mode_t mode) MUST_CHECK;

/* True if the file name has the form of a key. Folders may hold other files, which are ignored. */
bool storage_is_key(const char *name);

/* Open the engine that STORAGE_URL describes, and set `engine`, `state` and `staging`. local_open()
 * accepts file:///path; s3_open() accepts
 * s3://bucket?endpoint=…&region=…&path_style=…&public_endpoint=… */
struct error *local_open(struct objects *objects, struct arena *arena) MUST_CHECK;
struct error *s3_open(struct objects *objects, struct arena *arena) MUST_CHECK;

#endif
