/*
 * Lists, searches and analytics over many rows, on both engines: they go by an index, whatever is sorted
 * and filtered by, and pages are whole. The handlers of the routes run; what they ask the database is
 * seen on the way, and the engine tells how it would answer.
 */
#include "unit.h"

#include "postgres.h"
#include "stores.h"

#include "auth/principal.h"
#include "base/log.h"
#include "http/fields.h"
#include "resources/resources.h"
#include "rest/counters.h"
#include "rest/records.h"
#include "store/migrations.h"

enum { STATEMENTS_MAX = 16, PLANNED_ANEW = 5 };

/* Who asks. */
enum { ORGANIZATION = 1, ACCOUNT = 7 };

static struct config config;
static struct postgres_server server;

/* --- rows: 20,000 of each kind in one organization, and 500 in another one ---------------------- */

static const char accounts[] =
    "INSERT INTO organizations (id, name, currency, created_at, updated_at)"
    " VALUES (1, 'One', 'RUB', 0, 0), (2, 'Two', 'RUB', 0, 0);"
    "INSERT INTO accounts (id, username, username_key, name, created_at, updated_at)"
    " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)"
    " SELECT i, 'user' || i, 'user' || i, 'User', 0, 0 FROM n;";

/* In what follows: the number of a row and the organization that has it. */
#define NUMBERS                                                                                    \
    " WITH RECURSIVE n (i, o) AS (SELECT 1, 1 UNION ALL SELECT i + 1, CASE WHEN i < 20000 THEN 1"  \
    " ELSE 2 END FROM n WHERE i < 20500) "

/* Times that are not in the order of the ids; one in fifty is hidden. */
#define TIME "1700000000000 + CAST((i * 7919) % 20011 AS BIGINT) * 3600000"
#define DELETED "CASE WHEN i % 50 = 0 THEN 1 END"

static const char contacts[] =
    "INSERT INTO contacts (id, organization_id, name, name_key, email, email_key, owner_id,"
    " search_text, created_at, updated_at, deleted_at)" NUMBERS
    "SELECT i, o, 'Name ' || ((i * 7919) % 20011), 'name ' || ((i * 7919) % 20011),"
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

/* --- what the handlers ask the database ------------------------------------------------------- */

struct statement {
    const char *text;
    const struct cell *parameters;
    size_t count;
};

static struct statement seen[STATEMENTS_MAX];
static size_t seen_count;
static bool seeing;

static const struct engine *real;
static struct engine seer; /* the real one, but for what it begins */

static struct error *see(struct store_query *query)
{
    if (seeing) {
        assert_true(seen_count < STATEMENTS_MAX);
        struct cell *parameters =
            arena_array(query->arena, query->parameter_count, sizeof *parameters);
        for (size_t i = 0; i < query->parameter_count; i++) {
            parameters[i] = query->parameters[i];
        }
        seen[seen_count++] = (struct statement){query->text, parameters, query->parameter_count};
    }
    return real->begin(query);
}

/* --- a test ----------------------------------------------------------------------------------- */

struct lists_test {
    struct arena *arena;
    struct store *store;
    size_t bad; /* plans that are not as they should be: all are told of */
};

static int setup(void **state)
{
    struct lists_test *test = must_alloc(sizeof *test);
    *test = (struct lists_test){.arena = arena_new(), .store = store_new(&config, NULL)};
    real = test->store->engine;
    seer = *real;
    seer.begin = see;
    test->store->engine = &seer;
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct lists_test *test = *state;
    test->store->engine = real;
    arena_free(&test->arena);
    store_free(&test->store);
    free(test);
    return 0;
}

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static bool on_sqlite(const struct lists_test *test)
{
    return test->store->id == ENGINE_SQLITE;
}

/* The answer to a GET with that query. */
static struct reply get(const struct lists_test *test, const struct route *route, const char *query)
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
    seen_count = 0;
    seeing = true;
    struct error *error = route->handler(&request, &reply);
    seeing = false;
    must_succeed(error);
    assert_true(seen_count > 0);
    return reply;
}

/* --- plans ------------------------------------------------------------------------------------ */

static const char *all_rows(struct store_query *query, struct arena *arena, size_t column)
{
    struct buffer text = {.arena = arena};
    bool row;
    buffer_add(&text, "", 0);
    for (must_succeed(store_next(query, &row)); row; must_succeed(store_next(query, &row))) {
        buffer_format(&text, "%s\n", store_text(query, column, NULL));
    }
    return text.bytes;
}

static const char *sqlite_plan(const struct lists_test *test, const struct statement *statement)
{
    enum { DETAIL = 3 };
    struct store_query *query =
        store_compose(test->store, test->arena,
                      arena_format(test->arena, "EXPLAIN QUERY PLAN %s", statement->text));
    for (size_t i = 0; i < statement->count; i++) {
        const struct cell *cell = &statement->parameters[i];
        if (cell->type == CELL_TEXT) {
            store_bind_text(query, cell->bytes);
        } else {
            store_bind_integer(query, cell->integer);
        }
    }
    return all_rows(query, test->arena, DETAIL);
}

/* The statement as EXECUTE has it, with its parameters. */
static const char *execution(const struct lists_test *test, const struct statement *statement)
{
    struct buffer text = {.arena = test->arena};
    buffer_add_string(&text, "EXPLAIN EXECUTE plan (");
    for (size_t i = 0; i < statement->count; i++) {
        const struct cell *cell = &statement->parameters[i];
        buffer_add_string(&text, i ? ", " : "");
        if (cell->type == CELL_TEXT) {
            assert_null(strchr(cell->bytes, '\''));
            buffer_format(&text, "'%s'", cell->bytes);
        } else {
            buffer_format(&text, "%lld", (long long)cell->integer);
        }
    }
    buffer_add_string(&text, ")");
    return text.bytes;
}

/* PostgreSQL plans a prepared statement for the values it has five times, and then decides whether one
 * plan will do for any: both must be right. */
static const char *postgres_plan(const struct lists_test *test, const struct statement *statement)
{
    const char *first = NULL, *last = NULL;
    must_script(test->store, test->arena,
                arena_format(test->arena, "PREPARE plan AS %s", statement->text));
    for (int i = 0; i <= PLANNED_ANEW; i++) {
        last = all_rows(store_compose(test->store, test->arena, execution(test, statement)),
                        test->arena, 0);
        first = first ? first : last;
    }
    must_script(test->store, test->arena, "DEALLOCATE plan");
    return strcmp(first, last) != 0 ? arena_format(test->arena, "%sthen\n%s", first, last) : first;
}

static const char *plan_of(const struct lists_test *test, const struct statement *statement)
{
    return on_sqlite(test) ? sqlite_plan(test, statement) : postgres_plan(test, statement);
}

/* Whether the plan reads a table, or an index of it, from one end to the other. */
static bool reads_all(const struct lists_test *test, const char *plan)
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

static bool sorts(const struct lists_test *test, const char *plan)
{
    return strstr(plan, on_sqlite(test) ? "TEMP B-TREE" : "Sort");
}

/* All are told of, and not the first alone. */
static void expect_plan(struct lists_test *test, bool good, const char *what, const char *text,
                        const char *plan)
{
    if (!good) {
        print_error("%s:\n%s\n%s\n", what, text, plan);
        test->bad++;
    }
}

/* The rows of a page are the last that a list asks for. `needed` is something that SQLite tells of how
 * it uses the index; PostgreSQL may know better ways, by what it knows of the values. */
static void check_page(struct lists_test *test, const struct route *route, const char *query,
                       const char *needed)
{
    const struct statement *statement = &seen[seen_count - 1];
    const char *plan = plan_of(test, statement);
    bool good =
        !reads_all(test, plan) && !sorts(test, plan) && (!on_sqlite(test) || strstr(plan, needed));
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
            if (route->records && route->shape == REPLY_PAGE) {
                work(test, route);
                lists++;
            }
        }
    }
    assert_int_equal(lists, 4);
    assert_int_equal(test->bad, 0);
}

/* The first page of an order, and the one behind its cursor. */
static void check_order(struct lists_test *test, const struct route *route, const char *query)
{
    struct reply reply = get(test, route, query);
    assert_int_equal(reply.items_count, reply.limit);
    check_page(test, route, query, "(organization_id=?)");
    assert_non_null(reply.next);
    const char *next = arena_format(test->arena, "%s&after=%s", query,
                                    request_encode_segment(test->arena, reply.next));
    reply = get(test, route, next);
    assert_int_equal(reply.items_count, reply.limit);
    check_page(test, route, next, strstr(query, "sort=-") ? "id<?" : "id>?");
}

static void check_orders(struct lists_test *test, const struct route *route)
{
    check_order(test, route, "limit=100");
    for (const struct list_key *key = route->records->list->keys; key->name; key++) {
        if (key->uses & LIST_SORT) {
            check_order(test, route, arena_format(test->arena, "limit=100&sort=%s", key->name));
            check_order(test, route, arena_format(test->arena, "limit=100&sort=-%s", key->name));
        }
    }
}

static void every_order_has_its_index(void **state)
{
    for_each_list(*state, check_orders);
}

/* A value of the filter that rows have. */
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
    for (const struct list_key *key = route->records->list->keys; key->name; key++) {
        if (key->uses & LIST_FILTER) {
            const char *query = arena_format(test->arena, "limit=5&%s=%s", key->name,
                                             filter_of(test, route, key->name));
            struct reply reply = get(test, route, query);
            assert_true(reply.items_count > 0);
            const char *needed = arena_format(test->arena, "%s=?", strchr(key->column, '.') + 1);
            check_page(test, route, query, needed);
            if (reply.next) {
                query = arena_format(test->arena, "%s&after=%s", query,
                                     request_encode_segment(test->arena, reply.next));
                get(test, route, query);
                check_page(test, route, query, needed);
            }
        }
    }
}

static void every_filter_has_its_index(void **state)
{
    for_each_list(*state, check_filters);
}

/* --- searches --------------------------------------------------------------------------------- */

/* The word is found first, and then the contact: the other way round each contact would be asked for. */
static void check_found_first(struct lists_test *test, const char *query)
{
    for (size_t i = 0; i < seen_count; i++) {
        const char *plan = plan_of(test, &seen[i]);
        bool good = on_sqlite(test)
                        ? strstr(plan, "SCAN contacts_search VIRTUAL TABLE INDEX") &&
                              strstr(plan, "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)") &&
                              !sorts(test, plan)
                        : strstr(plan, "Bitmap Index Scan on contacts_search") != NULL;
        expect_plan(test, good, query, seen[i].text, plan);
    }
}

static void check_search(struct lists_test *test, const char *words, int64_t found)
{
    const char *query =
        arena_format(test->arena, "limit=4&search=%s", request_encode_segment(test->arena, words));
    struct reply reply = get(test, contacts_routes, query);
    assert_int_equal(contacts_routes->shape, REPLY_PAGE);
    assert_int_equal(reply.total, found);
    check_found_first(test, query);
    query = arena_format(test->arena, "%s&after=%s", query,
                         request_encode_segment(test->arena, reply.next));
    get(test, contacts_routes, query);
    check_found_first(test, query);
}

static void searches_begin_with_the_word(void **state)
{
    struct lists_test *test = *state;
    check_search(test, "РЕДКОЕ", 5);
    check_search(test, "Имя редк", 5);
    assert_int_equal(test->bad, 0);
}

/* The index would lead to nearly all contacts: they are counted as far as that matters, and read in the
 * order that is asked for. */
static void check_common(struct lists_test *test, const char *query, int64_t total)
{
    struct reply reply = get(test, contacts_routes, query);
    assert_int_equal(reply.total, total);
    assert_true(reply.total_is_minimum);
    assert_int_equal(reply.items_count, reply.limit);
    check_page(test, contacts_routes, query, "(organization_id=?)");
    query = arena_format(test->arena, "%s&after=%s", query,
                         request_encode_segment(test->arena, reply.next));
    reply = get(test, contacts_routes, query);
    assert_int_equal(reply.items_count, reply.limit);
    check_page(test, contacts_routes, query, strstr(query, "sort=-") ? "id<?" : "id>?");
}

static void common_words_go_by_the_order(void **state)
{
    struct lists_test *test = *state;
    const char *common =
        arena_format(test->arena, "search=%s", request_encode_segment(test->arena, "им общее"));
    if (on_sqlite(test)) { /* whose index finds in the order of ids */
        check_search(test, "им общее", LIST_FOUND_COUNTED);
    } else {
        check_common(test, arena_format(test->arena, "%s&limit=4", common), LIST_FOUND_COUNTED);
    }
    for (const struct list_key *key = contacts_routes->records->list->keys; key->name; key++) {
        if (key->uses & LIST_SORT) {
            const char *query =
                arena_format(test->arena, "%s&limit=200&sort=%s", common, key->name);
            check_common(test, query, (int64_t)200 * LIST_FOUND_PAGES);
            query = arena_format(test->arena, "%s&limit=200&sort=-%s", common, key->name);
            check_common(test, query, (int64_t)200 * LIST_FOUND_PAGES);
        }
    }
    assert_int_equal(test->bad, 0);
}

/* --- analytics -------------------------------------------------------------------------------- */

static void check_figures(struct lists_test *test, const struct route *route, const char *query)
{
    bool counted = strchr(query, '=') != NULL; /* and not taken from counters */
    get(test, route, query);
    for (size_t i = 0; i < seen_count; i++) {
        const char *plan = plan_of(test, &seen[i]);
        bool good = !reads_all(test, plan) &&
                    (!on_sqlite(test) || !counted || strstr(plan, "COVERING INDEX")) &&
                    (!on_sqlite(test) || !strstr(query, "owner_id") || strstr(plan, "_id=? AND "));
        expect_plan(test, good, arena_format(test->arena, "%s?%s", route->pattern, query),
                    seen[i].text, plan);
    }
}

static void figures_come_from_an_index_alone(void **state)
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

enum { ID_MAX = 20500 };

/* Follows the cursors to the end: each row comes once, and the pages are those that ?skip= gives. */
static void walk(const struct lists_test *test, const struct route *route, const char *query)
{
    bool *met = arena_array(test->arena, ID_MAX + 1, sizeof *met);
    const char *after = "";
    int64_t rows = 0, total;
    do {
        struct reply skipped =
            get(test, route, arena_format(test->arena, "%s&skip=%lld", query, (long long)rows));
        struct reply page = get(test, route, arena_format(test->arena, "%s%s", query, after));
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

static void cursors_lead_to_every_row_once(void **state)
{
    walk(*state, contacts_routes, "limit=20&search=199");
    walk(*state, contacts_routes, "limit=20&search=199&sort=-name");
    walk(*state, contacts_routes, "limit=1000&sort=-name");
    walk(*state, deals_routes, "limit=1000&sort=expected_close_date");
    walk(*state, deals_routes, "limit=1000&sort=-expected_close_date");
    walk(*state, deals_routes, "limit=1000&sort=expected_close_date,-amount,created_at");
    walk(*state, tasks_routes, "limit=1000&sort=-due_date,-created_at");
    walk(*state, activities_routes, "limit=1000&sort=-occurred_at,id");
}

/* --- texts sort by their bytes, in a database of any language --------------------------------- */

static bool first_is_dated(const struct lists_test *test, const char *sort)
{
    struct reply reply =
        get(test, deals_routes, arena_format(test->arena, "limit=1&sort=%s", sort));
    struct value *date =
        fields_get(deals_routes->reply->fields, reply.items[0], "expected_close_date");
    return date->state == VALUE_SET;
}

static void what_is_missing_stands_last(void **state)
{
    assert_true(first_is_dated(*state, "expected_close_date"));
    assert_false(first_is_dated(*state, "-expected_close_date"));
}

static const char *const some_counters[] = {"some", "some.NEW", "some.WON", "some.pipeline", NULL};

static struct error *count_some(struct store *store, void *context)
{
    struct counter_deltas before = {.count = 0}, after = {.count = 0};
    for (size_t i = 0; some_counters[i]; i++) {
        counter_deltas_add(&after, some_counters[i], (int64_t)i + 1);
    }
    return counters_change(store, context, ORGANIZATION, &before, &after);
}

/* They are looked for between the least and the greatest of the names. */
static void counters_are_found_by_their_names(void **state)
{
    struct lists_test *test = *state;
    int64_t before[COUNT_OF(some_counters)], values[COUNT_OF(some_counters)];
    must_succeed(counters_values(test->store, test->arena, ORGANIZATION, some_counters, before));
    must_succeed(store_write(test->store, test->arena, count_some, test->arena));
    must_succeed(store_turn_end(test->store, test->arena));
    must_succeed(counters_values(test->store, test->arena, ORGANIZATION, some_counters, values));
    for (int64_t i = 0; some_counters[i]; i++) {
        assert_int_equal(values[i], before[i] + i + 1);
    }
}

/* --- both engines ----------------------------------------------------------------------------- */

/* As what creates contacts through the API does. */
static struct error *index_contacts(struct store *store, void *context)
{
    (void)context;
    store_defer(store, SQL_CONTACTS_INDEX);
    store_defer(store, SQL_CONTACTS_INDEXED);
    return NULL;
}

static bool fill(void)
{
    const char *const scripts[] = {accounts, contacts, deals, tasks, activities, counters};
    struct arena *arena = arena_new();
    struct store *store = store_new(&config, NULL);
    struct buffer report = {.arena = arena};
    must_succeed(store_migrate_up(store, arena, MIGRATION_LATEST, &report));
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        must_script(store, arena, scripts[i]);
    }
    must_succeed(store_write(store, arena, index_contacts, NULL));
    must_succeed(store_turn_end(store, arena));
    arena_free(&arena);
    store_free(&store);
    return true;
}

/* Counts what the rows are like, for the plans of those who connect from now on. */
static void analyze(void)
{
    struct arena *arena = arena_new();
    struct store *store = store_new(&config, NULL);
    must_script(store, arena, "ANALYZE;");
    arena_free(&arena);
    store_free(&store);
}

static int run_on(const char *name)
{
    const struct CMUnitTest tests[] = {
        LISTS_TEST(every_order_has_its_index),        LISTS_TEST(every_filter_has_its_index),
        LISTS_TEST(searches_begin_with_the_word),     LISTS_TEST(common_words_go_by_the_order),
        LISTS_TEST(figures_come_from_an_index_alone), LISTS_TEST(cursors_lead_to_every_row_once),
        LISTS_TEST(what_is_missing_stands_last),      LISTS_TEST(counters_are_found_by_their_names),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

/* Runs one of PostgreSQL's programs on the database "lists". */
static bool run_program(char *program, char *first, char *second, char *third)
{
    char *arguments[] = {program, "-h",   server.folder, "-U",    "postgres",
                         first,   second, third,         "lists", NULL};
    return postgres_run(&server, arguments);
}

/* Texts sort there as those of a language do, which no index and no list may mind. */
static bool create_database(void)
{
    return run_program("createdb", "--template=template0", "--locale-provider=icu",
                       "--icu-locale=ru-RU");
}

/* What the server does by itself, sooner or later. */
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
    int failed = !fill();
    failed += run_on("lists on SQLite");
    analyze();
    failed += run_on("lists on SQLite, after ANALYZE");
    config =
        config_of_url(arena_format(arena, "postgresql:///lists?host=%s/pg&user=postgres", folder));
    if (postgres_create(&server, folder) && create_database() && fill() && vacuum_database()) {
        failed += run_on("lists on PostgreSQL");
    } else {
        fprintf(stderr, "PostgreSQL does not start\n");
        failed++;
    }
    postgres_kill(&server);
    arena_free(&arena);
    return leave_temporary(folder, failed);
}
