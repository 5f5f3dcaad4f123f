/*
 * Policy: reads the rules for passwords and lockout: those of the domain, or those of a
 * fine-grained policy (a password settings object, MS-ADTS 3.1.1.4.5.36).
 */
#ifndef DIRECTORY_POLICY_H
#define DIRECTORY_POLICY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct directory;
struct directory_entry;
struct raw_entry;

/* Value of a rule that the service account cannot read. */
enum { DIRECTORY_RULE_UNKNOWN = -1 };

/* Value of a time span without an end: a password that never expires, a lockout that only an
 * administrator ends. */
#define DIRECTORY_SPAN_NEVER INT64_MAX

struct directory_policy {
    bool is_fine_grained; /* a password settings object; else the policy of the domain */
    /* DN of the domain or of the password settings object, and cn of the latter; NULL: a password
     * settings object that the caller does not see (caller.h) */
    const char *dn, *name;
    int64_t precedence; /* of the password settings object: the lowest one applies */
    int64_t min_length, history_length;
    int64_t complexity; /* 1: passwords must have several classes of characters */
    int64_t min_age_ms, max_age_ms;
    int64_t lockout_threshold; /* failed logins; 0: accounts are never locked */
    int64_t lockout_duration_ms, lockout_window_ms;
};

/* Reads the policy in force for a user, or that of the domain if `user` is NULL. Rules that the
 * service account cannot read are DIRECTORY_RULE_UNKNOWN. */
struct error *directory_read_policy(struct directory *directory, struct arena *arena,
                                    const struct directory_entry *user,
                                    struct directory_policy *policy_r) MUST_CHECK;

/* True if every rule could be read. */
bool directory_policy_is_known(const struct directory_policy *policy);

/* Reads the policy of the account, whose attribute msDS-ResultantPSO was read; without one, that of
 * the domain. */
struct error *policy_read(struct directory *directory, struct arena *arena, const char *domain_dn,
                          const struct raw_entry *account,
                          struct directory_policy *policy_r) MUST_CHECK;

/* Returns the DN of the policy of an account: the same for accounts with the same policy. */
const char *policy_dn(const char *domain_dn, const struct raw_entry *account);

/* Decodes the rules of the domain or of a password settings object; leaves all other members 0. */
void policy_decode(const struct raw_entry *raw, bool of_domain, struct directory_policy *policy_r);

#endif
