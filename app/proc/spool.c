/*
 * See spool.h. An upload has two connections, one to nginx (client) and one to a worker; their
 * events move it through the stages of enum stage. When an upload ends, its connections are closed
 * at once, but its memory is freed only after all events of the iteration, because later events may
 * refer to it.
 */
#include "proc/spool.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fastcgi.h"
#include "base/file.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "base/size.h"
#include "base/space.h"
#include "proc/exchange.h"
#include "proc/owners.h"
#include "proc/pace.h"
#include "proc/signals.h"
#include "proc/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    ACCEPTS_PER_ITERATION = 64,
    TICK_MS = 250,                     /* interval of the deadline checks while there are uploads */
    UPLOADS_MAX = 1000,                /* concurrent uploads; further ones get a reply 503 … */
    CONNECTIONS_MAX = 2 * UPLOADS_MAX, /* … until this limit; then connections are closed */
    READ_SIZE = 64 * KIB,              /* maximum number of bytes of one read */
    READS_PER_EVENT = 4,               /* reads from one client before others are served */
    /* bytes of the parameters; far above nginx's limits of request headers */
    PARAMS_MAX = 64 * KIB,
    /* bytes of a body; above nginx's limit of 17 MiB (nginx/files.conf) */
    BODY_MAX = 18 * MIB,
    /* time for the parameters of a request, which nginx sends at once */
    PARAMS_TIMEOUT_US = 2000 * 1000,
    ASK_AFTER_US = 500 * 1000,         /* time until an ASKING exchange; most bodies are faster */
    ASKING_CRASHES_MAX = 3,            /* worker crashes in ASKING exchanges of one upload */
    EARLY_SIZE_MIN = 256 * KIB,        /* bytes received before an EARLY exchange may begin */
    EARLY_INTERVAL_US = 250 * 1000,    /* interval of the rate checks of an EARLY exchange … */
    EARLY_INTERVAL_BYTES = 1024 * KIB, /* … and the bytes that must arrive in each interval */
    /* time for nginx to read the reply and close the connection */
    LINGER_US = 2000 * 1000,
    ACCEPT_RETRY_NS = 10 * NS_PER_MS, /* pause when the limit of open descriptors is reached */
    DIRECTORY_MODE = 0711,
};

enum stage {
    RECEIVING,        /* receives parameters and body; an ASKING or EARLY exchange may run */
    WAITING,          /* the request is complete; the queue of the workers is full */
    SERVED_BY_WORKER, /* the request is complete; waits for the reply of a worker */
    ANSWERING,        /* sends the reply to nginx */
    LINGERING, /* reply sent before the body was complete: discards input until nginx closes */
};

/* One of the two connections of an upload. epoll_event.data.ptr refers to it. */
struct endpoint {
    int fd; /* -1: closed or not open yet */
    bool is_client;
    struct upload *upload;
};

struct upload {
    struct upload *previous, *next;
    struct endpoint client, worker;
    enum stage stage;
    bool ended;                        /* the connections of the upload are closed */
    int64_t began_us, linger_until_us; /* times of clock_steady_us() */

    struct fastcgi_reader reader;
    struct buffer params;
    int file_fd;            /* file of the body; -1 before its first byte */
    int64_t size;           /* bytes of the body received so far */
    bool refused;           /* UPLOADS_MAX was exceeded on accept: reply 503 */
    const char *body_state; /* KONTORA_SPOOL; NULL: the body is complete */

    struct exchange exchange; /* current or last exchange with a worker */
    bool asked;               /* an ASKING exchange has ended with a reply */
    unsigned asking_crashes;  /* ASKING exchanges that ended without a reply */
    int64_t ask_at_us;        /* earliest time of the next ASKING exchange */
    struct owners owners;     /* owners against whose limits the upload counts */
    bool was_early;           /* an EARLY exchange has begun; there is no second one */
    int64_t early_due_us;     /* time of the next rate check of the EARLY exchange */
    int64_t early_size;       /* size of the body at the last rate check */

    size_t reply_sent; /* bytes of the worker's reply sent to nginx */
};

struct spool {
    const struct config *config;
    const struct service *service;
    char *directory; /* directory of the files with the bodies; ends with a slash */
    int epoll_fd, listen_fd, signal_fd, handoff_fd, status_fd;
    struct upload *first, *last; /* list of uploads, oldest first */
    struct upload *dead;         /* list of ended uploads, to be freed */
    size_t count;                /* uploads in the list */
    size_t waiting;              /* uploads in stage WAITING */
    size_t early;                /* uploads with an EARLY or WITHDRAWN exchange */
    int64_t bytes;               /* total size of the files */
    bool draining;
};

/* epoll_event.data.ptr of the listening socket and of the signalfd. */
static struct endpoint listen_tag, signal_tag;

/* --- descriptors ----------------------------------------------------------------------------- */

static void control_epoll(const struct spool *spool, int operation, struct endpoint *endpoint,
                          int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = endpoint};
    if (epoll_ctl(spool->epoll_fd, operation, fd, &event) < 0) {
        log_error("spool: epoll_ctl failed: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void close_endpoint(struct endpoint *endpoint)
{
    if (endpoint->fd >= 0) {
        close(endpoint->fd);
        endpoint->fd = -1;
    }
}

/* Frees the disk space of the body. Truncates the file first, because the queue or a worker may
 * still have it open for a request that was aborted. */
static void drop_body(struct spool *spool, struct upload *upload)
{
    if (upload->file_fd >= 0) {
        if (ftruncate(upload->file_fd, 0) < 0) {
            log_warning("spool: cannot truncate a file: %s", strerror(errno));
        }
        close(upload->file_fd);
        upload->file_fd = -1;
        spool->bytes -= upload->size;
    }
}

static bool has_early_exchange(const struct upload *upload)
{
    return upload->exchange.kind == EARLY || upload->exchange.kind == WITHDRAWN;
}

static void set_exchange(struct spool *spool, struct upload *upload, enum exchange_kind kind)
{
    spool->early -= has_early_exchange(upload);
    upload->exchange.kind = kind;
    spool->early += has_early_exchange(upload);
}

static void enter_stage(struct spool *spool, struct upload *upload, enum stage stage)
{
    spool->waiting -= upload->stage == WAITING;
    spool->waiting += stage == WAITING;
    upload->stage = stage;
}

/* Closes both connections and frees the body. nginx replies 502 if it has received no reply. */
static void end_upload(struct spool *spool, struct upload *upload)
{
    if (upload->ended) {
        return;
    }
    upload->ended = true;
    enter_stage(spool, upload, RECEIVING);
    set_exchange(spool, upload, NO_EXCHANGE);
    close_endpoint(&upload->client);
    close_endpoint(&upload->worker);
    drop_body(spool, upload);
    *(upload->previous ? &upload->previous->next : &spool->first) = upload->next;
    *(upload->next ? &upload->next->previous : &spool->last) = upload->previous;
    spool->count--;
    upload->next = spool->dead;
    spool->dead = upload;
}

static void free_dead(struct spool *spool)
{
    while (spool->dead) {
        struct upload *upload = spool->dead;
        spool->dead = upload->next;
        buffer_free(&upload->params);
        exchange_free(&upload->exchange);
        free(upload);
    }
}

/* --- reply to the client --------------------------------------------------------------------- */

/* Closing a socket that has unread bytes resets the connection, and nginx would lose the reply. If
 * the body is incomplete, therefore keeps reading until nginx closes the connection. */
static void end_reply(struct spool *spool, struct upload *upload)
{
    if (upload->reader.finished) {
        end_upload(spool, upload);
        return;
    }
    shutdown(upload->client.fd, SHUT_WR);
    upload->linger_until_us = clock_steady_us() + LINGER_US;
    enter_stage(spool, upload, LINGERING);
    control_epoll(spool, EPOLL_CTL_MOD, &upload->client, upload->client.fd, EPOLLIN | EPOLLRDHUP);
}

static void send_reply(struct spool *spool, struct upload *upload)
{
    while (upload->reply_sent < upload->exchange.reply.length) {
        ssize_t sent = send(upload->client.fd, upload->exchange.reply.bytes + upload->reply_sent,
                            upload->exchange.reply.length - upload->reply_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            return;
        }
        if (sent < 0) {
            end_upload(spool, upload);
            return;
        }
        upload->reply_sent += (size_t)sent;
    }
    end_reply(spool, upload);
}

static void begin_reply(struct spool *spool, struct upload *upload)
{
    drop_body(spool, upload);
    upload->owners.count = 0;
    enter_stage(spool, upload, ANSWERING);
    control_epoll(spool, EPOLL_CTL_MOD, &upload->client, upload->client.fd, EPOLLOUT | EPOLLRDHUP);
    send_reply(spool, upload);
}

/* --- requests to a worker -------------------------------------------------------------------- */

static void send_request(struct upload *upload)
{
    exchange_send(&upload->exchange, upload->worker.fd, upload->size);
}

/* Begins an exchange. Returns false if the queue of the workers is full. */
static bool begin_exchange(struct spool *spool, struct upload *upload, enum exchange_kind kind)
{
    const struct exchange_request request = {
        .id = upload->reader.id,
        .params = &upload->params,
        .body_state = kind == ASKING  ? "asks"
                      : kind == EARLY ? "early"
                                      : upload->body_state,
        .body_fd = kind == ASKING ? -1 : upload->file_fd,
        .size = upload->size,
    };
    int fd = exchange_begin(&upload->exchange, kind, &request, spool->handoff_fd);
    if (fd < 0) {
        return false;
    }
    spool->early += has_early_exchange(upload);
    upload->worker.fd = fd;
    control_epoll(spool, EPOLL_CTL_ADD, &upload->worker, fd,
                  EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    return true;
}

/* Begins an EARLY exchange if the body is arriving quickly, so that a worker processes it in
 * parallel. Reserves half of the workers for complete requests. */
static void start_early_exchange(struct spool *spool, struct upload *upload)
{
    int64_t now = clock_steady_us();
    bool is_fast =
        upload->size * EARLY_INTERVAL_US >= (now - upload->began_us) * EARLY_INTERVAL_BYTES;
    if (upload->was_early || upload->exchange.kind != NO_EXCHANGE ||
        upload->size < EARLY_SIZE_MIN || spool->waiting ||
        spool->early >= (size_t)spool->config->workers[POOL_UPLOADS] / 2 || !is_fast) {
        return;
    }
    upload->was_early = begin_exchange(spool, upload, EARLY);
    upload->early_due_us = now + EARLY_INTERVAL_US;
    upload->early_size = upload->size;
}

/* Withdraws the request of an EARLY exchange: the worker reads an end of file within the body,
 * discards the request and closes the connection. */
static void withdraw_request(struct spool *spool, struct upload *upload)
{
    log_debug("spool: transfer has become slow: withdrawing its request from the worker");
    set_exchange(spool, upload, WITHDRAWN);
    shutdown(upload->worker.fd, SHUT_WR);
}

/* Withdraws the request of an EARLY exchange if too few bytes have arrived since the last check. */
static void check_early_rate(struct spool *spool, struct upload *upload, int64_t now)
{
    if (upload->size - upload->early_size < EARLY_INTERVAL_BYTES) {
        withdraw_request(spool, upload);
        return;
    }
    upload->early_due_us = now + EARLY_INTERVAL_US;
    upload->early_size = upload->size;
}

/* Passes a complete request to a worker, or waits until the queue has space. */
static void hand_over_request(struct spool *spool, struct upload *upload)
{
    if (begin_exchange(spool, upload, COMPLETE)) {
        enter_stage(spool, upload, SERVED_BY_WORKER);
    } else if (upload->stage != WAITING) {
        enter_stage(spool, upload, WAITING);
    }
}

/* Stops receiving: the body is complete (`body_state` is NULL), or the upload is aborted and its
 * body is discarded. Passes the request to a worker. */
static void end_body(struct spool *spool, struct upload *upload, const char *body_state)
{
    if (upload->exchange.kind == EARLY && body_state) {
        withdraw_request(spool, upload);
    }
    upload->body_state = body_state;
    if (body_state) {
        drop_body(spool, upload);
    }
    control_epoll(spool, EPOLL_CTL_MOD, &upload->client, upload->client.fd, EPOLLRDHUP);
    if (has_early_exchange(upload)) {
        /* A worker has the request. If it is withdrawn, end_exchange() will pass it on again. */
        enter_stage(spool, upload, SERVED_BY_WORKER);
        if (upload->exchange.kind == EARLY) {
            set_exchange(spool, upload, COMPLETE);
            send_request(upload);
        }
        return;
    }
    close_endpoint(&upload->worker); /* cancels an ASKING exchange */
    set_exchange(spool, upload, NO_EXCHANGE);
    hand_over_request(spool, upload);
}

/* --- replies of a worker --------------------------------------------------------------------- */

/* Aborts the newest upload of an owner that exceeds its limit. The aborted upload no longer counts,
 * so that it does not cause the next one to be aborted, too. */
static void enforce_owner_limit(struct spool *spool, const struct owner *owner)
{
    int64_t count = 0;
    struct upload *newest = NULL;
    for (struct upload *upload = spool->first; upload; upload = upload->next) {
        if (owners_include(&upload->owners, owner->key)) {
            count++;
            newest = upload->stage == RECEIVING ? upload : newest;
        }
    }
    if (count > owner->limit && newest) {
        newest->owners.count = 0;
        end_body(spool, newest, "many");
    }
}

/* Makes the upload count against the limits of its owners. */
static void register_owners(struct spool *spool, struct upload *upload)
{
    if (!owners_read(upload->exchange.reply.bytes, upload->exchange.reply.length,
                     &upload->owners)) {
        log_error("spool: malformed reply of a worker: closing the upload");
        end_upload(spool, upload);
        return;
    }
    const struct owners owners = upload->owners;
    for (size_t i = 0; i < owners.count; i++) {
        enforce_owner_limit(spool, &owners.list[i]);
    }
}

/* Called when the worker of an ASKING exchange has closed the connection. Retries if the worker
 * crashed; ends the upload after ASKING_CRASHES_MAX crashes. */
static void end_asking_exchange(struct spool *spool, struct upload *upload)
{
    if (!upload->exchange.reply.length) {
        upload->ask_at_us = clock_steady_us() + ASK_AFTER_US;
        if (++upload->asking_crashes == ASKING_CRASHES_MAX) {
            end_upload(spool, upload);
        }
        return;
    }
    upload->asked = true;
    if (exchange_says_continue(&upload->exchange)) {
        register_owners(spool, upload);
    } else {
        begin_reply(spool, upload);
    }
}

/* Called when the worker has closed the connection. */
static void end_exchange(struct spool *spool, struct upload *upload)
{
    enum exchange_kind ended = upload->exchange.kind;
    close_endpoint(&upload->worker);
    set_exchange(spool, upload, NO_EXCHANGE);
    if (ended == ASKING) {
        end_asking_exchange(spool, upload);
    } else if (ended == WITHDRAWN) {
        if (upload->stage != RECEIVING) { /* the body is complete by now */
            hand_over_request(spool, upload);
        }
    } else if (upload->exchange.reply.length) {
        begin_reply(spool, upload);
    } else if (ended == COMPLETE) {
        end_upload(spool, upload);
    } /* otherwise the worker of an EARLY exchange crashed: another will get the request */
}

static void read_worker_reply(struct spool *spool, struct upload *upload)
{
    switch (exchange_receive(&upload->exchange, upload->worker.fd)) {
    case EXCHANGE_PENDING:
        break;
    case EXCHANGE_ENDED:
        end_exchange(spool, upload);
        break;
    case EXCHANGE_TOO_LONG:
        log_error("spool: reply of a worker is too long: closing the upload");
        end_upload(spool, upload);
        break;
    }
}

/* --- requests of clients --------------------------------------------------------------------- */

/* Opens an unlinked temporary file. Falls back to creating and unlinking a file if the file system
 * does not support O_TMPFILE. */
static int open_unlinked(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || errno == ENOENT || errno == ENOSPC) {
        return fd;
    }
    char *path = base_alloc(strlen(directory) + sizeof "XXXXXX");
    sprintf(path, "%sXXXXXX", directory);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        unlink(path);
    }
    free(path);
    return fd;
}

/* Appends to the file of the body. Returns false if there is no space or a write fails. */
static bool append_to_body(struct spool *spool, struct upload *upload, const char *bytes,
                           size_t length)
{
    if (spool->bytes + (int64_t)length > spool->config->upload_spool_mib * MIB) {
        log_warning("spool: refusing an upload: UPLOAD_SPOOL_MIB is used up");
        return false;
    }
    if (upload->file_fd < 0 && (upload->file_fd = open_unlinked(spool->directory)) < 0) {
        log_error("spool: cannot create a file in %s: %s", spool->directory, strerror(errno));
        return false;
    }
    for (size_t at = 0; at < length;) {
        ssize_t written = pwrite(upload->file_fd, bytes + at, length - at, upload->size);
        if (written <= 0) {
            log_error("spool: cannot write in %s: %s", spool->directory, strerror(errno));
            return false;
        }
        at += (size_t)written;
        upload->size += written;
        spool->bytes += written;
    }
    return true;
}

/* Parses FastCGI records. Moves the parts of the body together in `bytes`, so that small records
 * are written with one system call. */
static void parse_records(struct spool *spool, struct upload *upload, char *bytes, size_t length)
{
    const char *at = bytes, *piece;
    size_t piece_length, body_length = 0;
    char *body = bytes;
    enum fastcgi_event event;
    while ((event = fastcgi_next(&upload->reader, &at, &length, &piece, &piece_length)) !=
           FASTCGI_MORE) {
        if (event == FASTCGI_BODY_BYTES) {
            body = body_length ? body : bytes + (piece - bytes);
            if (body + body_length != piece) {
                memmove(body + body_length, piece, piece_length);
            }
            body_length += piece_length;
        } else if (event == FASTCGI_PARAMS_BYTES) {
            buffer_add(&upload->params, piece, piece_length);
        } else if (event != FASTCGI_PARAMS_END) {
            break;
        }
    }
    if (event == FASTCGI_MALFORMED || upload->params.length > PARAMS_MAX) {
        end_upload(spool, upload);
    } else if ((upload->reader.params_end && upload->refused) ||
               (body_length && !append_to_body(spool, upload, body, body_length))) {
        end_body(spool, upload, "full");
    } else if (event == FASTCGI_END || upload->size > BODY_MAX) {
        end_body(spool, upload, NULL);
    } else {
        start_early_exchange(spool, upload);
        if (upload->exchange.kind == EARLY) {
            send_request(upload);
        }
    }
}

/* Reads from nginx. End of file means that the client has disconnected. */
static void receive_from_client(struct spool *spool, struct upload *upload)
{
    static char bytes[READ_SIZE];
    for (int reads = 0; reads < READS_PER_EVENT && !upload->ended; reads++) {
        if (upload->stage != RECEIVING && upload->stage != LINGERING) {
            return;
        }
        ssize_t got = recv(upload->client.fd, bytes, sizeof bytes, 0);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            end_upload(spool, upload);
        } else if (upload->stage == RECEIVING) {
            parse_records(spool, upload, bytes, (size_t)got);
        }
    }
}

static void accept_upload(struct spool *spool, int fd)
{
    if (spool->count >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    struct upload *upload = base_alloc(sizeof *upload);
    int64_t now = clock_steady_us();
    *upload = (struct upload){
        .previous = spool->last,
        .client = {.fd = fd, .is_client = true, .upload = upload},
        .worker = {.fd = -1, .upload = upload},
        .file_fd = -1,
        .began_us = now,
        .ask_at_us = now + ASK_AFTER_US,
        .refused = spool->count >= UPLOADS_MAX,
    };
    *(spool->last ? &spool->last->next : &spool->first) = upload;
    spool->last = upload;
    spool->count++;
    control_epoll(spool, EPOLL_CTL_ADD, &upload->client, fd, EPOLLIN | EPOLLRDHUP);
}

static void accept_uploads(struct spool *spool)
{
    for (int i = 0; i < ACCEPTS_PER_ITERATION && !spool->draining; i++) {
        int fd = accept4(spool->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                log_error("spool: cannot accept a connection: %s", strerror(errno));
                nanosleep(&(struct timespec){.tv_nsec = ACCEPT_RETRY_NS}, NULL);
            }
            return;
        }
        accept_upload(spool, fd);
    }
}

/* --- periodic checks ------------------------------------------------------------------------- */

static void check_receiving_upload(struct spool *spool, struct upload *upload, int64_t now)
{
    int64_t elapsed = now - upload->began_us;
    if (!upload->reader.params_end) {
        if (elapsed >= PARAMS_TIMEOUT_US) {
            end_upload(spool, upload);
        }
    } else if (pace_is_too_slow(elapsed, upload->size, spool->config->upload_slow_start_s)) {
        end_body(spool, upload, "slow");
    } else if (upload->exchange.kind == EARLY && now >= upload->early_due_us) {
        check_early_rate(spool, upload, now);
    } else if (!upload->asked && upload->exchange.kind == NO_EXCHANGE && now >= upload->ask_at_us) {
        bool begun = begin_exchange(spool, upload, ASKING);
        (void)begun; /* if the queue is full, the next tick tries again */
    }
}

/* Aborts the largest upload while less than half of the disk reserve is free, because logins and
 * deletions need that space. Called at each tick, because bodies can be written faster than the
 * housekeeper (housekeeper.h) measures the free space. */
static void check_disk_space(struct spool *spool)
{
    struct upload *largest = NULL;
    if (!spool->bytes || !space_is_low() || !space_is_critical()) {
        return;
    }
    for (struct upload *upload = spool->first; upload; upload = upload->next) {
        if (upload->stage == RECEIVING && (!largest || upload->size > largest->size)) {
            largest = upload;
        }
    }
    if (largest) {
        log_warning(
            "spool: less than half of DISK_RESERVE_MIB is free: aborting the largest upload");
        end_body(spool, largest, "full");
    }
}

static void check_uploads(struct spool *spool)
{
    int64_t now = clock_steady_us();
    for (struct upload *upload = spool->first, *next; upload; upload = next) {
        next = upload->next;
        if (upload->stage == RECEIVING) {
            check_receiving_upload(spool, upload, now);
        } else if (upload->stage == LINGERING && now >= upload->linger_until_us) {
            end_upload(spool, upload);
        }
    }
    check_disk_space(spool);
}

/* Passes waiting requests to workers, oldest first, until the queue is full. */
static void hand_over_waiting(struct spool *spool)
{
    for (struct upload *upload = spool->first; upload && spool->waiting; upload = upload->next) {
        if (upload->stage == WAITING) {
            hand_over_request(spool, upload);
            if (upload->stage == WAITING) { /* the queue is still full */
                return;
            }
        }
    }
}

/* --- event loop ------------------------------------------------------------------------------ */

static void send_spool_status(const struct spool *spool, enum worker_status status)
{
    struct worker_message message = {.pid = getpid(), .status = status};
    if (write(spool->status_fd, &message, sizeof message) != (ssize_t)sizeof message) {
        log_warning("spool: cannot notify the master: %s", strerror(errno));
    }
}

static void read_spool_signals(struct spool *spool)
{
    struct signalfd_siginfo info;
    while (read(spool->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM && !spool->draining) {
            spool->draining = true;
            epoll_ctl(spool->epoll_fd, EPOLL_CTL_DEL, spool->listen_fd, NULL);
            send_spool_status(spool, WORKER_DRAINING);
        } else if (info.ssi_signo == SIGUSR1) {
            spool->service->reopen(NULL);
        }
    }
}

static void handle_client_event(struct spool *spool, struct upload *upload, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        end_upload(spool, upload); /* the client has disconnected, or nginx has the reply */
    } else if (events & EPOLLOUT) {
        send_reply(spool, upload);
    } else {
        receive_from_client(spool, upload);
    }
}

static void handle_event(struct spool *spool, const struct epoll_event *event)
{
    struct endpoint *endpoint = event->data.ptr;
    if (endpoint == &signal_tag) {
        read_spool_signals(spool);
    } else if (endpoint == &listen_tag) {
        accept_uploads(spool);
    } else if (endpoint->fd < 0) { /* closed by an earlier event */
        return;
    } else if (endpoint->is_client) {
        handle_client_event(spool, endpoint->upload, event->events);
    } else {
        send_request(endpoint->upload);
        read_worker_reply(spool, endpoint->upload);
    }
}

static void run_spool_iteration(struct spool *spool, int64_t *checked_us)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(spool->epoll_fd, events, EVENTS, spool->count ? TICK_MS : -1);
    if (count < 0 && errno != EINTR) {
        log_error("spool: epoll_wait failed: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    for (int i = 0; i < count; i++) {
        handle_event(spool, &events[i]);
    }
    int64_t now = clock_steady_us();
    if (now - *checked_us >= (int64_t)TICK_MS * US_PER_MS) {
        *checked_us = now;
        check_uploads(spool);
    }
    hand_over_waiting(spool);
    free_dead(spool);
    scoreboard_set_connections(spool->count);
}

static char *create_spool_directory(const struct config *config)
{
    static const char name[] = "/spool/";
    char *path = base_alloc(strlen(config->state_dir) + sizeof name);
    sprintf(path, "%s%s", config->state_dir, name);
    file_make_parents(path, DIRECTORY_MODE);
    return path;
}

_Noreturn void spool_run(const struct config *config, const struct service *service, int listen_fd,
                         int handoff_fd, int status_fd)
{
    struct spool spool = {
        .config = config,
        .service = service,
        .directory = create_spool_directory(config),
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .listen_fd = listen_fd,
        .signal_fd = signals_open(),
        .handoff_fd = handoff_fd,
        .status_fd = status_fd,
    };
    int64_t checked_us = 0;
    if (spool.epoll_fd < 0 || spool.signal_fd < 0) {
        log_error("spool: cannot create an epoll instance or a signalfd: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    control_epoll(&spool, EPOLL_CTL_ADD, &signal_tag, spool.signal_fd, EPOLLIN);
    control_epoll(&spool, EPOLL_CTL_ADD, &listen_tag, listen_fd, EPOLLIN | EPOLLEXCLUSIVE);
    send_spool_status(&spool, WORKER_READY);
    while (!spool.draining || spool.count) {
        run_spool_iteration(&spool, &checked_us);
    }
    log_flush();
    free(spool.directory);
    worker_exit();
}
