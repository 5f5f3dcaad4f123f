/*
 * See master.h. One idea carries it: the master keeps a list of its children and, after every
 * event, makes the pools what they should be (reconcile). A worker that dies, a reload, a worker
 * that leaves: each only changes the list.
 */
#include "proc/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/scoreboard.h"
#include "proc/children.h"
#include "proc/handoff.h"
#include "proc/housekeeper.h"
#include "proc/notify.h"
#include "proc/signals.h"
#include "proc/sockets.h"
#include "proc/spool.h"
#include "proc/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    RELOAD_DEATHS = 3, /* quick ones of one group after which a reload is taken back */
};

struct master {
    struct config *config;
    const char *env_file;
    const struct service *service;
    struct pool_socket sockets[POOL_COUNT];
    struct handoff handoff; /* from the spool to the workers of `uploads` */
    struct group groups[GROUP_COUNT];
    struct children children;
    unsigned generation;
    int signal_fd;
    int news[2];              /* the pipe in which workers send messages */
    unsigned last_generation; /* the highest number that was given out */
    struct config previous;   /* while reloading: what goes on serving, and comes back on failure */
    unsigned previous_generation;
    struct group previous_groups[GROUP_COUNT];
    bool reloading, reload_wanted;
    bool announced; /* systemd knows that we are ready */
    bool stopping;
};

/* --- children -------------------------------------------------------------------------------- */

/* Something that has happened to a process of the group. */
static void count(enum metric metric, unsigned group)
{
    metrics_add(metric, metrics_series(metric, group_name(group), NULL), 1);
}

/* In the child: keeps the one socket that its group accepts from, and closes the others. nginx's
 * uploads go to the spool, which hands them over to the workers of `uploads`. */
static int keep_listening_socket(struct master *master, unsigned group)
{
    int listen_fd = -1;
    unsigned kept = group == SPOOL ? POOL_UPLOADS : group == POOL_UPLOADS ? GROUP_COUNT : group;
    for (unsigned i = 0; i < POOL_COUNT; i++) {
        if (i == kept) {
            listen_fd = master->sockets[i].fd;
        } else {
            close(master->sockets[i].fd);
        }
    }
    if (group != SPOOL) {
        close(master->handoff.send_fd);
    }
    if (group == POOL_UPLOADS) {
        return master->handoff.receive_fd;
    }
    close(master->handoff.receive_fd);
    return listen_fd;
}

/* In the child: what is the master's alone goes, then it serves and never returns. */
static _Noreturn void become_child(struct master *master, const struct config *config,
                                   unsigned group, size_t place, pid_t parent)
{
    /* A master that is killed takes its workers with it; they drain as at SIGTERM. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent) {
        _exit(EXIT_FAILURE);
    }
    log_forked(group_name(group));
    scoreboard_enter(place);
    metrics_forked(place);
    if (master->service->enter) {
        master->service->enter(config);
    }
    char name[16]; /* what ps and top show; the kernel keeps 15 characters */
    snprintf(name, sizeof name, "kontora-%.7s", group_name(group));
    (void)prctl(PR_SET_NAME, name);
    close(master->signal_fd);
    close(master->news[0]);
    int listen_fd = keep_listening_socket(master, group);
    free(master->children.list);
    if (group == HOUSE) {
        housekeeper_run(config, master->service, master->news[1]);
    }
    if (group == SPOOL) {
        spool_run(config, master->service, listen_fd, master->handoff.send_fd, master->news[1]);
    }
    worker_run(config, master->service, (enum pool_id)group, listen_fd, master->news[1]);
}

static struct cohort current_cohort(struct master *master)
{
    return (struct cohort){master->config, master->generation, master->groups};
}

static struct cohort previous_cohort(struct master *master)
{
    return (struct cohort){&master->previous, master->previous_generation, master->previous_groups};
}

static void start_child(struct master *master, const struct cohort *cohort, unsigned group)
{
    pid_t parent = getpid();
    size_t place = scoreboard_give(group);
    pid_t pid = fork();
    if (pid == 0) {
        become_child(master, cohort->config, group, place, parent);
    }
    if (pid < 0) {
        log_error("fork: %s", strerror(errno));
        scoreboard_take_back(place);
        cohort->groups[group].not_before_us = clock_steady_us() + US_PER_S;
        return;
    }
    *children_add(&master->children) = (struct child){
        .pid = pid,
        .place = place,
        .group = group,
        .generation = cohort->generation,
        .started_us = clock_steady_us(),
    };
    count(METRIC_WORKER_STARTS, group);
}

static void tell_to_leave(struct master *master, struct child *child)
{
    if (!child->kill_us) {
        child->leaving = true;
        child->kill_us = clock_steady_us() + master->config->drain_timeout_s * US_PER_S;
        kill(child->pid, SIGTERM);
    }
}

/* --- the groups ------------------------------------------------------------------------------ */

static bool all_ready(struct master *master)
{
    struct cohort cohort = current_cohort(master);
    return children_complete(&master->children, &cohort);
}

static void fill_groups(struct master *master, const struct cohort *cohort, int64_t now)
{
    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        int64_t missing =
            group_size(cohort->config, i) - children_count(&master->children, cohort, i, false);
        while (missing-- > 0 && cohort->groups[i].not_before_us <= now) {
            start_child(master, cohort, i);
        }
    }
}

/* Who dies while a reload is under way is replaced by one of the same configuration, however long
 * the new one takes to come up. */
static void fill_cohorts(struct master *master, int64_t now)
{
    struct cohort current = current_cohort(master), previous = previous_cohort(master);
    fill_groups(master, &current, now);
    if (master->reloading && !all_ready(master)) {
        fill_groups(master, &previous, now);
    }
}

static void retire_old_generations(struct master *master)
{
    for (size_t i = 0; i < master->children.count; i++) {
        if (master->children.list[i].generation != master->generation) {
            tell_to_leave(master, &master->children.list[i]);
        }
    }
}

static void kill_the_late(struct master *master, int64_t now)
{
    for (size_t i = 0; i < master->children.count; i++) {
        struct child *child = &master->children.list[i];
        if (child->kill_us && child->kill_us <= now) {
            log_warning("worker %d of %s does not leave: killed", (int)child->pid,
                        group_name(child->group));
            kill(child->pid, SIGKILL);
            child->kill_us = now + US_PER_S;
        }
    }
}

static void forget_deaths(struct master *master)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        master->groups[i] = (struct group){0};
    }
}

static void note_sizes(const struct config *config)
{
    for (unsigned i = 0; i < POOL_COUNT; i++) {
        metrics_set(METRIC_POOL_SIZE, metrics_series(METRIC_POOL_SIZE, group_name(i), NULL),
                    group_size(config, i));
    }
}

/* What of a configuration is the master's own. */
static void use_config(const struct config *config)
{
    note_sizes(config);
    if (!log_open((enum log_level)config->log_level, config->log_path)) {
        log_error("LOG_PATH %s: %s", config->log_path, strerror(errno));
    }
}

/* From now on workers are started with `fresh`; those that run stay until these are ready. */
static void begin_reload(struct master *master, const struct config *fresh)
{
    if (strcmp(fresh->socket_dir, master->config->socket_dir) != 0) {
        log_warning("SOCKET_DIR takes effect at the next start");
    }
    if (master->reloading) { /* the one before never came up: what served before it still does */
        config_free(master->config);
    } else {
        master->previous = *master->config;
        master->previous_generation = master->generation;
        memcpy(master->previous_groups, master->groups, sizeof master->groups);
    }
    *master->config = *fresh;
    master->generation = ++master->last_generation;
    master->reloading = true;
    master->announced = false;
    forget_deaths(master);
    use_config(fresh);
}

static void count_reload(const char *result)
{
    metrics_add(METRIC_RELOADS, metrics_series(METRIC_RELOADS, result, NULL), 1);
}

static void end_reload(struct master *master)
{
    if (master->reloading) {
        count_reload("taken");
        config_free(&master->previous);
        master->reloading = false;
    }
}

/* The new workers do not come up: the old ones, and others like them, go on. */
static void take_back_reload(struct master *master)
{
    log_error("the workers of the new configuration do not come up: the old one stays");
    count_reload("refused");
    config_free(master->config);
    *master->config = master->previous;
    master->previous = (struct config){0};
    master->generation = master->previous_generation;
    master->reloading = false;
    forget_deaths(master);
    use_config(master->config);
}

static void reload(struct master *master)
{
    struct config fresh;
    struct buffer faults = {0}, warnings = {0};
    notify_systemd("RELOADING=1");
    bool loaded = config_load(&fresh, master->env_file, &faults, &warnings);
    if (loaded && master->service->prepare(&fresh, &faults)) {
        begin_reload(master, &fresh);
        log_info("configuration read again");
    } else {
        log_error("configuration not taken, the old one stays: %s", faults.bytes);
        count_reload("refused");
        config_free(&fresh);
        notify_systemd("READY=1");
    }
    if (warnings.length) {
        log_warning("configuration: %s", warnings.bytes);
    }
    buffer_free(&faults);
    buffer_free(&warnings);
}

static bool reload_failed(const struct master *master)
{
    for (size_t i = 0; master->reloading && i < GROUP_COUNT; i++) {
        if (master->groups[i].quick_deaths >= RELOAD_DEATHS) {
            return true;
        }
    }
    return false;
}

/* One reload after the other: a second SIGHUP waits until the first has its workers, unless those
 * do not come up, which the new configuration may be meant to mend. */
static bool may_reload(struct master *master)
{
    bool failing = false;
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        failing |= master->groups[i].quick_deaths > 0;
    }
    return !master->reloading || failing || all_ready(master);
}

/* Drains the spool first: the workers of `uploads` must serve the uploads that it holds. */
static void stop_children(struct master *master)
{
    bool spooling = false;
    for (size_t i = 0; i < master->children.count; i++) {
        spooling |= master->children.list[i].group == SPOOL;
    }
    for (size_t i = 0; i < master->children.count; i++) {
        struct child *child = &master->children.list[i];
        if (child->group != POOL_UPLOADS || !spooling) {
            tell_to_leave(master, child);
        }
    }
}

/* Makes the pools what they should be. */
static void reconcile(struct master *master)
{
    int64_t now = clock_steady_us();
    if (master->stopping) {
        stop_children(master);
    } else {
        if (reload_failed(master)) {
            take_back_reload(master);
        }
        if (master->reload_wanted && may_reload(master)) {
            master->reload_wanted = false;
            reload(master);
        }
        fill_cohorts(master, now);
        if (all_ready(master)) {
            end_reload(master);
            retire_old_generations(master);
            if (!master->announced) {
                master->announced = true;
                log_info("ready");
                notify_systemd("READY=1");
            }
        }
    }
    kill_the_late(master, now);
}

/* --- events ---------------------------------------------------------------------------------- */

static void log_death(const struct child *child, int status)
{
    log_error("worker %d of %s ended by %s %d", (int)child->pid, group_name(child->group),
              WIFSIGNALED(status) ? "signal" : "status",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    count(METRIC_WORKER_RESTARTS, child->group);
}

static void note_death(struct master *master, const struct child *child, int status)
{
    struct cohort current = current_cohort(master), previous = previous_cohort(master);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        log_death(child, status);
    }
    if (child_is_of(child, &current)) {
        group_back_off(&master->groups[child->group], child);
    } else if (master->reloading && child_is_of(child, &previous)) {
        group_back_off(&master->previous_groups[child->group], child);
    }
}

static void reap(struct master *master)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = children_find(&master->children, pid);
        if (child) {
            note_death(master, child, status);
            scoreboard_take_back(child->place);
            children_remove(&master->children, child);
        }
    }
}

static void reopen_logs(struct master *master)
{
    log_reopen();
    for (size_t i = 0; i < master->children.count; i++) {
        kill(master->children.list[i].pid, SIGUSR1);
    }
}

static void read_signals(struct master *master)
{
    struct signalfd_siginfo info;
    while (read(master->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT:
            if (!master->stopping) {
                log_info("stopping");
                notify_systemd("STOPPING=1");
            }
            master->stopping = true;
            break;
        case SIGHUP:
            master->reload_wanted = true;
            break;
        case SIGUSR1:
            reopen_logs(master);
            break;
        default: /* SIGCHLD */
            break;
        }
    }
    reap(master);
}

static void read_news(struct master *master)
{
    struct worker_message message;
    while (read(master->news[0], &message, sizeof message) == (ssize_t)sizeof message) {
        struct child *child = children_find(&master->children, message.pid);
        if (!child) {
            continue;
        }
        if (message.news == WORKER_READY) {
            child->ready = true;
        } else {
            child->leaving = true;
            if (!child->kill_us) {
                child->kill_us = clock_steady_us() + master->config->drain_timeout_s * US_PER_S;
            }
        }
    }
}

/* Milliseconds until the next deadline, -1 if there is none. */
static int patience_ms(struct master *master)
{
    struct cohort cohorts[] = {current_cohort(master), previous_cohort(master)};
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < master->children.count; i++) {
        int64_t kill_us = master->children.list[i].kill_us;
        next = kill_us && kill_us < next ? kill_us : next;
    }
    for (size_t i = 0; i < (master->reloading ? 2 : 1) && !master->stopping; i++) {
        int64_t start = children_next_start(&master->children, &cohorts[i]);
        next = start < next ? start : next;
    }
    if (next == INT64_MAX) {
        return -1;
    }
    int64_t left = (next - clock_steady_us()) / US_PER_MS + 1;
    return left < 0 ? 0 : (int)left;
}

static void wait_for_event(struct master *master)
{
    struct pollfd watched[] = {
        {.fd = master->signal_fd, .events = POLLIN},
        {.fd = master->news[0], .events = POLLIN},
    };
    if (poll(watched, sizeof watched / sizeof *watched, patience_ms(master)) < 0 &&
        errno != EINTR) {
        log_error("poll: %s", strerror(errno));
    }
    read_news(master);
    read_signals(master);
}

/* --- start and end --------------------------------------------------------------------------- */

static bool open_events(struct master *master)
{
    master->signal_fd = signals_open();
    return master->signal_fd >= 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
           pipe2(master->news, O_NONBLOCK | O_CLOEXEC) == 0;
}

/* A worker may hold a connection for each of nginx's: as many descriptors as we are given. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
            log_warning("setrlimit: %s", strerror(errno));
        }
    }
}

int master_run(struct config *config, const char *env_file, const struct service *service)
{
    struct master master = {.config = config,
                            .env_file = env_file,
                            .service = service,
                            .generation = 1,
                            .last_generation = 1};
    raise_descriptor_limit();
    if (!open_events(&master)) {
        log_error("master: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    struct buffer faults = {0};
    if (!service->prepare(config, &faults)) {
        log_error("configuration: %s", faults.bytes);
        buffer_free(&faults);
        return EX_CONFIG;
    }
    if (!sockets_open(config, master.sockets)) {
        return EXIT_FAILURE;
    }
    if (!handoff_open(&master.handoff)) {
        log_error("socketpair: %s", strerror(errno));
        sockets_close(master.sockets);
        return EXIT_FAILURE;
    }
    note_sizes(config);
    reconcile(&master);
    while (!master.stopping || master.children.count) {
        wait_for_event(&master);
        reconcile(&master);
    }
    sockets_close(master.sockets);
    free(master.children.list);
    log_info("stopped");
    return EXIT_SUCCESS;
}
