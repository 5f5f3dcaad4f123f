/*
 * Auth: turns credentials and bearer tokens into principals, and principals into tokens. Until
 * there is a store, refresh tokens are JSON Web Tokens of a type of their own, and nothing is
 * remembered between requests.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/principal.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct buffer;
struct config;

struct auth_tokens {
    const char *access, *refresh;
    int64_t expires_in; /* seconds, of the access token */
};

/* Adds a line to `faults` for everything that is wrong with the settings. False if there is any. */
bool auth_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* Whether it is the name of the local administrator. */
bool auth_is_local(const struct config *config, const char *username);

/* The local administrator, for this name and password; ERR_INVALID_CREDENTIALS, after the same work
 * for every name. */
struct error *auth_login(const struct config *config, struct arena *arena, const char *username,
                         const char *password, const struct principal **principal_r) MUST_CHECK;

/* Whom an Authorization field stands for (RFC 6750 2.1); an empty one yields NULL, nobody. A person
 * of the directory is who they were when the token was issued; with LDAP_LOGIN off, nobody. */
struct error *auth_bearer(const struct config *config, struct arena *arena,
                          const char *authorization,
                          const struct principal **principal_r) MUST_CHECK;

/* Whom a refresh token stands for. Of a person of the directory it tells the id alone. */
struct error *auth_refresh(const struct config *config, struct arena *arena, const char *token,
                           const struct principal **principal_r) MUST_CHECK;

/* A new pair of tokens. */
struct error *auth_issue(const struct config *config, struct arena *arena,
                         const struct principal *principal,
                         struct auth_tokens *tokens_r) MUST_CHECK;

#endif
