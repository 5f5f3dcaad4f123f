/*
 * Lists, searches and analytics over many rows, on both engines: every sort order and filter uses
 * an index, and pages are complete.
 */
#include "many_rows.h"

#include "rest/counters.h"

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

/* --- selected fields -------------------------------------------------------------------------- */

/* Requests a page with all fields and with the selected ones: both have the same rows and the same
 * cursor. The statement with the selected fields names no large column. */
static void check_selection(struct lists_test *test, const struct route *route, const char *query,
                            const char *names)
{
    static const char *const large[] = {".notes", ".description", ".company", ".subject", ".title"};
    const struct field *fields = records_of(route)->schema->fields;
    struct reply all = get_list(test, route, query);
    struct reply part =
        get_list(test, route, arena_format(test->arena, "%s&fields=%s", query, names));
    assert_int_equal(part.items_count, all.items_count);
    assert_string_equal(part.next, all.next);
    for (size_t i = 0; i < part.items_count; i++) {
        const struct value *type = fields_get(fields, part.items[i], "updated_at");
        assert_int_equal(part.items[i][0].integer, all.items[i][0].integer);
        assert_int_equal(type->state, strstr(names, "updated_at") ? VALUE_SET : VALUE_ABSENT);
    }
    for (size_t i = 0; i < COUNT_OF(large); i++) {
        for (size_t statement = 0; statement < statement_count; statement++) {
            assert_null(strstr(statements[statement].text, large[i]));
        }
    }
}

static void check_selections(struct lists_test *test, const struct route *route)
{
    for (const struct list_key *key = records_of(route)->list->keys; key->name; key++) {
        if (key->uses & LIST_SORT) {
            const char *query = arena_format(test->arena, "limit=5&sort=-%s", key->name);
            check_selection(test, route, query, "id");
            check_selection(test, route, query, "updated_at,version");
            query = arena_format(
                test->arena, "%s&after=%s", query,
                request_encode_segment(test->arena, get_list(test, route, query).next));
            check_selection(test, route, query, "id");
            check_selection(test, route, query, "version,updated_at");
        }
    }
}

static void columns_of_other_fields_are_not_read(void **state)
{
    struct lists_test *test = *state;
    for_each_list(test, check_selections);
    check_selection(test, contacts_routes, "limit=5&search=199&sort=name", "id,name");
    check_selection(test, contacts_routes, "limit=5&search=199&filter=id%20gt%205", "updated_at");
    check_selection(test, deals_routes, "limit=5&filter=contact_id%20eq%2017&sort=status", "id");
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

/* Every user lists its own keys, of 20,500 in the database. */
static void keys_of_a_user_are_found_by_indexes(void **state)
{
    static const char *const queries[] = {"limit=5", "limit=5&sort=name",
                                          "limit=5&filter=name+co+%22x%22"};
    struct lists_test *test = *state;
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        get_list(test, api_keys_routes, queries[i]);
        for (size_t j = 0; j < statement_count; j++) {
            const char *plan = explain(test, &statements[j]);
            expect_plan(test, !scans_all_rows(test, plan), queries[i], statements[j].text, plan);
        }
    }
    assert_int_equal(test->bad, 0);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        LISTS_TEST(every_sort_order_uses_an_index),
        LISTS_TEST(every_filter_uses_an_index),
        LISTS_TEST(columns_of_other_fields_are_not_read),
        LISTS_TEST(searches_start_from_the_word_index),
        LISTS_TEST(searches_for_common_words_use_the_index_of_the_order),
        LISTS_TEST(analytics_use_indexes_only),
        LISTS_TEST(cursors_return_every_row_once),
        LISTS_TEST(missing_dates_sort_after_all_others),
        LISTS_TEST(counters_are_read_by_name),
        LISTS_TEST(keys_of_a_user_are_found_by_indexes),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_many_rows(run_group);
}
