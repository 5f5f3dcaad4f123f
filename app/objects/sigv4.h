/*
 * AWS Signature Version 4 of addresses: a URL that carries who signed it, when, and for how long, so that
 * whoever has it may use it (SigV4 "query parameters" of the S3 API reference). Requests of our own are
 * signed by libcurl, which does not do this.
 */
#ifndef OBJECTS_SIGV4_H
#define OBJECTS_SIGV4_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { SIGV4_SECONDS_MAX = 7 * S_PER_DAY };

struct sigv4_key {
    const char *id, *secret;
    const char *region;
};

struct sigv4_parameter {
    const char *name, *value;
};

/* A request for one object. */
struct sigv4_request {
    const char *scheme,
        *host;        /* of the address; the host with its port, unless that is the scheme's */
    const char *path; /* encoded */
    const struct sigv4_parameter *parameters;
    size_t parameter_count;
    int64_t signed_at; /* seconds since the epoch */
    int64_t seconds;   /* for which it is good: 1 to SIGV4_SECONDS_MAX */
};

/* Appends a text in which only the unreserved characters of RFC 3986 2.3 stand for themselves. */
void sigv4_encode(struct buffer *buffer, const char *text);

/* Parameters as the canonical query string: encoded, and in the order of their names. */
char *sigv4_query(struct arena *arena, const struct sigv4_parameter *parameters, size_t count)
    __attribute__((returns_nonnull));

/* The signed URL of a GET. */
struct error *sigv4_presign(struct arena *arena, const struct sigv4_key *key,
                            const struct sigv4_request *request, const char **url_r) MUST_CHECK;

#endif
