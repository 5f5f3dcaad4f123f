/* Lockout: keeps failed logins below the threshold at which the directory locks an account. */
#ifndef DIRECTORY_LOCKOUT_H
#define DIRECTORY_LOCKOUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct directory;
struct directory_candidate;

/* The controller's count of an account's failed logins. */
struct lockout_count {
    int64_t failures;  /* badPwdCount */
    int64_t failed_ms; /* badPasswordTime, of the controller's wall clock; 0: unknown */
};

/* Attributes that lockout_admit() wants of the account. */
#define LOCKOUT_ATTRIBUTES                                                                         \
    "badPwdCount", "badPasswordTime", "msDS-ResultantPSO", "msDS-User-Account-Control-Computed"

/* The number of failures that a source may cause: one less than the threshold, half of it for
 * unknown sources; INT64_MAX if the account is never locked. At least 1. */
int64_t lockout_limit(int64_t threshold, bool known_source);

/* Failures that still count at `now_ms` of the controller's clock. */
int64_t lockout_failures(const struct lockout_count *count, int64_t window_ms, int64_t now_ms);

/* An attempt that was reserved; all zero: nothing was counted. */
struct lockout_attempt {
    uint64_t account; /* a digest of the GUID */
    uint64_t failed;  /* failures that were counted before it, as a slot numbers them */
};

/* Counts an attempt, atomically for all processes of the host. False, and nothing is counted, if
 * the controller's count `failures`, or the failures and the attempts under way on this host, have
 * reached the limit. One of the next two functions follows; without it the attempt counts for the
 * window, because a process that is killed in between may have sent it. */
bool lockout_reserve(const char *guid, int64_t failures, int64_t limit, int64_t window_ms,
                     int64_t now_us, struct lockout_attempt *attempt_r) MUST_CHECK;

/* The attempt has failed, or nobody knows its outcome. */
void lockout_failed(const struct lockout_attempt *attempt);

/* The bind has succeeded, which sets badPwdCount to zero: forgives the failures that were counted
 * before the attempt, and keeps the other attempts under way. */
void lockout_succeeded(const struct lockout_attempt *attempt);

/* Reserves an attempt. `refusal_r` is NULL, or the reason for refusing it. */
struct error *lockout_admit(struct directory *directory, struct arena *arena,
                            const struct directory_candidate *candidate, bool known_source,
                            struct lockout_attempt *attempt_r, const char **refusal_r) MUST_CHECK;

/* Moves the counts to shared memory: in the master, before it forks. */
void lockout_share(void);

#endif
