/* Session and throttle: what hangs on time, at times that the tests choose. */
#include "unit.h"

#include "accounts.h"
#include "auth/session.h"
#include "auth/throttle.h"

#include <sys/stat.h>

enum {
    SECOND = 1000, /* milliseconds */
    MINUTE = 60 * SECOND,
    QUARTER = 15 * MINUTE,
    DAY = 24 * 60 * MINUTE,
    GRACE = 10 * SECOND,
    LIFETIME = 60 * MINUTE,
    RENEWALS = 5,
};

static const int64_t start = 1700000000000;

/* --- sessions -------------------------------------------------------------------------------- */

/* What runs inside store_write(). */
struct act {
    struct arena *arena;
    struct session *session;
    int64_t now;
};

static struct error *begin_session(struct store *store, void *context)
{
    const struct act *act = context;
    return session_begin(store, act->arena, act->session, act->now, LIFETIME);
}

static struct error *end_session(struct store *store, void *context)
{
    const struct act *act = context;
    return session_end(store, act->arena, act->session->id, act->now);
}

static struct session begin(struct test *test)
{
    struct session session = {.subject = "local:admin"};
    struct act act = {test->arena, &session, start};
    must_succeed(store_write(test->store, test->arena, begin_session, &act));
    commit(test);
    return session;
}

/* Uses a token: what comes of it, committed whatever it is. */
static const struct error *renew(struct test *test, const char *token, int64_t now,
                                 struct session *session)
{
    *session = (struct session){0};
    const struct error *error =
        session_refresh(test->store, test->arena, token, now, LIFETIME, session);
    commit(test);
    return error;
}

static const char *must_renew(struct test *test, const char *token, int64_t now)
{
    struct session session;
    must_succeed(renew(test, token, now, &session));
    assert_string_equal(session.subject, "local:admin");
    assert_string_not_equal(session.refresh_token, token);
    return session.refresh_token;
}

static void must_refuse(struct test *test, const char *token, int64_t now, enum error_id id)
{
    struct session session;
    assert_error(renew(test, token, now, &session), id);
    assert_null(session.refresh_token);
}

static void tokens_replace_one_another(void **state)
{
    struct test *test = *state;
    struct session first = begin(test), last;
    const char *token = first.refresh_token;
    int64_t now = start;
    for (int i = 0; i < RENEWALS; i++, now += MINUTE) {
        token = must_renew(test, token, now);
    }
    must_succeed(renew(test, token, now, &last));
    assert_string_equal(last.id, first.id);
}

static void within_the_grace_a_token_works_again(void **state)
{
    struct test *test = *state;
    const char *first = begin(test).refresh_token;
    const char *second = must_renew(test, first, start);
    const char *third = must_renew(test, first, start + GRACE);
    /* The grace began with the first use. */
    assert_string_not_equal(second, third);
    must_renew(test, second, start + GRACE);
    must_renew(test, third, start + GRACE);
    must_refuse(test, first, start + GRACE + 1, ERR_INVALID_TOKEN);
}

static void who_comes_later_ends_the_session(void **state)
{
    struct test *test = *state;
    struct session other = begin(test);
    const char *first = begin(test).refresh_token;
    const char *second = must_renew(test, first, start);
    const char *third = must_renew(test, second, start);
    must_refuse(test, first, start + GRACE + 1, ERR_INVALID_TOKEN);
    must_refuse(test, second, start, ERR_INVALID_TOKEN);
    must_refuse(test, third, start, ERR_INVALID_TOKEN);
    must_renew(test, other.refresh_token, start);
}

static void tokens_expire(void **state)
{
    struct test *test = *state;
    const char *first = begin(test).refresh_token;
    must_refuse(test, first, start + LIFETIME, ERR_TOKEN_EXPIRED);
    const char *second = must_renew(test, first, start + LIFETIME - 1);
    must_renew(test, second, start + LIFETIME - 1 + LIFETIME - 1);
}

static void sessions_that_ended_do_not_go_on(void **state)
{
    struct test *test = *state;
    struct session session = begin(test), further = {.subject = "local:admin"};
    struct act act = {test->arena, &session, start};
    must_succeed(session_extend(test->store, test->arena, session.id, start, LIFETIME, &further));
    commit(test);
    must_succeed(store_write(test->store, test->arena, end_session, &act));
    commit(test);
    must_refuse(test, session.refresh_token, start, ERR_INVALID_TOKEN);
    must_refuse(test, further.refresh_token, start, ERR_INVALID_TOKEN);
    assert_error(session_extend(test->store, test->arena, session.id, start, LIFETIME, &further),
                 ERR_INVALID_TOKEN);
}

static void what_is_no_session_is_refused(void **state)
{
    struct test *test = *state;
    static const char *const ids[] = {NULL,
                                      "",
                                      "0",
                                      "0123456789abcdef0123456789abcdeg",
                                      "0123456789ABCDEF0123456789ABCDEF",
                                      "0123456789abcdef0123456789abcdef",
                                      "0123456789abcdef0123456789abcdef0"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        struct session session = {.subject = "local:admin"};
        assert_error(session_extend(test->store, test->arena, ids[i], start, LIFETIME, &session),
                     ERR_INVALID_TOKEN);
    }
    must_refuse(test, "", start, ERR_INVALID_TOKEN);
    must_refuse(test, "0123456789abcdef0123456789abcdef", start, ERR_INVALID_TOKEN);
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
    commit(test);
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
    commit(test);
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
    commit(test);
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
        commit(test);
        must_succeed(throttle_check(test->store, test->arena, &throttle, start));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCOUNTS_TEST(tokens_replace_one_another),
        ACCOUNTS_TEST(within_the_grace_a_token_works_again),
        ACCOUNTS_TEST(who_comes_later_ends_the_session),
        ACCOUNTS_TEST(tokens_expire),
        ACCOUNTS_TEST(sessions_that_ended_do_not_go_on),
        ACCOUNTS_TEST(what_is_no_session_is_refused),
        ACCOUNTS_TEST(only_digests_are_kept),
        ACCOUNTS_TEST(each_failure_doubles_the_wait),
        ACCOUNTS_TEST(names_have_no_case),
        ACCOUNTS_TEST(a_quarter_of_an_hour_forgets),
        ACCOUNTS_TEST(a_success_forgets),
        ACCOUNTS_TEST(a_clock_that_steps_back_holds_nobody_for_long),
        ACCOUNTS_TEST(strangers_share_a_budget),
        ACCOUNTS_TEST(one_stranger_does_not_spend_the_budget),
        ACCOUNTS_TEST(known_sources_are_exempt_from_the_budget),
        ACCOUNTS_TEST(sources_are_known_for_90_days_and_the_latest_of_them),
        ACCOUNTS_TEST(a_budget_does_not_outlive_a_step_of_the_clock),
        ACCOUNTS_TEST(without_free_failures_all_are),
    };
    char folder[PATH_MAX];
    return enter_accounts(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("session", tests, NULL, NULL))
               : EXIT_FAILURE;
}
