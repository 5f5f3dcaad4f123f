/*
 * Query plans of the lists of the audit, on both engines and for each kind of caller: a filter on
 * an indexed field finds its rows by the index, and the history of an object reads only its rows.
 */
#include "many_rows.h"

#include "rest/audit_list.h"

static const struct principal callers[] = {
    {.kind = PRINCIPAL_LOCAL, .id = "local:admin"},
    {.kind = PRINCIPAL_ACCOUNT,
     .id = "account:7",
     .account_id = ACCOUNT,
     .organization_id = ORGANIZATION,
     .role = ROLE_OWNER},
    {.kind = PRINCIPAL_DIRECTORY, .id = "directory:1", .administrator = true},
};

/* Returns the route of GET /audit. */
static const struct route *list_route(void)
{
    return audit_routes;
}

static struct reply ask(const struct lists_test *test, const char *filter, const char *query)
{
    struct arena *arena = test->arena;
    return get_list(test, list_route(),
                    filter ? arena_format(arena, "limit=5&filter=%s%s",
                                          request_encode_segment(arena, filter), query)
                           : arena_format(arena, "limit=5%s", query));
}

/* Checks the plan of the statement that read the page. */
static void expect_page_plan(struct lists_test *test,
                             bool (*is_good)(const struct lists_test *, const char *),
                             const char *what)
{
    const struct statement *statement = &statements[statement_count - 1];
    const char *plan = explain(test, statement);
    expect_plan(test, is_good(test, plan), what, statement->text, plan);
}

/* --- pages ------------------------------------------------------------------------------------ */

static bool reads_in_order(const struct lists_test *test, const char *plan)
{
    return !sorts_rows(test, plan) && (on_sqlite(test) || !scans_all_rows(test, plan));
}

static void pages_are_read_in_the_order_of_an_index(void **state)
{
    static const char *const orders[] = {"", "&sort=id", "&sort=-id"};
    struct lists_test *test = *state;
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        caller = callers[i];
        for (size_t j = 0; j < COUNT_OF(orders); j++) {
            struct reply reply = ask(test, NULL, orders[j]);
            expect_page_plan(test, reads_in_order, orders[j]);
            assert_int_equal(reply.items_count, 5);
            (void)ask(test, NULL,
                      arena_format(test->arena, "%s&after=%s", orders[j],
                                   request_encode_segment(test->arena, reply.next)));
            expect_page_plan(test, reads_in_order, "after");
        }
    }
    assert_int_equal(test->bad, 0);
}

static void newest_rows_are_first(void **state)
{
    const struct lists_test *test = *state;
    static const int64_t newest[] = {20500, 20000, 20499};
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        caller = callers[i];
        struct reply reply = ask(test, NULL, "");
        assert_int_equal(fields_get(audit_list_schema.fields, reply.items[0], "id")->integer,
                         newest[i]);
        assert_int_equal(reply.total, REPLY_TOTAL_UNKNOWN);
    }
}

/* --- filters ---------------------------------------------------------------------------------- */

static bool finds_by_index(const struct lists_test *test, const char *plan)
{
    static const char *const searches[] = {"at>? AND at<?)", "at=?)", "(reverts=?)", "(rowid=?)",
                                           "(resource=?)"};
    bool found = !on_sqlite(test);
    for (size_t i = 0; i < COUNT_OF(searches); i++) {
        found = found || strstr(plan, searches[i]);
    }
    return found && !scans_all_rows(test, plan);
}

static void filters_on_indexed_fields_use_the_index(void **state)
{
    static const char *const filters[] = {
        "id eq 4712",
        "reverts eq 7007",
        "at eq \"2024-02-09T06:13:20Z\"",
        "at ge \"2024-02-09\" and at lt \"2024-02-10\"",
        "actor eq \"user\" and at ge \"2024-02-09\" and at lt \"2024-02-10\" and code pr",
        "(at ge \"2024-02-09\" and at lt \"2024-02-10\") or reverts eq 7",
        "not (reverts ne 7007)",
    };
    struct lists_test *test = *state;
    for (size_t i = 0; i < COUNT_OF(callers) * COUNT_OF(filters); i++) {
        const char *filter = filters[i / COUNT_OF(callers)];
        caller = callers[i % COUNT_OF(callers)];
        if (!on_sqlite(test) && strstr(filter, " or ")) {
            continue; /* 20,000 rows are too few for PostgreSQL to combine two indexes */
        }
        (void)ask(test, filter, "");
        assert_true(statement_count > 1); /* counts the rows up to a limit */
        expect_page_plan(test, finds_by_index, filter);
        statement_count--;
        expect_page_plan(test, finds_by_index, filter);
    }
    assert_int_equal(test->bad, 0);
}

static void rare_type_is_found_by_its_index(void **state)
{
    struct lists_test *test = *state;
    caller = callers[0];
    struct reply reply = ask(test, "resource eq \"DEAL\"", "");
    assert_int_equal(reply.items_count, 5);
    if (on_sqlite(test)) { /* PostgreSQL plans for a type of average frequency, of which it has 3 */
        expect_page_plan(test, finds_by_index, "resource");
    }
    assert_int_equal(test->bad, 0);
}

static bool finds_by_organization(const struct lists_test *test, const char *plan)
{
    return strstr(plan, on_sqlite(test) ? "audit_by_organization (organization_id=?"
                                        : "audit_by_organization") &&
           !scans_all_rows(test, plan);
}

/* The rows of all others are many, also those in the period. */
static void small_organization_reads_only_its_rows(void **state)
{
    static const char *const filters[] = {"at ge \"2020-01-01\"", "reverts pr",
                                          "at lt \"2020-01-01\" and resource eq \"contact\"",
                                          "at eq \"2024-02-09T06:13:20Z\" or id gt 5"};
    struct lists_test *test = *state;
    caller = callers[1];
    caller.organization_id = ORGANIZATION + 1;
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        (void)ask(test, filters[i], "");
        expect_page_plan(test, finds_by_organization, filters[i]);
    }
    assert_int_equal(test->bad, 0);
}

/* --- history ---------------------------------------------------------------------------------- */

/* True if the rows of an object are found by the index, and only those that the caller may read. */
static bool finds_by_object(const struct lists_test *test, const char *plan)
{
    static const char *const found[] = {
        [PRINCIPAL_LOCAL] = "audit_by_object (resource=? AND <expr>=?)",
        [PRINCIPAL_DIRECTORY] = "audit_by_object (resource=? AND <expr>=?",
        [PRINCIPAL_ACCOUNT] = "audit_by_object (resource=? AND <expr>=? AND organization_id=?",
    };
    return strstr(plan, on_sqlite(test) ? found[caller.kind] : "audit_by_object") &&
           !scans_all_rows(test, plan);
}

/* PostgreSQL may sort the rows of an object if it expects few. Those of all organizations are
 * always sorted, or PostgreSQL reads a small table in its order. */
static bool reads_history_in_order(const struct lists_test *test, const char *plan)
{
    bool of_all = caller.kind == PRINCIPAL_LOCAL;
    bool sorts = on_sqlite(test) && !of_all && sorts_rows(test, plan);
    bool is_small = !on_sqlite(test) && of_all && strstr(plan, "using audit_pkey");
    return (finds_by_object(test, plan) || is_small) && !sorts;
}

/* Requests the history of contact 18. */
static struct reply ask_history(const struct lists_test *test, const char *query)
{
    static const struct route route = {AUDIT_HISTORY_ROW("/contacts/{id}", "contact", "id")};
    static const struct audit_object object = {.id = "18"};
    struct app app = {.config = &config, .store = test->store};
    struct request request = {
        .arena = test->arena, .app = &app, .route = &route, .principal = &caller};
    struct reply reply = {0};
    must_succeed(fields_read_query(test->arena, route.query, query, &request.query));
    must_succeed(selection_read(&request));
    statement_count = 0;
    is_recording = true;
    struct error *error = audit_list_reply_history(&request, &reply, &object);
    is_recording = false;
    must_succeed(error);
    return reply;
}

static void history_reads_only_rows_of_the_object(void **state)
{
    struct lists_test *test = *state;
    for (size_t i = 0; i < 2; i++) { /* contacts are not in the directory */
        caller = callers[i];
        struct reply reply = ask_history(test, "limit=5");
        assert_int_equal(reply.items_count, 5);
        assert_int_equal(statement_count, 1);
        expect_page_plan(test, reads_history_in_order, "history");
        (void)ask_history(test, arena_format(test->arena, "limit=5&after=%s",
                                             request_encode_segment(test->arena, reply.next)));
        expect_page_plan(test, reads_history_in_order, "history, page 2");
        (void)ask_history(test, "limit=5&filter=actor%20eq%20%22user%22");
        expect_page_plan(test, reads_history_in_order, "history, filter");
    }
    assert_int_equal(test->bad, 0);
}

enum { STRANGER = 3, FIRST_FAILURE = 1000000, FAILURES = 100000 };

/* Adds failed calls of a stranger that name contact 18. */
static void insert_failures(const struct lists_test *test)
{
    must_script(test->store, test->arena,
                arena_format(test->arena,
                             "INSERT INTO audit (id, at, organization_id, directory, actor, action,"
                             " resource, object_id, status, code, linked)"
                             " WITH RECURSIVE n (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n"
                             " WHERE i < %d) SELECT i, 1700000000000 + i, %d, 0, 'eve',"
                             " 'update_contact', 'contact', '18', 'failure', 'NOT_FOUND', 1 FROM n",
                             (int)FIRST_FAILURE, (int)(FIRST_FAILURE + FAILURES), (int)STRANGER));
    if (!on_sqlite(test)) {
        must_script(test->store, test->arena, "ANALYZE audit");
    }
}

static void delete_failures(const struct lists_test *test)
{
    must_script(test->store, test->arena,
                arena_format(test->arena, "DELETE FROM audit WHERE id >= %d", (int)FIRST_FAILURE));
    if (!on_sqlite(test)) {
        must_script(test->store, test->arena, "ANALYZE audit");
    }
}

static bool finds_by_organization_time(const struct lists_test *test, const char *plan)
{
    return strstr(plan, on_sqlite(test)
                            ? "audit_by_organization_time (organization_id=? AND at>? AND at<?"
                            : "audit_by_organization_time") &&
           !scans_all_rows(test, plan);
}

static void failed_calls_of_strangers_are_not_read(void **state)
{
    static const char *const filters[] = {
        "resource eq \"contact\" and resource_id eq \"18\"",
        "resource_id eq \"18\" and actor eq \"user\" and resource eq \"CONTACT\" and at gt"
        " \"2020-01-01\"",
    };
    struct lists_test *test = *state;
    insert_failures(test);
    caller = callers[1];
    for (int64_t organization = ORGANIZATION; organization <= ORGANIZATION + 1; organization++) {
        caller.organization_id = organization;
        struct reply reply = ask_history(test, "limit=5");
        expect_page_plan(test, reads_history_in_order, "history among failures");
        assert_true(reply.items_count > 0);
        for (size_t i = 0; i < COUNT_OF(filters); i++) {
            reply = ask(test, filters[i], "");
            expect_page_plan(test, finds_by_object, filters[i]);
            assert_true(reply.items_count > 0);
        }
    }
    caller = callers[1];
    (void)ask(test, "at ge \"2024-02-09\" and at lt \"2024-02-10\"", "");
    expect_page_plan(test, finds_by_organization_time, "period in an organization");
    delete_failures(test);
    assert_int_equal(test->bad, 0);
}

static void object_is_found_by_its_index(void **state)
{
    struct lists_test *test = *state;
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        caller = callers[i];
        struct reply reply = ask(test, "resource eq \"user\" and resource_id eq \"18\"", "");
        expect_page_plan(test, finds_by_object, "object");
        assert_int_equal(reply.items_count, caller.kind == PRINCIPAL_ACCOUNT ? 0 : 5);
    }
    assert_int_equal(test->bad, 0);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        LISTS_TEST(pages_are_read_in_the_order_of_an_index),
        LISTS_TEST(newest_rows_are_first),
        LISTS_TEST(filters_on_indexed_fields_use_the_index),
        LISTS_TEST(rare_type_is_found_by_its_index),
        LISTS_TEST(small_organization_reads_only_its_rows),
        LISTS_TEST(history_reads_only_rows_of_the_object),
        LISTS_TEST(object_is_found_by_its_index),
        LISTS_TEST(failed_calls_of_strangers_are_not_read),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_many_rows(run_group);
}
