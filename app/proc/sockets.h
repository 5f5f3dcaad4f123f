/* Sockets: the listening Unix sockets of the pools, our own or systemd's (socket activation). */
#ifndef PROC_SOCKETS_H
#define PROC_SOCKETS_H

#include "base/config.h"
#include "base/error.h"

#include <stdbool.h>

struct pool_socket {
    int fd;
    char *path; /* of a socket that we made and remove; NULL: systemd's */
};

/* Opens one non-blocking listening socket a pool. A socket that nobody listens on any more is
 * replaced; one that is in use is a fault. False after logging what is wrong. */
bool sockets_open(const struct config *config, struct pool_socket sockets[POOL_COUNT]) MUST_CHECK;

/* Closes all, and removes the files that are ours. */
void sockets_close(struct pool_socket sockets[POOL_COUNT]);

#endif
