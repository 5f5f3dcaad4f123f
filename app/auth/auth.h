/*
 * Auth: turns credentials and bearer tokens into principals, and principals into tokens. Access
 * tokens are JSON Web Tokens; refresh tokens, and with them what a logout ends, are sessions in the
 * store (session.h).
 *
 * An account is looked up for each request: its role and its session count as they are by then. The
 * local administrator and people of the directory need no database while their access token lives.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/account.h"
#include "auth/principal.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct buffer;
struct config;
struct store;
struct throttle;

struct auth_tokens {
    const char *access, *refresh;
    int64_t expires_in; /* seconds, of the access token */
};

/* Adds a line to `faults` for everything that is wrong with the settings. False if there is any. */
bool auth_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* --- credentials ----------------------------------------------------------------------------- */

/* Whether it is the name of the local administrator. */
bool auth_is_local(const struct config *config, const char *username);

/* Whether the local administrator may log in from that address: LOCAL_AUTH_NETWORKS. */
bool auth_local_from(const struct config *config, const char *address);

/* The local administrator, for this name and password; ERR_INVALID_CREDENTIALS, after the same work
 * for every name. */
struct error *auth_login_local(const struct config *config, struct arena *arena,
                               const char *username, const char *password,
                               const struct principal **principal_r) MUST_CHECK;

/* The account of this name and password. ERR_INVALID_CREDENTIALS, after the same work for every
 * name; *known_r says whether the name is an account's. */
struct error *auth_login_account(const struct config *config, struct store *store,
                                 struct arena *arena, const char *name, const char *password,
                                 const struct principal **principal_r, bool *known_r) MUST_CHECK;

/* A bcrypt hash of a password, by the configured cost. */
struct error *auth_hash(const struct config *config, struct arena *arena, const char *password,
                        const char **hash_r) MUST_CHECK;

/* --- sessions -------------------------------------------------------------------------------- */

/* Begins a session for somebody who has just logged in: throttle_passed(). */
struct error *auth_open(const struct config *config, struct store *store, struct arena *arena,
                        const struct principal *principal, const struct throttle *throttle,
                        struct auth_tokens *tokens_r) MUST_CHECK;

/* A new account with an organization of its own, and its first session, all at once. */
struct auth_registration {
    struct account account;
    struct organization organization;
};
struct error *auth_register(const struct config *config, struct store *store, struct arena *arena,
                            struct auth_registration *registration,
                            struct auth_tokens *tokens_r) MUST_CHECK;

/* The same without a session. */
struct error *auth_add_account(struct store *store, struct arena *arena,
                               struct auth_registration *registration) MUST_CHECK;

/* Whom a refresh token stands for; of people of the directory it tells the id alone. The token is
 * not used up. */
struct error *auth_refresh_subject(const struct config *config, struct store *store,
                                   struct arena *arena, const char *token,
                                   const struct principal **principal_r) MUST_CHECK;

/* New tokens for the principal, in exchange for the refresh token or, if that is NULL, in the
 * session of the principal's access token. */
struct error *auth_refresh(const struct config *config, struct store *store, struct arena *arena,
                           const struct principal *principal, const char *token,
                           struct auth_tokens *tokens_r) MUST_CHECK;

/* Ends the session of the principal's access token. */
struct error *auth_logout(struct store *store, struct arena *arena,
                          const struct principal *principal) MUST_CHECK;

/* Sets the password of the principal's account; all its sessions end but the principal's own. */
struct error *auth_change_password(const struct config *config, struct store *store,
                                   struct arena *arena, const struct principal *principal,
                                   const char *password) MUST_CHECK;

/* --- bearers --------------------------------------------------------------------------------- */

/*
 * Whom an Authorization field stands for (RFC 6750 2.1); an empty one yields NULL, nobody. A person
 * of the directory is who they were when the token was issued; with LDAP_LOGIN off, nobody.
 *
 * `organization_id` is the organization that the request is about, 0 for the token's: ERR_NOT_FOUND
 * if an account does not belong to it.
 */
struct error *auth_bearer(const struct config *config, struct store *store, struct arena *arena,
                          const char *authorization, int64_t organization_id,
                          const struct principal **principal_r) MUST_CHECK;

#endif
