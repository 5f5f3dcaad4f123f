/* Handoff: descriptors through a queue that processes share. */
#include "proc/handoff.h"
#include "unit.h"

#include <errno.h>

/* A descriptor from which `byte` can be read. */
static int pipe_with(char byte)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], &byte, 1), 1);
    close(fds[1]);
    return fds[0];
}

static void descriptors_come_out_one_by_one(void **state)
{
    struct handoff handoff;
    (void)state;
    assert_true(handoff_open(&handoff));
    for (int number = 0; number < 3; number++) {
        int fd = pipe_with((char)('a' + number));
        assert_true(handoff_send(handoff.send_fd, fd, -1));
        close(fd);
    }
    for (int number = 0; number < 3; number++) {
        char read_byte = 0;
        int fd = handoff_receive(handoff.receive_fd);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, &read_byte, 1), 1);
        assert_int_equal(read_byte, 'a' + number);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
    }
    assert_int_equal(handoff_receive(handoff.receive_fd), -1);
    assert_int_equal(errno, EAGAIN);
    close(handoff.send_fd);
    close(handoff.receive_fd);
}

static void a_full_queue_takes_no_more(void **state)
{
    struct handoff handoff;
    int fd = pipe_with('x');
    size_t sent = 0;
    (void)state;
    assert_true(handoff_open(&handoff));
    while (handoff_send(handoff.send_fd, fd, -1)) {
        sent++;
    }
    assert_true(errno == EAGAIN || errno == ETOOMANYREFS);
    assert_true(sent >= 32);
    int taken = handoff_receive(handoff.receive_fd);
    assert_true(taken >= 0);
    close(taken);
    close(fd);
    close(handoff.send_fd);
    close(handoff.receive_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_come_out_one_by_one),
        cmocka_unit_test(a_full_queue_takes_no_more),
    };
    return cmocka_run_group_tests_name("handoff", tests, NULL, NULL);
}
