/* Sockets: the listening Unix sockets of the pools, opened here or inherited from systemd (socket
 * activation). */
#ifndef PROC_SOCKETS_H
#define PROC_SOCKETS_H

#include "base/config.h"
#include "base/error.h"

#include <stdbool.h>

struct pool_socket {
    int fd;
    char *path; /* path of a socket created here; NULL: inherited from systemd */
};

/* Opens one non-blocking listening socket per pool. Replaces a socket file on which no process
 * listens; fails if a process listens on it. Returns false after logging the cause. */
bool sockets_open(const struct config *config, struct pool_socket sockets[POOL_COUNT]) MUST_CHECK;

/* Closes all sockets, and removes the files of those that were created here. */
void sockets_close(struct pool_socket sockets[POOL_COUNT]);

#endif
