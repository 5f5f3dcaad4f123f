/* Token usage: the uses that processes count are written exactly once. Runs on both engines. */
#include "engines.h"

#include "base/metrics.h"
#include "tokens/usage.h"

#include <sys/wait.h>

enum { SMALL = 2000, STEP = 1 << 18, SLOTS_PER_ID = 8 };

static struct error *insert_token(struct store *store, void *context)
{
    struct arena *arena = arena_new();
    const int64_t *id = context;
    struct store_query *query = store_compose(
        store, arena,
        "INSERT INTO tokens (id, digest, uses, created_at, expires_at) VALUES ($1, $2, 0, 1, 1)");
    store_bind_integer(query, *id);
    store_bind_bytes(query, id, sizeof *id);
    struct error *error = store_execute(query);
    assert_null(error);
    arena_free(&arena);
    return NULL;
}

static void add_token(struct test *test, int64_t id)
{
    must_succeed(store_write(test->store, test->arena, insert_token, &id));
    must_succeed(store_group_commit(test->store, test->arena));
}

static int64_t uses_of(struct test *test, int64_t id)
{
    int64_t uses;
    must_succeed(read_integer(
        test->store, test->arena,
        arena_format(test->arena, "SELECT uses FROM tokens WHERE id = %d", (int)id), &uses));
    return uses;
}

static void add_uses(int64_t id, int count)
{
    for (int i = 0; i < count; i++) {
        assert_true(tokens_usage_add(id));
    }
}

#define USES_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, test_setup_schema, test_teardown)

static void token_uses_are_written_exactly_once(void **state)
{
    struct test *test = *state;
    bool more;
    add_token(test, 1);
    add_token(test, 2);
    add_uses(1, 5);
    add_uses(2, 1);
    add_uses(3, 1); /* this token does not exist */
    assert_int_equal(uses_of(test, 1), 0);
    must_succeed(tokens_usage_flush(test->store, test->arena, &more));
    tokens_usage_flush_all(test->store);
    tokens_usage_flush_all(test->other);
    assert_int_equal(uses_of(test, 1), 5);
    assert_int_equal(uses_of(test, 2), 1);
    add_uses(1, 1);
    must_succeed(tokens_usage_write(test->store, test->arena, 1));
    must_succeed(store_group_commit(test->store, test->arena));
    tokens_usage_flush_all(test->store);
    assert_int_equal(uses_of(test, 1), 7);
}

static void many_usage_counters_are_flushed_in_batches(void **state)
{
    struct test *test = *state;
    bool more = true;
    int batches = 0;
    for (int64_t id = 1; id <= SMALL; id += SMALL - 1) {
        add_token(test, id);
    }
    for (int64_t id = 1; id <= SMALL; id++) {
        add_uses(id, 2);
    }
    for (; more; batches++) {
        must_succeed(tokens_usage_flush(test->store, test->arena, &more));
    }
    assert_true(batches > 3);
    assert_int_equal(uses_of(test, 1), 2);
    assert_int_equal(uses_of(test, SMALL), 2);
}

/* These ids share their slots: once all slots are in use, the caller has to write the use
 * itself. */
static void usage_counters_never_share_a_slot(void **state)
{
    struct test *test = *state;
    for (int i = 0; i < SLOTS_PER_ID; i++) {
        add_token(test, 1 + (int64_t)i * STEP);
        add_uses(1 + (int64_t)i * STEP, i + 1);
    }
    assert_false(tokens_usage_add(1 + (int64_t)SLOTS_PER_ID * STEP));
    assert_false(tokens_usage_add(0));
    assert_false(tokens_usage_add(INT64_MAX));
    tokens_usage_flush_all(test->store);
    for (int i = 0; i < SLOTS_PER_ID; i++) {
        assert_int_equal(uses_of(test, 1 + (int64_t)i * STEP), i + 1);
    }
}

/* Processes that count uses while another one flushes them lose none. */
static void concurrent_processes_lose_no_token_uses(void **state)
{
    enum { PROCESSES = 4, EACH = 20000 };
    struct test *test = *state;
    add_token(test, 7);
    tokens_usage_share();
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            for (int j = 0; j < EACH; j++) {
                if (!tokens_usage_add(7)) {
                    _exit(EXIT_FAILURE);
                }
            }
            _exit(EXIT_SUCCESS);
        }
    }
    int status, left = PROCESSES;
    while (left) {
        tokens_usage_flush_all(test->store);
        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_int_equal(status, 0);
            left--;
        }
    }
    tokens_usage_flush_all(test->store);
    assert_int_equal(uses_of(test, 7), PROCESSES * EACH);
}

static void token_uses_are_kept_if_the_flush_fails(void **state)
{
    struct test *test = *state;
    struct config nowhere = config_of_url("sqlite:////dev/null/nowhere.db");
    struct store *broken = store_new(&nowhere, NULL);
    bool more;
    add_token(test, 1);
    add_uses(1, 3);
    for (int i = 0; i < 3; i++) {
        struct error *error = tokens_usage_flush(broken, test->arena, &more);
        assert_non_null(error);
        assert_int_equal(error->id, ERR_DATABASE_UNAVAILABLE);
    }
    tokens_usage_flush_all(broken);
    store_free(&broken);
    tokens_usage_flush_all(test->store);
    assert_int_equal(uses_of(test, 1), 3);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        USES_TEST(token_uses_are_written_exactly_once),
        USES_TEST(many_usage_counters_are_flushed_in_batches),
        USES_TEST(usage_counters_never_share_a_slot),
        USES_TEST(concurrent_processes_lose_no_token_uses),
        USES_TEST(token_uses_are_kept_if_the_flush_fails),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "token usage on SQLite", "token usage on PostgreSQL");
}
