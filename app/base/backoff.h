/*
 * Backoff: delays that double with each failure in a row, up to a maximum.
 *
 * With `random` set, each delay is multiplied by a random factor from 50 % to 150 % (jitter), so
 * that processes that failed at the same time retry at different times. The maximum applies before
 * the jitter.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* `first` and `max` are delays in the same unit of time; the unit is the caller's choice. */
struct backoff {
    int64_t first, max; /* 0 < first <= max */
    /* Returns a random number below `bound`, as arc4random_uniform() does. NULL: no jitter. */
    uint32_t (*random)(uint32_t bound);
};

/* Returns the delay after `failures` failures in a row; 0 if there are none. */
int64_t backoff_delay(const struct backoff *backoff, int64_t failures);

/* Returns the longest delay that backoff_delay() can return for these arguments. */
int64_t backoff_delay_max(const struct backoff *backoff, int64_t failures);

#endif
