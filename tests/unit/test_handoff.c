/* Handoff: passing file descriptors through a queue that processes share. */
#include "proc/handoff.h"
#include "unit.h"

#include <errno.h>
#include <sys/resource.h>

/* Returns a descriptor from which `byte` can be read. */
static int make_pipe_with(char byte)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], &byte, 1), 1);
    close(fds[1]);
    return fds[0];
}

static void descriptors_are_received_in_order(void **state)
{
    struct handoff handoff;
    (void)state;
    assert_true(handoff_open(&handoff));
    for (int number = 0; number < 3; number++) {
        int fd = make_pipe_with((char)('a' + number));
        assert_true(handoff_send(handoff.send_fd, fd, -1));
        close(fd);
    }
    for (int number = 0; number < 3; number++) {
        char read_byte = 0;
        int file_fd;
        int fd = handoff_receive(handoff.receive_fd, &file_fd);
        assert_true(fd >= 0);
        assert_int_equal(file_fd, -1);
        assert_int_equal(read(fd, &read_byte, 1), 1);
        assert_int_equal(read_byte, 'a' + number);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
    }
    int file_fd;
    assert_int_equal(handoff_receive(handoff.receive_fd, &file_fd), -1);
    assert_int_equal(errno, EAGAIN);
    close(handoff.send_fd);
    close(handoff.receive_fd);
}

static void file_is_received_with_its_connection(void **state)
{
    struct handoff handoff;
    char bytes[2];
    int file_fd, fd = make_pipe_with('c'), file = make_pipe_with('f');
    (void)state;
    assert_true(handoff_open(&handoff));
    assert_true(handoff_send(handoff.send_fd, fd, file));
    close(fd);
    close(file);
    fd = handoff_receive(handoff.receive_fd, &file_fd);
    assert_true(fd >= 0 && file_fd >= 0);
    assert_int_equal(read(fd, bytes, 1), 1);
    assert_int_equal(read(file_fd, bytes + 1, 1), 1);
    assert_memory_equal(bytes, "cf", 2);
    assert_true(fcntl(file_fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(file_fd);
    close(handoff.send_fd);
    close(handoff.receive_fd);
}

/* A request received without its body file would look as if its body were empty. */
static void receive_fails_without_a_free_descriptor_for_the_file(void **state)
{
    struct handoff handoff;
    struct rlimit before, low;
    int file_fd, fd = make_pipe_with('c'), file = make_pipe_with('f');
    (void)state;
    assert_true(handoff_open(&handoff));
    assert_true(handoff_send(handoff.send_fd, fd, file));
    close(fd);
    close(file);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = (rlim_t)fd + 1; /* allows one more descriptor, not two */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    errno = 0;
    assert_int_equal(handoff_receive(handoff.receive_fd, &file_fd), -1);
    assert_int_equal(errno, EMFILE);
    assert_int_equal(file_fd, -1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    close(handoff.send_fd);
    close(handoff.receive_fd);
}

static void full_queue_rejects_further_descriptors(void **state)
{
    struct handoff handoff;
    int fd = make_pipe_with('x');
    size_t sent = 0;
    (void)state;
    assert_true(handoff_open(&handoff));
    while (handoff_send(handoff.send_fd, fd, -1)) {
        sent++;
    }
    assert_true(errno == EAGAIN || errno == ETOOMANYREFS);
    assert_true(sent >= 32);
    int file_fd, taken = handoff_receive(handoff.receive_fd, &file_fd);
    assert_true(taken >= 0);
    close(taken);
    close(fd);
    close(handoff.send_fd);
    close(handoff.receive_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_received_in_order),
        cmocka_unit_test(file_is_received_with_its_connection),
        cmocka_unit_test(receive_fails_without_a_free_descriptor_for_the_file),
        cmocka_unit_test(full_queue_rejects_further_descriptors),
    };
    return cmocka_run_group_tests_name("handoff", tests, NULL, NULL);
}
