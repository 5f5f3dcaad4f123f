/* See exchange.h. */
#include "proc/exchange.h"

#include "base/clock.h"
#include "base/fastcgi.h"
#include "base/size.h"
#include "proc/handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SENT_SIZE = 32,             /* size of the text of KONTORA_SENT */
    NOTIFY_INTERVAL = 64 * KIB, /* bytes of the body between two notifications */
    READ_SIZE = 16 * KIB,       /* maximum number of bytes of one read from a reply */
    REPLY_MAX = 256 * KIB,      /* valid replies to an upload have one or two KiB */
};

/* Writes the parameters into `out` and resets the state of the exchange. */
static void write_params(struct exchange *exchange, const struct exchange_request *request)
{
    char sent[SENT_SIZE];
    int64_t now_ms = clock_wall_ms();
    size_t original_length = request->params->length;
    snprintf(sent, sizeof sent, "%" PRId64 ".%03" PRId64, now_ms / MS_PER_S, now_ms % MS_PER_S);
    fastcgi_add_param(request->params, "KONTORA_SENT", sent);
    if (request->body_state) {
        fastcgi_add_param(request->params, "KONTORA_SPOOL", request->body_state);
    }
    buffer_clear(&exchange->out);
    buffer_clear(&exchange->reply);
    fastcgi_add_request(&exchange->out, request->id, request->params);
    request->params->length = original_length;
    exchange->id = request->id;
    exchange->out_sent = 0;
    exchange->notified = request->size;
    exchange->all_queued = false;
}

/* Replaces `out`, which must have been sent, by the next STDIN record. Returns false if none is due
 * now. */
static bool write_next_record(struct exchange *exchange, int64_t size)
{
    static const char grown[FASTCGI_HEADER_SIZE] = "";
    bool ends = exchange->kind != EARLY;
    if (exchange->all_queued || (!ends && size - exchange->notified < NOTIFY_INTERVAL)) {
        return false;
    }
    exchange->all_queued = ends;
    exchange->notified = size;
    buffer_clear(&exchange->out);
    exchange->out_sent = 0;
    fastcgi_add_header(&exchange->out, FASTCGI_STDIN, exchange->id, ends ? 0 : sizeof grown);
    buffer_add(&exchange->out, grown, ends ? 0 : sizeof grown);
    return true;
}

void exchange_send(struct exchange *exchange, int fd, int64_t size)
{
    if (exchange->kind == WITHDRAWN) {
        return;
    }
    do {
        while (exchange->out_sent < exchange->out.length) {
            ssize_t sent = send(fd, exchange->out.bytes + exchange->out_sent,
                                exchange->out.length - exchange->out_sent, MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            exchange->out_sent += (size_t)sent;
        }
    } while (write_next_record(exchange, size));
}

int exchange_begin(struct exchange *exchange, enum exchange_kind kind,
                   const struct exchange_request *request, int handoff_fd)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        return -1;
    }
    bool sent = fcntl(fds[0], F_SETFL, O_NONBLOCK) >= 0;
    if (sent) {
        exchange->kind = kind;
        write_params(exchange, request);
        exchange_send(exchange, fds[0], request->size);
        sent = handoff_send(handoff_fd, fds[1], request->body_fd);
    }
    close(fds[1]);
    if (!sent) {
        close(fds[0]);
        exchange->kind = NO_EXCHANGE;
        return -1;
    }
    return fds[0];
}

enum exchange_event exchange_receive(struct exchange *exchange, int fd)
{
    for (;;) {
        char *end = buffer_reserve(&exchange->reply, READ_SIZE);
        ssize_t got = recv(fd, end, READ_SIZE, 0);
        if (got < 0 && errno == EAGAIN) {
            return EXCHANGE_PENDING;
        }
        if (got <= 0) {
            return EXCHANGE_ENDED;
        }
        exchange->reply.length += (size_t)got;
        if (exchange->reply.length > REPLY_MAX) {
            return EXCHANGE_TOO_LONG;
        }
    }
}

bool exchange_says_continue(const struct exchange *exchange)
{
    static const char status[] = "Status: 100 ";
    const struct buffer *reply = &exchange->reply;
    return reply->length > FASTCGI_HEADER_SIZE + sizeof status &&
           !memcmp(reply->bytes + FASTCGI_HEADER_SIZE, status, sizeof status - 1);
}

void exchange_free(struct exchange *exchange)
{
    buffer_free(&exchange->out);
    buffer_free(&exchange->reply);
}
