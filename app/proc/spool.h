/*
 * Spool: one process between nginx and the pool `uploads`. It receives the bodies of uploads,
 * however slowly they come, and hands a request over to a worker when it is complete, so that a
 * slow client never holds one. It takes FastCGI requests apart into parameters, which it keeps in
 * memory, and the body, which it writes into an unlinked file below STATE_DIR: whatever ends,
 * client, worker or spool, leaves nothing.
 *
 * Guarantees:
 *   - A body that is too slow (pace.h) is cut off; so is one for which the spool has no room.
 *   - Requests whose body is under way for longer than half a second are shown to a worker without
 *     the body, which may refuse them: a client without a valid token gets its answer, and its
 *     body is dropped. If the queue of the workers is full, the spool asks again, before it hands
 *     complete requests over.
 *   - A body of more than 256 KiB that comes quickly is handed over while it comes, so that the
 *     worker need not begin only at its end. If less than 1 MiB of it comes in a quarter of a
 *     second, the request is withdrawn from the worker, and handed over again when it is complete.
 *     Half of the workers are left for complete requests.
 *   - Uploads that a worker was asked about count against their owners (owners.h) until they are
 *     answered. If an owner has more of them under way than it may, the newest is cut off.
 *   - A drain accepts nothing new and finishes what has been accepted.
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
