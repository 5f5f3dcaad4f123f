/*
 * Router: finds the route of a request by method and path, checks who may use it, reads query and
 * body by the route's field maps, calls the handler and serializes what it returns. 404, 405 with
 * Allow, 400, 401, 403, 413 and 415 are decided here and in no handler.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/reply.h"
#include "http/request.h"
#include "http/route.h"

#include <stdbool.h>

struct router;

/* How the router learns who asks and what they may do; auth/ knows, service/ hands it over. */
struct router_guard {
    /* Turns the Authorization field into a principal and sets request->actor; without a field the
     * principal stays NULL. */
    struct error *(*authenticate)(struct request *request);
    /* Brings the request's principal, NULL for nobody, up to date as far as the permission depends
     * on it. An error if that cannot be done, or if the principal is nobody any more. */
    struct error *(*confirm)(struct request *request, enum permission permission);
    /* Whether the request's principal, NULL for nobody, has the permission. */
    bool (*permits)(const struct request *request, enum permission permission);
    /* Rate limits; NULL: none. check_queue() is called first; begin() when the principal is
     * known. If begin() returns NULL, end() follows the handler. */
    struct error *(*check_queue)(const struct request *request);
    struct error *(*begin)(const struct request *request);
    void (*end)(const struct request *request);
    /* Names the owners of an upload that is not refused so far in the answer 100; NULL: there are
     * none. */
    void (*name_owners)(const struct request *request, struct reply *reply);
    /* True if a call with access_by_setting is open to anonymous callers. */
    bool (*is_open)(const struct request *request);
    /* True if the request's principal, NULL for nobody, may write now: there is free space, or the
     * principal may use the reserve. */
    bool (*may_write)(const struct request *request);
};

/* How a POST that a client repeats is done once: implemented by rest/idempotency.c, set by service/. */
struct router_repeats {
    /* Before the handler, with the body as it came. Fills `reply` with the answer that the request
     * has had before, or leaves its status 0. An error if it is not to be handled. */
    struct error *(*recall)(struct request *request, const struct buffer *body,
                            struct reply *reply);
    /* Called after the request, with the serialized answer and the error from which it was made;
     * NULL if there was none. */
    void (*keep)(struct request *request, const struct reply *reply, const struct error *error);
};

struct router_settings {
    struct router_guard guard;
    const struct router_repeats *repeats; /* NULL: every POST is done */
    enum config_language standard_language;
    size_t body_max; /* bytes of a JSON body */
};

/* Builds the tree from the resources' tables of routes. Two rows for one call end the process. */
struct router *router_new(const struct resource *resources, const struct router_settings *settings);
void router_free(struct router **router);

/* Handles one request, whose arena, app, headers and input are set, as far as its handler's result:
 * nothing is answered yet. Fills `reply`, or returns what went wrong. */
struct error *router_handle(const struct router *router, struct request *request,
                            struct reply *reply) MUST_CHECK;

/* For the handler of a form, whose body the router has not read: what makes the request the same as
 * another one, as that has been read. An answer that the request has had before is then in `reply`,
 * and reply->repeated says so. */
struct error *router_recall(struct request *request, const struct buffer *body,
                            struct reply *reply) MUST_CHECK;

/* Makes the answer of the result: writes the audit line and serializes the reply, or the error,
 * NULL for none. Between the two the result may still have turned into an error. */
void router_finish(struct request *request, struct reply *reply, const struct error *error);

#endif
