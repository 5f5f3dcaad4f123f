/* Parts of the S3 engine: its settings (s3_settings.c), parsing of responses (s3_answer.c),
 * requests (s3.c). */
#ifndef OBJECTS_S3_H
#define OBJECTS_S3_H

#include "base/buffer.h"
#include "objects/internal.h"

struct config;

/* --- settings --------------------------------------------------------------------------------- */

/* The address of a bucket. */
struct s3_address {
    const char *scheme; /* "http" or "https" */
    const char *host;   /* host of the bucket; with the port unless it is the scheme's default */
    const char *path;   /* path of the bucket: "" or "/bucket" */
};

struct s3_settings {
    const char *prefix; /* prefix of the service's keys in the bucket: "" or "path/" */
    const char *region;
    struct s3_address place;        /* address for requests of the service */
    struct s3_address public_place; /* address for downloads by clients */
};

/* Parses STORAGE_URL, which begins with s3:, into the arena. The cause of an error names all faults
 * of the URL and of the related settings. */
struct error *s3_read_settings(const struct config *config, struct arena *arena,
                               struct s3_settings *settings_r) MUST_CHECK;

/* --- responses -------------------------------------------------------------------------------- */

/* The body of an error response. Members are never NULL. */
struct s3_failure {
    const char *code;       /* such as "NoSuchKey" */
    const char *message;    /* text for people; truncated for the log */
    const char *request_id; /* id by which the operator of the storage finds the request */
};

/* A page of a list. The caller sets prefix, last, infos, max and count. */
struct s3_page {
    const char *prefix;               /* prefix of the service's keys */
    char last[OBJECT_KEY_LENGTH + 1]; /* last key read; objects must have greater keys */
    /* array of at least `max` objects; the first `count` are set */
    struct object_info *infos;
    size_t max, count;
    const char *next; /* continuation token; NULL: end of the list */
};

/* Parses the body of an error response. Members are empty if it is not valid XML of an error. */
void s3_read_failure(struct arena *arena, const struct buffer *body, struct s3_failure *failure_r);

/* Parses the body of a list and appends the service's own objects to the page; ignores others.
 * False if the body is not a valid list, has more objects than the page, or is out of order. */
bool s3_read_list(struct arena *arena, const struct buffer *body, struct s3_page *page) MUST_CHECK;

#endif
