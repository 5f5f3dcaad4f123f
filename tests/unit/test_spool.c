/* Spool: the requests that it puts into the queue for the workers. */
#include "unit.h"

#include "base/fastcgi.h"
#include "proc/handoff.h"
#include "proc/spool.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { ROUNDS = 200, TIMEOUT_MS = 10000, BACKLOG = 16 };

struct spool_process {
    struct sockaddr_un address;
    struct handoff handoff;
    pid_t pid;
};

static void start_spool(struct spool_process *spool)
{
    static const struct service service = {.start = NULL};
    const struct config config = {
        .state_dir = ".", .upload_spool_mib = 1, .upload_slow_start_s = 60};
    int status_pipe[2];
    *spool = (struct spool_process){.address = {.sun_family = AF_UNIX, .sun_path = "socket"}};
    int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(handoff_open(&spool->handoff));
    assert_int_equal(pipe(status_pipe), 0);
    assert_int_equal(bind(listen_fd, (struct sockaddr *)&spool->address, sizeof spool->address), 0);
    assert_int_equal(listen(listen_fd, BACKLOG), 0);
    fflush(NULL);
    spool->pid = fork();
    assert_true(spool->pid >= 0);
    if (spool->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        spool_run(&config, &service, listen_fd, spool->handoff.send_fd, status_pipe[1]);
    }
    close(listen_fd);
    close(status_pipe[0]);
    close(status_pipe[1]);
}

static void stop_spool(struct spool_process *spool)
{
    int status = 0;
    assert_int_equal(kill(spool->pid, SIGTERM), 0);
    assert_int_equal(waitpid(spool->pid, &status, 0), spool->pid);
    assert_int_equal(status, EXIT_SUCCESS);
    assert_int_equal(unlink(spool->address.sun_path), 0);
    close(spool->handoff.send_fd);
    close(spool->handoff.receive_fd);
}

/* Sends a complete request. Returns the connection on which the reply arrives. */
static int send_request(const struct spool_process *spool)
{
    static const char body[] = "abc";
    struct buffer params = {0}, out = {0};
    fastcgi_add_param(&params, "REQUEST_METHOD", "POST");
    fastcgi_add_request(&out, 1, &params);
    fastcgi_add_header(&out, FASTCGI_STDIN, 1, strlen(body));
    buffer_add(&out, body, strlen(body));
    fastcgi_add_header(&out, FASTCGI_STDIN, 1, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&spool->address, sizeof spool->address),
                     0);
    assert_int_equal(send(fd, out.bytes, out.length, MSG_NOSIGNAL), (ssize_t)out.length);
    buffer_free(&params);
    buffer_free(&out);
    return fd;
}

/* A worker that took a connection before its parameters arrived could be busy with another
 * request when they do. */
static void parameters_have_arrived_when_a_worker_takes_a_connection(void **state)
{
    struct spool_process spool;
    (void)state;
    start_spool(&spool);
    for (int round = 0; round < ROUNDS; round++) {
        char bytes[BUFSIZ];
        struct pollfd queue = {.fd = spool.handoff.receive_fd, .events = POLLIN};
        int client = send_request(&spool);
        assert_int_equal(poll(&queue, 1, TIMEOUT_MS), 1);
        int body_fd, fd = handoff_receive(spool.handoff.receive_fd, &body_fd);
        assert_true(fd >= 0 && body_fd >= 0);
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
        assert_true(got > 0);
        assert_int_not_equal(fastcgi_inspect_request(bytes, (size_t)got), FASTCGI_MORE);
        close(fd);
        close(body_fd);
        close(client);
    }
    stop_spool(&spool);
}

/* The request stays in the queue while the workers are busy, and keeps the file open. */
static void body_of_a_disconnected_client_is_truncated(void **state)
{
    struct spool_process spool;
    struct stat before, after;
    (void)state;
    start_spool(&spool);
    struct pollfd queue = {.fd = spool.handoff.receive_fd, .events = POLLIN};
    int client = send_request(&spool);
    assert_int_equal(poll(&queue, 1, TIMEOUT_MS), 1);
    int body_fd, fd = handoff_receive(spool.handoff.receive_fd, &body_fd);
    assert_int_equal(fstat(body_fd, &before), 0);
    close(client);
    struct pollfd end = {.fd = fd, .events = POLLRDHUP};
    assert_int_equal(poll(&end, 1, TIMEOUT_MS), 1);
    stop_spool(&spool);
    assert_int_equal(fstat(body_fd, &after), 0);
    assert_true(before.st_size > 0);
    assert_int_equal(after.st_size, 0);
    close(fd);
    close(body_fd);
}

int main(void)
{
    char folder[PATH_MAX];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_have_arrived_when_a_worker_takes_a_connection),
        cmocka_unit_test(body_of_a_disconnected_client_is_truncated),
    };
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    return leave_temporary(folder, cmocka_run_group_tests(tests, NULL, NULL));
}
