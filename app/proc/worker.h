/*
 * Worker: one process of a pool, single-threaded.
 *
 * A multiplexing worker (`core`) watches the listening socket and all its kept connections with one
 * epoll, and serves one request of each that is readable. The other pools take one connection, one
 * request at a time, so that a slow one holds up nobody else's.
 *
 * One turn, one commit: what requests of one turn have written is made durable together, and they
 * are answered after that. A worker of the other pools has one request a turn.
 *
 * A worker that is to leave (SIGTERM, enough requests, grown too large) stops accepting, serves
 * what is on its connections until nginx has closed them, and ends: no request meets a closing
 * worker.
 */
#ifndef PROC_WORKER_H
#define PROC_WORKER_H

#include "base/config.h"
#include "proc/service.h"

#include <sys/types.h>

/* What workers tell the master, through a pipe; a message is written whole or not at all. */
enum worker_news {
    WORKER_READY,
    WORKER_LEAVING,
};

struct worker_message {
    pid_t pid;
    enum worker_news news;
};

/* Serves until it is told to leave, then ends the process. `news_fd` is the pipe to the master. */
_Noreturn void worker_run(const struct config *config, const struct service *service,
                          enum pool_id pool, int listen_fd, int news_fd);

#endif
