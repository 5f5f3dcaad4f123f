/*
 * Access: updates the metrics of every request that a worker serves, and writes its access log
 * line. The line tells how long each stage took, in microseconds:
 *
 *   queue_us      from nginx passing the request on to the worker accepting it (precision: 1 ms)
 *   auth_us       authentication and authorization
 *   handler_us    from the end of auth_us to the handler's result
 *   database_us, directory_us, storage_us   time of auth_us and handler_us spent waiting for them
 *   commit_us     from the result to the end of the group commit
 *   duration_us   total without queue_us
 *
 * Stages of zero length are omitted.
 */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include "base/jsonw.h"
#include "base/spent.h"
#include "http/reply.h"
#include "http/request.h"

#include <stdbool.h>
#include <stdint.h>

/* Times of one request, on the steady clock. */
struct access {
    int64_t queue_us;         /* -1: unknown */
    int64_t started_us;       /* when the worker accepted the request */
    int64_t handled_us;       /* when the handler returned */
    int64_t committed_us;     /* end of the group commit; 0: the request did not wait for one */
    struct spent_times spent; /* until access_record_result(): totals of the process at the start */
};

/* Registers the calls and error codes as label values of the metrics. Called once in the master,
 * before metrics_share(). Without it nothing is counted. */
void access_register_labels(const struct resource *resources);

/* Sets the pool of this worker, a label of the queue metric. */
void access_set_pool(enum pool_id pool);

/* Starts the measurement when a request has been accepted. */
void access_begin(struct access *access);

/* Records the queue time, when the headers have been read. */
void access_record_queue(struct access *access, const struct request *request);

/* Counts the request when its route (NULL: not found) is known, before it is handled. */
void access_count_request(const struct request *request);

/* Records the time of the handler's result, before any group commit. */
void access_record_result(struct access *access);

/* Records the end of the group commit that the request waited for. */
void access_record_commit(struct access *access);

/* Counts the reply and writes the access log line, when the reply has been sent. `error` is the
 * error that it reports; NULL: none. */
void access_end(const struct access *access, const struct request *request,
                const struct reply *reply, const struct error *error);

/* Writes the path without its query as far as it may be logged. The rest is masked from the first
 * segment that looks like a secret: a segment that follows one ending in "valid", a token (six
 * digits and a colon), a signature or a random string, or one that belongs to no route. A path that
 * cannot be decoded is masked entirely. nginx/log.conf applies the same rules except the one about
 * routes. */
void access_write_path(struct jsonw *json, const char *key, const struct request *request);

/* Returns the masked path for nginx, which logs paths too; NULL if the whole path may be logged. */
const char *access_masked_path(const struct request *request);

/* True if segment `i` of the path may be logged: it does not look like a secret, it is a number
 * where the route expects one, and it belongs to a known route. */
bool access_is_loggable(const struct request *request, size_t i);

#endif
