/* See backoff.h. */
#include "base/backoff.h"

/* Returns the delay without jitter. */
static int64_t double_delay(const struct backoff *backoff, int64_t failures)
{
    if (failures < 1) {
        return 0;
    }
    int64_t delay = backoff->first;
    while (--failures && delay < backoff->max) {
        delay = delay > backoff->max / 2 ? backoff->max : 2 * delay;
    }
    return delay;
}

int64_t backoff_delay(const struct backoff *backoff, int64_t failures)
{
    int64_t delay = double_delay(backoff, failures);
    if (!backoff->random || !delay) {
        return delay;
    }
    uint32_t bound = delay < UINT32_MAX ? (uint32_t)delay : UINT32_MAX;
    return delay - bound / 2 + backoff->random(bound);
}

int64_t backoff_delay_max(const struct backoff *backoff, int64_t failures)
{
    int64_t delay = double_delay(backoff, failures);
    return backoff->random ? delay + delay / 2 : delay;
}
