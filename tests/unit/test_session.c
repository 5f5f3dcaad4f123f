/* Sessions and login throttling: everything that depends on time, at times that the tests
 * choose. */
#include "unit.h"

#include "accounts.h"
#include "auth/session.h"
#include "auth/session_cache.h"
#include "auth/throttle.h"
#include "base/clock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SECOND = 1000, /* in milliseconds */
    MINUTE = 60 * SECOND,
    QUARTER = 15 * MINUTE,
    DAY = 24 * 60 * MINUTE,
    GRACE = 10 * SECOND,
    LIFETIME = 60 * MINUTE,
    MAXIMUM = 5 * 60 * MINUTE, /* maximum lifetime of a session */
    RENEWALS = 5,
};

static const int64_t start = 1700000000000;

/* --- sessions --------------------------------------------------------------------------------- */

static const char old_key[] = "0123456789abcdef0123456789abcdef";
static const char new_key[] = "fedcba9876543210fedcba9876543210";
static const struct session_client client = {"192.0.2.1", "tests"};

static struct session_settings terms_at(int64_t now)
{
    return (struct session_settings){
        .key = old_key,
        .previous_key = "",
        .now_ms = now,
        .refresh_ms = LIFETIME,
        .lifetime_ms = MAXIMUM,
    };
}

/* Returns a session of the administrator whose password has this epoch. */
static struct session make_administrator(int64_t epoch)
{
    return (struct session){.subject = "local:admin", .username = "admin", .epoch = epoch};
}

static struct session make_person(int64_t epoch, bool is_administrator)
{
    return (struct session){.subject = "directory:0a1b",
                            .username = "ivanov",
                            .epoch = epoch,
                            .administrator = is_administrator};
}

/* Context of a function that runs inside store_write(). */
struct session_write {
    struct arena *arena;
    struct session *session;
    int64_t now;
};

static struct error *begin_session(struct store *store, void *context)
{
    const struct session_write *session_write = context;
    const struct session_settings terms = terms_at(session_write->now);
    return session_begin(store, session_write->arena, &terms, &client, session_write->session);
}

static struct error *end_session(struct store *store, void *context)
{
    const struct session_write *session_write = context;
    int64_t count = 0;
    struct error *error = session_end(store, session_write->arena, session_write->session->id,
                                      session_write->now, &count);
    assert_true(error || count == 1);
    return error;
}

static struct session begin_session_of(struct test *test, struct session session)
{
    struct session_write session_write = {test->arena, &session, start};
    must_succeed(store_write(test->store, test->arena, begin_session, &session_write));
    commit_writes(test);
    return session;
}

static struct session begin_administrator_session(struct test *test)
{
    return begin_session_of(test, make_administrator(1));
}

static void end_and_commit(struct test *test, struct session *session)
{
    struct session_write session_write = {test->arena, session, start};
    must_succeed(store_write(test->store, test->arena, end_session, &session_write));
    commit_writes(test);
}

/* Refreshes a session with a refresh token under these terms, commits, and returns the outcome. */
static const struct error *use_token(struct test *test, const struct session_settings *terms,
                                     const char *token, struct session *session, bool *reused_r)
{
    struct session_outcome outcome;
    const struct error *error =
        session_refresh(test->store, test->arena, terms, &client, token, session, &outcome);
    commit_writes(test);
    *reused_r = outcome.reused;
    return error;
}

static const char *must_renew(struct test *test, const char *token, int64_t now)
{
    const struct session_settings terms = terms_at(now);
    struct session session = make_administrator(1);
    bool reused;
    must_succeed(use_token(test, &terms, token, &session, &reused));
    assert_false(reused);
    assert_string_not_equal(session.refresh_token, token);
    return session.refresh_token;
}

static void must_reject(struct test *test, const char *token, int64_t now, enum error_id id)
{
    const struct session_settings terms = terms_at(now);
    struct session session = make_administrator(1);
    bool reused;
    assert_error(use_token(test, &terms, token, &session, &reused), id);
    assert_null(session.refresh_token);
    assert_false(reused);
}

static void must_detect_reuse(struct test *test, const char *token, int64_t now)
{
    const struct session_settings terms = terms_at(now);
    struct session session = make_administrator(1);
    bool reused;
    assert_error(use_token(test, &terms, token, &session, &reused), ERR_INVALID_TOKEN);
    assert_null(session.refresh_token);
    assert_true(reused);
}

static void must_be_alive(struct test *test, const struct session *session, int64_t now, bool alive)
{
    struct session found;
    const struct error *error =
        session_check(test->store, test->arena, session->id, session->subject, now, &found);
    assert_int_equal(!error, alive);
}

/* Context of session_set_principals() inside store_write(). */
struct principals_write {
    struct arena *arena;
    const char *subject, *principals;
    const char *const *lost;
    int64_t count;
};

static struct error *set_principals(struct store *store, void *context)
{
    struct principals_write *work = context;
    work->count = 0;
    return session_set_principals(store, work->arena, work->subject, work->principals, work->lost,
                                  start, &work->count);
}

static int64_t must_set_principals(struct test *test, const char *subject, const char *lost)
{
    const char *const all[] = {lost, NULL};
    struct principals_write work = {test->arena, subject, " S-1-5-7 ", all, 0};
    must_succeed(store_write(test->store, test->arena, set_principals, &work));
    commit_writes(test);
    return work.count;
}

static void lost_principal_ends_the_sessions_in_which_it_gave_rights(void **state)
{
    struct test *test = *state;
    struct session with = {.subject = "directory:a", .username = "a", .principals = " S-1-5-11 "};
    struct session without = {.subject = "directory:a", .username = "a"};
    struct session other = {.subject = "directory:b", .username = "b", .principals = " S-1-5-11 "};
    with = begin_session_of(test, with);
    without = begin_session_of(test, without);
    other = begin_session_of(test, other);
    assert_int_equal(must_set_principals(test, "directory:a", "S-1-5-1"), 0);
    with = begin_session_of(test, (struct session){.subject = "directory:a",
                                                   .username = "a",
                                                   .principals = " S-1-5-1 S-1-5-11 "});
    assert_int_equal(must_set_principals(test, "directory:a", "S-1-5-11"), 1);
    must_be_alive(test, &with, start, false);
    must_be_alive(test, &without, start, true);
    must_be_alive(test, &other, start, true);
    assert_int_equal(must_set_principals(test, "directory:a", "S-1-5-7"), 2);
    must_be_alive(test, &without, start, false);
}

static void each_refresh_issues_a_new_token_of_the_same_session(void **state)
{
    struct test *test = *state;
    struct session first = begin_administrator_session(test), last = make_administrator(1);
    const char *token = first.refresh_token;
    int64_t now = start;
    for (int i = 0; i < RENEWALS; i++, now += MINUTE) {
        token = must_renew(test, token, now);
    }
    const struct session_settings terms = terms_at(now);
    bool reused;
    must_succeed(use_token(test, &terms, token, &last, &reused));
    assert_string_equal(last.id, first.id);
}

static void refresh_token_reused_within_grace_period_yields_same_successor(void **state)
{
    struct test *test = *state;
    const char *first = begin_administrator_session(test).refresh_token;
    const char *second = must_renew(test, first, start);
    assert_string_equal(must_renew(test, first, start), second);
    assert_string_equal(must_renew(test, first, start + GRACE), second);
    must_renew(test, second, start + GRACE);
}

static void repeated_refresh_does_not_extend_the_grace_period(void **state)
{
    struct test *test = *state;
    struct session session = begin_administrator_session(test);
    must_renew(test, session.refresh_token, start);
    must_renew(test, session.refresh_token, start + GRACE);
    must_detect_reuse(test, session.refresh_token, start + GRACE + 1);
    must_be_alive(test, &session, start, false);
}

static void refresh_token_reused_after_grace_period_ends_the_session(void **state)
{
    struct test *test = *state;
    struct session other = begin_administrator_session(test),
                   session = begin_administrator_session(test);
    const char *first = session.refresh_token;
    const char *second = must_renew(test, first, start);
    must_detect_reuse(test, first, start + GRACE + 1);
    must_reject(test, first, start + GRACE + 1, ERR_INVALID_TOKEN);
    must_reject(test, second, start, ERR_INVALID_TOKEN);
    must_be_alive(test, &session, start, false);
    must_be_alive(test, &other, start, true);
    must_renew(test, other.refresh_token, start);
}

/* The successor was used already, so somebody else has a copy of the older token. */
static void use_of_an_older_refresh_token_ends_the_session_at_once(void **state)
{
    struct test *test = *state;
    const char *first = begin_administrator_session(test).refresh_token;
    const char *third = must_renew(test, must_renew(test, first, start), start);
    must_detect_reuse(test, first, start);
    must_reject(test, third, start, ERR_INVALID_TOKEN);
}

static void clock_set_back_does_not_extend_the_grace_period(void **state)
{
    struct test *test = *state;
    const char *first = begin_administrator_session(test).refresh_token,
               *other = begin_administrator_session(test).refresh_token;
    const char *second = must_renew(test, first, start);
    /* The clocks of two hosts that share the database differ slightly. */
    assert_string_equal(must_renew(test, first, start - GRACE), second);
    must_renew(test, other, start);
    must_detect_reuse(test, other, start - GRACE - 1);
    must_reject(test, other, start - DAY, ERR_INVALID_TOKEN);
}

static void refresh_tokens_expire(void **state)
{
    struct test *test = *state;
    const char *first = begin_administrator_session(test).refresh_token;
    must_reject(test, first, start + LIFETIME, ERR_TOKEN_EXPIRED);
    const char *second = must_renew(test, first, start + LIFETIME - 1);
    must_renew(test, second, start + LIFETIME - 1 + LIFETIME - 1);
}

static void refreshing_does_not_extend_the_maximum_lifetime(void **state)
{
    struct test *test = *state;
    struct session session = begin_administrator_session(test);
    const char *token = session.refresh_token;
    int64_t now = start;
    for (; now + MINUTE < start + MAXIMUM; now += MINUTE) {
        token = must_renew(test, token, now);
    }
    must_be_alive(test, &session, start + MAXIMUM - 1, true);
    must_be_alive(test, &session, start + MAXIMUM, false);
    must_reject(test, token, start + MAXIMUM, ERR_TOKEN_EXPIRED);
}

static const struct error *renew_session(struct test *test, const char *id, struct session session,
                                         int64_t now)
{
    const struct session_settings terms = terms_at(now);
    snprintf(session.id, sizeof session.id, "%s", id);
    const struct error *error = session_renew(test->store, test->arena, &terms, &client, &session);
    assert_null(session.refresh_token);
    assert_true(error || session.expires_ms == start + MAXIMUM);
    commit_writes(test);
    return error;
}

static void ended_session_cannot_be_renewed(void **state)
{
    struct test *test = *state;
    struct session session = begin_administrator_session(test);
    must_succeed(renew_session(test, session.id, make_administrator(1), start));
    end_and_commit(test, &session);
    must_reject(test, session.refresh_token, start, ERR_INVALID_TOKEN);
    assert_error(renew_session(test, session.id, make_administrator(1), start), ERR_INVALID_TOKEN);
    must_be_alive(test, &session, start - DAY, false);
}

static void session_can_be_renewed_until_its_maximum_lifetime(void **state)
{
    struct test *test = *state;
    struct session session = begin_administrator_session(test);
    must_succeed(renew_session(test, session.id, make_administrator(1), start + MAXIMUM - 1));
    assert_error(renew_session(test, session.id, make_administrator(1), start + MAXIMUM),
                 ERR_INVALID_TOKEN);
}

static void unknown_and_malformed_session_ids_are_rejected(void **state)
{
    struct test *test = *state;
    static const char *const ids[] = {"", "0", "0123456789abcdef0123456789abcdeg",
                                      "0123456789ABCDEF0123456789ABCDEF",
                                      "0123456789abcdef0123456789abcdef"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_error(renew_session(test, ids[i], make_administrator(1), start), ERR_INVALID_TOKEN);
    }
    must_reject(test, "", start, ERR_INVALID_TOKEN);
    must_reject(test, "0123456789abcdef0123456789abcdef", start, ERR_INVALID_TOKEN);
}

/* --- credentials and keys --------------------------------------------------------------------- */

static void changed_credentials_or_rights_end_the_session(void **state)
{
    struct test *test = *state;
    static const struct {
        struct session before, after;
        bool goes_on;
    } rows[] = {
        {{.epoch = 5}, {.epoch = 5}, true},
        {{.epoch = 5}, {.epoch = 6}, false},
        {{.epoch = 5}, {.epoch = 4}, true}, /* this controller has not replicated the change yet */
        {{.epoch = 5}, {.epoch = 5, .administrator = true}, true},
        {{.epoch = 5, .administrator = true}, {.epoch = 5}, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct session by_token =
            begin_session_of(test, make_person(rows[i].before.epoch, rows[i].before.administrator));
        struct session by_bearer =
            begin_session_of(test, make_person(rows[i].before.epoch, rows[i].before.administrator));
        struct session now = make_person(rows[i].after.epoch, rows[i].after.administrator);
        const struct session_settings terms = terms_at(start);
        bool reused;
        assert_int_equal(!renew_session(test, by_bearer.id, now, start), rows[i].goes_on);
        assert_int_equal(!use_token(test, &terms, by_token.refresh_token, &now, &reused),
                         rows[i].goes_on);
        must_be_alive(test, &by_token, start, rows[i].goes_on);
        must_be_alive(test, &by_bearer, start, rows[i].goes_on);
    }
    struct session session = begin_session_of(test, make_administrator(5));
    assert_error(renew_session(test, session.id, make_administrator(4), start), ERR_INVALID_TOKEN);
    must_be_alive(test, &session, start, false);
}

static void refresh_tokens_of_an_unknown_key_are_rejected(void **state)
{
    struct test *test = *state;
    const char *token = begin_administrator_session(test).refresh_token;
    struct session_settings terms = terms_at(start);
    struct session session = make_administrator(1);
    bool reused;
    terms.key = new_key;
    assert_error(use_token(test, &terms, token, &session, &reused), ERR_INVALID_TOKEN);
    terms.previous_key = old_key;
    must_succeed(use_token(test, &terms, token, &session, &reused));
    const char *successor = session.refresh_token;
    terms.previous_key = ""; /* the new token is signed with the new key */
    must_succeed(use_token(test, &terms, successor, &session, &reused));
}

/* The key changes between a refresh and its repetition. */
static void grace_period_continues_after_a_key_change(void **state)
{
    struct test *test = *state;
    const char *token = begin_administrator_session(test).refresh_token;
    const char *successor = must_renew(test, token, start);
    struct session_settings terms = terms_at(start);
    struct session session = make_administrator(1);
    bool reused;
    terms.key = new_key;
    terms.previous_key = old_key;
    must_succeed(use_token(test, &terms, token, &session, &reused));
    assert_string_equal(session.refresh_token, successor);
}

struct configuration_change {
    struct arena *arena;
    struct session_settings terms;
    int64_t epoch, count;
};

static struct error *end_unconfigured(struct store *store, void *context)
{
    struct configuration_change *work = context;
    return session_end_unconfigured(store, work->arena, &work->terms, "local:admin", work->epoch,
                                    &work->count);
}

static void apply_configuration(struct test *test, struct configuration_change *work)
{
    must_succeed(store_write(test->store, test->arena, end_unconfigured, work));
    commit_writes(test);
}

static void changed_password_or_removed_key_ends_sessions(void **state)
{
    struct test *test = *state;
    struct session local = begin_session_of(test, make_administrator(7)),
                   other = begin_session_of(test, make_person(7, 0));
    struct configuration_change work = {.arena = test->arena, .terms = terms_at(start), .epoch = 7};
    apply_configuration(test, &work);
    must_be_alive(test, &local, start, true);
    work.epoch = 8;
    apply_configuration(test, &work);
    must_be_alive(test, &local, start, false);
    must_be_alive(test, &other, start, true);
    work.terms.key = new_key;
    work.terms.previous_key = old_key;
    apply_configuration(test, &work);
    must_be_alive(test, &other, start, true);
    work.terms.previous_key = "";
    apply_configuration(test, &work);
    must_be_alive(test, &other, start, false);
}

static void database_stores_only_digests_of_tokens(void **state)
{
    struct test *test = *state;
    const char *token = begin_administrator_session(test).refresh_token;
    static const char *const files[] = {"state/accounts.db", "state/accounts.db-wal"};
    must_renew(test, token, start);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct stat status;
        assert_int_equal(stat(files[i], &status), 0);
        const char *bytes = read_file(test->arena, files[i]);
        assert_null(memmem(bytes, (size_t)status.st_size, token, strlen(token)));
    }
}

/* --- session cache ---------------------------------------------------------------------------- */

static const struct session_facts facts = {
    .epoch = -7, .expires_ms = INT64_C(1) << 60, .administrator = true};

static void fill_random_id(unsigned char id[RANDOM_ID_BYTES])
{
    char text[RANDOM_ID_SIZE];
    assert_true(session_id_bytes(random_id(text), id));
}

static void must_be_known(const unsigned char *id, const char *subject,
                          enum session_cache_state known)
{
    struct session_facts found;
    assert_int_equal(session_cache_find(id, subject, &found), known);
}

static void session_cache_answers_only_for_matching_session_and_subject(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES], other[RANDOM_ID_BYTES];
    struct session_facts found;
    fill_random_id(id);
    fill_random_id(other);
    must_be_known(id, "local:a", SESSION_UNKNOWN);
    session_cache_store(id, "local:a", session_cache_generation(id), &facts);
    assert_int_equal(session_cache_find(id, "local:a", &found), SESSION_FRESH);
    assert_int_equal(found.epoch, facts.epoch);
    assert_int_equal(found.expires_ms, facts.expires_ms);
    assert_true(found.administrator);
    must_be_known(id, "local:b", SESSION_UNKNOWN);
    must_be_known(other, "local:a", SESSION_UNKNOWN);
}

static void ended_session_is_removed_from_the_cache_at_once(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES];
    fill_random_id(id);
    session_cache_store(id, "local:a", session_cache_generation(id), &facts);
    session_cache_invalidate(id);
    must_be_known(id, "local:a", SESSION_UNKNOWN);
    session_cache_store(id, "local:a", session_cache_generation(id), &facts);
    must_be_known(id, "local:a", SESSION_FRESH);
    session_cache_after_commit();
    must_be_known(id, "local:a", SESSION_UNKNOWN);
    session_cache_store(id, "local:a", session_cache_generation(id), &facts);
    session_cache_invalidate_all();
    must_be_known(id, "local:a", SESSION_UNKNOWN);
}

/* The database is queried before the session ends, and its answer is cached afterwards. */
static void late_database_answer_does_not_revive_an_ended_session(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES];
    fill_random_id(id);
    uint64_t generation = session_cache_generation(id);
    session_cache_invalidate(id);
    session_cache_store(id, "local:a", generation, &facts);
    must_be_known(id, "local:a", SESSION_UNKNOWN);
}

static void session_cache_does_not_return_an_expired_session(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES];
    struct session_facts expired = facts;
    fill_random_id(id);
    expired.expires_ms = clock_wall_ms();
    session_cache_store(id, "local:a", session_cache_generation(id), &expired);
    must_be_known(id, "local:a", SESSION_UNKNOWN);
}

/* More sessions than slots: some are unknown, but none is confused with another. */
static void full_session_cache_never_confuses_sessions(void **state)
{
    (void)state;
    enum { MANY = 40000 };
    struct session_facts mine = facts, found;
    for (int i = 0; i < MANY; i++) {
        unsigned char id[RANDOM_ID_BYTES] = {0};
        memcpy(id + RANDOM_ID_BYTES - sizeof i, &i, sizeof i);
        mine.epoch = i;
        session_cache_store(id, "local:a", session_cache_generation(id), &mine);
        assert_int_equal(session_cache_find(id, "local:a", &found), SESSION_FRESH);
        assert_int_equal(found.epoch, i);
    }
}

/* Simulates a restart of the service: the file is mapped again. */
static void session_cache_survives_a_restart_of_the_service(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES], ended[RANDOM_ID_BYTES];
    fill_random_id(id);
    fill_random_id(ended);
    session_cache_share("sessions.cache");
    session_cache_store(id, "local:a", session_cache_generation(id), &facts);
    session_cache_store(ended, "local:a", session_cache_generation(ended), &facts);
    session_cache_invalidate(ended);
    session_cache_share("sessions.cache");
    must_be_known(id, "local:a", SESSION_FRESH);
    must_be_known(ended, "local:a", SESSION_UNKNOWN);
}

/* Torn writes, and files of other versions, must not be read as sessions. */
static void damaged_session_cache_entries_are_ignored(void **state)
{
    (void)state;
    enum { STEP = 997, TRIES = 200 };
    unsigned char id[RANDOM_ID_BYTES];
    struct session_facts found;
    fill_random_id(id);
    for (int i = 0; i < TRIES; i++) {
        session_cache_share("damaged.cache");
        session_cache_store(id, "local:a", session_cache_generation(id), &facts);
        must_be_known(id, "local:a", SESSION_FRESH);
        struct stat status;
        assert_int_equal(stat("damaged.cache", &status), 0);
        assert_int_equal(status.st_mode & 077, 0);
        int fd = open("damaged.cache", O_RDWR);
        for (off_t at = i; at < status.st_size; at += STEP) {
            unsigned char byte = 0;
            assert_int_equal(pread(fd, &byte, 1, at), 1);
            byte = (unsigned char)~byte;
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        close(fd);
        /* The cache entry is intact. */
        if (session_cache_find(id, "local:a", &found) != SESSION_UNKNOWN) {
            assert_int_equal(found.epoch, facts.epoch);
            assert_int_equal(found.expires_ms, facts.expires_ms);
        }
    }
}

static void session_cache_works_without_its_file(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES];
    fill_random_id(id);
    session_cache_share("no/such/folder/sessions.cache");
    session_cache_store(id, "local:a", session_cache_generation(id), &facts);
    must_be_known(id, "local:a", SESSION_FRESH);
}

/* --- login throttle --------------------------------------------------------------------------- */

enum { FREE = 5, BUDGET = FREE * THROTTLE_BUDGET, INTERVAL = THROTTLE_INTERVAL_MS };

static struct throttle make_throttle(const char *name, const char *source)
{
    return (struct throttle){
        .key = "key", .subject = name, .source = source, .realm = "", .free_failures = FREE};
}

static struct throttle look_up_throttle(struct test *test, const char *name, const char *source,
                                        int64_t now)
{
    struct throttle throttle = make_throttle(name, source);
    must_succeed(throttle_find_source(test->store, test->arena, &throttle, now));
    return throttle;
}

static void fail_login_from(struct test *test, const char *name, const char *source, int64_t now)
{
    struct throttle throttle = look_up_throttle(test, name, source, now);
    must_succeed(throttle_count_failure(test->store, test->arena, &throttle, now));
    commit_writes(test);
}

static void fail_login(struct test *test, const char *name, int64_t now)
{
    fail_login_from(test, name, "here", now);
}

/* Returns the seconds that the next login must wait; 0 if it need not wait. */
static int wait_from(struct test *test, const char *name, const char *source, int64_t now)
{
    struct throttle throttle = look_up_throttle(test, name, source, now);
    const struct error *error = throttle_check(test->store, test->arena, &throttle, now);
    commit_writes(test);
    if (error) {
        assert_error(error, ERR_TOO_MANY_ATTEMPTS);
        assert_true(error->retry_after_s > 0);
    }
    return error ? error->retry_after_s : 0;
}

static int wait_for(struct test *test, const char *name, int64_t now)
{
    return wait_from(test, name, "here", now);
}

static void each_failed_login_doubles_the_wait_up_to_a_minute(void **state)
{
    struct test *test = *state;
    static const int waits[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    int64_t now = start;
    for (int i = 0; i < FREE; i++) {
        fail_login(test, "anna", now);
        assert_int_equal(wait_for(test, "anna", now), 0);
    }
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        fail_login(test, "anna", now);
        assert_int_equal(wait_for(test, "anna", now), waits[i]);
        now += (int64_t)waits[i] * SECOND;
        assert_int_equal(wait_for(test, "anna", now - 1), 1);
        assert_int_equal(wait_for(test, "anna", now), 0);
    }
    assert_int_equal(wait_for(test, "boris", start), 0);
}

static void login_throttle_ignores_case_of_names(void **state)
{
    struct test *test = *state;
    static const char *const names[] = {"вера", "ВЕРА", "Вера"};
    for (int i = 0; i <= FREE; i++) {
        fail_login(test, names[(size_t)i % COUNT_OF(names)], start);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(wait_for(test, names[i], start), 1);
    }
}

static void failed_logins_are_forgotten_after_a_quarter_of_an_hour(void **state)
{
    struct test *test = *state;
    for (int i = 0; i <= FREE; i++) {
        fail_login(test, "gleb", start);
    }
    int64_t later = start + SECOND + QUARTER;
    fail_login(test, "gleb", later);
    assert_int_equal(wait_for(test, "gleb", later), 2); /* the failures are not forgotten yet */
    later += 2 * SECOND + QUARTER + 1;
    fail_login(test, "gleb", later);
    assert_int_equal(wait_for(test, "gleb", later), 0);
}

struct passed_login {
    struct arena *arena;
    struct throttle throttle;
    int64_t now;
};

static struct error *pass_throttle(struct store *store, void *context)
{
    const struct passed_login *passed_login = context;
    return throttle_count_success(store, passed_login->arena, &passed_login->throttle,
                                  passed_login->now);
}

static void log_in(struct test *test, const char *name, const char *source, int64_t now)
{
    struct passed_login passed_login = {test->arena, look_up_throttle(test, name, source, now),
                                        now};
    must_succeed(store_write(test->store, test->arena, pass_throttle, &passed_login));
    commit_writes(test);
}

static void successful_login_clears_failed_logins(void **state)
{
    struct test *test = *state;
    for (int i = 0; i <= FREE; i++) {
        fail_login(test, "dina", start);
    }
    log_in(test, "Dina", "here", start);
    for (int i = 0; i < FREE; i++) {
        fail_login(test, "dina", start);
        assert_int_equal(wait_for(test, "dina", start), 0);
    }
    fail_login(test, "dina", start);
    assert_int_equal(wait_for(test, "dina", start), 1);
}

/* The failures were recorded before the clock was set back. */
static void clock_set_back_limits_the_wait_to_a_minute(void **state)
{
    struct test *test = *state;
    for (int i = 0; i <= FREE; i++) {
        fail_login(test, "egor", start);
    }
    assert_int_equal(wait_for(test, "egor", start - DAY), 60);
    assert_int_equal(wait_for(test, "egor", start - DAY + MINUTE - 1), 1);
    assert_int_equal(wait_for(test, "egor", start - DAY + MINUTE), 0);
}

/* Records one failed login from each of many sources. */
static void spend_budget(struct test *test, const char *name, int64_t now)
{
    for (int i = 0; i < BUDGET; i++) {
        fail_login_from(test, name, arena_format(test->arena, "stranger %d", i), now);
    }
}

static void unknown_networks_share_a_failure_budget(void **state)
{
    struct test *test = *state;
    spend_budget(test, "zoya", start);
    assert_int_equal(wait_from(test, "zoya", "another stranger", start), 15);
    assert_int_equal(wait_from(test, "zoya", "another stranger", start + INTERVAL), 0);
    assert_int_equal(wait_from(test, "yana", "another stranger", start), 0);
    fail_login_from(test, "zoya", "another stranger", start + INTERVAL);
    assert_int_equal(wait_from(test, "zoya", "a third", start + INTERVAL), 15);
}

static void single_network_does_not_exhaust_the_failure_budget(void **state)
{
    struct test *test = *state;
    int64_t now = start;
    for (int i = 0; i < 4 * BUDGET; i++) {
        now += (int64_t)wait_from(test, "lev", "mallory", now) * SECOND;
        fail_login_from(test, "lev", "mallory", now);
        assert_int_equal(wait_from(test, "lev", "home", now), 0);
    }
}

static void known_networks_are_exempt_from_the_failure_budget(void **state)
{
    struct test *test = *state;
    log_in(test, "vera", "home", start);
    spend_budget(test, "vera", start);
    assert_int_equal(wait_from(test, "vera", "home", start), 0);
    assert_int_equal(wait_from(test, "vera", "elsewhere", start), 15);
    for (int i = 0; i <= FREE; i++) { /* failed logins from the known source itself still count */
        fail_login_from(test, "vera", "home", start);
    }
    assert_int_equal(wait_from(test, "vera", "home", start), 1);
}

static void networks_stay_known_for_90_days_up_to_a_maximum_number(void **state)
{
    struct test *test = *state;
    log_in(test, "rita", "home", start);
    assert_true(look_up_throttle(test, "rita", "home", start + THROTTLE_SOURCES_KEPT_MS - 1).known);
    assert_false(look_up_throttle(test, "rita", "home", start + THROTTLE_SOURCES_KEPT_MS).known);
    assert_false(look_up_throttle(test, "boris", "home", start).known);
    for (int i = 1; i <= THROTTLE_SOURCES_MAX; i++) {
        log_in(test, "rita", arena_format(test->arena, "%d", i), start + i);
    }
    assert_false(look_up_throttle(test, "rita", "home", start).known);
    assert_true(look_up_throttle(test, "rita", "1", start).known);
}

static bool knows_name(struct test *test, const char *name, const char *source, int64_t now)
{
    struct throttle throttle = {.key = "key", .source = source, .name = name};
    bool known;
    must_succeed(throttle_find_name_source(test->store, test->arena, &throttle, now, &known));
    return known;
}

static void log_in_by(struct test *test, const char *subject, const char *name, int64_t now)
{
    struct passed_login passed_login = {test->arena, make_throttle(subject, "home"), now};
    passed_login.throttle.name = name;
    must_succeed(throttle_find_source(test->store, test->arena, &passed_login.throttle, now));
    must_succeed(store_write(test->store, test->arena, pass_throttle, &passed_login));
    commit_writes(test);
}

static void network_is_known_for_a_name_after_a_successful_login(void **state)
{
    struct test *test = *state;
    log_in_by(test, "account:1", NULL, start);
    assert_false(knows_name(test, "nina", "home", start));
    log_in_by(test, "account:1", "nina", start);
    log_in_by(test, "account:1", "nina@example.com", start + 1);
    assert_true(knows_name(test, "NINA", "home", start));
    assert_true(knows_name(test, "nina@example.com", "home", start));
    assert_false(knows_name(test, "nina", "elsewhere", start));
    assert_false(knows_name(test, "account:1", "home", start));
    assert_true(knows_name(test, "nina", "home", start + THROTTLE_SOURCES_KEPT_MS - 1));
    assert_false(knows_name(test, "nina", "home", start + THROTTLE_SOURCES_KEPT_MS));
}

static void known_networks_of_names_do_not_displace_those_of_accounts(void **state)
{
    struct test *test = *state;
    log_in(test, "olga", "office", start);
    for (int i = 0; i <= THROTTLE_SOURCES_MAX; i++) {
        log_in_by(test, "olga", arena_format(test->arena, "olga %d", i), start + i);
    }
    assert_true(look_up_throttle(test, "olga", "office", start).known);
    assert_false(knows_name(test, "olga 0", "home", start));
    assert_true(knows_name(test, "olga 1", "home", start));
}

static void failure_budget_recovers_after_the_clock_is_set_back(void **state)
{
    struct test *test = *state;
    spend_budget(test, "foma", start + DAY);
    assert_int_equal(wait_from(test, "foma", "home", start), 15);
    assert_int_equal(wait_from(test, "foma", "home", start + INTERVAL), 0);
}

static void login_throttle_is_disabled_if_no_free_failures_are_configured(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < 3 * FREE; i++) {
        struct throttle throttle = make_throttle("fedor", "here");
        throttle.free_failures = 0;
        must_succeed(throttle_count_failure(test->store, test->arena, &throttle, start));
        commit_writes(test);
        must_succeed(throttle_check(test->store, test->arena, &throttle, start));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCOUNTS_TEST(each_refresh_issues_a_new_token_of_the_same_session),
        ACCOUNTS_TEST(refresh_token_reused_within_grace_period_yields_same_successor),
        ACCOUNTS_TEST(repeated_refresh_does_not_extend_the_grace_period),
        ACCOUNTS_TEST(refresh_token_reused_after_grace_period_ends_the_session),
        ACCOUNTS_TEST(use_of_an_older_refresh_token_ends_the_session_at_once),
        ACCOUNTS_TEST(clock_set_back_does_not_extend_the_grace_period),
        ACCOUNTS_TEST(refresh_tokens_expire),
        ACCOUNTS_TEST(refreshing_does_not_extend_the_maximum_lifetime),
        ACCOUNTS_TEST(ended_session_cannot_be_renewed),
        ACCOUNTS_TEST(session_can_be_renewed_until_its_maximum_lifetime),
        ACCOUNTS_TEST(unknown_and_malformed_session_ids_are_rejected),
        ACCOUNTS_TEST(lost_principal_ends_the_sessions_in_which_it_gave_rights),
        ACCOUNTS_TEST(changed_credentials_or_rights_end_the_session),
        ACCOUNTS_TEST(refresh_tokens_of_an_unknown_key_are_rejected),
        ACCOUNTS_TEST(grace_period_continues_after_a_key_change),
        ACCOUNTS_TEST(changed_password_or_removed_key_ends_sessions),
        ACCOUNTS_TEST(database_stores_only_digests_of_tokens),
        cmocka_unit_test(session_cache_answers_only_for_matching_session_and_subject),
        cmocka_unit_test(ended_session_is_removed_from_the_cache_at_once),
        cmocka_unit_test(late_database_answer_does_not_revive_an_ended_session),
        cmocka_unit_test(session_cache_does_not_return_an_expired_session),
        cmocka_unit_test(full_session_cache_never_confuses_sessions),
        cmocka_unit_test(session_cache_survives_a_restart_of_the_service),
        cmocka_unit_test(damaged_session_cache_entries_are_ignored),
        cmocka_unit_test(session_cache_works_without_its_file),
        ACCOUNTS_TEST(each_failed_login_doubles_the_wait_up_to_a_minute),
        ACCOUNTS_TEST(login_throttle_ignores_case_of_names),
        ACCOUNTS_TEST(failed_logins_are_forgotten_after_a_quarter_of_an_hour),
        ACCOUNTS_TEST(successful_login_clears_failed_logins),
        ACCOUNTS_TEST(clock_set_back_limits_the_wait_to_a_minute),
        ACCOUNTS_TEST(unknown_networks_share_a_failure_budget),
        ACCOUNTS_TEST(single_network_does_not_exhaust_the_failure_budget),
        ACCOUNTS_TEST(known_networks_are_exempt_from_the_failure_budget),
        ACCOUNTS_TEST(networks_stay_known_for_90_days_up_to_a_maximum_number),
        ACCOUNTS_TEST(network_is_known_for_a_name_after_a_successful_login),
        ACCOUNTS_TEST(known_networks_of_names_do_not_displace_those_of_accounts),
        ACCOUNTS_TEST(failure_budget_recovers_after_the_clock_is_set_back),
        ACCOUNTS_TEST(login_throttle_is_disabled_if_no_free_failures_are_configured),
    };
    char folder[PATH_MAX];
    return enter_accounts(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("session", tests, NULL, NULL))
               : EXIT_FAILURE;
}
