/* Recount: finds and corrects wrong numbers, and appends to the report. Runs on both engines. */
#include "engines.h"

#include "files/usage.h"
#include "rest/counters.h"

/* Creates a database with the schema and without files, of which one scope counts three. */
static int setup(void **state)
{
    test_setup_schema(state);
    struct test *test = *state;
    must_script(test->store, test->arena,
                "INSERT INTO file_usage (scope, files, bytes) VALUES ('ivanov', 3, 300)");
    return 0;
}

#define RECOUNT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, test_teardown)

static const char wrong_line[] =
    "files of \"ivanov\": stored 3 files and 300 bytes, counted 0 files and 0 bytes\n";

static size_t recount_usage(struct test *test, bool repair, struct buffer *report)
{
    size_t wrong = 0;
    must_succeed(file_usage_recount(test->store, test->arena, repair, report, &wrong));
    must_succeed(store_group_commit(test->store, test->arena));
    return wrong;
}

static void recount_appends_to_the_report(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    size_t wrong = 0;
    buffer_add_string(&report, "earlier line\n");
    assert_int_equal(recount_usage(test, false, &report), 1);
    must_succeed(counters_recount(test->store, test->arena, false, &report, &wrong));
    assert_int_equal(wrong, 0);
    assert_string_equal(report.bytes, arena_format(test->arena, "earlier line\n%s", wrong_line));
}

static void recount_repairs_on_request_only(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    assert_int_equal(recount_usage(test, false, &report), 1);
    assert_int_equal(recount_usage(test, true, &report), 1);
    assert_string_equal(report.bytes, arena_format(test->arena, "%s%s", wrong_line, wrong_line));
    buffer_clear(&report);
    assert_int_equal(recount_usage(test, false, &report), 0);
    assert_int_equal(report.length, 0);
}

static int run(const char *name)
{
    const struct CMUnitTest tests[] = {
        RECOUNT_TEST(recount_appends_to_the_report),
        RECOUNT_TEST(recount_repairs_on_request_only),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run, "recount on SQLite", "recount on PostgreSQL");
}
