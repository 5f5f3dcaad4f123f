/* Notify: sends one datagram to the socket that systemd names in NOTIFY_SOCKET, and nothing
 * without it. */
#include "unit.h"

#include "base/log.h"
#include "proc/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

static int listen_at(const char *path, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, length);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    return fd;
}

static void assert_received(int fd, const char *expected)
{
    char text[64] = "";
    assert_int_equal(recv(fd, text, sizeof text - 1, 0), strlen(expected));
    assert_string_equal(text, expected);
    assert_true(recv(fd, text, sizeof text, 0) < 0); /* exactly one datagram */
}

static void notification_reaches_a_socket_in_the_file_system(void **state)
{
    char path[PATH_MAX];
    assert_non_null(getcwd(path, sizeof path));
    const char *full = arena_format(*state, "%s/notify", path);
    int fd = listen_at(full, strlen(full));
    setenv("NOTIFY_SOCKET", full, 1);
    notify_systemd("READY=1");
    assert_received(fd, "READY=1");
    close(fd);
    notify_systemd("STOPPING=1"); /* no process listens on the socket: the call has no effect */
}

static void notification_reaches_an_abstract_socket(void **state)
{
    char *name = arena_format(*state, "@kontora-unit-%d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    int fd = listen_at(name, strlen(name + 1) + 1);
    notify_systemd("RELOADING=1");
    assert_received(fd, "RELOADING=1");
    close(fd);
}

static void missing_or_invalid_socket_is_ignored(void **state)
{
    (void)state;
    char longest[300] = "/";
    memset(longest + 1, 'x', sizeof longest - 2);
    unsetenv("NOTIFY_SOCKET");
    notify_systemd("READY=1");
    const char *const names[] = {"", "relative", "/no/such/socket", "@", longest};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_systemd("READY=1");
    }
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
        ARENA_TEST(notification_reaches_a_socket_in_the_file_system),
        ARENA_TEST(notification_reaches_an_abstract_socket),
        cmocka_unit_test(missing_or_invalid_socket_is_ignored),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("notify", tests, NULL, NULL));
}
