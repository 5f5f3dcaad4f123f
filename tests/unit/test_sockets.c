/* Sockets of the pools: made, replaced, refused, given away, and taken from systemd. */
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

/* A connection to the pool's socket, or -1. */
static int dial(const char *path)
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

static void every_pool_gets_one(void **state)
{
    struct config config = config_for("run/deep");
    struct pool_socket sockets[POOL_COUNT];
    assert_true(sockets_open(&config, sockets));
    for (size_t i = 0; i < POOL_COUNT; i++) {
        const char *path = arena_format(*state, "run/deep/%s.sock", pool_names[i]);
        struct stat facts;
        assert_string_equal(sockets[i].path, path);
        assert_int_equal(stat(path, &facts), 0);
        assert_true(S_ISSOCK(facts.st_mode));
        assert_int_equal(facts.st_mode & MODE_BITS, 0660); /* nothing for others */
        assert_true(fcntl(sockets[i].fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(sockets[i].fd, F_GETFD) & FD_CLOEXEC);
        int fd = dial(path);
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
        assert_int_equal(access(arena_format(*state, "run/deep/%s.sock", pool_names[i]), F_OK), -1);
    }
    sockets_close(sockets); /* twice is fine */
}

static void what_a_dead_process_left_is_replaced(void **state)
{
    (void)state;
    struct config config = config_for("dead");
    struct pool_socket sockets[POOL_COUNT], again[POOL_COUNT];
    assert_true(sockets_open(&config, sockets));
    for (size_t i = 0; i < POOL_COUNT; i++) {
        close(sockets[i].fd); /* the files stay, and nobody listens */
        free(sockets[i].path);
    }
    assert_true(sockets_open(&config, again));
    int fd = dial("dead/core.sock");
    assert_true(fd >= 0);
    close(fd);
    sockets_close(again);
}

static void what_is_in_use_is_a_fault(void **state)
{
    (void)state;
    struct config config = config_for("used");
    struct pool_socket sockets[POOL_COUNT], again[POOL_COUNT];
    assert_true(sockets_open(&config, sockets));
    assert_false(sockets_open(&config, again));
    int fd = dial("used/core.sock"); /* and the first goes on */
    assert_true(fd >= 0);
    close(fd);
    sockets_close(sockets);
}

static void what_cannot_be_made_is_a_fault(void **state)
{
    (void)state;
    struct config config = config_for("plain/run");
    struct pool_socket sockets[POOL_COUNT];
    write_file("plain", "", 0);
    assert_false(sockets_open(&config, sockets));
    config = config_for("group");
    config.socket_group = "no-such-group";
    assert_false(sockets_open(&config, sockets));
    assert_int_equal(dial("group/core.sock"), -1);
}

/* In a child, with the descriptors and variables of sd_listen_fds(3): exits with 0 if the pools got
 * what they were named after. */
static void take_from_systemd(void *pid)
{
    int fds[POOL_COUNT];
    for (size_t i = 0; i < POOL_COUNT; i++) {
        fds[i] = fcntl(socket(AF_UNIX, SOCK_STREAM, 0), F_DUPFD, 100);
    }
    /* 3 is directory, 4 is of somebody else, 5 is core; the others are made */
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

static void systemds_are_taken_by_name(void **state)
{
    (void)state;
    int status = exit_status_of(take_from_systemd, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void those_of_another_process_are_left(void **state)
{
    (void)state;
    int other = 1;
    int status = exit_status_of(take_from_systemd, &other);
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
        ARENA_TEST(every_pool_gets_one),
        cmocka_unit_test(what_a_dead_process_left_is_replaced),
        cmocka_unit_test(what_is_in_use_is_a_fault),
        cmocka_unit_test(what_cannot_be_made_is_a_fault),
        cmocka_unit_test(systemds_are_taken_by_name),
        cmocka_unit_test(those_of_another_process_are_left),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("sockets", tests, NULL, NULL));
}
