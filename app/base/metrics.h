/*
 * Metrics: what the service counts, for Prometheus to collect.
 *
 * Every metric is one row of a table (metrics.c): name, help, kind, and at most two labels whose
 * values are listed there, so that the number of series is known and no client can add to it. The
 * cells are one array of atomics, in shared memory once metrics_share() was called, else this
 * process's own (unit programs). Adding takes one atomic addition and no lock.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

enum metric {
    METRIC_DIRECTORY_TIME,        /* by operation */
    METRIC_DIRECTORY_ERRORS,      /* by operation and reason */
    METRIC_DIRECTORY_OPEN,        /* 1 while no controller serves */
    METRIC_DIRECTORY_CONTROLLERS, /* by state */
    METRIC_WORKER_RESTARTS,       /* by pool */
    METRIC_TOKENS_ISSUED,
    METRIC_TOKEN_CHECKS, /* by result */
    METRIC_TOKENS_REVOKED,
    METRIC_PURGED, /* by table */
    METRIC_COUNT
};

/* In the master, before it forks: from now on all processes add to the same cells. */
void metrics_share(void);

/* The series of a metric with these values of its labels, NULL where it has no such label. A value
 * that is not listed is "other"; where there is no such value, it ends the process: a slip of the
 * code. */
size_t metrics_series(enum metric metric, const char *first, const char *second);

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
