/*
 * Handoff: a queue of connections between the spool, which puts them in, and the workers of
 * `uploads`, one of which takes each. It is a pair of sockets that processes inherit, so that
 * nobody else can reach it, and it outlives the processes on both sides.
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

/* Puts a descriptor into the queue; the caller still closes its own. False with errno set: EAGAIN
 * if the queue is full. */
bool handoff_send(int send_fd, int fd) MUST_CHECK;

/* Takes one out: the descriptor, or -1 with errno set, EAGAIN if the queue is empty. */
int handoff_receive(int receive_fd) MUST_CHECK;

#endif
