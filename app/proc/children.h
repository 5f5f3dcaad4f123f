/*
 * Children: the master's list of the processes it has forked, what they are counted by, and when
 * one that died may have a successor. It forks and signals nobody itself.
 */
#ifndef PROC_CHILDREN_H
#define PROC_CHILDREN_H

#include "base/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Children are counted by their pool; the housekeeper and the spool are groups of one. */
enum { HOUSE = POOL_COUNT, SPOOL, GROUP_COUNT };

struct child {
    pid_t pid;
    size_t place; /* on the scoreboard */
    unsigned group;
    unsigned generation; /* of the configuration it was started with */
    int64_t started_us;
    int64_t kill_us; /* when a leaving one is killed; 0: it has not been told to leave */
    bool ready;
    bool leaving; /* on its own or told to: it no longer counts as one of its group */
};

struct children {
    struct child *list; /* malloc */
    size_t count, size;
};

/* How the children of a group come up. */
struct group {
    unsigned quick_deaths; /* in a row */
    int64_t not_before_us; /* no start before that, of the steady clock */
};

/* The children of one configuration: those of now or, while reloading, those of before. */
struct cohort {
    const struct config *config;
    unsigned generation;
    struct group *groups; /* GROUP_COUNT */
};

/* The name of a pool, "house" or "spool". */
const char *group_name(unsigned group);

/* How many children there shall be. */
int64_t group_size(const struct config *config, unsigned group);

/* One of the group has died; puts off the next start if that was soon after its own. */
void group_back_off(struct group *group, const struct child *child);

/* A place for one more, valid until the list is changed. */
struct child *children_add(struct children *children);

/* NULL: none of ours. */
struct child *children_find(const struct children *children, pid_t pid);

void children_remove(struct children *children, struct child *child);

/* Whether it counts as one of the cohort. */
bool child_is_of(const struct child *child, const struct cohort *cohort);

/* How many of a group there are, or are ready. */
int64_t children_count(const struct children *children, const struct cohort *cohort, unsigned group,
                       bool ready_only);

/* Whether every group has all its children, and they are ready. */
bool children_complete(const struct children *children, const struct cohort *cohort);

/* When a group that lacks one may start it, of the steady clock; INT64_MAX if none does. */
int64_t children_next_start(const struct children *children, const struct cohort *cohort);

#endif
