/* See children.h. */
#include "proc/children.h"

#include "base/arena.h"
#include "base/backoff.h"
#include "base/clock.h"

enum {
    QUICK_EXIT_US = 5 * US_PER_S, /* a child that exits sooner counts as failed to start */
    INITIAL_CAPACITY = 32,
};

static const struct backoff restart_backoff = {.first = INT64_C(50) * US_PER_MS,
                                               .max = INT64_C(12800) * US_PER_MS};

/* --- groups ---------------------------------------------------------------------------------- */

const char *children_group_name(unsigned group)
{
    static const char *const others[] = {"house", "spool"};
    return group < POOL_COUNT ? config_pool_names[group] : others[group - POOL_COUNT];
}

int64_t children_group_size(const struct config *config, unsigned group)
{
    return group < POOL_COUNT ? config->workers[group] : 1;
}

void children_back_off(struct group *group, const struct child *child)
{
    int64_t now = clock_steady_us();
    if (now - child->started_us >= QUICK_EXIT_US) {
        group->quick_exits = 0;
        return;
    }
    group->quick_exits++;
    group->not_before_us = now + backoff_delay(&restart_backoff, group->quick_exits);
}

/* --- list of children ------------------------------------------------------------------------ */

struct child *children_add(struct children *children)
{
    if (children->count == children->size) {
        children->size = children->size ? 2 * children->size : INITIAL_CAPACITY;
        children->list = base_realloc(children->list, children->size * sizeof *children->list);
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

bool children_in_cohort(const struct child *child, const struct cohort *cohort)
{
    return child->generation == cohort->generation && !child->draining;
}

int64_t children_count(const struct children *children, const struct cohort *cohort, unsigned group,
                       bool ready_only)
{
    int64_t count = 0;
    for (size_t i = 0; i < children->count; i++) {
        const struct child *child = &children->list[i];
        count += child->group == group && children_in_cohort(child, cohort) &&
                 (child->ready || !ready_only);
    }
    return count;
}

bool children_complete(const struct children *children, const struct cohort *cohort)
{
    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        if (children_count(children, cohort, i, true) < children_group_size(cohort->config, i)) {
            return false;
        }
    }
    return true;
}

int64_t children_next_start(const struct children *children, const struct cohort *cohort)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        bool missing =
            children_count(children, cohort, i, false) < children_group_size(cohort->config, i);
        int64_t start = cohort->groups[i].not_before_us;
        next = missing && start < next ? start : next;
    }
    return next;
}
