/*
 * Spent: the time that this process has spent since its start on waiting for database, directory
 * and storage. A process handles one request at a time, so the time of a request is the difference
 * of two readings.
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
