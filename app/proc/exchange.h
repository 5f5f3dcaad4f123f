/*
 * Exchange: passes a request from the spool to a worker, and receives the worker's reply. The
 * worker gets a connection and, if the request has a body, the file that contains the body
 * (handoff.h). The connection carries the parameters as FastCGI records. Its STDIN does not carry
 * the body: eight arbitrary bytes notify the worker that the file has grown; the end of STDIN means
 * that the body is complete.
 *
 * The spool adds these parameters to those of nginx:
 *
 *   KONTORA_SENT   time of the handover, in seconds with three decimal places
 *   KONTORA_SPOOL  state of the body; not sent if the body is complete:
 *       asks   not received yet: the worker checks the parameters and refuses the request or
 *              replies 100
 *       early  still being received; if STDIN ends early, the worker discards the request, which
 *              will be sent again
 *       slow   aborted: the client sent too slowly
 *       full   aborted: the spool has no disk space left, or too many uploads
 *       many   aborted: an owner has too many concurrent uploads
 */
#ifndef PROC_EXCHANGE_H
#define PROC_EXCHANGE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exchange_kind {
    NO_EXCHANGE,
    ASKING,    /* parameters only, to learn whether the worker would refuse the request */
    EARLY,     /* request whose body is still being received, at a high rate */
    WITHDRAWN, /* aborted EARLY exchange; waits for the worker to close the connection */
    COMPLETE,  /* request whose body is complete or aborted */
};

/* Must be zero-initialized. */
struct exchange {
    enum exchange_kind kind;
    uint16_t id;         /* FastCGI id of the request */
    struct buffer out;   /* records to send to the worker */
    size_t out_sent;     /* bytes of `out` that have been sent */
    int64_t notified;    /* size of the body at the last notification */
    bool all_queued;     /* the record that ends STDIN is in `out`, or was sent */
    struct buffer reply; /* bytes received from the worker */
};

struct exchange_request {
    uint16_t id;
    struct buffer *params;  /* exchange_begin() appends to it and restores it */
    const char *body_state; /* KONTORA_SPOOL; NULL: not sent */
    int body_fd;            /* file that contains the body; -1: none */
    int64_t size;           /* bytes of the body received so far */
};

/* Starts the handover: creates a connection, writes as much of the request as its socket buffer
 * takes, and puts the connection into the queue of the workers. So a worker usually finds all
 * parameters and need not wait for them. Returns the spool's end of the connection, non-blocking;
 * -1 if the queue is full; `kind` is then NO_EXCHANGE. */
int exchange_begin(struct exchange *exchange, enum exchange_kind kind,
                   const struct exchange_request *request, int handoff_fd) MUST_CHECK;

/* Sends the unsent bytes until the socket buffer is full. `size` is the size of the body so far.
 * Ignores errors: exchange_receive() detects that the worker has exited. */
void exchange_send(struct exchange *exchange, int fd, int64_t size);

enum exchange_event {
    EXCHANGE_PENDING,  /* the reply is incomplete */
    EXCHANGE_ENDED,    /* the worker closed the connection; if the reply is empty, it crashed */
    EXCHANGE_TOO_LONG, /* the reply is longer than any valid reply to an upload */
};

/* Receives all available bytes of the reply. */
enum exchange_event exchange_receive(struct exchange *exchange, int fd) MUST_CHECK;

/* True if the reply has status 100: the worker does not refuse the request. */
bool exchange_says_continue(const struct exchange *exchange);

void exchange_free(struct exchange *exchange);

#endif
