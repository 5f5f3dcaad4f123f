/*
 * Exchange: hands a request from the spool to a worker, and receives the worker's answer. The
 * worker gets a connection and, if the request has a body, the file with that body (handoff.h). The
 * connection carries the parameters as FastCGI records. Its STDIN does not carry the body: eight
 * bytes without a meaning notify the worker that the file has grown, and the end of STDIN that the
 * body is complete.
 *
 * The spool adds these parameters to those of nginx:
 *
 *   KONTORA_SENT   when the request was handed over, in seconds with three decimals
 *   KONTORA_SPOOL  state of the body, unset if it is complete:
 *       asks   not yet received: refuse the request, or answer 100
 *       early  still arriving; if it is cut off, forget the request: it comes again
 *       slow   cut off: it was too slow
 *       full   cut off: the spool has no disk space left for it
 *       many   cut off: one of its owners has too many uploads under way
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
    ASKING,    /* parameters only: would the request be refused? */
    EARLY,     /* a request whose body is still arriving quickly */
    WITHDRAWN, /* EARLY until it was cut off: waits for the worker to close */
    COMPLETE,
};

/* Zero-initialized. */
struct exchange {
    enum exchange_kind kind;
    uint16_t id;         /* FastCGI id of the request */
    struct buffer out;   /* records to send to the worker */
    size_t out_sent;     /* bytes of `out` that have been sent */
    int64_t told;        /* size of the body at the last notification */
    bool all_sent;       /* the record that ends STDIN is in `out` or sent */
    struct buffer reply; /* bytes received from the worker */
};

struct exchange_request {
    uint16_t id;
    struct buffer *params; /* restored before exchange_begin() returns */
    const char *fate;      /* KONTORA_SPOOL; NULL: unset */
    int body_fd;           /* file with the body; -1: none */
    int64_t size;          /* bytes of the body so far */
};

/* Begins to hand over a request: puts a connection into the queue of the workers, with as much
 * of the request as the socket buffer takes. A worker that finds all parameters there serves the
 * request at once, and takes no second request while it waits for parameters. Returns our end of
 * the connection, non-blocking; -1 if the queue is full, and then `kind` is NO_EXCHANGE. */
int exchange_begin(struct exchange *exchange, enum exchange_kind kind,
                   const struct exchange_request *request, int handoff_fd) MUST_CHECK;

/* Sends what is left to send, until the socket buffer is full. Ignores errors:
 * exchange_receive() finds out if the worker has exited. */
void exchange_send(struct exchange *exchange, int fd, int64_t size);

enum exchange_event {
    EXCHANGE_PENDING,
    EXCHANGE_ENDED,    /* the worker closed; without a reply, it crashed */
    EXCHANGE_TOO_LONG, /* its reply is longer than any answer to an upload */
};

/* Receives the bytes of the reply that have arrived. */
enum exchange_event exchange_receive(struct exchange *exchange, int fd) MUST_CHECK;

/* True if the reply is 100: the worker does not refuse the request. */
bool exchange_says_continue(const struct exchange *exchange);

void exchange_free(struct exchange *exchange);

#endif
