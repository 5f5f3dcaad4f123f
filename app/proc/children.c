/* See children.h. */
#include "proc/children.h"

#include "base/arena.h"
#include "base/backoff.h"
#include "base/clock.h"

enum {
    QUICK_DEATH_US = 5 * US_PER_S, /* a child that exits sooner counts as a failure */
    FIRST_SIZE = 32,
};

static const struct backoff restart_backoff = {.first = INT64_C(50) * US_PER_MS,
                                               .max = INT64_C(12800) * US_PER_MS};

/* --- groups ---------------------------------------------------------------------------------- */

const char *group_name(unsigned group)
{
    static const char *const others[] = {"house", "spool"};
    return group < POOL_COUNT ? pool_names[group] : others[group - POOL_COUNT];
}

int64_t group_size(const struct config *config, unsigned group)
{
    return group < POOL_COUNT ? config->workers[group] : 1;
}

void group_back_off(struct group *group, const struct child *child)
{
    int64_t now = clock_steady_us();
    if (now - child->started_us >= QUICK_DEATH_US) {
        group->quick_deaths = 0;
        return;
    }
    group->quick_deaths++;
    group->not_before_us = now + backoff_delay(&restart_backoff, group->quick_deaths);
}

/* --- the list -------------------------------------------------------------------------------- */

struct child *children_add(struct children *children)
{
    if (children->count == children->size) {
        children->size = children->size ? 2 * children->size : FIRST_SIZE;
        children->list = must_realloc(children->list, children->size * sizeof *children->list);
    }
    return &children->list[children->count++];
}

struct child *children_find(const struct children *children, pid_t pid)
{
    for (size_t i = 0; i < children->count; i++) {
        if (children->list[i].pid == pid) {
            return &children->list[i];
        }
    }
    return NULL;
}

void children_remove(struct children *children, struct child *child)
{
    *child = children->list[--children->count];
}

/* --- counting -------------------------------------------------------------------------------- */

bool child_is_of(const struct child *child, const struct cohort *cohort)
{
    return child->generation == cohort->generation && !child->leaving;
}

int64_t children_count(const struct children *children, const struct cohort *cohort, unsigned group,
                       bool ready_only)
{
    int64_t count = 0;
    for (size_t i = 0; i < children->count; i++) {
        const struct child *child = &children->list[i];
        count +=
            child->group == group && child_is_of(child, cohort) && (child->ready || !ready_only);
    }
    return count;
}

bool children_complete(const struct children *children, const struct cohort *cohort)
{
    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        if (children_count(children, cohort, i, true) < group_size(cohort->config, i)) {
            return false;
        }
    }
    return true;
}

int64_t children_next_start(const struct children *children, const struct cohort *cohort)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        bool lacks = children_count(children, cohort, i, false) < group_size(cohort->config, i);
        int64_t start = cohort->groups[i].not_before_us;
        next = lacks && start < next ? start : next;
    }
    return next;
}
