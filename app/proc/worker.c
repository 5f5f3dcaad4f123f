/* See worker.h. */
#include "proc/worker.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/scoreboard.h"
#include "base/size.h"
#include "proc/handoff.h"
#include "proc/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    /* Enough that nginx may renew all its connections at once, and few enough that a burst spreads
     * over the workers. */
    ACCEPTS_A_TURN = 64,
    GROWTH_INTERVAL = 256, /* requests between two looks at the memory */
    CORE_PATIENCE_S = 1,
    FULL_PAUSE_NS = 10 * NS_PER_MS,  /* no descriptors left: let some be closed */
    LOG_PATIENCE_MS = 5,             /* that a line waits for others at most */
    HEAD_PATIENCE_US = 2 * US_PER_S, /* for the parameters of a request; nginx sends them at once */
    HEAD_MAX = 64 * KIB,             /* nginx's limits of headers are far below */
    /* connections that may wait for a request, except in `core`; beyond, the oldest is closed */
    AWAITED_MAX = 256,
};

struct worker {
    const struct config *config;
    const struct service *service;
    void *state;
    enum pool_id pool;
    int epoll_fd, listen_fd, signal_fd, news_fd;
    bool multiplexing;
    bool handed_over; /* it takes connections from the spool's queue, not from a listening socket */
    bool leaving;
    size_t queue_length;                /* connections that may wait to be accepted; 0: unset */
    size_t connections;                 /* open between two iterations of the worker loop */
    struct connection *oldest, *newest; /* of those whose request has not arrived, by deadline */
    size_t awaited;
    struct connection *held; /* those whose answers wait for the end of the turn, in order */
    struct connection **held_end;
    int64_t lines_wait_us; /* since when lines of the log wait; 0: none do */
    int64_t requests, max_requests;
    long first_pages; /* resident, when it had warmed up */
};

/* What epoll gives back for the two descriptors that are no connection. */
static char listen_tag, signal_tag;

static void watch(struct worker *worker, int fd, uint32_t events, void *tag)
{
    struct epoll_event event = {.events = events, .data.ptr = tag};
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        log_error("epoll_ctl: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void tell(const struct worker *worker, enum worker_news news)
{
    struct worker_message message = {.pid = getpid(), .news = news};
    if (write(worker->news_fd, &message, sizeof message) != (ssize_t)sizeof message) {
        log_warning("cannot reach the master: %s", strerror(errno));
    }
}

static void leave(struct worker *worker, const char *why)
{
    if (worker->leaving) {
        return;
    }
    worker->leaving = true;
    log_debug("worker leaves: %s", why);
    epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, worker->listen_fd, NULL);
    tell(worker, WORKER_LEAVING);
}

static void read_signals(struct worker *worker)
{
    struct signalfd_siginfo info;
    while (read(worker->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM) {
            leave(worker, "asked to");
        } else if (info.ssi_signo == SIGUSR1) {
            worker->service->reopen(worker->state);
        }
        /* SIGINT and SIGHUP come to the whole process group of a terminal: the master's business */
    }
}

static long resident_pages(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) {
        return 0;
    }
    if (!fgets(line, sizeof line, file)) {
        line[0] = '\0';
    }
    fclose(file);
    const char *resident = strchr(line, ' '); /* the second of its numbers: proc(5) */
    return resident ? strtol(resident, NULL, 10) : 0;
}

static void count_request(struct worker *worker)
{
    worker->requests++;
    if (worker->max_requests && worker->requests >= worker->max_requests) {
        leave(worker, "enough requests");
    }
    if (!worker->config->worker_max_growth_mib || worker->requests % GROWTH_INTERVAL) {
        return;
    }
    long pages = resident_pages();
    if (!worker->first_pages) {
        worker->first_pages = pages;
    }
    int64_t grown_kib = (pages - worker->first_pages) * sysconf(_SC_PAGESIZE) / KIB;
    if (grown_kib > worker->config->worker_max_growth_mib * KIB) {
        leave(worker, "grown too large");
    }
}

/* A connection that is watched. The service's own is behind it. */
struct connection {
    int fd;
    void *handle;
    struct connection *next_held;
    int64_t deadline_us;              /* for its request to arrive; 0: it is not awaited */
    struct connection *older, *newer; /* among the awaited ones */
    bool edge_triggered;              /* a part of a request is there, and makes it readable */
};

static void note_served(struct worker *worker, struct connection *connection, enum served served)
{
    switch (served) {
    case SERVED:
        break;
    case SERVED_HELD:
        connection->next_held = NULL;
        *worker->held_end = connection;
        worker->held_end = &connection->next_held;
        break;
    case SERVED_CLOSED: /* closing the descriptor took it out of the epoll */
        free(connection);
        worker->connections--;
        break;
    }
}

/* The end of a turn: one commit, then the answers that waited for it. */
static void finish_held(struct worker *worker)
{
    struct connection *connection = worker->held;
    if (!connection) {
        return;
    }
    worker->held = NULL;
    worker->held_end = &worker->held;
    worker->service->commit(worker->state);
    while (connection) {
        struct connection *next = connection->next_held;
        note_served(worker, connection, worker->service->finish(worker->state, connection->handle));
        connection = next;
    }
}

/* One connection, one request, one turn. */
static void serve_once(struct worker *worker, struct connection *connection, bool complete)
{
    void *handle = connection->handle;
    count_request(worker);
    enum served served = worker->service->serve(worker->state, handle, complete);
    if (served == SERVED_HELD) {
        worker->service->commit(worker->state);
        served = worker->service->finish(worker->state, handle);
    }
    if (served == SERVED) {
        worker->service->close(worker->state, handle);
    }
    note_served(worker, connection, SERVED_CLOSED);
}

/* --- requests that have not arrived yet ------------------------------------------------------ */

static void unlink_awaited(struct worker *worker, struct connection *connection)
{
    *(connection->older ? &connection->older->newer : &worker->oldest) = connection->newer;
    *(connection->newer ? &connection->newer->older : &worker->newest) = connection->older;
    connection->deadline_us = 0;
    worker->awaited--;
}

static void forget_awaited(struct worker *worker, struct connection *connection)
{
    if (connection->deadline_us) {
        unlink_awaited(worker, connection);
    }
}

static void close_connection(struct worker *worker, struct connection *connection)
{
    forget_awaited(worker, connection);
    worker->service->close(worker->state, connection->handle);
    note_served(worker, connection, SERVED_CLOSED);
}

/* From now on its request must arrive within HEAD_PATIENCE_US, in whatever pieces. */
static void await_request(struct worker *worker, struct connection *connection)
{
    if (connection->deadline_us) {
        return;
    }
    connection->deadline_us = clock_steady_us() + HEAD_PATIENCE_US;
    connection->older = worker->newest;
    connection->newer = NULL;
    *(worker->newest ? &worker->newest->newer : &worker->oldest) = connection;
    worker->newest = connection;
    worker->awaited++;
}

/* Peeks at the bytes that have arrived: reading an incomplete request would block the worker.
 * ARRIVAL_REFUSED also if the peer has closed. */
static enum arrival look_at_head(const struct worker *worker, const struct connection *connection)
{
    static char bytes[HEAD_MAX];
    ssize_t got = recv(connection->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return ARRIVAL_PENDING;
    }
    if (got <= 0) {
        return ARRIVAL_REFUSED;
    }
    enum arrival arrival = worker->service->look(bytes, (size_t)got);
    return arrival == ARRIVAL_PENDING && got == HEAD_MAX ? ARRIVAL_REFUSED : arrival;
}

static bool has_arrived(enum arrival arrival)
{
    return arrival == ARRIVAL_READY || arrival == ARRIVAL_COMPLETE;
}

static void set_edge_triggered(struct worker *worker, struct connection *connection, bool edge)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLRDHUP | (edge ? (uint32_t)EPOLLET : 0),
        .data.ptr = connection,
    };
    if (connection->edge_triggered != edge) {
        connection->edge_triggered = edge;
        epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
    }
}

/* Serves the request of a connection if it has arrived, and waits for it if it has not. */
static void serve_arrived(struct worker *worker, struct connection *connection)
{
    enum arrival arrival = look_at_head(worker, connection);
    switch (arrival) {
    case ARRIVAL_PENDING: /* a part of it would wake a level-triggered epoll for ever */
        set_edge_triggered(worker, connection, true);
        await_request(worker, connection);
        break;
    case ARRIVAL_REFUSED:
        close_connection(worker, connection);
        break;
    case ARRIVAL_READY:
    case ARRIVAL_COMPLETE:
        forget_awaited(worker, connection);
        if (!worker->multiplexing) {
            serve_once(worker, connection, arrival == ARRIVAL_COMPLETE);
            break;
        }
        set_edge_triggered(worker, connection, false);
        count_request(worker);
        note_served(
            worker, connection,
            worker->service->serve(worker->state, connection->handle, arrival == ARRIVAL_COMPLETE));
        break;
    }
}

static bool has_late(const struct worker *worker, int64_t now)
{
    return worker->oldest && (worker->oldest->deadline_us <= now ||
                              (!worker->multiplexing && worker->awaited > AWAITED_MAX));
}

/* Closes connections whose deadline is over, unless their request has arrived while the worker was
 * busy. */
static void close_late(struct worker *worker, int64_t now)
{
    while (has_late(worker, now)) {
        struct connection *connection = worker->oldest;
        unlink_awaited(worker, connection);
        if (has_arrived(look_at_head(worker, connection))) {
            serve_arrived(worker, connection);
        } else {
            log_debug("closing a connection: its request did not arrive in time");
            close_connection(worker, connection);
        }
    }
}

/* --- accepting ------------------------------------------------------------------------------- */

/* A reader or writer that waits for a peer for ever would take the worker with it; in `core`, all
 * connections of the worker: nginx has the whole request before it sends, and sends it at once. */
static void bound_patience(const struct worker *worker, int fd)
{
    struct timeval patience = {.tv_sec = worker->multiplexing
                                             ? CORE_PATIENCE_S
                                             : (time_t)worker->config->request_timeout_s};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0) {
        log_warning("setsockopt: %s", strerror(errno));
    }
}

static int accept_fd(const struct worker *worker, int *body_fd_r)
{
    *body_fd_r = -1;
    return worker->handed_over ? handoff_receive(worker->listen_fd, body_fd_r)
                               : accept4(worker->listen_fd, NULL, NULL, SOCK_CLOEXEC);
}

/* False when nothing is waiting to be accepted. */
static bool accept_one(struct worker *worker)
{
    int body_fd;
    int fd = accept_fd(worker, &body_fd);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error("accept: %s", strerror(errno));
            nanosleep(&(struct timespec){.tv_nsec = FULL_PAUSE_NS}, NULL);
        }
        return false;
    }
    bound_patience(worker, fd);
    struct connection *connection = must_alloc(sizeof *connection);
    *connection = (struct connection){
        .fd = fd,
        .handle = worker->service->open(worker->state, fd, body_fd),
        .edge_triggered = !worker->multiplexing,
    };
    worker->connections++;
    enum arrival arrival =
        worker->multiplexing ? ARRIVAL_PENDING : look_at_head(worker, connection);
    if (has_arrived(arrival)) { /* the usual case: saves an iteration of the worker loop */
        serve_once(worker, connection, arrival == ARRIVAL_COMPLETE);
        return true;
    }
    watch(worker, fd, EPOLLIN | EPOLLRDHUP | (worker->multiplexing ? 0 : (uint32_t)EPOLLET),
          connection);
    await_request(worker, connection);
    return true;
}

/* Lines of turns that follow each other quickly are written together: each write costs as much as
 * all else that makes a line. In other pools than `core` none waits: the next turn may last as long
 * as an upload. */
static void flush_log(struct worker *worker, int64_t now)
{
    const int64_t patience_us = worker->multiplexing ? (int64_t)LOG_PATIENCE_MS * US_PER_MS : 0;
    if (!log_waits()) {
        worker->lines_wait_us = 0;
        return;
    }
    if (!worker->lines_wait_us) {
        worker->lines_wait_us = now;
    }
    if (now - worker->lines_wait_us >= patience_us) {
        log_flush();
        worker->lines_wait_us = 0;
    }
}

/* Milliseconds until the next deadline, -1 if there is none. */
static int wait_ms(const struct worker *worker)
{
    if (worker->lines_wait_us) {
        return LOG_PATIENCE_MS;
    }
    if (!worker->oldest) {
        return -1;
    }
    int64_t left_us = worker->oldest->deadline_us - clock_steady_us();
    return left_us > 0 ? (int)(left_us / US_PER_MS) + 1 : 0;
}

/* Sets the backlog of the listening socket. The kernel counts it, so the count is right even if
 * workers crash, and nginx learns at once that the queue is full. */
static void bound_queue(struct worker *worker)
{
    const struct service *service = worker->service;
    size_t length = service->queue_length ? service->queue_length(worker->state) : 0;
    if (!length || length == worker->queue_length || worker->leaving) {
        return;
    }
    worker->queue_length = length;
    if (listen(worker->listen_fd, (int)length - 1) < 0) { /* the kernel admits one more */
        log_warning("worker: cannot set the backlog: %s", strerror(errno));
    }
}

static void turn(struct worker *worker)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(worker->epoll_fd, events, EVENTS, wait_ms(worker));
    if (count < 0 && errno != EINTR) {
        log_error("epoll_wait: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    int64_t began = clock_steady_us();
    if (count <= 0 && !has_late(worker, began)) {
        flush_log(worker, began);
        return;
    }
    scoreboard_set_busy(true);
    log_hold();
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &signal_tag) {
            read_signals(worker);
        } else if (events[i].data.ptr == &listen_tag) {
            int accepts = worker->multiplexing ? ACCEPTS_A_TURN : 1;
            while (!worker->leaving && accepts-- && accept_one(worker)) {
            }
        } else {
            serve_arrived(worker, events[i].data.ptr);
        }
    }
    close_late(worker, clock_steady_us());
    finish_held(worker);
    worker->service->rest(worker->state);
    bound_queue(worker);
    int64_t ended = clock_steady_us();
    flush_log(worker, ended);
    scoreboard_set_connections(worker->connections);
    scoreboard_set_busy(false);
    metrics_add(METRIC_POOL_BUSY, metrics_series_at(METRIC_POOL_BUSY, worker->pool, 0),
                ended - began);
}

/* Workers that started together must not leave together: spread over the last tenth. */
static int64_t spread(int64_t max_requests)
{
    enum { STEPS = 16 };
    return max_requests - max_requests / 10 * (getpid() % STEPS) / STEPS;
}

_Noreturn void worker_run(const struct config *config, const struct service *service,
                          enum pool_id pool, int listen_fd, int news_fd)
{
    struct worker worker = {
        .config = config,
        .service = service,
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .listen_fd = listen_fd,
        .signal_fd = signals_open(),
        .news_fd = news_fd,
        .pool = pool,
        .multiplexing = pool == POOL_CORE,
        .handed_over = pool == POOL_UPLOADS,
        .max_requests = spread(config->worker_max_requests),
    };
    if (worker.epoll_fd < 0 || worker.signal_fd < 0) {
        log_error("worker: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    worker.held_end = &worker.held;
    worker.state = service->start(config, pool);
    if (!worker.state) {
        exit(EX_CONFIG);
    }
    bound_queue(&worker);
    watch(&worker, worker.signal_fd, EPOLLIN, &signal_tag);
    watch(&worker, listen_fd, EPOLLIN | EPOLLEXCLUSIVE, &listen_tag);
    tell(&worker, WORKER_READY);
    while (!worker.leaving || worker.connections) {
        turn(&worker);
    }
    log_flush();
    service->stop(worker.state);
    exit(EXIT_SUCCESS);
}
