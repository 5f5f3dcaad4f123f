/*
 * Empty: a constant answer from the service's worker loop. A baseline of `make bench` that shows
 * the cost of nginx, FastCGI and the loop of proc/worker.c alone.
 *
 *   empty SOCKET WORKERS
 *
 * Serves until it is killed, with WORKERS workers of the pool `core`. Answers every request with
 * the same bytes, those of the check of a valid token.
 */
#include "base/arena.h"
#include "base/fastcgi.h"
#include "base/number.h"
#include "proc/service.h"
#include "proc/worker.h"

#include <errno.h>
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static const char answer[] = "Status: 200 OK\r\n"
                             "Cache-Control: no-store\r\n"
                             "Content-Type: application/json; charset=utf-8\r\n"
                             "Content-Length: 33\r\n"
                             "\r\n"
                             "{\"status_code\":200,\"status\":true}";

static void *init_fastcgi(const struct config *config, enum pool_id pool)
{
    static char state;
    (void)config;
    (void)pool;
    return FCGX_Init() ? NULL : &state;
}

static void *open_request(void *state, int fd, int body_fd)
{
    (void)state;
    (void)body_fd; /* -1 outside the pool uploads */
    FCGX_Request *request = base_alloc(sizeof *request);
    if (FCGX_InitRequest(request, -1, 0) !=
        0) { /* -1: no listening socket, because the loop accepts; see http/server.c */
        abort();
    }
    request->ipcFd = fd;
    request->keepConnection = 1;
    return request;
}

static void close_request(void *state, void *connection)
{
    FCGX_Request *request = connection;
    (void)state;
    close(request->ipcFd);
    request->ipcFd = -1;
    FCGX_Free(request, 0);
    free(request);
}

static enum arrival check_arrival(const char *bytes, size_t length)
{
    return fastcgi_inspect_request(bytes, length) == FASTCGI_MORE ? ARRIVAL_PENDING : ARRIVAL_READY;
}

static enum served serve_constant(void *state, void *connection, bool complete)
{
    FCGX_Request *request = connection;
    (void)complete; /* the body is not read */
    if (FCGX_Accept_r(request) != 0) {
        close_request(state, request);
        return SERVED_CLOSED;
    }
    FCGX_PutStr(answer, sizeof answer - 1, request->out);
    FCGX_Finish_r(request);
    return SERVED;
}

static void ignore_event(void *state)
{
    (void)state;
}

static const struct service service = {
    .start = init_fastcgi,
    .open = open_request,
    .look = check_arrival,
    .serve = serve_constant,
    .commit = ignore_event,
    .rest = ignore_event,
    .close = close_request,
    .reopen = ignore_event,
    .stop = ignore_event,
};

static int listen_on_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
        return -1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return bind(fd, (struct sockaddr *)(void *)&address, sizeof address) < 0 ||
                   listen(fd, BACKLOG) < 0
               ? -1
               : fd;
}

int main(int argc, char **argv)
{
    int status_pipe[2];
    if (argc != 3) {
        fprintf(stderr, "usage: empty SOCKET WORKERS\n");
        return 2;
    }
    int fd = listen_on_path(argv[1]);
    if (fd < 0 || pipe(status_pipe) < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
        return EXIT_FAILURE;
    }
    static const struct config config;
    for (long i = strtol(argv[2], NULL, DECIMAL); i > 0; i--) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            worker_run(&config, &service, POOL_CORE, fd, status_pipe[1]);
        }
    }
    while (wait(NULL) > 0) {
    }
    return EXIT_FAILURE; /* all workers have ended unexpectedly */
}
