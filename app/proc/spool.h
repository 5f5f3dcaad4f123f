/*
 * Spool: one process between nginx and the pool `uploads`. It receives the bodies of uploads,
 * however slow they are, and hands a request over to a worker when it is complete, so that a slow
 * client never occupies a worker. It splits a FastCGI request into its parameters, which it keeps
 * in memory, and its body, which it writes into an unlinked file below STATE_DIR: if client, worker
 * or spool exit, no file remains.
 *
 * Guarantees:
 *
 * - A body that is too slow (pace.h) is cut off; so is one for which there is no disk space.
 * - If a body takes longer than half a second, a worker gets the parameters alone and may refuse
 *   the request: a client without a valid token gets its answer, and its body is discarded. If the
 *   queue of the workers is full, the spool retries, before it hands over complete requests.
 * - A body of more than 256 KiB that arrives quickly is handed over while it arrives, so that the
 *   worker need not start only at its end. If less than 1 MiB of it arrives in a quarter of a
 *   second, the request is withdrawn from the worker, and handed over again when it is complete.
 *   Half of the workers are left for complete requests.
 * - An upload counts against its owners (owners.h) from a worker's answer to its parameters until
 *   the client has been answered. If an owner exceeds the limit, the newest upload is cut off.
 * - During a drain the spool accepts no connections, and finishes those that it has accepted.
 */
#ifndef PROC_SPOOL_H
#define PROC_SPOOL_H

#include "base/config.h"
#include "proc/service.h"

/* Runs until SIGTERM, then drains and exits. nginx connects to `listen_fd`, workers take
 * requests from the other side of `handoff_fd`; `news_fd` is the status pipe to the master. */
_Noreturn void spool_run(const struct config *config, const struct service *service, int listen_fd,
                         int handoff_fd, int news_fd);

#endif
