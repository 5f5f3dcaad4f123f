/*
 * Filters of SQL lists: for random filters over random rows, the list has exactly the rows for
 * which a naive evaluation and query/evaluate.c are true, and pages in any order have each row
 * once. Runs on both engines.
 */
#include "engines.h"
#include "naive_filter.h"

#include "auth/principal.h"
#include "base/folded.h"
#include "base/jsonw.h"
#include "http/fields.h"
#include "http/reply.h"
#include "http/selection.h"
#include "query/evaluate.h"
#include "resources/resources.h"
#include "rest/app.h"

enum {
    ROWS = 240,
    HIDDEN_ROWS = 60,
    ROUNDS = 300,
    ORGANIZATION = 1,
    OTHER = 2,
    ACCOUNT = 1,
    PATIENT_MS = 20000
};

/* --- random values ---------------------------------------------------------------------------- */

static unsigned seed = 20261130;

static unsigned draw(unsigned below)
{
    return below ? (unsigned)rand_r(&seed) % below : 0;
}

static const char *const texts[] = {
    "Анна", "АННА", "анна ", " Анна Ёлкина", "Ёлка",    "елка",     "ёлка",
    "50%",  "5_0",  "a\\b",  "A\\B",         "o'Brien", "O\"Brien", "",
    " ",    "ß",    "SS",    "ﬁn",           "fin",     "İ",        "i̇",
    "x",    "X",    "xX",    "Xx",           "(x)",     "x and y",  "%",
    "_",    "$1",   "😀",     "a\tb",         "a b",     "Ω",        "ω",
    "K",
};
static const char *const dates[] = {"2026-01-31", "2026-02-01", "2026-11-20", "2025-12-31"};
static const char *const moments[] = {"2026-01-31", "2026-01-31T12:00:00.000Z",
                                      "2026-02-01T00:00:00.000Z", "2026-11-20"};
static const char *const times[] = {"2026-01-31", "2026-01-31T12:00:00Z",
                                    "2026-02-01T00:00:00.001Z", "2026-02-01T03:00:00+03:00"};

#define DRAW(array) ((array)[draw(COUNT_OF(array))])

static int64_t draw_time(void)
{
    struct clock_span span;
    const char *text = DRAW(times);
    assert_true(clock_parse_date(text, &span) || clock_parse_time(text, &span));
    return span.from_ms + draw(3) - 1;
}

static bool is_dated(const struct field *field)
{
    return field->format && strcmp(field->format, "email") != 0;
}

/* Returns a text that the field can have. */
static const char *draw_text(const struct field *field)
{
    if (is_dated(field)) {
        return !strcmp(field->format, "date") ? DRAW(dates) : DRAW(moments);
    }
    if (field->choices) {
        size_t count = 0;
        while (field->choices[count]) {
            count++;
        }
        return field->choices[draw((unsigned)count)];
    }
    return DRAW(texts);
}

static void draw_value(const struct field *field, struct value *value)
{
    if ((field->flags & FIELD_NULLABLE) && draw(3) == 0) {
        value->state = VALUE_NULL;
    } else if (field->type == FIELD_STRING) {
        field_set_string(value, draw_text(field));
    } else if (field->type == FIELD_BOOLEAN) {
        field_set_boolean(value, draw(2));
    } else if (field->type == FIELD_TIME) {
        field_set_integer(value, draw_time());
    } else {
        field_set_integer(value, 1 + draw(3));
    }
}

/* --- rows ------------------------------------------------------------------------------------- */

/* A table with random rows. */
struct table {
    const char *name;
    const struct route *route;
    const struct field *fields;
    struct value *rows[ROWS];
};

struct insertion {
    struct arena *arena;
    const struct table *table;
    const struct value *row;
    int64_t organization_id;
    bool deleted;
};

/* True if the column is generated, or set otherwise. */
static bool is_skipped(const struct field *field)
{
    return !strcmp(field->name, "deleted_at") || !strcmp(field->name, "email_unique_key");
}

static void bind_value(struct store_query *query, const struct field *field,
                       const struct value *value)
{
    if (value->state != VALUE_SET) {
        store_bind_null(query);
    } else if (field->type == FIELD_STRING) {
        store_bind_text(query, value->string.bytes);
    } else {
        store_bind_integer(query, field->type == FIELD_BOOLEAN ? value->boolean : value->integer);
    }
}

static struct error *insert_row(struct store *store, void *context)
{
    const struct insertion *insertion = context;
    const struct field *fields = insertion->table->fields;
    struct buffer names = {.arena = insertion->arena}, values = {.arena = insertion->arena};
    size_t count = 0;
    bool contacts = !strcmp(insertion->table->name, "contacts");
    for (size_t i = 0; fields[i].name; i++) {
        if (!is_skipped(&fields[i])) {
            buffer_format(&names, ", %s", fields[i].name);
            buffer_format(&values, ", $%zu", ++count + 3);
        }
    }
    struct store_query *query = store_compose(
        store, insertion->arena,
        arena_format(insertion->arena,
                     "INSERT INTO %s (organization_id, deleted_at, folded%s%s)"
                     " VALUES ($1, $2, $3%s%s)",
                     insertion->table->name, names.bytes,
                     contacts ? ", search_text, email_key" : "", values.bytes,
                     contacts ? arena_format(insertion->arena, ", '', $%zu", count + 4) : ""));
    store_bind_integer(query, insertion->organization_id);
    if (insertion->deleted) {
        store_bind_integer(query, 1);
    } else {
        store_bind_null(query);
    }
    store_bind_text(query, folded_of_values(insertion->arena, fields, insertion->row));
    for (size_t i = 0; fields[i].name; i++) {
        if (!is_skipped(&fields[i])) {
            bind_value(query, &fields[i], &insertion->row[i]);
        }
    }
    if (contacts) {
        store_bind_text(
            query, fold_address(insertion->arena,
                                fields_string(fields, (struct value *)insertion->row, "email")));
    }
    return store_execute(query);
}

static struct value *draw_row(struct test *test, const struct table *table, int64_t id)
{
    size_t count = fields_count(table->fields);
    struct value *row = arena_array(test->arena, count, sizeof *row);
    for (size_t i = 0; i < count; i++) {
        draw_value(&table->fields[i], &row[i]);
    }
    field_set_integer(&row[0], id);
    struct value *due = NULL;
    for (size_t i = 0; i < count; i++) {
        due = !strcmp(table->fields[i].name, "due_date") ? &row[i] : due;
    }
    if (due) { /* as resources/tasks.c sets it */
        struct value *overdue = fields_get(table->fields, row, "overdue_from");
        overdue->state = due->state;
        overdue->integer = due->state == VALUE_SET ? naive_moment(due->string.bytes) : 0;
    }
    return row;
}

/* Fills a table. Rows of another organization and deleted rows must never be in a list. */
static void fill_table(struct test *test, struct table *table)
{
    for (int64_t i = 0; i < ROWS + HIDDEN_ROWS; i++) {
        struct insertion insertion = {.arena = test->arena,
                                      .table = table,
                                      .row = draw_row(test, table, i + 1),
                                      .organization_id = i < ROWS || i % 2 ? ORGANIZATION : OTHER,
                                      .deleted = i >= ROWS && i % 2};
        if (i < ROWS) {
            table->rows[i] = (struct value *)insertion.row;
        }
        must_succeed(store_write(test->store, test->arena, insert_row, &insertion));
    }
    must_succeed(store_group_commit(test->store, test->arena));
}

/* --- random filters --------------------------------------------------------------------------- */

static void add_json_string(struct buffer *text, const char *string)
{
    struct jsonw json = {.out = text};
    jsonw_string(&json, NULL, string);
}

static void add_random_value(struct buffer *text, const struct field *field)
{
    switch (field->type) {
    case FIELD_STRING:
        add_json_string(text, draw(4) || is_dated(field) ? draw_text(field) : DRAW(texts));
        break;
    case FIELD_BOOLEAN:
        buffer_add_string(text, draw(2) ? "true" : "false");
        break;
    case FIELD_TIME:
        add_json_string(text, DRAW(times));
        break;
    default:
        buffer_format(text, field->type == FIELD_DECIMAL ? "0.0%u" : "%u", draw(4));
        break;
    }
}

static bool is_ordered(const struct field *field)
{
    return field->type == FIELD_STRING ? is_dated(field) : field->type != FIELD_BOOLEAN;
}

static void add_random_term(struct buffer *text, const struct field *fields)
{
    static const char *const equalities[] = {"eq", "ne"}, *const parts[] = {"co", "sw", "ew"},
                             *const orders[] = {"gt", "ge", "lt", "le"};
    const struct field *field;
    do {
        field = &fields[draw((unsigned)fields_count(fields))];
    } while (field->flags & FIELD_INTERNAL);
    buffer_format(text, "%s ", field->name);
    unsigned kind = draw(8);
    if (kind == 0) {
        buffer_add_string(text, draw(2) ? "pr" : draw(2) ? "eq null" : "ne null");
        return;
    }
    const char *operator= DRAW(equalities);
    if (kind < 4 && field->type == FIELD_STRING) {
        operator= DRAW(parts);
    } else if (kind < 6 && is_ordered(field)) {
        operator= DRAW(orders);
    }
    buffer_format(text, "%s ", operator);
    add_random_value(text, field);
}

static void add_random_filter(struct buffer *text, const struct field *fields, unsigned depth)
{
    bool negated = draw(4) == 0;
    if (depth == 0 || draw(3) == 0) {
        buffer_add_string(text, negated ? "not (" : "");
        add_random_term(text, fields);
        buffer_add_string(text, negated ? ")" : "");
        return;
    }
    buffer_add_string(text, negated ? "not (" : "(");
    add_random_filter(text, fields, depth - 1);
    buffer_add_string(text, draw(2) ? " and " : " or ");
    add_random_filter(text, fields, depth - 1);
    buffer_add_string(text, ")");
}

/* --- lists ------------------------------------------------------------------------------------ */

static struct error *request_list(struct test *test, const struct route *route, const char *query,
                                  struct reply *reply)
{
    static struct app app;
    app = (struct app){.config = &store_config, .store = test->store};
    struct principal *principal = arena_alloc(test->arena, sizeof *principal);
    *principal = (struct principal){.kind = PRINCIPAL_ACCOUNT,
                                    .account_id = ACCOUNT,
                                    .organization_id = ORGANIZATION,
                                    .role = ROLE_OWNER};
    struct request *request = arena_alloc(test->arena, sizeof *request);
    *request =
        (struct request){.arena = test->arena, .app = &app, .route = route, .principal = principal};
    *reply = (struct reply){0};
    must_succeed(fields_read_query(test->arena, route->query, query, &request->query));
    must_succeed(selection_read(request));
    return route->handler(request, reply);
}

static struct reply get_list(struct test *test, const struct route *route, const char *query)
{
    struct reply reply;
    must_succeed(request_list(test, route, query, &reply));
    return reply;
}

static void assert_filtered(struct test *test, const struct table *table, const char *text)
{
    const struct filter *filter;
    struct reply reply = get_list(test, table->route,
                                  arena_format(test->arena, "limit=1000&sort=id&filter=%s",
                                               request_encode_segment(test->arena, text)));
    must_succeed(filter_parse(test->arena, text, table->fields, &filter));
    size_t found = 0;
    for (size_t i = 0; i < ROWS; i++) {
        bool expected = naive_filter(test->arena, filter, table->fields, table->rows[i]);
        assert_int_equal(evaluate_filter(test->arena, filter, table->fields, table->rows[i], NULL),
                         expected);
        bool listed =
            found < reply.items_count && reply.items[found][0].integer == table->rows[i][0].integer;
        if (expected != listed) {
            FAIL("%s: row %zu is %s: %s", table->name, i + 1, listed ? "listed" : "missing", text);
        }
        found += listed;
    }
    assert_int_equal(found, reply.items_count);
    assert_int_equal(reply.total, found);
}

static const char *draw_sort(struct arena *arena, const struct field *fields)
{
    struct buffer sort = {.arena = arena};
    unsigned count = 1 + draw(3);
    unsigned first = draw((unsigned)fields_count(fields));
    for (unsigned i = 0, at = first; i < count; at++) {
        const struct field *field = &fields[at % fields_count(fields)];
        if (!(field->flags & FIELD_INTERNAL)) {
            buffer_format(&sort, "%s%s%s", i ? "," : "", draw(2) ? "-" : "", field->name);
            i++;
        }
    }
    return sort.bytes;
}

/* Compares the pages in an order with the whole list in that order. */
static void assert_pages_are_complete(struct test *test, const struct table *table,
                                      const char *filter)
{
    const char *query =
        arena_format(test->arena, "sort=%s&filter=%s", draw_sort(test->arena, table->fields),
                     request_encode_segment(test->arena, filter));
    struct reply whole =
        get_list(test, table->route, arena_format(test->arena, "%s&limit=1000", query));
    struct reply page =
        get_list(test, table->route, arena_format(test->arena, "%s&limit=50", query));
    size_t at = 0;
    for (;;) {
        for (size_t i = 0; i < page.items_count; i++, at++) {
            if (at >= whole.items_count || page.items[i][0].integer != whole.items[at][0].integer) {
                FAIL("%s: item %zu differs: %s", table->name, at, query);
            }
        }
        if (!page.next) {
            break;
        }
        page = get_list(test, table->route,
                        arena_format(test->arena, "%s&limit=50&after=%s", query,
                                     request_encode_segment(test->arena, page.next)));
    }
    assert_int_equal(at, whole.items_count);
}

/* Returns the table of the resource with this name. */
static struct table table_of(const char *name, const struct route *routes)
{
    return (struct table){.name = name, .route = routes, .fields = routes->reply->fields};
}

static void insert_referenced_rows(struct test *test)
{
    must_script(
        test->store, test->arena,
        "INSERT INTO organizations (id, name, currency, created_at, updated_at)"
        " VALUES (1, 'o', 'RUB', 1, 1), (2, 'p', 'RUB', 1, 1);"
        "INSERT INTO accounts (id, username, username_key, name, created_at, updated_at)"
        " VALUES (1, 'a', 'a', 'a', 1, 1), (2, 'b', 'b', 'b', 1, 1), (3, 'c', 'c', 'c', 1, 1);");
}

static void check_table(struct test *test, struct table *table)
{
    fill_table(test, table);
    for (int i = 0; i < ROUNDS; i++) {
        struct buffer text = {.arena = test->arena};
        add_random_filter(&text, table->fields, draw(4));
        assert_filtered(test, table, text.bytes);
        if (i % 5 == 0) {
            assert_pages_are_complete(test, table, text.bytes);
        }
    }
}

static void lists_equal_a_naive_evaluation(void **state)
{
    struct test *test = *state;
    struct table tables[] = {
        table_of("contacts", contacts_routes),
        table_of("deals", deals_routes),
        table_of("tasks", tasks_routes),
        table_of("activities", activities_routes),
    };
    insert_referenced_rows(test);
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        check_table(test, &tables[i]);
    }
}

/* --- limits ----------------------------------------------------------------------------------- */

static const char many_contacts[] =
    "INSERT INTO contacts (organization_id, name, search_text, created_at, updated_at, folded)"
    " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)"
    " SELECT 1, 'n', '', i, 0, '{\"name\":\"n\"}' FROM n;";

static void costly_filter_is_an_error(void **state)
{
    struct test *test = *state;
    struct reply reply;
    insert_referenced_rows(test);
    must_script(test->store, test->arena, many_contacts);
    store_config.filter_timeout_ms = 1;
    struct error *error = request_list(test, contacts_routes, "filter=name%20co%20%22x%22", &reply);
    struct error *sorted = request_list(test, contacts_routes, "sort=position", &reply);
    store_config.filter_timeout_ms = PATIENT_MS;
    assert_error(error, ERR_FILTER_TOO_COSTLY);
    assert_error(sorted, ERR_SORT_TOO_COSTLY);
    /* the connection keeps working, without the limit */
    must_succeed(request_list(test, contacts_routes, "limit=1", &reply));
    must_succeed(request_list(test, contacts_routes, "filter=name%20co%20%22x%22", &reply));
    assert_int_equal(reply.total, 0);
}

/* A filter on an indexed field finds its rows by that index, whatever the order. */
static void cursor_of_another_filter_is_harmless(void **state)
{
    struct test *test = *state;
    insert_referenced_rows(test);
    must_script(test->store, test->arena, many_contacts);
    struct reply first =
        get_list(test, contacts_routes, "limit=10&sort=-created_at&filter=id%20le%2025");
    assert_int_equal(first.total, 25);
    assert_non_null(first.next);
    struct reply other = get_list(
        test, contacts_routes,
        arena_format(test->arena, "limit=10&sort=-created_at&filter=id%%20le%%205&after=%s",
                     request_encode_segment(test->arena, first.next)));
    assert_int_equal(other.items_count, 5);
    other = get_list(test, contacts_routes,
                     arena_format(test->arena, "limit=10&sort=-created_at&after=%s",
                                  request_encode_segment(test->arena, first.next)));
    assert_int_equal(other.items_count, 10);
}

#define FILTER_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, test_setup_schema, test_teardown)

static int run(const char *name)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(lists_equal_a_naive_evaluation),
        FILTER_TEST(costly_filter_is_an_error),
        FILTER_TEST(cursor_of_another_filter_is_harmless),
    };
    store_config.filter_timeout_ms = PATIENT_MS;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run, "list filters on SQLite", "list filters on PostgreSQL");
}
