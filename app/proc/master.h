/*
 * Master: opens the sockets, forks all other processes and waits for events. It restarts processes
 * that crash, with backoff against crash loops, and never serves requests.
 *
 *   SIGTERM, SIGINT  drain: workers finish their requests; those still running after DRAIN_TIMEOUT
 *                    are killed; then the master exits
 *   SIGHUP           reload: reads the configuration and starts new workers; the old workers drain
 *                    when all new ones are ready, and keep serving if the new ones fail to start
 *   SIGUSR1          reopens the logs in all processes
 *
 * The master notifies systemd when it is ready, reloading and stopping (sd_notify(3)).
 */
#ifndef PROC_MASTER_H
#define PROC_MASTER_H

#include "base/config.h"
#include "proc/service.h"

/* Runs until SIGTERM or SIGINT. Returns the exit status of the process. Each reload reads `config`
 * anew from the environment and `env_file` (see config_load()). */
int master_run(struct config *config, const char *env_file, const struct service *service);

#endif
