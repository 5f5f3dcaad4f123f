/*
 * Request: what a client asked, taken apart. Everything in it lives in the request's arena and ends
 * with it.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "base/field.h"
#include "base/metrics.h"
#include "http/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REQUEST_SEGMENTS_MAX = 12,
    REQUEST_ID_MAX = 64,
};

struct app;       /* what handlers work with: rest/app.h */
struct principal; /* who asks: auth/ */
struct router_repeats;

/* The header fields that matter, as they came; never NULL. */
struct request_headers {
    const char *method, *uri, *content_type, *content_length, *authorization, *accept_language;
    const char *request_id, *address, *user_agent;
    const char *organization; /* X-Organization-ID */
    const char *idempotency_key, *if_match, *if_none_match;
    const char *allow_duplicate; /* X-Allow-Duplicate */
    const char *surface;         /* by which of nginx's surfaces it came: KONTORA_SURFACE */
    const char *spool;           /* state of the body: KONTORA_SPOOL, see proc/exchange.h */
    const char *sent;            /* when nginx handed it over: KONTORA_SENT */
    const char *base;            /* "https://host", by which nginx was asked: KONTORA_BASE */
};

/* What a request adds to a counter. */
struct request_count {
    enum metric metric;
    size_t series;
    int64_t amount; /* 0: nothing */
};

/* Where the body comes from: waits for some, and returns how many bytes were read, 0 at its end. */
struct request_body {
    size_t (*read)(void *source, char *bytes, size_t size);
    void *source;
};

struct request {
    struct arena *arena;
    struct app *app;
    const struct route *route; /* NULL until the router has found it */
    enum method method;        /* METHOD_COUNT: none that we know */
    bool head;
    char *segments[REQUEST_SEGMENTS_MAX]; /* of the path, decoded */
    size_t segments_count;
    size_t segments_known;  /* leading ones that stand in a pattern; all, if there is such a path */
    const char *query_text; /* still encoded */
    struct request_headers headers;
    struct request_body input;
    /* preliminary: the spool asks whether the request would be refused, before its body has
     * arrived */
    bool asks;
    /* the spool hands it over while its body is still arriving, and may withdraw it; then the
     * complete request comes again, and this one must have no effect */
    bool early;
    bool withdrawn;                       /* the spool has withdrawn it */
    bool body_abandoned;                  /* the handler has answered before the body was there */
    const struct router_repeats *repeats; /* the router's */
    enum config_language language;
    const char *id;
    bool limited;                      /* guard->begin() has counted it: guard->end() must follow */
    const struct principal *principal; /* NULL: anonymous */
    bool bearer_ignored;               /* credentials are in the body */
    struct value *query;               /* parallel to route->query */
    struct buffer body_text;           /* as it came, if the route takes one */
    struct value *body;                /* parallel to route->body->fields */
    struct error *faults;  /* of the body, for routes that add their own; NULL: it is valid */
    bool unaudited;        /* the route is audited for other callers only */
    const char *actor;     /* who, for audit and access log; NULL: nobody known */
    const char *subject;   /* what was changed, for audit; the last path value if NULL */
    const char *actor_id;  /* the same, by what is nobody else's: the subject of the token */
    const char *object_dn; /* of an entry of the directory: where it is, for audit; may be NULL */
    const char *moved_dn;  /* where it has been moved to; may be NULL */
    int64_t queue_us;      /* that it waited for a worker; -1: nobody knows */
    int64_t auth_us;       /* what it took to find out who asks, and that they may */
    const char *reason;    /* why it failed, for audit alone: the client is not told; may be NULL */
    struct request_count count; /* of what it did: request_count() */
};

/* Takes method, path, query, language and id from the headers. The path may be refused: it is too
 * deep, or its percent-encoding is broken or hides NUL or what is no UTF-8. */
struct error *request_parse(struct request *request,
                            enum config_language standard_language) MUST_CHECK;

/* The value of {name} in the route's pattern. Ends the process if the pattern has none. */
const char *request_path_value(const struct request *request, const char *name)
    __attribute__((returns_nonnull));

/* The same, NULL if the pattern has none. */
const char *request_path_value_if(const struct request *request, const char *name);

/* The number that {name} is; 0 if it is none above 0, which no id is. */
int64_t request_path_id(const struct request *request, const char *name);

/* Decimal digits of an id, without a sign or leading zeros; 0 if it is none. */
int64_t request_parse_id(const char *text);

/* Values of the query by the name of their field; NULL where it is absent. */
const char *request_query_string(const struct request *request, const char *name);
int64_t request_query_integer(const struct request *request, const char *name);

/* Values of the body. */
struct value *request_body_value(const struct request *request, const char *name)
    __attribute__((returns_nonnull));
const char *request_body_string(const struct request *request, const char *name);

/* Adds to a counter once the request has succeeded, which is after its turn's commit: what is
 * rolled back is not counted. One counter a request. */
void request_count(struct request *request, enum metric metric, size_t series, int64_t amount);

/* Reads the whole body, at most `limit` bytes: ERR_PAYLOAD_TOO_LARGE. */
struct error *request_read_body(struct request *request, size_t limit,
                                struct buffer *body) MUST_CHECK;

/* Undoes percent-encoding in place ('+' is a space in queries: WHATWG URL, form-urlencoded).
 * Returns false if it is broken, or yields NUL or what is no UTF-8. */
bool request_decode(char *text, bool plus_is_space) MUST_CHECK;

/* Percent-encodes one segment of a path (RFC 3986 2.3: all but the unreserved). */
const char *request_encode_segment(struct arena *arena, const char *segment);

#endif
