/* Migrations on both engines: up and down, rejected migrations, concurrent processes, and killed
 * migrations. */
#include "unit.h"

#include "engines.h"

#include "store/migrations.h"

enum { PROCESSES = 4, WAIT_TRIES = 1000, WAIT_PAUSE_US = 10 * 1000, RECOVERY_US = 20000 * 1000 };

/* Report of the migrations of a test. */
static struct buffer report;

#define BOTH(up, down)                                                                             \
    {                                                                                              \
        {up, down},                                                                                \
        {                                                                                          \
            up, down                                                                               \
        }                                                                                          \
    }

static const struct migration list[] = {
    {1, "one", "1",
     BOTH("CREATE TABLE one (id INTEGER); INSERT INTO one VALUES (1);", "DROP TABLE one;")},
    {2, "two", "2", BOTH("CREATE TABLE two (id INTEGER);", "DROP TABLE two;")},
    {3, "three", "3", BOTH("UPDATE one SET id = id + 1;", "UPDATE one SET id = id - 1;")},
};

static int setup_empty_database(void **state)
{
    test_setup(state);
    struct test *test = *state;
    report = (struct buffer){.arena = test->arena};
    buffer_add(&report, "", 0);
    must_script(test->store, test->arena,
                "DROP TABLE IF EXISTS schema_migrations; DROP TABLE IF EXISTS one;"
                "DROP TABLE IF EXISTS two");
    return 0;
}

#define STORE_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, setup_empty_database, test_teardown)

static struct error *migrate_up(struct test *test, int64_t target)
{
    buffer_clear(&report);
    return migrations_up(test->store, test->arena, list, COUNT_OF(list), target, &report);
}

static struct error *migrate_down(struct test *test, int64_t target)
{
    buffer_clear(&report);
    return migrations_down(test->store, test->arena, list, COUNT_OF(list), target, &report);
}

static void assert_report(const char *expected)
{
    assert_string_equal(report.length ? report.bytes : "", expected);
}

static int64_t must_read_integer(struct test *test, const char *text)
{
    int64_t integer = -1;
    must_succeed(read_integer(test->store, test->arena, text, &integer));
    return integer;
}

static int64_t count_applied(struct test *test)
{
    return must_read_integer(test, "SELECT count(*) FROM schema_migrations");
}

static void assert_rejected(const struct error *error, const char *why)
{
    assert_error(error, ERR_INTERNAL);
    if (!strstr(error->cause, why)) {
        FAIL("\"%s\" does not say \"%s\"", error->cause, why);
    }
}

/* --- up and down ------------------------------------------------------------------------------ */

static void migrations_run_up_and_down_to_a_version(void **state)
{
    struct test *test = *state;
    must_succeed(migrate_up(test, MIGRATION_LATEST));
    assert_report("0001 one applied\n0002 two applied\n0003 three applied\n");
    assert_int_equal(must_read_integer(test, "SELECT id FROM one"), 2);
    must_succeed(migrate_up(test, MIGRATION_LATEST));
    assert_report("");
    must_succeed(migrate_down(test, MIGRATION_LATEST));
    assert_report("0003 three undone\n");
    assert_int_equal(must_read_integer(test, "SELECT id FROM one"), 1);
    must_succeed(migrate_down(test, 0));
    assert_report("0002 two undone\n0001 one undone\n");
    assert_int_equal(count_applied(test), 0);
    must_succeed(migrate_down(test, MIGRATION_LATEST));
    assert_report("");
    must_succeed(migrate_up(test, 2));
    assert_report("0001 one applied\n0002 two applied\n");
    must_succeed(migrate_up(test, 1));
    must_succeed(migrate_down(test, 2));
    assert_report("");
    assert_int_equal(count_applied(test), 2);
    assert_rejected(migrate_up(test, 4), "there is no version 4");
    assert_rejected(migrate_down(test, 4), "there is no version 4");
}

static void shipped_migrations_run_up_and_down(void **state)
{
    struct test *test = *state;
    assert_rejected(store_schema_check(test->store, test->arena), "kontora migrate up");
    must_succeed(store_migrate_status(test->store, test->arena, &report));
    assert_non_null(strstr(report.bytes, "0001 accounts pending\n"));
    for (int round = 0; round < 2; round++) {
        must_succeed(store_migrate_up(test->store, test->arena, MIGRATION_LATEST, &report));
        must_succeed(store_schema_check(test->store, test->arena));
        buffer_clear(&report);
        must_succeed(store_migrate_status(test->store, test->arena, &report));
        assert_non_null(strstr(report.bytes, "0001 accounts applied 20"));
        assert_null(strstr(report.bytes, "pending"));
        must_succeed(store_migrate_down(test->store, test->arena, 0, &report));
        assert_rejected(store_schema_check(test->store, test->arena), "version 0");
    }
}

/* --- rejected migrations ---------------------------------------------------------------------- */

static void changed_migration_is_rejected(void **state)
{
    struct test *test = *state;
    struct migration changed[COUNT_OF(list)];
    memcpy(changed, list, sizeof changed);
    changed[1].source = "2 with a corrected spelling";
    must_succeed(migrate_up(test, MIGRATION_LATEST));
    assert_rejected(migrations_up(test->store, test->arena, changed, COUNT_OF(changed),
                                  MIGRATION_LATEST, &report),
                    "migration 2 two was changed");
    assert_rejected(
        migrations_down(test->store, test->arena, changed, COUNT_OF(changed), 0, &report),
        "migration 2 two was changed");
    assert_int_equal(count_applied(test), COUNT_OF(list));
}

static void migration_of_a_newer_program_is_rejected(void **state)
{
    struct test *test = *state;
    must_succeed(migrate_up(test, MIGRATION_LATEST));
    assert_rejected(migrations_up(test->store, test->arena, list, 2, MIGRATION_LATEST, &report),
                    "migration 3 three is unknown");
    assert_rejected(migrations_down(test->store, test->arena, list, 2, 0, &report),
                    "migration 3 three is unknown");
    must_script(test->store, test->arena,
                "UPDATE schema_migrations SET version = 9999 WHERE version = 3");
    assert_error(store_schema_check(test->store, test->arena), ERR_INTERNAL);
    must_succeed(store_migrate_status(test->store, test->arena, &report));
    assert_non_null(strstr(report.bytes, "9999 three applied"));
    assert_non_null(strstr(report.bytes, "unknown to this program"));
}

static void failed_migration_is_rolled_back(void **state)
{
    struct test *test = *state;
    struct migration failing[COUNT_OF(list)];
    memcpy(failing, list, sizeof failing);
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        failing[1].scripts[i].up = "CREATE TABLE two (id INTEGER); CREATE TABLE one (id INTEGER);";
    }
    assert_rejected(migrations_up(test->store, test->arena, failing, COUNT_OF(failing),
                                  MIGRATION_LATEST, &report),
                    "migration 2 two: ");
    assert_report("0001 one applied\n");
    assert_int_equal(count_applied(test), 1);
    must_succeed(migrate_up(test, MIGRATION_LATEST)); /* creates the table "two" */
}

/* --- several processes ------------------------------------------------------------------------ */

static pid_t start_migrations(const struct migration *migrations_of_it, size_t count)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct arena *arena = arena_new();
        struct buffer said = {.arena = arena};
        struct store *store = store_new(&store_config, NULL);
        struct error *error =
            migrations_up(store, arena, migrations_of_it, count, MIGRATION_LATEST, &said);
        store_free(&store);
        arena_free(&arena);
        _exit(error ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    assert_true(child > 0);
    return child;
}

static void concurrent_processes_run_each_migration_once(void **state)
{
    struct test *test = *state;
    pid_t children[PROCESSES];
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = start_migrations(list, COUNT_OF(list));
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_applied(test), COUNT_OF(list));
    assert_int_equal(must_read_integer(test, "SELECT id FROM one"), 2);
}

/* True if the process has begun to write: it holds SQLite's lock, or its PostgreSQL session
 * sleeps. */
static bool is_half_way(struct test *test, pid_t child)
{
    if (test->store->id == ENGINE_POSTGRES) {
        return must_read_integer(test, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                                       "'PgSleep'") == 1;
    }
    const char *lock = arena_format(test->arena, "WRITE %d ", (int)child);
    return strstr(read_file(test->arena, "/proc/locks"), lock) != NULL;
}

static void killed_migration_is_rolled_back(void **state)
{
    struct test *test = *state;
    struct migration slow[COUNT_OF(list)];
    memcpy(slow, list, sizeof slow);
    slow[1].scripts[ENGINE_SQLITE].up =
        "CREATE TABLE two (id INTEGER); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
        "FROM n) SELECT count(*) FROM n;";
    slow[1].scripts[ENGINE_POSTGRES].up = "CREATE TABLE two (id INTEGER); SELECT pg_sleep(600);";
    must_succeed(migrate_up(test, 1));
    pid_t child = start_migrations(slow, COUNT_OF(slow));
    bool half_way = false;
    for (int i = 0; !half_way && i < WAIT_TRIES; i++) {
        usleep(WAIT_PAUSE_US);
        half_way = is_half_way(test, child);
    }
    assert_true(half_way);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    int64_t began = clock_steady_us();
    must_succeed(migrate_up(test, MIGRATION_LATEST));
    /* PostgreSQL checks for lost clients every second. */
    assert_true(clock_steady_us() - began < RECOVERY_US);
    assert_report("0002 two applied\n0003 three applied\n");
}

/* --- both engines ----------------------------------------------------------------------------- */

/* Both engines must report a violation under the same name; SQLite's is composed of the columns. */
static void unique_indexes_are_named_after_their_columns(void **state)
{
    struct test *test = *state;
    static const char text[] =
        "SELECT i.name, (SELECT t.name || '_' || group_concat(c.name, '_') "
        "FROM pragma_index_info(i.name) c) FROM sqlite_schema t, pragma_index_list(t.name) i "
        "WHERE t.type = 'table' AND i.\"unique\" AND i.origin = 'c'";
    bool row = false;
    must_succeed(store_migrate_up(test->store, test->arena, MIGRATION_LATEST, &report));
    if (test->store->id == ENGINE_SQLITE) {
        struct store_query *query = store_compose(test->store, test->arena, text);
        must_succeed(store_next(query, &row));
        assert_true(row);
        while (row) {
            assert_string_equal(store_text(query, 0, NULL), store_text(query, 1, NULL));
            must_succeed(store_next(query, &row));
        }
    }
    must_succeed(store_migrate_down(test->store, test->arena, 0, &report));
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(migrations_run_up_and_down_to_a_version),
        STORE_TEST(shipped_migrations_run_up_and_down),
        STORE_TEST(changed_migration_is_rejected),
        STORE_TEST(migration_of_a_newer_program_is_rejected),
        STORE_TEST(failed_migration_is_rolled_back),
        STORE_TEST(concurrent_processes_run_each_migration_once),
        STORE_TEST(killed_migration_is_rolled_back),
        STORE_TEST(unique_indexes_are_named_after_their_columns),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "migrations on SQLite", "migrations on PostgreSQL");
}
