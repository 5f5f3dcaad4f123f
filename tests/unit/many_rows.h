/*
 * Many rows: a database with 20,000 contacts, deals, tasks and activities in one organization, for
 * tests of lists. They call the route handlers, record the statements that these send to the
 * database, and check the query plan of each.
 */
#ifndef TESTS_MANY_ROWS_H
#define TESTS_MANY_ROWS_H

#include "unit.h"

#include "postgres.h"
#include "stores.h"

#include "auth/principal.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/log.h"
#include "base/random.h"
#include "http/fields.h"
#include "http/selection.h"
#include "resources/resources.h"
#include "rest/records.h"
#include "store/migrations.h"

/* Returns the description of a route of records; NULL for other routes. */
static inline const struct records *records_of(const struct route *route)
{
    return route->adds_faults ? route->description : NULL;
}

enum { STATEMENTS_MAX = 16, PLANNED_ANEW = 5 };

/* The requesting account and its organization. */
enum { ORGANIZATION = 1, ACCOUNT = 7 };

static struct config config;
static struct postgres_server server;

/* --- rows: 20,000 of each kind in one organization, and 500 in another ------------------------ */

static const char accounts[] =
    "INSERT INTO organizations (id, name, currency, created_at, updated_at)"
    " VALUES (1, 'One', 'RUB', 0, 0), (2, 'Two', 'RUB', 0, 0);"
    "INSERT INTO accounts (id, username, username_key, name, created_at, updated_at)"
    " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
    " SELECT i, 'user' || i, 'user' || i, 'User', 0, 0 FROM n;";

enum { ID_MAX = 20500 };

/* Yields for each row its number i and its organization o. */
#define NUMBERS                                                                                    \
    " WITH RECURSIVE n (i, o) AS (SELECT 1, 1 UNION ALL SELECT i + 1, CASE WHEN i < 20000 THEN 1"  \
    " ELSE 2 END FROM n WHERE i < 20500) "

/* Times whose order differs from that of the ids; one row in fifty is soft-deleted. */
#define TIME "1700000000000 + CAST((i * 7919) % 20011 AS BIGINT) * 3600000"
#define DELETED "CASE WHEN i % 50 = 0 THEN 1 END"

static const char contacts[] =
    "INSERT INTO contacts (id, organization_id, name, email, email_key, owner_id,"
    " search_text, created_at, updated_at, deleted_at, folded)" NUMBERS
    "SELECT i, o, 'Name ' || ((i * 7919) % 20011),"
    " (i / 4) || '@example.com', (i / 4) || '@example.com', 1 + i % 50,"
    " '  общее  имя  ' || ((i * 7919) % 20011)"
    " || CASE WHEN i % 4000 = 1 THEN '  редкое' ELSE '' END, " TIME ", 0, " DELETED ","
    " '{\"name\":\"name ' || ((i * 7919) % 20011) || '\"}' FROM n;";

static const char deals[] =
    "INSERT INTO deals (id, organization_id, title, amount, status, outcome, contact_id, owner_id,"
    " expected_close_date, created_at, updated_at, deleted_at, folded)" NUMBERS
    "SELECT i, o, 'Deal', (i * 31) % 9973,"
    " CASE i % 4 WHEN 0 THEN 'NEW' WHEN 1 THEN 'IN_PROGRESS' WHEN 2 THEN 'WON' ELSE 'CLOSED' END,"
    " CASE WHEN i % 4 > 1 THEN 'WON' END, 1 + (i * 31) % 199, 1 + i % 50,"
    " CASE WHEN i % 3 > 0 THEN '2026-' || (10 + i % 3) || '-' || (10 + i % 20) END, " TIME
    ", 0, " DELETED ", '{\"title\":\"deal\"}' FROM n;";

static const char tasks[] =
    "INSERT INTO tasks (id, organization_id, title, status, overdue_from, assignee_id, contact_id,"
    " deal_id, creator_id, created_at, updated_at, deleted_at, folded)" NUMBERS
    "SELECT i, o, 'Task', CASE i % 3 WHEN 0 THEN 'TODO' WHEN 1 THEN 'IN_PROGRESS' ELSE 'DONE' END,"
    " CASE WHEN i % 3 > 0 THEN " TIME " END, 1 + i % 50, 1 + (i * 31) % 199,"
    " CASE WHEN i % 2 = 0 THEN 1 + (i * 37) % 199 END, 1, " TIME ", 0, " DELETED ","
    " '{\"title\":\"task\"}' FROM n;";

static const char activities[] =
    "INSERT INTO activities (id, organization_id, type, subject, contact_id, deal_id, author_id,"
    " occurred_at, automatic, created_at, updated_at, deleted_at, folded)" NUMBERS
    "SELECT i, o, CASE i % 4 WHEN 0 THEN 'CALL' WHEN 1 THEN 'EMAIL' WHEN 2 THEN 'MEETING'"
    " ELSE 'NOTE' END, 'Subject', 1 + (i * 31) % 199, 1 + (i * 37) % 199, 1 + i % 50, " TIME
    ", 0, " TIME ", 0, " DELETED ", '{\"subject\":\"subject\"}' FROM n;";

/* Ten keys of each of 2,000 directory users, and of the account. */
static const char api_keys[] =
    "INSERT INTO members (organization_id, account_id, role, created_at) VALUES (1, 7, 'OWNER', 0);"
    "INSERT INTO api_keys (subject, account_id, organization_id, username, name, scopes, prefix,"
    " created_at, issued_at, folded)" NUMBERS
    "SELECT CASE WHEN i % 2000 = 0 THEN 'account:7' ELSE 'directory:' || (i % 2000) END,"
    " CASE WHEN i % 2000 = 0 THEN 7 END, CASE WHEN i % 2000 = 0 THEN 1 END, 'user', 'key',"
    " 'crm', 'kontora_AAAA', 0, 0, '{\"name\":\"key\"}' FROM n;";

static const char counters[] =
    "INSERT INTO counters (organization_id, name, slot, value)" NUMBERS
    "SELECT CASE WHEN i > 500 THEN 2 ELSE 1 END, 'tasks.due.' || (10020000 + i), 0, 1 FROM n;"
    "INSERT INTO counters (organization_id, name, slot, value) VALUES (1, 'contacts', 0, 19600),"
    " (1, 'deals', 0, 19600), (1, 'tasks', 0, 19600), (1, 'activities', 0, 19600);";

/* --- statements of the handlers --------------------------------------------------------------- */

struct statement {
    const char *text;
    const struct cell *parameters;
    size_t count;
};

static struct statement statements[STATEMENTS_MAX];
static size_t statement_count;
static bool is_recording;

static const struct engine *real_engine;

/* The real engine with a begin function that records statements. */
static struct engine recording_engine;

static inline struct error *record_statement(struct store_query *query)
{
    if (is_recording) {
        assert_true(statement_count < STATEMENTS_MAX);
        struct cell *parameters =
            arena_array(query->arena, query->parameter_count, sizeof *parameters);
        for (size_t i = 0; i < query->parameter_count; i++) {
            parameters[i] = query->parameters[i];
        }
        statements[statement_count++] =
            (struct statement){query->text, parameters, query->parameter_count};
    }
    return real_engine->begin(query);
}

/* --- state of a test -------------------------------------------------------------------------- */

struct lists_test {
    struct arena *arena;
    struct store *store;
    size_t bad; /* number of unexpected plans; each of them is printed */
};

static inline int setup_lists(void **state)
{
    enum { FILTER_MS = 60 * MS_PER_S };
    struct lists_test *test = base_alloc(sizeof *test);
    config.filter_timeout_ms = FILTER_MS;
    *test = (struct lists_test){.arena = arena_new(), .store = store_new(&config, NULL)};
    real_engine = test->store->engine;
    recording_engine = *real_engine;
    recording_engine.begin = record_statement;
    test->store->engine = &recording_engine;
    *state = test;
    return 0;
}

static inline int teardown_lists(void **state)
{
    struct lists_test *test = *state;
    test->store->engine = real_engine;
    arena_free(&test->arena);
    store_free(&test->store);
    free(test);
    return 0;
}

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, setup_lists, teardown_lists)

static inline bool on_sqlite(const struct lists_test *test)
{
    return test->store->id == ENGINE_SQLITE;
}

/* Returns the reply to a GET request with that query. */
static inline struct reply get_list(const struct lists_test *test, const struct route *route,
                                    const char *query)
{
    struct app app = {.config = &config, .store = test->store};
    struct principal principal = {.kind = PRINCIPAL_ACCOUNT,
                                  .id = "account:7",
                                  .account_id = ACCOUNT,
                                  .organization_id = ORGANIZATION,
                                  .role = ROLE_OWNER};
    struct request request = {
        .arena = test->arena, .app = &app, .route = route, .principal = &principal};
    struct reply reply = {0};
    must_succeed(fields_read_query(test->arena, route->query, query, &request.query));
    must_succeed(selection_read(&request));
    statement_count = 0;
    is_recording = true;
    struct error *error = route->handler(&request, &reply);
    is_recording = false;
    must_succeed(error);
    assert_true(statement_count > 0);
    return reply;
}

/* --- query plans ------------------------------------------------------------------------------ */

static inline const char *join_rows(struct store_query *query, struct arena *arena, size_t column)
{
    struct buffer text = {.arena = arena};
    bool row;
    buffer_add(&text, "", 0);
    for (must_succeed(store_next(query, &row)); row; must_succeed(store_next(query, &row))) {
        buffer_format(&text, "%s\n", store_text(query, column, NULL));
    }
    return text.bytes;
}

static inline const char *explain_on_sqlite(const struct lists_test *test,
                                            const struct statement *statement)
{
    enum { DETAIL = 3 };
    struct store_query *query =
        store_compose(test->store, test->arena,
                      arena_format(test->arena, "EXPLAIN QUERY PLAN %s", statement->text));
    for (size_t i = 0; i < statement->count; i++) {
        const struct cell *cell = &statement->parameters[i];
        if (cell->type == CELL_TEXT) {
            store_bind_text(query, cell->bytes);
        } else if (cell->type == CELL_BYTES) {
            store_bind_bytes(query, cell->bytes, cell->length);
        } else {
            store_bind_integer(query, cell->integer);
        }
    }
    return join_rows(query, test->arena, DETAIL);
}

/* Returns the EXPLAIN EXECUTE statement with the parameters inserted. */
static inline const char *format_execution(const struct lists_test *test,
                                           const struct statement *statement)
{
    struct buffer text = {.arena = test->arena};
    buffer_add_string(&text, "EXPLAIN EXECUTE plan (");
    for (size_t i = 0; i < statement->count; i++) {
        const struct cell *cell = &statement->parameters[i];
        buffer_add_string(&text, i ? ", " : "");
        if (cell->type == CELL_TEXT) {
            assert_null(strchr(cell->bytes, '\''));
            buffer_format(&text, "'%s'", cell->bytes);
        } else if (cell->type == CELL_BYTES) {
            char *hex = arena_alloc(test->arena, 2 * cell->length + 1);
            random_format_hex((const unsigned char *)cell->bytes, cell->length, hex);
            buffer_format(&text, "'\\x%s'", hex);
        } else {
            buffer_format(&text, "%lld", (long long)cell->integer);
        }
    }
    buffer_add_string(&text, ")");
    return text.bytes;
}

/* PostgreSQL plans a prepared statement for its actual values five times, and then may switch to
 * a generic plan: both plans must be good. */
static inline const char *explain_on_postgres(const struct lists_test *test,
                                              const struct statement *statement)
{
    const char *first = NULL, *last = NULL;
    must_script(test->store, test->arena,
                arena_format(test->arena, "PREPARE plan AS %s", statement->text));
    for (int i = 0; i <= PLANNED_ANEW; i++) {
        last = join_rows(store_compose(test->store, test->arena, format_execution(test, statement)),
                         test->arena, 0);
        first = first ? first : last;
    }
    must_script(test->store, test->arena, "DEALLOCATE plan");
    return strcmp(first, last) != 0 ? arena_format(test->arena, "%sthen\n%s", first, last) : first;
}

static inline const char *explain(const struct lists_test *test, const struct statement *statement)
{
    return on_sqlite(test) ? explain_on_sqlite(test, statement)
                           : explain_on_postgres(test, statement);
}

/* True if the plan scans a whole table or a whole index. "found" is a subquery. */
static inline bool scans_all_rows(const struct lists_test *test, const char *plan)
{
    static const char no_table[] = "SCAN CONSTANT ROW", found[] = "SCAN found";
    if (!on_sqlite(test)) {
        return strstr(plan, "Seq Scan");
    }
    for (plan = strstr(plan, "SCAN"); plan; plan = strstr(plan + 1, "SCAN")) {
        if (strncmp(plan, no_table, sizeof no_table - 1) != 0 &&
            strncmp(plan, found, sizeof found - 1) != 0) {
            return true;
        }
    }
    return false;
}

static inline bool sorts_rows(const struct lists_test *test, const char *plan)
{
    return strstr(plan, on_sqlite(test) ? "TEMP B-TREE" : "Sort");
}

/* Prints and counts a bad plan, so that one run reports all of them. */
static inline void expect_plan(struct lists_test *test, bool good, const char *what,
                               const char *text, const char *plan)
{
    if (!good) {
        print_error("%s:\n%s\n%s\n", what, text, plan);
        test->bad++;
    }
}

/* --- both engines ----------------------------------------------------------------------------- */

/* Updates the search index as the API does after creating contacts. */
static inline struct error *index_contacts(struct store *store, void *context)
{
    (void)context;
    store_defer(store, SQL_CONTACTS_INDEX);
    store_defer(store, SQL_CONTACTS_INDEXED);
    return NULL;
}

/* Sets the sort keys of the contacts, which SQL cannot compute. */
static inline struct error *set_sort_keys(struct store *store, void *context)
{
    struct arena *arena = context;
    struct error *error = NULL;
    for (int64_t id = 1; id <= ID_MAX && !error; id++) {
        const unsigned char *key;
        size_t length = fold_sort_key(
            arena, arena_format(arena, "Name %lld", (long long)id * 7919 % 20011), &key);
        struct store_query *query =
            store_compose(store, arena, "UPDATE contacts SET name_sort_key = $1 WHERE id = $2");
        store_bind_bytes(query, key, length);
        store_bind_integer(query, id);
        error = store_execute(query);
    }
    return error;
}

static inline bool create_rows(void)
{
    const char *const scripts[] = {accounts,   contacts, deals,   tasks,
                                   activities, api_keys, counters};
    struct arena *arena = arena_new();
    struct store *store = store_new(&config, NULL);
    struct buffer report = {.arena = arena};
    must_succeed(store_migrate_up(store, arena, MIGRATION_LATEST, &report));
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        must_script(store, arena, scripts[i]);
    }
    must_succeed(store_write(store, arena, set_sort_keys, arena));
    must_succeed(store_write(store, arena, index_contacts, NULL));
    must_succeed(store_group_commit(store, arena));
    arena_free(&arena);
    store_free(&store);
    return true;
}

/* Collects statistics for the plans of later connections. */
static inline void analyze_tables(void)
{
    struct arena *arena = arena_new();
    struct store *store = store_new(&config, NULL);
    must_script(store, arena, "ANALYZE;");
    arena_free(&arena);
    store_free(&store);
}

/* Runs a PostgreSQL client program on the database "lists". */
static inline bool run_program(char *program, char *first, char *second, char *third)
{
    char *arguments[] = {program, "-h",   server.folder, "-U",    "postgres",
                         first,   second, third,         "lists", NULL};
    return postgres_run(&server, arguments);
}

/* Creates a database that sorts texts by a language; no index and no list may depend on that. */
static inline bool create_database(void)
{
    return run_program("createdb", "--template=template0", "--locale-provider=icu",
                       "--icu-locale=ru-RU");
}

/* Does what autovacuum would do eventually. */
static inline bool vacuum_database(void)
{
    return run_program("vacuumdb", "--quiet", "--analyze", "--dbname");
}

/* Implements main(): runs a group of tests on SQLite, there again with statistics of the rows, and
 * on PostgreSQL. */
static inline int run_on_many_rows(int (*run)(const char *name))
{
    char folder[PATH_MAX];
    if (!log_open(LOG_LEVEL_ERROR, "") || !enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    struct arena *arena = arena_new();
    config = config_of_url("sqlite:///lists.db");
    int failed = !create_rows();
    failed += run("lists on SQLite");
    analyze_tables();
    failed += run("lists on SQLite, after ANALYZE");
    config =
        config_of_url(arena_format(arena, "postgresql:///lists?host=%s/pg&user=postgres", folder));
    if (postgres_create(&server, folder) && create_database() && create_rows() &&
        vacuum_database()) {
        failed += run("lists on PostgreSQL");
    } else {
        fprintf(stderr, "PostgreSQL: cannot start the server\n");
        failed++;
    }
    postgres_kill(&server);
    arena_free(&arena);
    return leave_temporary(folder, failed);
}

#endif
