/* See read_deadline.h. */
#include "base/read_deadline.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { NO_SOCKET = -1 };

static volatile sig_atomic_t read_fd = NO_SOCKET;

static void shut_down_reading(int signal)
{
    int saved = errno;
    (void)signal;
    if (read_fd != NO_SOCKET) {
        shutdown(read_fd, SHUT_RD);
    }
    errno = saved;
}

/* Starts the timer, or stops it if `us` is 0. setitimer() fails only on invalid arguments. */
static void set_deadline_timer(int64_t us)
{
    const struct itimerval timer = {
        .it_value = {.tv_sec = us / US_PER_S, .tv_usec = us % US_PER_S}};
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void read_deadline_begin(int fd, int64_t deadline_us)
{
    struct sigaction action = {.sa_handler = shut_down_reading, .sa_flags = SA_RESTART};
    int64_t left_us = deadline_us - clock_steady_us();
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGALRM, &action, NULL);
    read_fd = fd;
    set_deadline_timer(left_us > 0 ? left_us : 1);
}

void read_deadline_end(void)
{
    set_deadline_timer(0);
    read_fd = NO_SOCKET;
}
