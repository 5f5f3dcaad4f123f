/* Purge after a clock step: corrects rows that were issued while the clock was ahead. */
#include "unit.h"

#include "accounts.h"
#include "auth/email_link.h"
#include "auth/session.h"
#include "service/purge_plan.h"

#define HOUR (INT64_C(3600) * 1000)
#define LIFETIME HOUR
#define MAXIMUM (5 * HOUR)

static const int64_t now = 1700000000000, link_lifetime = HOUR * 24 * 7;

static const char key[] = "0123456789abcdef0123456789abcdef";

struct session_opening {
    struct arena *arena;
    struct session_settings terms;
    struct session session;
};

static struct error *open_session(struct store *store, void *context)
{
    static const struct session_client client = {"192.0.2.1", "tests"};
    struct session_opening *session_opening = context;
    return session_begin(store, session_opening->arena, &session_opening->terms, &client,
                         &session_opening->session);
}

static struct session log_in(struct test *test, int64_t at)
{
    struct session_opening session_opening = {
        .arena = test->arena,
        .terms = {.key = key, .refresh_ms = LIFETIME, .lifetime_ms = MAXIMUM, .now_ms = at},
        .session = {.subject = "local:admin", .username = "admin"},
    };
    must_succeed(store_write(test->store, test->arena, open_session, &session_opening));
    commit_writes(test);
    return session_opening.session;
}

static bool is_alive(struct test *test, const struct session *session, int64_t at)
{
    struct session found;
    return !session_check(test->store, test->arena, session->id, "local:admin", at, &found);
}

static void shorten_all(struct test *test)
{
    bool more = true;
    while (more) {
        must_succeed(purge_shorten(&purge_plan, test->store, test->arena, now, &more));
    }
}

static void sessions_issued_in_the_future_get_the_usual_lifetime(void **state)
{
    struct test *test = *state;
    struct session ahead = log_in(test, now + 10 * HOUR), before = log_in(test, now - HOUR);
    shorten_all(test);
    assert_true(is_alive(test, &ahead, now + MAXIMUM - 1));
    assert_false(is_alive(test, &ahead, now + MAXIMUM));
    assert_true(is_alive(test, &before, now + MAXIMUM - HOUR - 1));
    assert_false(is_alive(test, &before, now + MAXIMUM - HOUR));
}

static void refresh_tokens_issued_in_the_future_are_shortened(void **state)
{
    struct test *test = *state;
    static const struct session_client client = {"192.0.2.1", "tests"};
    struct session_settings terms = {
        .key = key, .refresh_ms = LIFETIME, .lifetime_ms = MAXIMUM, .now_ms = now + LIFETIME};
    struct session session = log_in(test, now + 10 * HOUR);
    struct session_outcome outcome;
    shorten_all(test);
    assert_error(session_refresh(test->store, test->arena, &terms, &client, session.refresh_token,
                                 &session, &outcome),
                 ERR_TOKEN_EXPIRED);
}

/* The clocks of hosts that share a database differ slightly without any step back. */
static void session_of_a_slightly_fast_clock_is_unchanged(void **state)
{
    enum { AHEAD = 500 };
    struct test *test = *state;
    struct session other = log_in(test, now + AHEAD);
    shorten_all(test);
    assert_true(is_alive(test, &other, now + AHEAD + MAXIMUM - 1));
}

static void email_links_issued_in_the_future_are_shortened_in_batches(void **state)
{
    struct test *test = *state;
    enum { LINKS = 2 * PURGE_BATCH + 1 };
    static struct email_link links[LINKS];
    bool more, valid;
    int batches = 1;
    for (size_t i = 0; i < LINKS; i++) {
        links[i] = (struct email_link){.email = arena_format(test->arena, "%zu@example.com", i)};
        must_succeed(email_link_issue(test->store, test->arena, now + HOUR, &links[i]));
    }
    commit_writes(test);
    for (;;) {
        must_succeed(purge_shorten(&purge_plan, test->store, test->arena, now, &more));
        if (!more) {
            break;
        }
        batches++;
    }
    assert_int_equal(batches, 3);
    for (size_t i = 0; i < LINKS; i++) {
        for (int late = 0; late < 2; late++) {
            must_succeed(email_link_check(test->store, test->arena, links[i].token, links[i].email,
                                          now + link_lifetime - 1 + late, &valid));
            assert_int_equal(valid, !late);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCOUNTS_TEST(sessions_issued_in_the_future_get_the_usual_lifetime),
        ACCOUNTS_TEST(refresh_tokens_issued_in_the_future_are_shortened),
        ACCOUNTS_TEST(session_of_a_slightly_fast_clock_is_unchanged),
        ACCOUNTS_TEST(email_links_issued_in_the_future_are_shortened_in_batches),
    };
    char folder[PATH_MAX];
    return enter_accounts(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("purge after a clock step",
                                                                     tests, NULL, NULL))
               : EXIT_FAILURE;
}
