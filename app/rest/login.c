/* See login.h. */
#include "rest/login.h"

#include "auth/account.h"
#include "auth/auth.h"
#include "auth/digest.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/network.h"
#include "base/utf8.h"
#include "http/request.h"
#include "rest/app.h"
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

/* --- who it is ------------------------------------------------------------------------------- */

/* A login as far as it has come. */
struct attempt {
    const char *name, *password;
    bool is_local;                        /* the name is the local administrator's */
    int64_t account_id;                   /* of the account that has the name; 0: none has */
    struct directory_candidate candidate; /* whom the directory has by the name */
    /* from the directory, if it did not answer; NULL: it did */
    struct error *unavailable;
    struct throttle throttle;
};

/* `name` is the name as typed, NULL if none was sent. */
static struct error *begin_throttle(struct request *request, const char *subject, const char *realm,
                                    const char *name, struct throttle *throttle_r)
{
    const struct config *config = request->app->config;
    *throttle_r = (struct throttle){
        .key = config->secret_key,
        .subject = subject,
        .source = network_of_client(request->arena, request->headers.address),
        .realm = realm,
        .name = name,
        .free_failures = config->login_free_failures,
    };
    return throttle_look(request->app->store, request->arena, throttle_r, clock_wall_ms());
}

struct error *login_begin_throttle(struct request *request, const char *principal_id,
                                   struct throttle *throttle_r)
{
    return begin_throttle(request, principal_id, "", NULL, throttle_r);
}

/* A name that is nobody's is not written down: it may be a password that was typed in its place.
 * The digest tells whether it was the same text again. */
static const char *unknown_name(const struct request *request, const char *name)
{
    const unsigned char *digest =
        digest_keyed(request->arena, request->app->config->secret_key, name, strlen(name));
    return arena_format(request->arena, "(unknown name %02x%02x%02x%02x)", digest[0], digest[1],
                        digest[2], digest[3]);
}

/* Sources from which the local administrator cannot log in have a budget of their own for that
 * name. */
static const char *realm_of(const struct request *request, const struct attempt *attempt)
{
    const struct config *config = request->app->config;
    const char *local = utf8_fold_text(request->arena, config->local_auth_username);
    bool is_local = !strcmp(utf8_fold_text(request->arena, attempt->name), local);
    return is_local && !auth_local_from(config, request->headers.address) ? "elsewhere" : "";
}

/* The subject that failures are counted for: all names of a person of the directory are one, and so
 * are those of an account. A name that nobody has cannot spell the id of a principal. */
static const char *subject_of(struct arena *arena, const struct attempt *attempt)
{
    if (attempt->candidate.guid) {
        return principal_of_directory(arena, attempt->candidate.guid)->id;
    }
    if (attempt->is_local) {
        return attempt->name;
    }
    return attempt->account_id && !attempt->candidate.resolved
               ? principal_of_account(arena, attempt->account_id)->id
               : arena_format(arena, "name:%s", attempt->name);
}

/* Finds out whose name it is. */
static struct error *identify(struct request *request, struct attempt *attempt)
{
    const struct app *app = request->app;
    struct account *account;
    attempt->is_local = auth_is_local(app->config, attempt->name);
    if (app->config->ldap_login && !attempt->is_local) {
        attempt->unavailable =
            directory_resolve(app->directory, request->arena, attempt->name, &attempt->candidate);
    }
    struct error *error = account_find(app->store, request->arena, attempt->name, &account);
    if (error) {
        return error;
    }
    attempt->account_id = account ? account->id : 0;
    bool known = attempt->is_local || attempt->account_id || attempt->candidate.resolved;
    request->subject = known ? attempt->name : unknown_name(request, attempt->name);
    return begin_throttle(request, subject_of(request->arena, attempt), realm_of(request, attempt),
                          attempt->name, &attempt->throttle);
}

/* The answer is the same to every refusal. The reason is for the log and the audit line. */
static struct error *login_by_directory(struct request *request, const struct attempt *attempt,
                                        const struct principal **principal_r)
{
    struct directory_identity identity;
    struct error *error =
        directory_login(request->app->directory, request->arena, &attempt->candidate,
                        attempt->password, attempt->throttle.known, &identity);
    if (!error) {
        *principal_r = login_principal(request->arena, &identity);
    } else if (error->id == ERR_INVALID_CREDENTIALS) {
        request->reason = error->cause;
        log_info("login refused: %s", error->cause);
    }
    return error;
}

/* Makes a refusal that cost no search or bind take as long as one that did. */
static void wait_like_the_directory(struct request *request, const struct attempt *attempt)
{
    struct directory *directory = request->app->directory;
    struct directory_candidate nobody;
    int64_t spent_us = attempt->candidate.spent_us;
    struct error *error = attempt->unavailable;
    if (!request->app->config->ldap_login) {
        return;
    }
    if (attempt->is_local) { /* nothing was searched for */
        error = directory_resolve(directory, request->arena, NULL, &nobody);
        spent_us = nobody.spent_us;
    }
    if (!error) {
        directory_wait(directory, request->arena, spent_us);
    }
}

/* Makes a refusal that cost no password hash take as long as one that did. */
static struct error *hash_like_an_account(struct request *request, const struct attempt *attempt)
{
    const struct app *app = request->app;
    const struct principal *ignored;
    struct account *nobody;
    struct error *error = auth_login_account(app->config, app->store, request->arena, "",
                                             attempt->password, &ignored, &nobody);
    return error && error->id == ERR_INVALID_CREDENTIALS ? NULL : error;
}

/* Stores a new hash if BCRYPT_COST has changed. The login succeeds even if that fails. The time
 * that it takes is seen only by those who have the password. */
static void rehash(const struct request *request, const struct account *account,
                   const char *password)
{
    const struct app *app = request->app;
    const struct error *error =
        auth_rehash(app->config, app->store, request->arena, account, password);
    if (error) {
        log_warning("login: cannot store a new password hash: %s",
                    error->cause ? error->cause : "unknown");
    }
}

/* Verifies name and password: of the local administrator, who needs no directory for it; of a
 * person of the directory; of an account, whose name the directory does not know. A refusal takes
 * the same work whoever it is. */
static struct error *prove(struct request *request, const struct attempt *attempt,
                           const struct principal **principal_r)
{
    const struct app *app = request->app;
    struct account *account = NULL;
    struct error *error = auth_login_local(app->config, request->arena, attempt->name,
                                           attempt->password, principal_r);
    bool elsewhere = !error && !auth_local_from(app->config, request->headers.address);
    if (!error && !elsewhere) {
        return NULL;
    }
    if (attempt->candidate.resolved) {
        error = login_by_directory(request, attempt, principal_r);
        struct error *failure = error && error->id == ERR_INVALID_CREDENTIALS
                                    ? hash_like_an_account(request, attempt)
                                    : NULL;
        return failure ? failure : error;
    }
    error = auth_login_account(app->config, app->store, request->arena, attempt->name,
                               attempt->password, principal_r, &account);
    if (!error) {
        rehash(request, account, attempt->password);
    }
    if (!error || error->id != ERR_INVALID_CREDENTIALS) {
        return error;
    }
    if (attempt->unavailable && !account) { /* the name may be one of the directory */
        return attempt->unavailable;
    }
    request->reason =
        elsewhere ? "the local administrator does not log in from there" : error->cause;
    wait_like_the_directory(request, attempt);
    return error;
}

/* While the queue of `auth` is full, admits only names that have logged in from the same source.
 * Looks up neither the account nor the directory: that would take longer, and its duration would
 * reveal whether the name exists. */
static struct error *admit(struct request *request, const char *name)
{
    const struct throttle throttle = {
        .key = request->app->config->secret_key,
        .source = network_of_client(request->arena, request->headers.address),
        .name = name,
    };
    bool known = false;
    struct error *error = limits_is_overflow(request)
                              ? throttle_look_at_name(request->app->store, request->arena,
                                                      &throttle, clock_wall_ms(), &known)
                              : NULL;
    return error ? error : limits_admit_hash(request, known);
}

struct error *login_verify(struct request *request, const char *name, const char *password,
                           struct throttle *throttle_r, const struct principal **principal_r)
{
    const struct app *app = request->app;
    struct attempt attempt = {.name = name, .password = password};
    struct error *error = admit(request, name);
    if (!error) {
        error = identify(request, &attempt);
    }
    if (error) {
        return error;
    }
    *throttle_r = attempt.throttle;
    error = throttle_check(app->store, request->arena, throttle_r, clock_wall_ms());
    if (error) { /* how long the directory has searched must not tell whether it has the name */
        wait_like_the_directory(request, &attempt);
        return error;
    }
    error = prove(request, &attempt, principal_r);
    if (error && error->id == ERR_INVALID_CREDENTIALS) {
        struct error *failure =
            throttle_failed(app->store, request->arena, throttle_r, clock_wall_ms());
        return failure ? failure : error;
    }
    return error;
}

/* --- names ----------------------------------------------------------------------------------- */

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
