/*
 * Exchange: a request on its way from the spool to a worker, and the worker's answer. The worker
 * gets a connection and, if the request has a body, the file of that, from which it reads the body
 * (handoff.h). The records on the connection carry the parameters. STDIN carries eight bytes, of no
 * meaning, whenever the file has grown while the worker reads it, and ends when the body is
 * complete.
 *
 * What the worker is told besides what nginx sends:
 *
 *   KONTORA_SENT   when the request was handed over, in seconds with three decimals
 *   KONTORA_SPOOL  what is special about the request:
 *       asks   there is no body yet: refuse the request, or answer 100
 *       early  the body is still coming; if it is cut off, forget the request: it comes again
 *       slow   the body was cut off: it was too slow
 *       full   the body was cut off: the spool has no room for it
 *       many   the body was cut off: one of its owners has too many under way
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
    ASKING,    /* the parameters alone: would the request be refused? */
    EARLY,     /* the request, while its body is still coming quickly */
    WITHDRAWN, /* it was EARLY and has been cut off: waits for the worker to close */
    COMPLETE,
};

/* Zero-initialized. */
struct exchange {
    enum exchange_kind kind;
    uint16_t id;         /* of the request */
    struct buffer out;   /* records to the worker */
    size_t out_sent;     /* bytes of these */
    int64_t told;        /* size of the body when the worker was told last that it has grown */
    bool all_sent;       /* the record that ends STDIN is in `out` or sent */
    struct buffer reply; /* from the worker, as it came */
};

struct exchange_request {
    uint16_t id;
    struct buffer *params; /* restored after use */
    const char *fate;      /* KONTORA_SPOOL; NULL: none */
    int body_fd;           /* the file of the body; -1: none */
    int64_t size;          /* of the body so far */
};

/* Begins to hand a request over: puts a connection into the queue of the workers, with as much of
 * the request on it as it takes. A worker that finds the parameters there serves it at once, and
 * does not take a second request while it waits for the first. Returns the other end of the
 * connection, non-blocking; -1 if the queue is full, and then `kind` is NO_EXCHANGE. */
int exchange_begin(struct exchange *exchange, enum exchange_kind kind,
                   const struct exchange_request *request, int handoff_fd) MUST_CHECK;

/* Sends what there is to send, until the socket is full. exchange_receive() notices a worker that
 * has exited. */
void exchange_send(struct exchange *exchange, int fd, int64_t size);

enum exchange_event {
    EXCHANGE_PENDING,
    EXCHANGE_ENDED,    /* the worker has closed; without a reply, it has crashed */
    EXCHANGE_TOO_LONG, /* what it answers is longer than any answer to an upload */
};

/* Takes what has come of the reply. */
enum exchange_event exchange_receive(struct exchange *exchange, int fd) MUST_CHECK;

/* True for the answer 100: the request is not refused. */
bool exchange_says_continue(const struct exchange *exchange);

void exchange_free(struct exchange *exchange);

#endif
