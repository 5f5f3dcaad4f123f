/* Login: verifies the passwords of directory users and reads their identities. */
#ifndef DIRECTORY_LOGIN_H
#define DIRECTORY_LOGIN_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct directory;
struct raw_entry;

/* The identity of a directory user. */
struct directory_identity {
    const char *guid;     /* objectGUID: stays the same when the account is renamed */
    const char *username; /* sAMAccountName */
    const char *email;    /* mail; NULL: none */
    const char *name;     /* displayName, or else cn */
    bool administrator;   /* member of LDAP_ADMIN_GROUP: directly, nested, or as primary group */
    int64_t password_set; /* pwdLastSet, in units of 100 ns; 0: unknown */
    /* SIDs of the account and of all its security groups, nested and primary ones too; ends with
     * NULL */
    const char *const *sids;
};

/* The account that a login name resolves to; directory_resolve() fills it in. */
struct directory_candidate {
    bool resolved;    /* the name exists in the directory, even if the account cannot log in */
    const char *guid; /* objectGUID; NULL: there is no account that can log in */
    const char *dn;
    int64_t password_set;        /* pwdLastSet before the bind; 0: unknown */
    const char *reason;          /* why `guid` is NULL, for the log; NULL otherwise */
    const struct raw_entry *raw; /* attributes of the account; NULL: none */
    const char *counted;         /* for throttle.h: equal for all names of a user without `guid` */
    int64_t spent_us;            /* duration of the search */
};

/*
 * Resolves a login name in any form of login_name.h, as a controller does at a bind (MS-ADTS
 * 5.1.1.1.1); in addition, an account name needs no domain. Forms for programs (DN, SID, GUID,
 * canonical name) are not resolved. NULL is treated as an unknown name and takes as long.
 *
 * Failed logins with a name that no user has are counted under `counted`, in which the domain is
 * omitted: if only existing users had one count for all their names, it would reveal them.
 */
struct error *directory_resolve(struct directory *directory, struct arena *arena, const char *name,
                                struct directory_candidate *candidate_r) MUST_CHECK;

/*
 * Verifies the password of a candidate by one bind on a separate connection. If the name, the
 * password or the account is invalid, returns ERR_INVALID_CREDENTIALS after the same time in each
 * case. The cause of the error is the reason, for the log and the audit line; it contains no input.
 *
 * Failed logins do not lock an account (lockout.c): once the limit is reached, a login is refused
 * in the same way without trying the password. `known_source` is true if the account has logged in
 * from this source before.
 */
struct error *directory_login(struct directory *directory, struct arena *arena,
                              const struct directory_candidate *candidate, const char *password,
                              bool known_source, struct directory_identity *identity_r) MUST_CHECK;

/* Takes as long as directory_login() for an unknown user whose search took `spent_us`. Call it
 * before a refusal that was decided without the directory, so that its duration reveals nothing. */
void directory_simulate_login(struct directory *directory, struct arena *arena, int64_t spent_us);

/* Returns the identity of the user with this objectGUID: read now if `fresh`, else possibly cached
 * for up to LDAP_LOGIN_CACHE_S. ERR_INVALID_TOKEN if the user does not exist, or the account is
 * disabled, locked or expired. */
struct error *directory_identify(struct directory *directory, struct arena *arena, const char *guid,
                                 bool fresh, struct directory_identity *identity_r) MUST_CHECK;

enum directory_account_state {
    DIRECTORY_ACTIVE,
    DIRECTORY_LOCKED, /* the account is locked temporarily, after failed logins */
    /* the account is deleted, disabled or expired, or the password must be changed */
    DIRECTORY_REFUSED,
};

/* Reads the user with this objectGUID now. With DIRECTORY_REFUSED the identity stays unset. */
struct error *directory_read_identity(struct directory *directory, struct arena *arena,
                                      const char *guid, struct directory_identity *identity_r,
                                      enum directory_account_state *standing_r) MUST_CHECK;

#endif
