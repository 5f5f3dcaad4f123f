/* See housekeeper.h. */
#include "proc/housekeeper.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "proc/signals.h"
#include "proc/worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

/* One job of the service's list, and its state. */
struct task {
    const struct job *job;
    void *state;
    int64_t due; /* steady clock; 0: immediately */
};

struct housekeeper {
    const struct service *service;
    void *shared; /* state that the jobs share */
    struct task *tasks;
    size_t count;
    struct pollfd *watched; /* wake descriptors, parallel to the tasks; the last is signal_fd */
    int signal_fd;
    bool leaving;
};

static void start_jobs(struct housekeeper *house, const struct config *config)
{
    while (house->service->jobs[house->count].run) {
        house->count++;
    }
    house->shared = house->service->begin_jobs(config);
    house->tasks = must_alloc(house->count * sizeof *house->tasks);
    house->watched = must_alloc((house->count + 1) * sizeof *house->watched);
    house->watched[house->count] = (struct pollfd){.fd = house->signal_fd, .events = POLLIN};
    for (size_t i = 0; i < house->count; i++) {
        const struct job *job = &house->service->jobs[i];
        house->tasks[i] = (struct task){.job = job, .state = job->start(config, house->shared)};
        if (!house->tasks[i].state) {
            log_error("housekeeper: %s cannot start", job->name);
            exit(EX_CONFIG);
        }
        int wake_fd = job->wake_fd ? job->wake_fd() : -1; /* poll() ignores -1 */
        house->watched[i] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    }
}

static void stop_jobs(struct housekeeper *house)
{
    for (size_t i = 0; i < house->count; i++) {
        house->tasks[i].job->stop(house->tasks[i].state);
    }
    house->service->end_jobs(house->shared);
    free(house->tasks);
    free(house->watched);
}

static void read_signals(struct housekeeper *house)
{
    struct signalfd_siginfo info;
    while (read(house->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM) {
            house->leaving = true;
        } else if (info.ssi_signo == SIGUSR1) {
            house->service->reopen(NULL);
        }
    }
}

/* The one that is due first. */
static struct task *next_task(const struct housekeeper *house)
{
    struct task *next = house->tasks;
    for (size_t i = 1; i < house->count; i++) {
        next = house->tasks[i].due < next->due ? &house->tasks[i] : next;
    }
    return next;
}

/* Waits until a job is due or woken, or a signal arrives. */
static void wait_for_work(struct housekeeper *house)
{
    int64_t left = next_task(house)->due - clock_steady_us();
    int64_t wait_ms = left > 0 ? left / US_PER_MS + 1 : 0;
    int ready =
        poll(house->watched, house->count + 1, (int)(wait_ms < INT_MAX ? wait_ms : INT_MAX));
    if (ready < 0 && errno != EINTR) {
        log_error("poll: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; ready > 0 && i < house->count; i++) {
        if (house->watched[i].revents) {
            house->tasks[i].due = 0;
        }
    }
}

_Noreturn void housekeeper_run(const struct config *config, const struct service *service,
                               int news_fd)
{
    struct housekeeper house = {.service = service, .signal_fd = signals_open()};
    if (house.signal_fd < 0) {
        log_error("housekeeper: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    start_jobs(&house, config);
    struct worker_message message = {.pid = getpid(), .news = WORKER_READY};
    if (write(news_fd, &message, sizeof message) != (ssize_t)sizeof message) {
        log_warning("cannot reach the master: %s", strerror(errno));
    }
    while (!house.leaving) {
        wait_for_work(&house);
        read_signals(&house);
        struct task *task = next_task(&house);
        if (!house.leaving && task->due <= clock_steady_us()) {
            task->due = task->job->run(task->state);
        }
    }
    stop_jobs(&house);
    exit(EXIT_SUCCESS);
}
