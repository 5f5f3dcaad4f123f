/* Session and throttle: what hangs on time, at times that the tests choose. */
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
    SECOND = 1000, /* milliseconds */
    MINUTE = 60 * SECOND,
    QUARTER = 15 * MINUTE,
    DAY = 24 * 60 * MINUTE,
    GRACE = 10 * SECOND,
    LIFETIME = 60 * MINUTE,
    MAXIMUM = 5 * 60 * MINUTE, /* of a session */
    RENEWALS = 5,
};

static const int64_t start = 1700000000000;

/* --- sessions -------------------------------------------------------------------------------- */

static const char old_key[] = "0123456789abcdef0123456789abcdef";
static const char new_key[] = "fedcba9876543210fedcba9876543210";
static const struct session_client client = {"192.0.2.1", "tests"};

static struct session_terms at(int64_t now)
{
    return (struct session_terms){
        .key = old_key,
        .previous_key = "",
        .now_ms = now,
        .refresh_ms = LIFETIME,
        .lifetime_ms = MAXIMUM,
    };
}

/* The administrator whose password has this epoch. */
static struct session administrator(int64_t epoch)
{
    return (struct session){.subject = "local:admin", .username = "admin", .epoch = epoch};
}

static struct session person(int64_t epoch, bool is_administrator)
{
    return (struct session){.subject = "directory:0a1b",
                            .username = "ivanov",
                            .epoch = epoch,
                            .administrator = is_administrator};
}

/* What runs inside store_write(). */
struct act {
    struct arena *arena;
    struct session *session;
    int64_t now;
};

static struct error *begin_session(struct store *store, void *context)
{
    const struct act *act = context;
    const struct session_terms terms = at(act->now);
    return session_begin(store, act->arena, &terms, &client, act->session);
}

static struct error *end_session(struct store *store, void *context)
{
    const struct act *act = context;
    int64_t count = 0;
    struct error *error = session_end(store, act->arena, act->session->id, act->now, &count);
    assert_true(error || count == 1);
    return error;
}

static struct session begin_for(struct test *test, struct session session)
{
    struct act act = {test->arena, &session, start};
    must_succeed(store_write(test->store, test->arena, begin_session, &act));
    commit_writes(test);
    return session;
}

static struct session begin(struct test *test)
{
    return begin_for(test, administrator(1));
}

static void end(struct test *test, struct session *session)
{
    struct act act = {test->arena, session, start};
    must_succeed(store_write(test->store, test->arena, end_session, &act));
    commit_writes(test);
}

/* Uses a token by these terms: what comes of it, committed whatever it is. */
static const struct error *use(struct test *test, const struct session_terms *terms,
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
    const struct session_terms terms = at(now);
    struct session session = administrator(1);
    bool reused;
    must_succeed(use(test, &terms, token, &session, &reused));
    assert_false(reused);
    assert_string_not_equal(session.refresh_token, token);
    return session.refresh_token;
}

static void must_refuse(struct test *test, const char *token, int64_t now, enum error_id id)
{
    const struct session_terms terms = at(now);
    struct session session = administrator(1);
    bool reused;
    assert_error(use(test, &terms, token, &session, &reused), id);
    assert_null(session.refresh_token);
    assert_false(reused);
}

static void must_be_reuse(struct test *test, const char *token, int64_t now)
{
    const struct session_terms terms = at(now);
    struct session session = administrator(1);
    bool reused;
    assert_error(use(test, &terms, token, &session, &reused), ERR_INVALID_TOKEN);
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

static void tokens_replace_one_another(void **state)
{
    struct test *test = *state;
    struct session first = begin(test), last = administrator(1);
    const char *token = first.refresh_token;
    int64_t now = start;
    for (int i = 0; i < RENEWALS; i++, now += MINUTE) {
        token = must_renew(test, token, now);
    }
    const struct session_terms terms = at(now);
    bool reused;
    must_succeed(use(test, &terms, token, &last, &reused));
    assert_string_equal(last.id, first.id);
}

static void within_the_grace_the_successor_is_the_same(void **state)
{
    struct test *test = *state;
    const char *first = begin(test).refresh_token;
    const char *second = must_renew(test, first, start);
    assert_string_equal(must_renew(test, first, start), second);
    assert_string_equal(must_renew(test, first, start + GRACE), second);
    must_renew(test, second, start + GRACE);
}

static void a_repetition_does_not_prolong_the_grace(void **state)
{
    struct test *test = *state;
    struct session session = begin(test);
    must_renew(test, session.refresh_token, start);
    must_renew(test, session.refresh_token, start + GRACE);
    must_be_reuse(test, session.refresh_token, start + GRACE + 1);
    must_be_alive(test, &session, start, false);
}

static void reuse_after_the_grace_ends_the_session(void **state)
{
    struct test *test = *state;
    struct session other = begin(test), session = begin(test);
    const char *first = session.refresh_token;
    const char *second = must_renew(test, first, start);
    must_be_reuse(test, first, start + GRACE + 1);
    must_refuse(test, first, start + GRACE + 1, ERR_INVALID_TOKEN);
    must_refuse(test, second, start, ERR_INVALID_TOKEN);
    must_be_alive(test, &session, start, false);
    must_be_alive(test, &other, start, true);
    must_renew(test, other.refresh_token, start);
}

/* The successor was used: whoever has the token before it has a copy. */
static void reuse_of_an_older_token_ends_the_session_within_the_grace(void **state)
{
    struct test *test = *state;
    const char *first = begin(test).refresh_token;
    const char *third = must_renew(test, must_renew(test, first, start), start);
    must_be_reuse(test, first, start);
    must_refuse(test, third, start, ERR_INVALID_TOKEN);
}

static void a_clock_that_is_set_back_does_not_prolong_the_grace(void **state)
{
    struct test *test = *state;
    const char *first = begin(test).refresh_token, *other = begin(test).refresh_token;
    const char *second = must_renew(test, first, start);
    assert_string_equal(must_renew(test, first, start - GRACE), second); /* clocks of two hosts */
    must_renew(test, other, start);
    must_be_reuse(test, other, start - GRACE - 1);
    must_refuse(test, other, start - DAY, ERR_INVALID_TOKEN);
}

static void tokens_expire(void **state)
{
    struct test *test = *state;
    const char *first = begin(test).refresh_token;
    must_refuse(test, first, start + LIFETIME, ERR_TOKEN_EXPIRED);
    const char *second = must_renew(test, first, start + LIFETIME - 1);
    must_renew(test, second, start + LIFETIME - 1 + LIFETIME - 1);
}

static void no_refresh_outlives_the_session(void **state)
{
    struct test *test = *state;
    struct session session = begin(test);
    const char *token = session.refresh_token;
    int64_t now = start;
    for (; now + MINUTE < start + MAXIMUM; now += MINUTE) {
        token = must_renew(test, token, now);
    }
    must_be_alive(test, &session, start + MAXIMUM - 1, true);
    must_be_alive(test, &session, start + MAXIMUM, false);
    must_refuse(test, token, start + MAXIMUM, ERR_TOKEN_EXPIRED);
}

static const struct error *renew_session(struct test *test, const char *id, struct session session,
                                         int64_t now)
{
    const struct session_terms terms = at(now);
    snprintf(session.id, sizeof session.id, "%s", id);
    const struct error *error = session_renew(test->store, test->arena, &terms, &client, &session);
    assert_null(session.refresh_token);
    assert_true(error || session.expires_ms == start + MAXIMUM);
    commit_writes(test);
    return error;
}

static void sessions_that_ended_do_not_go_on(void **state)
{
    struct test *test = *state;
    struct session session = begin(test);
    must_succeed(renew_session(test, session.id, administrator(1), start));
    end(test, &session);
    must_refuse(test, session.refresh_token, start, ERR_INVALID_TOKEN);
    assert_error(renew_session(test, session.id, administrator(1), start), ERR_INVALID_TOKEN);
    must_be_alive(test, &session, start - DAY, false);
}

static void a_session_is_renewed_until_its_absolute_end(void **state)
{
    struct test *test = *state;
    struct session session = begin(test);
    must_succeed(renew_session(test, session.id, administrator(1), start + MAXIMUM - 1));
    assert_error(renew_session(test, session.id, administrator(1), start + MAXIMUM),
                 ERR_INVALID_TOKEN);
}

static void what_is_no_session_is_refused(void **state)
{
    struct test *test = *state;
    static const char *const ids[] = {"", "0", "0123456789abcdef0123456789abcdeg",
                                      "0123456789ABCDEF0123456789ABCDEF",
                                      "0123456789abcdef0123456789abcdef"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_error(renew_session(test, ids[i], administrator(1), start), ERR_INVALID_TOKEN);
    }
    must_refuse(test, "", start, ERR_INVALID_TOKEN);
    must_refuse(test, "0123456789abcdef0123456789abcdef", start, ERR_INVALID_TOKEN);
}

/* --- credentials and keys -------------------------------------------------------------------- */

static void a_session_of_another_epoch_is_ended(void **state)
{
    struct test *test = *state;
    static const struct {
        struct session before, after;
        bool goes_on;
    } rows[] = {
        {{.epoch = 5}, {.epoch = 5}, true},
        {{.epoch = 5}, {.epoch = 6}, false},
        {{.epoch = 5}, {.epoch = 4}, true}, /* a controller that has not replicated yet */
        {{.epoch = 5}, {.epoch = 5, .administrator = true}, true},
        {{.epoch = 5, .administrator = true}, {.epoch = 5}, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct session by_token =
            begin_for(test, person(rows[i].before.epoch, rows[i].before.administrator));
        struct session by_bearer =
            begin_for(test, person(rows[i].before.epoch, rows[i].before.administrator));
        struct session now = person(rows[i].after.epoch, rows[i].after.administrator);
        const struct session_terms terms = at(start);
        bool reused;
        assert_int_equal(!renew_session(test, by_bearer.id, now, start), rows[i].goes_on);
        assert_int_equal(!use(test, &terms, by_token.refresh_token, &now, &reused),
                         rows[i].goes_on);
        must_be_alive(test, &by_token, start, rows[i].goes_on);
        must_be_alive(test, &by_bearer, start, rows[i].goes_on);
    }
    struct session session = begin_for(test, administrator(5));
    assert_error(renew_session(test, session.id, administrator(4), start), ERR_INVALID_TOKEN);
    must_be_alive(test, &session, start, false);
}

static void another_key_does_not_know_the_tokens(void **state)
{
    struct test *test = *state;
    const char *token = begin(test).refresh_token;
    struct session_terms terms = at(start);
    struct session session = administrator(1);
    bool reused;
    terms.key = new_key;
    assert_error(use(test, &terms, token, &session, &reused), ERR_INVALID_TOKEN);
    terms.previous_key = old_key;
    must_succeed(use(test, &terms, token, &session, &reused));
    const char *successor = session.refresh_token;
    terms.previous_key = ""; /* it has moved over */
    must_succeed(use(test, &terms, successor, &session, &reused));
}

/* The key changes between a refresh and its repetition. */
static void the_grace_outlives_a_change_of_the_key(void **state)
{
    struct test *test = *state;
    const char *token = begin(test).refresh_token;
    const char *successor = must_renew(test, token, start);
    struct session_terms terms = at(start);
    struct session session = administrator(1);
    bool reused;
    terms.key = new_key;
    terms.previous_key = old_key;
    must_succeed(use(test, &terms, token, &session, &reused));
    assert_string_equal(session.refresh_token, successor);
}

struct configuring {
    struct arena *arena;
    struct session_terms terms;
    int64_t epoch, count;
};

static struct error *end_unconfigured(struct store *store, void *context)
{
    struct configuring *work = context;
    return session_end_unconfigured(store, work->arena, &work->terms, "local:admin", work->epoch,
                                    &work->count);
}

static void apply(struct test *test, struct configuring *work)
{
    must_succeed(store_write(test->store, test->arena, end_unconfigured, work));
    commit_writes(test);
}

static void a_changed_configuration_ends_sessions(void **state)
{
    struct test *test = *state;
    struct session local = begin_for(test, administrator(7)), other = begin_for(test, person(7, 0));
    struct configuring work = {.arena = test->arena, .terms = at(start), .epoch = 7};
    apply(test, &work);
    must_be_alive(test, &local, start, true);
    work.epoch = 8;
    apply(test, &work);
    must_be_alive(test, &local, start, false);
    must_be_alive(test, &other, start, true);
    work.terms.key = new_key;
    work.terms.previous_key = old_key;
    apply(test, &work);
    must_be_alive(test, &other, start, true);
    work.terms.previous_key = "";
    apply(test, &work);
    must_be_alive(test, &other, start, false);
}

static void only_digests_are_kept(void **state)
{
    struct test *test = *state;
    const char *token = begin(test).refresh_token;
    static const char *const files[] = {"state/accounts.db", "state/accounts.db-wal"};
    must_renew(test, token, start);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct stat status;
        assert_int_equal(stat(files[i], &status), 0);
        const char *bytes = read_file(test->arena, files[i]);
        assert_null(memmem(bytes, (size_t)status.st_size, token, strlen(token)));
    }
}

/* --- the cache ------------------------------------------------------------------------------- */

static const struct session_facts facts = {
    .epoch = -7, .expires_ms = INT64_C(1) << 60, .administrator = true};

static void fill_at_random(unsigned char id[RANDOM_ID_BYTES])
{
    char text[RANDOM_ID_SIZE];
    assert_true(session_id_bytes(random_id(text), id));
}

static void must_be_known(const unsigned char *id, const char *subject, enum session_known known)
{
    struct session_facts found;
    assert_int_equal(session_cache_find(id, subject, &found), known);
}

static void the_cache_keeps_what_it_was_given(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES], other[RANDOM_ID_BYTES];
    struct session_facts found;
    fill_at_random(id);
    fill_at_random(other);
    must_be_known(id, "local:a", SESSION_UNKNOWN);
    session_cache_keep(id, "local:a", session_cache_generation(id), &facts);
    assert_int_equal(session_cache_find(id, "local:a", &found), SESSION_FRESH);
    assert_int_equal(found.epoch, facts.epoch);
    assert_int_equal(found.expires_ms, facts.expires_ms);
    assert_true(found.administrator);
    must_be_known(id, "local:b", SESSION_UNKNOWN);
    must_be_known(other, "local:a", SESSION_UNKNOWN);
}

static void an_end_is_known_at_once(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES];
    fill_at_random(id);
    session_cache_keep(id, "local:a", session_cache_generation(id), &facts);
    session_cache_end(id);
    must_be_known(id, "local:a", SESSION_UNKNOWN);
    session_cache_keep(id, "local:a", session_cache_generation(id), &facts);
    must_be_known(id, "local:a", SESSION_FRESH);
    session_cache_committed();
    must_be_known(id, "local:a", SESSION_UNKNOWN);
    session_cache_keep(id, "local:a", session_cache_generation(id), &facts);
    session_cache_end_all();
    must_be_known(id, "local:a", SESSION_UNKNOWN);
}

/* The database was asked before the session ended, and the answer is kept afterwards. */
static void a_late_answer_revives_nothing(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES];
    fill_at_random(id);
    uint64_t generation = session_cache_generation(id);
    session_cache_end(id);
    session_cache_keep(id, "local:a", generation, &facts);
    must_be_known(id, "local:a", SESSION_UNKNOWN);
}

static void an_expired_session_is_unknown(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES];
    struct session_facts expired = facts;
    fill_at_random(id);
    expired.expires_ms = clock_wall_ms();
    session_cache_keep(id, "local:a", session_cache_generation(id), &expired);
    must_be_known(id, "local:a", SESSION_UNKNOWN);
}

/* More sessions than there are slots: some are unknown, and none is taken for another one. */
static void a_full_cache_forgets(void **state)
{
    (void)state;
    enum { MANY = 40000 };
    struct session_facts mine = facts, found;
    for (int i = 0; i < MANY; i++) {
        unsigned char id[RANDOM_ID_BYTES] = {0};
        memcpy(id + RANDOM_ID_BYTES - sizeof i, &i, sizeof i);
        mine.epoch = i;
        session_cache_keep(id, "local:a", session_cache_generation(id), &mine);
        assert_int_equal(session_cache_find(id, "local:a", &found), SESSION_FRESH);
        assert_int_equal(found.epoch, i);
    }
}

/* A restart of the service: the file is mapped anew. */
static void the_cache_survives_a_restart(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES], ended[RANDOM_ID_BYTES];
    fill_at_random(id);
    fill_at_random(ended);
    session_cache_share("sessions.cache");
    session_cache_keep(id, "local:a", session_cache_generation(id), &facts);
    session_cache_keep(ended, "local:a", session_cache_generation(ended), &facts);
    session_cache_end(ended);
    session_cache_share("sessions.cache");
    must_be_known(id, "local:a", SESSION_FRESH);
    must_be_known(ended, "local:a", SESSION_UNKNOWN);
}

/* Bytes of half a write, or of another version's file, are no session. */
static void a_damaged_cache_knows_nothing(void **state)
{
    (void)state;
    enum { STEP = 997, TRIES = 200 };
    unsigned char id[RANDOM_ID_BYTES];
    struct session_facts found;
    fill_at_random(id);
    for (int i = 0; i < TRIES; i++) {
        session_cache_share("damaged.cache");
        session_cache_keep(id, "local:a", session_cache_generation(id), &facts);
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
        if (session_cache_find(id, "local:a", &found) != SESSION_UNKNOWN) { /* its slot is whole */
            assert_int_equal(found.epoch, facts.epoch);
            assert_int_equal(found.expires_ms, facts.expires_ms);
        }
    }
}

static void without_a_file_the_cache_works(void **state)
{
    (void)state;
    unsigned char id[RANDOM_ID_BYTES];
    fill_at_random(id);
    session_cache_share("no/such/folder/sessions.cache");
    session_cache_keep(id, "local:a", session_cache_generation(id), &facts);
    must_be_known(id, "local:a", SESSION_FRESH);
}

/* --- the throttle ---------------------------------------------------------------------------- */

enum { FREE = 5, BUDGET = FREE * THROTTLE_BUDGET, INTERVAL = THROTTLE_INTERVAL_MS };

static struct throttle of(const char *name, const char *source)
{
    return (struct throttle){
        .key = "key", .subject = name, .source = source, .realm = "", .free_failures = FREE};
}

static struct throttle looked(struct test *test, const char *name, const char *source, int64_t now)
{
    struct throttle throttle = of(name, source);
    must_succeed(throttle_look(test->store, test->arena, &throttle, now));
    return throttle;
}

static void miss_from(struct test *test, const char *name, const char *source, int64_t now)
{
    struct throttle throttle = looked(test, name, source, now);
    must_succeed(throttle_failed(test->store, test->arena, &throttle, now));
    commit_writes(test);
}

static void miss(struct test *test, const char *name, int64_t now)
{
    miss_from(test, name, "here", now);
}

/* The seconds to wait; 0: none. */
static int wait_from(struct test *test, const char *name, const char *source, int64_t now)
{
    struct throttle throttle = looked(test, name, source, now);
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

static void each_failure_doubles_the_wait(void **state)
{
    struct test *test = *state;
    static const int waits[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    int64_t now = start;
    for (int i = 0; i < FREE; i++) {
        miss(test, "anna", now);
        assert_int_equal(wait_for(test, "anna", now), 0);
    }
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        miss(test, "anna", now);
        assert_int_equal(wait_for(test, "anna", now), waits[i]);
        now += (int64_t)waits[i] * SECOND;
        assert_int_equal(wait_for(test, "anna", now - 1), 1);
        assert_int_equal(wait_for(test, "anna", now), 0);
    }
    assert_int_equal(wait_for(test, "boris", start), 0);
}

static void names_have_no_case(void **state)
{
    struct test *test = *state;
    static const char *const names[] = {"вера", "ВЕРА", "Вера"};
    for (int i = 0; i <= FREE; i++) {
        miss(test, names[(size_t)i % COUNT_OF(names)], start);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(wait_for(test, names[i], start), 1);
    }
}

static void a_quarter_of_an_hour_forgets(void **state)
{
    struct test *test = *state;
    for (int i = 0; i <= FREE; i++) {
        miss(test, "gleb", start);
    }
    int64_t later = start + SECOND + QUARTER;
    miss(test, "gleb", later);
    assert_int_equal(wait_for(test, "gleb", later), 2); /* not yet */
    later += 2 * SECOND + QUARTER + 1;
    miss(test, "gleb", later);
    assert_int_equal(wait_for(test, "gleb", later), 0);
}

struct passing {
    struct arena *arena;
    struct throttle throttle;
    int64_t now;
};

static struct error *pass(struct store *store, void *context)
{
    const struct passing *passing = context;
    return throttle_passed(store, passing->arena, &passing->throttle, passing->now);
}

static void log_in(struct test *test, const char *name, const char *source, int64_t now)
{
    struct passing passing = {test->arena, looked(test, name, source, now), now};
    must_succeed(store_write(test->store, test->arena, pass, &passing));
    commit_writes(test);
}

static void a_success_forgets(void **state)
{
    struct test *test = *state;
    for (int i = 0; i <= FREE; i++) {
        miss(test, "dina", start);
    }
    log_in(test, "Dina", "here", start);
    for (int i = 0; i < FREE; i++) {
        miss(test, "dina", start);
        assert_int_equal(wait_for(test, "dina", start), 0);
    }
    miss(test, "dina", start);
    assert_int_equal(wait_for(test, "dina", start), 1);
}

/* What was written at a time that the clock has been taken back from. */
static void a_clock_that_steps_back_holds_nobody_for_long(void **state)
{
    struct test *test = *state;
    for (int i = 0; i <= FREE; i++) {
        miss(test, "egor", start);
    }
    assert_int_equal(wait_for(test, "egor", start - DAY), 60);
    assert_int_equal(wait_for(test, "egor", start - DAY + MINUTE - 1), 1);
    assert_int_equal(wait_for(test, "egor", start - DAY + MINUTE), 0);
}

/* Fails once from each of many sources. */
static void spend_budget(struct test *test, const char *name, int64_t now)
{
    for (int i = 0; i < BUDGET; i++) {
        miss_from(test, name, arena_format(test->arena, "stranger %d", i), now);
    }
}

static void strangers_share_a_budget(void **state)
{
    struct test *test = *state;
    spend_budget(test, "zoya", start);
    assert_int_equal(wait_from(test, "zoya", "another stranger", start), 15);
    assert_int_equal(wait_from(test, "zoya", "another stranger", start + INTERVAL), 0);
    assert_int_equal(wait_from(test, "yana", "another stranger", start), 0);
    miss_from(test, "zoya", "another stranger", start + INTERVAL);
    assert_int_equal(wait_from(test, "zoya", "a third", start + INTERVAL), 15);
}

static void one_stranger_does_not_spend_the_budget(void **state)
{
    struct test *test = *state;
    int64_t now = start;
    for (int i = 0; i < 4 * BUDGET; i++) {
        now += (int64_t)wait_from(test, "lev", "mallory", now) * SECOND;
        miss_from(test, "lev", "mallory", now);
        assert_int_equal(wait_from(test, "lev", "home", now), 0);
    }
}

static void known_sources_are_exempt_from_the_budget(void **state)
{
    struct test *test = *state;
    log_in(test, "vera", "home", start);
    spend_budget(test, "vera", start);
    assert_int_equal(wait_from(test, "vera", "home", start), 0);
    assert_int_equal(wait_from(test, "vera", "elsewhere", start), 15);
    for (int i = 0; i <= FREE; i++) { /* its own failures count */
        miss_from(test, "vera", "home", start);
    }
    assert_int_equal(wait_from(test, "vera", "home", start), 1);
}

static void sources_are_known_for_90_days_and_the_latest_of_them(void **state)
{
    struct test *test = *state;
    log_in(test, "rita", "home", start);
    assert_true(looked(test, "rita", "home", start + THROTTLE_SOURCES_KEPT_MS - 1).known);
    assert_false(looked(test, "rita", "home", start + THROTTLE_SOURCES_KEPT_MS).known);
    assert_false(looked(test, "boris", "home", start).known);
    for (int i = 1; i <= THROTTLE_SOURCES_MAX; i++) {
        log_in(test, "rita", arena_format(test->arena, "%d", i), start + i);
    }
    assert_false(looked(test, "rita", "home", start).known);
    assert_true(looked(test, "rita", "1", start).known);
}

static bool knows_name(struct test *test, const char *name, const char *source, int64_t now)
{
    struct throttle throttle = {.key = "key", .source = source, .name = name};
    bool known;
    must_succeed(throttle_look_at_name(test->store, test->arena, &throttle, now, &known));
    return known;
}

static void log_in_by(struct test *test, const char *subject, const char *name, int64_t now)
{
    struct passing passing = {test->arena, of(subject, "home"), now};
    passing.throttle.name = name;
    must_succeed(throttle_look(test->store, test->arena, &passing.throttle, now));
    must_succeed(store_write(test->store, test->arena, pass, &passing));
    commit_writes(test);
}

static void a_name_is_known_in_networks_where_it_has_logged_in(void **state)
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

static void sources_of_names_do_not_displace_those_of_subjects(void **state)
{
    struct test *test = *state;
    log_in(test, "olga", "office", start);
    for (int i = 0; i <= THROTTLE_SOURCES_MAX; i++) {
        log_in_by(test, "olga", arena_format(test->arena, "olga %d", i), start + i);
    }
    assert_true(looked(test, "olga", "office", start).known);
    assert_false(knows_name(test, "olga 0", "home", start));
    assert_true(knows_name(test, "olga 1", "home", start));
}

static void a_budget_does_not_outlive_a_step_of_the_clock(void **state)
{
    struct test *test = *state;
    spend_budget(test, "foma", start + DAY);
    assert_int_equal(wait_from(test, "foma", "home", start), 15);
    assert_int_equal(wait_from(test, "foma", "home", start + INTERVAL), 0);
}

static void without_free_failures_all_are(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < 3 * FREE; i++) {
        struct throttle throttle = of("fedor", "here");
        throttle.free_failures = 0;
        must_succeed(throttle_failed(test->store, test->arena, &throttle, start));
        commit_writes(test);
        must_succeed(throttle_check(test->store, test->arena, &throttle, start));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCOUNTS_TEST(tokens_replace_one_another),
        ACCOUNTS_TEST(within_the_grace_the_successor_is_the_same),
        ACCOUNTS_TEST(a_repetition_does_not_prolong_the_grace),
        ACCOUNTS_TEST(reuse_after_the_grace_ends_the_session),
        ACCOUNTS_TEST(reuse_of_an_older_token_ends_the_session_within_the_grace),
        ACCOUNTS_TEST(a_clock_that_is_set_back_does_not_prolong_the_grace),
        ACCOUNTS_TEST(tokens_expire),
        ACCOUNTS_TEST(no_refresh_outlives_the_session),
        ACCOUNTS_TEST(sessions_that_ended_do_not_go_on),
        ACCOUNTS_TEST(a_session_is_renewed_until_its_absolute_end),
        ACCOUNTS_TEST(what_is_no_session_is_refused),
        ACCOUNTS_TEST(a_session_of_another_epoch_is_ended),
        ACCOUNTS_TEST(another_key_does_not_know_the_tokens),
        ACCOUNTS_TEST(the_grace_outlives_a_change_of_the_key),
        ACCOUNTS_TEST(a_changed_configuration_ends_sessions),
        ACCOUNTS_TEST(only_digests_are_kept),
        cmocka_unit_test(the_cache_keeps_what_it_was_given),
        cmocka_unit_test(an_end_is_known_at_once),
        cmocka_unit_test(a_late_answer_revives_nothing),
        cmocka_unit_test(an_expired_session_is_unknown),
        cmocka_unit_test(a_full_cache_forgets),
        cmocka_unit_test(the_cache_survives_a_restart),
        cmocka_unit_test(a_damaged_cache_knows_nothing),
        cmocka_unit_test(without_a_file_the_cache_works),
        ACCOUNTS_TEST(each_failure_doubles_the_wait),
        ACCOUNTS_TEST(names_have_no_case),
        ACCOUNTS_TEST(a_quarter_of_an_hour_forgets),
        ACCOUNTS_TEST(a_success_forgets),
        ACCOUNTS_TEST(a_clock_that_steps_back_holds_nobody_for_long),
        ACCOUNTS_TEST(strangers_share_a_budget),
        ACCOUNTS_TEST(one_stranger_does_not_spend_the_budget),
        ACCOUNTS_TEST(known_sources_are_exempt_from_the_budget),
        ACCOUNTS_TEST(sources_are_known_for_90_days_and_the_latest_of_them),
        ACCOUNTS_TEST(a_name_is_known_in_networks_where_it_has_logged_in),
        ACCOUNTS_TEST(sources_of_names_do_not_displace_those_of_subjects),
        ACCOUNTS_TEST(a_budget_does_not_outlive_a_step_of_the_clock),
        ACCOUNTS_TEST(without_free_failures_all_are),
    };
    char folder[PATH_MAX];
    return enter_accounts(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("session", tests, NULL, NULL))
               : EXIT_FAILURE;
}
