/* Purge: requested purges take precedence over the periodic round of all kinds. Runs on both
 * engines. */
#include "engines.h"

#include "service/purge_plan.h"
#include "tokens/verify.h"

#include <poll.h>

enum { MANY = 3 * PURGE_BATCH };

#define PURGE_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, test_setup_schema, test_teardown)

static bool is_woken(int wait_ms)
{
    struct pollfd wake = {.fd = purge_wake_fd(), .events = POLLIN};
    return poll(&wake, 1, wait_ms) == 1;
}

static int64_t count(struct test *test, const char *table)
{
    int64_t rows = -1;
    must_succeed(read_integer(test->other, test->arena,
                              arena_format(test->arena, "SELECT count(*) FROM %s", table), &rows));
    return rows;
}

struct rows {
    struct arena *arena;
    const char *text; /* its parameter is a unique blob */
    int64_t count;
};

static struct error *add_rows(struct store *store, void *context)
{
    const struct rows *rows = context;
    struct error *error = NULL;
    for (int64_t i = 0; i < rows->count && !error; i++) {
        struct store_query *query = store_compose(store, rows->arena, rows->text);
        store_bind_bytes(query, &i, sizeof i);
        error = store_execute(query);
    }
    return error;
}

/* Inserts expired rows. */
static void insert_expired_rows(struct test *test, const char *text, int64_t count)
{
    struct rows rows = {test->arena, text, count};
    must_succeed(store_write(test->store, test->arena, add_rows, &rows));
    must_succeed(store_group_commit(test->store, test->arena));
}

/* Runs the purge once, as the housekeeper does, then waits until it is due. Fails if a purge is
 * requested meanwhile. */
static void run_purge_once(struct purge *purge)
{
    int64_t left_ms = (purge_run(purge) - clock_steady_us()) / MS_US + 1;
    assert_false(is_woken((int)left_ms));
}

/* Runs the purge until `table` has fewer than `rows` rows. */
static void run_purge_until(struct test *test, struct purge *purge, const char *table, int64_t rows)
{
    while (count(test, table) >= rows) {
        run_purge_once(purge);
    }
}

static void requested_purge_precedes_the_periodic_round(void **state)
{
    struct test *test = *state;
    struct purge *purge = purge_new(test->store);
    insert_expired_rows(
        test, "INSERT INTO login_failures (name_key, failures, until) VALUES ($1, 1, 1)", MANY);
    insert_expired_rows(
        test, "INSERT INTO tokens (digest, uses, created_at, expires_at) VALUES ($1, 0, 1, 2)", 1);
    run_purge_until(test, purge, "login_failures", MANY);
    assert_int_equal(count(test, "tokens"), 1);
    assert_false(is_woken(0));
    purge_soon(&tokens_purge_kind);
    assert_true(is_woken(0));
    run_purge_until(test, purge, "tokens", 1);
    assert_true(count(test, "login_failures") > 0);
    run_purge_until(test, purge, "login_failures", 1);
    purge_free(&purge);
}

/* A client that keeps requesting purges must not keep others from writing. */
static void frequent_purge_requests_do_not_shorten_the_pause_between_rounds(void **state)
{
    struct test *test = *state;
    struct purge *purge = purge_new(test->store);
    insert_expired_rows(
        test, "INSERT INTO tokens (digest, uses, created_at, expires_at) VALUES ($1, 0, 1, 2)",
        MANY);
    purge_soon(&tokens_purge_kind);
    int64_t due = purge_run(purge);
    purge_soon(&tokens_purge_kind);
    assert_true(is_woken(0));
    assert_int_equal(purge_run(purge), due); /* due at the same time: the pause was kept */
    assert_false(is_woken(0));
    assert_int_equal(count(test, "tokens"), MANY - PURGE_BATCH);
    run_purge_until(test, purge, "tokens", 1);
    run_purge_once(purge); /* finds no more rows */
    run_purge_once(purge); /* serves the request made meanwhile */
    purge_free(&purge);
}

static struct error *rename_table(struct store *store, void *context)
{
    struct rows *rows = context;
    return store_execute(store_compose(store, rows->arena, rows->text));
}

static void rename_links(struct test *test, const char *text)
{
    struct rows rows = {.arena = test->arena, .text = text};
    must_succeed(store_write(test->store, test->arena, rename_table, &rows));
    must_succeed(store_group_commit(test->store, test->arena));
}

static void purge_continues_if_correcting_future_times_fails(void **state)
{
    struct test *test = *state;
    struct purge *purge = purge_new(test->store);
    insert_expired_rows(
        test,
        "INSERT INTO sessions (id, subject, username, username_key, epoch, administrator, key_id,"
        " address, device, created_at, last_seen_at, expires_at)"
        " VALUES ($1, 's', 'n', 'n', 0, 0, 1, '', '', 1, 1, 2)",
        1);
    rename_links(test, "ALTER TABLE email_links RENAME TO no_links");
    purge_run(purge);
    rename_links(test, "ALTER TABLE no_links RENAME TO email_links");
    assert_int_equal(count(test, "sessions"), 0);
    purge_free(&purge);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        PURGE_TEST(requested_purge_precedes_the_periodic_round),
        PURGE_TEST(frequent_purge_requests_do_not_shorten_the_pause_between_rounds),
        PURGE_TEST(purge_continues_if_correcting_future_times_fails),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    purge_share(&purge_plan);
    return run_on_engines(run_group, "purge on SQLite", "purge on PostgreSQL");
}
