/* See background.h. */
#include "base/background.h"

#include "base/clock.h"
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
    YIELD_INTERVAL_US = 500,
    AUTOGROUP_TRIES = 20,
    /* Linux allows one change of a session's priority per 0.1 s, counted over all processes. */
    AUTOGROUP_RETRY_US = 110 * US_PER_MS,
};

/* As in nice(1): higher values mean lower priority. */
#define NICE 10
#define NICE_TEXT "10"

/* Returns false with errno set on failure; succeeds if the system has no autogroup feature. */
static bool set_session_priority(void)
{
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT;
    }
    ssize_t written = -1;
    for (int i = 0; i < AUTOGROUP_TRIES &&
                    (written = write(fd, NICE_TEXT, strlen(NICE_TEXT))) < 0 && errno == EAGAIN;
         i++) {
        usleep(AUTOGROUP_RETRY_US);
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return written >= 0;
}

void background_enter(void)
{
    if (setsid() < 0) {
        log_warning("background: cannot create a session: %s", strerror(errno));
    } else if (!set_session_priority()) {
        log_warning("background: cannot write /proc/self/autogroup: %s", strerror(errno));
    }
    if (setpriority(PRIO_PROCESS, 0, NICE) < 0) {
        log_warning("background: cannot lower the priority: %s", strerror(errno));
    }
}

static void yield_on_alarm(int signal)
{
    (void)signal;
    sched_yield();
}

/* setitimer() fails only on invalid arguments. */
static void set_yield_timer(suseconds_t interval_us)
{
    const struct itimerval timer = {{0, interval_us}, {0, interval_us}};
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void background_begin(void)
{
    struct sigaction action = {.sa_handler = yield_on_alarm, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGALRM, &action, NULL);
    set_yield_timer(YIELD_INTERVAL_US);
}

void background_end(void)
{
    set_yield_timer(0);
}
