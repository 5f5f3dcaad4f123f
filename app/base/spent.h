/*
 * Spent: how much time this process has spent waiting for what, since it began. Who wants to know it
 * of one request, which a process handles by itself, takes the difference.
 */
#ifndef BASE_SPENT_H
#define BASE_SPENT_H

#include <stdint.h>

enum spent { SPENT_DATABASE, SPENT_DIRECTORY, SPENT_STORAGE, SPENT_COUNT };

struct spent_times {
    int64_t us[SPENT_COUNT];
};

extern struct spent_times spent_times;

static inline void spent_add(enum spent what, int64_t us)
{
    spent_times.us[what] += us;
}

#endif
