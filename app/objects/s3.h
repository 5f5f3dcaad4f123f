/* What the engine S3 consists of: its settings (s3_settings.c), what the other side says
 * (s3_answer.c), and requests (s3.c). */
#ifndef OBJECTS_S3_H
#define OBJECTS_S3_H

#include "base/buffer.h"
#include "objects/internal.h"

struct config;

/* --- settings -------------------------------------------------------------------------------- */

/* Where a bucket is reached. */
struct s3_place {
    const char *scheme; /* "http" or "https" */
    const char *host;   /* of the bucket, with its port unless that is the scheme's */
    const char *path;   /* of the bucket: "", or "/bucket" */
};

struct s3_settings {
    const char *prefix; /* of our keys in the bucket: "", or "path/" */
    const char *region;
    struct s3_place place;        /* for us */
    struct s3_place public_place; /* for clients */
};

/* Reads STORAGE_URL, which begins with s3:, into the arena. The cause of an error is all that is wrong
 * with it and what belongs to it. */
struct error *s3_read_settings(const struct config *config, struct arena *arena,
                               struct s3_settings *settings_r) MUST_CHECK;

/* --- answers --------------------------------------------------------------------------------- */

/* The body of an answer that is no success. Members are never NULL. */
struct s3_failure {
    const char *code;       /* "NoSuchKey" */
    const char *message;    /* for people; cut to what a log can bear */
    const char *request_id; /* for whoever runs the storage */
};

/* A page of a list, and where it goes on. */
struct s3_page {
    const char *prefix; /* of our keys, given */
    char last[OBJECT_KEY_LENGTH +
              1];              /* the key that all are behind: given, then the last one read */
    struct object_info *infos; /* room for `max`, given, behind `count` */
    size_t max, count;
    const char *next; /* the token with which the list goes on; NULL: at its end */
};

/* A body that is no such XML leaves all members empty. */
void s3_read_failure(struct arena *arena, const struct buffer *body, struct s3_failure *failure_r);

/* Adds the objects that are ours to the page, and leaves out what else is in the bucket. False if the
 * body is no list, or none that can be relied on: more than was asked for, or out of order. */
bool s3_read_list(struct arena *arena, const struct buffer *body, struct s3_page *page) MUST_CHECK;

#endif
