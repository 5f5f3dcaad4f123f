/*
 * Lists, searches and analytics over many rows, on both engines: every sort order and filter uses
 * an index, and pages are complete.
 *
 * The tests call the route handlers, record the statements that these send to the database, and
 * check the query plan of each.
 */
#include "unit.h"

#include "postgres.h"
#include "stores.h"

#include "auth/principal.h"
#include "base/fold.h"
#include "base/log.h"
#include "base/random.h"
#include "http/fields.h"
#include "resources/resources.h"
#include "rest/counters.h"
#include "rest/records.h"
#include "store/migrations.h"

/* Returns the description of a route of records; NULL for other routes. */
static const struct records *records_of(const struct route *route)
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
    " search_text, created_at, updated_at, deleted_at)" NUMBERS
    "SELECT i, o, 'Name ' || ((i * 7919) % 20011),"
    " (i / 4) || '@example.com', (i / 4) || '@example.com', 1 + i % 50,"
    " '  общее  имя  ' || ((i * 7919) % 20011)"
    " || CASE WHEN i % 4000 = 1 THEN '  редкое' ELSE '' END, " TIME ", 0, " DELETED " FROM n;";

static const char deals[] =
    "INSERT INTO deals (id, organization_id, title, amount, status, outcome, contact_id, owner_id,"
    " expected_close_date, created_at, updated_at, deleted_at)" NUMBERS
    "SELECT i, o, 'Deal', (i * 31) % 9973,"
    " CASE i % 4 WHEN 0 THEN 'NEW' WHEN 1 THEN 'IN_PROGRESS' WHEN 2 THEN 'WON' ELSE 'CLOSED' END,"
    " CASE WHEN i % 4 > 1 THEN 'WON' END, 1 + (i * 31) % 199, 1 + i % 50,"
    " CASE WHEN i % 3 > 0 THEN '2026-' || (10 + i % 3) || '-' || (10 + i % 20) END, " TIME
    ", 0, " DELETED " FROM n;";

static const char tasks[] =
    "INSERT INTO tasks (id, organization_id, title, status, overdue_from, assignee_id, contact_id,"
    " deal_id, creator_id, created_at, updated_at, deleted_at)" NUMBERS
    "SELECT i, o, 'Task', CASE i % 3 WHEN 0 THEN 'TODO' WHEN 1 THEN 'IN_PROGRESS' ELSE 'DONE' END,"
    " CASE WHEN i % 3 > 0 THEN " TIME " END, 1 + i % 50, 1 + (i * 31) % 199,"
    " CASE WHEN i % 2 = 0 THEN 1 + (i * 37) % 199 END, 1, " TIME ", 0, " DELETED " FROM n;";

static const char activities[] =
    "INSERT INTO activities (id, organization_id, type, subject, contact_id, deal_id, author_id,"
    " occurred_at, automatic, created_at, updated_at, deleted_at)" NUMBERS
    "SELECT i, o, CASE i % 4 WHEN 0 THEN 'CALL' WHEN 1 THEN 'EMAIL' WHEN 2 THEN 'MEETING'"
    " ELSE 'NOTE' END, 'Subject', 1 + (i * 31) % 199, 1 + (i * 37) % 199, 1 + i % 50, " TIME
    ", 0, " TIME ", 0, " DELETED " FROM n;";

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

static struct error *record_statement(struct store_query *query)
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

static int setup_lists(void **state)
{
    struct lists_test *test = base_alloc(sizeof *test);
    *test = (struct lists_test){.arena = arena_new(), .store = store_new(&config, NULL)};
    real_engine = test->store->engine;
    recording_engine = *real_engine;
    recording_engine.begin = record_statement;
    test->store->engine = &recording_engine;
    *state = test;
    return 0;
}

static int teardown_lists(void **state)
{
    struct lists_test *test = *state;
    test->store->engine = real_engine;
    arena_free(&test->arena);
    store_free(&test->store);
    free(test);
    return 0;
}

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, setup_lists, teardown_lists)

static bool on_sqlite(const struct lists_test *test)
{
    return test->store->id == ENGINE_SQLITE;
}

/* Returns the reply to a GET request with that query. */
static struct reply get_list(const struct lists_test *test, const struct route *route,
                             const char *query)
{
    struct app app = {.config = &config, .store = test->store};
    struct principal principal = {.kind = PRINCIPAL_ACCOUNT,
                                  .account_id = ACCOUNT,
                                  .organization_id = ORGANIZATION,
                                  .role = ROLE_OWNER};
    struct request request = {
        .arena = test->arena, .app = &app, .route = route, .principal = &principal};
    struct reply reply = {0};
    must_succeed(fields_read_query(test->arena, route->query, query, &request.query));
    statement_count = 0;
    is_recording = true;
    struct error *error = route->handler(&request, &reply);
    is_recording = false;
    must_succeed(error);
    assert_true(statement_count > 0);
    return reply;
}

/* --- query plans ------------------------------------------------------------------------------ */

static const char *join_rows(struct store_query *query, struct arena *arena, size_t column)
{
    struct buffer text = {.arena = arena};
    bool row;
    buffer_add(&text, "", 0);
    for (must_succeed(store_next(query, &row)); row; must_succeed(store_next(query, &row))) {
        buffer_format(&text, "%s\n", store_text(query, column, NULL));
    }
    return text.bytes;
}

static const char *explain_on_sqlite(const struct lists_test *test,
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
static const char *format_execution(const struct lists_test *test,
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
static const char *explain_on_postgres(const struct lists_test *test,
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

static const char *explain(const struct lists_test *test, const struct statement *statement)
{
    return on_sqlite(test) ? explain_on_sqlite(test, statement)
                           : explain_on_postgres(test, statement);
}

/* True if the plan scans a whole table or a whole index. */
static bool scans_all_rows(const struct lists_test *test, const char *plan)
{
    static const char no_table[] = "SCAN CONSTANT ROW";
    if (!on_sqlite(test)) {
        return strstr(plan, "Seq Scan");
    }
    for (plan = strstr(plan, "SCAN"); plan; plan = strstr(plan + 1, "SCAN")) {
        if (strncmp(plan, no_table, sizeof no_table - 1) != 0) {
            return true;
        }
    }
    return false;
}

static bool sorts_rows(const struct lists_test *test, const char *plan)
{
    return strstr(plan, on_sqlite(test) ? "TEMP B-TREE" : "Sort");
}

/* Prints and counts a bad plan, so that one run reports all of them. */
static void expect_plan(struct lists_test *test, bool good, const char *what, const char *text,
                        const char *plan)
{
    if (!good) {
        print_error("%s:\n%s\n%s\n", what, text, plan);
        test->bad++;
    }
}

/* Checks the plan of the last statement of a list, which reads the rows of the page. `needed` is
 * a part of SQLite's plan that shows how it uses the index; PostgreSQL may choose a better plan
 * by its statistics. */
static void check_page(struct lists_test *test, const struct route *route, const char *query,
                       const char *needed)
{
    const struct statement *statement = &statements[statement_count - 1];
    const char *plan = explain(test, statement);
    bool good = !scans_all_rows(test, plan) && !sorts_rows(test, plan) &&
                (!on_sqlite(test) || strstr(plan, needed));
    expect_plan(test, good, arena_format(test->arena, "%s?%s", route->pattern, query),
                statement->text, plan);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Calls `work` for every list of records. */
static void for_each_list(struct lists_test *test,
                          void (*work)(struct lists_test *test, const struct route *route))
{
    size_t lists = 0;
    for (const struct resource *resource = resources; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            if (records_of(route) && route->shape == REPLY_PAGE) {
                work(test, route);
                lists++;
            }
        }
    }
    assert_int_equal(lists, 4);
    assert_int_equal(test->bad, 0);
}

/* Checks the first page of a sort order, and the page after its cursor. */
static void check_order(struct lists_test *test, const struct route *route, const char *query)
{
    struct reply reply = get_list(test, route, query);
    assert_int_equal(reply.items_count, reply.limit);
    check_page(test, route, query, "(organization_id=?)");
    assert_non_null(reply.next);
    const char *next = arena_format(test->arena, "%s&after=%s", query,
                                    request_encode_segment(test->arena, reply.next));
    reply = get_list(test, route, next);
    assert_int_equal(reply.items_count, reply.limit);
    check_page(test, route, next, strstr(query, "sort=-") ? "id<?" : "id>?");
}

static void check_orders(struct lists_test *test, const struct route *route)
{
    check_order(test, route, "limit=100");
    for (const struct list_key *key = records_of(route)->list->keys; key->name; key++) {
        if (key->uses & LIST_SORT) {
            check_order(test, route, arena_format(test->arena, "limit=100&sort=%s", key->name));
            check_order(test, route, arena_format(test->arena, "limit=100&sort=-%s", key->name));
        }
    }
}

static void every_sort_order_uses_an_index(void **state)
{
    for_each_list(*state, check_orders);
}

/* Returns a filter value that matches some rows. */
static const char *filter_of(const struct lists_test *test, const struct route *route,
                             const char *name)
{
    size_t at = 0;
    while (strcmp(route->query[at].name, name) != 0) {
        at++;
    }
    const struct field *field = &route->query[at];
    return field->choices                ? field->choices[0]
           : field->type != FIELD_STRING ? "32"
                                         : arena_string(test->arena, "32@example.com");
}

static void check_filters(struct lists_test *test, const struct route *route)
{
    for (const struct list_key *key = records_of(route)->list->keys; key->name; key++) {
        if (key->uses & LIST_FILTER) {
            const char *query = arena_format(test->arena, "limit=5&%s=%s", key->name,
                                             filter_of(test, route, key->name));
            struct reply reply = get_list(test, route, query);
            assert_true(reply.items_count > 0);
            const char *needed = arena_format(test->arena, "%s=?", strchr(key->column, '.') + 1);
            check_page(test, route, query, needed);
            if (reply.next) {
                query = arena_format(test->arena, "%s&after=%s", query,
                                     request_encode_segment(test->arena, reply.next));
                get_list(test, route, query);
                check_page(test, route, query, needed);
            }
        }
    }
}

static void every_filter_uses_an_index(void **state)
{
    for_each_list(*state, check_filters);
}

/* --- searches --------------------------------------------------------------------------------- */

/* The plan must find the word first and then its contacts; the reverse would check every
 * contact. */
static void check_word_found_first(struct lists_test *test, const char *query)
{
    for (size_t i = 0; i < statement_count; i++) {
        const char *plan = explain(test, &statements[i]);
        bool good = on_sqlite(test)
                        ? strstr(plan, "SCAN contacts_search VIRTUAL TABLE INDEX") &&
                              strstr(plan, "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)") &&
                              !sorts_rows(test, plan)
                        : strstr(plan, "Bitmap Index Scan on contacts_search") != NULL;
        expect_plan(test, good, query, statements[i].text, plan);
    }
}

static void check_search(struct lists_test *test, const char *words, int64_t found)
{
    const char *query =
        arena_format(test->arena, "limit=4&search=%s", request_encode_segment(test->arena, words));
    struct reply reply = get_list(test, contacts_routes, query);
    assert_int_equal(contacts_routes->shape, REPLY_PAGE);
    assert_int_equal(reply.total, found);
    check_word_found_first(test, query);
    query = arena_format(test->arena, "%s&after=%s", query,
                         request_encode_segment(test->arena, reply.next));
    get_list(test, contacts_routes, query);
    check_word_found_first(test, query);
}

static void searches_start_from_the_word_index(void **state)
{
    struct lists_test *test = *state;
    check_search(test, "РЕДКОЕ", 5);
    check_search(test, "Имя редк", 5);
    assert_int_equal(test->bad, 0);
}

/* The index would match nearly all contacts. They are counted only up to a limit, and read in
 * the requested order. */
static void check_common_word(struct lists_test *test, const char *query, int64_t total)
{
    struct reply reply = get_list(test, contacts_routes, query);
    assert_int_equal(reply.total, total);
    assert_true(reply.total_is_minimum);
    assert_int_equal(reply.items_count, reply.limit);
    check_page(test, contacts_routes, query, "(organization_id=?)");
    query = arena_format(test->arena, "%s&after=%s", query,
                         request_encode_segment(test->arena, reply.next));
    reply = get_list(test, contacts_routes, query);
    assert_int_equal(reply.items_count, reply.limit);
    check_page(test, contacts_routes, query, strstr(query, "sort=-") ? "id<?" : "id>?");
}

static void searches_for_common_words_use_the_index_of_the_order(void **state)
{
    struct lists_test *test = *state;
    const char *common =
        arena_format(test->arena, "search=%s", request_encode_segment(test->arena, "им общее"));
    if (on_sqlite(test)) { /* SQLite's index returns rows in the order of their ids */
        check_search(test, "им общее", LIST_FOUND_COUNTED);
    } else {
        check_common_word(test, arena_format(test->arena, "%s&limit=4", common),
                          LIST_FOUND_COUNTED);
    }
    for (const struct list_key *key = records_of(contacts_routes)->list->keys; key->name; key++) {
        if (key->uses & LIST_SORT) {
            const char *query =
                arena_format(test->arena, "%s&limit=200&sort=%s", common, key->name);
            check_common_word(test, query, (int64_t)200 * LIST_FOUND_PAGES);
            query = arena_format(test->arena, "%s&limit=200&sort=-%s", common, key->name);
            check_common_word(test, query, (int64_t)200 * LIST_FOUND_PAGES);
        }
    }
    assert_int_equal(test->bad, 0);
}

/* --- analytics -------------------------------------------------------------------------------- */

static void check_figures(struct lists_test *test, const struct route *route, const char *query)
{
    bool counted = strchr(query, '=') != NULL; /* counted from rows, not read from counters */
    get_list(test, route, query);
    for (size_t i = 0; i < statement_count; i++) {
        const char *plan = explain(test, &statements[i]);
        bool good = !scans_all_rows(test, plan) &&
                    (!on_sqlite(test) || !counted || strstr(plan, "COVERING INDEX")) &&
                    (!on_sqlite(test) || !strstr(query, "owner_id") || strstr(plan, "_id=? AND "));
        expect_plan(test, good, arena_format(test->arena, "%s?%s", route->pattern, query),
                    statements[i].text, plan);
    }
}

static void analytics_use_indexes_only(void **state)
{
    struct lists_test *test = *state;
    for (const struct route *route = analytics_routes; route->pattern; route++) {
        check_figures(test, route, "");
        check_figures(test, route, "from=2024-01-01&to=2024-01-31");
        check_figures(test, route, "from=2026-02-01");
        check_figures(test, route, "to=2023-11-30");
        check_figures(test, route, "owner_id=32");
        check_figures(test, route, "owner_id=32&from=2024-01-01T00:00:00Z&to=2024-12-31");
    }
    assert_int_equal(test->bad, 0);
}

/* --- pages ------------------------------------------------------------------------------------ */

/* Follows the cursors to the end: each row appears once, and each page equals the page selected
 * by ?skip=. */
static void follow_cursors(const struct lists_test *test, const struct route *route,
                           const char *query)
{
    bool *met = arena_array(test->arena, ID_MAX + 1, sizeof *met);
    const char *after = "";
    int64_t rows = 0, total;
    do {
        struct reply skipped = get_list(
            test, route, arena_format(test->arena, "%s&skip=%lld", query, (long long)rows));
        struct reply page = get_list(test, route, arena_format(test->arena, "%s%s", query, after));
        assert_int_equal(page.items_count, skipped.items_count);
        for (size_t i = 0; i < page.items_count; i++) {
            int64_t id = page.items[i][0].integer;
            assert_int_equal(id, skipped.items[i][0].integer);
            assert_false(met[id]);
            met[id] = true;
        }
        rows += (int64_t)page.items_count;
        total = skipped.total;
        after = page.next ? arena_format(test->arena, "&after=%s",
                                         request_encode_segment(test->arena, page.next))
                          : NULL;
    } while (after);
    assert_int_equal(rows, total);
}

static void cursors_return_every_row_once(void **state)
{
    follow_cursors(*state, contacts_routes, "limit=20&search=199");
    follow_cursors(*state, contacts_routes, "limit=20&search=199&sort=-name");
    follow_cursors(*state, contacts_routes, "limit=1000&sort=-name");
    follow_cursors(*state, deals_routes, "limit=1000&sort=expected_close_date");
    follow_cursors(*state, deals_routes, "limit=1000&sort=-expected_close_date");
    follow_cursors(*state, deals_routes, "limit=1000&sort=expected_close_date,-amount,created_at");
    follow_cursors(*state, tasks_routes, "limit=1000&sort=-due_date,-created_at");
    follow_cursors(*state, activities_routes, "limit=1000&sort=-occurred_at,id");
}

/* --- order of missing values, and counters ---------------------------------------------------- */

static bool first_is_dated(const struct lists_test *test, const char *sort)
{
    struct reply reply =
        get_list(test, deals_routes, arena_format(test->arena, "limit=1&sort=%s", sort));
    struct value *date =
        fields_get(deals_routes->reply->fields, reply.items[0], "expected_close_date");
    return date->state == VALUE_SET;
}

static void missing_dates_sort_after_all_others(void **state)
{
    assert_true(first_is_dated(*state, "expected_close_date"));
    assert_false(first_is_dated(*state, "-expected_close_date"));
}

static const char *const some_counters[] = {"some", "some.NEW", "some.WON", "some.pipeline", NULL};

static struct error *change_counters(struct store *store, void *context)
{
    struct counter_deltas before = {.count = 0}, after = {.count = 0};
    for (size_t i = 0; some_counters[i]; i++) {
        counter_deltas_add(&after, some_counters[i], (int64_t)i + 1);
    }
    return counters_update(store, context, ORGANIZATION, &before, &after);
}

/* The statement selects the range between the least and the greatest of the names. */
static void counters_are_read_by_name(void **state)
{
    struct lists_test *test = *state;
    int64_t before[COUNT_OF(some_counters)], values[COUNT_OF(some_counters)];
    must_succeed(counters_values(test->store, test->arena, ORGANIZATION, some_counters, before));
    must_succeed(store_write(test->store, test->arena, change_counters, test->arena));
    must_succeed(store_group_commit(test->store, test->arena));
    must_succeed(counters_values(test->store, test->arena, ORGANIZATION, some_counters, values));
    for (int64_t i = 0; some_counters[i]; i++) {
        assert_int_equal(values[i], before[i] + i + 1);
    }
}

/* --- both engines ----------------------------------------------------------------------------- */

/* Updates the search index as the API does after creating contacts. */
static struct error *index_contacts(struct store *store, void *context)
{
    (void)context;
    store_defer(store, SQL_CONTACTS_INDEX);
    store_defer(store, SQL_CONTACTS_INDEXED);
    return NULL;
}

/* Sets the sort keys of the contacts, which SQL cannot compute. */
static struct error *set_sort_keys(struct store *store, void *context)
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

static bool create_rows(void)
{
    const char *const scripts[] = {accounts, contacts, deals, tasks, activities, counters};
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
static void analyze_tables(void)
{
    struct arena *arena = arena_new();
    struct store *store = store_new(&config, NULL);
    must_script(store, arena, "ANALYZE;");
    arena_free(&arena);
    store_free(&store);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        LISTS_TEST(every_sort_order_uses_an_index),
        LISTS_TEST(every_filter_uses_an_index),
        LISTS_TEST(searches_start_from_the_word_index),
        LISTS_TEST(searches_for_common_words_use_the_index_of_the_order),
        LISTS_TEST(analytics_use_indexes_only),
        LISTS_TEST(cursors_return_every_row_once),
        LISTS_TEST(missing_dates_sort_after_all_others),
        LISTS_TEST(counters_are_read_by_name),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

/* Runs a PostgreSQL client program on the database "lists". */
static bool run_program(char *program, char *first, char *second, char *third)
{
    char *arguments[] = {program, "-h",   server.folder, "-U",    "postgres",
                         first,   second, third,         "lists", NULL};
    return postgres_run(&server, arguments);
}

/* Creates a database that sorts texts by a language; no index and no list may depend on that. */
static bool create_database(void)
{
    return run_program("createdb", "--template=template0", "--locale-provider=icu",
                       "--icu-locale=ru-RU");
}

/* Does what autovacuum would do eventually. */
static bool vacuum_database(void)
{
    return run_program("vacuumdb", "--quiet", "--analyze", "--dbname");
}

int main(void)
{
    char folder[PATH_MAX];
    if (!log_open(LOG_LEVEL_ERROR, "") || !enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    struct arena *arena = arena_new();
    config = config_of_url("sqlite:///lists.db");
    int failed = !create_rows();
    failed += run_group("lists on SQLite");
    analyze_tables();
    failed += run_group("lists on SQLite, after ANALYZE");
    config =
        config_of_url(arena_format(arena, "postgresql:///lists?host=%s/pg&user=postgres", folder));
    if (postgres_create(&server, folder) && create_database() && create_rows() &&
        vacuum_database()) {
        failed += run_group("lists on PostgreSQL");
    } else {
        fprintf(stderr, "PostgreSQL: cannot start the server\n");
        failed++;
    }
    postgres_kill(&server);
    arena_free(&arena);
    return leave_temporary(folder, failed);
}
