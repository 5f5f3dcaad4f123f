/* Measure: records durations and failures of directory operations in the metrics. */
#ifndef DIRECTORY_MEASURE_H
#define DIRECTORY_MEASURE_H

#include <stdint.h>

/* Records an operation that began at `began` (steady clock) and ends now. `failure` is "silent",
 * "lost", "credentials" or "result", or NULL for a success. */
void measure_operation(const char *name, int64_t began, const char *failure);

#endif
