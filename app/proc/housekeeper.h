/*
 * Housekeeper: the process that runs the periodic jobs (struct job in service.h). It serves no
 * requests. Jobs run one at a time; a job that is woken runs next. Signals are handled between two
 * jobs: after SIGTERM, the process exits as soon as the running job returns.
 */
#ifndef PROC_HOUSEKEEPER_H
#define PROC_HOUSEKEEPER_H

#include "base/config.h"
#include "proc/service.h"

/* Runs jobs until SIGTERM, then exits the process. `status_fd` is the status pipe to the master. */
_Noreturn void housekeeper_run(const struct config *config, const struct service *service,
                               int status_fd);

#endif
