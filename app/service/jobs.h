/* Jobs: the periodic work of the housekeeper. proc/housekeeper.h runs them one at a time. */
#ifndef SERVICE_JOBS_H
#define SERVICE_JOBS_H

#include "base/config.h"
#include "proc/service.h"

/* All jobs; a row without a function ends the list. */
extern const struct job jobs_list[];

/* Returns the store that all jobs share, because they never run concurrently. */
void *jobs_begin(const struct config *config);

/* Closes the store that jobs_begin() returned. */
void jobs_end(void *store);

#endif
