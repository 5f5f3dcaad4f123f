/*
 * See master.h. The master keeps a list of its children. Event handlers only update this list and
 * the desired state; after every event, reconcile_children() starts and stops processes until the
 * list matches the desired state.
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
    /* consecutive quick exits of children of one group after which a reload is rolled back */
    RELOAD_QUICK_EXITS_MAX = 3,
};

struct master {
    struct config *config;
    const char *env_file;
    const struct service *service;
    struct pool_socket sockets[POOL_COUNT];
    struct handoff handoff; /* queue from the spool to the workers of `uploads` */
    struct group groups[GROUP_COUNT];
    struct children children;
    unsigned generation;
    int signal_fd;
    int status_pipe[2];       /* pipe through which children send struct worker_message */
    unsigned last_generation; /* highest generation assigned so far */
    struct config previous;   /* during a reload: configuration to return to on failure */
    unsigned previous_generation;
    struct group previous_groups[GROUP_COUNT];
    bool reloading, reload_wanted;
    bool announced; /* systemd was notified that the service is ready */
    bool stopping;
};

/* --- children -------------------------------------------------------------------------------- */

/* Increments a counter that has the label `pool`. */
static void count_group_event(enum metric metric, unsigned group)
{
    metrics_add(metric, metrics_series(metric, children_group_name(group), NULL), 1);
}

/* Called in a child: closes all listening sockets except that of its group, and returns it. The
 * spool listens on the socket of the pool `uploads`; workers of `uploads` take requests from the
 * queue between the spool and them. */
static int keep_listening_socket(struct master *master, unsigned group)
{
    int listen_fd = -1;
    unsigned kept = group == GROUP_SPOOL    ? POOL_UPLOADS
                    : group == POOL_UPLOADS ? GROUP_COUNT
                                            : group;
    for (unsigned i = 0; i < POOL_COUNT; i++) {
        if (i == kept) {
            listen_fd = master->sockets[i].fd;
        } else {
            close(master->sockets[i].fd);
        }
    }
    if (group != GROUP_SPOOL) {
        close(master->handoff.send_fd);
    }
    if (group == POOL_UPLOADS) {
        return master->handoff.receive_fd;
    }
    close(master->handoff.receive_fd);
    return listen_fd;
}

/* Called in a child: releases resources of the master and runs the process. */
static _Noreturn void become_child(struct master *master, const struct config *config,
                                   unsigned group, size_t slot, pid_t parent)
{
    /* If the master is killed, the kernel sends SIGTERM to its children, so that they drain. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent) {
        _exit(EXIT_FAILURE);
    }
    log_set_process(children_group_name(group));
    scoreboard_set_slot(slot);
    metrics_select_stripe(slot);
    if (master->service->enter) {
        master->service->enter(config);
    }
    char name[16]; /* shown by ps and top; the kernel stores 15 characters */
    snprintf(name, sizeof name, "kontora-%.7s", children_group_name(group));
    (void)prctl(PR_SET_NAME, name);
    close(master->signal_fd);
    close(master->status_pipe[0]);
    int listen_fd = keep_listening_socket(master, group);
    free(master->children.list);
    if (group == GROUP_HOUSEKEEPER) {
        housekeeper_run(config, master->service, master->status_pipe[1]);
    }
    if (group == GROUP_SPOOL) {
        spool_run(config, master->service, listen_fd, master->handoff.send_fd,
                  master->status_pipe[1]);
    }
    worker_run(config, master->service, (enum pool_id)group, listen_fd, master->status_pipe[1]);
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
    size_t slot = scoreboard_assign_slot(group);
    pid_t pid = fork();
    if (pid == 0) {
        become_child(master, cohort->config, group, slot, parent);
    }
    if (pid < 0) {
        log_error("master: cannot fork: %s", strerror(errno));
        scoreboard_release_slot(slot);
        cohort->groups[group].not_before_us = clock_steady_us() + US_PER_S;
        return;
    }
    *children_add(&master->children) = (struct child){
        .pid = pid,
        .slot = slot,
        .group = group,
        .generation = cohort->generation,
        .started_us = clock_steady_us(),
    };
    count_group_event(METRIC_WORKER_STARTS, group);
}

static void drain_child(struct master *master, struct child *child)
{
    if (!child->kill_us) {
        child->draining = true;
        child->kill_us = clock_steady_us() + master->config->drain_timeout_s * US_PER_S;
        kill(child->pid, SIGTERM);
    }
}

/* --- desired state --------------------------------------------------------------------------- */

static bool is_current_cohort_complete(struct master *master)
{
    struct cohort cohort = current_cohort(master);
    return children_complete(&master->children, &cohort);
}

/* Starts the missing children of each group, unless backoff delays them. */
static void start_missing_children(struct master *master, const struct cohort *cohort, int64_t now)
{
    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        int64_t missing = children_group_size(cohort->config, i) -
                          children_count(&master->children, cohort, i, false);
        while (missing-- > 0 && cohort->groups[i].not_before_us <= now) {
            start_child(master, cohort, i);
        }
    }
}

static void drain_old_generations(struct master *master)
{
    for (size_t i = 0; i < master->children.count; i++) {
        if (master->children.list[i].generation != master->generation) {
            drain_child(master, &master->children.list[i]);
        }
    }
}

/* Kills children that have not exited within DRAIN_TIMEOUT; tries again after a second. */
static void kill_overdue_children(struct master *master, int64_t now)
{
    for (size_t i = 0; i < master->children.count; i++) {
        struct child *child = &master->children.list[i];
        if (child->kill_us && child->kill_us <= now) {
            log_warning("master: process %d (%s) did not exit within DRAIN_TIMEOUT: killing it",
                        (int)child->pid, children_group_name(child->group));
            kill(child->pid, SIGKILL);
            child->kill_us = now + US_PER_S;
        }
    }
}

static void reset_restart_state(struct master *master)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        master->groups[i] = (struct group){0};
    }
}

static void set_pool_size_metrics(const struct config *config)
{
    for (unsigned i = 0; i < POOL_COUNT; i++) {
        metrics_set(METRIC_POOL_SIZE,
                    metrics_series(METRIC_POOL_SIZE, children_group_name(i), NULL),
                    children_group_size(config, i));
    }
}

/* Applies the settings that concern the master itself. */
static void apply_config(const struct config *config)
{
    set_pool_size_metrics(config);
    if (!log_open((enum log_level)config->log_level, config->log_path)) {
        log_error("master: cannot open LOG_PATH %s: %s", config->log_path, strerror(errno));
    }
}

/* Makes `fresh` the current configuration. Workers of the previous one keep serving until the new
 * workers are ready. */
static void begin_reload(struct master *master, const struct config *fresh)
{
    if (strcmp(fresh->socket_dir, master->config->socket_dir) != 0) {
        log_warning("master: SOCKET_DIR has changed: restart the service to apply it");
    }
    if (master->reloading) {
        /* The last reload is incomplete: its previous configuration still serves. */
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
    reset_restart_state(master);
    apply_config(fresh);
}

static void count_reload(const char *result)
{
    metrics_add(METRIC_RELOADS, metrics_series(METRIC_RELOADS, result, NULL), 1);
}

/* Makes the previous configuration current again, because the new workers failed to start. */
static void roll_back_reload(struct master *master)
{
    log_error("master: reload failed: new workers did not start: keeping the old configuration");
    count_reload("refused");
    config_free(master->config);
    *master->config = master->previous;
    master->previous = (struct config){0};
    master->generation = master->previous_generation;
    master->reloading = false;
    reset_restart_state(master);
    apply_config(master->config);
}

static void reload_config(struct master *master)
{
    struct config fresh;
    struct buffer faults = {0}, warnings = {0};
    notify_systemd("RELOADING=1");
    bool loaded = config_load(&fresh, master->env_file, &faults, &warnings);
    if (loaded && master->service->prepare(&fresh, &faults)) {
        begin_reload(master, &fresh);
        log_info("master: configuration reloaded: starting new workers");
    } else {
        log_error("master: reload failed: keeping the old configuration: %s", faults.bytes);
        count_reload("refused");
        config_free(&fresh);
        notify_systemd("READY=1");
    }
    if (warnings.length) {
        log_warning("master: configuration: %s", warnings.bytes);
    }
    buffer_free(&faults);
    buffer_free(&warnings);
}

/* True if children of a group have repeatedly exited soon after their start. */
static bool has_reload_failed(const struct master *master)
{
    for (size_t i = 0; master->reloading && i < GROUP_COUNT; i++) {
        if (master->groups[i].quick_exits >= RELOAD_QUICK_EXITS_MAX) {
            return true;
        }
    }
    return false;
}

/* True if no reload is in progress, or if its workers are ready or fail to start: a further SIGHUP
 * may bring the corrected configuration. */
static bool can_begin_reload(struct master *master)
{
    bool failing = false;
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        failing |= master->groups[i].quick_exits > 0;
    }
    return !master->reloading || failing || is_current_cohort_complete(master);
}

/* Drains all processes. Workers of `uploads` drain only after the spool has exited, because they
 * must serve the uploads that the spool holds. */
static void drain_all_children(struct master *master)
{
    bool spool_runs = false;
    for (size_t i = 0; i < master->children.count; i++) {
        spool_runs |= master->children.list[i].group == GROUP_SPOOL;
    }
    for (size_t i = 0; i < master->children.count; i++) {
        struct child *child = &master->children.list[i];
        if (child->group != POOL_UPLOADS || !spool_runs) {
            drain_child(master, child);
        }
    }
}

/* Called when all workers of the current configuration are ready: ends the reload, if any. */
static void finish_start(struct master *master)
{
    if (master->reloading) {
        count_reload("taken");
        config_free(&master->previous);
        master->reloading = false;
    }
    drain_old_generations(master);
    if (!master->announced) {
        master->announced = true;
        log_info("master: ready");
        notify_systemd("READY=1");
    }
}

static void run_groups(struct master *master, int64_t now)
{
    if (has_reload_failed(master)) {
        roll_back_reload(master);
    }
    if (master->reload_wanted && can_begin_reload(master)) {
        master->reload_wanted = false;
        reload_config(master);
    }
    struct cohort current = current_cohort(master), previous = previous_cohort(master);
    start_missing_children(master, &current, now);
    if (is_current_cohort_complete(master)) {
        finish_start(master);
    } else if (master->reloading) { /* restart crashed workers with the previous configuration */
        start_missing_children(master, &previous, now);
    }
}

/* Starts and stops processes until they match the desired state. */
static void reconcile_children(struct master *master)
{
    int64_t now = clock_steady_us();
    if (master->stopping) {
        drain_all_children(master);
    } else {
        run_groups(master, now);
    }
    kill_overdue_children(master, now);
}

/* --- events ---------------------------------------------------------------------------------- */

/* Logs and counts a failure; delays the next start if the child exited soon after its start. */
static void record_exit(struct master *master, const struct child *child, int status)
{
    struct cohort current = current_cohort(master), previous = previous_cohort(master);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        log_error("master: process %d (%s) ended by %s %d", (int)child->pid,
                  children_group_name(child->group), WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        count_group_event(METRIC_WORKER_RESTARTS, child->group);
    }
    if (children_in_cohort(child, &current)) {
        children_back_off(&master->groups[child->group], child);
    } else if (master->reloading && children_in_cohort(child, &previous)) {
        children_back_off(&master->previous_groups[child->group], child);
    }
}

static void reap_children(struct master *master)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = children_find(&master->children, pid);
        if (child) {
            record_exit(master, child, status);
            scoreboard_release_slot(child->slot);
            children_remove(&master->children, child);
        }
    }
}

static void reopen_all_logs(struct master *master)
{
    log_reopen();
    for (size_t i = 0; i < master->children.count; i++) {
        kill(master->children.list[i].pid, SIGUSR1);
    }
}

static void read_master_signals(struct master *master)
{
    struct signalfd_siginfo info;
    while (read(master->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT:
            if (!master->stopping) {
                log_info("master: stopping");
                notify_systemd("STOPPING=1");
            }
            master->stopping = true;
            break;
        case SIGHUP:
            master->reload_wanted = true;
            break;
        case SIGUSR1:
            reopen_all_logs(master);
            break;
        default: /* SIGCHLD: children are reaped below */
            break;
        }
    }
    reap_children(master);
}

static void read_status_messages(struct master *master)
{
    struct worker_message message;
    while (read(master->status_pipe[0], &message, sizeof message) == (ssize_t)sizeof message) {
        struct child *child = children_find(&master->children, message.pid);
        if (!child) {
            continue;
        }
        if (message.status == WORKER_READY) {
            child->ready = true;
        } else {
            child->draining = true;
            if (!child->kill_us) {
                child->kill_us = clock_steady_us() + master->config->drain_timeout_s * US_PER_S;
            }
        }
    }
}

/* Returns the milliseconds until the next deadline or start; -1 if there is none. */
static int get_poll_timeout_ms(struct master *master)
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
        {.fd = master->status_pipe[0], .events = POLLIN},
    };
    if (poll(watched, sizeof watched / sizeof *watched, get_poll_timeout_ms(master)) < 0 &&
        errno != EINTR) {
        log_error("master: poll failed: %s", strerror(errno));
    }
    read_status_messages(master);
    read_master_signals(master);
}

/* --- startup and exit ------------------------------------------------------------------------ */

/* Raises the soft limit to the hard limit: one worker may hold all connections of nginx. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
            log_warning("master: cannot raise the limit of open files: %s", strerror(errno));
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
    master.signal_fd = signals_open();
    if (master.signal_fd < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        pipe2(master.status_pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
        log_error("master: cannot create a signalfd or a pipe: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    struct buffer faults = {0};
    if (!service->prepare(config, &faults)) {
        log_error("master: invalid configuration: %s", faults.bytes);
        buffer_free(&faults);
        return EX_CONFIG;
    }
    if (!sockets_open(config, master.sockets)) {
        return EXIT_FAILURE;
    }
    if (!handoff_open(&master.handoff)) {
        log_error("master: cannot create the upload queue: %s", strerror(errno));
        sockets_close(master.sockets);
        return EXIT_FAILURE;
    }
    set_pool_size_metrics(config);
    reconcile_children(&master);
    while (!master.stopping || master.children.count) {
        wait_for_event(&master);
        reconcile_children(&master);
    }
    sockets_close(master.sockets);
    free(master.children.list);
    log_info("master: stopped");
    return EXIT_SUCCESS;
}
