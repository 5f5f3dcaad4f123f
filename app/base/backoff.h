/*
 * Backoff: delays that double with each failure in a row, up to a maximum.
 *
 * With `random` set, delays are spread evenly over 50 to 150 % (jitter), so that processes that
 * failed together do not retry together. The maximum bounds a delay before it is spread.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* Delays may have any unit; `first` and `max` share it. */
struct backoff {
    int64_t first, max; /* 0 < first <= max */
    uint32_t (*random)(
        uint32_t bound); /* below `bound`, such as arc4random_uniform; NULL: no jitter */
};

/* Returns the delay after `failures` failures in a row; 0 if there are none. */
int64_t backoff_delay(const struct backoff *backoff, int64_t failures);

/* Returns the longest delay that backoff_delay() can return for these arguments. */
int64_t backoff_delay_max(const struct backoff *backoff, int64_t failures);

#endif
