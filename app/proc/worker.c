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
    /* Maximum of accepted connections per iteration of `core`: nginx can reopen all its connections
     * at once, but a burst is distributed over the workers. */
    ACCEPTS_PER_ITERATION = 64,
    MEMORY_CHECK_INTERVAL = 256,      /* requests between two checks of the memory usage */
    CORE_SOCKET_TIMEOUT_S = 1,        /* timeout of a read or write in the pool `core` */
    ACCEPT_RETRY_NS = 10 * NS_PER_MS, /* pause when the limit of open descriptors is reached */
    LOG_DELAY_MS = 5,                 /* maximum time for which a log line waits for others */
    /* time for the parameters of a request, which nginx sends at once */
    PARAMS_TIMEOUT_US = 2 * US_PER_S,
    /* bytes of the parameters; far above nginx's limits of request headers */
    PARAMS_MAX = 64 * KIB,
    /* Maximum of connections that wait for a request, in pools other than `core`; if it is
     * exceeded, the oldest is closed. */
    AWAITED_MAX = 256,
};

struct worker {
    const struct config *config;
    const struct service *service;
    void *state;
    enum pool_id pool;
    int epoll_fd, listen_fd, signal_fd, status_fd;
    bool multiplexing;
    bool handed_over; /* listen_fd is the queue of the spool, not a listening socket */
    bool draining;
    size_t queue_length; /* connections that may wait to be accepted; 0: unset */
    /* connections that stay open between two iterations of the worker loop */
    size_t connections;
    struct connection *oldest, *newest; /* list of connections whose request is incomplete */
    size_t awaited;                     /* length of that list */
    struct connection *held;            /* connections awaiting commit(), in the order served */
    struct connection **held_end;
    int64_t log_held_since_us; /* when the oldest waiting log line was written; 0: none waits */
    int64_t requests, max_requests;
    long first_pages; /* resident pages at the first memory check */
};

/* epoll_event.data.ptr of the listening socket and of the signalfd. */
static char listen_tag, signal_tag;

static void watch_fd(struct worker *worker, int fd, uint32_t events, void *tag)
{
    struct epoll_event event = {.events = events, .data.ptr = tag};
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        log_error("worker: epoll_ctl failed: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void send_worker_status(const struct worker *worker, enum worker_status status)
{
    struct worker_message message = {.pid = getpid(), .status = status};
    if (write(worker->status_fd, &message, sizeof message) != (ssize_t)sizeof message) {
        log_warning("worker: cannot notify the master: %s", strerror(errno));
    }
}

static void begin_worker_drain(struct worker *worker, const char *why)
{
    if (worker->draining) {
        return;
    }
    worker->draining = true;
    log_debug("worker: draining: %s", why);
    epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, worker->listen_fd, NULL);
    send_worker_status(worker, WORKER_DRAINING);
}

static void read_worker_signals(struct worker *worker)
{
    struct signalfd_siginfo info;
    while (read(worker->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM) {
            begin_worker_drain(worker, "SIGTERM");
        } else if (info.ssi_signo == SIGUSR1) {
            worker->service->reopen(worker->state);
        }
        /* Ignores SIGINT and SIGHUP, which a terminal sends to the whole process group: the master
         * handles them. */
    }
}

/* Returns the number of resident memory pages; 0 if it is unknown. */
static long read_resident_pages(void)
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
    const char *resident = strchr(line, ' '); /* the second number: proc(5) */
    return resident ? strtol(resident, NULL, 10) : 0;
}

/* Counts a request; begins a drain if a limit of the worker is exceeded. */
static void check_worker_limits(struct worker *worker)
{
    worker->requests++;
    if (worker->max_requests && worker->requests >= worker->max_requests) {
        begin_worker_drain(worker, "WORKER_MAX_REQUESTS reached");
    }
    if (!worker->config->worker_max_growth_mib || worker->requests % MEMORY_CHECK_INTERVAL) {
        return;
    }
    long pages = read_resident_pages();
    if (!worker->first_pages) {
        worker->first_pages = pages;
    }
    int64_t grown_kib = (pages - worker->first_pages) * sysconf(_SC_PAGESIZE) / KIB;
    if (grown_kib > worker->config->worker_max_growth_mib * KIB) {
        begin_worker_drain(worker, "WORKER_MAX_GROWTH_MIB exceeded");
    }
}

/* A connection from nginx or the spool. */
struct connection {
    int fd;
    void *handle; /* the connection object of the service */
    struct connection *next_held;
    int64_t deadline_us;              /* deadline for the parameters of the request; 0: none */
    struct connection *older, *newer; /* neighbours in the list of worker.oldest */
    bool edge_triggered; /* mode of epoll: edge-triggered while a request is incomplete */
};

static void handle_served(struct worker *worker, struct connection *connection, enum served served)
{
    switch (served) {
    case SERVED:
        break;
    case SERVED_HELD:
        connection->next_held = NULL;
        *worker->held_end = connection;
        worker->held_end = &connection->next_held;
        break;
    case SERVED_CLOSED: /* closing the descriptor has removed it from epoll */
        free(connection);
        worker->connections--;
        break;
    }
}

/* Commits the writes of this iteration, then sends the replies that wait for the commit. */
static void finish_held_requests(struct worker *worker)
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
        handle_served(worker, connection,
                      worker->service->finish(worker->state, connection->handle));
        connection = next;
    }
}

/* Serves and commits the only request of a connection, then closes it. */
static void serve_and_close(struct worker *worker, struct connection *connection, bool complete)
{
    void *handle = connection->handle;
    check_worker_limits(worker);
    enum served served = worker->service->serve(worker->state, handle, complete);
    if (served == SERVED_HELD) {
        worker->service->commit(worker->state);
        served = worker->service->finish(worker->state, handle);
    }
    if (served == SERVED) {
        worker->service->close(worker->state, handle);
    }
    handle_served(worker, connection, SERVED_CLOSED);
}

/* --- incomplete requests --------------------------------------------------------------------- */

static void unlink_connection(struct worker *worker, struct connection *connection)
{
    *(connection->older ? &connection->older->newer : &worker->oldest) = connection->newer;
    *(connection->newer ? &connection->newer->older : &worker->newest) = connection->older;
    connection->deadline_us = 0;
    worker->awaited--;
}

static void stop_awaiting(struct worker *worker, struct connection *connection)
{
    if (connection->deadline_us) {
        unlink_connection(worker, connection);
    }
}

static void close_worker_connection(struct worker *worker, struct connection *connection)
{
    stop_awaiting(worker, connection);
    worker->service->close(worker->state, connection->handle);
    handle_served(worker, connection, SERVED_CLOSED);
}

/* Starts the timeout for the parameters of the next request, unless it is running. */
static void await_request(struct worker *worker, struct connection *connection)
{
    if (connection->deadline_us) {
        return;
    }
    connection->deadline_us = clock_steady_us() + PARAMS_TIMEOUT_US;
    connection->older = worker->newest;
    connection->newer = NULL;
    *(worker->newest ? &worker->newest->newer : &worker->oldest) = connection;
    worker->newest = connection;
    worker->awaited++;
}

/* Inspects the bytes that have arrived without reading them, because reading an incomplete request
 * would block the worker. Returns ARRIVAL_REFUSED also if the peer has closed. */
static enum arrival peek_at_request(const struct worker *worker,
                                    const struct connection *connection)
{
    static char bytes[PARAMS_MAX];
    ssize_t got = recv(connection->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return ARRIVAL_PENDING;
    }
    if (got <= 0) {
        return ARRIVAL_REFUSED;
    }
    enum arrival arrival = worker->service->look(bytes, (size_t)got);
    return arrival == ARRIVAL_PENDING && got == PARAMS_MAX ? ARRIVAL_REFUSED : arrival;
}

static bool is_servable(enum arrival arrival)
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

/* Serves the request of a readable connection if it is complete enough, else awaits the rest. */
static void serve_readable(struct worker *worker, struct connection *connection)
{
    enum arrival arrival = peek_at_request(worker, connection);
    switch (arrival) {
    case ARRIVAL_PENDING: /* unread bytes would wake a level-triggered epoll again and again */
        set_edge_triggered(worker, connection, true);
        await_request(worker, connection);
        break;
    case ARRIVAL_REFUSED:
        close_worker_connection(worker, connection);
        break;
    case ARRIVAL_READY:
    case ARRIVAL_COMPLETE:
        stop_awaiting(worker, connection);
        if (!worker->multiplexing) {
            serve_and_close(worker, connection, arrival == ARRIVAL_COMPLETE);
            break;
        }
        set_edge_triggered(worker, connection, false);
        check_worker_limits(worker);
        handle_served(
            worker, connection,
            worker->service->serve(worker->state, connection->handle, arrival == ARRIVAL_COMPLETE));
        break;
    }
}

static bool has_overdue_connection(const struct worker *worker, int64_t now)
{
    return worker->oldest && (worker->oldest->deadline_us <= now ||
                              (!worker->multiplexing && worker->awaited > AWAITED_MAX));
}

/* Closes connections whose timeout has expired, unless the request has arrived in the meantime,
 * while the worker was busy. */
static void close_overdue_connections(struct worker *worker, int64_t now)
{
    while (has_overdue_connection(worker, now)) {
        struct connection *connection = worker->oldest;
        unlink_connection(worker, connection);
        if (is_servable(peek_at_request(worker, connection))) {
            serve_readable(worker, connection);
        } else {
            log_debug("worker: closing a connection: timeout, or too many incomplete requests");
            close_worker_connection(worker, connection);
        }
    }
}

/* --- accepting connections ------------------------------------------------------------------- */

/* Limits the time for which libfcgi can block on a connection. The limit is short in `core`, where
 * it delays all other connections, and where nginx sends a request only when it is complete. */
static void set_socket_timeouts(const struct worker *worker, int fd)
{
    struct timeval patience = {.tv_sec = worker->multiplexing
                                             ? CORE_SOCKET_TIMEOUT_S
                                             : (time_t)worker->config->request_timeout_s};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0) {
        log_warning("worker: cannot set socket timeouts: %s", strerror(errno));
    }
}

/* Accepts a connection and serves its request if that has arrived. Returns false if no connection
 * is waiting. */
static bool accept_connection(struct worker *worker)
{
    int body_fd = -1;
    int fd = worker->handed_over ? handoff_receive(worker->listen_fd, &body_fd)
                                 : accept4(worker->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error("worker: cannot accept a connection: %s", strerror(errno));
            nanosleep(&(struct timespec){.tv_nsec = ACCEPT_RETRY_NS}, NULL);
        }
        return false;
    }
    set_socket_timeouts(worker, fd);
    struct connection *connection = base_alloc(sizeof *connection);
    *connection = (struct connection){
        .fd = fd,
        .handle = worker->service->open(worker->state, fd, body_fd),
        .edge_triggered = !worker->multiplexing,
    };
    worker->connections++;
    enum arrival arrival =
        worker->multiplexing ? ARRIVAL_PENDING : peek_at_request(worker, connection);
    if (is_servable(arrival)) { /* the usual case; saves a call of epoll_wait() */
        serve_and_close(worker, connection, arrival == ARRIVAL_COMPLETE);
        return true;
    }
    watch_fd(worker, fd, EPOLLIN | EPOLLRDHUP | (worker->multiplexing ? 0 : (uint32_t)EPOLLET),
             connection);
    await_request(worker, connection);
    return true;
}

/* In `core`, writes the log lines of consecutive iterations together, because a system call costs
 * as much CPU time as formatting a line. In other pools, writes them at once, because the next
 * iteration may last as long as an upload. */
static void flush_held_log(struct worker *worker, int64_t now)
{
    const int64_t delay_us = worker->multiplexing ? (int64_t)LOG_DELAY_MS * US_PER_MS : 0;
    if (!log_has_held_lines()) {
        worker->log_held_since_us = 0;
        return;
    }
    if (!worker->log_held_since_us) {
        worker->log_held_since_us = now;
    }
    if (now - worker->log_held_since_us >= delay_us) {
        log_flush();
        worker->log_held_since_us = 0;
    }
}

/* Returns the milliseconds until the next deadline; -1 if there is none. */
static int get_epoll_timeout_ms(const struct worker *worker)
{
    if (worker->log_held_since_us) {
        return LOG_DELAY_MS;
    }
    if (!worker->oldest) {
        return -1;
    }
    int64_t left_us = worker->oldest->deadline_us - clock_steady_us();
    return left_us > 0 ? (int)(left_us / US_PER_MS) + 1 : 0;
}

/* Sets the backlog of the listening socket to the limit of the service. The kernel counts waiting
 * connections, so the count stays correct if workers crash, and nginx's connect() fails at once if
 * the queue is full. */
static void update_backlog(struct worker *worker)
{
    const struct service *service = worker->service;
    size_t length = service->queue_length ? service->queue_length(worker->state) : 0;
    if (!length || length == worker->queue_length || worker->draining) {
        return;
    }
    worker->queue_length = length;
    /* the kernel admits one connection more than this argument */
    if (listen(worker->listen_fd, (int)length - 1) < 0) {
        log_warning("worker: cannot set the backlog: %s", strerror(errno));
    }
}

static void run_worker_iteration(struct worker *worker)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(worker->epoll_fd, events, EVENTS, get_epoll_timeout_ms(worker));
    if (count < 0 && errno != EINTR) {
        log_error("worker: epoll_wait failed: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    int64_t began = clock_steady_us();
    if (count <= 0 && !has_overdue_connection(worker, began)) {
        flush_held_log(worker, began);
        return;
    }
    scoreboard_set_busy(true);
    log_hold();
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &signal_tag) {
            read_worker_signals(worker);
        } else if (events[i].data.ptr == &listen_tag) {
            int accepts = worker->multiplexing ? ACCEPTS_PER_ITERATION : 1;
            while (!worker->draining && accepts-- && accept_connection(worker)) {
            }
        } else {
            serve_readable(worker, events[i].data.ptr);
        }
    }
    close_overdue_connections(worker, clock_steady_us());
    finish_held_requests(worker);
    worker->service->rest(worker->state);
    update_backlog(worker);
    int64_t ended = clock_steady_us();
    flush_held_log(worker, ended);
    scoreboard_set_connections(worker->connections);
    scoreboard_set_busy(false);
    metrics_add(METRIC_POOL_BUSY, metrics_series_at(METRIC_POOL_BUSY, worker->pool, 0),
                ended - began);
}

/* Reduces the limit by up to 10 %, so that workers that started together do not restart
 * together. */
static int64_t spread_max_requests(int64_t max_requests)
{
    enum { STEPS = 16 };
    return max_requests - max_requests / 10 * (getpid() % STEPS) / STEPS;
}

/* Skips the destructors of libraries, except in builds with the leak checker, which is one of them.
 * They free memory that the kernel frees anyway, and write pages shared with the master, which the
 * kernel copies first. That took half of a short-lived worker's processor time. */
_Noreturn void worker_exit(void)
{
#ifdef __SANITIZE_ADDRESS__
    exit(EXIT_SUCCESS);
#else
    _exit(EXIT_SUCCESS);
#endif
}

_Noreturn void worker_run(const struct config *config, const struct service *service,
                          enum pool_id pool, int listen_fd, int status_fd)
{
    struct worker worker = {
        .config = config,
        .service = service,
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .listen_fd = listen_fd,
        .signal_fd = signals_open(),
        .status_fd = status_fd,
        .pool = pool,
        .multiplexing = pool == POOL_CORE,
        .handed_over = pool == POOL_UPLOADS,
        .max_requests = spread_max_requests(config->worker_max_requests),
    };
    if (worker.epoll_fd < 0 || worker.signal_fd < 0) {
        log_error("worker: cannot create an epoll instance or a signalfd: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    worker.held_end = &worker.held;
    worker.state = service->start(config, pool);
    if (!worker.state) {
        exit(EX_CONFIG);
    }
    update_backlog(&worker);
    watch_fd(&worker, worker.signal_fd, EPOLLIN, &signal_tag);
    watch_fd(&worker, listen_fd, EPOLLIN | EPOLLEXCLUSIVE, &listen_tag);
    send_worker_status(&worker, WORKER_READY);
    while (!worker.draining || worker.connections) {
        run_worker_iteration(&worker);
    }
    log_flush();
    service->stop(worker.state);
    worker_exit();
}
