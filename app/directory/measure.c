/* Measure: records durations and failures of directory operations in the metrics. */
#include "directory/measure.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "base/spent.h"

void measure_operation(const char *name, int64_t began, const char *failure)
{
    int64_t us = clock_steady_us() - began;
    spent_add(SPENT_DIRECTORY, us);
    metrics_observe(METRIC_DIRECTORY_TIME, metrics_series(METRIC_DIRECTORY_TIME, name, NULL), us);
    if (failure) {
        metrics_add(METRIC_DIRECTORY_ERRORS, metrics_series(METRIC_DIRECTORY_ERRORS, name, failure),
                    1);
    }
}
