/*
 * See spool.h. A request passes through the stages of enum stage; each event of one of its two
 * connections, nginx's (client) and the worker's, moves it on. Connections of uploads that end are
 * closed at once, but their memory is freed after all events of an iteration, because later ones
 * may point to it.
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
    ACCEPTS_A_TURN = 64,
    TICK_MS = 250,                     /* interval of the deadline checks while there are uploads */
    UPLOADS_MAX = 1000,                /* under way; further ones are answered 503 … */
    CONNECTIONS_MAX = 2 * UPLOADS_MAX, /* … up to these, and then closed */
    PIECE = 64 * KIB,                  /* read at a time */
    PIECES_A_TURN = 4,                 /* of one client, before the others are served */
    PARAMS_MAX = 64 * KIB,             /* nginx's limits of headers are far below */
    BODY_MAX = 18 * MIB,               /* nginx lets 17 MiB through: files.conf */
    PARAMS_TIMEOUT_US = 2000 * 1000,   /* nginx sends them at once */
    ASK_AFTER_US = 500 * 1000,         /* most bodies are complete sooner */
    UNANSWERED_MAX = 3,                /* workers that crash while they are asked */
    EARLY_FROM = 256 * KIB,            /* bytes of a body; smaller ones are read in no time */
    EARLY_INTERVAL_US = 250 * 1000,    /* interval of the checks of an early exchange … */
    EARLY_MIN = 1024 * KIB,            /* … and the bytes that must arrive in each */
    LINGER_US = 2000 * 1000,           /* for nginx to take the answer and close */
    FULL_PAUSE_NS = 10 * NS_PER_MS,    /* no descriptors left: lets some be closed */
    DIRECTORY_MODE = 0711,
};

enum stage {
    RECEIVING, /* bytes from nginx; a worker may be asked meanwhile */
    WAITING,   /* complete, and the queue of the workers is full */
    SERVED_BY_WORKER,
    ANSWERING, /* bytes to nginx */
    LINGERING, /* answered before the body was there: reads until nginx has closed */
};

/* One of the two connections of an upload; epoll's tag. */
struct endpoint {
    int fd; /* -1: none */
    bool is_client;
    struct upload *upload;
};

struct upload {
    struct upload *previous, *next;
    struct endpoint client, worker;
    enum stage stage;
    bool ended; /* its connections are closed */
    int64_t began_us, linger_until_us;

    struct fastcgi_reader reader;
    struct buffer params;
    int file_fd;      /* of the body; -1 before its first byte */
    int64_t size;     /* bytes of the body so far */
    bool refused;     /* UPLOADS_MAX was exceeded when it came: answer 503 */
    const char *fate; /* KONTORA_SPOOL; NULL: the body is complete */

    struct exchange exchange; /* the current one with a worker */
    bool asked;               /* a worker has answered the parameters alone */
    unsigned unanswered;      /* workers that crashed while they were asked */
    int64_t ask_at_us;        /* earliest time of the next ASKING exchange */
    struct owners owners;     /* owners that the upload counts against */
    bool was_early;           /* there was an EARLY exchange: no second one */
    int64_t early_due_us;     /* time of the next check of the early exchange */
    int64_t early_size;       /* size of the body at the last check */

    size_t reply_sent; /* bytes of the worker's reply sent to nginx */
};

struct spool {
    const struct config *config;
    const struct service *service;
    char *directory; /* of the bodies, with a slash at its end */
    int epoll_fd, listen_fd, signal_fd, handoff_fd, news_fd;
    struct upload *first, *last, *dead;
    size_t count, waiting, early;
    int64_t bytes; /* of all files */
    bool leaving;
};

static struct endpoint listen_tag, signal_tag;

/* --- descriptors ----------------------------------------------------------------------------- */

static void control(const struct spool *spool, int operation, struct endpoint *endpoint, int fd,
                    uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = endpoint};
    if (epoll_ctl(spool->epoll_fd, operation, fd, &event) < 0) {
        log_error("spool: epoll_ctl: %s", strerror(errno));
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

/* Frees the space of the body. Closing alone would not: the queue or a worker may have the file
 * open, too, for a request that nobody waits for any more. */
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

static bool holds_early(const struct upload *upload)
{
    return upload->exchange.kind == EARLY || upload->exchange.kind == WITHDRAWN;
}

static void set_exchange(struct spool *spool, struct upload *upload, enum exchange_kind kind)
{
    spool->early -= holds_early(upload);
    upload->exchange.kind = kind;
    spool->early += holds_early(upload);
}

static void enter_stage(struct spool *spool, struct upload *upload, enum stage stage)
{
    spool->waiting -= upload->stage == WAITING;
    spool->waiting += stage == WAITING;
    upload->stage = stage;
}

/* Closes both connections. nginx answers 502 if it has had no answer. */
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

/* --- the answer ------------------------------------------------------------------------------ */

/* A socket that is closed with unread bytes resets the connection, and nginx would lose the answer:
 * if the body is not complete, reads on until nginx has closed. */
static void end_answer(struct spool *spool, struct upload *upload)
{
    if (upload->reader.finished) {
        end_upload(spool, upload);
        return;
    }
    shutdown(upload->client.fd, SHUT_WR);
    upload->linger_until_us = clock_steady_us() + LINGER_US;
    enter_stage(spool, upload, LINGERING);
    control(spool, EPOLL_CTL_MOD, &upload->client, upload->client.fd, EPOLLIN | EPOLLRDHUP);
}

static void send_answer(struct spool *spool, struct upload *upload)
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
    end_answer(spool, upload);
}

static void begin_answer(struct spool *spool, struct upload *upload)
{
    drop_body(spool, upload);
    upload->owners.count = 0;
    enter_stage(spool, upload, ANSWERING);
    control(spool, EPOLL_CTL_MOD, &upload->client, upload->client.fd, EPOLLOUT | EPOLLRDHUP);
    send_answer(spool, upload);
}

/* --- the worker ------------------------------------------------------------------------------ */

static void send_request(struct upload *upload)
{
    exchange_send(&upload->exchange, upload->worker.fd, upload->size);
}

/* Begins an exchange. False if the queue is full. */
static bool begin_exchange(struct spool *spool, struct upload *upload, enum exchange_kind kind)
{
    const struct exchange_request request = {
        .id = upload->reader.id,
        .params = &upload->params,
        .fate = kind == ASKING  ? "asks"
                : kind == EARLY ? "early"
                                : upload->fate,
        .body_fd = kind == ASKING ? -1 : upload->file_fd,
        .size = upload->size,
    };
    int fd = exchange_begin(&upload->exchange, kind, &request, spool->handoff_fd);
    if (fd < 0) {
        return false;
    }
    spool->early += holds_early(upload);
    upload->worker.fd = fd;
    control(spool, EPOLL_CTL_ADD, &upload->worker, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    return true;
}

/* Sends the parameters alone to a worker, while the body is still arriving. */
static void ask_worker(struct spool *spool, struct upload *upload)
{
    bool begun = begin_exchange(spool, upload, ASKING);
    (void)begun; /* if the queue is full, the next tick tries again */
}

/* True if the rate of the body is at least the one that an early exchange requires. */
static bool is_quick(int64_t bytes, int64_t us)
{
    return bytes * EARLY_INTERVAL_US >= us * EARLY_MIN;
}

/* Begins an early exchange if the body is arriving quickly, so that the worker need not start
 * only at its end. Leaves half of the workers to complete requests. */
static void start_early(struct spool *spool, struct upload *upload)
{
    int64_t now = clock_steady_us();
    if (upload->was_early || upload->exchange.kind != NO_EXCHANGE || upload->size < EARLY_FROM ||
        spool->waiting || spool->early >= (size_t)spool->config->workers[POOL_UPLOADS] / 2 ||
        !is_quick(upload->size, now - upload->began_us)) {
        return;
    }
    upload->was_early = begin_exchange(spool, upload, EARLY);
    upload->early_due_us = now + EARLY_INTERVAL_US;
    upload->early_size = upload->size;
}

/* Withdraws the request of an early exchange: the worker sees an end of file within the body,
 * forgets the request and closes. */
static void withdraw(struct spool *spool, struct upload *upload)
{
    log_debug("spool: a body has become slow: withdrawing its request from a worker");
    set_exchange(spool, upload, WITHDRAWN);
    shutdown(upload->worker.fd, SHUT_WR);
}

static void check_early(struct spool *spool, struct upload *upload, int64_t now)
{
    if (upload->size - upload->early_size < EARLY_MIN) {
        withdraw(spool, upload);
        return;
    }
    upload->early_due_us = now + EARLY_INTERVAL_US;
    upload->early_size = upload->size;
}

static void start_worker(struct spool *spool, struct upload *upload)
{
    if (begin_exchange(spool, upload, COMPLETE)) {
        enter_stage(spool, upload, SERVED_BY_WORKER);
    } else if (upload->stage != WAITING) {
        enter_stage(spool, upload, WAITING);
    }
}

/* Nothing more is taken from nginx: the body is complete; or cut off, and then no worker reads it.
 */
static void end_body(struct spool *spool, struct upload *upload, const char *fate)
{
    if (upload->exchange.kind == EARLY && fate) {
        withdraw(spool, upload);
    }
    upload->fate = fate;
    if (fate) {
        drop_body(spool, upload);
    }
    control(spool, EPOLL_CTL_MOD, &upload->client, upload->client.fd, EPOLLRDHUP);
    if (holds_early(upload)) { /* the worker has it; if withdrawn, end_withdrawn() follows */
        enter_stage(spool, upload, SERVED_BY_WORKER);
        if (upload->exchange.kind == EARLY) {
            set_exchange(spool, upload, COMPLETE);
            send_request(upload);
        }
        return;
    }
    close_endpoint(&upload->worker); /* its answer to the parameters alone is not needed any more */
    set_exchange(spool, upload, NO_EXCHANGE);
    start_worker(spool, upload);
}

/* --- the worker's answer --------------------------------------------------------------------- */

/* Cuts off the newest upload of an owner that has more of them under way than it may. That one
 * counts no more, or it would be in the way of the next while its client is told. */
static void enforce_limit(struct spool *spool, const struct owner *owner)
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

/* From here on the upload counts against its owners. */
static void admit(struct spool *spool, struct upload *upload)
{
    if (!owners_read(upload->exchange.reply.bytes, upload->exchange.reply.length,
                     &upload->owners)) {
        log_error("spool: malformed answer of a worker");
        end_upload(spool, upload);
        return;
    }
    const struct owners owners = upload->owners;
    for (size_t i = 0; i < owners.count; i++) {
        enforce_limit(spool, &owners.list[i]);
    }
}

/* The worker that was asked has closed. If it crashed, asks another one, but lets no request crash
 * one after the other. */
static void end_asking(struct spool *spool, struct upload *upload)
{
    if (!upload->exchange.reply.length) {
        upload->ask_at_us = clock_steady_us() + ASK_AFTER_US;
        if (++upload->unanswered == UNANSWERED_MAX) {
            end_upload(spool, upload);
        }
        return;
    }
    upload->asked = true;
    if (exchange_says_continue(&upload->exchange)) {
        admit(spool, upload);
    } else {
        begin_answer(spool, upload);
    }
}

/* Discards the reply. A request that is complete by now is handed over again. */
static void end_withdrawn(struct spool *spool, struct upload *upload)
{
    if (upload->stage != RECEIVING) {
        start_worker(spool, upload);
    }
}

/* The worker has closed. */
static void end_exchange(struct spool *spool, struct upload *upload)
{
    enum exchange_kind ended = upload->exchange.kind;
    close_endpoint(&upload->worker);
    set_exchange(spool, upload, NO_EXCHANGE);
    if (ended == ASKING) {
        end_asking(spool, upload);
    } else if (ended == WITHDRAWN) {
        end_withdrawn(spool, upload);
    } else if (upload->exchange.reply.length) {
        begin_answer(spool, upload);
    } else if (ended == COMPLETE) {
        end_upload(spool, upload);
    } /* an early worker crashed: the complete request goes to another worker */
}

static void read_reply(struct spool *spool, struct upload *upload)
{
    switch (exchange_receive(&upload->exchange, upload->worker.fd)) {
    case EXCHANGE_PENDING:
        break;
    case EXCHANGE_ENDED:
        end_exchange(spool, upload);
        break;
    case EXCHANGE_TOO_LONG:
        log_error("spool: reply of a worker too long: ending the upload");
        end_upload(spool, upload);
        break;
    }
}

/* --- the client ------------------------------------------------------------------------------ */

/* An unlinked file; where the file system cannot make one, a file that is unlinked at once. */
static int open_unlinked(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || errno == ENOENT || errno == ENOSPC) {
        return fd;
    }
    char *path = must_alloc(strlen(directory) + sizeof "XXXXXX");
    sprintf(path, "%sXXXXXX", directory);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        unlink(path);
    }
    free(path);
    return fd;
}

/* Appends to the body; false if there is no room for it. */
static bool store(struct spool *spool, struct upload *upload, const char *bytes, size_t length)
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

/* Takes records apart. What belongs to the body is moved together, so that many small records are
 * one write. */
static void take_bytes(struct spool *spool, struct upload *upload, char *bytes, size_t length)
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
               (body_length && !store(spool, upload, body, body_length))) {
        end_body(spool, upload, "full");
    } else if (event == FASTCGI_END || upload->size > BODY_MAX) {
        end_body(spool, upload, NULL);
    } else {
        start_early(spool, upload);
        if (upload->exchange.kind == EARLY) {
            send_request(upload);
        }
    }
}

/* Bytes from nginx; its end of file is the client's disconnect. */
static void receive(struct spool *spool, struct upload *upload)
{
    static char bytes[PIECE];
    for (int pieces = 0; pieces < PIECES_A_TURN && !upload->ended; pieces++) {
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
            take_bytes(spool, upload, bytes, (size_t)got);
        }
    }
}

static void accept_upload(struct spool *spool, int fd)
{
    if (spool->count >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    struct upload *upload = must_alloc(sizeof *upload);
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
    control(spool, EPOLL_CTL_ADD, &upload->client, fd, EPOLLIN | EPOLLRDHUP);
}

static void accept_uploads(struct spool *spool)
{
    for (int i = 0; i < ACCEPTS_A_TURN && !spool->leaving; i++) {
        int fd = accept4(spool->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                log_error("spool: accept: %s", strerror(errno));
                nanosleep(&(struct timespec){.tv_nsec = FULL_PAUSE_NS}, NULL);
            }
            return;
        }
        accept_upload(spool, fd);
    }
}

/* --- time ------------------------------------------------------------------------------------ */

static void check_receiving(struct spool *spool, struct upload *upload, int64_t now)
{
    int64_t elapsed = now - upload->began_us;
    if (!upload->reader.params_end) {
        if (elapsed >= PARAMS_TIMEOUT_US) {
            end_upload(spool, upload);
        }
    } else if (pace_is_too_slow(elapsed, upload->size, spool->config->upload_slow_start_s)) {
        end_body(spool, upload, "slow");
    } else if (upload->exchange.kind == EARLY && now >= upload->early_due_us) {
        check_early(spool, upload, now);
    } else if (!upload->asked && upload->exchange.kind == NO_EXCHANGE && now >= upload->ask_at_us) {
        ask_worker(spool, upload);
    }
}

/* Half of the reserve of free space is for logins and deletions: gives back the largest body that
 * is under way while less is free. Called with each tick, because a body may be written faster than
 * free space is measured. */
static void check_space(struct spool *spool)
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
        log_warning("spool: less than half of DISK_RESERVE_MIB is free: cutting a body off");
        end_body(spool, largest, "full");
    }
}

static void check_uploads(struct spool *spool)
{
    int64_t now = clock_steady_us();
    for (struct upload *upload = spool->first, *next; upload; upload = next) {
        next = upload->next;
        if (upload->stage == RECEIVING) {
            check_receiving(spool, upload, now);
        } else if (upload->stage == LINGERING && now >= upload->linger_until_us) {
            end_upload(spool, upload);
        }
    }
    check_space(spool);
}

static void start_waiting(struct spool *spool)
{
    for (struct upload *upload = spool->first; upload && spool->waiting; upload = upload->next) {
        if (upload->stage == WAITING) {
            start_worker(spool, upload);
            if (upload->stage == WAITING) { /* the queue is still full */
                return;
            }
        }
    }
}

/* --- the loop -------------------------------------------------------------------------------- */

static void notify_master(const struct spool *spool, enum worker_news news)
{
    struct worker_message message = {.pid = getpid(), .news = news};
    if (write(spool->news_fd, &message, sizeof message) != (ssize_t)sizeof message) {
        log_warning("spool: cannot notify the master: %s", strerror(errno));
    }
}

static void read_signals(struct spool *spool)
{
    struct signalfd_siginfo info;
    while (read(spool->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM && !spool->leaving) {
            spool->leaving = true;
            epoll_ctl(spool->epoll_fd, EPOLL_CTL_DEL, spool->listen_fd, NULL);
            notify_master(spool, WORKER_LEAVING);
        } else if (info.ssi_signo == SIGUSR1) {
            spool->service->reopen(NULL);
        }
    }
}

static void handle_client(struct spool *spool, struct upload *upload, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        end_upload(spool, upload); /* the client has gone, or nginx has its answer */
    } else if (events & EPOLLOUT) {
        send_answer(spool, upload);
    } else {
        receive(spool, upload);
    }
}

static void handle_event(struct spool *spool, const struct epoll_event *event)
{
    struct endpoint *endpoint = event->data.ptr;
    if (endpoint == &signal_tag) {
        read_signals(spool);
    } else if (endpoint == &listen_tag) {
        accept_uploads(spool);
    } else if (endpoint->fd < 0) { /* closed by an earlier event */
        return;
    } else if (endpoint->is_client) {
        handle_client(spool, endpoint->upload, event->events);
    } else {
        send_request(endpoint->upload);
        read_reply(spool, endpoint->upload);
    }
}

static void run_iteration(struct spool *spool, int64_t *checked_us)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(spool->epoll_fd, events, EVENTS, spool->count ? TICK_MS : -1);
    if (count < 0 && errno != EINTR) {
        log_error("spool: epoll_wait: %s", strerror(errno));
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
    start_waiting(spool);
    free_dead(spool);
    scoreboard_set_connections(spool->count);
}

static char *make_directory(const struct config *config)
{
    static const char name[] = "/spool/";
    char *path = must_alloc(strlen(config->state_dir) + sizeof name);
    sprintf(path, "%s%s", config->state_dir, name);
    file_make_parents(path, DIRECTORY_MODE);
    return path;
}

_Noreturn void spool_run(const struct config *config, const struct service *service, int listen_fd,
                         int handoff_fd, int news_fd)
{
    struct spool spool = {
        .config = config,
        .service = service,
        .directory = make_directory(config),
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .listen_fd = listen_fd,
        .signal_fd = signals_open(),
        .handoff_fd = handoff_fd,
        .news_fd = news_fd,
    };
    int64_t checked_us = 0;
    if (spool.epoll_fd < 0 || spool.signal_fd < 0) {
        log_error("spool: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    control(&spool, EPOLL_CTL_ADD, &signal_tag, spool.signal_fd, EPOLLIN);
    control(&spool, EPOLL_CTL_ADD, &listen_tag, listen_fd, EPOLLIN | EPOLLEXCLUSIVE);
    notify_master(&spool, WORKER_READY);
    while (!spool.leaving || spool.count) {
        run_iteration(&spool, &checked_us);
    }
    log_flush();
    free(spool.directory);
    exit(EXIT_SUCCESS);
}
