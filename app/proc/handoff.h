/*
 * Handoff: a queue of requests from the spool to the workers of `uploads`. A request is a
 * connection and, if it has a body, the file with that body; one worker takes it. The queue is a
 * pair of sockets that processes inherit: no other process can reach it, and it outlives the
 * processes on both sides.
 */
#ifndef PROC_HANDOFF_H
#define PROC_HANDOFF_H

#include "base/error.h"

#include <stdbool.h>

struct handoff {
    int send_fd, receive_fd; /* non-blocking */
};

/* False with errno set. */
bool handoff_open(struct handoff *handoff) MUST_CHECK;

/* Puts a connection and a file (-1: none) into the queue. The caller keeps, and closes, its own
 * descriptors. False with errno set: EAGAIN if the queue is full. */
bool handoff_send(int send_fd, int connection_fd, int file_fd) MUST_CHECK;

/* Takes a request from the queue and returns its connection; -1 with errno set, EAGAIN if the
 * queue is empty. *file_fd_r is -1 if there is no file. The caller closes both. */
int handoff_receive(int receive_fd, int *file_fd_r) MUST_CHECK;

#endif
