/*
 * Access: what is counted, and written to the log, of every request that a worker takes. One line
 * tells where its time went:
 *
 *   queue_us      from nginx's handing it over to a worker's taking it, to the millisecond
 *   auth_us       until it was known who asks, and that they may
 *   handler_us    from then until its result was there
 *   database_us, directory_us, storage_us   of both, what was spent waiting for these
 *   commit_us     from the result to the end of the commit that it shared with others
 *   duration_us   all but the queue
 *
 * Stages that took nothing are left out.
 */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include "base/jsonw.h"
#include "base/spent.h"
#include "http/reply.h"
#include "http/request.h"

#include <stdbool.h>
#include <stdint.h>

/* The times of one request, all of the steady clock. */
struct access {
    int64_t queue_us;         /* -1: nobody knows */
    int64_t started_us;       /* when it was taken */
    int64_t handled_us;       /* when its result was there */
    int64_t committed_us;     /* when what it waited for was committed; 0: it did not wait */
    struct spent_times spent; /* until it was taken; then, between that and the result */
};

/* Once, in the master, before metrics_share(): the calls and codes that there are to be counted by.
 * Without it nothing is counted. */
void access_prepare(const struct resource *resources);

/* In a worker: the pool that it is of. */
void access_enter(enum pool_id pool);

/* A request was taken. */
void access_begin(struct access *access);

/* Its header was read: counts what can be said before it is known what is asked. */
void access_queued(struct access *access, const struct request *request);

/* Its route, NULL if there is none, is known, and nothing was done yet. */
void access_routed(const struct request *request);

/* There is a result; its answer may have to wait for a commit. */
void access_handled(struct access *access);
void access_committed(struct access *access);

/* The answer was handed to nginx. `error` is what it tells; NULL: none. */
void access_end(const struct access *access, const struct request *request,
                const struct reply *reply, const struct error *error);

/* Writes the part of a path that may be logged, as it came but for its query. Everything is left
 * out from the first segment on that follows one that ends in "valid", looks like a token (six
 * digits and a colon), a signature or anything random, or belongs to no route; and all of a path
 * that could not be decoded. nginx/log.conf has the same rules but for the routes, which it does
 * not know. */
void access_write_path(struct jsonw *json, const char *key, const struct request *request);

/* Returns the masked path for nginx, which logs paths too; NULL if the whole path may be logged. */
const char *access_masked_path(const struct request *request);

/* True if segment `i` of the path may be written down: it does not look like a secret, it is a number
 * where the route expects one, and it belongs to a known route. */
bool access_is_loggable(const struct request *request, size_t i);

#endif
