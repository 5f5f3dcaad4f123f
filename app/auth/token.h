/*
 * Token: access tokens, which are JSON Web Tokens (RFC 7519) signed with HMAC-SHA256. Tokens with
 * any other algorithm, "none" included, are invalid (RFC 8725 3.1).
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* The subject's profile when the token was issued, for subjects that are not read again with each
 * request: preferred_username, email and name (OpenID Connect Core 5.1). */
struct token_profile {
    const char *username, *email, *name; /* NULL: claim absent */
    bool administrator;                  /* private claim "administrator" */
};

struct token_claims {
    const char *subject;
    const char *session;     /* claim "sid" (OpenID Connect Front-Channel Logout); NULL: none */
    int64_t organization_id; /* private claim "org"; 0: none */
    struct token_profile profile;
    int64_t issued, expires; /* seconds since the epoch; ignored by token_issue() */
};

/* Issues a signed access token with these claims, a new id (claim "jti") and a lifetime of
 * `lifetime_s` seconds. */
struct error *token_issue(struct arena *arena, const char *key, const struct token_claims *claims,
                          int64_t lifetime_s, const char **token_r) MUST_CHECK;

/* Verifies an access token and returns its claims. ERR_INVALID_TOKEN if the signature or a claim is
 * invalid, ERR_TOKEN_EXPIRED if the token has expired. */
struct error *token_verify(struct arena *arena, const char *key, const char *token,
                           struct token_claims *claims_r) MUST_CHECK;

#endif
