/*
 * Service: the functions with which a worker serves its connections, and the periodic jobs of the
 * housekeeper. service/ passes them in: proc does not depend on HTTP or the directory, and knows
 * only the framing of FastCGI (exchange.h).
 */
#ifndef PROC_SERVICE_H
#define PROC_SERVICE_H

#include "base/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the housekeeper does again and again. */
struct job {
    const char *name; /* for the log */

    /* Called in a new housekeeper, with the state that all jobs share. Returns the state of the
     * job; NULL if it cannot run: the housekeeper then exits and is restarted with backoff. */
    void *(*start)(const struct config *config, void *shared);

    /* Does what is due, a small piece at a time: the other jobs, and the end of the housekeeper,
     * wait for it. Returns when to be called again, of the steady clock. NULL ends a list. */
    int64_t (*run)(void *state);

    /* The housekeeper is about to end. */
    void (*stop)(void *state);

    /* Returns a descriptor that is readable while the job is wanted before its time; run()
     * clears it. NULL if the job cannot be woken. */
    int (*wake_fd)(void);
};

/* What became of a request. */
enum served {
    SERVED,        /* it is answered, and the connection is kept for another */
    SERVED_CLOSED, /* the connection is over, and closed */
    SERVED_HELD,   /* its answer waits for the end of the turn: commit, then finish */
};

/* State of a request by its first bytes, before it is read. */
enum arrival {
    ARRIVAL_PENDING, /* more must come before serve() can read a request without waiting */
    ARRIVAL_READY,
    ARRIVAL_COMPLETE, /* its body has arrived too */
    ARRIVAL_REFUSED,  /* malformed */
};

struct service {
    /* In the master, before it forks workers with these settings: adds a line to `faults` for all
     * that would keep them from serving. False if there is any. */
    bool (*prepare)(const struct config *config, struct buffer *faults);

    /* In each new process of these settings, before anything else; NULL: there is nothing to do. */
    void (*enter)(const struct config *config);

    /* In a fresh worker, before it takes connections. Returns the worker's state, NULL if it cannot
     * serve: the worker then ends and is started again with back-off. */
    void *(*start)(const struct config *config, enum pool_id pool);

    /* Takes over an accepted connection; or one from the queue of the spool, and the file with
     * its body; body_fd is -1 if there is none. Never returns NULL. */
    void *(*open)(void *state, int fd, int body_fd);

    /* Looks at bytes that have arrived; at least one. */
    enum arrival (*look)(const char *bytes, size_t length);

    /* Serves a request that has arrived; `complete` if its body has, too. */
    enum served (*serve)(void *state, void *connection, bool complete);

    /* The end of a turn in which answers were held: makes what their requests have written durable,
     * all with one commit. */
    void (*commit)(void *state);

    /* After that, for each of them: answers it. Never SERVED_HELD. */
    enum served (*finish)(void *state, void *connection);

    /* Returns how many connections may wait to be accepted; 0: leave the limit unchanged. NULL:
     * there is no limit of the service. */
    size_t (*queue_length)(void *state);

    /* The end of every turn, whether answers were held in it or not. */
    void (*rest)(void *state);

    /* Closes a connection between two requests. */
    void (*close)(void *state, void *connection);

    /* Opens log files again. `state` is NULL in the housekeeper. */
    void (*reopen)(void *state);

    /* The worker is about to end. */
    void (*stop)(void *state);

    /* Called in a new housekeeper, before its jobs start: returns the state that they share,
     * such as one connection to the database. Jobs never run concurrently. */
    void *(*begin_jobs)(const struct config *config);

    /* Called after all jobs have stopped. */
    void (*end_jobs)(void *shared);

    /* Of the housekeeper; at least one. */
    const struct job *jobs;
};

#endif
