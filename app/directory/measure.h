/* Measure: durations and failures of what is asked of the directory, for the metrics. */
#ifndef DIRECTORY_MEASURE_H
#define DIRECTORY_MEASURE_H

#include <stdint.h>

/* Counts an operation, by its name, that began at `began` (steady clock); `failure` is why it has
 * failed ("silent", "lost", "credentials", "result"), NULL if it has not. */
void measure_operation(const char *name, int64_t began, const char *failure);

#endif
