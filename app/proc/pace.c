/* See pace.h. */
#include "proc/pace.h"

#include "base/clock.h"

enum {
    DOUBLINGS_MAX = 20, /* reaches 2 GiB/s; prevents an overflow of the shift */
};

bool pace_is_too_slow(int64_t elapsed_us, int64_t bytes, int64_t start_s)
{
    int64_t elapsed_s = elapsed_us / US_PER_S;
    if (elapsed_s < start_s) {
        return false;
    }
    int64_t doublings = (elapsed_s - start_s) / (2 * start_s);
    doublings = doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX;
    return bytes / elapsed_s < (int64_t)PACE_FIRST_RATE << doublings;
}
