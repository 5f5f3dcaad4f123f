/* See auth.h. */
#include "auth/auth.h"

#include "auth/password.h"
#include "auth/token.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"

#include <string.h>
#include <strings.h>

enum { SECONDS_PER_HOUR = 3600 };

static const char local_prefix[] = "local:";

static const struct principal *local_administrator(const struct config *config, struct arena *arena)
{
    struct principal *principal = arena_alloc(arena, sizeof *principal);
    const char *username = arena_string(arena, config->local_auth_username);
    *principal = (struct principal){
        .kind = PRINCIPAL_LOCAL,
        .id = arena_format(arena, "%s%s", local_prefix, username),
        .username = username,
        .name = username,
    };
    return principal;
}

bool auth_check(const struct config *config, struct buffer *faults)
{
    if (password_hash_usable(config->local_auth_password)) {
        return true;
    }
    buffer_add_string(faults, "LOCAL_AUTH_PASSWORD: begins as a hash ($…) and is none\n");
    return false;
}

bool auth_is_local(const struct config *config, const char *username)
{
    return secret_equal(config->local_auth_username, username);
}

struct error *auth_login(const struct config *config, struct arena *arena, const char *username,
                         const char *password, const struct principal **principal_r)
{
    /* Both are compared whatever the first yields: the time must not tell names that exist. */
    bool name_fits = auth_is_local(config, username);
    bool password_fits = password_verify(config->local_auth_password, password);
    if (!name_fits || !password_fits) {
        return error_new(arena, ERR_INVALID_CREDENTIALS, NULL);
    }
    *principal_r = local_administrator(config, arena);
    return NULL;
}

/* A person of the directory as the token tells of them; a refresh token tells nothing but the id. */
static const struct principal *directory_person(struct arena *arena, const char *guid,
                                                const struct token_profile *profile)
{
    struct principal *principal = principal_of_directory(arena, guid);
    principal->username = profile->username;
    principal->email = profile->email;
    principal->name = profile->name;
    principal->administrator = profile->administrator;
    return principal;
}

/* A token outlives the configuration: its subject must still be somebody. */
static struct error *find_subject(const struct config *config, struct arena *arena,
                                  const struct token_claims *claims,
                                  const struct principal **principal_r)
{
    const char *guid = principal_guid(claims->subject);
    if (guid && config->ldap_login) {
        *principal_r = directory_person(arena, guid, &claims->profile);
        return NULL;
    }
    const struct principal *local = local_administrator(config, arena);
    if (strcmp(local->id, claims->subject) != 0) {
        return error_new(arena, ERR_INVALID_TOKEN, "the subject does not exist");
    }
    *principal_r = local;
    return NULL;
}

static struct error *verify(const struct config *config, struct arena *arena, enum token_type type,
                            const char *token, const struct principal **principal_r)
{
    struct token_claims claims;
    struct error *error = token_verify(arena, config->jwt_secret_key, type, token, &claims);
    return error ? error : find_subject(config, arena, &claims, principal_r);
}

struct error *auth_bearer(const struct config *config, struct arena *arena,
                          const char *authorization, const struct principal **principal_r)
{
    static const char scheme[] = "Bearer ";
    *principal_r = NULL;
    if (!*authorization) {
        return NULL;
    }
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) {
        return error_new(arena, ERR_INVALID_TOKEN, "another authentication scheme");
    }
    const char *token = authorization + sizeof scheme - 1;
    return verify(config, arena, TOKEN_ACCESS, token + strspn(token, " "), principal_r);
}

struct error *auth_refresh(const struct config *config, struct arena *arena, const char *token,
                           const struct principal **principal_r)
{
    return verify(config, arena, TOKEN_REFRESH, token, principal_r);
}

struct error *auth_issue(const struct config *config, struct arena *arena,
                         const struct principal *principal, struct auth_tokens *tokens_r)
{
    struct auth_tokens tokens = {.expires_in = config->jwt_expiration_hours * SECONDS_PER_HOUR};
    const struct token_profile profile = {principal->username, principal->email, principal->name,
                                          principal->administrator};
    bool looked_up = principal->kind == PRINCIPAL_LOCAL; /* each time, in the configuration */
    struct error *error =
        token_issue(arena, config->jwt_secret_key, TOKEN_ACCESS, principal->id,
                    looked_up ? NULL : &profile, tokens.expires_in, &tokens.access);
    if (!error) {
        error = token_issue(arena, config->jwt_secret_key, TOKEN_REFRESH, principal->id, NULL,
                            config->refresh_expiration_hours * SECONDS_PER_HOUR, &tokens.refresh);
    }
    if (!error) {
        *tokens_r = tokens;
    }
    return error;
}
