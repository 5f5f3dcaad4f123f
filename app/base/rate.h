/*
 * Rate: rate limiting by token buckets in shared memory, common to all processes of the service.
 *
 * A bucket is identified by the keyed hash of a name. The hash key is random and changes at each
 * start, so that attackers cannot choose names whose buckets collide. A full bucket needs no
 * storage; its cell can be reused. If all cells that a name may use are occupied, the one whose
 * bucket will be full first is reused; this can only allow that client more requests, never fewer.
 *
 * There are no locks: taking a token is one atomic operation, which is complete or not begun if the
 * process is killed.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdint.h>

/* One token is added every `interval_us` (> 0) until the bucket holds `burst` tokens. */
struct rate_limit {
    int64_t interval_us, burst;
};

/* Creates the buckets. Called by the master before it forks. Before that, nothing is limited. */
void rate_share(void);

/* Returns the key of a name; never 0. `kind` separates name spaces: equal names of different kinds
 * have different keys. */
uint64_t rate_key(unsigned kind, const char *name);

/* Takes a token. `now_us` is the time of clock_steady_us(). Returns 0 on success; otherwise takes
 * no token and returns the microseconds until the next one is available. */
int64_t rate_take(uint64_t key, const struct rate_limit *limit, int64_t now_us);

/* Puts a token back, because the operation it was taken for was then refused. */
void rate_return(uint64_t key, const struct rate_limit *limit);

#endif
