/*
 * Login: verifies the password of a directory user by a bind (RFC 4511 4.2, RFC 4513 5.1.3).
 *
 * The user is looked up on the worker's connection, but the bind is sent on a separate connection
 * to the same controller, which is closed afterwards: the worker's connection stays bound as the
 * service account.
 *
 * Neither the answer nor its duration reveals whether an account exists. For an unknown name, a
 * bind with an impossible DN is sent. The controller refuses that faster than a wrong password
 * (Samba: 0.2 instead of 3 ms, because it stores a failure), so every refusal is delayed to a
 * multiple of 100 ms.
 */
#include "directory/login.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/fold.h"
#include "base/log.h"
#include "directory/attribute.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/controller.h"
#include "directory/directory.h"
#include "directory/domain.h"
#include "directory/identity.h"
#include "directory/lockout.h"
#include "directory/login_name.h"
#include "directory/query.h"
#include "directory/result.h"
#include "directory/service.h"

#include <errno.h>
#include <ldap.h>
#include <strings.h>
#include <time.h>

enum {
    REFUSAL_STEP_US = 100 * 1000, /* the duration of a refusal is a multiple of this */
    CN_TOO_LONG = 65,             /* cn has at most 64 characters: MS-ADA1 2.110 */
};

/* --- resolving names ------------------------------------------------------------------------- */

/* Finds a user account by one attribute. Returns ERR_NOT_FOUND or ERR_AMBIGUOUS as query_name(). */
static struct error *find_account(struct directory *directory, struct arena *arena,
                                  const char *attribute, const char *name, struct raw_entry **raw_r)
{
    char *attributes[] = {"objectGUID", "pwdLastSet", LOCKOUT_ATTRIBUTES, NULL};
    const struct query_by_name wanted = {
        .attribute = attribute,
        .name = name,
        .filter = DIRECTORY_USER_FILTER,
        .attributes = attributes,
    };
    return query_name(directory, arena, &wanted, raw_r);
}

/* Finds a user account by its userPrincipalName or, if there is none, by its sAMAccountName. */
static struct error *find_by_login_name(struct directory *directory, struct arena *arena,
                                        const struct login_name *name, struct raw_entry **raw_r)
{
    struct error *error = name->principal ? find_account(directory, arena, "userPrincipalName",
                                                         name->principal, raw_r)
                                          : error_new(arena, ERR_NOT_FOUND, NULL);
    return name->account && error && error->id == ERR_NOT_FOUND
               ? find_account(directory, arena, "sAMAccountName", name->account, raw_r)
               : error;
}

/* Finds a user account by the folded name with the domain in its ASCII form (xn--). */
static struct error *find_by_ascii_domain(struct directory *directory, struct arena *arena,
                                          const char *folded, struct raw_entry **raw_r)
{
    const struct login_name name = {.principal =
                                        folded ? fold_encode_address(arena, folded) : NULL};
    return name.principal && strcasecmp(name.principal, folded) != 0
               ? find_by_login_name(directory, arena, &name, raw_r)
               : error_new(arena, ERR_NOT_FOUND, NULL);
}

/* Finds a user account by the folded name, if that differs from the name by more than case, and by
 * the other form of its domain. Active Directory finds some spellings by the name itself. Samba
 * compares code points, and the answer of a login must not reveal that it has the name in another
 * spelling. */
static struct error *find_by_folded_name(struct directory *directory, struct arena *arena,
                                         const struct login_name *name, struct raw_entry **raw_r)
{
    const struct login_name folded = {
        .principal = fold_address(arena, name->principal),
        .account = fold_text(arena, name->account),
    };
    bool differs = (name->principal && strcasecmp(name->principal, folded.principal) != 0) ||
                   (name->account && strcasecmp(name->account, folded.account) != 0);
    struct error *error = differs ? find_by_login_name(directory, arena, &folded, raw_r)
                                  : error_new(arena, ERR_NOT_FOUND, NULL);
    return error && error->id == ERR_NOT_FOUND
               ? find_by_ascii_domain(directory, arena, folded.principal, raw_r)
               : error;
}

/* Parses the name and finds its user account. */
static struct error *resolve_name(struct directory *directory, struct arena *arena,
                                  const char *text, struct directory_candidate *candidate_r,
                                  struct raw_entry **raw_r)
{
    const struct domain *domain;
    struct error *error = domain_get(directory, arena, &domain);
    if (error) {
        return error;
    }
    const struct login_name name = login_name_parse(arena, domain, text);
    candidate_r->counted = name.account ? name.account : text;
    error = find_by_login_name(directory, arena, &name, raw_r);
    return error && error->id == ERR_NOT_FOUND ? find_by_folded_name(directory, arena, &name, raw_r)
                                               : error;
}

/* Returns a candidate that cannot log in, with a DN that cannot exist. */
static struct directory_candidate make_unknown_candidate(const struct directory *directory,
                                                         struct arena *arena, const char *reason)
{
    return (struct directory_candidate){
        .dn = arena_format(arena, "CN=%0*d,%s", CN_TOO_LONG, 0,
                           connection_config(directory)->ldap_base_dn),
        .reason = reason,
    };
}

/* Fills in the candidate from the entry, unless it is the service account. */
static struct error *fill_candidate(struct directory *directory, struct arena *arena,
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
    struct error *error = service_is_account(directory, arena, guid, &is_service);
    if (error) {
        return error;
    }
    if (is_service) { /* failed logins would lock it, and all requests would fail */
        candidate_r->counted = guid;
        candidate_r->reason = "the service account must not log in";
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
    static const char no_name[] = "\""; /* not allowed in account names: MS-SAMR 3.1.1.6 */
    struct raw_entry *raw = NULL;
    int64_t began = clock_steady_us();
    *candidate_r = make_unknown_candidate(directory, arena, "no such user");
    candidate_r->counted = name;
    connection_begin_call(directory);
    struct error *error = resolve_name(directory, arena, name ? name : no_name, candidate_r, &raw);
    if (!error && raw) {
        error = fill_candidate(directory, arena, raw, candidate_r);
    } else if (error && error->id == ERR_AMBIGUOUS) {
        candidate_r->resolved = true;
        candidate_r->reason = "several users have this name";
    }
    candidate_r->spent_us = clock_steady_us() - began;
    return error && error->id != ERR_NOT_FOUND && error->id != ERR_AMBIGUOUS
               ? result_hide_refusal(arena, error)
               : NULL;
}

/* --- the bind -------------------------------------------------------------------------------- */

/* Drops the worker's connection, so that the next attempt uses another controller. */
static void leave_failed_server(struct directory *directory, bool silent, int64_t asked)
{
    if (silent) {
        connection_record_timeout(directory, asked);
    } else {
        connection_avoid_server(directory);
    }
}

/* Opens a separate connection to the controller that the worker is connected to. If that fails,
 * fails over to another controller, as connection.c does. */
static struct error *open_login_connection(struct directory *directory, struct arena *arena,
                                           LDAP **ldap_r)
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
            connection_attempt(directory, arena, connection_server_index(directory));
        *ldap_r = controller_open(&attempt, &cause, &silent);
        if (*ldap_r) {
            return NULL;
        }
        log_error("directory: cannot connect for a login: %s: %s", attempt.uri, cause);
        leave_failed_server(directory, silent, asked);
    }
    return error_new(arena, ERR_DIRECTORY_UNAVAILABLE,
                     "no controller accepts a connection for a login");
}

/* Returns ERR_INVALID_CREDENTIALS with the reason as its cause. */
static struct error *refuse_login(struct arena *arena, const char *reason)
{
    return error_new(arena, ERR_INVALID_CREDENTIALS, "%s", reason);
}

static struct error *bind_candidate(struct directory *directory, struct arena *arena,
                                    const struct directory_candidate *candidate,
                                    const char *password)
{
    LDAP *ldap = NULL;
    const char *diagnostic;
    struct error *error = open_login_connection(directory, arena, &ldap);
    if (error) {
        return error;
    }
    int64_t asked = clock_steady_us();
    const struct controller_attempt attempt =
        connection_attempt(directory, arena, connection_server_index(directory));
    int code = controller_bind(&attempt, ldap, candidate->dn, password, &diagnostic);
    ldap_unbind_ext(ldap, NULL, NULL);
    if (code == LDAP_SUCCESS && candidate->guid) {
        return NULL;
    }
    if (!candidate->guid && (code == LDAP_SUCCESS || controller_is_refusal(code))) {
        return refuse_login(arena, candidate->reason);
    }
    if (controller_is_refusal(code)) {
        return refuse_login(arena, result_bind_reason(diagnostic));
    }
    if (code == LDAP_TIMEOUT || code == LDAP_SERVER_DOWN) {
        leave_failed_server(directory, code == LDAP_TIMEOUT, asked);
    }
    return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "the bind of a login failed: %s%s%s",
                     ldap_err2string(code), *diagnostic ? ": " : "", diagnostic);
}

/* --- the login ------------------------------------------------------------------------------- */

/* Returns the candidate or, if another failure could lock its account, an unknown candidate: such a
 * login is refused like that of an unknown user, after a bind that cannot succeed. */
static struct error *admit_candidate(struct directory *directory, struct arena *arena,
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
        *admitted_r = make_unknown_candidate(directory, arena, refusal);
    }
    return error;
}

/* Verifies the password and reads the identity. */
static struct error *verify_candidate(struct directory *directory, struct arena *arena,
                                      const struct directory_candidate *candidate,
                                      const char *password, bool known_source,
                                      struct directory_identity *identity_r)
{
    struct directory_candidate admitted;
    struct lockout_attempt attempt;
    const char *refusal;
    connection_begin_call(directory);
    struct error *error =
        admit_candidate(directory, arena, candidate, known_source, &admitted, &attempt);
    if (!error) {
        error = bind_candidate(directory, arena, &admitted, password);
        (error ? lockout_record_failure : lockout_record_success)(&attempt);
    }
    if (!error) {
        error = identity_read(directory, arena, admitted.guid, identity_r, &refusal);
    }
    if (error) {
        return error;
    }
    if (!refusal && admitted.password_set && admitted.password_set < identity_r->password_set) {
        /* the password was reset between the bind and the read */
        identity_r->password_set = admitted.password_set;
    }
    return refusal ? refuse_login(arena, refusal) : NULL;
}

struct error *directory_login(struct directory *directory, struct arena *arena,
                              const struct directory_candidate *candidate, const char *password,
                              bool known_source, struct directory_identity *identity_r)
{
    int64_t began = clock_steady_us() - candidate->spent_us;
    struct error *error = *password ? verify_candidate(directory, arena, candidate, password,
                                                       known_source, identity_r)
                                    : refuse_login(arena, "the password is empty");
    if (error && error->id == ERR_INVALID_CREDENTIALS) {
        /* Sleeps until the time since `began` is a multiple of REFUSAL_STEP_US. */
        int64_t rest = REFUSAL_STEP_US - (clock_steady_us() - began) % REFUSAL_STEP_US;
        struct timespec time = {.tv_sec = rest / US_PER_S, .tv_nsec = rest % US_PER_S * NS_PER_US};
        while (nanosleep(&time, &time) < 0 && errno == EINTR) {
        }
    }
    return result_hide_refusal(arena, error);
}

void directory_simulate_login(struct directory *directory, struct arena *arena, int64_t spent_us)
{
    struct directory_candidate candidate = make_unknown_candidate(directory, arena, "no such user");
    struct directory_identity identity;
    candidate.spent_us = spent_us;
    struct error *ignored = directory_login(directory, arena, &candidate, "-", false, &identity);
    (void)ignored; /* the result is unused: only the duration matters */
}
