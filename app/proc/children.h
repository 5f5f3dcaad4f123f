/*
 * Children: the master's list of child processes, their grouping by pool and configuration, and the
 * earliest time of a restart after a crash. This file neither forks nor sends signals.
 */
#ifndef PROC_CHILDREN_H
#define PROC_CHILDREN_H

#include "base/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Children are grouped by pool; the housekeeper (housekeeper.h) and the spool (spool.h) are groups
 * of one process each. */
enum { GROUP_HOUSEKEEPER = POOL_COUNT, GROUP_SPOOL, GROUP_COUNT };

struct child {
    pid_t pid;
    size_t slot; /* slot on the scoreboard */
    unsigned group;
    unsigned generation; /* number of the configuration that the child was started with */
    int64_t started_us;
    int64_t kill_us; /* end of DRAIN_TIMEOUT, when it is killed; 0: not draining */
    bool ready;
    bool draining; /* drains after SIGTERM or by itself; it no longer counts in its group */
};

struct children {
    struct child *list; /* allocated with malloc() */
    size_t count, size;
};

/* Restart state of a group. */
struct group {
    unsigned quick_exits;  /* consecutive children that exited soon after their start */
    int64_t not_before_us; /* earliest time of the next start, of clock_steady_us() */
};

/* The children of one configuration: of the current one or, during a reload, of the previous
 * one. */
struct cohort {
    const struct config *config;
    unsigned generation;
    struct group *groups; /* array of GROUP_COUNT */
};

/* Returns the name of a pool, "house" or "spool". */
const char *children_group_name(unsigned group);

/* Returns the configured number of children. */
int64_t children_group_size(const struct config *config, unsigned group);

/* Called when a child of the group has exited: delays the next start, with backoff, if the child
 * exited soon after its start. */
void children_back_off(struct group *group, const struct child *child);

/* Appends an uninitialized child to the list. The pointer is valid until the list is changed. */
struct child *children_add(struct children *children);

/* Returns NULL if no child has this pid. */
struct child *children_find(const struct children *children, pid_t pid);

void children_remove(struct children *children, struct child *child);

/* True if the child was started with the configuration of the cohort and is not draining. */
bool children_in_cohort(const struct child *child, const struct cohort *cohort);

/* Counts the children of a group, or only those that are ready. */
int64_t children_count(const struct children *children, const struct cohort *cohort, unsigned group,
                       bool ready_only);

/* True if every group has its configured number of ready children. */
bool children_complete(const struct children *children, const struct cohort *cohort);

/* Returns the earliest time, of clock_steady_us(), at which a missing child may be started;
 * INT64_MAX if no child is missing. */
int64_t children_next_start(const struct children *children, const struct cohort *cohort);

#endif
