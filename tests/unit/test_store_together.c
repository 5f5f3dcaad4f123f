/* Store: several writes in one transaction (store_write_together()), on both engines. */
#include "unit.h"

#include "engines.h"

#include "base/clock.h"
#include "store/together.h"

static const char *const schema[ENGINE_COUNT] = {
    [ENGINE_SQLITE] = "DROP TABLE IF EXISTS items;"
                      "CREATE TABLE items (id INTEGER PRIMARY KEY, n INTEGER) STRICT",
    [ENGINE_POSTGRES] = "DROP TABLE IF EXISTS items;"
                        "CREATE TABLE items (id BIGINT PRIMARY KEY, n BIGINT)",
};

static int runs; /* number of runs of the work */

static int setup_items(void **state)
{
    test_setup(state);
    struct test *test = *state;
    runs = 0;
    must_script(test->store, test->arena, schema[test->store->id]);
    return 0;
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, setup_items, test_teardown)

static struct error *insert_two(struct store *store, void *context)
{
    struct test *test = context;
    runs++;
    assert_true(store_writes_together(store));
    must_succeed(insert_item_row(store, test->arena, 1));
    assert_int_equal(count_items(store, test->arena), 1);
    must_succeed(store_group_commit(store, test->arena));
    must_succeed(insert_item_row(store, test->arena, 2));
    assert_int_equal(count_items(store, test->arena), 2);
    assert_int_equal(count_items(test->other, test->arena), 0);
    return NULL;
}

/* Inserts two rows, unless the first one cannot be written. */
static struct error *try_two(struct store *store, void *context)
{
    struct test *test = context;
    runs++;
    struct error *error = insert_item_row(store, test->arena, 1);
    return error ? error : insert_item_row(store, test->arena, 2);
}

static void writes_are_committed_together(void **state)
{
    struct test *test = *state;
    must_succeed(store_write_together(test->store, test->arena, insert_two, test));
    assert_false(store_writes_together(test->store));
    assert_false(store_group_open(test->store));
    assert_int_equal(count_items(test->other, test->arena), 2);
    assert_int_equal(runs, 1);
}

static struct error *insert_two_and_fail(struct store *store, void *context)
{
    struct test *test = context;
    must_succeed(insert_two(store, context));
    return error_new(test->arena, ERR_NOT_FOUND, NULL);
}

static void error_of_work_rolls_all_writes_back(void **state)
{
    struct test *test = *state;
    assert_error(store_write_together(test->store, test->arena, insert_two_and_fail, test),
                 ERR_NOT_FOUND);
    assert_int_equal(count_items(test->store, test->arena), 0);
    assert_int_equal(runs, 1);
    must_succeed(insert_and_commit(test->other, test->arena, 1));
    must_succeed(insert_and_commit(test->store, test->arena, 2));
    assert_int_equal(count_items(test->other, test->arena), 2);
}

static struct error *fail_with_one_row(struct store *store, void *context)
{
    struct test *test = context;
    must_succeed(insert_item_row(store, test->arena, 1));
    return error_new(test->arena, ERR_NOT_FOUND, NULL);
}

static struct error *fail_in_between(struct store *store, void *context)
{
    struct test *test = context;
    must_succeed(insert_item_row(store, test->arena, 1));
    assert_error(insert_item_row(store, test->arena, 1), ERR_CONSTRAINT_UNIQUE);
    must_succeed(insert_item_row(store, test->arena, 2));
    return NULL;
}

static void failed_write_is_rolled_back_without_the_others(void **state)
{
    struct test *test = *state;
    must_succeed(store_write_together(test->store, test->arena, fail_in_between, test));
    assert_int_equal(count_items(test->other, test->arena), 2);
}

/* Ignores a read that fails outside of a write. */
static struct error *ignore_failed_read(struct store *store, void *context)
{
    struct test *test = context;
    int64_t integer = 0;
    must_succeed(insert_item_row(store, test->arena, 1));
    assert_non_null(read_integer(store, test->arena, "SELECT 1 FROM missing", &integer));
    return NULL;
}

static void failed_read_fails_the_transaction(void **state)
{
    struct test *test = *state;
    assert_error(store_write_together(test->store, test->arena, ignore_failed_read, test),
                 ERR_INTERNAL);
    assert_int_equal(count_items(test->other, test->arena), 0);
}

static struct error *leave_query_open(struct store *store, void *context)
{
    struct test *test = context;
    bool row = false;
    must_succeed(insert_two(store, context));
    must_succeed(
        store_next(store_compose(store, test->arena, "SELECT id FROM items ORDER BY id"), &row));
    assert_true(row);
    return NULL;
}

static void queries_end_with_the_transaction(void **state)
{
    struct test *test = *state;
    must_succeed(store_write_together(test->store, test->arena, leave_query_open, test));
    assert_null(test->store->queries);
    assert_int_equal(count_items(test->other, test->arena), 2);
}

/* The reply of an earlier write is held until the group commit. */
static void held_write_survives_a_transaction_that_fails(void **state)
{
    struct test *test = *state;
    uint64_t lost = 0;
    must_succeed(insert_item_row(test->store, test->arena, 7));
    (void)!store_pending_transaction(test->store);
    assert_error(store_write_together(test->store, test->arena, fail_with_one_row, test),
                 ERR_NOT_FOUND);
    must_succeed(store_group_end(test->store, test->arena, &lost));
    assert_int_equal(lost, 0);
    assert_int_equal(count_items(test->other, test->arena), 1);
}

static const char increment_item[] = "UPDATE items SET n = n + 1 WHERE id = $1";

static struct error *increment(struct store *store, struct arena *arena)
{
    struct change change = {.arena = arena, .text = increment_item, .integer = 1};
    return store_write(store, arena, run_change, &change);
}

/* Another session changes the row after the first run has read it. */
static struct error *collide_once(struct store *store, void *context)
{
    struct test *test = context;
    int64_t n = 0;
    runs++;
    must_succeed(read_integer(store, test->arena, "SELECT n FROM items WHERE id = 1", &n));
    if (runs == 1) {
        must_succeed(increment(test->other, test->arena));
    }
    struct error *error = increment(store, test->arena);
    return error ? error : insert_item_row(store, test->arena, 10 + runs);
}

static void conflict_repeats_the_whole_work(void **state)
{
    struct test *test = *state;
    int64_t n = 0;
    if (test->store->id == ENGINE_SQLITE) { /* one writer at a time has no conflicts */
        skip();
    }
    must_script(test->store, test->arena, "INSERT INTO items VALUES (1, 0)");
    must_succeed(store_write_together(test->store, test->arena, collide_once, test));
    assert_int_equal(runs, 2);
    must_succeed(read_integer(test->other, test->arena, "SELECT n FROM items WHERE id = 1", &n));
    assert_int_equal(n, 2);
    must_succeed(read_integer(test->other, test->arena, "SELECT max(id) FROM items", &n));
    assert_int_equal(n, 12);
}

/* Another session inserts the same row, which this transaction cannot see. */
static struct error *insert_after_other(struct store *store, void *context)
{
    struct test *test = context;
    runs++;
    assert_true(count_items(store, test->arena) >= 0); /* begins the snapshot */
    if (runs == 1) {
        must_succeed(insert_item_row(test->other, test->arena, 1));
    }
    return insert_item_row(store, test->arena, runs == 1 ? 1 : 2);
}

static void hidden_unique_violation_repeats_the_whole_work(void **state)
{
    struct test *test = *state;
    if (test->store->id == ENGINE_SQLITE) {
        skip();
    }
    must_succeed(store_write_together(test->store, test->arena, insert_after_other, test));
    assert_int_equal(runs, 2);
    assert_int_equal(count_items(test->other, test->arena), 2);
}

/* --- deadlines -------------------------------------------------------------------------------- */

#define COUNT_LONG                                                                                 \
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000000000)"        \
    " SELECT count(*) FROM c"

enum { LIMIT_US = 100 * US_PER_MS, PROMISED_US = 3 * US_PER_S };

static struct error *insert_and_read_for_long(struct store *store, void *context)
{
    struct test *test = context;
    int64_t integer = 0;
    store_limit_together(store, clock_steady_us() + LIMIT_US);
    must_succeed(insert_item_row(store, test->arena, 1));
    return read_integer(store, test->arena, COUNT_LONG, &integer);
}

static struct error *ignore_long_read(struct store *store, void *context)
{
    assert_error(insert_and_read_for_long(store, context), ERR_BATCH_TOO_COSTLY);
    return NULL;
}

static struct error *insert_and_write_for_long(struct store *store, void *context)
{
    struct test *test = context;
    struct change change = {.arena = test->arena,
                            .text = "UPDATE items SET n = (" COUNT_LONG ") WHERE id = $1",
                            .integer = 1};
    store_limit_together(store, clock_steady_us() + LIMIT_US);
    must_succeed(insert_item_row(store, test->arena, 1));
    return store_write(store, test->arena, run_change, &change);
}

static void statement_ends_at_the_deadline(void **state)
{
    static store_work *const works[] = {insert_and_read_for_long, ignore_long_read,
                                        insert_and_write_for_long};
    struct test *test = *state;
    for (size_t i = 0; i < COUNT_OF(works); i++) {
        int64_t began = clock_steady_us();
        assert_error(store_write_together(test->store, test->arena, works[i], test),
                     ERR_BATCH_TOO_COSTLY);
        assert_true(clock_steady_us() - began < PROMISED_US);
        assert_int_equal(count_items(test->other, test->arena), 0);
        assert_false(store_group_open(test->store));
    }
    must_succeed(insert_and_commit(test->other, test->arena, 1));
    must_succeed(insert_and_commit(test->store, test->arena, 2));
    assert_int_equal(count_items(test->other, test->arena), 2);
}

static struct error *count_for_a_while(struct store *store, void *context)
{
    struct test *test = context;
    int64_t integer = 0;
    return read_integer(store, test->arena,
                        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
                        " WHERE n < 300000) SELECT count(*) FROM c",
                        &integer);
}

/* The next transaction has no deadline. */
static void deadline_ends_with_its_transaction(void **state)
{
    struct test *test = *state;
    assert_error(store_write_together(test->store, test->arena, insert_and_read_for_long, test),
                 ERR_BATCH_TOO_COSTLY);
    must_succeed(store_write_together(test->store, test->arena, count_for_a_while, test));
    must_succeed(count_for_a_while(test->store, test));
}

/* --- work that only reads --------------------------------------------------------------------- */

static struct error *count_twice(struct store *store, void *context)
{
    struct test *test = context;
    runs++;
    assert_int_equal(count_items(store, test->arena), 1);
    must_succeed(store_group_commit(test->other, test->arena));
    assert_int_equal(count_items(test->other, test->arena), 2);
    assert_int_equal(count_items(store, test->arena), 1);
    return NULL;
}

static void reads_together_see_one_snapshot_and_wait_for_no_writer(void **state)
{
    struct test *test = *state;
    must_succeed(insert_and_commit(test->store, test->arena, 1));
    must_succeed(insert_item_row(test->other, test->arena, 2)); /* SQLite: holds the lock */
    if (test->store->id == ENGINE_SQLITE) {
        assert_true(store_group_open(test->other));
        must_succeed(store_read_together(test->store, test->arena, count_twice, test));
        assert_int_equal(runs, 1);
    }
    assert_int_equal(count_items(test->store, test->arena), 2);
    assert_false(store_group_open(test->store));
}

static void reads_together_that_write_run_again_as_writes(void **state)
{
    struct test *test = *state;
    must_succeed(store_read_together(test->store, test->arena, try_two, test));
    assert_int_equal(runs, 2);
    assert_int_equal(count_items(test->other, test->arena), 2);
}

static struct error *read_for_long(struct store *store, void *context)
{
    struct test *test = context;
    int64_t integer = 0;
    store_limit_together(store, clock_steady_us() + LIMIT_US);
    return read_integer(store, test->arena, COUNT_LONG, &integer);
}

static void reads_together_end_at_the_deadline(void **state)
{
    struct test *test = *state;
    assert_error(store_read_together(test->store, test->arena, read_for_long, test),
                 ERR_BATCH_TOO_COSTLY);
    must_succeed(insert_and_commit(test->store, test->arena, 1));
}

static void nest_together(void *nothing)
{
    (void)nothing;
    struct arena *arena = arena_new();
    struct test test = {arena, store_new(&store_config, NULL), NULL};
    struct error *error = NULL;
    test.store->together = true;
    error = store_write_together(test.store, arena, insert_two, &test);
    (void)error;
}

static void nested_call_aborts_the_process(void **state)
{
    (void)state;
    assert_aborts(nest_together, NULL);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(writes_are_committed_together),
        STORE_TEST(error_of_work_rolls_all_writes_back),
        STORE_TEST(failed_write_is_rolled_back_without_the_others),
        STORE_TEST(failed_read_fails_the_transaction),
        STORE_TEST(queries_end_with_the_transaction),
        STORE_TEST(held_write_survives_a_transaction_that_fails),
        STORE_TEST(conflict_repeats_the_whole_work),
        STORE_TEST(hidden_unique_violation_repeats_the_whole_work),
        STORE_TEST(statement_ends_at_the_deadline),
        STORE_TEST(deadline_ends_with_its_transaction),
        STORE_TEST(reads_together_see_one_snapshot_and_wait_for_no_writer),
        STORE_TEST(reads_together_that_write_run_again_as_writes),
        STORE_TEST(reads_together_end_at_the_deadline),
        STORE_TEST(nested_call_aborts_the_process),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "store_write_together() on SQLite",
                          "store_write_together() on PostgreSQL");
}
