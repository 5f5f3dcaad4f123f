/*
 * Service: the interface that proc/ calls to serve connections and to run periodic jobs. service/
 * implements it, so that proc/ does not depend on HTTP, the database or the directory.
 */
#ifndef PROC_SERVICE_H
#define PROC_SERVICE_H

#include "base/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A periodic job of the housekeeper (the process for periodic jobs, housekeeper.h). */
struct job {
    const char *name; /* name of the job in the log */

    /* Called when the housekeeper starts, with the state that all jobs share. Returns the state of
     * the job. NULL on failure: the housekeeper then exits and is restarted with backoff. */
    void *(*start)(const struct config *config, void *shared);

    /* Does the work that is due, in small portions, because other jobs and SIGTERM wait for it.
     * Returns the time of the next call, of clock_steady_us(). A job without this function ends a
     * list of jobs. */
    int64_t (*run)(void *state);

    /* Called before the housekeeper exits. */
    void (*stop)(void *state);

    /* Returns a descriptor that becomes readable if the job must run before its time; run() makes
     * it unreadable again. NULL if the job cannot be woken. */
    int (*wake_fd)(void);
};

/* Result of serving a request. */
enum served {
    SERVED,        /* the reply was sent; the connection stays open for further requests */
    SERVED_CLOSED, /* the connection was closed */
    SERVED_HELD,   /* the reply waits for the group commit: call commit(), then finish() */
};

/* State of a request that is being received. */
enum arrival {
    ARRIVAL_PENDING,  /* the request is incomplete: serve() would block */
    ARRIVAL_READY,    /* the parameters are complete: serve() can read them without blocking */
    ARRIVAL_COMPLETE, /* parameters and body are complete */
    ARRIVAL_REFUSED,  /* malformed, or the peer has closed */
};

struct service {
    /* Called in the master before it forks workers with this configuration. Checks whether they can
     * serve; appends one line per error to `faults`. Returns false if there are errors. */
    bool (*prepare)(const struct config *config, struct buffer *faults);

    /* Called first in each new process. NULL: not needed. */
    void (*enter)(const struct config *config);

    /* Called in a new worker before it accepts connections. Returns the state of the worker. NULL
     * on failure: the worker then exits and is restarted with backoff. */
    void *(*start)(const struct config *config, enum pool_id pool);

    /* Takes ownership of a connection that was accepted or received from the spool, and of the
     * file that contains the body of its request (body_fd; -1: none). Never returns NULL. */
    void *(*open)(void *state, int fd, int body_fd);

    /* Determines how much of a request has arrived, from its first bytes; length >= 1. */
    enum arrival (*look)(const char *bytes, size_t length);

    /* Serves a request whose parameters are complete; `complete`: its body is, too. */
    enum served (*serve)(void *state, void *connection, bool complete);

    /* Called at the end of an iteration of the worker loop in which serve() returned SERVED_HELD:
     * commits the writes of all these requests together. */
    void (*commit)(void *state);

    /* Called after commit() for each of these requests: sends its reply. Never returns
     * SERVED_HELD. */
    enum served (*finish)(void *state, void *connection);

    /* Returns the maximum number of connections that wait to be accepted; 0: keep the current
     * limit. NULL: the service sets no limit. */
    size_t (*queue_length)(void *state);

    /* Called at the end of every iteration of the worker loop. */
    void (*rest)(void *state);

    /* Closes a connection that has no request in progress. */
    void (*close)(void *state, void *connection);

    /* Reopens the log files. `state` is NULL in the housekeeper and the spool. */
    void (*reopen)(void *state);

    /* Called before the worker exits. */
    void (*stop)(void *state);

    /* Called when the housekeeper starts, before its jobs: returns the state that all jobs share,
     * such as a database connection. Jobs never run concurrently. */
    void *(*begin_jobs)(const struct config *config);

    /* Called after all jobs have stopped. */
    void (*end_jobs)(void *shared);

    /* Jobs of the housekeeper; at least one. */
    const struct job *jobs;
};

#endif
