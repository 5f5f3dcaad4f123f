/*
 * Auth: authenticates credentials and bearer tokens, and issues tokens. Access tokens are JSON Web
 * Tokens. Each belongs to a session in the database (session.h), which refresh tokens prolong and a
 * logout ends.
 *
 * Every request checks that the session of its token is alive, and that the credentials are still
 * those of the login (their epoch, see session.h). For an account, one statement reads the account
 * and the session. Sessions of the local administrator and of directory users are cached in shared
 * memory for two seconds (session_cache.h), and for as long as the database is down: these
 * principals can work without the database.
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
    int64_t expires_in;  /* lifetime of the access token in seconds */
};

/* Appends a line to `faults` for each invalid setting. Returns false if any setting is invalid. */
bool auth_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* Appends a line to `warnings` for each fault that would prevent a start in production only. */
void auth_warn(const struct config *config, struct buffer *warnings);

/* --- credentials ----------------------------------------------------------------------------- */

/* True if this is the user name of the local administrator. */
bool auth_is_local_username(const struct config *config, const char *username);

/* True if the local administrator may log in from that address (LOCAL_AUTH_NETWORKS). */
bool auth_local_is_allowed_from(const struct config *config, const char *address);

/* Authenticates the local administrator. ERR_INVALID_CREDENTIALS if the name or the password is
 * wrong, after the same time for every name.
 */
struct error *auth_login_local(const struct config *config, struct arena *arena,
                               const char *username, const char *password,
                               const struct principal **principal_r) MUST_CHECK;

/* Authenticates an account by name and password. ERR_INVALID_CREDENTIALS if one of them is wrong,
 * after the same time for every name; *account_r is then the account of that name, NULL if there is
 * none. */
struct error *auth_login_account(const struct config *config, struct store *store,
                                 struct arena *arena, const char *name, const char *password,
                                 const struct principal **principal_r,
                                 struct account **account_r) MUST_CHECK;

/* If the stored hash of a password does not have the cost BCRYPT_COST, hashes the password again
 * and stores the new hash. The password has just been verified. Sessions stay valid. A no-op if the
 * password was changed meanwhile. */
struct error *auth_rehash_password(const struct config *config, struct store *store,
                                   struct arena *arena, const struct account *account,
                                   const char *password) MUST_CHECK;

/* Returns the subject of the local administrator's tokens. */
const char *auth_local_subject(const struct config *config, struct arena *arena)
    __attribute__((returns_nonnull));

/* Returns the epoch of the local administrator's credentials: it changes with LOCAL_AUTH_USERNAME
 * and LOCAL_AUTH_PASSWORD. */
int64_t auth_local_epoch(const struct config *config, struct arena *arena);

/* Returns the bcrypt hash of a new password, with the configured cost. ERR_VALIDATION with the
 * password's field if it is too easy to guess. Every stored password is hashed here. */
struct error *auth_hash_password(const struct config *config, struct arena *arena,
                                 const struct new_password *password,
                                 const char **hash_r) MUST_CHECK;

/* --- sessions -------------------------------------------------------------------------------- */

/* Returns the configured settings of sessions, and the current time. */
struct session_settings auth_session_settings(const struct config *config);

/* Begins a session after a successful login. The same transaction resets the failure count of the
 * login (throttle_count_success()). */
struct error *auth_begin_session(const struct config *config, struct store *store,
                                 struct arena *arena, const struct principal *principal,
                                 const struct throttle *throttle,
                                 const struct session_client *client,
                                 struct auth_tokens *tokens_r) MUST_CHECK;

/* The registration of an account with an organization of its own. */
struct auth_registration {
    struct account account;
    struct organization organization;
    const char *link;    /* token of a one-use link that verifies the address; NULL: none */
    int64_t released_id; /* set to the account that held the address unverified; 0: none */
    struct session_client client; /* the registration's origin; unused by auth_add_account() */
};

/* Adds the account and its organization, as the account's default one, and begins its first
 * session, in one transaction. A link verifies the address: an account that holds the address
 * unverified loses it. ERR_LINK_INVALID if the link is not valid for the address. */
struct error *auth_register(const struct config *config, struct store *store, struct arena *arena,
                            struct auth_registration *registration,
                            struct auth_tokens *tokens_r) MUST_CHECK;

/* Like auth_register(), without a session. */
struct error *auth_add_account(struct store *store, struct arena *arena,
                               struct auth_registration *registration) MUST_CHECK;

/* Returns the principal of a refresh token, without consuming the token. For a directory user,
 * only the id is set. */
struct error *auth_refresh_subject(const struct config *config, struct store *store,
                                   struct arena *arena, const char *token,
                                   const struct principal **principal_r) MUST_CHECK;

/* Issues new tokens for the principal, in exchange for a refresh token. If `token` is NULL, issues
 * only an access token, in the session of the principal's access token. The principal has the
 * current name, epoch and rights: if the session was opened with earlier credentials, it is ended.
 * The reuse of a replaced refresh token is logged and counted. */
struct error *auth_refresh(const struct config *config, struct store *store, struct arena *arena,
                           const struct principal *principal, const struct session_client *client,
                           const char *token, struct auth_tokens *tokens_r) MUST_CHECK;

/* Ends the session of the principal's access token. */
struct error *auth_logout(struct store *store, struct arena *arena,
                          const struct principal *principal) MUST_CHECK;

/* Ends all sessions of a directory user, by objectGUID. */
struct error *auth_end_sessions(struct store *store, struct arena *arena,
                                const char *guid) MUST_CHECK;

/* Sets the password of the principal's account, and ends all sessions of the account, including the
 * current one. */
struct error *auth_change_password(const struct config *config, struct store *store,
                                   struct arena *arena, const struct principal *principal,
                                   const struct new_password *password) MUST_CHECK;

/* Called after each group commit: invalidates the cached copies, on this host, of the sessions that
 * the group has ended. */
void auth_after_commit(void);

/* --- bearer tokens --------------------------------------------------------------------------- */

/*
 * Returns the principal of an Authorization header (RFC 6750 2.1), which has an access token or an
 * API key; NULL if the header is empty. A directory user has the names and rights of the time when
 * the token was issued, and is invalid while LDAP_LOGIN is off. With an API key (api_key.h), names
 * and rights of a directory user are not set: service/guard.c reads them from the directory.
 *
 * `organization_id` is the organization that the request names; 0 selects the organization of the
 * token. ERR_NOT_FOUND if the account is not a member of it.
 */
struct error *auth_authenticate_bearer(const struct config *config, struct store *store,
                                       struct arena *arena, const char *authorization,
                                       int64_t organization_id,
                                       const struct principal **principal_r) MUST_CHECK;

/* Returns the reason why the session of a directory user is outdated, given the epoch and rights
 * that the directory reports now; NULL if it is not outdated. */
const char *auth_outdated_reason(const struct principal *principal, int64_t epoch,
                                 bool administrator);

#endif
