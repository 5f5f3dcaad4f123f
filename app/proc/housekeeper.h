/*
 * Housekeeper: one process beside the pools that does, at their times, the jobs of nobody's request
 * (struct job of service.h). It serves nothing. Jobs run one after the other, and signals are
 * looked at between two of them: it leaves as soon as the job under way is done. A job that is woken
 * is the next one.
 */
#ifndef PROC_HOUSEKEEPER_H
#define PROC_HOUSEKEEPER_H

#include "base/config.h"
#include "proc/service.h"

/* Works until it is told to leave, then ends the process. `news_fd` is the pipe to the master. */
_Noreturn void housekeeper_run(const struct config *config, const struct service *service,
                               int news_fd);

#endif
