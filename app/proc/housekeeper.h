/*
 * Housekeeper: one process beside the pools that runs the periodic jobs (struct job of service.h).
 * It serves no requests. Jobs run one after the other; a job that is woken runs next. Signals are
 * handled between two jobs: a drain ends as soon as the running job returns.
 */
#ifndef PROC_HOUSEKEEPER_H
#define PROC_HOUSEKEEPER_H

#include "base/config.h"
#include "proc/service.h"

/* Works until it is told to leave, then ends the process. `news_fd` is the pipe to the master. */
_Noreturn void housekeeper_run(const struct config *config, const struct service *service,
                               int news_fd);

#endif
