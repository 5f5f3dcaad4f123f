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

/* A job and its state. */
struct task {
    const struct job *job;
    void *state;
    int64_t due_us; /* time of the next run, of clock_steady_us(); 0: immediately */
};

struct housekeeper {
    const struct service *service;
    void *shared; /* state that all jobs share */
    struct task *tasks;
    size_t count;
    struct pollfd *watched; /* wake descriptor of each task, by its index; then signal_fd */
    int signal_fd;
    bool draining;
};

static void start_jobs(struct housekeeper *house, const struct config *config)
{
    while (house->service->jobs[house->count].run) {
        house->count++;
    }
    house->shared = house->service->begin_jobs(config);
    house->tasks = base_alloc(house->count * sizeof *house->tasks);
    house->watched = base_alloc((house->count + 1) * sizeof *house->watched);
    house->watched[house->count] = (struct pollfd){.fd = house->signal_fd, .events = POLLIN};
    for (size_t i = 0; i < house->count; i++) {
        const struct job *job = &house->service->jobs[i];
        house->tasks[i] = (struct task){.job = job, .state = job->start(config, house->shared)};
        if (!house->tasks[i].state) {
            log_error("housekeeper: cannot start the job %s", job->name);
            exit(EX_CONFIG);
        }
        int wake_fd = job->wake_fd ? job->wake_fd() : -1; /* poll() ignores -1 */
        house->watched[i] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    }
}

static void read_housekeeper_signals(struct housekeeper *house)
{
    struct signalfd_siginfo info;
    while (read(house->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM) {
            house->draining = true;
        } else if (info.ssi_signo == SIGUSR1) {
            house->service->reopen(NULL);
        }
    }
}

/* Returns the task that is due first. */
static struct task *find_next_task(const struct housekeeper *house)
{
    struct task *next = house->tasks;
    for (size_t i = 1; i < house->count; i++) {
        next = house->tasks[i].due_us < next->due_us ? &house->tasks[i] : next;
    }
    return next;
}

/* Waits until a job is due or woken, or a signal arrives. */
static void wait_for_work(struct housekeeper *house)
{
    int64_t left = find_next_task(house)->due_us - clock_steady_us();
    int64_t wait_ms = left > 0 ? left / US_PER_MS + 1 : 0;
    int ready =
        poll(house->watched, house->count + 1, (int)(wait_ms < INT_MAX ? wait_ms : INT_MAX));
    if (ready < 0 && errno != EINTR) {
        log_error("housekeeper: poll failed: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; ready > 0 && i < house->count; i++) {
        if (house->watched[i].revents) {
            house->tasks[i].due_us = 0;
        }
    }
}

_Noreturn void housekeeper_run(const struct config *config, const struct service *service,
                               int status_fd)
{
    struct housekeeper house = {.service = service, .signal_fd = signals_open()};
    if (house.signal_fd < 0) {
        log_error("housekeeper: cannot create a signalfd: %s", strerror(errno));
        exit(EXIT_FAILURE);
    }
    start_jobs(&house, config);
    struct worker_message message = {.pid = getpid(), .status = WORKER_READY};
    if (write(status_fd, &message, sizeof message) != (ssize_t)sizeof message) {
        log_warning("housekeeper: cannot notify the master: %s", strerror(errno));
    }
    while (!house.draining) {
        wait_for_work(&house);
        read_housekeeper_signals(&house);
        struct task *task = find_next_task(&house);
        if (!house.draining && task->due_us <= clock_steady_us()) {
            task->due_us = task->job->run(task->state);
        }
    }
    for (size_t i = 0; i < house.count; i++) {
        house.tasks[i].job->stop(house.tasks[i].state);
    }
    service->end_jobs(house.shared);
    free(house.tasks);
    free(house.watched);
    worker_exit();
}
