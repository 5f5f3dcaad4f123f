/*
 * Login: the proof of a person's password, by a bind (RFC 4511 4.2, RFC 4513 5.1.3).
 *
 * The person is looked up on the worker's own connection, and binds on another one to the same
 * controller, which ends with the proof: the service account's connection never becomes anybody
 * else's.
 *
 * Neither the answer nor its time tells who exists. A name that nobody has is bound as well, by a
 * DN that cannot be; and because the controller is quicker with that than with a wrong password
 * (Samba: 0.2 against 3 ms, for a failure is written down), every refusal waits for the end of a
 * tenth of a second.
 */
#include "directory/login.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "directory/attribute.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/controller.h"
#include "directory/directory.h"
#include "directory/domain.h"
#include "directory/identity.h"
#include "directory/lockout.h"
#include "directory/query.h"
#include "directory/result.h"
#include "directory/service.h"

#include <errno.h>
#include <ldap.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    REFUSAL_STEP_US = 100 * 1000,
    CN_TOO_LONG = 65, /* cn has at most 64 characters: MS-ADA1 2.110 */
};

/* --- who it is ------------------------------------------------------------------------------- */

/* An account by one attribute; ERR_NOT_FOUND, ERR_AMBIGUOUS. */
static struct error *find_account(struct directory *directory, struct arena *arena,
                                  const char *attribute, const char *name, struct raw_entry **raw_r)
{
    char *attributes[] = {"objectGUID", "pwdLastSet", LOCKOUT_ATTRIBUTES, NULL};
    const struct query_by_name wanted = {
        .attribute = attribute,
        .name = name,
        .filter = DIRECTORY_PEOPLE,
        .attributes = attributes,
    };
    return query_name(directory, arena, &wanted, raw_r);
}

/* True if the text is one of the names of the domain. */
static bool is_domain(const struct domain *domain, const char *name)
{
    return (domain->netbios && !strcasecmp(domain->netbios, name)) ||
           (domain->dns && !strcasecmp(domain->dns, name));
}

/* An account by any of the forms of its name. */
static struct error *find_name(struct directory *directory, struct arena *arena, const char *name,
                               struct raw_entry **raw_r)
{
    const char *slash = strchr(name, '\\'), *at = strrchr(name, '@');
    const struct domain *domain;
    struct error *error = domain_get(directory, arena, &domain);
    if (error) {
        return error;
    }
    if (slash) {
        const char *prefix = arena_copy(arena, name, (size_t)(slash - name));
        return is_domain(domain, prefix)
                   ? find_account(directory, arena, "sAMAccountName", slash + 1, raw_r)
                   : error_new(arena, ERR_NOT_FOUND, NULL);
    }
    if (!at) {
        return find_account(directory, arena, "sAMAccountName", name, raw_r);
    }
    error = find_account(directory, arena, "userPrincipalName", name, raw_r);
    if (error && error->id == ERR_NOT_FOUND && domain->dns && !strcasecmp(domain->dns, at + 1)) {
        error = find_account(directory, arena, "sAMAccountName",
                             arena_copy(arena, name, (size_t)(at - name)), raw_r);
    }
    return error;
}

/* A DN that nobody can have. */
static struct directory_candidate nobody(const struct directory *directory, struct arena *arena,
                                         const char *reason)
{
    return (struct directory_candidate){
        .dn = arena_format(arena, "CN=%0*d,%s", CN_TOO_LONG, 0,
                           connection_config(directory)->ldap_base_dn),
        .reason = reason,
    };
}

/* Fills in who the entry is, if it is somebody who may log in at all. */
static struct error *take_account(struct directory *directory, struct arena *arena,
                                  const struct raw_entry *raw,
                                  struct directory_candidate *candidate_r)
{
    const struct attribute *value = attribute_get(raw, "objectGUID");
    const char *guid;
    bool is_service;
    candidate_r->resolved = true;
    if (!value || !codec_guid(arena, value->values, &guid)) {
        return NULL;
    }
    struct error *error = service_is(directory, arena, guid, &is_service);
    if (error) {
        return error;
    }
    if (is_service) { /* failures would lock it, and then nothing works */
        candidate_r->reason = "the service account does not log in";
        return NULL;
    }
    if (!attribute_integer(raw, "pwdLastSet", &candidate_r->password_set)) {
        candidate_r->password_set = 0;
    }
    candidate_r->guid = guid;
    candidate_r->dn = raw->dn;
    candidate_r->raw = raw;
    candidate_r->reason = NULL;
    return NULL;
}

struct error *directory_resolve(struct directory *directory, struct arena *arena, const char *name,
                                struct directory_candidate *candidate_r)
{
    static const char no_name[] = "\""; /* which no account name may hold: MS-SAMR 3.1.1.6 */
    struct raw_entry *raw = NULL;
    int64_t began = clock_steady_us();
    *candidate_r = nobody(directory, arena, "no such user");
    connection_begin(directory);
    struct error *error = find_name(directory, arena, name ? name : no_name, &raw);
    if (!error && raw) {
        error = take_account(directory, arena, raw, candidate_r);
    } else if (error && error->id == ERR_AMBIGUOUS) {
        candidate_r->resolved = true;
        candidate_r->reason = "several users have this name";
    }
    candidate_r->spent_us = clock_steady_us() - began;
    return error && error->id != ERR_NOT_FOUND && error->id != ERR_AMBIGUOUS ? error : NULL;
}

/* --- the bind -------------------------------------------------------------------------------- */

/* The controller does not serve logins: another one may. */
static void leave_server(struct directory *directory, bool silent, int64_t asked)
{
    if (silent) {
        connection_unanswered(directory, asked);
    } else {
        connection_avoid(directory);
    }
}

/* Another connection to the controller that the worker is connected to. One that takes none is
 * failed over from, as connection.c does. */
static struct error *open_another(struct directory *directory, struct arena *arena, LDAP **ldap_r)
{
    LDAP *service;
    for (size_t i = 0; i < connection_server_count(directory); i++) {
        struct error *error = connection_get(directory, arena, &service);
        if (error) {
            return error;
        }
        const char *cause = NULL;
        bool silent = false;
        int64_t asked = clock_steady_us();
        const struct controller_attempt attempt =
            connection_attempt(directory, arena, connection_server(directory));
        *ldap_r = controller_open(&attempt, &cause, &silent);
        if (*ldap_r) {
            return NULL;
        }
        log_error("directory: no connection for a login: %s: %s", attempt.uri, cause);
        leave_server(directory, silent, asked);
    }
    return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "no controller takes another connection");
}

/* ERR_INVALID_CREDENTIALS with the reason as its cause. */
static struct error *refuse(struct arena *arena, const char *reason)
{
    return error_new(arena, ERR_INVALID_CREDENTIALS, "%s", reason);
}

static struct error *bind_candidate(struct directory *directory, struct arena *arena,
                                    const struct directory_candidate *candidate,
                                    const char *password)
{
    LDAP *ldap = NULL;
    const char *diagnostic;
    struct error *error = open_another(directory, arena, &ldap);
    if (error) {
        return error;
    }
    int64_t asked = clock_steady_us();
    const struct controller_attempt attempt =
        connection_attempt(directory, arena, connection_server(directory));
    int code = controller_bind(&attempt, ldap, candidate->dn, password, &diagnostic);
    ldap_unbind_ext(ldap, NULL, NULL);
    if (code == LDAP_SUCCESS && candidate->guid) {
        return NULL;
    }
    if (!candidate->guid && (code == LDAP_SUCCESS || controller_refuses(code))) {
        return refuse(arena, candidate->reason);
    }
    if (controller_refuses(code)) {
        return refuse(arena, result_bind_reason(diagnostic));
    }
    if (code == LDAP_TIMEOUT || code == LDAP_SERVER_DOWN) {
        leave_server(directory, code == LDAP_TIMEOUT, asked);
    }
    return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "the bind of a login: %s%s%s",
                     ldap_err2string(code), *diagnostic ? ": " : "", diagnostic);
}

/* --- the login ------------------------------------------------------------------------------- */

/* The candidate, or nobody in its place: a login that could lock the account is refused as one of
 * nobody is, after a bind of the same kind. */
static struct error *admit(struct directory *directory, struct arena *arena,
                           const struct directory_candidate *candidate, bool known_source,
                           struct directory_candidate *admitted_r,
                           struct lockout_attempt *attempt_r)
{
    const char *refusal = NULL;
    *admitted_r = *candidate;
    *attempt_r = (struct lockout_attempt){0};
    struct error *error = candidate->guid ? lockout_admit(directory, arena, candidate, known_source,
                                                          attempt_r, &refusal)
                                          : NULL;
    if (refusal) {
        *admitted_r = nobody(directory, arena, refusal);
    }
    return error;
}

static struct error *prove(struct directory *directory, struct arena *arena,
                           const struct directory_candidate *candidate, const char *password,
                           bool known_source, struct directory_identity *identity_r)
{
    struct directory_candidate admitted;
    struct lockout_attempt attempt;
    const char *refusal;
    connection_begin(directory);
    struct error *error = admit(directory, arena, candidate, known_source, &admitted, &attempt);
    if (!error) {
        error = bind_candidate(directory, arena, &admitted, password);
        (error ? lockout_failed : lockout_succeeded)(&attempt);
    }
    if (!error) {
        error = identity_read(directory, arena, admitted.guid, identity_r, &refusal);
    }
    if (error) {
        return error;
    }
    if (!refusal && admitted.password_set && admitted.password_set < identity_r->password_set) {
        identity_r->password_set = admitted.password_set; /* reset between the bind and the read */
    }
    return refusal ? refuse(arena, refusal) : NULL;
}

/* Until the time since `began` is a whole number of steps. */
static void wait_for_step(int64_t began)
{
    int64_t rest = REFUSAL_STEP_US - (clock_steady_us() - began) % REFUSAL_STEP_US;
    struct timespec time = {.tv_sec = rest / US_PER_S, .tv_nsec = rest % US_PER_S * NS_PER_US};
    while (nanosleep(&time, &time) < 0 && errno == EINTR) {
    }
}

struct error *directory_login(struct directory *directory, struct arena *arena,
                              const struct directory_candidate *candidate, const char *password,
                              bool known_source, struct directory_identity *identity_r)
{
    int64_t began = clock_steady_us() - candidate->spent_us;
    struct error *error =
        *password ? prove(directory, arena, candidate, password, known_source, identity_r)
                  : refuse(arena, "the password is empty");
    if (error && error->id == ERR_INVALID_CREDENTIALS) {
        wait_for_step(began);
    }
    return error;
}

void directory_wait(struct directory *directory, struct arena *arena, int64_t spent_us)
{
    struct directory_candidate candidate = nobody(directory, arena, "no such user");
    struct directory_identity identity;
    candidate.spent_us = spent_us;
    struct error *ignored = directory_login(directory, arena, &candidate, "-", false, &identity);
    (void)ignored; /* it was for the time that it takes */
}
