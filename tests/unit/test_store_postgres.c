/* Store on PostgreSQL: silent, stopped and restarted servers, and colliding transactions. */
#include "base/clock.h"
#include "unit.h"

#include "postgres.h"
#include "stores.h"

#include "base/log.h"

enum {
    SLACK_US = 4000 * 1000, /* margin for a busy machine */
    BOUND_US = TIMEOUT_MS * MS_US + SLACK_US,
    WAIT_TRIES = 500,
    WAIT_PAUSE_US = 10 * 1000,
};

static struct postgres_server server;

static int runs; /* number of runs of the write function */

static int setup_items(void **state)
{
    test_setup(state);
    struct test *test = *state;
    runs = 0;
    must_script(test->store, test->arena,
                "DROP TABLE IF EXISTS items; CREATE TABLE items (id BIGINT PRIMARY KEY, n BIGINT)");
    assert_int_equal(count_items(test->other, test->arena), 0);
    return 0;
}

/* Leaves the server running for the next test. */
static int teardown_server(void **state)
{
    if (server.pid) {
        postgres_signal(&server, SIGCONT);
    } else {
        assert_true(postgres_start(&server));
    }
    return test_teardown(state);
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, setup_items, teardown_server)

/* Asserts that a read fails, and returns its duration. */
static int64_t fail_to_read(struct store *store, struct arena *arena)
{
    int64_t integer = 0;
    int64_t began = clock_steady_us();
    assert_error(read_integer(store, arena, "SELECT count(*) FROM items", &integer),
                 ERR_DATABASE_UNAVAILABLE);
    return clock_steady_us() - began;
}

/* Repeats a read until it succeeds. */
static void wait_until_recovered(struct store *store, struct arena *arena)
{
    int64_t integer = 0;
    int64_t deadline = clock_steady_us() + BOUND_US + US_PER_S;
    while (read_integer(store, arena, "SELECT count(*) FROM items", &integer)) {
        assert_true(clock_steady_us() < deadline);
        usleep(WAIT_PAUSE_US);
    }
}

static void await_exit_of_process(pid_t pid)
{
    for (int i = 0; !kill(pid, 0) && i < WAIT_TRIES; i++) {
        usleep(WAIT_PAUSE_US);
    }
    assert_int_equal(kill(pid, 0), -1);
}

/* Terminates all sessions except the one of the other store, and waits until their processes have
 * exited: a session is missing in pg_stat_activity before its connection is closed. */
static void end_sessions(const struct test *test)
{
    static const char others[] = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                                 "backend_type = 'client backend'";
    const char *find = arena_format(test->arena, "SELECT coalesce(max(pid), 0) %s", others);
    int64_t pid = 0;
    must_succeed(read_integer(test->other, test->arena, find, &pid));
    while (pid) {
        const char *end =
            arena_format(test->arena, "SELECT count(pg_terminate_backend(%" PRId64 "))", pid);
        int64_t count;
        must_succeed(read_integer(test->other, test->arena, end, &count));
        await_exit_of_process((pid_t)pid);
        must_succeed(read_integer(test->other, test->arena, find, &pid));
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static void silent_server_fails_reads_within_the_timeout(void **state)
{
    struct test *test = *state;
    must_succeed(insert_and_commit(test->store, test->arena, 1));
    postgres_signal(&server, SIGSTOP);
    assert_true(fail_to_read(test->store, test->arena) < BOUND_US);
    /* The store remembers the failure and does not wait for the server again. */
    assert_true(fail_to_read(test->store, test->arena) < US_PER_S);
    struct store *fresh = store_new(&store_config, NULL);
    /* A store that was never connected fails in the same way. */
    assert_true(fail_to_read(fresh, test->arena) < BOUND_US);
    postgres_signal(&server, SIGCONT);
    wait_until_recovered(test->store, test->arena);
    wait_until_recovered(fresh, test->arena);
    store_free(&fresh);
}

static void stopped_server_fails_at_once_and_is_reconnected(void **state)
{
    struct test *test = *state;
    must_succeed(insert_and_commit(test->store, test->arena, 1));
    postgres_kill(&server);
    assert_true(fail_to_read(test->store, test->arena) < US_PER_S);
    assert_error(insert_and_commit(test->store, test->arena, 2), ERR_DATABASE_UNAVAILABLE);
    assert_true(postgres_start(&server));
    wait_until_recovered(test->store, test->arena);
    must_succeed(insert_and_commit(test->store, test->arena, 2));
    assert_int_equal(count_items(test->store, test->arena), 2);
}

static void reads_survive_a_server_restart(void **state)
{
    struct test *test = *state;
    postgres_kill(&server);
    assert_true(postgres_start(&server));
    assert_int_equal(count_items(test->store, test->arena), 0);
    must_succeed(insert_and_commit(test->other, test->arena, 1));
}

static void reads_survive_a_terminated_session(void **state)
{
    struct test *test = *state;
    end_sessions(test);
    assert_int_equal(count_items(test->store, test->arena), 0);
    end_sessions(test);
    must_succeed(insert_and_commit(test->store, test->arena, 1));
}

static void overlong_statement_is_cancelled(void **state)
{
    struct test *test = *state;
    int64_t integer = 0, pid = 0, pid_after = 0;
    must_succeed(read_integer(test->store, test->arena, "SELECT pg_backend_pid()", &pid));
    int64_t began = clock_steady_us();
    assert_error(read_integer(test->store, test->arena,
                              "SELECT count(*) FROM (SELECT pg_sleep(60)) s", &integer),
                 ERR_DATABASE_UNAVAILABLE);
    assert_true(clock_steady_us() - began < BOUND_US);
    must_succeed(read_integer(test->store, test->arena, "SELECT pg_backend_pid()", &pid_after));
    /* the server cancelled the statement, so the connection stays usable */
    assert_int_equal(pid, pid_after);
}

static void deallocated_statements_are_prepared_again(void **state)
{
    struct test *test = *state;
    static const char all[] = "SELECT * FROM items WHERE id = 1";
    int64_t integer = 0;
    must_succeed(insert_and_commit(test->store, test->arena, 1));
    must_succeed(read_integer(test->store, test->arena, all, &integer));
    must_script(test->other, test->arena, "ALTER TABLE items ALTER COLUMN n TYPE INTEGER");
    must_succeed(read_integer(test->store, test->arena, all, &integer));
    must_succeed(read_integer(test->store, test->arena, "SELECT 5", &integer));
    must_script(test->store, test->arena, "DEALLOCATE ALL");
    must_succeed(read_integer(test->store, test->arena, "SELECT 5", &integer));
    assert_int_equal(integer, 5);
}

/* --- writing ---------------------------------------------------------------------------------- */

static struct error *insert_one(struct test *test, struct store *store)
{
    struct store_query *query = store_compose(store, test->arena, insert_item);
    store_bind_integer(query, 1);
    runs++;
    return store_execute(query);
}

static struct error *lose_session_once(struct store *store, void *context)
{
    struct test *test = context;
    struct error *error = insert_one(test, store);
    if (runs == 1) {
        end_sessions(test);
    }
    return error;
}

static struct error *lose_session_before_a_statement(struct store *store, void *context)
{
    struct test *test = context;
    if (runs == 0) {
        end_sessions(test);
    }
    return insert_one(test, store);
}

static void write_lost_before_its_commit_is_repeated_once(void **state)
{
    struct test *test = *state;
    must_succeed(store_write(test->store, test->arena, lose_session_once, test));
    assert_int_equal(runs, 2);
    assert_false(store_group_open(test->store));
    assert_int_equal(count_items(test->other, test->arena), 1);
    must_script(test->store, test->arena, "DELETE FROM items");
    runs = 0;
    must_succeed(store_write(test->store, test->arena, lose_session_before_a_statement, test));
    assert_int_equal(runs, 2);
    assert_int_equal(count_items(test->other, test->arena), 1);
}

static struct error *fall_silent_before_a_statement(struct store *store, void *context)
{
    struct test *test = context;
    runs++;
    postgres_signal(&server, SIGSTOP);
    return insert_one(test, store);
}

static void silent_server_fails_a_write(void **state)
{
    struct test *test = *state;
    int64_t began = clock_steady_us();
    assert_error(store_write(test->store, test->arena, fall_silent_before_a_statement, test),
                 ERR_DATABASE_UNAVAILABLE);
    assert_true(clock_steady_us() - began < BOUND_US);
    postgres_signal(&server, SIGCONT);
    wait_until_recovered(test->store, test->arena);
    assert_int_equal(count_items(test->store, test->arena), 0);
}

static struct error *fall_silent_before_the_commit(struct store *store, void *context)
{
    struct test *test = context;
    struct error *error = insert_one(test, store);
    postgres_signal(&server, SIGSTOP);
    return error;
}

static void silent_server_during_commit_leaves_outcome_unknown(void **state)
{
    struct test *test = *state;
    int64_t began = clock_steady_us();
    assert_error(store_write(test->store, test->arena, fall_silent_before_the_commit, test),
                 ERR_OUTCOME_UNKNOWN);
    assert_true(clock_steady_us() - began < BOUND_US);
    assert_int_equal(runs, 1);
}

enum { PROCESSES = 4, ROUNDS = 25 };

/* Reads a number and writes it back, incremented by one. */
static struct error *increment(struct store *store, void *context)
{
    struct arena *arena = context;
    int64_t n = 0;
    struct error *error = read_integer(store, arena, "SELECT n FROM items WHERE id = 1", &n);
    if (error) {
        return error;
    }
    struct store_query *query = store_compose(store, arena, "UPDATE items SET n = $1 WHERE id = 1");
    store_bind_integer(query, n + 1);
    return store_execute(query);
}

static int increment_repeatedly(struct arena *arena)
{
    struct store *store = store_new(&store_config, NULL);
    int done = 0;
    while (done < ROUNDS) { /* repeats writes that the store gave up */
        const struct error *error = store_write(store, arena, increment, arena);
        if (error && error->id != ERR_DATABASE_UNAVAILABLE) {
            return 1;
        }
        done += !error;
    }
    store_free(&store);
    return 0;
}

static void concurrent_writes_are_serialized(void **state)
{
    struct test *test = *state;
    pid_t children[PROCESSES];
    int64_t n = 0;
    must_script(test->store, test->arena, "INSERT INTO items VALUES (1, 0)");
    fflush(NULL);
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            _exit(increment_repeatedly(arena_new()));
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    must_succeed(read_integer(test->store, test->arena, "SELECT n FROM items", &n));
    assert_int_equal(n, PROCESSES * ROUNDS);
}

/* The other store changes the row that this write has read, in each run. */
static struct error *collide(struct store *store, void *context)
{
    struct test *test = context;
    int64_t n = 0;
    runs++;
    must_succeed(read_integer(store, test->arena, "SELECT n FROM items WHERE id = 1", &n));
    must_succeed(store_write(test->other, test->arena, increment, test->arena));
    return increment(store, test->arena);
}

static void write_with_endless_serialization_conflicts_fails_eventually(void **state)
{
    struct test *test = *state;
    must_script(test->store, test->arena, "INSERT INTO items VALUES (1, 0)");
    assert_error(store_write(test->store, test->arena, collide, test), ERR_DATABASE_UNAVAILABLE);
    assert_true(runs > 3);
    must_succeed(insert_and_commit(test->store, test->arena, 2));
}

/* The other store changes the row after this write has read it; the update applies to the new
 * value. */
static struct error *update_changed_row(struct store *store, void *context)
{
    struct test *test = context;
    int64_t n = 0;
    runs++;
    must_succeed(read_integer(store, test->arena, "SELECT n FROM items WHERE id = 1", &n));
    must_succeed(store_write(test->other, test->arena, increment, test->arena));
    return store_execute(
        store_compose(store, test->arena, "UPDATE items SET n = n + 1 WHERE id = 1 AND n < 2"));
}

static void writes_without_serialization_have_no_conflicts(void **state)
{
    struct test *test = *state;
    int64_t n = 0;
    must_script(test->store, test->arena, "INSERT INTO items VALUES (1, 0)");
    for (int i = 0; i < 2; i++) {
        must_succeed(store_write_unserialized(test->store, test->arena, update_changed_row, test));
    }
    assert_int_equal(runs, 2);
    must_succeed(read_integer(test->store, test->arena, "SELECT n FROM items", &n));
    assert_int_equal(n, 3); /* the second update changed nothing: n was 3 by then */
}

static void wrong_server_address_is_unavailable(void **state)
{
    struct test *test = *state;
    struct config wrong = config_of_url("postgresql:///d?host=/no/such/folder");
    struct store *store = store_new(&wrong, NULL);
    assert_true(fail_to_read(store, test->arena) < US_PER_S);
    store_free(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(silent_server_fails_reads_within_the_timeout),
        STORE_TEST(stopped_server_fails_at_once_and_is_reconnected),
        STORE_TEST(reads_survive_a_server_restart),
        STORE_TEST(reads_survive_a_terminated_session),
        STORE_TEST(overlong_statement_is_cancelled),
        STORE_TEST(deallocated_statements_are_prepared_again),
        STORE_TEST(write_lost_before_its_commit_is_repeated_once),
        STORE_TEST(silent_server_fails_a_write),
        STORE_TEST(silent_server_during_commit_leaves_outcome_unknown),
        STORE_TEST(concurrent_writes_are_serialized),
        STORE_TEST(write_with_endless_serialization_conflicts_fails_eventually),
        STORE_TEST(writes_without_serialization_have_no_conflicts),
        STORE_TEST(wrong_server_address_is_unavailable),
    };
    char folder[PATH_MAX];
    if (!log_open(LOG_LEVEL_ERROR, "/dev/null") || !enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    struct arena *arena = arena_new();
    int failed = 1;
    if (postgres_create(&server, folder)) {
        store_config = config_of_url(postgres_url(arena, &server));
        failed = cmocka_run_group_tests_name("store on PostgreSQL", tests, NULL, NULL);
    } else {
        fprintf(stderr, "PostgreSQL: cannot start the server\n");
    }
    postgres_kill(&server);
    arena_free(&arena);
    return leave_temporary(folder, failed);
}
