/* See quota.h. */
#include "tokens/quota.h"

#include "base/clock.h"
#include "base/shared.h"

#include <stdatomic.h>
#include <stddef.h>

enum {
    COUNT_BITS = 32,
    BUCKETS = TOKEN_QUOTA_HOURS + 1, /* one to spare: TOKEN_QUOTA_HOURS has the partial hour */
};

/* The high half is an hour since the epoch, the low half a count, so that one compare-and-swap
 * replaces both: a process may be killed between any two steps. */
typedef _Atomic uint64_t bucket;

static bucket own_buckets[BUCKETS];
static bucket *buckets = own_buckets;

void tokens_quota_share(void)
{
    buckets = shared_alloc(sizeof own_buckets);
}

static int64_t hour_of(uint64_t value)
{
    return (int64_t)(value >> COUNT_BITS);
}

static int64_t count_of(uint64_t value)
{
    return (int64_t)(value & UINT32_MAX);
}

/* Buckets of hours that are over count no more; neither do those beyond the longest lifetime, which
 * a clock that was wrong has left. */
static int64_t count_live(int64_t hour)
{
    int64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        uint64_t value = atomic_load_explicit(&buckets[i], memory_order_relaxed);
        bool live = hour_of(value) >= hour && hour_of(value) < hour + BUCKETS;
        count += live ? count_of(value) : 0;
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
        next = hour_of(value) == hour ? value + 1 : ((uint64_t)hour << COUNT_BITS) + 1;
    } while (!atomic_compare_exchange_weak(own, &value, next));
    return true;
}
