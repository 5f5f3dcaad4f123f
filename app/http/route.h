/*
 * Route: one row describes one API call. Dispatch, permission checks, validation, serialization,
 * the audit log and the documentation all read this row, so they cannot disagree. A resource has
 * one static table of routes, which ends with a row without a pattern.
 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "base/config.h"
#include "base/error.h"
#include "base/field.h"
#include "base/scope.h"
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

extern const char *const route_method_names[METHOD_COUNT];

/* Handles the call: fills the reply, or returns an error. The router writes the output. */
typedef struct error *route_handler(struct request *request, struct reply *reply);

/* A field map under the name that the OpenAPI document gives its schema. */
struct schema {
    const char *name;
    const struct field *fields;
    bool bare; /* the body is the JSON value of the only field, not an object */
};

/* Format of a reply's body. */
enum reply_shape {
    REPLY_NOTHING, /* no body: status 204 */
    REPLY_RECORD,
    REPLY_ARRAY, /* a JSON array, with the header X-Total-Count; REPLY_LIST with ?explain=true */
    REPLY_LIST,  /* {"items","total","skip","limit","pages"} */
    REPLY_PAGE,  /* REPLY_LIST and "next"; with a cursor only "items", "limit" and "next" */
    REPLY_TEXT,  /* a body that is not JSON: set by reply_text() */
    REPLY_FILE,  /* a file that nginx sends (X-Accel-Redirect), with ranges and conditions */
};

struct route {
    enum method method;
    const char *pattern; /* "/api/v1/users/{username}"; NULL ends a table */
    /* fields of the pattern's placeholders; the map may have further fields */
    const struct field *path;
    route_handler *handler;
    enum permission permission; /* checked by the router; PERMIT_ALL: open to all */
    /* the rights of a delegation (base/right.h) of which a caller needs one to use the call;
     * directory/ checks which ones the entry and the change require */
    unsigned rights;
    enum scope scope;        /* the scope that API keys need; see route_scopes() */
    enum pool_id pool;       /* the pool of workers that serves the call */
    const void *description; /* describes the resource to a handler that several resources share */
    bool adds_faults;        /* the handler reports the faults of the body together with its own */
    struct text summary, about;  /* a line, and an optional longer description */
    const struct field *query;   /* NULL: the query is ignored */
    bool query_open;             /* unknown parameters are ignored: the URL is passed on */
    const struct field *headers; /* request headers specific to this call; NULL: none */
    const struct schema *body;   /* NULL: the call has no body */
    bool body_optional;          /* an empty body means {} */
    bool body_form;              /* application/x-www-form-urlencoded is accepted as well as JSON */
    /* media type of a body that is neither JSON nor a form: the handler reads it; NULL: none */
    const char *body_type;
    bool form; /* the body is multipart/form-data, which the handler reads while it arrives */
    enum reply_shape shape;
    const struct schema *reply;
    bool creates;      /* replies 201 with Location: reply_created() */
    bool may_be_empty; /* replies 204 without a body in some cases */
    bool secret;       /* the reply contains a secret and is not stored for an Idempotency-Key */
    /* If-Match and If-None-Match are evaluated, and a reply with a body that is not secret has an
     * ETag */
    bool versioned;
    bool ready; /* status 503 has the same body: a dependency is unavailable */
    const char *media_type, *example; /* type and example of a body that is not JSON */
    /* errors in addition to those that the row implies; ends with ERR_COUNT */
    const enum error_id *errors;
    const char *action; /* `action` of the audit line; NULL: not audited */
    /* If the call is open to all, it is audited only for principals with this permission;
     * PERMIT_ALL: for all callers. */
    enum permission audited_for;
    bool access_by_setting; /* open to all by its row; a setting may require a principal */
    /* allowed while free space is short, because the call frees space or needs almost none */
    bool essential;
    const char *resource_type; /* `resource_type` of the audit line */
    const char *resource; /* placeholder that identifies the resource; NULL: the last segment */
};

/* Returns the scopes of which an API key needs one: the scope of the row, or those of its rights.
 * 0: no key can make the call, or the call is open and needs no key. */
uint64_t route_scopes(const struct route *route);

/* True if the call is rejected while free space is short, unless the principal may use the reserve.
 * Applies to every call that writes unless its row says `essential`. */
bool route_needs_space(const struct route *route);

/* One resource: its table of routes, and its title in the documentation. */
struct resource {
    const char *tag;
    struct text title, about;
    const struct route *routes; /* NULL ends a list of resources */
};

#endif
