/*
 * Route: one row a call. Dispatch, permission, validation, serialization, audit and documentation
 * all read the same row, so that they cannot disagree. A resource has one static table of routes
 * that ends with a row without a pattern.
 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "base/config.h"
#include "base/error.h"
#include "base/field.h"
#include "http/permission.h"

struct reply;
struct request;

enum method {
    METHOD_GET, /* serves HEAD too */
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_COUNT
};

extern const char *const method_names[METHOD_COUNT];

/* Does the one job of the call: fills the reply, or returns an error. It writes no output. */
typedef struct error *route_handler(struct request *request, struct reply *reply);

/* A field map under the name that the OpenAPI document gives its schema. */
struct schema {
    const char *name;
    const struct field *fields;
    bool bare; /* of a body: it is no object, but the value of the one field */
};

/* What an answer's body looks like. */
enum reply_shape {
    REPLY_NOTHING, /* 204 */
    REPLY_RECORD,
    REPLY_ARRAY, /* a bare one, with X-Total-Count */
    REPLY_LIST,  /* {"items","total","skip","limit","pages"} */
    REPLY_PAGE,  /* the same and "next"; reached by a cursor: items, limit and next alone */
    REPLY_TEXT,  /* no JSON: reply_text() */
    REPLY_FILE,  /* a file that nginx sends instead: with ranges and conditions */
};

struct route {
    enum method method;
    const char *pattern;      /* "/api/v1/users/{username}"; NULL ends a table */
    const struct field *path; /* the names in the pattern, and perhaps others */
    route_handler *handler;
    enum permission permission; /* checked by the router; PERMIT_ALL: open to all */
    enum pool_id pool;          /* where nginx sends it */
    const void *description;    /* of the resource, for a handler that several resources share */
    bool adds_faults; /* the handler reports the faults of the body with those that it finds */
    struct text summary, about;  /* a line, and what else there is to say; `about` may be missing */
    const struct field *query;   /* NULL: parameters are ignored */
    const struct field *headers; /* that this call heeds, beside those of all calls; NULL: none */
    const struct schema *body;   /* NULL: takes none */
    bool body_optional;          /* an empty body is as good as {} */
    bool body_form;              /* a form is as good as JSON: application/x-www-form-urlencoded */
    bool form; /* the body is multipart/form-data, and the handler reads it as it arrives */
    enum reply_shape shape;
    const struct schema *reply;
    bool creates; /* answers 201 with Location: reply_created() */
    bool secret;  /* the answer holds a secret, and is not stored for an Idempotency-Key */
    bool
        versioned; /* the answer has an ETag, and conditions are heeded: reply_check_conditions() */
    bool ready;    /* the same answer comes with 503 if a dependency is down */
    const char *media_type, *example; /* of what is no JSON */
    const enum error_id *errors;      /* beside what the row itself implies; ERR_COUNT ends */
    const char *action;               /* of the audit line; NULL: not audited */
    enum permission
        audited_for;        /* of a call open to all: audited if the caller has this permission;
                                  * PERMIT_ALL: always audited */
    bool access_by_setting; /* open to all by its row; a setting may require a principal */
    bool essential; /* served while free space is short: it frees space, or needs next to none */
    const char *resource_type;
    const char *resource; /* the name in the pattern that says which; NULL: the last one */
};

/* True if the call is refused while free space is short, unless a trusted caller makes it. New
 * calls that write are, until their row says that they are essential. */
bool route_needs_space(const struct route *route);

/* One resource: its table of routes, and what the documentation calls it. */
struct resource {
    const char *tag;
    struct text title, about;
    const struct route *routes; /* NULL ends a list of resources */
};

#endif
