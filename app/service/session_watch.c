/* See session_watch.h. */
#include "service/session_watch.h"

#include "auth/auth.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/directory.h"
#include "rest/delegations.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 20,                /* users per call */
    PAUSE_US = 20 * US_PER_MS, /* pause between two batches */
    ROUND_MIN_S = 5,           /* minimum pause between two rounds over all users */
    SUBJECT_SIZE = 64,         /* "directory:" and a GUID */
};

static const char first_subject[] =
    "directory:"; /* sorts before the subjects of all directory users */

struct session_watch {
    const struct config *config;
    struct store *store;
    struct directory *directory;
    struct delegations *delegations;
    bool configured; /* sessions that the configuration no longer permits have been ended */
    bool failing;    /* the last check failed, which has been logged */
    size_t skipped;  /* users who could not be checked in this round */
    char subject[SUBJECT_SIZE]; /* subject of the user checked last in this round */
};

static void set_last_subject(struct session_watch *watch, const char *subject)
{
    snprintf(watch->subject, sizeof watch->subject, "%s", subject);
}

struct session_watch *session_watch_new(const struct config *config, struct store *store,
                                        struct directory *directory)
{
    struct session_watch *watch = base_alloc(sizeof *watch);
    *watch = (struct session_watch){
        .config = config,
        .store = store,
        .directory = directory,
        .delegations = delegations_new(config, store, directory),
    };
    set_last_subject(watch, first_subject);
    return watch;
}

void session_watch_free(struct session_watch **watch)
{
    delegations_free(&(*watch)->delegations);
    directory_free(&(*watch)->directory);
    free(*watch);
    *watch = NULL;
}

/* A directory user with live sessions. The oldest credential epoch, the highest rights and the
 * principals of delegations are those of the sessions; the rest is the state in the directory. */
struct user {
    const char *subject;
    int64_t oldest_epoch;
    bool any_administrator;
    const char *lowest_principals, *highest_principals; /* see SQL_SESSIONS_OF_DIRECTORY */
    enum directory_account_state standing;
    struct directory_identity identity;
};

/* All rules of delegations. */
struct rules {
    struct directory_rule *rules;
    size_t count;
};

struct ending {
    struct arena *arena;
    const struct session_watch *watch;
    const struct user *user;
    struct delegation_membership membership; /* of the user */
    int64_t count;
};

/* Ends sessions with `work`, commits, and updates the session cache that all processes of this host
 * share. */
static struct error *end_and_commit(struct session_watch *watch, struct arena *arena,
                                    store_work *work, struct ending *ending)
{
    struct error *error = store_write(watch->store, arena, work, ending);
    struct error *commit = store_group_commit(watch->store, arena);
    auth_after_commit();
    return error ? error : commit;
}

/* --- the configuration ----------------------------------------------------------------------- */

static struct error *end_unpermitted_sessions(struct store *store, void *context)
{
    struct ending *work = context;
    const struct config *config = work->watch->config;
    const struct session_settings terms = auth_session_settings(config);
    const char *subject = auth_local_subject(config, work->arena);
    work->count = 0;
    return session_end_unconfigured(store, work->arena, &terms, subject,
                                    auth_local_epoch(config, work->arena), &work->count);
}

static struct error *end_sessions_by_configuration(struct session_watch *watch, struct arena *arena)
{
    struct ending work = {.arena = arena, .watch = watch};
    struct error *error = end_and_commit(watch, arena, end_unpermitted_sessions, &work);
    watch->configured = !error;
    if (!error && work.count) {
        log_info("sessions: ended %" PRId64
                 ": the credentials of the local administrator or JWT_SECRET_KEY have changed",
                 work.count);
    }
    return error;
}

/* --- the directory --------------------------------------------------------------------------- */

static struct error *end_outdated_sessions(struct store *store, void *context)
{
    struct ending *work = context;
    const struct user *user = work->user;
    int64_t now = clock_wall_ms();
    work->count = 0;
    return user->standing == DIRECTORY_REFUSED
               ? session_end_subject(store, work->arena, user->subject, now, &work->count)
               : session_end_outdated(store, work->arena, user->subject,
                                      user->identity.password_set, user->identity.administrator,
                                      now, &work->count);
}

static struct error *set_session_principals(struct store *store, void *context)
{
    struct ending *work = context;
    work->count = 0;
    return session_set_principals(store, work->arena, work->user->subject, work->membership.own,
                                  work->membership.other, clock_wall_ms(), &work->count);
}

/* Ends the sessions that have a group with delegations which the user has left, and stores the
 * present groups with delegations in the others. */
static struct error *check_principals(struct session_watch *watch, struct arena *arena,
                                      const struct user *user, const struct rules *rules)
{
    struct ending work = {
        .arena = arena,
        .watch = watch,
        .user = user,
        .membership =
            delegations_membership(arena, rules->rules, rules->count, user->identity.sids),
    };
    if (!strcmp(user->lowest_principals, work.membership.own) &&
        !strcmp(user->highest_principals, work.membership.own)) {
        return NULL;
    }
    struct error *error = end_and_commit(watch, arena, set_session_principals, &work);
    if (!error && work.count) {
        log_info("sessions: ended %" PRId64 " of %s: the user left a group that has delegations",
                 work.count, user->subject);
    }
    return error;
}

static struct error *check_directory_user(struct session_watch *watch, struct arena *arena,
                                          struct user *user, const struct rules *rules)
{
    const char *guid = principal_guid(user->subject);
    struct error *error =
        directory_read_identity(watch->directory, arena, guid, &user->identity, &user->standing);
    if (error) {
        return error;
    }
    bool is_outdated = user->standing == DIRECTORY_REFUSED ||
                       user->identity.password_set > user->oldest_epoch ||
                       (user->any_administrator && !user->identity.administrator);
    if (!is_outdated) {
        return check_principals(watch, arena, user, rules);
    }
    struct ending work = {.arena = arena, .watch = watch, .user = user};
    error = end_and_commit(watch, arena, end_outdated_sessions, &work);
    if (!error) {
        log_info("sessions: ended %" PRId64
                 " of %s: the user was disabled or deleted, or the password "
                 "or the administrator rights have changed",
                 work.count, user->subject);
    }
    return error;
}

/* Reads the next users, sorted by subject. *count_r is less than BATCH at the end of the round. */
static struct error *read_user_batch(const struct session_watch *watch, struct arena *arena,
                                     struct user *users_r, size_t *count_r)
{
    struct store_query *query = store_query(watch->store, arena, SQL_SESSIONS_OF_DIRECTORY);
    bool row;
    store_bind_text(query, watch->subject);
    store_bind_integer(query, clock_wall_ms());
    store_bind_integer(query, BATCH);
    *count_r = 0;
    struct error *error = store_next(query, &row);
    while (!error && row) {
        users_r[(*count_r)++] = (struct user){
            .subject =
                arena_string(arena, store_text(query, SQL_SESSIONS_OF_DIRECTORY_SUBJECT, NULL)),
            .oldest_epoch = store_integer(query, SQL_SESSIONS_OF_DIRECTORY_OLDEST_EPOCH),
            .any_administrator = store_integer(query, SQL_SESSIONS_OF_DIRECTORY_ANY_ADMINISTRATOR),
            .lowest_principals = arena_string(
                arena, store_text(query, SQL_SESSIONS_OF_DIRECTORY_LOWEST_PRINCIPALS, NULL)),
            .highest_principals = arena_string(
                arena, store_text(query, SQL_SESSIONS_OF_DIRECTORY_HIGHEST_PRINCIPALS, NULL)),
        };
        error = store_next(query, &row);
    }
    return error;
}

/* True if the error would affect the next users too. */
static bool is_outage(const struct error *error)
{
    return error->id == ERR_DIRECTORY_UNAVAILABLE || error->id == ERR_DIRECTORY_CREDENTIALS ||
           error->id == ERR_DATABASE_UNAVAILABLE;
}

/* Checks a user. An error that concerns only this user is counted, and the first of a round is
 * logged; the check continues with the next user. */
static struct error *check_user_or_skip(struct session_watch *watch, struct arena *arena,
                                        struct user *user, const struct rules *rules)
{
    struct error *error = check_directory_user(watch, arena, user, rules);
    if (error && is_outage(error)) {
        return error;
    }
    if (error && !watch->skipped++) {
        log_warning("sessions: cannot check %s, continuing with other users: %s", user->subject,
                    error->cause ? error->cause : "unknown cause");
    }
    set_last_subject(watch, user->subject);
    return NULL;
}

/* Checks a batch. *more_r is true if the round is not complete. */
static struct error *check_user_batch(struct session_watch *watch, struct arena *arena,
                                      bool *more_r)
{
    struct user users[BATCH];
    struct rules rules;
    size_t count = 0;
    *more_r = false;
    struct error *error = delegations_read(watch->delegations, arena, &rules.rules, &rules.count);
    if (!error) {
        error = read_user_batch(watch, arena, users, &count);
    }
    for (size_t i = 0; !error && i < count; i++) {
        error = check_user_or_skip(watch, arena, &users[i], &rules);
    }
    *more_r = !error && count == BATCH;
    return error;
}

/* Logs when checks begin to fail and when they succeed again. */
static void log_failure_change(struct session_watch *watch, const struct error *error)
{
    if (error && !watch->failing) {
        log_warning("sessions: cannot check directory users: %s", error->cause);
    } else if (!error && watch->failing) {
        log_info("sessions: checking directory users works again");
    }
    watch->failing = error;
}

int64_t session_watch_run(struct session_watch *watch)
{
    struct store_health health;
    bool more = false;
    store_health(watch->store, &health);
    if (health.state == STORE_DOWN) { /* waiting for the database would delay the other jobs */
        return clock_steady_us() + (int64_t)ROUND_MIN_S * US_PER_S;
    }
    struct arena *arena = arena_new();
    struct error *error = watch->configured ? NULL : end_sessions_by_configuration(watch, arena);
    if (!error && watch->config->ldap_login) {
        error = check_user_batch(watch, arena, &more);
    }
    log_failure_change(watch, error);
    if (!more && !error) { /* the round is complete */
        if (watch->skipped > 1) {
            log_warning("sessions: %zu directory users could not be checked", watch->skipped);
        }
        watch->skipped = 0;
        set_last_subject(watch, first_subject);
    }
    arena_free(&arena);
    int64_t pause_s = watch->config->ldap_login_cache_s;
    if (error || pause_s < ROUND_MIN_S) {
        pause_s = ROUND_MIN_S;
    }
    return clock_steady_us() + (more ? PAUSE_US : pause_s * US_PER_S);
}
