/*
 * Auth: turns credentials and bearer tokens into principals, and principals into tokens. Access
 * tokens are JSON Web Tokens; refresh tokens, and with them what a logout ends, are sessions in the
 * store (session.h).
 *
 * The session of a token is checked with each request, and so is the epoch of its credentials. An
 * account and its session are read by one statement. Sessions of the local administrator and of
 * directory users are kept in shared memory for two seconds (session_cache.h), and for as long as
 * the database is down: these principals need no database then.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/account.h"
#include "auth/password_strength.h"
#include "auth/principal.h"
#include "auth/session.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct buffer;
struct config;
struct store;
struct throttle;

struct auth_tokens {
    const char *access;
    const char *refresh; /* NULL: none */
    int64_t expires_in;  /* seconds, of the access token */
};

/* Adds a line to `faults` for everything that is wrong with the settings. False if there is any. */
bool auth_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* Adds a line to `warnings` for everything that production would not start with. */
void auth_warn(const struct config *config, struct buffer *warnings);

/* --- credentials ----------------------------------------------------------------------------- */

/* Whether it is the name of the local administrator. */
bool auth_is_local(const struct config *config, const char *username);

/* True if the local administrator may log in from that address (LOCAL_AUTH_NETWORKS). */
bool auth_local_from(const struct config *config, const char *address);

/* The local administrator, for this name and password; ERR_INVALID_CREDENTIALS, after the same work
 * for every name. */
struct error *auth_login_local(const struct config *config, struct arena *arena,
                               const char *username, const char *password,
                               const struct principal **principal_r) MUST_CHECK;

/* Authenticates an account by name and password. Fails with ERR_INVALID_CREDENTIALS, after the
 * same work for every name; *account_r is the account of that name, NULL if there is none. */
struct error *auth_login_account(const struct config *config, struct store *store,
                                 struct arena *arena, const char *name, const char *password,
                                 const struct principal **principal_r,
                                 struct account **account_r) MUST_CHECK;

/* Hashes a password that was just verified again if the cost of its hash differs from
 * BCRYPT_COST, and stores the new hash. Sessions stay valid. If the password was changed
 * meanwhile, the changed one stays. */
struct error *auth_rehash(const struct config *config, struct store *store, struct arena *arena,
                          const struct account *account, const char *password) MUST_CHECK;

/* The subject of the local administrator's tokens. */
const char *auth_local_subject(const struct config *config, struct arena *arena)
    __attribute__((returns_nonnull));

/* The epoch of the local administrator's sessions: it changes with LOCAL_AUTH_USERNAME and
 * LOCAL_AUTH_PASSWORD. */
int64_t auth_local_epoch(const struct config *config, struct arena *arena);

/* Returns the bcrypt hash of a new password, with the configured cost. ERR_VALIDATION with the
 * password's field if it is too easy to guess. Every stored password is hashed here. */
struct error *auth_hash(const struct config *config, struct arena *arena,
                        const struct new_password *password, const char **hash_r) MUST_CHECK;

/* --- sessions -------------------------------------------------------------------------------- */

/* The settings of sessions, and the time. */
struct session_terms auth_session_terms(const struct config *config);

/* Begins a session after a verified login. The same transaction forgets the login's failures
 * (throttle_passed()). */
struct error *auth_open(const struct config *config, struct store *store, struct arena *arena,
                        const struct principal *principal, const struct throttle *throttle,
                        const struct session_client *client,
                        struct auth_tokens *tokens_r) MUST_CHECK;

/* A new account with an organization of its own, its default one, and its first session, all at
 * once. With a one-use link the address is proved: an account that holds it without a proof loses
 * it. ERR_LINK_INVALID. */
struct auth_registration {
    struct account account;
    struct organization organization;
    const char *link;    /* the token of a one-use link for the address; NULL: none */
    int64_t released_id; /* set to the account that has lost the address; 0: none */
    /* where the registration came from; unused by auth_add_account() */
    struct session_client client;
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

/* New tokens for the principal: in exchange for the refresh token or, if that is NULL, in the
 * session of the principal's access token, where there is no new refresh token. The principal is as
 * of now: a session of an earlier epoch is ended. Reuse of a refresh token is logged and counted.
 */
struct error *auth_refresh(const struct config *config, struct store *store, struct arena *arena,
                           const struct principal *principal, const struct session_client *client,
                           const char *token, struct auth_tokens *tokens_r) MUST_CHECK;

/* Ends the session of the principal's access token. */
struct error *auth_logout(struct store *store, struct arena *arena,
                          const struct principal *principal) MUST_CHECK;

/* Ends all sessions of a directory user, by objectGUID. */
struct error *auth_end_sessions(struct store *store, struct arena *arena,
                                const char *guid) MUST_CHECK;

/* Sets the password of the principal's account; all its sessions end, the principal's own too. */
struct error *auth_change_password(const struct config *config, struct store *store,
                                   struct arena *arena, const struct principal *principal,
                                   const struct new_password *password) MUST_CHECK;

/* Call after each group commit: sessions that it ended are then invalid in all processes of this
 * host. */
void auth_committed(void);

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

/* Why the session of a directory user is outdated, by the epoch and the rights that the directory
 * tells now; NULL if it is not. */
const char *auth_outdated(const struct principal *principal, int64_t epoch, bool administrator);

#endif
