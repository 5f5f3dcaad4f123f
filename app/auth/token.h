/*
 * Token: the JSON Web Tokens (RFC 7519) that principals carry, signed with HMAC-SHA256 and nothing
 * else: "none" and every other algorithm are refused, whatever the header says (RFC 8725 3.1).
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum token_type {
    TOKEN_ACCESS,
    TOKEN_REFRESH,
};

/* Who the subject was when the token was issued, for subjects that are not looked up each time:
 * preferred_username, email and name as OpenID Connect Core 5.1 has them, and a claim of ours. */
struct token_profile {
    const char *username, *email, *name; /* NULL: not told */
    bool administrator;
};

struct token_claims {
    const char *subject;
    int64_t issued, expires; /* seconds since the epoch */
    struct token_profile profile;
};

/* A signed token for `subject` that lives for `lifetime_s` seconds, with an id (jti) of its own.
 * `profile` may be NULL. */
struct error *token_issue(struct arena *arena, const char *key, enum token_type type,
                          const char *subject, const struct token_profile *profile,
                          int64_t lifetime_s, const char **token_r) MUST_CHECK;

/* ERR_INVALID_TOKEN if it is not ours or of another type, ERR_TOKEN_EXPIRED. */
struct error *token_verify(struct arena *arena, const char *key, enum token_type type,
                           const char *token, struct token_claims *claims_r) MUST_CHECK;

#endif
