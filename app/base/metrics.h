/*
 * Metrics: counters, gauges and histograms of the service, exported to Prometheus.
 *
 * Each metric is one row of a table (metrics.c): name, help text, kind, and at most two labels. All
 * label values are known before the first fork, so that the number of series is fixed and clients
 * cannot add series. An update is an atomic operation without locks: the counts stay consistent
 * even if a process is killed during an update, and survive the process.
 *
 * After metrics_share(), the cells are in shared memory, in several copies (stripes). Each process
 * adds to one stripe, so that concurrent processes do not contend for the same cache lines. Readers
 * sum up all stripes, so the choice of the stripe never affects a result.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

/* All metrics; comments name their labels and units. */
enum metric {
    METRIC_REQUESTS,      /* by method and route */
    METRIC_RESPONSES,     /* by method, route and status */
    METRIC_RESPONSE_TIME, /* by method and route */
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
    METRIC_DIRECTORY_OPEN,        /* 1 while no controller is reachable */
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
    METRIC_BUILD,            /* 1, labelled with the version */

    METRIC_TOKENS_ISSUED,
    METRIC_TOKEN_CHECKS, /* by result */
    METRIC_TOKENS_REVOKED,
    METRIC_REFRESH_REUSE,
    METRIC_PURGED, /* by table */
    METRIC_COUNT
};

/* Label values that are set at run time by metrics_set_values(). */
enum metric_values {
    METRIC_CALLS, /* method and route, such as "GET /api/v1/users"; the last one has route "none" */
    METRIC_CODES, /* error codes */
    METRIC_VALUES_COUNT
};

/* Sets the values of a label as a NULL-terminated array. Must be called before metrics_share() and
 * before the first update. The strings must live as long as the process. */
void metrics_set_values(enum metric_values which, const char *const *values);

/* Moves the cells to shared memory. Called by the master before it forks. */
void metrics_share(void);

/* Called in a child after fork(): selects its stripe. `number` should differ from that of every
 * other running process. */
void metrics_select_stripe(size_t number);

/* Returns the series of a metric with these label values; NULL for a label that the metric does not
 * have. An unknown value is counted as "other"; aborts if the label has no value "other". */
size_t metrics_series(enum metric metric, const char *first, const char *second);

/* Like metrics_series(), but takes the indices of the label values in their arrays. */
size_t metrics_series_at(enum metric metric, size_t first, size_t second);

/* Adds to a counter. */
void metrics_add(enum metric metric, size_t series, int64_t count);

/* Sets a gauge. */
void metrics_set(enum metric metric, size_t series, int64_t value);

/* Adds one observation, a duration in microseconds, to a histogram. */
void metrics_observe(enum metric metric, size_t series, int64_t duration_us);

/* Returns the value of a counter or gauge, or the number of observations of a histogram. */
int64_t metrics_value(enum metric metric, size_t series);

/* Appends all metrics in Prometheus' text exposition format 0.0.4. */
void metrics_write(struct buffer *out);

#endif
