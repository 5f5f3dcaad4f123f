/* See background.h. */
#include "base/background.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    OFFER_US = 500,
    TRIES = 20,
    PAUSE_US = 110 * 1000, /* the system lets one process in 0.1 s change its session's priority */
};

#define NICE 10
#define NICE_TEXT "10"

/* False if there is something wrong; a system without sessions of this kind is fine. */
static bool set_session_priority(void)
{
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT;
    }
    ssize_t written = -1;
    for (int i = 0;
         i < TRIES && (written = write(fd, NICE_TEXT, strlen(NICE_TEXT))) < 0 && errno == EAGAIN;
         i++) {
        usleep(PAUSE_US);
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return written >= 0;
}

void background_enter(void)
{
    if (setsid() < 0) {
        log_warning("setsid: %s", strerror(errno));
    } else if (!set_session_priority()) {
        log_warning("/proc/self/autogroup: %s", strerror(errno));
    }
    if (setpriority(PRIO_PROCESS, 0, NICE) < 0) {
        log_warning("setpriority: %s", strerror(errno));
    }
}

static void offer(int signal)
{
    (void)signal;
    sched_yield();
}

/* Fails for no values but wrong ones. */
static void tick_every(suseconds_t interval_us)
{
    const struct itimerval timer = {{0, interval_us}, {0, interval_us}};
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void background_begin(void)
{
    struct sigaction action = {.sa_handler = offer, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGALRM, &action, NULL);
    tick_every(OFFER_US);
}

void background_end(void)
{
    tick_every(0);
}
