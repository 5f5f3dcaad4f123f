/* Worker: the loop over a service that echoes bytes: kept connections, many connections at once,
 * and draining. */
#include "unit.h"

#include "base/log.h"
#include "proc/worker.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

enum { TIMEOUT_MS = 10000, PARTS = 4, QUEUE = 350 };

/* --- echo service: one byte per request ------------------------------------------------------- */

static void *echo_start(const struct config *config, enum pool_id pool)
{
    (void)pool;
    static int state;
    return *config->app_name ? &state : NULL;
}

static void *echo_open(void *state, int fd, int body_fd)
{
    (void)state;
    assert_int_equal(body_fd, -1);
    int *connection = base_alloc(sizeof *connection);
    *connection = fd;
    return connection;
}

static void echo_close(void *state, void *connection)
{
    (void)state;
    close(*(int *)connection);
    free(connection);
}

/* A '-' is part of a request: more bytes must follow. A '!' is not a valid request. */
static enum arrival echo_look(const char *bytes, size_t length)
{
    return *bytes == '!'                     ? ARRIVAL_REFUSED
           : *bytes == '-' && length < PARTS ? ARRIVAL_PENDING
                                             : ARRIVAL_READY;
}

/* An 'x' is a request after which the connection is closed. A 'w' is a request that waits for
 * the commit; its answer is the number of commits so far. An 'l' writes a line to the log. */
static enum served echo_serve(void *state, void *connection, bool complete)
{
    (void)complete;
    char byte = 0;
    int fd = *(int *)connection;
    if (read(fd, &byte, 1) == 1) {
        if (byte == 'w') {
            return SERVED_HELD;
        }
        if (byte == 'l') {
            log_info("served");
        }
        if (write(fd, &byte, 1) == 1 && byte != 'x') {
            return SERVED;
        }
    }
    echo_close(state, connection);
    return SERVED_CLOSED;
}

static char commits = '0';

static void echo_commit(void *state)
{
    (void)state;
    commits++;
}

static enum served echo_finish(void *state, void *connection)
{
    if (write(*(int *)connection, &commits, 1) == 1) {
        return SERVED;
    }
    echo_close(state, connection);
    return SERVED_CLOSED;
}

/* Runs in the worker's process, where a failed assertion would continue with the tests. */
static void leave_mark(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        _exit(EXIT_FAILURE);
    }
    close(fd);
}

static void echo_reopen(void *state)
{
    (void)state;
    leave_mark("reopened");
}

static void echo_stop(void *state)
{
    (void)state;
    leave_mark("stopped");
}

static void echo_rest(void *state)
{
    (void)state;
    leave_mark("rested");
}

static size_t echo_queue_length(void *state)
{
    (void)state;
    return QUEUE;
}

static const struct service service = {
    .start = echo_start,
    .open = echo_open,
    .look = echo_look,
    .serve = echo_serve,
    .commit = echo_commit,
    .finish = echo_finish,
    .queue_length = echo_queue_length,
    .rest = echo_rest,
    .close = echo_close,
    .reopen = echo_reopen,
    .stop = echo_stop,
};

/* --- worker process --------------------------------------------------------------------------- */

struct worker {
    struct config config;
    struct sockaddr_un address;
    int listen_fd, status_fd;
    pid_t pid;
};

static void start_worker(struct worker *worker, enum pool_id pool)
{
    int status_pipe[2];
    unlink("stopped");
    unlink("rested");
    unlink("reopened");
    unlink("worker.sock");
    worker->address = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "worker.sock"};
    worker->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(worker->listen_fd >= 0);
    assert_int_equal(
        bind(worker->listen_fd, (const struct sockaddr *)&worker->address, sizeof worker->address),
        0);
    assert_int_equal(listen(worker->listen_fd, 400), 0);
    assert_int_equal(pipe(status_pipe), 0);
    fflush(NULL);
    worker->pid = fork();
    if (worker->pid == 0) {
        close(status_pipe[0]);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) { /* the worker must not outlive a failed test */
            _exit(EXIT_FAILURE);
        }
        worker_run(&worker->config, &service, pool, worker->listen_fd, status_pipe[1]);
    }
    assert_true(worker->pid > 0);
    close(status_pipe[1]);
    worker->status_fd = status_pipe[0];
}

static void assert_event(const struct worker *worker, enum worker_status news)
{
    struct pollfd waiting = {.fd = worker->status_fd, .events = POLLIN};
    struct worker_message message = {0};
    assert_int_equal(poll(&waiting, 1, TIMEOUT_MS), 1);
    assert_int_equal(read(worker->status_fd, &message, sizeof message), sizeof message);
    assert_int_equal(message.pid, worker->pid);
    assert_int_equal(message.status, news);
}

static struct worker begin_worker(enum pool_id pool, int64_t max_requests)
{
    struct worker worker = {.config = {.app_name = "echo",
                                       .request_timeout_s = 5,
                                       .worker_max_requests = max_requests}};
    start_worker(&worker, pool);
    assert_event(&worker, WORKER_READY);
    return worker;
}

/* Waits for the worker to exit successfully. */
static void assert_exits(struct worker *worker)
{
    int status = 0;
    struct pollfd waiting = {.fd = worker->status_fd, .events = 0};
    /* The worker closes its end of the status pipe. */
    assert_int_equal(poll(&waiting, 1, TIMEOUT_MS), 1);
    assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(access("stopped", F_OK), 0);
    assert_int_equal(access("rested", F_OK), 0);
    close(worker->status_fd);
    close(worker->listen_fd);
}

static int connect_to(const struct worker *worker)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&worker->address, sizeof worker->address),
                     0);
    return fd;
}

/* Sends one request and waits for its answer. */
static void request_echo(int fd, char byte)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    char answer = 0;
    assert_int_equal(send(fd, &byte, 1, MSG_NOSIGNAL), 1);
    assert_int_equal(poll(&waiting, 1, TIMEOUT_MS), 1);
    assert_int_equal(read(fd, &answer, 1), 1);
    assert_int_equal(answer, byte);
}

static bool is_readable_within(int fd, int timeout_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, timeout_ms) == 1;
}

/* Returns the processor time that the worker has used, in microseconds. */
static int64_t processor_time(const struct worker *worker)
{
    clockid_t clock;
    struct timespec used;
    assert_int_equal(clock_getcpuclockid(worker->pid, &clock), 0);
    assert_int_equal(clock_gettime(clock, &used), 0);
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static void wait_for_file(const char *path)
{
    for (int i = 0; i < TIMEOUT_MS / 10 && access(path, F_OK) < 0; i++) {
        poll(NULL, 0, 10);
    }
    assert_int_equal(access(path, F_OK), 0);
}

static void wait_for_bytes(const char *path)
{
    struct stat facts = {.st_size = 0};
    for (int i = 0; i < TIMEOUT_MS / 10 && !facts.st_size; i++) {
        poll(NULL, 0, 10);
        assert_int_equal(stat(path, &facts), 0);
    }
    assert_true(facts.st_size > 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void core_worker_keeps_many_connections(void **state)
{
    (void)state;
    enum { CONNECTIONS = 300 };
    static int fds[CONNECTIONS];
    struct worker worker = begin_worker(POOL_CORE, 0);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        fds[i] = connect_to(&worker);
        request_echo(fds[i], '0'); /* a connection without a request is closed soon */
    }
    for (int round = 0; round < 3; round++) {
        for (size_t i = CONNECTIONS; i--;) {
            request_echo(fds[i], (char)('a' + round));
        }
    }
    request_echo(fds[0], 'x'); /* the service closes this connection */
    assert_true(is_readable_within(fds[0], TIMEOUT_MS));
    for (size_t i = 0; i < CONNECTIONS; i++) {
        close(fds[i]);
    }
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
}

/* Sends a request that writes; its answer follows after the commit. */
static void send_write(int fd)
{
    assert_int_equal(send(fd, "w", 1, MSG_NOSIGNAL), 1);
}

static char read_commit_count(int fd)
{
    char answer = 0;
    assert_true(is_readable_within(fd, TIMEOUT_MS));
    assert_int_equal(read(fd, &answer, 1), 1);
    return answer;
}

static void writes_of_one_iteration_share_one_commit(void **state)
{
    (void)state;
    enum { WRITERS = 20 };
    int fds[WRITERS], status = 0;
    struct worker worker = begin_worker(POOL_CORE, 0);
    for (size_t i = 0; i < WRITERS; i++) {
        fds[i] = connect_to(&worker);
        request_echo(fds[i], 'a');
    }
    /* Requests that arrive while the worker is stopped belong to one iteration. */
    assert_int_equal(kill(worker.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(worker.pid, &status, WUNTRACED), worker.pid);
    for (size_t i = 0; i < WRITERS; i++) {
        send_write(fds[i]);
    }
    assert_int_equal(kill(worker.pid, SIGCONT), 0);
    char first = read_commit_count(fds[0]);
    for (size_t i = 1; i < WRITERS; i++) {
        assert_int_equal(read_commit_count(fds[i]), first);
    }
    send_write(fds[0]);
    assert_int_equal(read_commit_count(fds[0]), first + 1);
    request_echo(fds[0], 'a');
    for (size_t i = 0; i < WRITERS; i++) {
        close(fds[i]);
    }
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
}

static void pools_other_than_core_commit_after_each_request(void **state)
{
    (void)state;
    struct worker worker = begin_worker(POOL_FILES, 0);
    for (int expected = '1'; expected < '4'; expected++) {
        int fd = connect_to(&worker);
        char byte;
        send_write(fd);
        assert_int_equal(read_commit_count(fd), expected);
        assert_int_equal(read(fd, &byte, 1), 0);
        close(fd);
    }
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
}

/* Requests a log line from a worker that then is idle, or is draining. */
static void check_log_of_core(bool leaving)
{
    unlink("worker.log");
    assert_true(log_open(LOG_LEVEL_INFO, "worker.log"));
    struct worker worker = begin_worker(POOL_CORE, 0);
    int fd = connect_to(&worker);
    request_echo(fd, 'a');
    if (leaving) {
        kill(worker.pid, SIGTERM);
        assert_event(&worker, WORKER_DRAINING);
    }
    request_echo(fd, 'l');
    if (!leaving) {
        wait_for_bytes("worker.log");
        kill(worker.pid, SIGTERM);
        assert_event(&worker, WORKER_DRAINING);
    }
    close(fd);
    assert_exits(&worker);
    wait_for_bytes("worker.log");
    assert_true(log_open(LOG_LEVEL_INFO, ""));
}

static void core_worker_writes_buffered_log_lines_when_idle_and_draining(void **state)
{
    (void)state;
    check_log_of_core(false);
    check_log_of_core(true);
}

/* The next client may take hours to send its request. */
static void pools_other_than_core_write_log_lines_after_each_request(void **state)
{
    (void)state;
    unlink("worker.log");
    assert_true(log_open(LOG_LEVEL_INFO, "worker.log"));
    struct worker worker = begin_worker(POOL_FILES, 0);
    int served = connect_to(&worker), slow = connect_to(&worker);
    request_echo(served, 'l');
    wait_for_bytes("worker.log");
    request_echo(slow, 'a');
    close(served);
    close(slow);
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
    assert_true(log_open(LOG_LEVEL_INFO, ""));
}

static void pools_other_than_core_serve_one_request_per_connection(void **state)
{
    (void)state;
    char byte;
    struct worker worker = begin_worker(POOL_DIRECTORY, 0);
    for (int i = 0; i < 20; i++) {
        int fd = connect_to(&worker);
        request_echo(fd, 'a');
        assert_int_equal(read(fd, &byte, 1), 0); /* closed after its answer */
        close(fd);
    }
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
}

/* A draining worker serves open connections until the peer closes; other workers take new ones. */
static void draining_worker_serves_only_open_connections(void **state)
{
    (void)state;
    struct worker worker = begin_worker(POOL_CORE, 0);
    int kept = connect_to(&worker);
    request_echo(kept, 'a');
    kill(worker.pid, SIGTERM);
    assert_event(&worker, WORKER_DRAINING);
    int fresh = connect_to(&worker);
    assert_int_equal(send(fresh, "b", 1, MSG_NOSIGNAL), 1);
    int64_t before = processor_time(&worker);
    assert_false(is_readable_within(fresh, 400));
    assert_true(processor_time(&worker) - before < 200000); /* the worker sleeps meanwhile */
    request_echo(kept, 'c');
    request_echo(kept, 'd');
    close(kept);
    close(fresh);
    assert_exits(&worker);
}

static void worker_drains_after_its_maximum_of_requests(void **state)
{
    (void)state;
    struct worker worker = begin_worker(POOL_CORE, 5);
    int fd = connect_to(&worker);
    for (int i = 0; i < 5; i++) {
        request_echo(fd, 'a');
    }
    assert_event(&worker, WORKER_DRAINING);
    request_echo(fd, 'b'); /* still answers on a kept connection */
    close(fd);
    assert_exits(&worker);
}

/* Sends an incomplete or invalid request, and waits until the worker has closed the connection. */
static void assert_closed_after(int fd, const char *bytes)
{
    char byte;
    if (*bytes) {
        assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
    }
    assert_true(is_readable_within(fd, TIMEOUT_MS));
    assert_true(read(fd, &byte, 1) <= 0);
    close(fd);
}

/* In any pool, connections without a complete request must not delay other connections. */
static void check_incomplete_requests(enum pool_id pool)
{
    struct worker worker = begin_worker(pool, 0);
    int idle = connect_to(&worker), part = connect_to(&worker), rest = connect_to(&worker);
    assert_int_equal(send(part, "--", 2, MSG_NOSIGNAL), 2);
    assert_int_equal(send(rest, "--", 2, MSG_NOSIGNAL), 2);
    int64_t before = processor_time(&worker);
    int quick = connect_to(&worker);
    request_echo(quick, 'a');
    close(quick);
    assert_closed_after(connect_to(&worker), "!");
    assert_int_equal(send(rest, "--", 2, MSG_NOSIGNAL), 2); /* now the request is complete */
    assert_true(is_readable_within(rest, TIMEOUT_MS));
    assert_closed_after(part, "");
    assert_closed_after(idle, "");
    assert_true(processor_time(&worker) - before < 200000); /* the worker sleeps meanwhile */
    close(rest);
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
}

static void incomplete_requests_do_not_delay_others(void **state)
{
    (void)state;
    check_incomplete_requests(POOL_CORE);
    check_incomplete_requests(POOL_AUTH);
}

/* Opens more connections than a worker keeps waiting. */
static void idle_connections_do_not_delay_requests(void **state)
{
    (void)state;
    enum { IDLE = 300 };
    static int fds[IDLE];
    struct worker worker = begin_worker(POOL_AUTH, 0);
    for (size_t i = 0; i < IDLE; i++) {
        fds[i] = connect_to(&worker);
    }
    int quick = connect_to(&worker);
    request_echo(quick, 'a');
    close(quick);
    for (size_t i = 0; i < IDLE; i++) {
        assert_closed_after(fds[i], "");
    }
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
}

/* The kernel rejects connections beyond the backlog at once, even while no worker accepts. */
static void service_limits_the_connection_backlog(void **state)
{
    (void)state;
    static int fds[QUEUE];
    struct worker worker = begin_worker(POOL_AUTH, 0);
    assert_int_equal(kill(worker.pid, SIGSTOP), 0);
    for (size_t i = 0; i < QUEUE; i++) {
        fds[i] = connect_to(&worker);
    }
    int beyond = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(beyond >= 0);
    assert_int_equal(
        connect(beyond, (const struct sockaddr *)&worker.address, sizeof worker.address), -1);
    assert_int_equal(errno, EAGAIN);
    close(beyond);
    for (size_t i = 0; i < QUEUE; i++) {
        close(fds[i]);
    }
    assert_int_equal(kill(worker.pid, SIGCONT), 0);
    int fd = connect_to(&worker);
    request_echo(fd, 'a');
    close(fd);
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
}

static void signals_do_not_lose_requests(void **state)
{
    (void)state;
    struct worker worker = begin_worker(POOL_CORE, 0);
    int fd = connect_to(&worker);
    for (int i = 0; i < 50; i++) {
        kill(worker.pid, i % 2 ? SIGUSR1 : SIGHUP);
        request_echo(fd, 'a');
    }
    wait_for_file("reopened");
    close(fd);
    kill(worker.pid, SIGTERM);
    assert_exits(&worker);
}

static void worker_that_cannot_start_exits_with_failure(void **state)
{
    (void)state;
    int status = 0;
    char byte;
    struct worker worker = {.config = {.app_name = ""}};
    start_worker(&worker, POOL_CORE);
    assert_int_equal(waitpid(worker.pid, &status, 0), worker.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    /* the worker must never report that it is ready */
    assert_int_equal(read(worker.status_fd, &byte, 1), 0);
    close(worker.status_fd);
    close(worker.listen_fd);
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_worker_keeps_many_connections),
        cmocka_unit_test(writes_of_one_iteration_share_one_commit),
        cmocka_unit_test(pools_other_than_core_commit_after_each_request),
        cmocka_unit_test(core_worker_writes_buffered_log_lines_when_idle_and_draining),
        cmocka_unit_test(pools_other_than_core_write_log_lines_after_each_request),
        cmocka_unit_test(pools_other_than_core_serve_one_request_per_connection),
        cmocka_unit_test(draining_worker_serves_only_open_connections),
        cmocka_unit_test(worker_drains_after_its_maximum_of_requests),
        cmocka_unit_test(incomplete_requests_do_not_delay_others),
        cmocka_unit_test(idle_connections_do_not_delay_requests),
        cmocka_unit_test(service_limits_the_connection_backlog),
        cmocka_unit_test(signals_do_not_lose_requests),
        cmocka_unit_test(worker_that_cannot_start_exits_with_failure),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("worker", tests, NULL, NULL));
}
