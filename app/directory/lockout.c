/*
 * Lockout: keeps failed logins below the threshold at which the directory locks an account
 * (lockoutThreshold of the domain, or msDS-LockoutThreshold of the password settings object that
 * applies to the account: MS-SAMR 3.1.5.14.7, MS-ADTS 3.1.1.4.5.36). Otherwise anybody who knows an
 * account name could lock that account for the whole domain.
 *
 * - Known sources, from which the account has logged in before, may cause all failures but one.
 * - All other sources together may cause half of them, so that the owner has the rest.
 * - Thresholds of one and two allow one attempt; with a threshold of one, it locks the account.
 *
 * Two counts exist, and the larger one applies. The controller's count is badPwdCount; it is not
 * reset when the observation window ends, so badPasswordTime decides whether it still counts. This
 * host also counts, because each controller has its own badPwdCount, and because several workers
 * may log in the same account at once.
 *
 * This host's count is in shared memory, in one slot of two atomics for each account. An attempt of
 * a worker that is killed stays counted. If another account takes over the slot, only the
 * controller's count applies.
 *
 * A successful login resets badPwdCount, but pending attempts may still fail after that. So a slot
 * counts pending attempts and failures separately. A success forgives only the failures that were
 * counted when its attempt was reserved, because the controller had counted those before the
 * success. Failures that are counted later may have happened after it, so they remain.
 */
#include "directory/lockout.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"
#include "directory/account.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/domain.h"
#include "directory/login.h"
#include "directory/policy.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    CACHE_US = 30 * US_PER_S,
    CLOCK_SLACK_MS = 2 * MS_PER_S,  /* currentTime has whole seconds */
    WINDOW_MS = 30 * 60 * MS_PER_S, /* observation window if unknown: Active Directory's default */
    CAUTIOUS_THRESHOLD = 2,         /* assumed if the service account cannot read the policy */
    SLOTS = 8192,
    PROBES = 8,        /* number of slots that an account may be in */
    PENDING_BITS = 10, /* lockoutThreshold is at most 999 */
    COUNTER_BITS = 11, /* counters wrap at 2048; two of a slot differ by at most 999 */
};

/* --- limits ---------------------------------------------------------------------------------- */

int64_t lockout_limit(int64_t threshold, bool known_source)
{
    if (threshold <= 0) {
        return INT64_MAX;
    }
    if (threshold <= 2) {
        return 1;
    }
    return known_source ? threshold - 1 : threshold / 2;
}

struct lockout_count lockout_read_count(const struct raw_entry *account)
{
    struct lockout_count count = {0};
    const struct attribute *time = attribute_get(account, "badPasswordTime");
    if (!attribute_integer(account, "badPwdCount", &count.failures)) {
        count.failures = 0;
    }
    if (!time || !codec_time(time->values, &count.failed_ms)) {
        count.failed_ms = 0;
    }
    return count;
}

int64_t lockout_failures(const struct lockout_count *count, int64_t window_ms, int64_t now_ms)
{
    bool stale = count->failed_ms && now_ms - count->failed_ms > window_ms + CLOCK_SLACK_MS;
    return stale ? 0 : count->failures;
}

/* --- attempts -------------------------------------------------------------------------------- */

struct slot {
    _Atomic uint64_t key;   /* digest of the GUID; 0: free */
    _Atomic uint64_t state; /* packed struct attempts */
};

/* The attempts of an account. `failed` and `forgiven` count failures since the slot was taken,
 * modulo 1 << COUNTER_BITS; the difference is the number that still counts. */
struct attempts {
    uint64_t pending; /* attempts whose outcome is not yet known */
    uint64_t failed, forgiven;
    uint64_t until_s; /* steady clock: when none of them counts any more */
};

static struct slot own_slots[SLOTS]; /* used without lockout_share(), as in unit programs */
static struct slot *slots = own_slots;

void lockout_share(void)
{
    slots = shared_alloc(sizeof own_slots);
}

/* Returns a hash (FNV-1a) of the GUID; never 0. */
static uint64_t hash_guid(const char *guid)
{
    static const uint64_t prime = 1099511628211U;
    uint64_t hash = 14695981039346656037U;
    for (const char *c = guid; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * prime;
    }
    return hash ? hash : 1;
}

enum {
    FORGIVEN_SHIFT = PENDING_BITS,
    FAILED_SHIFT = FORGIVEN_SHIFT + COUNTER_BITS,
    UNTIL_SHIFT = FAILED_SHIFT + COUNTER_BITS,
};

static const uint64_t pending_mask = (1 << PENDING_BITS) - 1,
                      counter_mask = (1 << COUNTER_BITS) - 1;

static uint64_t pack_attempts(const struct attempts *attempts)
{
    return attempts->until_s << UNTIL_SHIFT | (attempts->failed & counter_mask) << FAILED_SHIFT |
           (attempts->forgiven & counter_mask) << FORGIVEN_SHIFT | attempts->pending;
}

static struct attempts unpack_attempts(uint64_t state)
{
    return (struct attempts){
        .pending = state & pending_mask,
        .failed = state >> FAILED_SHIFT & counter_mask,
        .forgiven = state >> FORGIVEN_SHIFT & counter_mask,
        .until_s = state >> UNTIL_SHIFT,
    };
}

/* Unpacks the state, without attempts and failures whose window has ended. The counters continue,
 * so that a success of an older attempt forgives nothing. */
static struct attempts unpack_at(uint64_t state, uint64_t now_s)
{
    struct attempts attempts = unpack_attempts(state);
    if (attempts.until_s <= now_s) {
        attempts.pending = 0;
        attempts.forgiven = attempts.failed;
    }
    return attempts;
}

/* Returns the failures that still count. */
static uint64_t count_failures(const struct attempts *attempts)
{
    return (attempts->failed - attempts->forgiven) & counter_mask;
}

static uint64_t get_expiry(uint64_t state)
{
    return state >> UNTIL_SHIFT;
}

static struct slot *get_nth_slot(uint64_t key, size_t i)
{
    return &slots[(key + i) % SLOTS];
}

static struct slot *find_slot(uint64_t key)
{
    for (size_t i = 0; i < PROBES; i++) {
        struct slot *slot = get_nth_slot(key, i);
        if (slot->key == key) {
            return slot;
        }
    }
    return NULL;
}

/* Returns the account's slot, or takes over the slot whose failures expire first. */
static struct slot *take_slot(uint64_t key)
{
    struct slot *found = find_slot(key);
    if (found) {
        return found;
    }
    found = get_nth_slot(key, 0);
    for (size_t i = 1; i < PROBES; i++) {
        struct slot *slot = get_nth_slot(key, i);
        if (get_expiry(slot->state) < get_expiry(found->state)) {
            found = slot;
        }
    }
    uint64_t before = found->key, state = found->state;
    if (before == key) {
        return found;
    }
    if (atomic_compare_exchange_strong(&found->key, &before, key)) {
        atomic_compare_exchange_strong(&found->state, &state, 0);
        return found;
    }
    found = find_slot(key); /* another process took the slot, for the same or another account */
    return found ? found : get_nth_slot(key, 0);
}

bool lockout_reserve(const char *guid, int64_t failures, int64_t limit, int64_t window_ms,
                     int64_t now_us, struct lockout_attempt *attempt_r)
{
    *attempt_r = (struct lockout_attempt){0};
    if (limit == INT64_MAX) {
        return true;
    }
    uint64_t key = hash_guid(guid), now_s = (uint64_t)(now_us / US_PER_S);
    uint64_t until_s = now_s + (uint64_t)(window_ms / MS_PER_S) + 1;
    struct slot *slot = take_slot(key);
    uint64_t state = slot->state;
    struct attempts attempts;
    do {
        attempts = unpack_at(state, now_s);
        int64_t counted = (int64_t)(attempts.pending + count_failures(&attempts));
        if (counted >= limit || failures >= limit) {
            return false;
        }
        if (failures > counted) { /* failures that this host did not cause */
            attempts.failed += (uint64_t)(failures - counted);
        }
        attempts.pending++;
        attempts.until_s = until_s < UINT32_MAX ? until_s : UINT32_MAX;
    } while (!atomic_compare_exchange_weak(&slot->state, &state, pack_attempts(&attempts)));
    *attempt_r = (struct lockout_attempt){.account = key, .failed = attempts.failed & counter_mask};
    return true;
}

/* Ends an attempt, unless another account has taken over its slot. */
static void end_attempt(const struct lockout_attempt *attempt, bool success)
{
    struct slot *slot = attempt->account ? find_slot(attempt->account) : NULL;
    if (!slot) {
        return;
    }
    uint64_t state = slot->state;
    struct attempts attempts;
    do {
        attempts = unpack_attempts(state);
        if (!attempts.pending) { /* the window of the attempt has ended */
            return;
        }
        attempts.pending--;
        uint64_t before = (attempt->failed - attempts.forgiven) & counter_mask;
        if (!success) {
            attempts.failed++;
        } else if (before <=
                   count_failures(&attempts)) { /* otherwise a later success has forgiven more */
            attempts.forgiven = attempt->failed;
        }
    } while (!atomic_compare_exchange_weak(&slot->state, &state, pack_attempts(&attempts)));
}

void lockout_record_failure(const struct lockout_attempt *attempt)
{
    end_attempt(attempt, false);
}

void lockout_record_success(const struct lockout_attempt *attempt)
{
    end_attempt(attempt, true);
}

/* --- policies -------------------------------------------------------------------------------- */

enum { CACHED_POLICIES = 8 };

/* The conditions under which the directory locks an account. */
struct lockout_policy {
    int64_t threshold; /* failed logins; 0: never locked */
    int64_t window_ms; /* failures count for this time after the last one */
};

/* A lockout policy that was read recently. */
struct cached_policy {
    /* from malloc(); DN of the domain or of a password settings object; NULL: unused entry */
    char *dn;
    struct lockout_policy policy;
    int64_t until; /* steady clock: end of validity */
};

struct policy_cache {
    struct cached_policy policies[CACHED_POLICIES];
    size_t next; /* index of the next policy to replace */
};

static void clear_policy_cache(void *data)
{
    struct policy_cache *known = data;
    for (size_t i = 0; i < CACHED_POLICIES; i++) {
        free(known->policies[i].dn);
        known->policies[i] = (struct cached_policy){0};
    }
}

static const struct cache_kind policy_cache_kind = {
    .size = sizeof(struct policy_cache),
    .clear = clear_policy_cache,
};

/* Returns the cached policy with this DN, or an expired one that replaces another policy. */
static struct cached_policy *find_or_add_policy(struct directory *directory, const char *dn)
{
    struct policy_cache *all = connection_cache(directory, &policy_cache_kind);
    for (size_t i = 0; i < CACHED_POLICIES; i++) {
        struct cached_policy *known = &all->policies[i];
        if (known->dn && !strcmp(known->dn, dn)) {
            return known;
        }
    }
    struct cached_policy *known = &all->policies[all->next];
    all->next = (all->next + 1) % CACHED_POLICIES;
    free(known->dn);
    *known = (struct cached_policy){.dn = base_strdup(dn)};
    return known;
}

static struct error *read_lockout_policy(struct directory *directory, struct arena *arena,
                                         const struct domain *domain,
                                         const struct raw_entry *account,
                                         struct lockout_policy *policy_r)
{
    struct directory_policy policy;
    *policy_r = (struct lockout_policy){.threshold = CAUTIOUS_THRESHOLD, .window_ms = WINDOW_MS};
    struct error *error = policy_read(directory, arena, domain->dn, account, &policy);
    if (error) {
        return error;
    }
    if (policy.lockout_threshold != DIRECTORY_RULE_UNKNOWN) {
        policy_r->threshold = policy.lockout_threshold;
    } else {
        log_warning("directory: LDAP_BIND_DN cannot read the lockout threshold of %s: assuming %d",
                    policy_dn(domain->dn, account), CAUTIOUS_THRESHOLD);
    }
    if (policy.lockout_window_ms != DIRECTORY_RULE_UNKNOWN) {
        policy_r->window_ms = policy.lockout_window_ms;
    }
    return NULL;
}

/* Returns the policy that applies to an account. */
static struct error *get_lockout_policy(struct directory *directory, struct arena *arena,
                                        const struct domain *domain,
                                        const struct raw_entry *account,
                                        struct lockout_policy *policy_r)
{
    struct cached_policy *known = find_or_add_policy(directory, policy_dn(domain->dn, account));
    struct error *error = NULL;
    int64_t now = clock_steady_us();
    if (known->until <= now) {
        error = read_lockout_policy(directory, arena, domain, account, &known->policy);
        known->until = error ? 0 : now + CACHE_US;
    }
    *policy_r = known->policy;
    return error;
}

/* --- logins ---------------------------------------------------------------------------------- */

struct error *lockout_admit(struct directory *directory, struct arena *arena,
                            const struct directory_candidate *candidate, bool known_source,
                            struct lockout_attempt *attempt_r, const char **refusal_r)
{
    const struct domain *domain;
    struct lockout_policy policy = {0};
    int64_t control = 0;
    *refusal_r = NULL;
    *attempt_r = (struct lockout_attempt){0};
    struct error *error = domain_get(directory, arena, &domain);
    if (!error) {
        error = get_lockout_policy(directory, arena, domain, candidate->raw, &policy);
    }
    if (error) {
        return error;
    }
    if (attribute_integer(candidate->raw, "msDS-User-Account-Control-Computed", &control) &&
        control & ACCOUNT_LOCKED) {
        *refusal_r = "the account is locked";
        return NULL;
    }
    struct lockout_count count = lockout_read_count(candidate->raw);
    int64_t now_us = clock_steady_us();
    int64_t failures =
        lockout_failures(&count, policy.window_ms, now_us / US_PER_MS + domain->lead_ms);
    if (!lockout_reserve(candidate->guid, failures, lockout_limit(policy.threshold, known_source),
                         policy.window_ms, now_us, attempt_r)) {
        *refusal_r = "too many failed logins: the password was not tried";
    }
    return NULL;
}
