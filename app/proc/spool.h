/*
 * Spool: the process between nginx and the pool `uploads`. It receives the bodies of uploads and
 * passes each request to a worker when it is complete, so that a slow client never occupies a
 * worker. It splits a FastCGI request into its parameters, which it keeps in memory, and its body,
 * which it writes to an unlinked file below STATE_DIR: no file remains if the client disconnects or
 * a process crashes.
 *
 * Guarantees:
 *
 * - An upload is aborted if the client sends too slowly (pace.h) or if there is no disk space.
 * - If a body takes longer than half a second, the spool sends the parameters without the body to a
 *   worker, which may refuse the request: a client without a valid token gets its reply early, and
 *   its body is discarded. If the queue of the workers is full, the spool retries, before it passes
 *   on complete requests.
 * - A body of more than 256 KiB that arrives quickly is passed to a worker while it is received, so
 *   that the worker can process it in parallel. If less than 1 MiB arrives within 0.25 s, the
 *   request is withdrawn from the worker, and passed on again when it is complete. Half of the
 *   workers are reserved for complete requests.
 * - An upload counts against the limits of its owners (owners.h) from the worker's reply to its
 *   parameters until the spool begins to send the final reply. If an owner exceeds its limit, its
 *   newest upload is aborted.
 * - During a drain, the spool accepts no new connections and finishes the uploads in progress.
 */
#ifndef PROC_SPOOL_H
#define PROC_SPOOL_H

#include "base/config.h"
#include "proc/service.h"

/* Runs until SIGTERM, then drains and exits the process. nginx connects to `listen_fd`; workers
 * take requests from the other end of `handoff_fd`; `status_fd` is the status pipe to the
 * master. */
_Noreturn void spool_run(const struct config *config, const struct service *service, int listen_fd,
                         int handoff_fd, int status_fd);

#endif
