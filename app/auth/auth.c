/* See auth.h. */
#include "auth/auth.h"

#include "auth/api_key.h"
#include "auth/digest.h"
#include "auth/email_link.h"
#include "auth/password.h"
#include "auth/password_strength.h"
#include "auth/session.h"
#include "auth/session_cache.h"
#include "auth/throttle.h"
#include "auth/token.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/network.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char local_prefix[] = "local:";

/* Checks that the local administrator's password is not easy to guess. A hash cannot be checked. */
static bool check_local_password(const struct config *config, struct buffer *faults)
{
    struct arena *arena = arena_new();
    const struct new_password password = {.text = config->local_auth_password,
                                          .username = config->local_auth_username};
    bool strong = *password.text == '$' || password_strength_check(arena, &password) == FAULT_NONE;
    if (!strong) {
        buffer_add_string(faults, "LOCAL_AUTH_PASSWORD: too easy to guess: it is common, too "
                                  "simple, or contains LOCAL_AUTH_USERNAME\n");
    }
    arena_free(&arena);
    return strong;
}

static bool check_dictionary(struct buffer *faults)
{
    if (password_strength_dictionary_readable()) {
        return true;
    }
    buffer_format(faults, "cracklib: cannot read the dictionary %s: %s; install cracklib-runtime\n",
                  password_strength_dictionary_path(), strerror(errno));
    return false;
}

bool auth_check(const struct config *config, struct buffer *faults)
{
    bool usable = password_hash_usable(config->local_auth_password);
    if (!usable) {
        buffer_add_string(faults, "LOCAL_AUTH_PASSWORD: begins with $ but is not a valid hash of "
                                  "crypt(5)\n");
    }
    if (config->environment != ENVIRONMENT_PRODUCTION) {
        return usable;
    }
    bool readable = check_dictionary(faults);
    return check_local_password(config, faults) && usable && readable;
}

void auth_warn(const struct config *config, struct buffer *warnings)
{
    if (config->environment != ENVIRONMENT_PRODUCTION) {
        (void)check_dictionary(warnings);
    }
}

/* --- credentials ----------------------------------------------------------------------------- */

/* Derives the epoch from the configured name and password by an HMAC. Caches it with copies of its
 * input, because each request of the local administrator needs it. */
int64_t auth_local_epoch(const struct config *config, struct arena *arena)
{
    enum { TEXTS = 3 };
    static char *known[TEXTS];
    static int64_t epoch;
    const char *const texts[TEXTS] = {config->secret_key, config->local_auth_username,
                                      config->local_auth_password};
    bool unchanged = true;
    for (size_t i = 0; i < TEXTS; i++) {
        unchanged = unchanged && known[i] && !strcmp(known[i], texts[i]);
    }
    if (unchanged) {
        return epoch;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        free(known[i]);
        known[i] = base_strdup(texts[i]);
    }
    const char *text = arena_format(arena, "%s\n%s", texts[1], texts[2]);
    memcpy(&epoch, digest_hmac(arena, config->secret_key, text, strlen(text)), sizeof epoch);
    epoch &= INT64_MAX;
    return epoch;
}

const char *auth_local_subject(const struct config *config, struct arena *arena)
{
    return arena_format(arena, "%s%s", local_prefix, config->local_auth_username);
}

static struct principal *local_administrator(const struct config *config, struct arena *arena)
{
    struct principal *principal = arena_alloc(arena, sizeof *principal);
    const char *username = arena_string(arena, config->local_auth_username);
    *principal = (struct principal){
        .kind = PRINCIPAL_LOCAL,
        .id = auth_local_subject(config, arena),
        .username = username,
        .name = username,
        .epoch = auth_local_epoch(config, arena),
    };
    return principal;
}

bool auth_is_local_username(const struct config *config, const char *username)
{
    return password_secrets_equal(config->local_auth_username, username);
}

bool auth_local_is_allowed_from(const struct config *config, const char *address)
{
    return !*config->local_auth_networks ||
           network_list_contains(config->local_auth_networks, address);
}

struct error *auth_login_local(const struct config *config, struct arena *arena,
                               const char *username, const char *password,
                               const struct principal **principal_r)
{
    /* Always checks both name and password, so that the response time does not reveal whether the
     * name is right. */
    bool name_fits = auth_is_local_username(config, username);
    bool password_fits = password_verify(config->local_auth_password, password);
    if (!name_fits || !password_fits) {
        return error_new(arena, ERR_INVALID_CREDENTIALS, "wrong user name or password");
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
    principal->epoch = account->credentials_version;
    return principal;
}

struct error *auth_login_account(const struct config *config, struct store *store,
                                 struct arena *arena, const char *name, const char *password,
                                 const struct principal **principal_r, struct account **account_r)
{
    struct account *account;
    int64_t highest_cost;
    struct error *error = account_find(store, arena, name, &account);
    if (!error) {
        error = account_highest_cost(store, arena, &highest_cost);
    }
    if (error) {
        return error;
    }
    const char *hash = account ? account->password_hash : NULL;
    bool fits = hash && password_verify(hash, password) &&
                strlen(password) <= PASSWORD_BYTES_MAX; /* bcrypt ignores further bytes */
    *account_r = account;
    if (!fits) {
        /* Every failed login takes as long as the most expensive hash. */
        int64_t cost = highest_cost > config->bcrypt_cost ? highest_cost : config->bcrypt_cost;
        password_complete_work(password, hash ? password_cost(hash) : 0, cost);
        return error_new(arena, ERR_INVALID_CREDENTIALS,
                         account ? "wrong password" : "no such user");
    }
    *principal_r = principal_from(arena, account);
    return NULL;
}

/* Arguments of replace_hash(). */
struct rehash {
    struct arena *arena;
    const struct account *account;
    const char *hash;
};

static struct error *replace_hash(struct store *store, void *context)
{
    const struct rehash *rehash = context;
    return account_rehash(store, rehash->arena, rehash->account, rehash->hash);
}

struct error *auth_rehash_password(const struct config *config, struct store *store,
                                   struct arena *arena, const struct account *account,
                                   const char *password)
{
    struct rehash rehash = {.arena = arena, .account = account};
    if (password_cost(account->password_hash) == config->bcrypt_cost) {
        return NULL;
    }
    rehash.hash = password_hash(arena, password, config->bcrypt_cost);
    return rehash.hash ? store_write(store, arena, replace_hash, &rehash)
                       : error_new(arena, ERR_INTERNAL, "bcrypt: cannot hash the password");
}

struct error *auth_hash_password(const struct config *config, struct arena *arena,
                                 const struct new_password *password, const char **hash_r)
{
    if (config->environment == ENVIRONMENT_PRODUCTION && !password_strength_dictionary_readable()) {
        return error_new(arena, ERR_INTERNAL, "cracklib: cannot read the dictionary %s",
                         password_strength_dictionary_path());
    }
    enum fault_id weakness = password_strength_check(arena, password);
    if (weakness != FAULT_NONE) {
        return error_field(arena, password->field, weakness, NULL);
    }
    *hash_r = password_hash(arena, password->text, config->bcrypt_cost);
    return *hash_r ? NULL : error_new(arena, ERR_INTERNAL, "bcrypt: cannot hash the password");
}

/* --- tokens ---------------------------------------------------------------------------------- */

struct session_settings auth_session_settings(const struct config *config)
{
    return (struct session_settings){
        .key = config->jwt_secret_key,
        .previous_key = config->jwt_secret_key_previous,
        .now_ms = clock_wall_ms(),
        .refresh_ms = config->refresh_expiration_hours * MS_PER_HOUR,
        .lifetime_ms = config->session_max_hours * MS_PER_HOUR,
    };
}

/* Returns the session's refresh token and a new access token, which expires with the session at the
 * latest. */
static struct error *issue_tokens(const struct config *config, struct arena *arena,
                                  const struct principal *principal, const struct session *session,
                                  int64_t organization_id, struct auth_tokens *tokens_r)
{
    int64_t lifetime = config->jwt_expiration_hours * S_PER_HOUR;
    int64_t left = (session->expires_ms - clock_wall_ms()) / MS_PER_S;
    struct token_claims claims = {
        .subject = principal->id,
        .session = session->id,
        .organization_id = organization_id,
    };
    if (principal->kind == PRINCIPAL_DIRECTORY) { /* later requests do not read the directory */
        claims.profile = (struct token_profile){principal->username, principal->email,
                                                principal->name, principal->administrator};
    }
    tokens_r->refresh = session->refresh_token;
    tokens_r->expires_in = lifetime < left ? lifetime : left;
    if (tokens_r->expires_in <= 0) {
        return error_new(arena, ERR_TOKEN_EXPIRED, "the session has reached its maximum lifetime");
    }
    return token_issue(arena, config->jwt_secret_key, &claims, tokens_r->expires_in,
                       &tokens_r->access);
}

/* Returns a session of the principal, without an id. */
static struct session session_of(const struct principal *principal)
{
    return (struct session){
        .subject = principal->id,
        .account_id = principal->account_id,
        .username = principal->username,
        .epoch = principal->epoch,
        .administrator = principal->administrator,
        .principals = principal->principals,
    };
}

/* Caches a session. Sessions of accounts are not cached, because each request reads them from the
 * database. The caller has read `generation` before it read the session. */
static void cache_session(const struct session *session, uint64_t generation)
{
    unsigned char id[RANDOM_ID_BYTES];
    const struct session_facts facts = {
        .epoch = session->epoch,
        .expires_ms = session->expires_ms,
        .administrator = session->administrator,
    };
    if (!session->account_id && session_id_bytes(session->id, id)) {
        session_cache_store(id, session->subject, generation, &facts);
    }
}

/* Called after a write that may have ended sessions: invalidates their cached copies if the write
 * is committed. On SQLite, auth_after_commit() does that after the group commit. */
static void invalidate_if_committed(struct store *store)
{
    if (!store_group_open(store)) {
        session_cache_after_commit();
    }
}

void auth_after_commit(void)
{
    session_cache_after_commit();
}

/* The context of the transactions that begin a session or add an account. */
struct opening {
    const struct config *config;
    struct arena *arena;
    const struct throttle *throttle; /* NULL for a registration */
    const struct session_client *client;
    struct session session;
    struct auth_registration *registration;
};

static struct error *begin_session(struct store *store, void *context)
{
    struct opening *work = context;
    const struct session_settings terms = auth_session_settings(work->config);
    struct error *error =
        work->throttle ? throttle_count_success(store, work->arena, work->throttle, clock_wall_ms())
                       : NULL;
    return error ? error : session_begin(store, work->arena, &terms, work->client, &work->session);
}

struct error *auth_begin_session(const struct config *config, struct store *store,
                                 struct arena *arena, const struct principal *principal,
                                 const struct throttle *throttle,
                                 const struct session_client *client, struct auth_tokens *tokens_r)
{
    struct opening work = {
        .config = config,
        .arena = arena,
        .throttle = throttle,
        .client = client,
        .session = session_of(principal),
    };
    int64_t organization_id = 0;
    struct error *error = NULL;
    if (principal->account_id) {
        error = account_default_organization(store, arena, principal->account_id, &organization_id);
    }
    if (!error) {
        error = store_write(store, arena, begin_session, &work);
    }
    if (error) {
        return error;
    }
    unsigned char id[RANDOM_ID_BYTES];
    /* the session is new, so no other process can have ended it */
    if (session_id_bytes(work.session.id, id)) {
        cache_session(&work.session, session_cache_generation(id));
    }
    return issue_tokens(config, arena, principal, &work.session, organization_id, tokens_r);
}

/* Consumes the link of a registration, if there is one, and removes the address from an account
 * that holds it unverified. A no-op if the configuration trusts every address. */
static struct error *verify_registered_address(struct store *store, const struct opening *work,
                                               int64_t now)
{
    struct auth_registration *registration = work->registration;
    const char *email = registration->account.email;
    registration->released_id = 0;
    if (!registration->link) {
        return NULL;
    }
    struct error *error = email_link_use(store, work->arena, registration->link, email, now);
    registration->account.verified_ms = now;
    if (!error && !config_trusts_email_addresses(work->config)) {
        error = account_release_email(store, work->arena, email, now, &registration->released_id);
    }
    return error;
}

static struct error *add_account(struct store *store, void *context)
{
    struct opening *work = context;
    struct auth_registration *registration = work->registration;
    int64_t now = clock_wall_ms();
    struct error *error = verify_registered_address(store, work, now);
    if (!error) {
        error = account_insert(store, work->arena, &registration->account, now);
    }
    if (!error) {
        error = account_insert_organization(store, work->arena, &registration->organization,
                                            registration->account.id, now);
    }
    return error ? error
                 : account_set_default_organization(store, work->arena, registration->account.id,
                                                    registration->organization.id);
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
    registration->account.credentials_version = 1; /* the default value of the column */
    work->session = session_of(principal_from(work->arena, &registration->account));
    return begin_session(store, work);
}

struct error *auth_register(const struct config *config, struct store *store, struct arena *arena,
                            struct auth_registration *registration, struct auth_tokens *tokens_r)
{
    struct opening work = {.config = config,
                           .arena = arena,
                           .client = &registration->client,
                           .registration = registration};
    struct error *error = store_write(store, arena, add_registration, &work);
    return error ? error
                 : issue_tokens(config, arena, principal_from(arena, &registration->account),
                                &work.session, registration->organization.id, tokens_r);
}

/* --- refreshing and ending ------------------------------------------------------------------- */

/* Returns the principal of a token's subject; NULL if the configuration has changed and the subject
 * cannot log in any more. Only the id is set for an account or a directory user. */
static struct principal *find_subject(const struct config *config, struct arena *arena,
                                      const char *subject)
{
    const char *guid = principal_guid(subject);
    int64_t account_id = principal_account_id(subject);
    if (guid) {
        return config->ldap_login ? principal_of_directory(arena, guid) : NULL;
    }
    if (account_id) {
        return principal_of_account(arena, account_id);
    }
    struct principal *local = local_administrator(config, arena);
    return strcmp(local->id, subject) ? NULL : local;
}

static struct error *unknown_subject_error(struct arena *arena)
{
    return error_new(arena, ERR_INVALID_TOKEN, "the subject does not exist");
}

struct error *auth_refresh_subject(const struct config *config, struct store *store,
                                   struct arena *arena, const char *token,
                                   const struct principal **principal_r)
{
    const struct session_settings terms = auth_session_settings(config);
    struct session session;
    struct account *account = NULL;
    struct error *error = session_find(store, arena, &terms, token, &session);
    if (error) {
        return error;
    }
    const struct principal *principal = find_subject(config, arena, session.subject);
    if (!principal) {
        return unknown_subject_error(arena);
    }
    if (principal->account_id) {
        error = account_get(store, arena, principal->account_id, &account);
        if (!error && !account) {
            error = unknown_subject_error(arena);
        }
    }
    if (!error) {
        *principal_r = account ? principal_from(arena, account) : principal;
    }
    return error;
}

/* Refreshes the session of the refresh token or, if `token` is NULL, renews the principal's
 * session. */
static struct error *continue_session(const struct config *config, struct store *store,
                                      struct arena *arena, const struct principal *principal,
                                      const struct session_client *client, const char *token,
                                      struct session *session)
{
    const struct session_settings terms = auth_session_settings(config);
    struct session_outcome outcome = {.reused = false};
    struct error *error;
    if (token) {
        error = session_refresh(store, arena, &terms, client, token, session, &outcome);
    } else {
        memccpy(session->id, principal->session, '\0', sizeof session->id);
        error = session_renew(store, arena, &terms, client, session);
    }
    if (outcome.reused) {
        metrics_add(METRIC_REFRESH_REUSE, 0, 1);
        log_warning("session %s of %s: ended: a replaced refresh token was used again, from %s",
                    session->id, session->subject, client->address);
    }
    invalidate_if_committed(store);
    return error;
}

struct error *auth_refresh(const struct config *config, struct store *store, struct arena *arena,
                           const struct principal *principal, const struct session_client *client,
                           const char *token, struct auth_tokens *tokens_r)
{
    struct session session = session_of(principal);
    int64_t organization_id = principal->organization_id;
    if (!token && !principal->session) {
        return error_new(arena, ERR_INVALID_TOKEN, "the token has no session");
    }
    struct error *error =
        continue_session(config, store, arena, principal, client, token, &session);
    if (!error && principal->account_id && principal->role == ROLE_NONE) {
        error = account_default_organization(store, arena, principal->account_id, &organization_id);
    }
    return error ? error
                 : issue_tokens(config, arena, principal, &session, organization_id, tokens_r);
}

/* The context of the transactions that end sessions. */
struct ending {
    struct arena *arena;
    const struct principal *principal;
    const char *subject;
    const char *password_hash;
    int64_t count;
};

static struct error *end_session(struct store *store, void *context)
{
    struct ending *work = context;
    return session_end(store, work->arena, work->principal->session, clock_wall_ms(), &work->count);
}

struct error *auth_logout(struct store *store, struct arena *arena,
                          const struct principal *principal)
{
    struct ending work = {.arena = arena, .principal = principal};
    struct error *error = store_write(store, arena, end_session, &work);
    invalidate_if_committed(store);
    return error;
}

static struct error *end_subject_sessions(struct store *store, void *context)
{
    struct ending *work = context;
    return session_end_subject(store, work->arena, work->subject, clock_wall_ms(), &work->count);
}

struct error *auth_end_sessions(struct store *store, struct arena *arena, const char *guid)
{
    struct ending work = {.arena = arena, .subject = principal_of_directory(arena, guid)->id};
    struct error *error = store_write(store, arena, end_subject_sessions, &work);
    invalidate_if_committed(store);
    return error;
}

static struct error *set_password(struct store *store, void *context)
{
    struct ending *work = context;
    const struct principal *principal = work->principal;
    int64_t now = clock_wall_ms();
    struct store_query *query = store_query(store, work->arena, SQL_ACCOUNTS_SET_PASSWORD);
    store_bind_integer(query, principal->account_id);
    store_bind_text(query, work->password_hash);
    store_bind_integer(query, now);
    struct error *error = store_execute(query);
    return error
               ? error
               : session_end_account(store, work->arena, principal->account_id, now, &work->count);
}

struct error *auth_change_password(const struct config *config, struct store *store,
                                   struct arena *arena, const struct principal *principal,
                                   const struct new_password *password)
{
    struct ending work = {.arena = arena, .principal = principal};
    struct error *error = auth_hash_password(config, arena, password, &work.password_hash);
    return error ? error : store_write(store, arena, set_password, &work);
}

/* --- bearer tokens --------------------------------------------------------------------------- */

/* Reads the account's names and its role in the organization. ERR_INVALID_TOKEN unless the
 * session is alive and was opened with the account's current password. */
static struct error *read_account_principal(struct store *store, struct arena *arena,
                                            struct principal *principal)
{
    unsigned char *id = arena_alloc(arena, RANDOM_ID_BYTES);
    bool row;
    if (!principal->session || !session_id_bytes(principal->session, id)) {
        return error_new(arena, ERR_INVALID_TOKEN, "the token has no session");
    }
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_PRINCIPAL);
    store_bind_integer(query, principal->account_id);
    store_bind_integer(query, principal->organization_id);
    store_bind_bytes(query, id, RANDOM_ID_BYTES);
    store_bind_integer(query, clock_wall_ms());
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    if (!row || store_is_null(query, SQL_ACCOUNTS_PRINCIPAL_SESSION_EXPIRES_AT)) {
        return error_new(arena, ERR_INVALID_TOKEN,
                         row ? "the session has ended" : "the account does not exist");
    }
    principal->username =
        arena_string(arena, store_text(query, SQL_ACCOUNTS_PRINCIPAL_USERNAME, NULL));
    principal->email =
        store_is_null(query, SQL_ACCOUNTS_PRINCIPAL_EMAIL)
            ? NULL
            : arena_string(arena, store_text(query, SQL_ACCOUNTS_PRINCIPAL_EMAIL, NULL));
    principal->name = arena_string(arena, store_text(query, SQL_ACCOUNTS_PRINCIPAL_NAME, NULL));
    principal->role = principal_role_by_name(store_text(query, SQL_ACCOUNTS_PRINCIPAL_ROLE, NULL));
    principal->epoch = store_integer(query, SQL_ACCOUNTS_PRINCIPAL_CREDENTIALS_VERSION);
    return store_next(query, &row);
}

/* Reads the session of a principal that is not an account, from the cache while its entry is fresh.
 * While the database is down, accepts a session that was alive when this host last read it, because
 * the directory must be usable without the database. */
static struct error *read_session(struct store *store, struct arena *arena,
                                  const struct principal *principal, const unsigned char *id,
                                  struct session_facts *facts_r)
{
    /* read before the session is read from the database */
    uint64_t generation = session_cache_generation(id);
    enum session_cache_state known = session_cache_find(id, principal->id, facts_r);
    struct store_health health;
    struct session session;
    if (known == SESSION_FRESH) {
        return NULL;
    }
    store_health(store, &health);
    struct error *error = NULL;
    if (known == SESSION_UNKNOWN || health.state != STORE_DOWN) {
        error = session_check(store, arena, principal->session, principal->id, clock_wall_ms(),
                              &session);
        if (!error) {
            *facts_r =
                (struct session_facts){session.epoch, session.expires_ms, session.administrator};
        }
    }
    if (error && (known == SESSION_UNKNOWN || error->id != ERR_DATABASE_UNAVAILABLE)) {
        return error;
    }
    session_cache_store(id, principal->id, generation, facts_r);
    return NULL;
}

/* Checks the session of the local administrator or of a directory user. */
static struct error *check_session(struct store *store, struct arena *arena,
                                   struct principal *principal)
{
    unsigned char id[RANDOM_ID_BYTES];
    struct session_facts facts;
    if (!principal->session || !session_id_bytes(principal->session, id)) {
        return error_new(arena, ERR_INVALID_TOKEN, "the token has no session");
    }
    struct error *error = read_session(store, arena, principal, id, &facts);
    if (error) {
        return error;
    }
    if (principal->kind == PRINCIPAL_LOCAL && principal->epoch != facts.epoch) {
        return error_new(arena, ERR_INVALID_TOKEN, "the credentials were changed after the login");
    }
    principal->epoch = facts.epoch;
    principal->opened_as_administrator = facts.administrator;
    return NULL;
}

static struct error *find_principal(const struct config *config, struct store *store,
                                    struct arena *arena, const struct token_claims *claims,
                                    int64_t organization_id, const struct principal **principal_r)
{
    struct principal *principal = find_subject(config, arena, claims->subject);
    struct error *error = NULL;
    if (!principal) {
        return unknown_subject_error(arena);
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
        error = read_account_principal(store, arena, principal);
    } else {
        error = check_session(store, arena, principal);
    }
    if (!error && organization_id && principal->role == ROLE_NONE) {
        /* does not reveal that the organization exists */
        error = error_new(arena, ERR_NOT_FOUND, NULL);
    }
    *principal_r = error ? NULL : principal;
    return error;
}

/* Verifies a token under the current key, or else under the previous one. */
static struct error *verify_access_token(const struct config *config, struct arena *arena,
                                         const char *token, struct token_claims *claims_r)
{
    struct error *error = token_verify(arena, config->jwt_secret_key, token, claims_r);
    const char *previous = config->jwt_secret_key_previous;
    bool may_be_older = error && error->id == ERR_INVALID_TOKEN && previous && *previous;
    return may_be_older ? token_verify(arena, previous, token, claims_r) : error;
}

/* Returns the maker of an API key as the principal. A key acts in its own organization only. It
 * does not depend on the password of the maker. */
static struct error *find_principal_of_key(const struct config *config, struct store *store,
                                           struct arena *arena, const char *secret,
                                           int64_t organization_id,
                                           const struct principal **principal_r)
{
    struct api_key key;
    struct error *error = api_key_find(store, arena, secret, clock_wall_ms(), &key);
    if (error) {
        return error;
    }
    struct principal *principal = find_subject(config, arena, key.subject);
    if (!principal) {
        return unknown_subject_error(arena);
    }
    if (organization_id && organization_id != key.organization_id) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    principal->username = key.username;
    principal->email = key.email;
    principal->name = key.name;
    principal->organization_id = key.organization_id;
    principal->role = key.role;
    principal->key = key.key;
    *principal_r = principal;
    return NULL;
}

struct error *auth_authenticate_bearer(const struct config *config, struct store *store,
                                       struct arena *arena, const char *authorization,
                                       int64_t organization_id,
                                       const struct principal **principal_r)
{
    static const char scheme[] = "Bearer ";
    struct token_claims claims;
    *principal_r = NULL;
    if (!*authorization) {
        return NULL;
    }
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) {
        return error_new(arena, ERR_INVALID_TOKEN, "the authentication scheme is not Bearer");
    }
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    if (api_key_is_meant(token)) {
        return find_principal_of_key(config, store, arena, token, organization_id, principal_r);
    }
    struct error *error = verify_access_token(config, arena, token, &claims);
    return error ? error
                 : find_principal(config, store, arena, &claims, organization_id, principal_r);
}

const char *auth_outdated_reason(const struct principal *principal, int64_t epoch,
                                 bool administrator)
{
    if (epoch > principal->epoch) {
        return "the password was changed after the login";
    }
    return principal->opened_as_administrator && !administrator
               ? "the user is no longer an administrator of the directory"
               : NULL;
}
