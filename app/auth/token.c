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
    TOKEN_MAX = 4096, /* bytes; ours have some 300, with a profile some 500 */
};

/* What other tokens that we may sign one day are not. */
static const char type[] = "access";

static void release(void *jwt)
{
    jwt_free(jwt);
}

/* False if it cannot be added; there is nothing to add of a text that is NULL. */
static bool add_text(jwt_t *jwt, const char *name, const char *text)
{
    return !text || !jwt_add_grant(jwt, name, text);
}

static bool add_profile(jwt_t *jwt, const struct token_profile *profile)
{
    return add_text(jwt, "preferred_username", profile->username) &&
           add_text(jwt, "email", profile->email) && add_text(jwt, "name", profile->name) &&
           (!profile->administrator || !jwt_add_grant_bool(jwt, "administrator", true));
}

static bool add_claims(jwt_t *jwt, const struct token_claims *claims)
{
    return add_text(jwt, "sub", claims->subject) && add_text(jwt, "type", type) &&
           add_text(jwt, "sid", claims->session) &&
           (!claims->organization_id ||
            !jwt_add_grant_int(jwt, "org", (long)claims->organization_id)) &&
           add_profile(jwt, &claims->profile);
}

struct error *token_issue(struct arena *arena, const char *key, const struct token_claims *claims,
                          int64_t lifetime_s, const char **token_r)
{
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt)) {
        return error_new(arena, ERR_INTERNAL, "jwt_new: %s", strerror(errno));
    }
    arena_defer(arena, release, jwt);
    char id[RANDOM_ID_SIZE];
    long now = (long)(clock_wall_ms() / MS_PER_S);
    if (jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key, (int)strlen(key)) ||
        !add_claims(jwt, claims) || jwt_add_grant(jwt, "jti", random_id(id)) ||
        jwt_add_grant_int(jwt, "iat", now) ||
        jwt_add_grant_int(jwt, "exp", now + (long)lifetime_s)) {
        return error_new(arena, ERR_INTERNAL, "the token cannot be built: %s", strerror(errno));
    }
    char *text = jwt_encode_str(jwt);
    if (!text) {
        return error_new(arena, ERR_INTERNAL, "jwt_encode_str: %s", strerror(errno));
    }
    *token_r = arena_string(arena, text);
    free(text);
    return NULL;
}

/* A claim that must be there and be a whole number. */
static bool read_integer(jwt_t *jwt, const char *name, int64_t *value_r)
{
    errno = 0;
    *value_r = jwt_get_grant_int(jwt, name);
    return errno == 0 && *value_r > 0; /* libjwt yields 0 for what is no integer */
}

/* A claim that may be there; NULL if it is not, or is no text. */
static const char *read_text(struct arena *arena, jwt_t *jwt, const char *name)
{
    const char *text = jwt_get_grant(jwt, name);
    return text ? arena_string(arena, text) : NULL;
}

static struct token_profile read_profile(struct arena *arena, jwt_t *jwt)
{
    return (struct token_profile){
        .username = read_text(arena, jwt, "preferred_username"),
        .email = read_text(arena, jwt, "email"),
        .name = read_text(arena, jwt, "name"),
        .administrator = jwt_get_grant_bool(jwt, "administrator") == 1,
    };
}

/* --- those that were verified before --------------------------------------------------------- */

/* A client sends the same token again and again, and to take one apart costs more than most of what
 * it is sent for. This process's last ones are kept, each in the place that its signature says. */
enum { KEPT_TOKENS = 256 };

static struct kept {
    char *token; /* followed by its key and the texts of its claims; NULL: the entry is free */
    const char *key;
    struct token_claims claims;
} kept_tokens[KEPT_TOKENS];

/* FNV-1a over the end of the token, which is of its signature. */
static struct kept *place_of(const char *token, size_t length)
{
    enum { ENOUGH = 16 };
    uint32_t hash = 2166136261U;
    for (size_t i = length > ENOUGH ? length - ENOUGH : 0; i < length; i++) {
        hash = (hash ^ (unsigned char)token[i]) * 16777619U;
    }
    return &kept_tokens[hash % KEPT_TOKENS];
}

/* Calls `change` for each text of the claims. */
static void change_texts(struct token_claims *claims, const char *(*change)(void *, const char *),
                         void *context)
{
    const char **texts[] = {&claims->subject, &claims->session, &claims->profile.username,
                            &claims->profile.email, &claims->profile.name};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = *texts[i] ? change(context, *texts[i]) : NULL;
    }
}

static const char *count_text(void *size, const char *text)
{
    *(size_t *)size += strlen(text) + 1;
    return text;
}

/* Copies the text to where *end points, and moves that behind it. */
static const char *own_text(void *end, const char *text)
{
    char **at = end;
    const char *own = *at;
    *at = stpcpy(*at, text) + 1;
    return own;
}

static const char *arena_text(void *arena, const char *text)
{
    return arena_string(arena, text);
}

static void forget(struct kept *kept)
{
    free(kept->token);
    *kept = (struct kept){.token = NULL};
}

static void keep(const char *key, const char *token, const struct token_claims *claims)
{
    struct kept *kept = place_of(token, strlen(token));
    forget(kept);
    *kept = (struct kept){.claims = *claims};
    size_t size = strlen(token) + 1 + strlen(key) + 1;
    change_texts(&kept->claims, count_text, &size);
    kept->token = must_alloc(size);
    char *end = stpcpy(kept->token, token) + 1;
    kept->key = own_text(&end, key);
    change_texts(&kept->claims, own_text, &end);
}

/* Whether the token is one of them, in a time that does not tell how much of it is. */
static bool recall(struct arena *arena, const char *key, const char *token,
                   struct token_claims *claims_r)
{
    size_t length = strlen(token);
    const struct kept *kept = place_of(token, length);
    if (!kept->token || strcmp(kept->key, key) != 0 || strlen(kept->token) != length ||
        CRYPTO_memcmp(kept->token, token, length) != 0) {
        return false;
    }
    *claims_r = kept->claims;
    change_texts(claims_r, arena_text, arena);
    return true;
}

/* --- verifying ------------------------------------------------------------------------------- */

/* If the clock was set back, a token is valid for longer by that difference, but never for
 * longer than its session, whose expiry is corrected (store/purge.h): until then whoever
 * copied it could have refreshed it anyway. Rejecting tokens issued in the future would log
 * everyone out. */
static struct error *check_expiry(struct arena *arena, const struct token_claims *claims)
{
    return claims->expires <= clock_wall_ms() / MS_PER_S ? error_new(arena, ERR_TOKEN_EXPIRED, NULL)
                                                         : NULL;
}

struct error *token_verify(struct arena *arena, const char *key, const char *token,
                           struct token_claims *claims_r)
{
    jwt_t *jwt = NULL;
    if (recall(arena, key, token, claims_r)) {
        return check_expiry(arena, claims_r);
    }
    if (strlen(token) > TOKEN_MAX ||
        jwt_decode(&jwt, token, (const unsigned char *)key, (int)strlen(key))) {
        return error_new(arena, ERR_INVALID_TOKEN, "not a token that we signed");
    }
    arena_defer(arena, release, jwt);
    if (jwt_get_alg(jwt) != JWT_ALG_HS256) {
        return error_new(arena, ERR_INVALID_TOKEN, "signed with another algorithm");
    }
    const char *subject = jwt_get_grant(jwt, "sub");
    const char *name = jwt_get_grant(jwt, "type");
    struct token_claims claims = {0};
    if (!subject || !name || strcmp(name, type) != 0 || !read_integer(jwt, "iat", &claims.issued) ||
        !read_integer(jwt, "exp", &claims.expires)) {
        return error_new(arena, ERR_INVALID_TOKEN, "not an access token");
    }
    struct error *error = check_expiry(arena, &claims);
    if (error) {
        return error;
    }
    claims.subject = arena_string(arena, subject);
    claims.session = read_text(arena, jwt, "sid");
    if (!read_integer(jwt, "org", &claims.organization_id)) {
        claims.organization_id = 0;
    }
    claims.profile = read_profile(arena, jwt);
    *claims_r = claims;
    keep(key, token, claims_r);
    return NULL;
}
