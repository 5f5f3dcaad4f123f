/* See token.h. The only user of libjwt. */
#include "auth/token.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* maximum size in bytes; access tokens have about 300, or 500 with a profile */
    TOKEN_MAX = 4096,
};

/* Claim "type", to distinguish access tokens from other tokens signed with the same key. */
static const char type[] = "access";

/* Clean-up function of the arena. */
static void free_jwt(void *jwt)
{
    jwt_free(jwt);
}

/* Adds a claim unless its text is NULL. Returns false on failure. */
static bool add_text_claim(jwt_t *jwt, const char *name, const char *text)
{
    return !text || !jwt_add_grant(jwt, name, text);
}

/* Adds the claims that are set. Returns false on failure. */
static bool add_claims(jwt_t *jwt, const struct token_claims *claims)
{
    const struct token_profile *profile = &claims->profile;
    return add_text_claim(jwt, "sub", claims->subject) && add_text_claim(jwt, "type", type) &&
           add_text_claim(jwt, "sid", claims->session) &&
           (!claims->organization_id ||
            !jwt_add_grant_int(jwt, "org", (long)claims->organization_id)) &&
           add_text_claim(jwt, "preferred_username", profile->username) &&
           add_text_claim(jwt, "email", profile->email) &&
           add_text_claim(jwt, "name", profile->name) &&
           (!profile->administrator || !jwt_add_grant_bool(jwt, "administrator", true));
}

struct error *token_issue(struct arena *arena, const char *key, const struct token_claims *claims,
                          int64_t lifetime_s, const char **token_r)
{
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt)) {
        return error_new(arena, ERR_INTERNAL, "cannot create an access token: %s", strerror(errno));
    }
    arena_defer(arena, free_jwt, jwt);
    char id[RANDOM_ID_SIZE];
    long now = (long)(clock_wall_ms() / MS_PER_S);
    if (jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key, (int)strlen(key)) ||
        !add_claims(jwt, claims) || jwt_add_grant(jwt, "jti", random_id(id)) ||
        jwt_add_grant_int(jwt, "iat", now) ||
        jwt_add_grant_int(jwt, "exp", now + (long)lifetime_s)) {
        return error_new(arena, ERR_INTERNAL, "cannot build the access token: %s", strerror(errno));
    }
    char *text = jwt_encode_str(jwt);
    if (!text) {
        return error_new(arena, ERR_INTERNAL, "cannot sign the access token: %s", strerror(errno));
    }
    *token_r = arena_string(arena, text);
    free(text);
    return NULL;
}

/* Reads a claim. Returns false unless it exists and is a positive integer. */
static bool read_integer_claim(jwt_t *jwt, const char *name, int64_t *value_r)
{
    errno = 0;
    *value_r = jwt_get_grant_int(jwt, name);
    return errno == 0 && *value_r > 0; /* libjwt returns 0 if the claim is not an integer */
}

/* Returns the text of a claim; NULL if it does not exist or is not a text. */
static const char *read_text_claim(struct arena *arena, jwt_t *jwt, const char *name)
{
    const char *text = jwt_get_grant(jwt, name);
    return text ? arena_string(arena, text) : NULL;
}

/* --- cache of verified tokens ---------------------------------------------------------------- */

/* Clients send the same token with many requests, and verifying it takes longer than most requests.
 * Each process caches the tokens that it has verified last, in entries selected by a hash of the
 * signature. */
enum { CACHED_TOKENS = 256 };

static struct cached_token {
    char *token; /* the token, then its key and the texts of its claims; NULL: the entry is empty */
    const char *key;
    struct token_claims claims;
} cached_tokens[CACHED_TOKENS];

/* Selects the entry by FNV-1a over the last bytes of the token, which are part of the signature. */
static struct cached_token *select_cached_token(const char *token, size_t length)
{
    enum { HASHED_BYTES = 16 };
    uint32_t hash = 2166136261U;
    for (size_t i = length > HASHED_BYTES ? length - HASHED_BYTES : 0; i < length; i++) {
        hash = (hash ^ (unsigned char)token[i]) * 16777619U;
    }
    return &cached_tokens[hash % CACHED_TOKENS];
}

/* Replaces each text of the claims by the result of `change`. */
static void change_claim_texts(struct token_claims *claims,
                               const char *(*change)(void *, const char *), void *context)
{
    const char **texts[] = {&claims->subject, &claims->session, &claims->profile.username,
                            &claims->profile.email, &claims->profile.name};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = *texts[i] ? change(context, *texts[i]) : NULL;
    }
}

/* Adds the size of the text to *size. */
static const char *add_text_size(void *size, const char *text)
{
    *(size_t *)size += strlen(text) + 1;
    return text;
}

/* Appends a copy of the text at *end, and advances *end. */
static const char *append_text(void *end, const char *text)
{
    char **at = end;
    const char *copy = *at;
    *at = stpcpy(*at, text) + 1;
    return copy;
}

static const char *copy_text_to_arena(void *arena, const char *text)
{
    return arena_string(arena, text);
}

/* Replaces the cache entry by this token, in one allocation with the key and the claims. */
static void cache_token(const char *key, const char *token, const struct token_claims *claims)
{
    struct cached_token *cached = select_cached_token(token, strlen(token));
    free(cached->token);
    *cached = (struct cached_token){.claims = *claims};
    size_t size = strlen(token) + 1 + strlen(key) + 1;
    change_claim_texts(&cached->claims, add_text_size, &size);
    cached->token = base_alloc(size);
    char *end = stpcpy(cached->token, token) + 1;
    cached->key = append_text(&end, key);
    change_claim_texts(&cached->claims, append_text, &end);
}

/* Returns true if the token is in the cache. Compares in constant time. */
static bool find_cached_token(struct arena *arena, const char *key, const char *token,
                              struct token_claims *claims_r)
{
    size_t length = strlen(token);
    const struct cached_token *cached = select_cached_token(token, length);
    if (!cached->token || strcmp(cached->key, key) != 0 || strlen(cached->token) != length ||
        CRYPTO_memcmp(cached->token, token, length) != 0) {
        return false;
    }
    *claims_r = cached->claims;
    change_claim_texts(claims_r, copy_text_to_arena, arena);
    return true;
}

/* --- verification ---------------------------------------------------------------------------- */

/* If the clock was set back, a token is valid for longer by that difference, but never for longer
 * than its session, whose expiry is corrected (store/purge.h): so the clock gives an attacker no
 * more time than refreshing the session would. Rejecting tokens that were issued in the future
 * would log all users out. */
static struct error *check_expiry(struct arena *arena, const struct token_claims *claims)
{
    return claims->expires <= clock_wall_ms() / MS_PER_S ? error_new(arena, ERR_TOKEN_EXPIRED, NULL)
                                                         : NULL;
}

struct error *token_verify(struct arena *arena, const char *key, const char *token,
                           struct token_claims *claims_r)
{
    jwt_t *jwt = NULL;
    if (find_cached_token(arena, key, token, claims_r)) {
        return check_expiry(arena, claims_r);
    }
    if (strlen(token) > TOKEN_MAX ||
        jwt_decode(&jwt, token, (const unsigned char *)key, (int)strlen(key))) {
        return error_new(arena, ERR_INVALID_TOKEN, "not a JSON Web Token with a valid signature");
    }
    arena_defer(arena, free_jwt, jwt);
    if (jwt_get_alg(jwt) != JWT_ALG_HS256) {
        return error_new(arena, ERR_INVALID_TOKEN, "the algorithm of the token is not HS256");
    }
    const char *subject = jwt_get_grant(jwt, "sub");
    const char *name = jwt_get_grant(jwt, "type");
    struct token_claims claims = {0};
    if (!subject || !name || strcmp(name, type) != 0 ||
        !read_integer_claim(jwt, "iat", &claims.issued) ||
        !read_integer_claim(jwt, "exp", &claims.expires)) {
        return error_new(arena, ERR_INVALID_TOKEN, "not an access token");
    }
    struct error *error = check_expiry(arena, &claims);
    if (error) {
        return error;
    }
    claims.subject = arena_string(arena, subject);
    claims.session = read_text_claim(arena, jwt, "sid");
    if (!read_integer_claim(jwt, "org", &claims.organization_id)) {
        claims.organization_id = 0;
    }
    claims.profile = (struct token_profile){
        .username = read_text_claim(arena, jwt, "preferred_username"),
        .email = read_text_claim(arena, jwt, "email"),
        .name = read_text_claim(arena, jwt, "name"),
        .administrator = jwt_get_grant_bool(jwt, "administrator") == 1,
    };
    *claims_r = claims;
    cache_token(key, token, claims_r);
    return NULL;
}
