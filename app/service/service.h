/*
 * The running service: the master of proc/, with the workers that serve the routes of resources/,
 * and the jobs of the housekeeper.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "base/config.h"

/* Serves until the process is told to stop. Returns its exit status. The settings must be valid,
 * the log open, and server_init() called. `config` and `env_file`: see master_run(). */
int service_run(struct config *config, const char *env_file);

#endif
