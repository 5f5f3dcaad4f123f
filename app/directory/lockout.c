/*
 * Lockout: keeps failed logins below the threshold at which the directory locks an account
 * (lockoutThreshold of the domain, or msDS-LockoutThreshold of the password settings object that
 * applies to the account: MS-SAMR 3.1.5.14.7, MS-ADTS 3.1.1.4.5.36). Otherwise anybody who knows a
 * name could lock it for the whole domain.
 *
 * - Known sources, from which the account has logged in before, may use all failures but one.
 * - All other sources together may use half of them, so that the owner has the rest.
 * - Thresholds of one and two leave one attempt; with a threshold of one, it locks the account.
 *
 * Failures are counted twice, and the larger count applies: by the controller (badPwdCount, which
 * stays after the window has passed, so badPasswordTime tells whether it still counts), and by this
 * host, because other controllers count separately, and several workers may ask at once.
 *
 * This host's count is in shared memory, one slot of two atomics for an account: a worker that is
 * killed has used one attempt. If another account takes the slot, the controller's count remains.
 *
 * A success sets badPwdCount to zero, but not for the attempts that are still under way: they may
 * fail after it. So a slot counts attempts under way and failures apart, and a success forgives the
 * failures that were counted when its own attempt was reserved: those were at the controller before
 * it. A failure that is counted later may have come after the success, and stays.
 */
#include "directory/lockout.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/domain.h"
#include "directory/login.h"
#include "directory/query.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    KNOWN_US = 30 * US_PER_S,
    FILETIME_PER_MS = 10 * 1000,
    CLOCK_SLACK_MS = 2 * MS_PER_S,  /* currentTime is in whole seconds */
    WINDOW_MS = 30 * 60 * MS_PER_S, /* if the directory does not say: its own default */
    CAUTIOUS_THRESHOLD = 2,         /* of a policy that the service account may not read */
    SLOTS = 8192,
    PROBES = 8,            /* slots that an account may be in */
    FLIGHT_BITS = 10,      /* lockoutThreshold is at most 999 */
    TALLY_BITS = 11,       /* of numbers modulo 2048, of which two are at most 999 apart */
    ACCOUNT_LOCKED = 0x10, /* of msDS-User-Account-Control-Computed */
};

static const int64_t window_max_ms = INT64_C(100) * 365 * 24 * 3600 * MS_PER_S;

/* --- arithmetic ------------------------------------------------------------------------------ */

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

int64_t lockout_failures(const struct lockout_count *count, int64_t window_ms, int64_t now_ms)
{
    bool stale = count->failed_ms && now_ms - count->failed_ms > window_ms + CLOCK_SLACK_MS;
    return stale ? 0 : count->failures;
}

/* --- attempts -------------------------------------------------------------------------------- */

struct slot {
    _Atomic uint64_t key;   /* a digest of the GUID; 0: free */
    _Atomic uint64_t state; /* a packed struct tally */
};

/* The attempts of an account. `failed` and `forgiven` are numbers of failures since the slot was
 * taken, modulo 1 << TALLY_BITS; the difference still counts. */
struct tally {
    uint64_t flight; /* attempts under way */
    uint64_t failed, forgiven;
    uint64_t until_s; /* when all of them are over, of the steady clock */
};

static struct slot own_slots[SLOTS]; /* of a process without a master: unit programs */
static struct slot *slots = own_slots;

void lockout_share(void)
{
    slots = shared_alloc(sizeof own_slots);
}

/* FNV-1a. */
static uint64_t digest_guid(const char *guid)
{
    static const uint64_t prime = 1099511628211U;
    uint64_t hash = 14695981039346656037U;
    for (const char *c = guid; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * prime;
    }
    return hash ? hash : 1;
}

enum {
    FORGIVEN_SHIFT = FLIGHT_BITS,
    FAILED_SHIFT = FORGIVEN_SHIFT + TALLY_BITS,
    UNTIL_SHIFT = FAILED_SHIFT + TALLY_BITS,
};

static const uint64_t flight_mask = (1 << FLIGHT_BITS) - 1, tally_mask = (1 << TALLY_BITS) - 1;

static uint64_t pack(const struct tally *tally)
{
    return tally->until_s << UNTIL_SHIFT | (tally->failed & tally_mask) << FAILED_SHIFT |
           (tally->forgiven & tally_mask) << FORGIVEN_SHIFT | tally->flight;
}

static struct tally unpack(uint64_t state)
{
    return (struct tally){
        .flight = state & flight_mask,
        .failed = state >> FAILED_SHIFT & tally_mask,
        .forgiven = state >> FORGIVEN_SHIFT & tally_mask,
        .until_s = state >> UNTIL_SHIFT,
    };
}

/* Attempts count for the window. The numbers go on, so that an older attempt forgives nothing. */
static struct tally unpack_at(uint64_t state, uint64_t now_s)
{
    struct tally tally = unpack(state);
    if (tally.until_s <= now_s) {
        tally.flight = 0;
        tally.forgiven = tally.failed;
    }
    return tally;
}

/* Failures that still count. */
static uint64_t failures_of(const struct tally *tally)
{
    return (tally->failed - tally->forgiven) & tally_mask;
}

static uint64_t until_of(uint64_t state)
{
    return state >> UNTIL_SHIFT;
}

static struct slot *nth_slot(uint64_t key, size_t i)
{
    return &slots[(key + i) % SLOTS];
}

static struct slot *find_slot(uint64_t key)
{
    for (size_t i = 0; i < PROBES; i++) {
        struct slot *slot = nth_slot(key, i);
        if (slot->key == key) {
            return slot;
        }
    }
    return NULL;
}

/* The account's slot, or else the one whose failures are the first to be over. */
static struct slot *take_slot(uint64_t key)
{
    struct slot *found = find_slot(key);
    if (found) {
        return found;
    }
    found = nth_slot(key, 0);
    for (size_t i = 1; i < PROBES; i++) {
        struct slot *slot = nth_slot(key, i);
        if (until_of(slot->state) < until_of(found->state)) {
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
    found = find_slot(key); /* another process was faster, with the same account or another one */
    return found ? found : nth_slot(key, 0);
}

bool lockout_reserve(const char *guid, int64_t failures, int64_t limit, int64_t window_ms,
                     int64_t now_us, struct lockout_attempt *attempt_r)
{
    *attempt_r = (struct lockout_attempt){0};
    if (limit == INT64_MAX) {
        return true;
    }
    uint64_t key = digest_guid(guid), now_s = (uint64_t)(now_us / US_PER_S);
    uint64_t until_s = now_s + (uint64_t)(window_ms / MS_PER_S) + 1;
    struct slot *slot = take_slot(key);
    uint64_t state = slot->state;
    struct tally tally;
    do {
        tally = unpack_at(state, now_s);
        int64_t counted = (int64_t)(tally.flight + failures_of(&tally));
        if (counted >= limit || failures >= limit) {
            return false;
        }
        if (failures > counted) { /* failures that this host does not know of */
            tally.failed += (uint64_t)(failures - counted);
        }
        tally.flight++;
        tally.until_s = until_s < UINT32_MAX ? until_s : UINT32_MAX;
    } while (!atomic_compare_exchange_weak(&slot->state, &state, pack(&tally)));
    *attempt_r = (struct lockout_attempt){.account = key, .failed = tally.failed & tally_mask};
    return true;
}

/* Ends an attempt in the slot of its account, unless another account has taken that. */
static void end_attempt(const struct lockout_attempt *attempt, bool success)
{
    struct slot *slot = attempt->account ? find_slot(attempt->account) : NULL;
    if (!slot) {
        return;
    }
    uint64_t state = slot->state;
    struct tally tally;
    do {
        tally = unpack(state);
        if (!tally.flight) { /* it was over before */
            return;
        }
        tally.flight--;
        uint64_t before = (attempt->failed - tally.forgiven) & tally_mask;
        if (!success) {
            tally.failed++;
        } else if (before <= failures_of(&tally)) { /* else a later success has forgiven more */
            tally.forgiven = attempt->failed;
        }
    } while (!atomic_compare_exchange_weak(&slot->state, &state, pack(&tally)));
}

void lockout_failed(const struct lockout_attempt *attempt)
{
    end_attempt(attempt, false);
}

void lockout_succeeded(const struct lockout_attempt *attempt)
{
    end_attempt(attempt, true);
}

/* --- policies -------------------------------------------------------------------------------- */

enum { KNOWN_POLICIES = 8 };

/* When an account is locked. */
struct lockout_policy {
    int64_t threshold; /* failed logins; 0: never */
    int64_t window_ms; /* how long a failure counts after the last one */
};

/* A lockout policy as it was read lately. */
struct known_policy {
    char *dn; /* malloc; of the domain or of a password settings object; NULL: free */
    struct lockout_policy policy;
    int64_t until; /* steady clock */
};

struct known_policies {
    struct known_policy policies[KNOWN_POLICIES];
    size_t next; /* the next one to replace */
};

static void clear_policies(void *data)
{
    struct known_policies *known = data;
    for (size_t i = 0; i < KNOWN_POLICIES; i++) {
        free(known->policies[i].dn);
        known->policies[i] = (struct known_policy){0};
    }
}

static const struct cache_kind policies_kind = {
    .size = sizeof(struct known_policies),
    .clear = clear_policies,
};

static struct known_policy *find_policy(struct directory *directory, const char *dn)
{
    struct known_policies *all = connection_cache(directory, &policies_kind);
    for (size_t i = 0; i < KNOWN_POLICIES; i++) {
        struct known_policy *known = &all->policies[i];
        if (known->dn && !strcmp(known->dn, dn)) {
            return known;
        }
    }
    struct known_policy *known = &all->policies[all->next];
    all->next = (all->next + 1) % KNOWN_POLICIES;
    free(known->dn);
    *known = (struct known_policy){.dn = must_string(dn)};
    return known;
}

/* Spans of time are negative multiples of 100 ns. */
static int64_t span_ms(int64_t span)
{
    int64_t ms = span > INT64_MIN ? -(span / FILETIME_PER_MS) : window_max_ms;
    return ms < 0 ? 0 : ms < window_max_ms ? ms : window_max_ms;
}

static struct error *read_policy(struct directory *directory, struct arena *arena, const char *dn,
                                 bool is_domain, struct lockout_policy *policy_r)
{
    const char *threshold = is_domain ? "lockoutThreshold" : "msDS-LockoutThreshold";
    const char *window = is_domain ? "lockOutObservationWindow" : "msDS-LockoutObservationWindow";
    char *attributes[] = {(char *)threshold, (char *)window, NULL};
    struct raw_entry raw = {0};
    int64_t span;
    *policy_r = (struct lockout_policy){.threshold = CAUTIOUS_THRESHOLD, .window_ms = WINDOW_MS};
    struct error *error = query_object(directory, arena, dn, attributes, &raw);
    if (error && error->id != ERR_NOT_FOUND && error->id != ERR_DIRECTORY_FORBIDDEN) {
        return error;
    }
    if (!attribute_integer(&raw, threshold, &policy_r->threshold)) {
        log_warning(
            "directory: cannot read %s of %s with LDAP_BIND_DN: assuming a lockout threshold "
            "of 2",
            threshold, dn);
    }
    if (attribute_integer(&raw, window, &span)) {
        policy_r->window_ms = span_ms(span);
    }
    return NULL;
}

/* The policy that applies to an account. */
static struct error *get_policy(struct directory *directory, struct arena *arena,
                                const struct domain *domain, const struct raw_entry *account,
                                struct lockout_policy *policy_r)
{
    const struct attribute *pso = attribute_get(account, "msDS-ResultantPSO");
    const char *dn = pso ? pso->values->bv_val : domain->dn;
    struct known_policy *known = find_policy(directory, dn);
    struct error *error = NULL;
    int64_t now = clock_steady_us();
    if (known->until <= now) {
        error = read_policy(directory, arena, dn, !pso, &known->policy);
        known->until = error ? 0 : now + KNOWN_US;
    }
    *policy_r = known->policy;
    return error;
}

/* --- logins ---------------------------------------------------------------------------------- */

static struct lockout_count read_count(const struct raw_entry *account)
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
        error = get_policy(directory, arena, domain, candidate->raw, &policy);
    }
    if (error) {
        return error;
    }
    if (attribute_integer(candidate->raw, "msDS-User-Account-Control-Computed", &control) &&
        control & ACCOUNT_LOCKED) {
        *refusal_r = "the account is locked";
        return NULL;
    }
    struct lockout_count count = read_count(candidate->raw);
    int64_t now_us = clock_steady_us();
    int64_t failures =
        lockout_failures(&count, policy.window_ms, now_us / US_PER_MS + domain->lead_ms);
    if (!lockout_reserve(candidate->guid, failures, lockout_limit(policy.threshold, known_source),
                         policy.window_ms, now_us, attempt_r)) {
        *refusal_r = "too many failed logins: the password was not tried";
    }
    return NULL;
}
