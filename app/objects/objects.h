/*
 * Objects: immutable bytes under opaque keys, on local disk or in S3-compatible storage.
 *
 * Incoming bytes are first written to a staged file on this host, which clients cannot see. There
 * they are measured, checked and scanned. objects_put() then turns the staged file into an object
 * in one durable step: a rename on local disk, a PUT in S3.
 *
 * Callers generate keys with objects_generate_key(). A key consists of lower-case hexadecimal
 * digits and reveals nothing about the client's file name. The database records which objects
 * should exist; this folder does not use it.
 *
 * Errors: ERR_STORAGE_UNAVAILABLE if the engine is unreachable, slow or refuses the request, and
 * ERR_STORAGE_FULL if it has no space; the log has the cause. A request that got no response is
 * retried if repeating it is harmless.
 *
 * The time of calls that requests make is measured (METRIC_STORAGE_TIME, SPENT_STORAGE). The parts
 * of one staged file count as one operation, which ends when it is discarded. objects_find() and
 * objects_list() are not measured, because only commands call them.
 */
#ifndef OBJECTS_OBJECTS_H
#define OBJECTS_OBJECTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct config;
struct objects; /* an open storage engine; each process opens its own */

enum { OBJECT_KEY_LENGTH = 32 };

/* A staged file. */
struct staged {
    int fd;                  /* descriptor for reading and writing; -1: the file was deleted */
    char *path;              /* path of the file, in the arena */
    int64_t length, flushed; /* bytes written; how many of these were sent to the disk early */
    int64_t spent_us;        /* time of file operations, without objects_put() */
};

/* Properties that are stored with an object. */
struct object_properties {
    int64_t size;
    const char *content_type;
    const unsigned char *md5;    /* 16 bytes; S3 rejects a body with another digest */
    const unsigned char *sha256; /* 32 bytes; S3 rejects a body with another digest */
};

/* A stored object. */
struct object_info {
    char key[OBJECT_KEY_LENGTH + 1];
    int64_t size;
    int64_t modified_ms; /* wall clock, milliseconds */
};

/* The download of an object by a client. */
struct object_download {
    const char *key;
    const char *name;        /* name of the file in the API; a path segment */
    const char *disposition; /* the value of Content-Disposition (RFC 6266) */
    const char *content_type;
    const char *base; /* origin of the URL: "https://kontora.example.com"; "": the URL is a path */
    int64_t expires;  /* wall clock, seconds since the epoch */
};

/* Opens the engine that STORAGE_URL and its settings describe. Connects to nothing: an unreachable
 * engine is an error of each later call. Ends the process if memory is exhausted. */
struct error *objects_open(const struct config *config, struct arena *arena,
                           struct objects **objects_r) MUST_CHECK;
void objects_close(struct objects **objects);

/* Returns the folder of the local engine; NULL if the objects are not on this host. */
const char *objects_folder(const struct config *config, struct arena *arena);

/* Generates a key: 128 random bits. */
const char *objects_generate_key(struct arena *arena) __attribute__((returns_nonnull));

/* Creates an empty staged file. objects_discard() closes and deletes it; it must be called after
 * objects_put() as well. A second call is a no-op. */
struct error *objects_stage(struct objects *objects, struct arena *arena,
                            struct staged *staged_r) MUST_CHECK;
void objects_discard(struct objects *objects, struct staged *staged);

/* Appends to a staged file. */
struct error *objects_write(struct arena *arena, struct staged *staged, const char *bytes,
                            size_t length) MUST_CHECK;

/* Stores the staged bytes as the object `key`. The object is durable when this returns. */
struct error *objects_put(struct objects *objects, struct arena *arena, struct staged *staged,
                          const char *key, const struct object_properties *properties) MUST_CHECK;

/* Sets *found_r to true, and *info_r, if the object exists. */
struct error *objects_find(struct objects *objects, struct arena *arena, const char *key,
                           bool *found_r, struct object_info *info_r) MUST_CHECK;

/* Lists up to `max` objects in the order of their keys, starting after the key `after` ("": from
 * the beginning). Fewer than `max` mean the end of the list. */
struct error *objects_list(struct objects *objects, struct arena *arena, const char *after,
                           struct object_info *infos_r, size_t max, size_t *count_r) MUST_CHECK;

/* Deletes an object. No-op if it does not exist. */
struct error *objects_delete(struct objects *objects, struct arena *arena,
                             const char *key) MUST_CHECK;

/* Returns a signed URL from which a client downloads the object without a token until it
 * expires. */
struct error *objects_sign_url(struct objects *objects, struct arena *arena,
                               const struct object_download *download,
                               const char **url_r) MUST_CHECK;

/* True if objects_sign_url() has made a URL with this name, expiry and signature, and it has not
 * expired. Always false for S3, which verifies its URLs itself. */
bool objects_verify_url(const struct objects *objects, const char *name, const char *expires,
                        const char *signature);

/* Returns the path of nginx's internal location for an object, after objects_verify_url() has
 * accepted the URL. */
const char *objects_internal_path(struct arena *arena, const char *key)
    __attribute__((returns_nonnull));

/* Checks the health of the engine with a request to it. */
struct error *objects_check(struct objects *objects, struct arena *arena) MUST_CHECK;

/* Deletes staged files older than `age_s` seconds, which workers left behind when they were
 * killed. */
struct error *objects_purge_staged(struct objects *objects, struct arena *arena, int64_t age_s,
                                   size_t *removed_r) MUST_CHECK;

/* --- health, shared by all processes ---------------------------------------------------------- */

/* Allocates the shared memory. Called in the master, before it forks. */
void objects_share(void);

/* Calls objects_check(), stores the result for objects_health() in all processes, and logs changes.
 * Returns the time of the steady clock at which to call it again. */
int64_t objects_watch(struct objects *objects);

enum objects_state {
    OBJECTS_UNKNOWN, /* not checked yet */
    OBJECTS_DOWN,
    OBJECTS_UP,
};

struct objects_health {
    enum objects_state state;
    int64_t latency_us; /* duration of the last check; -1: it failed */
    int64_t checked_ms; /* wall clock; 0: never */
};

/* Reads the last result of objects_watch(). Sends no request to the storage. */
void objects_health(struct objects_health *health_r);

#endif
