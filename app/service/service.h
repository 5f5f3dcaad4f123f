/*
 * Service: runs the master of proc/ with workers that serve the routes of resources/, and with the
 * housekeeper, the process for periodic jobs.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "base/config.h"

/* Serves until the process is told to stop, and returns its exit status. Before the call, the
 * settings must have been checked, the log opened, and server_init() called. `config` and
 * `env_file`: see master_run(). */
int service_run(struct config *config, const char *env_file);

#endif
