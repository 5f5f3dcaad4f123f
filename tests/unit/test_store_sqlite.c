/* Store on SQLite: group commits, the queue of writers among processes, full disks, and the
 * write-ahead log. */
#include "base/clock.h"
#include "unit.h"

#include "stores.h"

#include "base/log.h"
#include "base/size.h"
#include "store/queue.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { SLACK_US = 3 * US_PER_S };
enum {
    SHORT_US = 4 * US_PER_S,
    LONG_US = STORE_BUSY_S * US_PER_S + SLACK_US,
    LONG_LOG = 20 * KIB * KIB
};

static int setup_items(void **state)
{
    test_setup(state);
    struct test *test = *state;
    must_script(test->store, test->arena,
                "DROP TABLE IF EXISTS items; CREATE TABLE items (id INTEGER PRIMARY KEY, text TEXT)"
                " STRICT");
    return 0;
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, setup_items, test_teardown)

/* Runs `work` in a child process with its own store, and returns its pid. The child exits with
 * the result. */
static pid_t start_process(int (*work)(struct store *store, struct arena *arena),
                           struct store_shared *queue)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct store *store = store_new(&store_config, queue);
        struct arena *arena = arena_new();
        int result = work(store, arena);
        arena_free(&arena);
        store_free(&store);
        _exit(result);
    }
    assert_true(child > 0);
    return child;
}

static int wait_end(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* --- group commits and snapshots -------------------------------------------------------------- */

static void writes_of_a_group_are_committed_together(void **state)
{
    struct test *test = *state;
    assert_false(store_group_open(test->store));
    must_succeed(store_group_commit(test->store, test->arena));
    must_succeed(insert_item_row(test->store, test->arena, 1));
    assert_true(store_group_open(test->store));
    must_succeed(insert_item_row(test->store, test->arena, 2));
    assert_int_equal(count_items(test->store, test->arena), 0);
    assert_int_equal(count_items(test->other, test->arena), 0);
    must_succeed(store_group_commit(test->store, test->arena));
    assert_false(store_group_open(test->store));
    assert_int_equal(count_items(test->store, test->arena), 2);
    assert_int_equal(count_items(test->other, test->arena), 2);
}

static void query_reads_the_snapshot_of_its_start(void **state)
{
    struct test *test = *state;
    int64_t seen = 0;
    bool row = false;
    for (int64_t id = 1; id <= 3; id++) {
        must_succeed(insert_and_commit(test->store, test->arena, id));
    }
    struct store_query *query = store_compose(test->other, test->arena, "SELECT id FROM items");
    must_succeed(store_next(query, &row));
    must_succeed(insert_and_commit(test->store, test->arena, 4));
    for (; row; seen++) {
        must_succeed(store_next(query, &row));
    }
    assert_int_equal(seen, 3);
    assert_int_equal(count_items(test->other, test->arena), 4);
}

static void replies_to_requests_that_only_read_are_not_delayed(void **state)
{
    struct test *test = *state;
    assert_int_equal(store_pending_transaction(test->store), 0);
    must_succeed(insert_item_row(test->store, test->arena, 1));
    assert_int_not_equal(store_pending_transaction(test->store), 0);
    assert_int_equal(count_items(test->store, test->arena), 0);
    assert_int_equal(store_pending_transaction(test->store), 0);
    must_succeed(insert_item_row(test->store, test->arena, 2));
    assert_int_not_equal(store_pending_transaction(test->store), 0);
    must_succeed(store_group_commit(test->store, test->arena));
    must_succeed(insert_and_commit(test->store, test->arena, 3));
    assert_int_equal(store_pending_transaction(test->store), 0);
}

/* Without the shared snapshot, each query would lock the database file separately. */
static void queries_of_a_worker_iteration_share_one_snapshot(void **state)
{
    struct test *test = *state;
    store_share_snapshots(test->other);
    must_succeed(insert_and_commit(test->store, test->arena, 1));
    assert_int_equal(count_items(test->other, test->arena), 1);
    must_succeed(insert_and_commit(test->store, test->arena, 2));
    assert_int_equal(count_items(test->other, test->arena), 1);
    store_snapshot_end(test->other);
    assert_int_equal(count_items(test->other, test->arena), 2);
    must_succeed(insert_and_commit(test->store, test->arena, 3));
    must_succeed(store_group_commit(test->other, test->arena));
    assert_int_equal(count_items(test->other, test->arena), 3);
    store_snapshot_end(test->other);
    store_snapshot_end(test->other);
    store_snapshot_end(test->store);
}

/* Its writes are visible to its own writes at once, and to all reads after the group commit.
 * From its first write on, the iteration sees everything that others have committed. */
static void worker_iteration_can_write_after_reading(void **state)
{
    struct test *test = *state;
    store_share_snapshots(test->store);
    assert_int_equal(count_items(test->store, test->arena), 0);
    must_succeed(insert_and_commit(test->other, test->arena, 1));
    assert_int_equal(count_items(test->store, test->arena), 0);
    must_succeed(insert_item_row(test->store, test->arena, 2));
    assert_int_equal(count_items(test->store, test->arena), 1);
    must_succeed(store_group_commit(test->store, test->arena));
    assert_int_equal(count_items(test->store, test->arena), 2);
    store_snapshot_end(test->store);
}

/* An open query keeps the snapshot that it started with. */
static void open_query_keeps_its_snapshot_after_the_worker_iteration(void **state)
{
    struct test *test = *state;
    bool row = false;
    store_share_snapshots(test->other);
    for (int64_t id = 1; id <= 3; id++) {
        must_succeed(insert_and_commit(test->store, test->arena, id));
    }
    struct store_query *query = store_compose(test->other, test->arena, "SELECT id FROM items");
    must_succeed(store_next(query, &row));
    store_snapshot_end(test->other);
    must_succeed(insert_and_commit(test->store, test->arena, 4));
    must_succeed(store_next(query, &row));
    must_succeed(store_next(query, &row));
    assert_int_equal(store_integer(query, 0), 3);
    must_succeed(store_execute(query));
    store_snapshot_end(test->other);
    assert_int_equal(count_items(test->other, test->arena), 4);
}

static void freeing_a_store_rolls_back_its_open_group(void **state)
{
    struct test *test = *state;
    must_succeed(insert_item_row(test->store, test->arena, 1));
    store_free(&test->store);
    must_succeed(insert_and_commit(test->other, test->arena, 2));
    assert_int_equal(count_items(test->other, test->arena), 1);
}

/* --- several processes ------------------------------------------------------------------------ */

static int die_while_writing(struct store *store, struct arena *arena)
{
    must_succeed(insert_item_row(store, arena, 1));
    return raise(SIGKILL);
}

static void killed_writer_does_not_block_others(void **state)
{
    struct test *test = *state;
    for (int64_t round = 0; round < 3; round++) {
        int status = wait_end(start_process(die_while_writing, store_queue));
        assert_true(WIFSIGNALED(status));
        int64_t began = clock_steady_us();
        must_succeed(insert_and_commit(test->store, test->arena, 100 + round));
        assert_true(clock_steady_us() - began < SHORT_US);
    }
    assert_int_equal(count_items(test->other, test->arena), 3);
}

static int time_out_writing(struct store *store, struct arena *arena)
{
    int64_t began = clock_steady_us();
    const struct error *error = insert_and_commit(store, arena, 7);
    int64_t took = clock_steady_us() - began;
    return error && error->id == ERR_DATABASE_UNAVAILABLE && took > SHORT_US && took < LONG_US ? 0
                                                                                               : 1;
}

/* Tests a process that shares the queue, and one that does not, such as a command. */
static void waiting_for_the_write_lock_times_out(void **state)
{
    struct test *test = *state;
    must_succeed(insert_item_row(test->store, test->arena, 1));
    pid_t sharing = start_process(time_out_writing, store_queue),
          separate = start_process(time_out_writing, NULL);
    assert_int_equal(wait_end(sharing), 0);
    assert_int_equal(wait_end(separate), 0);
    must_succeed(store_group_commit(test->store, test->arena));
    must_succeed(insert_and_commit(test->other, test->arena, 2));
}

enum { PROCESSES = 6, ROUNDS = 50 };

static int add_many(struct store *store, struct arena *arena)
{
    static const char text[] = "UPDATE items SET text = CAST(text AS INTEGER) + $1 WHERE id = 1";
    for (int i = 0; i < ROUNDS; i++) {
        struct change change = {.arena = arena, .text = text, .integer = 1};
        if (store_write(store, arena, run_change, &change) || store_group_commit(store, arena)) {
            return 1;
        }
    }
    return 0;
}

static void concurrent_processes_lose_no_writes(void **state)
{
    struct test *test = *state;
    pid_t children[PROCESSES];
    int64_t sum = 0;
    must_script(test->store, test->arena, "INSERT INTO items VALUES (1, '0')");
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = start_process(add_many, i % 3 ? store_queue : NULL);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        assert_int_equal(wait_end(children[i]), 0);
    }
    must_succeed(
        read_integer(test->store, test->arena, "SELECT CAST(text AS INTEGER) FROM items", &sum));
    assert_int_equal(sum, PROCESSES * ROUNDS);
}

static int create_table(struct store *store, struct arena *arena)
{
    struct script script = {arena, "CREATE TABLE IF NOT EXISTS t (id INTEGER) STRICT;"
                                   "INSERT INTO t VALUES (1)"};
    int64_t rows = 0;
    return store_write(store, arena, run_script, &script) || store_group_commit(store, arena) ||
           read_integer(store, arena, "SELECT count(*) FROM t", &rows) || rows < 1;
}

static void processes_can_create_the_database_concurrently(void **state)
{
    (void)state;
    pid_t children[PROCESSES];
    struct config before = store_config;
    store_config.database_url = "sqlite:///new/folder/new.db";
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = start_process(create_table, NULL);
    }
    store_config = before;
    for (size_t i = 0; i < PROCESSES; i++) {
        assert_int_equal(wait_end(children[i]), 0);
    }
}

/* --- files ------------------------------------------------------------------------------------ */

static mode_t mode_of(const char *path)
{
    struct stat facts = {0};
    if (stat(path, &facts) < 0) {
        FAIL("%s: %s", path, strerror(errno));
    }
    return facts.st_mode & (mode_t)~S_IFMT;
}

static void database_files_are_private(void **state)
{
    struct test *test = *state;
    must_succeed(insert_and_commit(test->store, test->arena, 1));
    assert_int_equal(mode_of("state"), S_IRWXU);
    assert_int_equal(mode_of("state/test.db"), S_IRUSR | S_IWUSR);
    assert_int_equal(mode_of("state/test.db-wal"), S_IRUSR | S_IWUSR);
    assert_int_equal(mode_of("state/test.db-shm"), S_IRUSR | S_IWUSR);
}

static int64_t read_pragma(const struct test *test, const char *name)
{
    int64_t value = -1;
    must_succeed(read_integer(test->store, test->arena,
                              arena_format(test->arena, "PRAGMA %s", name), &value));
    return value;
}

static struct error *check_write_connection(struct store *store, void *context)
{
    struct test *test = context;
    bool row = false;
    assert_int_equal(read_pragma(test, "synchronous"), 2); /* the value 2 means FULL */
    assert_int_equal(read_pragma(test, "foreign_keys"), 1);
    struct store_query *query = store_compose(store, test->arena, "PRAGMA journal_mode");
    must_succeed(store_next(query, &row));
    assert_string_equal(store_text(query, 0, NULL), "wal");
    return NULL;
}

static void write_connection_is_durable_and_read_connection_read_only(void **state)
{
    struct test *test = *state;
    assert_int_equal(read_pragma(test, "query_only"), 1);
    must_succeed(store_write(test->store, test->arena, check_write_connection, test));
    must_succeed(store_group_commit(test->store, test->arena));
}

/* --- write-ahead log -------------------------------------------------------------------------- */

static off_t log_size(void)
{
    struct stat facts = {0};
    return stat("state/test.db-wal", &facts) < 0 ? -1 : facts.st_size;
}

static void write_mebibytes(const struct test *test, int64_t mib)
{
    static const char text[] = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                               "WHERE i < 256) INSERT INTO items (text) "
                               "SELECT hex(zeroblob(2000)) FROM n WHERE $1";
    for (int64_t i = 0; i < mib; i++) {
        struct change change = {.arena = test->arena, .text = text, .integer = 1};
        must_succeed(store_write(test->store, test->arena, run_change, &change));
        must_succeed(store_group_commit(test->store, test->arena));
    }
}

static void checkpoint_truncates_the_write_ahead_log(void **state)
{
    struct test *test = *state;
    write_mebibytes(test, 24);
    assert_true(log_size() > LONG_LOG);
    must_succeed(store_checkpoint(test->other, test->arena));
    assert_int_equal(log_size(), 0);
    assert_int_equal(count_items(test->store, test->arena), 24 * 256);
}

static void checkpoint_does_not_wait_for_readers_or_writers(void **state)
{
    struct test *test = *state;
    bool row = false;
    write_mebibytes(test, 20);
    struct store_query *query = store_compose(test->store, test->arena, "SELECT id FROM items");
    must_succeed(store_next(query, &row));
    must_succeed(insert_item_row(test->store, test->arena, -1));
    int64_t began = clock_steady_us();
    must_succeed(store_checkpoint(test->other, test->arena));
    assert_true(clock_steady_us() - began < SHORT_US);
    must_succeed(store_group_commit(test->store, test->arena));
    must_succeed(store_execute(query));
    must_succeed(store_checkpoint(test->other, test->arena));
    assert_int_equal(log_size(), 0);
}

static int snapshot_pipe[2];

static int read_then_write(struct store *store, struct arena *arena)
{
    store_share_snapshots(store);
    bool told = count_items(store, arena) && write(snapshot_pipe[1], "", 1) == 1;
    return told && !insert_and_commit(store, arena, -2) ? 0 : 1;
}

/* A waiting writer keeps no snapshot of its reads: under load, there is always a waiting writer. */
static void waiting_writer_does_not_block_a_checkpoint(void **state)
{
    struct test *test = *state;
    write_mebibytes(test, 20);
    struct store *separate = store_new(&store_config, NULL);
    int64_t deadline = clock_steady_us() + SHORT_US;
    assert_int_equal(pipe(snapshot_pipe), 0);
    assert_true(queue_enter(store_queue, deadline));
    pid_t child = start_process(read_then_write, store_queue);
    char byte;
    assert_int_equal(read(snapshot_pipe[0], &byte, 1), 1);
    do {
        must_succeed(store_checkpoint(separate, test->arena));
    } while (log_size() && clock_steady_us() < deadline);
    assert_int_equal(log_size(), 0);
    queue_leave(store_queue);
    assert_int_equal(wait_end(child), 0);
    store_free(&separate);
    close(snapshot_pipe[0]);
    close(snapshot_pipe[1]);
}

/* --- failures --------------------------------------------------------------------------------- */

static void fill_disk(const char *path)
{
    static const char zeros[4 * KIB];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    close(fd);
}

static struct error *insert_text(struct store *store, struct arena *arena, int64_t id,
                                 size_t length)
{
    char *text = arena_alloc(arena, length + 1);
    memset(text, 'x', length);
    struct change change = {.arena = arena,
                            .text = "INSERT INTO items (id, text) VALUES ($1, $2)",
                            .integer = id,
                            .string = text};
    return store_write(store, arena, run_change, &change);
}

/* Asserts that the group was rolled back completely and that the next one works. */
static void assert_group_lost(struct store *store, struct arena *arena)
{
    assert_false(store_group_open(store));
    assert_int_equal(count_items(store, arena), 1);
    must_succeed(insert_and_commit(store, arena, 50));
    assert_int_equal(count_items(store, arena), 2);
    struct change change = {
        .arena = arena, .text = "DELETE FROM items WHERE id = $1", .integer = 50};
    must_succeed(store_write(store, arena, run_change, &change));
    must_succeed(store_group_commit(store, arena));
}

/* Runs in a child process with a private mount namespace. */
static void use_full_disk(void *nothing)
{
    (void)nothing;
    enum { SMALL = 100 * KIB, LARGER_THAN_CACHE = 10 * KIB * KIB };
    struct arena *arena = arena_new();
    store_config.database_url = "sqlite:///full.db";
    store_config.state_dir = "disk";
    if (mkdir("disk", S_IRWXU) < 0 || mount("none", "disk", "tmpfs", 0, "size=2m") < 0) {
        _exit(EXIT_FAILURE);
    }
    struct store *store = store_new(&store_config, store_queue);
    must_script(store, arena,
                "CREATE TABLE items (id INTEGER PRIMARY KEY, text TEXT) STRICT;"
                "INSERT INTO items (id) VALUES (1)");
    /* The commit fails. */
    fill_disk("disk/ballast");
    must_succeed(insert_text(store, arena, 2, SMALL));
    must_succeed(insert_text(store, arena, 3, SMALL));
    assert_error(store_group_commit(store, arena), ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(unlink("disk/ballast"), 0);
    assert_group_lost(store, arena);
    /* A statement fails in the middle of a group. */
    fill_disk("disk/ballast");
    must_succeed(insert_text(store, arena, 4, SMALL));
    assert_error(insert_text(store, arena, 5, LARGER_THAN_CACHE), ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(unlink("disk/ballast"), 0);
    assert_error(insert_item_row(store, arena, 6), ERR_DATABASE_UNAVAILABLE);
    assert_error(store_group_commit(store, arena), ERR_DATABASE_UNAVAILABLE);
    assert_group_lost(store, arena);
    store_free(&store);
    arena_free(&arena);
}

static void full_disk_fails_only_the_current_group(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
            _exit(77);
        }
        use_full_disk(NULL);
        _exit(EXIT_SUCCESS);
    }
    int status = wait_end(child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip(); /* skipped unless root, because only root can mount a small disk */
    }
    assert_int_equal(status, 0);
}

static const char late_table[] = "CREATE TABLE IF NOT EXISTS late (item INTEGER REFERENCES items "
                                 "(id) DEFERRABLE INITIALLY DEFERRED) STRICT";

/* Writes a row that violates a deferred constraint, so that the commit fails. */
static void violate_deferred_constraint(struct test *test)
{
    struct change change = {
        .arena = test->arena, .text = "INSERT INTO late VALUES ($1)", .integer = 99};
    must_succeed(store_write(test->store, test->arena, run_change, &change));
}

static void rejected_commit_is_rolled_back(void **state)
{
    struct test *test = *state;
    must_script(test->store, test->arena, late_table);
    must_succeed(insert_item_row(test->store, test->arena, 5));
    violate_deferred_constraint(test);
    assert_error(store_group_commit(test->store, test->arena), ERR_CONSTRAINT_REFERENCE);
    assert_int_equal(count_items(test->store, test->arena), 0);
    must_succeed(insert_and_commit(test->other, test->arena, 6));
    must_succeed(insert_and_commit(test->store, test->arena, 7));
    must_script(test->store, test->arena, "DROP TABLE late");
}

/* --- failed group commits --------------------------------------------------------------------- */

/* The reply to request A waits for the commit, B ends the transaction with a commit that fails, and
 * C follows. */
static void failed_group_stays_failed_until_its_requests_are_answered(void **state)
{
    struct test *test = *state;
    uint64_t lost = 0;
    must_script(test->store, test->arena, late_table);
    must_succeed(insert_item_row(test->store, test->arena, 1));
    uint64_t a = store_pending_transaction(test->store);
    assert_int_not_equal(a, 0);
    violate_deferred_constraint(test);
    assert_error(store_group_commit(test->store, test->arena), ERR_CONSTRAINT_REFERENCE);
    assert_int_equal(store_pending_transaction(test->store), 0);
    assert_error(insert_item_row(test->store, test->arena, 2), ERR_CONSTRAINT_REFERENCE);
    assert_error(store_group_commit(test->store, test->arena), ERR_CONSTRAINT_REFERENCE);
    assert_int_equal(store_pending_transaction(test->store), 0);
    assert_error(store_group_end(test->store, test->arena, &lost), ERR_CONSTRAINT_REFERENCE);
    assert_int_equal(lost, a);
    assert_int_equal(count_items(test->store, test->arena), 0);
    must_succeed(insert_and_commit(test->store, test->arena, 3));
    must_succeed(store_group_end(test->store, test->arena, &lost));
    assert_int_equal(count_items(test->other, test->arena), 1);
    must_script(test->store, test->arena, "DROP TABLE late");
}

/* B commits its own writes and those of A. Only C's later writes are lost. */
static void writes_committed_early_survive_a_failed_group_commit(void **state)
{
    struct test *test = *state;
    uint64_t lost = 0;
    must_script(test->store, test->arena, late_table);
    must_succeed(insert_item_row(test->store, test->arena, 1));
    uint64_t a = store_pending_transaction(test->store);
    must_succeed(insert_and_commit(test->store, test->arena, 2));
    assert_int_equal(store_pending_transaction(test->store), 0);
    violate_deferred_constraint(test);
    uint64_t c = store_pending_transaction(test->store);
    assert_error(store_group_end(test->store, test->arena, &lost), ERR_CONSTRAINT_REFERENCE);
    assert_int_equal(lost, c);
    assert_int_not_equal(lost, a);
    assert_int_equal(count_items(test->store, test->arena), 2);
    must_script(test->store, test->arena, "DROP TABLE late");
}

/* If no reply waits for the group commit, only the failed commit returns the error. */
static void failed_commit_without_waiting_replies_keeps_store_usable(void **state)
{
    struct test *test = *state;
    must_script(test->store, test->arena, late_table);
    violate_deferred_constraint(test);
    assert_error(store_group_commit(test->store, test->arena), ERR_CONSTRAINT_REFERENCE);
    must_succeed(insert_and_commit(test->store, test->arena, 1));
    assert_int_equal(count_items(test->other, test->arena), 1);
    must_script(test->store, test->arena, "DROP TABLE late");
}

static void file_that_is_not_a_database_is_unavailable(void **state)
{
    struct test *test = *state;
    int64_t integer = 0;
    struct config broken = store_config;
    broken.database_url = "sqlite:///broken.db";
    write_file("state/broken.db", BYTES("This is not a database, and it is long enough to see "
                                        "that from its first sixteen bytes and what follows."));
    struct store *store = store_new(&broken, NULL);
    assert_error(read_integer(store, test->arena, "SELECT count(*) FROM sqlite_schema", &integer),
                 ERR_DATABASE_UNAVAILABLE);
    assert_error(insert_item_row(store, test->arena, 1), ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(unlink("state/broken.db"), 0);
    must_succeed(read_integer(store, test->arena, "SELECT count(*) FROM sqlite_schema", &integer));
    store_free(&store);
    broken.database_url = "sqlite:///test.db/below";
    store = store_new(&broken, NULL);
    assert_error(insert_item_row(store, test->arena, 1), ERR_DATABASE_UNAVAILABLE);
    store_free(&store);
}

static void invalid_database_urls_are_rejected(void **state)
{
    static const char *const good[] = {
        "sqlite:///kontora.db",      "sqlite:////tmp/no-such-file.db", "sqlite:///a/b.db",
        "postgresql://u:p@h:5432/d", "postgresql:///d?host=/run/x",    "postgres://h/d"};
    static const char *const wrong[] = {"",
                                        "kontora.db",
                                        "sqlite:",
                                        "sqlite://kontora.db",
                                        "sqlite:///",
                                        "sqlite:///folder/",
                                        "sqlite:///a?mode=ro",
                                        "sqlite:////tmp",
                                        "mysql://h/d",
                                        "postgresql:",
                                        "postgresql://[h/d",
                                        "postgresql://u:se@cret@h/d",
                                        "postgresql://u:p:secret/d",
                                        "postgresql://h/d?bogus=secret"};
    struct buffer faults = {.arena = *state};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct config settings = config_of_url(good[i]);
        if (!store_check(&settings, &faults)) {
            FAIL("%s is rejected", good[i]);
        }
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct config settings = config_of_url(wrong[i]);
        buffer_clear(&faults);
        if (store_check(&settings, &faults)) {
            FAIL("%s is accepted", wrong[i]);
        }
        assert_non_null(strstr(faults.bytes, "DATABASE_URL: "));
        assert_null(strstr(faults.bytes, "secret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(writes_of_a_group_are_committed_together),
        STORE_TEST(query_reads_the_snapshot_of_its_start),
        STORE_TEST(replies_to_requests_that_only_read_are_not_delayed),
        STORE_TEST(queries_of_a_worker_iteration_share_one_snapshot),
        STORE_TEST(worker_iteration_can_write_after_reading),
        STORE_TEST(open_query_keeps_its_snapshot_after_the_worker_iteration),
        STORE_TEST(freeing_a_store_rolls_back_its_open_group),
        STORE_TEST(killed_writer_does_not_block_others),
        STORE_TEST(waiting_for_the_write_lock_times_out),
        STORE_TEST(concurrent_processes_lose_no_writes),
        STORE_TEST(processes_can_create_the_database_concurrently),
        STORE_TEST(database_files_are_private),
        STORE_TEST(write_connection_is_durable_and_read_connection_read_only),
        STORE_TEST(checkpoint_truncates_the_write_ahead_log),
        STORE_TEST(checkpoint_does_not_wait_for_readers_or_writers),
        STORE_TEST(waiting_writer_does_not_block_a_checkpoint),
        STORE_TEST(full_disk_fails_only_the_current_group),
        STORE_TEST(rejected_commit_is_rolled_back),
        STORE_TEST(failed_group_stays_failed_until_its_requests_are_answered),
        STORE_TEST(writes_committed_early_survive_a_failed_group_commit),
        STORE_TEST(failed_commit_without_waiting_replies_keeps_store_usable),
        STORE_TEST(file_that_is_not_a_database_is_unavailable),
        ARENA_TEST(invalid_database_urls_are_rejected),
    };
    char folder[PATH_MAX];
    if (!log_open(LOG_LEVEL_ERROR, "/dev/null") || !enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    store_config = config_of_url("sqlite:///test.db");
    store_queue = store_shared_new();
    return leave_temporary(folder,
                           cmocka_run_group_tests_name("store on SQLite", tests, NULL, NULL));
}
