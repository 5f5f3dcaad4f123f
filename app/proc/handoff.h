/*
 * Handoff: a queue of requests from the spool to the workers of the pool `uploads`. An item is a
 * connection and, if the request has a body, the file that contains the body; one worker receives
 * it. The queue is a pair of connected sockets that child processes inherit from the master: no
 * other process can access it, and its content survives crashes of the spool and of workers.
 */
#ifndef PROC_HANDOFF_H
#define PROC_HANDOFF_H

#include "base/error.h"

#include <stdbool.h>

struct handoff {
    int send_fd, receive_fd; /* non-blocking */
};

/* Creates the queue. Returns false with errno set on failure. */
bool handoff_open(struct handoff *handoff) MUST_CHECK;

/* Puts a connection and a file (-1: none) into the queue. The caller remains the owner of its
 * descriptors. Returns false with errno set on failure: EAGAIN if the queue is full. */
bool handoff_send(int send_fd, int connection_fd, int file_fd) MUST_CHECK;

/* Takes an item from the queue. Returns its connection and sets *file_fd_r to its file, or to -1;
 * the caller closes both. Returns -1 with errno set on failure: EAGAIN if the queue is empty. */
int handoff_receive(int receive_fd, int *file_fd_r) MUST_CHECK;

#endif
