/* Worker: the loop over a service that echoes: kept connections, many at once, and leaving. */
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

enum { PATIENCE_MS = 10000, PARTS = 4, QUEUE = 350 };

/* --- a service that sends back what it gets, a byte a request -------------------------------- */

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
    int *connection = must_alloc(sizeof *connection);
    *connection = fd;
    return connection;
}

static void echo_close(void *state, void *connection)
{
    (void)state;
    close(*(int *)connection);
    free(connection);
}

/* A '-' is a part of a request: more must come behind it. A '!' begins none. */
static enum arrival echo_look(const char *bytes, size_t length)
{
    return *bytes == '!'                     ? ARRIVAL_REFUSED
           : *bytes == '-' && length < PARTS ? ARRIVAL_PENDING
                                             : ARRIVAL_READY;
}

/* An 'x' is a request after which the connection is closed, a 'w' one that waits for the commit:
 * its answer is the number of commits there have been. An 'l' leaves a line in the log. */
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

/* In the worker's process: an assertion that failed there would go on with the tests in it. */
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

/* --- a worker of its own --------------------------------------------------------------------- */

struct worker {
    struct config config;
    struct sockaddr_un address;
    int listen_fd, news_fd;
    pid_t pid;
};

static void start(struct worker *worker, enum pool_id pool)
{
    int news[2];
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
    assert_int_equal(pipe(news), 0);
    fflush(NULL);
    worker->pid = fork();
    if (worker->pid == 0) {
        close(news[0]);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) { /* a test that fails leaves no worker behind */
            _exit(EXIT_FAILURE);
        }
        worker_run(&worker->config, &service, pool, worker->listen_fd, news[1]);
    }
    assert_true(worker->pid > 0);
    close(news[1]);
    worker->news_fd = news[0];
}

static void assert_news(const struct worker *worker, enum worker_news news)
{
    struct pollfd waiting = {.fd = worker->news_fd, .events = POLLIN};
    struct worker_message message = {0};
    assert_int_equal(poll(&waiting, 1, PATIENCE_MS), 1);
    assert_int_equal(read(worker->news_fd, &message, sizeof message), sizeof message);
    assert_int_equal(message.pid, worker->pid);
    assert_int_equal(message.status, news);
}

static struct worker begin(enum pool_id pool, int64_t max_requests)
{
    struct worker worker = {.config = {.app_name = "echo",
                                       .request_timeout_s = 5,
                                       .worker_max_requests = max_requests}};
    start(&worker, pool);
    assert_news(&worker, WORKER_READY);
    return worker;
}

/* Waits for its end; it must be a good one. */
static void assert_ends(struct worker *worker)
{
    int status = 0;
    struct pollfd waiting = {.fd = worker->news_fd, .events = 0};
    assert_int_equal(poll(&waiting, 1, PATIENCE_MS), 1); /* the pipe hangs up */
    assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(access("stopped", F_OK), 0);
    assert_int_equal(access("rested", F_OK), 0);
    close(worker->news_fd);
    close(worker->listen_fd);
}

static int dial(const struct worker *worker)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&worker->address, sizeof worker->address),
                     0);
    return fd;
}

/* Sends one request and waits for its answer. */
static void ask(int fd, char byte)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    char answer = 0;
    assert_int_equal(send(fd, &byte, 1, MSG_NOSIGNAL), 1);
    assert_int_equal(poll(&waiting, 1, PATIENCE_MS), 1);
    assert_int_equal(read(fd, &answer, 1), 1);
    assert_int_equal(answer, byte);
}

static bool answers_within(int fd, int patience_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, patience_ms) == 1;
}

/* Microseconds of processor time that the worker has used. */
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
    for (int i = 0; i < PATIENCE_MS / 10 && access(path, F_OK) < 0; i++) {
        poll(NULL, 0, 10);
    }
    assert_int_equal(access(path, F_OK), 0);
}

static void wait_for_bytes(const char *path)
{
    struct stat facts = {.st_size = 0};
    for (int i = 0; i < PATIENCE_MS / 10 && !facts.st_size; i++) {
        poll(NULL, 0, 10);
        assert_int_equal(stat(path, &facts), 0);
    }
    assert_true(facts.st_size > 0);
}

/* --- the tests ------------------------------------------------------------------------------- */

static void core_keeps_many_connections(void **state)
{
    (void)state;
    enum { CONNECTIONS = 300 };
    static int fds[CONNECTIONS];
    struct worker worker = begin(POOL_CORE, 0);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        fds[i] = dial(&worker);
        ask(fds[i], '0'); /* a connection without a request is closed soon */
    }
    for (int round = 0; round < 3; round++) {
        for (size_t i = CONNECTIONS; i--;) {
            ask(fds[i], (char)('a' + round));
        }
    }
    ask(fds[0], 'x'); /* one that the service closes */
    assert_true(answers_within(fds[0], PATIENCE_MS));
    for (size_t i = 0; i < CONNECTIONS; i++) {
        close(fds[i]);
    }
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
}

/* Sends a request that writes; its answer is due after the commit. */
static void write_something(int fd)
{
    assert_int_equal(send(fd, "w", 1, MSG_NOSIGNAL), 1);
}

static char commits_at_answer(int fd)
{
    char answer = 0;
    assert_true(answers_within(fd, PATIENCE_MS));
    assert_int_equal(read(fd, &answer, 1), 1);
    return answer;
}

static void one_turn_is_one_commit(void **state)
{
    (void)state;
    enum { WRITERS = 20 };
    int fds[WRITERS], status = 0;
    struct worker worker = begin(POOL_CORE, 0);
    for (size_t i = 0; i < WRITERS; i++) {
        fds[i] = dial(&worker);
        ask(fds[i], 'a');
    }
    /* What arrives while it is stopped is there when its turn begins. */
    assert_int_equal(kill(worker.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(worker.pid, &status, WUNTRACED), worker.pid);
    for (size_t i = 0; i < WRITERS; i++) {
        write_something(fds[i]);
    }
    assert_int_equal(kill(worker.pid, SIGCONT), 0);
    char first = commits_at_answer(fds[0]);
    for (size_t i = 1; i < WRITERS; i++) {
        assert_int_equal(commits_at_answer(fds[i]), first);
    }
    write_something(fds[0]);
    assert_int_equal(commits_at_answer(fds[0]), first + 1);
    ask(fds[0], 'a');
    for (size_t i = 0; i < WRITERS; i++) {
        close(fds[i]);
    }
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
}

static void others_commit_each_request(void **state)
{
    (void)state;
    struct worker worker = begin(POOL_FILES, 0);
    for (int expected = '1'; expected < '4'; expected++) {
        int fd = dial(&worker);
        char byte;
        write_something(fd);
        assert_int_equal(commits_at_answer(fd), expected);
        assert_int_equal(read(fd, &byte, 1), 0);
        close(fd);
    }
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
}

/* Asks for a line from a worker that then has nothing to do, or nothing but to leave. */
static void lines_of_core_are_written(bool leaving)
{
    unlink("worker.log");
    assert_true(log_open(LOG_LEVEL_INFO, "worker.log"));
    struct worker worker = begin(POOL_CORE, 0);
    int fd = dial(&worker);
    ask(fd, 'a');
    if (leaving) {
        kill(worker.pid, SIGTERM);
        assert_news(&worker, WORKER_LEAVING);
    }
    ask(fd, 'l');
    if (!leaving) {
        wait_for_bytes("worker.log");
        kill(worker.pid, SIGTERM);
        assert_news(&worker, WORKER_LEAVING);
    }
    close(fd);
    assert_ends(&worker);
    wait_for_bytes("worker.log");
    assert_true(log_open(LOG_LEVEL_INFO, ""));
}

static void core_writes_its_lines_soon_and_before_it_leaves(void **state)
{
    (void)state;
    lines_of_core_are_written(false);
    lines_of_core_are_written(true);
}

/* Whoever comes next may take hours to send what he has to send. */
static void others_leave_no_line_to_wait_for_the_next_request(void **state)
{
    (void)state;
    unlink("worker.log");
    assert_true(log_open(LOG_LEVEL_INFO, "worker.log"));
    struct worker worker = begin(POOL_FILES, 0);
    int served = dial(&worker), slow = dial(&worker);
    ask(served, 'l');
    wait_for_bytes("worker.log");
    ask(slow, 'a');
    close(served);
    close(slow);
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
    assert_true(log_open(LOG_LEVEL_INFO, ""));
}

static void others_take_one_connection_a_request(void **state)
{
    (void)state;
    char byte;
    struct worker worker = begin(POOL_DIRECTORY, 0);
    for (int i = 0; i < 20; i++) {
        int fd = dial(&worker);
        ask(fd, 'a');
        assert_int_equal(read(fd, &byte, 1), 0); /* closed after its answer */
        close(fd);
    }
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
}

/* Draining: what is connected is served until the peer closes, what is new waits for others. */
static void a_leaving_worker_serves_what_it_has(void **state)
{
    (void)state;
    struct worker worker = begin(POOL_CORE, 0);
    int kept = dial(&worker);
    ask(kept, 'a');
    kill(worker.pid, SIGTERM);
    assert_news(&worker, WORKER_LEAVING);
    int fresh = dial(&worker);
    assert_int_equal(send(fresh, "b", 1, MSG_NOSIGNAL), 1);
    int64_t before = processor_time(&worker);
    assert_false(answers_within(fresh, 400));
    assert_true(processor_time(&worker) - before < 200000); /* it sleeps meanwhile */
    ask(kept, 'c');
    ask(kept, 'd');
    close(kept);
    close(fresh);
    assert_ends(&worker);
}

static void a_worker_leaves_after_its_requests(void **state)
{
    (void)state;
    struct worker worker = begin(POOL_CORE, 5);
    int fd = dial(&worker);
    for (int i = 0; i < 5; i++) {
        ask(fd, 'a');
    }
    assert_news(&worker, WORKER_LEAVING);
    ask(fd, 'b'); /* on a kept connection it still answers */
    close(fd);
    assert_ends(&worker);
}

/* Sends bytes that are no whole request, and waits until the worker has closed. */
static void assert_closed_after(int fd, const char *bytes)
{
    char byte;
    if (*bytes) {
        assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
    }
    assert_true(answers_within(fd, PATIENCE_MS));
    assert_true(read(fd, &byte, 1) <= 0);
    close(fd);
}

/* In any pool: connections without a request, or with a part of one, keep nobody waiting. */
static void requests_that_do_not_arrive(enum pool_id pool)
{
    struct worker worker = begin(pool, 0);
    int idle = dial(&worker), part = dial(&worker), rest = dial(&worker);
    assert_int_equal(send(part, "--", 2, MSG_NOSIGNAL), 2);
    assert_int_equal(send(rest, "--", 2, MSG_NOSIGNAL), 2);
    int64_t before = processor_time(&worker);
    int quick = dial(&worker);
    ask(quick, 'a');
    close(quick);
    assert_closed_after(dial(&worker), "!");
    assert_int_equal(send(rest, "--", 2, MSG_NOSIGNAL), 2); /* now it is whole */
    assert_true(answers_within(rest, PATIENCE_MS));
    assert_closed_after(part, "");
    assert_closed_after(idle, "");
    assert_true(processor_time(&worker) - before < 200000); /* it sleeps meanwhile */
    close(rest);
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
}

static void requests_that_do_not_arrive_hold_up_nobody(void **state)
{
    (void)state;
    requests_that_do_not_arrive(POOL_CORE);
    requests_that_do_not_arrive(POOL_AUTH);
}

/* More than a worker keeps waiting. */
static void many_idle_connections_hold_up_nobody(void **state)
{
    (void)state;
    enum { IDLE = 300 };
    static int fds[IDLE];
    struct worker worker = begin(POOL_AUTH, 0);
    for (size_t i = 0; i < IDLE; i++) {
        fds[i] = dial(&worker);
    }
    int quick = dial(&worker);
    ask(quick, 'a');
    close(quick);
    for (size_t i = 0; i < IDLE; i++) {
        assert_closed_after(fds[i], "");
    }
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
}

/* The kernel refuses connections beyond the backlog at once, even while no worker accepts. */
static void the_service_bounds_the_backlog(void **state)
{
    (void)state;
    static int fds[QUEUE];
    struct worker worker = begin(POOL_AUTH, 0);
    assert_int_equal(kill(worker.pid, SIGSTOP), 0);
    for (size_t i = 0; i < QUEUE; i++) {
        fds[i] = dial(&worker);
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
    int fd = dial(&worker);
    ask(fd, 'a');
    close(fd);
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
}

static void signals_cost_no_request(void **state)
{
    (void)state;
    struct worker worker = begin(POOL_CORE, 0);
    int fd = dial(&worker);
    for (int i = 0; i < 50; i++) {
        kill(worker.pid, i % 2 ? SIGUSR1 : SIGHUP);
        ask(fd, 'a');
    }
    wait_for_file("reopened");
    close(fd);
    kill(worker.pid, SIGTERM);
    assert_ends(&worker);
}

static void a_worker_that_cannot_start_says_so(void **state)
{
    (void)state;
    int status = 0;
    char byte;
    struct worker worker = {.config = {.app_name = ""}};
    start(&worker, POOL_CORE);
    assert_int_equal(waitpid(worker.pid, &status, 0), worker.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    assert_int_equal(read(worker.news_fd, &byte, 1), 0); /* never ready */
    close(worker.news_fd);
    close(worker.listen_fd);
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_keeps_many_connections),
        cmocka_unit_test(one_turn_is_one_commit),
        cmocka_unit_test(others_commit_each_request),
        cmocka_unit_test(core_writes_its_lines_soon_and_before_it_leaves),
        cmocka_unit_test(others_leave_no_line_to_wait_for_the_next_request),
        cmocka_unit_test(others_take_one_connection_a_request),
        cmocka_unit_test(a_leaving_worker_serves_what_it_has),
        cmocka_unit_test(a_worker_leaves_after_its_requests),
        cmocka_unit_test(requests_that_do_not_arrive_hold_up_nobody),
        cmocka_unit_test(many_idle_connections_hold_up_nobody),
        cmocka_unit_test(the_service_bounds_the_backlog),
        cmocka_unit_test(signals_cost_no_request),
        cmocka_unit_test(a_worker_that_cannot_start_says_so),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("worker", tests, NULL, NULL));
}
