/*
 * Request: a parsed HTTP request. All its data is in the request's arena and is freed with it.
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

struct router_idempotency;

/* The request headers in use, unparsed; "" if a header is absent, never NULL. */
struct request_headers {
    const char *method, *uri, *content_type, *content_length, *authorization, *accept_language;
    const char *request_id, *address, *user_agent;
    const char *organization; /* the header X-Organization-ID */
    const char *idempotency_key, *if_match, *if_none_match;
    const char *allow_duplicate; /* X-Allow-Duplicate */
    const char *surface;         /* surface of nginx that received the request: KONTORA_SURFACE */
    const char *spool;           /* state of the body: KONTORA_SPOOL, see proc/exchange.h */
    const char *sent;            /* time at which nginx passed the request on: KONTORA_SENT */
    const char *base; /* "https://host" of the address that the client used: KONTORA_BASE */
    const char *content_encoding, *content_range;
};

/* An amount that a request adds to a metric. */
struct request_count {
    enum metric metric;
    size_t series;
    int64_t amount; /* 0: no metric */
};

/* Source of the body. read() waits for data and returns the number of bytes read; 0 at the end, or
 * if the rest cannot be read: then `body_error` of the request is set. */
struct request_body {
    size_t (*read)(void *source, char *bytes, size_t size);
    void *source;
};

struct request {
    struct arena *arena;
    void *app;                 /* for handlers: struct app of rest/app.h */
    const struct route *route; /* NULL until the router has found the route */
    enum method method;        /* METHOD_COUNT: unknown method */
    bool head;
    char *segments[REQUEST_SEGMENTS_MAX]; /* segments of the path, decoded */
    size_t segments_count;
    size_t segments_known;  /* number of leading segments that match a route's pattern */
    const char *query_text; /* the query string, percent-encoded */
    struct request_headers headers;
    struct request_body input;
    /* preliminary request: the spool (proc/spool.h) asks whether the request would be rejected,
     * before the body has arrived */
    bool asks;
    /* early request: the spool (proc/spool.h) passes it on while its body is arriving, and may
     * withdraw it; then the complete request follows, and this one must have no effect */
    bool early;
    /* why the body was not read to its end; NULL: no error so far */
    struct error *body_error;
    bool withdrawn;                           /* the spool has withdrawn the early request */
    bool body_abandoned;                      /* the body stays unread and is not drained */
    const struct router_idempotency *repeats; /* idempotency functions of the router; NULL: none */
    enum config_language language;
    const char *id;
    bool limited;          /* guard->begin() has counted the request: guard->end() must follow */
    const void *principal; /* struct principal of auth/; NULL: anonymous */
    bool bearer_ignored;   /* the call reads credentials from the body, not from Authorization */
    struct value *query;   /* parallel to route->query */
    /* items of a list: the selected fields, parallel to their map (http/selection.h); NULL: all */
    const bool *selected;
    struct buffer body_text; /* the unparsed body, if the route has one */
    struct value *body;      /* parallel to route->body->fields */
    /* faults of the body, if the route reports them; NULL: the body is valid */
    struct error *faults;
    bool unaudited;        /* the route is audited for other callers only */
    const char *actor;     /* name of the caller for audit and access log; NULL: unknown */
    const char *subject;   /* the changed object, for audit; NULL: the last path value */
    int64_t key_id;        /* id of the caller's API key, for audit and access log; 0: none */
    const char *actor_id;  /* unique id of the caller: the subject of the token */
    const char *object_dn; /* DN of the changed directory entry, for audit; may be NULL */
    const char *moved_dn;  /* new DN of a moved entry, for audit; may be NULL */
    const char *member_dn; /* DN of an added or removed member, for audit; may be NULL */
    /* DNs of the entries that were deleted with the entry, or may have been after an error, for
     * audit; ends with NULL; NULL: none */
    const char *const *deleted_dns;
    /* ids of the delegations that allowed the change, for audit */
    const int64_t *delegations;
    size_t delegations_count;
    int64_t queue_us;           /* time spent waiting for a worker; -1: unknown */
    int64_t auth_us;            /* time spent on authentication and authorization */
    const char *reason;         /* cause of a failure, for audit only; may be NULL */
    struct request_count count; /* set by request_count() */
};

/* Sets method, path, query, language and id from the headers. Fails if the path has too many
 * segments, invalid percent-encoding, NUL, or invalid UTF-8. */
struct error *request_parse(struct request *request,
                            enum config_language standard_language) MUST_CHECK;

/* Returns the value of {name} in the route's pattern. Aborts if the pattern has no such
 * placeholder. */
const char *request_path_value(const struct request *request, const char *name)
    __attribute__((returns_nonnull));

/* Returns the value of {name} in the route's pattern; NULL if the pattern has no such
 * placeholder. */
const char *request_optional_path_value(const struct request *request, const char *name);

/* Returns the value of {name} as an id; 0 if it is not a positive integer. */
int64_t request_path_id(const struct request *request, const char *name);

/* Parses an id: decimal digits without a sign or leading zeros. Returns 0 if the text is not an
 * id. */
int64_t request_parse_id(const char *text);

/* Return the value of a query field by its name; NULL, 0 or false if it is absent. */
const char *request_query_string(const struct request *request, const char *name);
int64_t request_query_integer(const struct request *request, const char *name);
bool request_query_boolean(const struct request *request, const char *name);

/* Return the value of a body field by its name. */
struct value *request_body_value(const struct request *request, const char *name)
    __attribute__((returns_nonnull));
const char *request_body_string(const struct request *request, const char *name);

/* Adds `amount` to a metric when the request has succeeded and its writes are committed, so that
 * changes rolled back are not counted. At most one metric per request. */
void request_count(struct request *request, enum metric metric, size_t series, int64_t amount);

/* Reads the whole body. ERR_PAYLOAD_TOO_LARGE if it has more than `limit` bytes. */
struct error *request_read_body(struct request *request, size_t limit,
                                struct buffer *body) MUST_CHECK;

/* Decodes percent-encoding in place; with `plus_is_space` also '+' (WHATWG URL, form-urlencoded).
 * Returns false if the encoding is invalid or the result contains NUL or invalid UTF-8. */
bool request_decode(char *text, bool plus_is_space) MUST_CHECK;

/* Percent-encodes one path segment: all but unreserved characters (RFC 3986 2.3). */
const char *request_encode_segment(struct arena *arena, const char *segment);

#endif
