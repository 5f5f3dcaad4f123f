/*
 * Batch: executes several requests, the operations, one after another within one request.
 *
 * The router handles each operation like a request of its own: it has its own permission check,
 * audit line, log line and error. Its request id is that of the batch, a dot, and its position from
 * 0, as in "5f0c9c1e.3". It has the headers of the batch, except those that belong to one request
 * only: conditions, the idempotency key, and the headers of the body.
 *
 * Each operation is committed before the next one begins, and its audit line is written then. If
 * the worker is killed, the audit lines show what was done. An atomic batch runs all operations in
 * one transaction of the database instead; the audit lines are written when it has ended, and those
 * of operations that were rolled back report a failure.
 *
 * A batch ends at BATCH_TIMEOUT, before DRAIN_TIMEOUT if the worker drains, or if the reply becomes
 * too long; it then stops between two operations. An atomic batch has less time, because on SQLite
 * it keeps all other writers waiting.
 */
#ifndef REST_BATCH_H
#define REST_BATCH_H

#include "http/reply.h"
#include "http/request.h"

#include <stdbool.h>
#include <stddef.h>

struct batch_operation {
    const char *id;     /* chosen by the client; NULL: none */
    const char *method; /* "GET" … */
    const char *path;   /* with its query */
    const char *body;   /* JSON; "" if there is none */
    size_t body_length;
    const char *if_match; /* the header If-Match; "": none */
};

struct batch {
    const struct batch_operation *operations;
    size_t count; /* 1 to LIMITS_OPERATIONS_MAX */
    bool atomic;
    bool stop_on_error;
};

/* Executes the operations and fills the reply with their results. Errors of operations are part of
 * the results. ERR_TOO_MANY_REQUESTS (limits.h) and ERR_OVERLOADED if the batch has waited too long
 * for a worker: nothing was executed. */
struct error *batch_execute(struct request *request, const struct batch *batch,
                            struct reply *reply) MUST_CHECK;

#endif
