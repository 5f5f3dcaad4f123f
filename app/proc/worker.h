/*
 * Worker: a single-threaded process of a pool.
 *
 * Workers of `core` are multiplexing: one epoll instance watches the listening socket and all
 * connections that nginx keeps open; in each iteration, the worker serves one request of each
 * readable connection. Workers of the other pools accept one connection per iteration and close it
 * after one request, so that requests do not queue behind a slow one.
 *
 * Group commit: all writes of one iteration of the `core` loop are committed together, and the
 * replies are sent after the commit. In the other pools, each request has its own commit.
 *
 * A worker drains on SIGTERM, after WORKER_MAX_REQUESTS requests, and when its memory has grown by
 * more than WORKER_MAX_GROWTH_MIB: it stops accepting connections, serves requests on the open ones
 * until nginx closes them, and exits. So no request is sent to a worker that has exited.
 */
#ifndef PROC_WORKER_H
#define PROC_WORKER_H

#include "base/config.h"
#include "proc/service.h"

#include <sys/types.h>

/* Status messages of a child process to the master, through the status pipe. Writes of this size
 * are atomic. */
enum worker_status {
    WORKER_READY,    /* the worker serves requests */
    WORKER_DRAINING, /* the worker drains; a replacement may be started */
};

struct worker_message {
    pid_t pid;
    enum worker_status status;
};

/* Serves requests until a drain is complete, then exits the process. `listen_fd` is the listening
 * socket, or the queue of the spool (handoff.h); `status_fd` is the status pipe to the master. */
_Noreturn void worker_run(const struct config *config, const struct service *service,
                          enum pool_id pool, int listen_fd, int status_fd);

/* Exits a worker, the spool or the housekeeper with success, without atexit() functions. The caller
 * has written all buffered output. */
_Noreturn void worker_exit(void);

#endif
