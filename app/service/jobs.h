/* Jobs: the periodic jobs. The housekeeper, a process of its own, runs them one at a time
 * (proc/housekeeper.h). */
#ifndef SERVICE_JOBS_H
#define SERVICE_JOBS_H

#include "base/config.h"
#include "proc/service.h"

/* All jobs. A row without a `run` function ends the list. */
extern const struct job jobs_list[];

/* Opens the store that all jobs share. They can share it because they never run concurrently. */
void *jobs_open_store(const struct config *config);

/* Closes the store that jobs_open_store() returned. */
void jobs_close_store(void *store);

#endif
