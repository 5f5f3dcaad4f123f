/*
 * Metrics: what the service counts, for Prometheus to collect.
 *
 * Every metric is one row of a table (metrics.c): name, help, kind, and at most two labels whose
 * values are known before the first fork, so that the number of series is known and no client can
 * add to it. Adding takes one atomic addition and no lock: whoever is killed, at whatever line,
 * leaves every count true, and what was counted stays counted.
 *
 * In shared memory, once metrics_share() was called, there are several stripes of cells. Each
 * process adds to one, so that those that run at the same time do not take cache lines from each
 * other; what is read is the sum of all stripes. Which stripe it is never matters for what is
 * counted.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

enum metric {
    METRIC_REQUESTS,      /* by call */
    METRIC_RESPONSES,     /* by call and status */
    METRIC_RESPONSE_TIME, /* by call */
    METRIC_QUEUE_TIME,    /* by pool */
    METRIC_ERRORS,        /* by code */
    METRIC_AUDIT_FAILURES,
    METRIC_LOG_LINES_DROPPED,

    METRIC_DISK_FREE,    /* bytes */
    METRIC_DISK_RESERVE, /* bytes */

    METRIC_DATABASE_TIME, /* by operation */
    METRIC_DATABASE_UP,
    METRIC_DATABASE_LOG, /* bytes */

    METRIC_DIRECTORY_TIME,        /* by operation */
    METRIC_DIRECTORY_ERRORS,      /* by operation and reason */
    METRIC_DIRECTORY_OPEN,        /* 1 while no controller serves */
    METRIC_DIRECTORY_CONTROLLERS, /* by state */

    METRIC_STORAGE_TIME, /* by operation */

    METRIC_POOL_SIZE,        /* by pool */
    METRIC_POOL_WORKERS,     /* by pool and state */
    METRIC_POOL_CONNECTIONS, /* by pool */
    METRIC_POOL_BUSY,        /* by pool: microseconds */
    METRIC_WORKER_STARTS,    /* by pool */
    METRIC_WORKER_RESTARTS,  /* by pool */
    METRIC_RELOADS,          /* by result */
    METRIC_START_TIME,       /* seconds since the epoch */
    METRIC_BUILD,            /* by version: 1 */

    METRIC_TOKENS_ISSUED,
    METRIC_TOKEN_CHECKS, /* by result */
    METRIC_TOKENS_REVOKED,
    METRIC_REFRESH_REUSE,
    METRIC_PURGED, /* by table */
    METRIC_COUNT
};

/* Values of labels that the table cannot know. */
enum metric_values {
    METRIC_CALLS, /* "GET /api/v1/users": two labels, method and route, of which the last ones have
                     the route "none" */
    METRIC_CODES, /* of errors */
    METRIC_VALUES_COUNT
};

/* Before metrics_share(), and before anything is counted: the values there are, NULL after the
 * last. They must live as long as the process. */
void metrics_set_values(enum metric_values which, const char *const *values);

/* In the master, before it forks: from now on all processes count together. */
void metrics_share(void);

/* In a new process: a number that no other process has that runs now, as far as possible. */
void metrics_forked(size_t number);

/* The series of a metric with these values of its labels, NULL where it has no such label. A value
 * that is not listed is "other"; where there is no such value, it ends the process: a slip of the
 * code. */
size_t metrics_series(enum metric metric, const char *first, const char *second);

/* The same, by the places of the values in their lists. */
size_t metrics_series_at(enum metric metric, size_t first, size_t second);

/* Adds to a counter. */
void metrics_add(enum metric metric, size_t series, int64_t count);

/* Sets a gauge. */
void metrics_set(enum metric metric, size_t series, int64_t value);

/* Counts one duration, in microseconds, in a histogram. */
void metrics_observe(enum metric metric, size_t series, int64_t duration_us);

/* What a counter or gauge stands at; of a histogram, how many durations it has. */
int64_t metrics_value(enum metric metric, size_t series);

/* Appends all of them in Prometheus' text exposition format 0.0.4. */
void metrics_write(struct buffer *out);

#endif
