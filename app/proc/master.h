/*
 * Master: opens the sockets, forks the pools and then only waits. It starts again what dies, with
 * back-off against crash loops, and never serves.
 *
 *   SIGTERM, SIGINT  drain: workers finish what they have; who does not in DRAIN_TIMEOUT is killed
 *   SIGHUP           reads the configuration again and replaces all workers; the old ones leave only
 *                    when every new one is ready, and stay if the new ones do not come up
 *   SIGUSR1          opens the logs again, everywhere
 *
 * It tells systemd when it is ready, reloading and stopping (sd_notify(3)).
 */
#ifndef PROC_MASTER_H
#define PROC_MASTER_H

#include "base/config.h"
#include "proc/service.h"

/* Runs until it is told to stop; returns the exit status of the process. `config` is replaced at
 * each reload, from `env_file` (see config_load). */
int master_run(struct config *config, const char *env_file, const struct service *service);

#endif
