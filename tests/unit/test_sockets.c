/* Sockets of the pools: created, replaced, rejected if in use, and taken over from systemd. */
#include "unit.h"

#include "base/log.h"
#include "proc/sockets.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { MODE_BITS = 0777 };

static struct config config_for(const char *folder)
{
    return (struct config){.socket_dir = folder, .socket_group = ""};
}

/* Connects to the socket of a pool; returns -1 if nobody listens. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void each_pool_gets_its_socket(void **state)
{
    struct config config = config_for("run/deep");
    struct pool_socket sockets[POOL_COUNT];
    assert_true(sockets_open(&config, sockets));
    for (size_t i = 0; i < POOL_COUNT; i++) {
        const char *path = arena_format(*state, "run/deep/%s.sock", config_pool_names[i]);
        struct stat facts;
        assert_string_equal(sockets[i].path, path);
        assert_int_equal(stat(path, &facts), 0);
        assert_true(S_ISSOCK(facts.st_mode));
        assert_int_equal(facts.st_mode & MODE_BITS, 0660); /* no access for others */
        assert_true(fcntl(sockets[i].fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(sockets[i].fd, F_GETFD) & FD_CLOEXEC);
        int fd = connect_to(path);
        assert_true(fd >= 0);
        int accepted = accept(sockets[i].fd, NULL, NULL);
        assert_true(accepted >= 0);
        close(accepted);
        close(fd);
    }
    sockets_close(sockets);
    for (size_t i = 0; i < POOL_COUNT; i++) {
        assert_int_equal(sockets[i].fd, -1);
        assert_null(sockets[i].path);
        assert_int_equal(
            access(arena_format(*state, "run/deep/%s.sock", config_pool_names[i]), F_OK), -1);
    }
    sockets_close(sockets); /* closing twice is allowed */
}

static void stale_socket_is_replaced(void **state)
{
    (void)state;
    struct config config = config_for("dead");
    struct pool_socket sockets[POOL_COUNT], again[POOL_COUNT];
    assert_true(sockets_open(&config, sockets));
    for (size_t i = 0; i < POOL_COUNT; i++) {
        close(sockets[i].fd); /* the socket files remain, but nobody listens */
        free(sockets[i].path);
    }
    assert_true(sockets_open(&config, again));
    int fd = connect_to("dead/core.sock");
    assert_true(fd >= 0);
    close(fd);
    sockets_close(again);
}

static void socket_in_use_is_not_replaced(void **state)
{
    (void)state;
    struct config config = config_for("used");
    struct pool_socket sockets[POOL_COUNT], again[POOL_COUNT];
    assert_true(sockets_open(&config, sockets));
    assert_false(sockets_open(&config, again));
    int fd = connect_to("used/core.sock"); /* the process that listens keeps its socket */
    assert_true(fd >= 0);
    close(fd);
    sockets_close(sockets);
}

static void invalid_socket_folder_or_group_is_an_error(void **state)
{
    (void)state;
    struct config config = config_for("plain/run");
    struct pool_socket sockets[POOL_COUNT];
    write_file("plain", "", 0);
    assert_false(sockets_open(&config, sockets));
    config = config_for("group");
    config.socket_group = "no-such-group";
    assert_false(sockets_open(&config, sockets));
    assert_int_equal(connect_to("group/core.sock"), -1);
}

/* Runs in a child process with the descriptors and variables of sd_listen_fds(3). Exits with 0
 * if each pool got the descriptor of its name. */
static void open_with_systemd(void *pid)
{
    int fds[POOL_COUNT];
    for (size_t i = 0; i < POOL_COUNT; i++) {
        fds[i] = fcntl(socket(AF_UNIX, SOCK_STREAM, 0), F_DUPFD, 100);
    }
    /* 3 belongs to the pool directory, 4 to another service, 5 to the pool core; the other
     * sockets are created. */
    if (dup2(fds[0], 3) < 0 || dup2(fds[1], 4) < 0 || dup2(fds[2], 5) < 0) {
        _exit(EXIT_FAILURE);
    }
    char number[16];
    snprintf(number, sizeof number, "%d", pid ? *(const int *)pid : (int)getpid());
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", "3", 1);
    setenv("LISTEN_FDNAMES", "directory:other:core", 1);
    struct config config = config_for("systemd");
    struct pool_socket sockets[POOL_COUNT];
    if (!sockets_open(&config, sockets)) {
        _exit(EXIT_FAILURE);
    }
    bool taken = sockets[POOL_DIRECTORY].fd == 3 && sockets[POOL_CORE].fd == 5 &&
                 !sockets[POOL_DIRECTORY].path && !sockets[POOL_CORE].path &&
                 sockets[POOL_AUTH].path && sockets[POOL_FILES].path &&
                 (fcntl(3, F_GETFD) & FD_CLOEXEC) && (fcntl(3, F_GETFL) & O_NONBLOCK);
    bool unset = !getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES");
    sockets_close(sockets);
    _exit(unset && taken == !pid ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void sockets_from_systemd_are_matched_by_name(void **state)
{
    (void)state;
    int status = exit_status_of(open_with_systemd, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void sockets_passed_to_another_process_are_ignored(void **state)
{
    (void)state;
    int other = 1;
    int status = exit_status_of(open_with_systemd, &other);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    if (!log_open(LOG_LEVEL_DEBUG, "kontora.log")) {
        return leave_temporary(folder, EXIT_FAILURE);
    }
    const struct CMUnitTest tests[] = {
        ARENA_TEST(each_pool_gets_its_socket),
        cmocka_unit_test(stale_socket_is_replaced),
        cmocka_unit_test(socket_in_use_is_not_replaced),
        cmocka_unit_test(invalid_socket_folder_or_group_is_an_error),
        cmocka_unit_test(sockets_from_systemd_are_matched_by_name),
        cmocka_unit_test(sockets_passed_to_another_process_are_ignored),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("sockets", tests, NULL, NULL));
}
