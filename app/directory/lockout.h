/* Lockout: limits failed logins so that the directory does not lock the account. */
#ifndef DIRECTORY_LOCKOUT_H
#define DIRECTORY_LOCKOUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct directory;
struct directory_candidate;
struct raw_entry;

/* The controller's count of an account's failed logins. */
struct lockout_count {
    int64_t failures;  /* badPwdCount */
    int64_t failed_ms; /* badPasswordTime, of the controller's wall clock; 0: unknown */
};

/* Attributes of the account that lockout_admit() needs. */
#define LOCKOUT_ATTRIBUTES                                                                         \
    "badPwdCount", "badPasswordTime", "msDS-ResultantPSO", "msDS-User-Account-Control-Computed"

/* Decodes the count from the attributes of the account. */
struct lockout_count lockout_read_count(const struct raw_entry *account);

/* Returns the number of failures that a source may cause: the threshold minus one for known
 * sources, half the threshold for others, at least 1; INT64_MAX if accounts are never locked. */
int64_t lockout_limit(int64_t threshold, bool known_source);

/* Returns the failures that still count at `now_ms` of the controller's clock. */
int64_t lockout_failures(const struct lockout_count *count, int64_t window_ms, int64_t now_ms);

/* A reserved attempt; all zero: nothing was reserved. */
struct lockout_attempt {
    uint64_t account; /* digest of the GUID */
    uint64_t failed;  /* the slot's failure counter when the attempt was reserved */
};

/* Reserves an attempt, atomically across all processes of the host. Returns false and reserves
 * nothing if the limit is reached, either by the controller's count `failures` or by this host's
 * failures plus pending attempts. The caller then calls one of the next two functions; if it is
 * killed before, the attempt stays pending for the window, because it may have been sent. */
bool lockout_reserve(const char *guid, int64_t failures, int64_t limit, int64_t window_ms,
                     int64_t now_us, struct lockout_attempt *attempt_r) MUST_CHECK;

/* Ends an attempt that failed or whose outcome is unknown. */
void lockout_record_failure(const struct lockout_attempt *attempt);

/* Ends an attempt whose bind succeeded, which resets badPwdCount: forgives the failures counted
 * before the attempt was reserved, and keeps other pending attempts. */
void lockout_record_success(const struct lockout_attempt *attempt);

/* Reserves an attempt for a login. Sets *refusal_r to NULL, or to the reason for refusing it. */
struct error *lockout_admit(struct directory *directory, struct arena *arena,
                            const struct directory_candidate *candidate, bool known_source,
                            struct lockout_attempt *attempt_r, const char **refusal_r) MUST_CHECK;

/* Moves the counts to shared memory. The master calls it before it forks. */
void lockout_share(void);

#endif
