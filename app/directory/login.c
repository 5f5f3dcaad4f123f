/*
 * Login: the proof of a person's password, by a bind (RFC 4511 4.2, RFC 4513 5.1.3).
 *
 * The person is looked up on the worker's own connection, and binds on another one to the same
 * controller, which ends with the proof: the service account's connection never becomes anybody
 * else's.
 *
 * Neither the answer nor its time tells who exists. A name that nobody has is bound as well, by a DN
 * that cannot be; and because the controller is quicker with that than with a wrong password (Samba:
 * 0.2 against 3 ms, for a failure is written down), every refusal waits for the end of a tenth of a
 * second.
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    NS_PER_US = 1000,
    SECOND_US = 1000 * 1000,
    REFUSAL_STEP_US = 100 * 1000,
    CN_TOO_LONG = 65, /* cn has at most 64 characters: MS-ADA1 2.110 */
};

/* Whom a name stands for. */
struct candidate {
    const char *dn;
    const char *guid;     /* NULL: nobody */
    int64_t password_set; /* pwdLastSet before the bind; 0: unknown */
    const char *reason;   /* why it is nobody */
};

/* --- who it is ------------------------------------------------------------------------------- */

static struct error *find_candidate(struct directory *directory, struct arena *arena,
                                    const char *name, struct candidate *candidate_r)
{
    static const char no_name[] = "\""; /* which no account name may hold: MS-SAMR 3.1.1.6 */
    char *attributes[] = {"objectGUID", "pwdLastSet", NULL};
    const struct name_search wanted = {
        .attribute = name && strchr(name, '@') ? "userPrincipalName" : "sAMAccountName",
        .name = name ? name : no_name,
        .filter = DIRECTORY_PEOPLE,
        .attributes = attributes,
    };
    struct raw_entry *raw = NULL;
    *candidate_r = (struct candidate){
        .dn = arena_format(arena, "CN=%0*d,%s", CN_TOO_LONG, 0, directory->config->ldap_base_dn),
        .reason = "no such user",
    };
    struct error *error = search_name(directory, arena, &wanted, &raw);
    if (error) {
        if (error->id == ERR_AMBIGUOUS) {
            candidate_r->reason = "several users have this name";
        }
        return error->id == ERR_NOT_FOUND || error->id == ERR_AMBIGUOUS ? NULL : error;
    }
    const struct attribute *value = entry_attribute(raw, "objectGUID");
    const char *guid;
    bool is_service;
    if (!value || !codec_guid(arena, value->values, &guid)) {
        return NULL;
    }
    error = service_is(directory, arena, guid, &is_service);
    if (error) {
        return error;
    }
    if (is_service) { /* failures would lock it, and then nothing works */
        candidate_r->reason = "the service account does not log in";
        return NULL;
    }
    const struct attribute *password_set = entry_attribute(raw, "pwdLastSet");
    if (!password_set || !codec_integer(password_set->values, &candidate_r->password_set)) {
        candidate_r->password_set = 0;
    }
    candidate_r->guid = guid;
    candidate_r->dn = raw->dn;
    return NULL;
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
    for (size_t i = 0; i < directory->server_count; i++) {
        struct error *error = connection_get(directory, arena, &service);
        if (error) {
            return error;
        }
        const char *uri = directory->servers[directory->server].uri;
        const char *cause = NULL;
        bool silent = false;
        int64_t asked = clock_steady_us();
        *ldap_r = controller_open(directory, arena, uri, &cause, &silent);
        if (*ldap_r) {
            return NULL;
        }
        log_error("directory: no connection for a login: %s: %s", uri, cause);
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
                                    const struct candidate *candidate, const char *password)
{
    LDAP *ldap = NULL;
    const char *diagnostic;
    struct error *error = open_another(directory, arena, &ldap);
    if (error) {
        return error;
    }
    int64_t asked = clock_steady_us();
    int code = controller_bind(directory, arena, ldap, candidate->dn, password, &diagnostic);
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

static struct error *prove(struct directory *directory, struct arena *arena, const char *name,
                           const char *password, struct directory_identity *identity_r)
{
    struct candidate candidate;
    const char *refusal;
    connection_begin(directory);
    struct error *error = find_candidate(directory, arena, name, &candidate);
    if (!error) {
        error = bind_candidate(directory, arena, &candidate, password);
    }
    if (!error) {
        error = identity_read(directory, arena, candidate.guid, identity_r, &refusal);
    }
    if (error) {
        return error;
    }
    if (!refusal && candidate.password_set && candidate.password_set < identity_r->password_set) {
        identity_r->password_set = candidate.password_set; /* reset between the bind and the read */
    }
    return refusal ? refuse(arena, refusal) : NULL;
}

/* Until the time since `began` is a whole number of steps. */
static void wait_for_step(int64_t began)
{
    int64_t rest = REFUSAL_STEP_US - (clock_steady_us() - began) % REFUSAL_STEP_US;
    struct timespec time = {.tv_sec = rest / SECOND_US, .tv_nsec = rest % SECOND_US * NS_PER_US};
    while (nanosleep(&time, &time) < 0 && errno == EINTR) {
    }
}

struct error *directory_login(struct directory *directory, struct arena *arena, const char *name,
                              const char *password, struct directory_identity *identity_r)
{
    int64_t began = clock_steady_us();
    struct error *error = *password ? prove(directory, arena, name, password, identity_r)
                                    : refuse(arena, "the password is empty");
    if (error && error->id == ERR_INVALID_CREDENTIALS) {
        wait_for_step(began);
    }
    return error;
}
