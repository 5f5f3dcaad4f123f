/* See sockets.h. Implements sd_listen_fds(3), three environment variables and a range of
 * descriptors, without libsystemd, which would load compression libraries into every worker. */
#include "proc/sockets.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LISTEN_FDS_START = 3,
    BACKLOG = 4096, /* enough for bursts of 1,000 clients; limited by net.core.somaxconn */
    SOCKET_MODE = 0660,
    DIRECTORY_MODE = 0755,
    SOCKET_PATH_SIZE = sizeof((struct sockaddr_un *)0)->sun_path, /* config.c checks the length */
};

/* Returns the descriptor that systemd passed under the name of the pool, or -1. */
static int find_systemd_socket(const char *pool)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    if (!pid || !count || !names || strtol(pid, NULL, 10) != (long)getpid()) {
        return -1;
    }
    size_t length = strlen(pool);
    long offered = strtol(count, NULL, 10);
    for (int i = 0; i < offered; i++) {
        size_t here = strcspn(names, ":");
        if (here == length && !strncmp(names, pool, length)) {
            return LISTEN_FDS_START + i;
        }
        names += here + (names[here] == ':');
    }
    return -1;
}

/* True if a process listens on the socket. */
static bool is_socket_in_use(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    /* EAGAIN means that the backlog is full, so a process listens. */
    bool used =
        connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
    close(fd);
    return used;
}

/* Changes the group of the socket file to that of nginx; no-op if `name` is empty. */
static bool set_socket_group(const char *path, const char *name)
{
    const struct group *group = *name ? getgrnam(name) : NULL;
    if (*name && !group) {
        log_error("sockets: SOCKET_GROUP: group %s does not exist", name);
        return false;
    }
    if (group && chown(path, (uid_t)-1, group->gr_gid) < 0) {
        log_error("sockets: cannot change the group of %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static int listen_on_path(const char path[SOCKET_PATH_SIZE], const char *group)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, SOCKET_PATH_SIZE);
    if (is_socket_in_use(&address)) {
        log_error("sockets: %s is in use: another instance of kontora is running", path);
        return -1;
    }
    if (unlink(path) < 0 && errno != ENOENT) {
        log_error("sockets: cannot remove %s: %s", path, strerror(errno));
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        log_error("sockets: cannot create a socket: %s", strerror(errno));
        return -1;
    }
    /* The umask restricts the mode at creation, so that other users can never connect. */
    mode_t before = umask((mode_t)~SOCKET_MODE & 0777);
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    umask(before);
    if (!bound || listen(fd, BACKLOG) < 0) {
        log_error("sockets: cannot listen on %s: %s", path, strerror(errno));
        close(fd);
        return -1;
    }
    if (!set_socket_group(path, group)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool open_pool_socket(const struct config *config, const char *pool,
                             struct pool_socket *socket)
{
    int fd = find_systemd_socket(pool);
    if (fd >= 0) {
        int flags = fcntl(fd, F_GETFL);
        *socket = (struct pool_socket){.fd = fd};
        return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
               fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
    }
    char path[SOCKET_PATH_SIZE] = "";
    snprintf(path, sizeof path, "%s/%s.sock", config->socket_dir, pool);
    file_make_parents(path, DIRECTORY_MODE);
    fd = listen_on_path(path, config->socket_group);
    if (fd < 0) {
        return false;
    }
    *socket = (struct pool_socket){.fd = fd, .path = base_strdup(path)};
    return true;
}

bool sockets_open(const struct config *config, struct pool_socket sockets[POOL_COUNT])
{
    for (size_t i = 0; i < POOL_COUNT; i++) {
        sockets[i] = (struct pool_socket){.fd = -1};
    }
    for (size_t i = 0; i < POOL_COUNT; i++) {
        if (!open_pool_socket(config, config_pool_names[i], &sockets[i])) {
            sockets_close(sockets);
            return false;
        }
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return true;
}

void sockets_close(struct pool_socket sockets[POOL_COUNT])
{
    for (size_t i = 0; i < POOL_COUNT; i++) {
        if (sockets[i].fd >= 0) {
            close(sockets[i].fd);
        }
        if (sockets[i].path && unlink(sockets[i].path) < 0) {
            log_warning("sockets: cannot remove %s: %s", sockets[i].path, strerror(errno));
        }
        free(sockets[i].path);
        sockets[i] = (struct pool_socket){.fd = -1};
    }
}
