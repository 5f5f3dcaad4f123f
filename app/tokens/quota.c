/* See quota.h. */
#include "tokens/quota.h"

#include "base/clock.h"
#include "base/shared.h"

#include <stdatomic.h>
#include <stddef.h>

enum {
    COUNT_BITS = 32,
    /* one for each hour, and a spare one; TOKEN_QUOTA_HOURS includes the current hour */
    BUCKETS = TOKEN_QUOTA_HOURS + 1,
};

/* The upper half is an hour since the epoch, the lower half the count of that hour. One
 * compare-and-swap changes both, because a process may be killed between any two steps. */
typedef _Atomic uint64_t bucket;

static bucket own_buckets[BUCKETS];
static bucket *buckets = own_buckets;

void tokens_quota_share(void)
{
    buckets = shared_alloc(sizeof own_buckets);
}

static int64_t bucket_hour(uint64_t value)
{
    return (int64_t)(value >> COUNT_BITS);
}

/* Returns the number of live tokens. Ignores buckets of past hours, and buckets beyond the longest
 * lifetime, which were filled while the clock was ahead. */
static int64_t count_live(int64_t hour)
{
    int64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        uint64_t value = atomic_load_explicit(&buckets[i], memory_order_relaxed);
        bool live = bucket_hour(value) >= hour && bucket_hour(value) < hour + BUCKETS;
        count += live ? (int64_t)(value & UINT32_MAX) : 0;
    }
    return count;
}

bool tokens_quota_take(int64_t quota, int64_t now_ms, int64_t expires_ms)
{
    int64_t hour = expires_ms / MS_PER_HOUR;
    if (count_live(now_ms / MS_PER_HOUR) >= quota) {
        return false;
    }
    bucket *own = &buckets[hour % BUCKETS];
    uint64_t value = atomic_load(own), next;
    do {
        next = bucket_hour(value) == hour ? value + 1 : ((uint64_t)hour << COUNT_BITS) + 1;
    } while (!atomic_compare_exchange_weak(own, &value, next));
    return true;
}
