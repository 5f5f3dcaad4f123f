/*
 * Router: finds the route of a request by method and path, checks the permission, parses query and
 * body by the route's field maps, calls the handler and serializes its result. Handlers never
 * produce the errors 404 for an unknown path, 405, 413, 415, 401 and 403, nor 400 for an invalid
 * field.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/reply.h"
#include "http/request.h"
#include "http/route.h"

#include <stdbool.h>

struct router;

/* Functions that authenticate and authorize callers. service/ provides them, because http/ must not
 * include auth/. */
struct router_guard {
    /* Verifies the Authorization header and sets request->principal and request->actor. Without the
     * header the principal stays NULL. */
    struct error *(*authenticate)(struct request *request);
    /* Refreshes the attributes of the principal (NULL: anonymous) on which the permission depends.
     * Fails if they cannot be read, or if the account no longer exists or is disabled. */
    struct error *(*confirm)(struct request *request, enum permission permission);
    /* True if the request's principal (NULL: anonymous) has the permission. */
    bool (*permits)(const struct request *request, enum permission permission);
    /* Rate limits; NULL: no limits. check_queue() is called first, begin() when the principal is
     * known. If begin() returns NULL, end() is called after the handler. */
    struct error *(*check_queue)(const struct request *request);
    struct error *(*begin)(const struct request *request);
    void (*end)(const struct request *request);
    /* Called after the handler of every request, or after the error before it: releases what the
     * other functions have set up for the request. NULL: does nothing. */
    void (*leave)(struct request *request);
    /* Adds the owners of an accepted upload to the reply with status 100; NULL: does nothing. */
    void (*name_owners)(const struct request *request, struct reply *reply);
    /* True if a call with access_by_setting is open to anonymous callers. */
    bool (*is_open)(const struct request *request);
    /* True if the request's principal (NULL: anonymous) may write now: there is enough free space,
     * or the principal may use the reserve. */
    bool (*may_write)(const struct request *request);
};

/* Idempotency of POST: a repeated request gets the stored reply of the first. rest/idempotency.c
 * implements these functions, service/ sets them. */
struct router_idempotency {
    /* Called before the handler, with the body as received. Fills `reply` with the stored reply of
     * an earlier identical request; leaves reply->status 0 if there is none. Returns an error if
     * the request must not be handled. */
    struct error *(*recall)(struct request *request, const struct buffer *body,
                            struct reply *reply);
    /* Called after the handler with the serialized reply. `error` is the handler's error, or
     * NULL. */
    void (*keep)(struct request *request, const struct reply *reply, const struct error *error);
};

struct router_settings {
    struct router_guard guard;
    const struct router_idempotency *repeats; /* NULL: every POST is executed */
    enum config_language standard_language;
    size_t body_max; /* maximum number of bytes of a JSON body */
};

/* Builds the tree from the routes of the resources. Aborts if two routes have the same method and
 * path. */
struct router *router_new(const struct resource *resources, const struct router_settings *settings);
void router_free(struct router **router);

/* Handles one request up to the handler's result, and sends nothing. The caller has set the arena,
 * app, headers and input of the request. Fills `reply`, or returns an error. */
struct error *router_handle(const struct router *router, struct request *request,
                            struct reply *reply) MUST_CHECK;

/* For handlers that read a form themselves: looks up the stored reply to an earlier request with
 * the same Idempotency-Key. `body` is a text that identifies the form's content. If there is such a
 * reply, it is in `reply` and reply->repeated is set. */
struct error *router_recall(struct request *request, const struct buffer *body,
                            struct reply *reply) MUST_CHECK;

/* Completes the reply: writes the audit line, and serializes the reply, or `error` if it is not
 * NULL. The error may differ from the result of router_handle(), because the group commit can fail
 * in between. */
void router_finish(struct request *request, struct reply *reply, const struct error *error);

#endif
