/* Store: guarantees that both engines keep; the same tests run on SQLite and on PostgreSQL. */
#include "unit.h"

#include "engines.h"

#include "store/migrations.h"

#include <libpq-fe.h>
#include <sqlite3.h>

static const char *const schema[ENGINE_COUNT] = {
    [ENGINE_SQLITE] =
        "DROP TABLE IF EXISTS children; DROP TABLE IF EXISTS items;"
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, integer INTEGER, text TEXT, bytes "
        "BLOB,"
        "  pair_a TEXT, pair_b INTEGER, amount ANY) STRICT;"
        "CREATE TABLE children (id INTEGER PRIMARY KEY, item_id INTEGER REFERENCES items (id)"
        "  ON DELETE RESTRICT, other_id INTEGER REFERENCES items (id)) STRICT;"
        "CREATE UNIQUE INDEX items_name ON items (name);"
        "CREATE UNIQUE INDEX items_pair_a_pair_b ON items (pair_a, pair_b)",
    [ENGINE_POSTGRES] =
        "DROP TABLE IF EXISTS children; DROP TABLE IF EXISTS items;"
        "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT, integer BIGINT, text TEXT, bytes "
        "BYTEA,"
        "  pair_a TEXT, pair_b BIGINT, amount NUMERIC);"
        "CREATE TABLE children (id BIGINT PRIMARY KEY, item_id BIGINT REFERENCES items (id)"
        "  ON DELETE RESTRICT, other_id BIGINT REFERENCES items (id));"
        "CREATE UNIQUE INDEX items_name ON items (name);"
        "CREATE UNIQUE INDEX items_pair_a_pair_b ON items (pair_a, pair_b)",
};

static int setup_schema(void **state)
{
    test_setup(state);
    struct test *test = *state;
    must_script(test->store, test->arena, schema[test->store->id]);
    return 0;
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, setup_schema, test_teardown)

static struct error *change_and_commit(const struct test *test, const char *text, int64_t integer,
                                       const char *string)
{
    struct change change = {
        .arena = test->arena, .text = text, .integer = integer, .string = string};
    struct error *error = store_write(test->store, test->arena, run_change, &change);
    struct error *ending = store_group_commit(test->store, test->arena);
    return error ? error : ending;
}

/* --- statements ------------------------------------------------------------------------------- */

static void every_sql_statement_can_be_prepared(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    must_succeed(store_migrate_up(test->store, test->arena, MIGRATION_LATEST, &report));
    for (size_t slot = 0; slot < SQL_COUNT; slot++) {
        /* This statement exists on the other engine only. */
        bool elsewhere = !store_statement_text(test->store, slot);
        if (slot != SQL_SCHEMA_MIGRATIONS_CREATE && !elsewhere) {
            must_succeed(test->store->engine->prepare(test->store, test->arena, slot));
        }
    }
    must_succeed(store_schema_check(test->store, test->arena));
    must_succeed(store_migrate_down(test->store, test->arena, 0, &report));
}

enum { COLUMNS_MAX = 32 };

/* Columns and parameters of a statement, as the engine reports them. */
struct description {
    size_t columns, parameters;
    const char *names[COLUMNS_MAX];
};

static void describe_on_sqlite(struct arena *arena, const char *text, struct description *about_r)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    const char *file = store_database_file(&store_config, arena);
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
    about_r->columns = (size_t)sqlite3_column_count(statement);
    about_r->parameters = (size_t)sqlite3_bind_parameter_count(statement);
    assert_in_range(about_r->columns, 0, COLUMNS_MAX);
    for (size_t i = 0; i < about_r->columns; i++) {
        about_r->names[i] = arena_string(arena, sqlite3_column_name(statement, (int)i));
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void describe_on_postgres(struct arena *arena, const char *text, struct description *about_r)
{
    PGconn *connection = PQconnectdb(store_config.database_url);
    PQclear(PQprepare(connection, "", text, 0, NULL));
    PGresult *result = PQdescribePrepared(connection, "");
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        FAIL("%s: %s", text, PQresultErrorMessage(result));
    }
    about_r->columns = (size_t)PQnfields(result);
    about_r->parameters = (size_t)PQnparams(result);
    assert_in_range(about_r->columns, 0, COLUMNS_MAX);
    for (size_t i = 0; i < about_r->columns; i++) {
        about_r->names[i] = arena_string(arena, PQfname(result, (int)i));
    }
    PQclear(result);
    PQfinish(connection);
}

/* Compares a description with the generated column names, of which "?" stands for any name. */
static void assert_described(const struct sql_statement_row *row, enum engine_id engine,
                             const struct description *about, struct arena *arena)
{
    char *rest = arena_string(arena, row->columns), *name;
    size_t count = 0;
    while ((name = strsep(&rest, " ")) && *name) {
        if (count >= about->columns || (*name != '?' && strcmp(name, about->names[count]) != 0)) {
            FAIL("%s: column %zu is %s, but generated as %s", row->name, count,
                 count < about->columns ? about->names[count] : "none", name);
        }
        count++;
    }
    if (count != about->columns || row->parameters[engine] != about->parameters) {
        FAIL("%s: has %zu columns and %zu parameters, but generated are %zu and %zu", row->name,
             about->columns, about->parameters, count, row->parameters[engine]);
    }
}

static void generated_columns_and_parameters_match_the_engine(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    must_succeed(store_migrate_up(test->store, test->arena, MIGRATION_LATEST, &report));
    for (size_t slot = 0; slot < SQL_COUNT; slot++) {
        const char *text = store_statement_text(test->store, slot);
        struct description about = {0};
        if (slot == SQL_SCHEMA_MIGRATIONS_CREATE || !text) {
            continue;
        }
        if (test->store->id == ENGINE_SQLITE) {
            describe_on_sqlite(test->arena, text, &about);
        } else {
            describe_on_postgres(test->arena, text, &about);
        }
        assert_described(&store_statements[slot], test->store->id, &about, test->arena);
    }
    must_succeed(store_migrate_down(test->store, test->arena, 0, &report));
}

/* A statement with all columns is unchanged. One with a single column has as many as before, and
 * the others are null. */
static void unwanted_columns_of_a_statement_are_null(void **state)
{
    static const enum sql_statement lists[] = {
        SQL_CONTACTS_LIST,          SQL_CONTACTS_FOUND,     SQL_CONTACTS_SEARCH_RARE,
        SQL_CONTACTS_SEARCH_COMMON, SQL_ACTIVITIES_LIST,    SQL_ACCOUNTS_LIST,
        SQL_EMAIL_LINKS_LIST,       SQL_INVITATIONS_LIST,   SQL_INVITATIONS_OF_ACCOUNT,
        SQL_MEMBERS_LIST,           SQL_ORGANIZATIONS_LIST, SQL_TOKENS_LIST};
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    must_succeed(store_migrate_up(test->store, test->arena, MIGRATION_LATEST, &report));
    for (size_t i = 0; i < SQL_COUNT; i++) {
        const char *text = store_statement_text(test->store, i);
        bool wanted[COLUMNS_MAX];
        memset(wanted, true, sizeof wanted);
        if (text && !strncmp(text, "SELECT ", strlen("SELECT "))) {
            assert_string_equal(store_text_selecting(test->store, test->arena, i, wanted), text);
        }
    }
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        size_t last = store_column_count(lists[i]) - 1;
        bool wanted[COLUMNS_MAX] = {false};
        wanted[last] = true;
        const char *text = store_text_selecting(test->store, test->arena, lists[i], wanted);
        struct description whole, part;
        (test->store->id == ENGINE_SQLITE ? describe_on_sqlite : describe_on_postgres)(
            test->arena, store_text_of(test->store, lists[i]), &whole);
        (test->store->id == ENGINE_SQLITE ? describe_on_sqlite : describe_on_postgres)(test->arena,
                                                                                       text, &part);
        assert_int_equal(part.columns, last + 1);
        assert_int_equal(part.parameters, whole.parameters);
        assert_string_equal(part.names[last], whole.names[last]);
        assert_true(!last || !strncmp(text, "SELECT NULL,", strlen("SELECT NULL,")));
    }
    must_succeed(store_migrate_down(test->store, test->arena, 0, &report));
}

static void invalid_statement_is_an_internal_error(void **state)
{
    struct test *test = *state;
    int64_t integer = 0;
    assert_error(read_integer(test->store, test->arena, "SELECT nothing FROM nowhere", &integer),
                 ERR_INTERNAL);
    assert_error(change_and_commit(test, "INSERT INTO nowhere VALUES ($1)", 1, NULL), ERR_INTERNAL);
    assert_int_equal(count_items(test->store, test->arena), 0);
}

static void composed_statements_are_cached_and_evicted(void **state)
{
    struct test *test = *state;
    enum { MANY = 3 * COMPOSED_COUNT };
    for (int64_t round = 0; round < 2; round++) {
        for (int64_t i = 0; i < MANY; i++) {
            int64_t integer = 0;
            const char *text = arena_format(test->arena, "SELECT %lld", (long long)i);
            must_succeed(read_integer(test->store, test->arena, text, &integer));
            assert_int_equal(integer, i);
        }
    }
}

/* --- values ----------------------------------------------------------------------------------- */

struct values {
    struct arena *arena;
    int64_t integer;
    const char *text;
    const char *bytes;
    size_t length;
    int64_t id;
};

/* Inserts a row and checks the value that the statement returns. */
static struct error *write_values(struct store *store, void *context)
{
    struct values *values = context;
    bool row = false;
    struct store_query *query = store_compose(
        store, values->arena,
        "INSERT INTO items (id, integer, text, bytes) VALUES ($1, $2, $3, $4) RETURNING id");
    store_bind_integer(query, values->id);
    store_bind_integer(query, values->integer);
    store_bind_text(query, values->text);
    store_bind_bytes(query, values->bytes, values->length);
    struct error *error = store_next(query, &row);
    if (!error) {
        assert_true(row);
        assert_int_equal(store_integer(query, 0), values->id);
    }
    return error;
}

static void assert_same_bytes(const char *got, size_t got_length, const char *expected,
                              size_t expected_length)
{
    assert_int_equal(got == NULL, expected == NULL);
    assert_int_equal(got_length, expected_length);
    if (expected && expected_length) {
        assert_memory_equal(got, expected, expected_length);
    }
}

static void values_are_stored_and_read_unchanged(void **state)
{
    struct test *test = *state;
    enum { LARGE = 300 * 1000, WHOLE = LARGE + 1 };
    char *large = arena_alloc(test->arena, WHOLE);
    memset(large, 'x', LARGE);
    const struct values cases[] = {
        {.integer = 0, .text = "", .bytes = "", .length = 0},
        {.integer = INT64_MIN, .text = "Привет, 'мир'; --", .bytes = "\0\1\xff\0", .length = 4},
        {.integer = INT64_MAX, .text = NULL, .bytes = NULL, .length = 0},
        {.integer = -1, .text = large, .bytes = large, .length = LARGE},
        {.integer = 1, .text = "$1 ?1 \\ \" \n\t", .bytes = "\\x41", .length = 4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct values values = cases[i];
        values.arena = test->arena;
        values.id = (int64_t)i;
        must_succeed(store_write(test->store, test->arena, write_values, &values));
        must_succeed(store_group_commit(test->store, test->arena));
        bool row = false;
        size_t length = 0;
        struct store_query *query =
            store_compose(test->store, test->arena,
                          "SELECT integer, text, bytes, pair_b FROM items WHERE id = $1");
        store_bind_integer(query, values.id);
        must_succeed(store_next(query, &row));
        assert_true(row);
        assert_int_equal(store_integer(query, 0), values.integer);
        const char *text = store_text(query, 1, &length);
        assert_same_bytes(text, length, values.text, values.text ? strlen(values.text) : 0);
        if (text) {
            assert_int_equal(text[length], '\0');
        }
        const char *bytes = store_bytes(query, 2, &length);
        assert_same_bytes(bytes, length, values.bytes, values.length);
        assert_int_equal(store_is_null(query, 1), !values.text);
        assert_int_equal(store_is_null(query, 2), !values.bytes);
        assert_true(store_is_null(query, 3));
        assert_int_equal(store_integer(query, 3), 0);
        must_succeed(store_next(query, &row));
        assert_false(row);
    }
}

static void null_can_be_bound_to_any_type(void **state)
{
    struct test *test = *state;
    bool row = false;
    struct store_query *query = store_compose(test->store, test->arena,
                                              "SELECT count(*) FROM items WHERE id = $1 AND "
                                              "text = $2 AND bytes = $3");
    store_bind_null(query);
    store_bind_text(query, NULL);
    store_bind_bytes(query, NULL, 0);
    must_succeed(store_next(query, &row));
    assert_int_equal(store_integer(query, 0), 0);
}

static void fractional_number_is_not_read_as_an_integer(void **state)
{
    struct test *test = *state;
    int64_t integer = 0;
    must_succeed(insert_and_commit(test->store, test->arena, 1));
    must_succeed(change_and_commit(test, "UPDATE items SET amount = 1.5 WHERE id = $1", 1, NULL));
    assert_error(read_integer(test->store, test->arena, "SELECT amount FROM items", &integer),
                 ERR_INTERNAL);
}

static void changed_rows_are_counted(void **state)
{
    struct test *test = *state;
    static const struct {
        const char *text;
        int64_t integer, changes;
    } cases[] = {
        {"INSERT INTO items (id) SELECT 1 UNION SELECT 2 UNION SELECT $1", 3, 3},
        {"UPDATE items SET integer = 7 WHERE id >= $1", 2, 2},
        {"UPDATE items SET integer = 7 WHERE id > $1", 3, 0},
        {"INSERT INTO items (id) VALUES ($1) ON CONFLICT DO NOTHING", 1, 0},
        {"INSERT INTO items (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET integer = 8", 1, 1},
        {"INSERT INTO items (id) VALUES ($1) RETURNING id, text", 9, 1},
        {"DELETE FROM items WHERE id > $1", 0, 4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct change change = {
            .arena = test->arena, .text = cases[i].text, .integer = cases[i].integer};
        must_succeed(store_write(test->store, test->arena, run_change, &change));
        assert_int_equal(change.changes, cases[i].changes);
    }
    must_succeed(store_group_commit(test->store, test->arena));
}

/* --- queries ---------------------------------------------------------------------------------- */

static void insert_many(const struct test *test, int64_t count)
{
    for (int64_t id = 1; id <= count; id++) {
        must_succeed(insert_item_row(test->store, test->arena, id));
    }
    must_succeed(store_group_commit(test->store, test->arena));
}

/* Counts all pairs of rows: the inner query is the same statement as the outer one. */
static void statement_can_run_while_the_same_statement_returns_rows(void **state)
{
    struct test *test = *state;
    static const char text[] = "SELECT id FROM items ORDER BY id";
    int64_t pairs = 0;
    bool outer_row = false, inner_row = false;
    insert_many(test, 5);
    struct store_query *outer = store_compose(test->store, test->arena, text);
    while (!store_next(outer, &outer_row) && outer_row) {
        struct store_query *inner = store_compose(test->store, test->arena, text);
        while (!store_next(inner, &inner_row) && inner_row) {
            pairs += store_integer(inner, 0) <= 5 && store_integer(outer, 0) <= 5;
        }
    }
    assert_int_equal(pairs, 25);
}

static void unfinished_query_ends_with_its_arena(void **state)
{
    struct test *test = *state;
    insert_many(test, 3);
    for (int i = 0; i < 2 * COMPOSED_COUNT; i++) {
        struct arena *arena = arena_new();
        bool row = false;
        struct store_query *query =
            store_compose(test->store, arena, arena_format(arena, "SELECT id, %d FROM items", i));
        must_succeed(store_next(query, &row));
        assert_true(row);
        (void)store_compose(test->store, arena, "SELECT 1"); /* the query was not started */
        arena_free(&arena);
    }
    assert_null(test->store->queries);
}

static void ended_query_returns_no_more_rows(void **state)
{
    struct test *test = *state;
    bool row = true;
    struct store_query *query = store_compose(test->store, test->arena, "SELECT 1");
    must_succeed(store_execute(query));
    must_succeed(store_next(query, &row));
    assert_false(row);
}

static void freeing_a_store_ends_its_queries(void **state)
{
    struct test *test = *state;
    bool row = false;
    struct store *store = store_new(&store_config, NULL);
    must_succeed(store_next(store_compose(store, test->arena, "SELECT 1"), &row));
    store_free(&store);
    assert_null(store);
    store_free(&store);
}

/* --- violations ------------------------------------------------------------------------------- */

static void error_of_a_violation_names_the_constraint(void **state)
{
    struct test *test = *state;
    static const struct {
        const char *text;
        int64_t integer;
        const char *string;
        enum error_id id;
        const char *constraint;
    } cases[] = {
        {"INSERT INTO items (id, name) VALUES ($1, $2)", 2, "a", ERR_CONSTRAINT_UNIQUE,
         "items_name"},
        {"INSERT INTO items (id, pair_a, pair_b) VALUES ($1, $2, 1)", 2, "p", ERR_CONSTRAINT_UNIQUE,
         "items_pair_a_pair_b"},
        {"INSERT INTO items (id, integer, text) VALUES ($1, 1, $2)", 1, "b", ERR_CONSTRAINT_UNIQUE,
         "items_pkey"},
        {"INSERT INTO children (id, item_id) VALUES ($1, 77)", 1, NULL, ERR_CONSTRAINT_REFERENCE,
         "children_item_id_fkey"},
        {"INSERT INTO children (id, item_id) VALUES ($1, 77) RETURNING id", 1, NULL,
         ERR_CONSTRAINT_REFERENCE, "children_item_id_fkey"},
        {"DELETE FROM items WHERE id = $1", 1, NULL, ERR_CONSTRAINT_REFERENCE,
         "children_item_id_fkey"},
        {"DELETE FROM items WHERE id = $1", 10, NULL, ERR_CONSTRAINT_REFERENCE,
         "children_other_id_fkey"},
    };
    must_succeed(change_and_commit(
        test, "INSERT INTO items (id, name, pair_a, pair_b) VALUES ($1, $2, 'p', 1)", 1, "a"));
    must_succeed(insert_and_commit(test->store, test->arena, 10));
    must_succeed(
        change_and_commit(test, "INSERT INTO children (id, item_id) VALUES ($1, 1)", 5, NULL));
    must_succeed(
        change_and_commit(test, "INSERT INTO children (id, other_id) VALUES ($1, 10)", 6, NULL));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct error *error =
            change_and_commit(test, cases[i].text, cases[i].integer, cases[i].string);
        assert_error(error, cases[i].id);
        if (!store_is_violation(error, cases[i].constraint)) {
            FAIL("%s: %s", cases[i].text, error->cause);
        }
        assert_false(store_is_violation(error, "items_other"));
    }
    assert_false(
        store_is_violation(error_new(test->arena, ERR_INTERNAL, "items_name"), "items_name"));
}

/* --- writes ----------------------------------------------------------------------------------- */

static void failed_write_is_rolled_back_without_the_others(void **state)
{
    struct test *test = *state;
    struct change failing = {.arena = test->arena,
                             .text = insert_item,
                             .integer = 2,
                             .then = error_new(test->arena, ERR_CONFLICT, NULL)};
    must_succeed(insert_item_row(test->store, test->arena, 1));
    assert_error(store_write(test->store, test->arena, run_change, &failing), ERR_CONFLICT);
    assert_error(insert_item_row(test->store, test->arena, 1), ERR_CONSTRAINT_UNIQUE);
    must_succeed(insert_item_row(test->store, test->arena, 3));
    must_succeed(store_group_commit(test->store, test->arena));
    int64_t sum = 0;
    must_succeed(
        read_integer(test->other, test->arena, "SELECT CAST(sum(id) AS BIGINT) FROM items", &sum));
    assert_int_equal(sum, 4);
    assert_int_equal(failing.runs, 1);
}

/* Runs a query that fails, ignores the error, and continues with the write. */
static struct error *ignore_failure(struct store *store, void *context)
{
    struct arena *arena = context;
    struct store_query *query = store_compose(store, arena, insert_item);
    store_bind_integer(query, 1);
    assert_null(store_execute(query));
    query = store_compose(store, arena, insert_item);
    store_bind_integer(query, 1);
    assert_error(store_execute(query), ERR_CONSTRAINT_UNIQUE);
    query = store_compose(store, arena, insert_item);
    store_bind_integer(query, 2);
    assert_error(store_execute(query), ERR_CONSTRAINT_UNIQUE);
    return NULL;
}

static void failed_query_fails_the_whole_write(void **state)
{
    struct test *test = *state;
    const struct error *error = store_write(test->store, test->arena, ignore_failure, test->arena);
    assert_error(error, ERR_CONSTRAINT_UNIQUE);
    assert_true(store_is_violation(error, "items_pkey"));
    must_succeed(store_group_commit(test->store, test->arena));
    assert_int_equal(count_items(test->store, test->arena), 0);
}

static struct error *check_visibility(struct store *store, void *context)
{
    struct test *test = context;
    struct store_query *query = store_compose(store, test->arena, insert_item);
    store_bind_integer(query, 1);
    struct error *error = store_execute(query);
    assert_int_equal(count_items(store, test->arena), 1);
    assert_int_equal(count_items(test->other, test->arena), 0);
    return error;
}

static void writes_are_visible_to_others_only_after_commit(void **state)
{
    struct test *test = *state;
    must_succeed(store_write(test->store, test->arena, check_visibility, test));
    must_succeed(store_group_commit(test->store, test->arena));
    assert_int_equal(count_items(test->store, test->arena), 1);
    assert_int_equal(count_items(test->other, test->arena), 1);
}

/* Starts a query, reads only some of its rows, and leaves it open. */
static struct error *leave_query_open(struct store *store, void *context)
{
    struct arena *arena = context;
    bool row = false;
    must_succeed(store_next(store_compose(store, arena, "SELECT id FROM items ORDER BY id"), &row));
    assert_true(row);
    struct store_query *query = store_compose(store, arena,
                                              "INSERT INTO items (id) SELECT 100 + id FROM items "
                                              "RETURNING id");
    must_succeed(store_next(query, &row));
    assert_int_equal(store_changes(query), 3);
    return NULL;
}

/* Request A writes, and its reply is delayed until the commit. Request B writes a row that violates
 * a deferred constraint, and commits at once. */
static void delayed_reply_reports_the_outcome_of_its_transaction(void **state)
{
    struct test *test = *state;
    must_script(test->store, test->arena,
                "CREATE TABLE late (item BIGINT REFERENCES items (id) "
                "DEFERRABLE INITIALLY DEFERRED)");
    must_succeed(insert_item_row(test->store, test->arena, 1));
    uint64_t waits = store_pending_transaction(test->store);
    struct error *refusal = change_and_commit(test, "INSERT INTO late VALUES ($1)", 99, NULL);
    struct error *ending = store_group_commit(test->store, test->arena);
    assert_error(refusal ? refusal : ending, ERR_CONSTRAINT_REFERENCE);
    assert_int_equal(store_pending_transaction(test->store), 0);
    uint64_t lost = 0;
    const struct error *error = store_group_end(test->store, test->arena, &lost);
    bool told_failure = error && waits == lost;
    assert_int_equal(count_items(test->store, test->arena), told_failure ? 0 : 1);
    must_succeed(insert_and_commit(test->store, test->arena, 2));
    must_script(test->store, test->arena, "DROP TABLE late");
}

static void queries_started_in_a_write_end_with_that_write(void **state)
{
    struct test *test = *state;
    insert_many(test, 3);
    must_succeed(store_write(test->store, test->arena, leave_query_open, test->arena));
    assert_null(test->store->queries);
    must_succeed(store_group_commit(test->store, test->arena));
    assert_int_equal(count_items(test->other, test->arena), 6);
}

/* --- misuse ----------------------------------------------------------------------------------- */

/* Parameters are counted when a statement is composed; executing it only compares the numbers. */
static void parameters_are_counted_once_per_statement(void **state)
{
    struct test *test = *state;
    bool row = false;
    struct store_query *queries[2];
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        queries[i] = store_compose(test->store, test->arena, "SELECT 7 WHERE 1 = $1");
        store_bind_integer(queries[i], 1);
    }
    must_succeed(store_execute(queries[0]));
    char *text = test->store->composed[queries[1]->slot - SQL_COUNT].text;
    memset(text, ' ', strlen(text)); /* already prepared, so the text is no longer needed */
    must_succeed(store_next(queries[1], &row));
    assert_true(row);
    assert_int_equal(store_integer(queries[1], 0), 7);
}

static void run_misuse(struct store *store, struct arena *arena, int which)
{
    bool row = false;
    struct error *error = NULL;
    struct change change = {.arena = arena, .text = insert_item, .integer = 1};
    struct store_query *query = store_compose(store, arena, "SELECT 1, 'text'");
    if (store_next(query, &row)) {
        return;
    }
    switch (which) {
    case 0:
        (void)store_text(query, 0, NULL);
        break;
    case 1:
        (void)store_integer(query, 1);
        break;
    case 2:
        (void)store_integer(query, 2);
        break;
    case 3: /* a change outside of store_write() */
        error = run_change(store, &change);
        break;
    case 4: /* too many parameters */
        change.string = "x";
        error = store_write(store, arena, run_change, &change);
        break;
    case 5: /* too few parameters */
        error = store_execute(store_compose(store, arena, "SELECT 1 WHERE 1 = $1"));
        break;
    case 6: /* no more rows */
        error = store_execute(query);
        (void)store_integer(query, 0);
        break;
    default:
        break;
    }
    (void)error; /* never reached: each misuse aborts */
}

static void misuse_store(void *which)
{
    run_misuse(store_new(&store_config, NULL), arena_new(), *(const int *)which);
}

static struct error *write_again(struct store *store, void *context)
{
    return insert_item_row(store, context, 1);
}

static void nest_writes(void *nothing)
{
    (void)nothing;
    struct arena *arena = arena_new();
    struct error *error = store_write(store_new(&store_config, NULL), arena, write_again, arena);
    (void)error;
}

static void invalid_use_of_the_store_aborts_the_process(void **state)
{
    (void)state;
    for (int which = 0; which < 7; which++) {
        assert_aborts(misuse_store, &which);
    }
    assert_aborts(nest_writes, NULL);
}

/* --- both engines ---------------------------------------------------------------------------- */

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(every_sql_statement_can_be_prepared),
        STORE_TEST(generated_columns_and_parameters_match_the_engine),
        STORE_TEST(unwanted_columns_of_a_statement_are_null),
        STORE_TEST(invalid_statement_is_an_internal_error),
        STORE_TEST(composed_statements_are_cached_and_evicted),
        STORE_TEST(parameters_are_counted_once_per_statement),
        STORE_TEST(values_are_stored_and_read_unchanged),
        STORE_TEST(null_can_be_bound_to_any_type),
        STORE_TEST(fractional_number_is_not_read_as_an_integer),
        STORE_TEST(changed_rows_are_counted),
        STORE_TEST(statement_can_run_while_the_same_statement_returns_rows),
        STORE_TEST(unfinished_query_ends_with_its_arena),
        STORE_TEST(ended_query_returns_no_more_rows),
        STORE_TEST(freeing_a_store_ends_its_queries),
        STORE_TEST(error_of_a_violation_names_the_constraint),
        STORE_TEST(failed_write_is_rolled_back_without_the_others),
        STORE_TEST(failed_query_fails_the_whole_write),
        STORE_TEST(writes_are_visible_to_others_only_after_commit),
        STORE_TEST(delayed_reply_reports_the_outcome_of_its_transaction),
        STORE_TEST(queries_started_in_a_write_end_with_that_write),
        STORE_TEST(invalid_use_of_the_store_aborts_the_process),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "store on SQLite", "store on PostgreSQL");
}
