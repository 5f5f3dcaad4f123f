/* See login.h. */
#include "rest/login.h"

#include "auth/account.h"
#include "auth/auth.h"
#include "auth/digest.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fold.h"
#include "base/log.h"
#include "base/network.h"
#include "base/utf8.h"
#include "http/request.h"
#include "rest/app.h"
#include "rest/delegations.h"
#include "rest/limits.h"

#include <string.h>

struct principal *login_principal(struct arena *arena, const struct directory_identity *identity)
{
    struct principal *principal = principal_of_directory(arena, identity->guid);
    principal->username = identity->username;
    principal->email = identity->email;
    principal->name = identity->name;
    principal->administrator = identity->administrator;
    principal->epoch = identity->password_set;
    return principal;
}

/* --- verification ----------------------------------------------------------------------------- */

/* The state of a login. */
struct login_attempt {
    const char *name, *password;
    bool is_local;                        /* the name is that of the local administrator */
    int64_t account_id;                   /* account with this name; 0: none */
    int64_t counted_id;                   /* account whose failures are counted; 0: none */
    struct directory_candidate candidate; /* directory user with this name */
    struct error *unavailable;            /* error of the directory; NULL: it has answered */
    struct throttle throttle;
};

/* `name` is the name as the client sent it; NULL: none. */
static struct error *begin_throttle(struct request *request, const char *subject, const char *realm,
                                    const char *name, struct throttle *throttle_r)
{
    const struct config *config = app_of(request)->config;
    *throttle_r = (struct throttle){
        .key = config->secret_key,
        .subject = subject,
        .source = network_client_key(request->arena, request->headers.address),
        .realm = realm,
        .name = name,
        .free_failures = config->login_free_failures,
    };
    return throttle_find_source(app_of(request)->store, request->arena, throttle_r,
                                clock_wall_ms());
}

struct error *login_begin_throttle(struct request *request, const char *principal_id,
                                   struct throttle *throttle_r)
{
    return begin_throttle(request, principal_id, "", NULL, throttle_r);
}

/* Returns a placeholder for the log. A name that does not exist is not logged, because it may be a
 * password in the wrong field. The digest in the placeholder shows repetitions of a name. */
static const char *format_unknown_name(const struct request *request, const char *name)
{
    const unsigned char *digest =
        digest_hmac(request->arena, app_of(request)->config->secret_key, name, strlen(name));
    return arena_format(request->arena, "(unknown name %02x%02x%02x%02x)", digest[0], digest[1],
                        digest[2], digest[3]);
}

/* Returns the name under which failures are counted, in which the domain is omitted. */
static const char *get_counted_name(const struct login_attempt *attempt)
{
    return attempt->candidate.counted ? attempt->candidate.counted : attempt->name;
}

/* True if failures of this name are counted for the local administrator: the name in any case or
 * with the domain, unless another user has it. */
static bool counts_for_local(const struct request *request, const struct login_attempt *attempt)
{
    const char *local = app_of(request)->config->local_auth_username;
    bool is_other = attempt->candidate.resolved || attempt->counted_id;
    return attempt->is_local ||
           (!is_other && !strcmp(fold_address(request->arena, get_counted_name(attempt)),
                                 fold_address(request->arena, local)));
}

/* Failures for the local administrator's name are counted separately for sources from which it
 * cannot log in, so that those sources cannot lock it out. */
static const char *throttle_realm(const struct request *request,
                                  const struct login_attempt *attempt)
{
    const struct config *config = app_of(request)->config;
    return counts_for_local(request, attempt) &&
                   !auth_local_is_allowed_from(config, request->headers.address)
               ? "elsewhere"
               : "";
}

/* Returns the subject for which failures are counted. All names of one directory user, or of one
 * account, share a subject; so do all forms of a name that does not exist, because the count would
 * reveal otherwise which names exist. The prefix of an unknown name keeps it distinct from the ids
 * of principals. */
static const char *throttle_subject(const struct request *request,
                                    const struct login_attempt *attempt)
{
    const char *name = get_counted_name(attempt);
    if (attempt->candidate.guid) {
        return principal_of_directory(request->arena, attempt->candidate.guid)->id;
    }
    if (counts_for_local(request, attempt)) {
        return name;
    }
    return attempt->counted_id && !attempt->candidate.resolved
               ? principal_of_account(request->arena, attempt->counted_id)->id
               : arena_format(request->arena, "name:%s", name);
}

/* Finds the account with the name, and the account whose failures are counted: DOMAIN\name is no
 * name of an account, but its failures must share the count of `name`. */
static struct error *find_accounts(const struct request *request, struct login_attempt *attempt)
{
    struct store *store = app_of(request)->store;
    const char *counted = get_counted_name(attempt);
    struct account *account;
    struct error *error = account_find(store, request->arena, attempt->name, &account);
    attempt->account_id = !error && account ? account->id : 0;
    if (!error && !account && strcmp(counted, attempt->name) != 0) {
        error = account_find(store, request->arena, counted, &account);
    }
    attempt->counted_id = !error && account ? account->id : 0;
    return error;
}

/* Finds the principal that has the name, and begins the throttle. */
static struct error *identify_name(struct request *request, struct login_attempt *attempt)
{
    const struct app *app = request->app;
    attempt->is_local = auth_is_local_username(app->config, attempt->name);
    if (app->config->ldap_login && !attempt->is_local) {
        attempt->unavailable =
            directory_resolve(app->directory, request->arena, attempt->name, &attempt->candidate);
    }
    struct error *error = find_accounts(request, attempt);
    if (error) {
        return error;
    }
    bool known = attempt->is_local || attempt->account_id || attempt->candidate.resolved;
    request->subject = known ? attempt->name : format_unknown_name(request, attempt->name);
    return begin_throttle(request, throttle_subject(request, attempt),
                          throttle_realm(request, attempt), attempt->name, &attempt->throttle);
}

/* The response to every rejection is the same. Only the log and the audit line have the reason. */
static struct error *login_by_directory(struct request *request,
                                        const struct login_attempt *attempt,
                                        const struct principal **principal_r)
{
    struct directory_identity identity;
    struct error *error =
        directory_login(app_of(request)->directory, request->arena, &attempt->candidate,
                        attempt->password, attempt->throttle.known, &identity);
    if (!error) {
        struct principal *principal = login_principal(request->arena, &identity);
        *principal_r = principal;
        error = delegations_read_own(app_of(request)->delegations, request->arena, identity.sids,
                                     &principal->principals);
    } else if (error->id == ERR_INVALID_CREDENTIALS) {
        request->reason = error->cause;
        log_info("login: rejected: %s", error->cause);
    }
    return error;
}

/* Delays a rejection by the time that a search and a bind take, if the directory was not asked. */
static void wait_like_directory(struct request *request, const struct login_attempt *attempt)
{
    struct directory *directory = app_of(request)->directory;
    struct directory_candidate nobody;
    int64_t spent_us = attempt->candidate.spent_us;
    struct error *error = attempt->unavailable;
    if (!app_of(request)->config->ldap_login) {
        return;
    }
    if (attempt->is_local) { /* the name was not searched for in the directory */
        error = directory_resolve(directory, request->arena, NULL, &nobody);
        spent_us = nobody.spent_us;
    }
    if (!error) {
        directory_simulate_login(directory, request->arena, spent_us);
    }
}

/* Hashes the password without using the result, so that a rejection takes the same time as for an
 * account. */
static struct error *hash_like_account(struct request *request, const struct login_attempt *attempt)
{
    const struct app *app = request->app;
    const struct principal *ignored;
    struct account *nobody;
    struct error *error = auth_login_account(app->config, app->store, request->arena, "",
                                             attempt->password, &ignored, &nobody);
    return error && error->id == ERR_INVALID_CREDENTIALS ? NULL : error;
}

/* Stores a new hash if BCRYPT_COST has changed. The login succeeds even if this fails. The
 * additional time is visible only to callers with the right password. */
static void store_new_hash(const struct request *request, const struct account *account,
                           const char *password)
{
    const struct app *app = request->app;
    const struct error *error =
        auth_rehash_password(app->config, app->store, request->arena, account, password);
    if (error) {
        log_warning("login: cannot store a new password hash: %s",
                    error->cause ? error->cause : "unknown");
    }
}

/* Verifies name and password of the local administrator, of a directory user, or of an account, in
 * the order that login.h describes. All rejections do the same work. */
static struct error *verify_credentials(struct request *request,
                                        const struct login_attempt *attempt,
                                        const struct principal **principal_r)
{
    const struct app *app = request->app;
    struct account *account = NULL;
    struct error *error = auth_login_local(app->config, request->arena, attempt->name,
                                           attempt->password, principal_r);
    bool elsewhere = !error && !auth_local_is_allowed_from(app->config, request->headers.address);
    if (!error && !elsewhere) {
        return NULL;
    }
    if (attempt->candidate.resolved) {
        error = login_by_directory(request, attempt, principal_r);
        struct error *failure = error && error->id == ERR_INVALID_CREDENTIALS
                                    ? hash_like_account(request, attempt)
                                    : NULL;
        return failure ? failure : error;
    }
    error = auth_login_account(app->config, app->store, request->arena, attempt->name,
                               attempt->password, principal_r, &account);
    if (!error) {
        store_new_hash(request, account, attempt->password);
    }
    if (!error || error->id != ERR_INVALID_CREDENTIALS) {
        return error;
    }
    if (attempt->unavailable && !account) { /* the name may be that of a directory user */
        return attempt->unavailable;
    }
    request->reason =
        elsewhere ? "the local administrator cannot log in from this address" : error->cause;
    wait_like_directory(request, attempt);
    return error;
}

/* While the queue of `auth` is full, admits only names that have logged in from the same source
 * before. Searches neither the accounts nor the directory: the time of a search would reveal if the
 * name exists. */
static struct error *admit_overflow(struct request *request, const char *name)
{
    const struct throttle throttle = {
        .key = app_of(request)->config->secret_key,
        .source = network_client_key(request->arena, request->headers.address),
        .name = name,
    };
    bool known = false;
    struct error *error = limits_is_overflow(request)
                              ? throttle_find_name_source(app_of(request)->store, request->arena,
                                                          &throttle, clock_wall_ms(), &known)
                              : NULL;
    return error ? error : limits_admit_hash(request, known);
}

/* Returns the name without blanks at both ends. If the name, or its NFC or NFD, is the name of the
 * local administrator, returns that spelling. */
static const char *normalize_login_name(const struct request *request, const char *name)
{
    struct arena *arena = request->arena;
    const char *trimmed = utf8_trim(arena, name, strlen(name));
    const char *spellings[] = {name, fold_compose(arena, trimmed), fold_decompose(arena, trimmed)};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        if (auth_is_local_username(app_of(request)->config, spellings[i])) {
            return spellings[i];
        }
    }
    return trimmed;
}

struct error *login_verify(struct request *request, const char *name, const char *password,
                           struct throttle *throttle_r, const struct principal **principal_r)
{
    const struct app *app = request->app;
    struct login_attempt attempt = {
        .name = normalize_login_name(request, name),
        .password = password,
    };
    struct error *error = admit_overflow(request, attempt.name);
    if (!error) {
        error = identify_name(request, &attempt);
    }
    if (error) {
        return error;
    }
    *throttle_r = attempt.throttle;
    error = throttle_check(app->store, request->arena, throttle_r, clock_wall_ms());
    if (error) { /* the time of the search must not reveal whether the directory has the name */
        wait_like_directory(request, &attempt);
        return error;
    }
    error = verify_credentials(request, &attempt, principal_r);
    if (error && error->id == ERR_INVALID_CREDENTIALS) {
        struct error *failure =
            throttle_count_failure(app->store, request->arena, throttle_r, clock_wall_ms());
        return failure ? failure : error;
    }
    return error;
}

/* --- names ------------------------------------------------------------------------------------ */

struct error *login_check_name_free(struct directory *directory, const struct config *config,
                                    struct arena *arena, const char *field, const char *name)
{
    struct directory_candidate candidate;
    if (!config->ldap_login) {
        return NULL;
    }
    struct error *error = directory_resolve(directory, arena, name, &candidate);
    if (error || !candidate.resolved) {
        return error;
    }
    return error_detail(error_new(arena, ERR_ALREADY_EXISTS, "the directory has the name"), field,
                        FAULT_TAKEN, NULL);
}
