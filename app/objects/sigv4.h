/*
 * AWS Signature Version 4 in the query string of a URL (SigV4 "query parameters" of the S3 API
 * reference): anybody who has the URL may use it until it expires. Requests of the service itself
 * are signed by libcurl, which cannot sign URLs.
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

/* The download of one object. */
struct sigv4_request {
    const char *scheme;
    const char *host; /* host, with the port unless it is the scheme's default */
    const char *path; /* percent-encoded path */
    const struct sigv4_parameter *parameters;
    size_t parameter_count;
    int64_t signed_at; /* seconds since the epoch */
    int64_t seconds;   /* lifetime: 1 to SIGV4_SECONDS_MAX */
};

/* Appends the text percent-encoded, except for the unreserved characters of RFC 3986 2.3. */
void sigv4_encode(struct buffer *buffer, const char *text);

/* Returns the canonical query string: encoded parameters, sorted by name. */
char *sigv4_query(struct arena *arena, const struct sigv4_parameter *parameters, size_t count)
    __attribute__((returns_nonnull));

/* Returns the signed URL of a GET request. */
struct error *sigv4_presign(struct arena *arena, const struct sigv4_key *key,
                            const struct sigv4_request *request, const char **url_r) MUST_CHECK;

#endif
