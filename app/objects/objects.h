/*
 * Objects: bytes under keys of ours, on local disk or in S3-compatible storage.
 *
 * Bytes that come are staged first, in a file of this host that nobody else sees: there they are
 * measured, looked at and scanned. Then the staged file becomes an object in one step, which is
 * durable when it returns: on local disk by rename, in S3 by one PUT. An object is never changed.
 *
 * Keys are chosen by callers (objects_key()), say nothing of what clients call a file, and have no
 * characters but lower-case hexadecimal digits. Which objects there should be is in the database:
 * this layer knows nothing of it.
 *
 * Errors: ERR_STORAGE_UNAVAILABLE if the engine cannot be reached, is slow or refuses us, and
 * ERR_STORAGE_FULL if it says that it is full; the log says why. What is lost between a request and
 * its answer is tried again where the request can be repeated without harm.
 *
 * What requests ask of the storage has its time counted (METRIC_STORAGE_TIME, SPENT_STORAGE), of a
 * staged file all parts as one, when it is discarded; objects_find() and objects_list() are of
 * commands alone.
 */
#ifndef OBJECTS_OBJECTS_H
#define OBJECTS_OBJECTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct config;
struct objects; /* an open engine, one a process */

enum { OBJECT_KEY_LENGTH = 32 };

/* Bytes on their way in. */
struct staged {
    int fd;     /* open for reading and writing; -1 when it is gone */
    char *path; /* of the file, for whoever has to look into it; in the arena */
    int64_t length,
        flushed;      /* bytes that were written, and those that are on their way to the disk */
    int64_t spent_us; /* on it as a file; not on making an object of it */
};

/* What an object is stored with. */
struct object_properties {
    int64_t size;
    const char *content_type;
    const unsigned char *md5;    /* 16 bytes: an engine refuses what arrives otherwise */
    const unsigned char *sha256; /* 32 bytes: the same */
};

/* An object that is there. */
struct object_info {
    char key[OBJECT_KEY_LENGTH + 1];
    int64_t size;
    int64_t modified_ms; /* wall clock */
};

/* How a client gets an object. */
struct object_download {
    const char *key;
    const char *name;        /* what the API calls it: a segment of a path */
    const char *disposition; /* the value of Content-Disposition (RFC 6266) */
    const char *content_type;
    const char *base; /* of our own URLs: "https://kontora.example.com", or "" for a path */
    int64_t expires;  /* wall clock, seconds since the epoch */
};

/* Reads STORAGE_URL and what belongs to it. Ends the process if memory is gone; an engine that
 * cannot be reached is no error here, but with each call. */
struct error *objects_open(const struct config *config, struct arena *arena,
                           struct objects **objects_r) MUST_CHECK;
void objects_close(struct objects **objects);

/* The folder of the local engine; NULL if the objects are not on this host. */
const char *objects_folder(const struct config *config, struct arena *arena);

/* A new key, of 128 random bits. */
const char *objects_key(struct arena *arena) __attribute__((returns_nonnull));

/* An empty staged file. objects_discard() removes it and closes it, also after objects_place(), and
 * does nothing the second time. */
struct error *objects_stage(struct objects *objects, struct arena *arena,
                            struct staged *staged_r) MUST_CHECK;
void objects_discard(struct objects *objects, struct staged *staged);

/* Appends to a staged file. */
struct error *objects_write(struct arena *arena, struct staged *staged, const char *bytes,
                            size_t length) MUST_CHECK;

/* Makes the staged bytes the object of that key: durable when it returns. */
struct error *objects_place(struct objects *objects, struct arena *arena, struct staged *staged,
                            const char *key, const struct object_properties *properties) MUST_CHECK;

/* Whether an object is there, and how large. */
struct error *objects_find(struct objects *objects, struct arena *arena, const char *key,
                           bool *found_r, struct object_info *info_r) MUST_CHECK;

/* The next objects behind the key `after` ("" is from the beginning), in the order of their keys:
 * at most `max`, fewer only at the end. */
struct error *objects_list(struct objects *objects, struct arena *arena, const char *after,
                           struct object_info *infos_r, size_t max, size_t *count_r) MUST_CHECK;

/* One that is not there is no error. */
struct error *objects_delete(struct objects *objects, struct arena *arena,
                             const char *key) MUST_CHECK;

/* Where a client gets the bytes, without a token, until it expires: an absolute URL, signed. */
struct error *objects_url(struct objects *objects, struct arena *arena,
                          const struct object_download *download, const char **url_r) MUST_CHECK;

/* True if expiry and signature, as they came, are those of an address that objects_url() made for
 * this name, and it has not expired. Never with an engine that gives out its objects itself. */
bool objects_verify(const struct objects *objects, const char *name, const char *expires,
                    const char *signature);

/* Where nginx finds the bytes: the path of an internal location. For what objects_verify() accepts.
 */
const char *objects_internal_path(struct arena *arena, const char *key)
    __attribute__((returns_nonnull));

/* Whether the engine serves: a real question to it. */
struct error *objects_check(struct objects *objects, struct arena *arena) MUST_CHECK;

/* Removes staged files that are older than `age_s` seconds: of workers that were killed. */
struct error *objects_sweep(struct objects *objects, struct arena *arena, int64_t age_s,
                            size_t *removed_r) MUST_CHECK;

/* --- what all processes know of it ----------------------------------------------------------- */

/* In the master, before it forks. */
void objects_share(void);

/* Asks objects_check() for objects_health() of all processes; the log gets every change. Returns
 * when to be called again, of the steady clock. */
int64_t objects_watch(struct objects *objects);

enum objects_state {
    OBJECTS_UNKNOWN, /* not asked yet */
    OBJECTS_DOWN,
    OBJECTS_UP,
};

struct objects_health {
    enum objects_state state;
    int64_t latency_us; /* of the last answer; -1: there was none */
    int64_t checked_ms; /* wall clock; 0: never */
};

/* What objects_watch() has found out last, in any process. Asks nobody. */
void objects_health(struct objects_health *health_r);

#endif
