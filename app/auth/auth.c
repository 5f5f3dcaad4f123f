/* See auth.h. */
#include "auth/auth.h"

#include "auth/password.h"
#include "auth/session.h"
#include "auth/throttle.h"
#include "auth/token.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/network.h"

#include <string.h>
#include <strings.h>

enum { SECONDS_PER_HOUR = 3600, MS_PER_HOUR = 3600 * 1000 };

static const char local_prefix[] = "local:";

bool auth_check(const struct config *config, struct buffer *faults)
{
    if (password_hash_usable(config->local_auth_password)) {
        return true;
    }
    buffer_add_string(faults, "LOCAL_AUTH_PASSWORD: begins as a hash ($…) and is none\n");
    return false;
}

/* --- credentials ----------------------------------------------------------------------------- */

static struct principal *local_administrator(const struct config *config, struct arena *arena)
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

bool auth_is_local(const struct config *config, const char *username)
{
    return secret_equal(config->local_auth_username, username);
}

bool auth_local_from(const struct config *config, const char *address)
{
    return !*config->local_auth_networks ||
           network_list_contains(config->local_auth_networks, address);
}

struct error *auth_login_local(const struct config *config, struct arena *arena,
                               const char *username, const char *password,
                               const struct principal **principal_r)
{
    /* Both are compared whatever the first yields: the time must not tell names that exist. */
    bool name_fits = auth_is_local(config, username);
    bool password_fits = password_verify(config->local_auth_password, password);
    if (!name_fits || !password_fits) {
        return error_new(arena, ERR_INVALID_CREDENTIALS, "wrong name or password");
    }
    *principal_r = local_administrator(config, arena);
    return NULL;
}

static struct principal *principal_from(struct arena *arena, const struct account *account)
{
    struct principal *principal = principal_of_account(arena, account->id);
    principal->username = account->username;
    principal->email = account->email;
    principal->name = account->name;
    return principal;
}

struct error *auth_login_account(const struct config *config, struct store *store,
                                 struct arena *arena, const char *name, const char *password,
                                 const struct principal **principal_r, bool *known_r)
{
    struct account *account;
    struct error *error = account_find(store, arena, name, &account);
    if (error) {
        return error;
    }
    bool usable = account && account->password_hash;
    bool fits = password_verify(
        usable ? account->password_hash : password_nobodys(config->bcrypt_cost), password);
    fits = fits && strlen(password) <= PASSWORD_BYTES_MAX; /* bcrypt looks at no more */
    *known_r = account != NULL;
    if (!usable || !fits) {
        return error_new(arena, ERR_INVALID_CREDENTIALS,
                         account ? "wrong password" : "no such user");
    }
    *principal_r = principal_from(arena, account);
    return NULL;
}

struct error *auth_hash(const struct config *config, struct arena *arena, const char *password,
                        const char **hash_r)
{
    *hash_r = password_hash(arena, password, config->bcrypt_cost);
    return *hash_r ? NULL : error_new(arena, ERR_INTERNAL, "bcrypt does not hash");
}

/* --- tokens ---------------------------------------------------------------------------------- */

/* The access token that goes with a session. */
static struct error *issue(const struct config *config, struct arena *arena,
                           const struct principal *principal, const struct session *session,
                           int64_t organization_id, struct auth_tokens *tokens_r)
{
    struct token_claims claims = {
        .subject = principal->id,
        .session = session->id,
        .organization_id = organization_id,
    };
    if (principal->kind == PRINCIPAL_DIRECTORY) { /* who is not looked up each time */
        claims.profile = (struct token_profile){principal->username, principal->email,
                                                principal->name, principal->administrator};
    }
    tokens_r->refresh = session->refresh_token;
    tokens_r->expires_in = config->jwt_expiration_hours * SECONDS_PER_HOUR;
    return token_issue(arena, config->jwt_secret_key, &claims, tokens_r->expires_in,
                       &tokens_r->access);
}

static int64_t refresh_lifetime_ms(const struct config *config)
{
    return config->refresh_expiration_hours * MS_PER_HOUR;
}

/* What the transactions below work with. */
struct opening {
    const struct config *config;
    struct arena *arena;
    const struct throttle *throttle; /* of the login; NULL: it is none */
    struct session session;
    struct auth_registration *registration;
};

static struct error *open_session(struct store *store, void *context)
{
    struct opening *work = context;
    int64_t now = clock_wall_ms();
    struct error *error =
        work->throttle ? throttle_passed(store, work->arena, work->throttle, now) : NULL;
    return error ? error
                 : session_begin(store, work->arena, &work->session, now,
                                 refresh_lifetime_ms(work->config));
}

struct error *auth_open(const struct config *config, struct store *store, struct arena *arena,
                        const struct principal *principal, const struct throttle *throttle,
                        struct auth_tokens *tokens_r)
{
    struct opening work = {
        .config = config,
        .arena = arena,
        .throttle = throttle,
        .session = {.subject = principal->id, .account_id = principal->account_id},
    };
    int64_t organization_id = 0;
    struct error *error = NULL;
    if (principal->account_id) {
        error = account_first_organization(store, arena, principal->account_id, &organization_id);
    }
    if (!error) {
        error = store_write(store, arena, open_session, &work);
    }
    return error ? error
                 : issue(config, arena, principal, &work.session, organization_id, tokens_r);
}

static struct error *add_account(struct store *store, void *context)
{
    struct opening *work = context;
    struct auth_registration *registration = work->registration;
    int64_t now = clock_wall_ms();
    struct error *error = account_insert(store, work->arena, &registration->account, now);
    return error ? error
                 : organization_insert(store, work->arena, &registration->organization,
                                       registration->account.id, now);
}

struct error *auth_add_account(struct store *store, struct arena *arena,
                               struct auth_registration *registration)
{
    struct opening work = {.arena = arena, .registration = registration};
    return store_write(store, arena, add_account, &work);
}

static struct error *add_registration(struct store *store, void *context)
{
    struct opening *work = context;
    struct auth_registration *registration = work->registration;
    struct error *error = add_account(store, work);
    if (error) {
        return error;
    }
    work->session.account_id = registration->account.id;
    work->session.subject = principal_of_account(work->arena, registration->account.id)->id;
    return open_session(store, work);
}

struct error *auth_register(const struct config *config, struct store *store, struct arena *arena,
                            struct auth_registration *registration, struct auth_tokens *tokens_r)
{
    struct opening work = {.config = config, .arena = arena, .registration = registration};
    struct error *error = store_write(store, arena, add_registration, &work);
    return error ? error
                 : issue(config, arena, principal_from(arena, &registration->account),
                         &work.session, registration->organization.id, tokens_r);
}

/* --- refreshing, ending ---------------------------------------------------------------------- */

/* NULL if the subject is nobody, for tokens outlive the configuration. Of an account and of people of
 * the directory only the id is set. */
static struct principal *find_subject(const struct config *config, struct arena *arena,
                                      const char *subject)
{
    const char *guid = principal_guid(subject);
    int64_t account_id = principal_account_id(subject);
    struct principal *local = local_administrator(config, arena);
    return guid && config->ldap_login    ? principal_of_directory(arena, guid)
           : account_id                  ? principal_of_account(arena, account_id)
           : !strcmp(local->id, subject) ? local
                                         : NULL;
}

static struct error *refuse_subject(struct arena *arena)
{
    return error_new(arena, ERR_INVALID_TOKEN, "the subject does not exist");
}

struct error *auth_refresh_subject(const struct config *config, struct store *store,
                                   struct arena *arena, const char *token,
                                   const struct principal **principal_r)
{
    const char *subject;
    struct account *account = NULL;
    struct error *error = session_subject(store, arena, token, &subject);
    if (error) {
        return error;
    }
    const struct principal *principal = find_subject(config, arena, subject);
    if (!principal) {
        return refuse_subject(arena);
    }
    if (principal->account_id) {
        error = account_get(store, arena, principal->account_id, &account);
        if (!error && !account) {
            error = refuse_subject(arena);
        }
    }
    if (!error) {
        *principal_r = account ? principal_from(arena, account) : principal;
    }
    return error;
}

struct error *auth_refresh(const struct config *config, struct store *store, struct arena *arena,
                           const struct principal *principal, const char *token,
                           struct auth_tokens *tokens_r)
{
    struct session session = {.subject = principal->id, .account_id = principal->account_id};
    int64_t now = clock_wall_ms(), lifetime = refresh_lifetime_ms(config);
    int64_t organization_id = principal->organization_id;
    struct error *error =
        token ? session_refresh(store, arena, token, now, lifetime, &session)
              : session_extend(store, arena, principal->session, now, lifetime, &session);
    if (!error && principal->account_id && principal->role == ROLE_NONE) {
        error = account_first_organization(store, arena, principal->account_id, &organization_id);
    }
    return error ? error : issue(config, arena, principal, &session, organization_id, tokens_r);
}

struct ending {
    struct arena *arena;
    const struct principal *principal;
    const char *password_hash;
};

static struct error *end_session(struct store *store, void *context)
{
    const struct ending *work = context;
    return session_end(store, work->arena, work->principal->session, clock_wall_ms());
}

struct error *auth_logout(struct store *store, struct arena *arena,
                          const struct principal *principal)
{
    struct ending work = {.arena = arena, .principal = principal};
    return principal->session ? store_write(store, arena, end_session, &work) : NULL;
}

static struct error *set_password(struct store *store, void *context)
{
    const struct ending *work = context;
    const struct principal *principal = work->principal;
    int64_t now = clock_wall_ms();
    struct store_query *query = store_query(store, work->arena, SQL_ACCOUNTS_SET_PASSWORD);
    store_bind_integer(query, principal->account_id);
    store_bind_text(query, work->password_hash);
    store_bind_integer(query, now);
    struct error *error = store_execute(query);
    return error ? error
                 : session_end_others(store, work->arena, principal->session, principal->account_id,
                                      now);
}

struct error *auth_change_password(const struct config *config, struct store *store,
                                   struct arena *arena, const struct principal *principal,
                                   const char *password)
{
    struct ending work = {.arena = arena, .principal = principal};
    struct error *error = auth_hash(config, arena, password, &work.password_hash);
    return error ? error : store_write(store, arena, set_password, &work);
}

/* --- bearers --------------------------------------------------------------------------------- */

/* Fills in who the account is, and its role in the organization. */
static struct error *look_up_account(struct store *store, struct arena *arena,
                                     struct principal *principal)
{
    unsigned char *family = arena_alloc(arena, RANDOM_ID_BYTES);
    bool row;
    if (!principal->session || !session_id_bytes(principal->session, family)) {
        return error_new(arena, ERR_INVALID_TOKEN, "no session");
    }
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_PRINCIPAL);
    store_bind_integer(query, principal->account_id);
    store_bind_integer(query, principal->organization_id);
    store_bind_bytes(query, family, RANDOM_ID_BYTES);
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    if (!row || !store_integer(query, 4)) {
        return error_new(arena, ERR_INVALID_TOKEN, row ? "the session has ended" : "no account");
    }
    principal->username = arena_string(arena, store_text(query, 0, NULL));
    principal->email =
        store_is_null(query, 1) ? NULL : arena_string(arena, store_text(query, 1, NULL));
    principal->name = arena_string(arena, store_text(query, 2, NULL));
    principal->role = role_of_name(store_text(query, 3, NULL));
    return store_next(query, &row);
}

static struct error *find_principal(const struct config *config, struct store *store,
                                    struct arena *arena, const struct token_claims *claims,
                                    int64_t organization_id, const struct principal **principal_r)
{
    struct principal *principal = find_subject(config, arena, claims->subject);
    struct error *error = NULL;
    if (!principal) {
        return refuse_subject(arena);
    }
    principal->session = claims->session;
    if (principal->kind == PRINCIPAL_DIRECTORY) {
        principal->username = claims->profile.username;
        principal->email = claims->profile.email;
        principal->name = claims->profile.name;
        principal->administrator = claims->profile.administrator;
    }
    if (principal->kind == PRINCIPAL_ACCOUNT) {
        principal->organization_id = organization_id ? organization_id : claims->organization_id;
        error = look_up_account(store, arena, principal);
    }
    if (!error && organization_id && principal->role == ROLE_NONE) {
        error = error_new(arena, ERR_NOT_FOUND, NULL); /* whatever belongs to others */
    }
    *principal_r = error ? NULL : principal;
    return error;
}

struct error *auth_bearer(const struct config *config, struct store *store, struct arena *arena,
                          const char *authorization, int64_t organization_id,
                          const struct principal **principal_r)
{
    static const char scheme[] = "Bearer ";
    struct token_claims claims;
    *principal_r = NULL;
    if (!*authorization) {
        return NULL;
    }
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) {
        return error_new(arena, ERR_INVALID_TOKEN, "another authentication scheme");
    }
    const char *token = authorization + sizeof scheme - 1;
    struct error *error =
        token_verify(arena, config->jwt_secret_key, token + strspn(token, " "), &claims);
    return error ? error
                 : find_principal(config, store, arena, &claims, organization_id, principal_r);
}
