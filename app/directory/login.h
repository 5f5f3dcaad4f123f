/* Login: verifies the passwords of people and reads their identities. */
#ifndef DIRECTORY_LOGIN_H
#define DIRECTORY_LOGIN_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct directory;
struct raw_entry;

/* A person of the directory, as far as a login is concerned. */
struct directory_identity {
    const char *guid;     /* objectGUID: names the person whatever the account is called */
    const char *username; /* sAMAccountName */
    const char *email;    /* mail; NULL: none */
    const char *name;     /* displayName, or cn where there is none */
    bool administrator;   /* a member of LDAP_ADMIN_GROUP: directly, nested, or as primary group */
    int64_t password_set; /* pwdLastSet, in units of 100 ns; 0: unknown */
};

/* The account that a login name resolves to; directory_resolve() fills it in. */
struct directory_candidate {
    bool resolved;    /* the directory knows the name, even if its holder cannot log in */
    const char *guid; /* objectGUID; NULL: nobody who could log in */
    const char *dn;
    int64_t password_set;        /* pwdLastSet before the bind; 0: unknown */
    const char *reason;          /* why it is nobody, for the log; NULL otherwise */
    const struct raw_entry *raw; /* what was read of the account; NULL: nothing */
    int64_t spent_us;            /* how long the search took */
};

/*
 * Looks up a name as Active Directory would (MS-ADTS 5.1.1.1.1): a userPrincipalName, an account
 * name followed by @ and the domain's DNS name, DOMAIN\name with the NetBIOS or the DNS name of the
 * domain, or an account name. NULL is the name of nobody, and costs what an unknown name does.
 */
struct error *directory_resolve(struct directory *directory, struct arena *arena, const char *name,
                                struct directory_candidate *candidate_r) MUST_CHECK;

/*
 * Verifies the password of a candidate by one bind on a connection of its own. Everything that is
 * wrong with the name, the password or the account is ERR_INVALID_CREDENTIALS after the same time;
 * its cause is the reason, in words that hold nothing that was given, for the log and the audit
 * line.
 *
 * Nobody can lock an account this way (lockout.c): a login that could is refused in the same way
 * without a bind. `known_source` says that the candidate has logged in from there before.
 */
struct error *directory_login(struct directory *directory, struct arena *arena,
                              const struct directory_candidate *candidate, const char *password,
                              bool known_source, struct directory_identity *identity_r) MUST_CHECK;

/* Takes as long as directory_login() takes to refuse somebody whose search took `spent_us`, and
 * asks about nobody: for refusals that need no directory. */
void directory_wait(struct directory *directory, struct arena *arena, int64_t spent_us);

/* Reads the person with this objectGUID who may still log in: from the directory if `fresh`, else
 * as remembered for at most LDAP_LOGIN_CACHE_S. ERR_INVALID_TOKEN if the person does not exist, or
 * the account is disabled, locked or expired. */
struct error *directory_identify(struct directory *directory, struct arena *arena, const char *guid,
                                 bool fresh, struct directory_identity *identity_r) MUST_CHECK;

enum directory_standing {
    DIRECTORY_ACTIVE,
    DIRECTORY_LOCKED,  /* for a while, by failed logins */
    DIRECTORY_REFUSED, /* deleted, disabled or expired, or the password must be changed */
};

/* Reads the person with this objectGUID now: the identity is set but for DIRECTORY_REFUSED. */
struct error *directory_examine(struct directory *directory, struct arena *arena, const char *guid,
                                struct directory_identity *identity_r,
                                enum directory_standing *standing_r) MUST_CHECK;

#endif
