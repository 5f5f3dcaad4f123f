/*
 * Rate: token buckets in shared memory, which all processes of the service take tokens from.
 *
 * A bucket is found by the keyed hash of a name. The key is random and new at each start, so that
 * nobody can choose names whose buckets collide. A bucket that is full again holds nothing worth
 * keeping, and its cell is free. While all cells that a name may have are in use, the one that
 * would be full first is reused: that only ever lets its owner ask for more, never for less.
 *
 * Nothing is locked: a process that is killed in between has taken a token, or has not.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdint.h>

/* A token comes back each `interval_us`, which is above 0; the bucket holds `burst` of them. */
struct rate_limit {
    int64_t interval_us, burst;
};

/* In the master, before it forks. Until then nothing is counted. */
void rate_share(void);

/* The key of a name, never 0; names of different kinds never share a bucket. */
uint64_t rate_key(unsigned kind, const char *name);

/* Takes a token, at a time of the steady clock. Returns 0, or how many microseconds later there
 * will be one; then nothing was taken. */
int64_t rate_take(uint64_t key, const struct rate_limit *limit, int64_t now_us);

/* Returns a token that was taken for something that was then refused. */
void rate_return(uint64_t key, const struct rate_limit *limit);

#endif
