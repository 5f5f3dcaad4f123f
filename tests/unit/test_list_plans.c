/*
 * Query plans of lists with ?filter=, on both engines: a filter with a selective indexed equality
 * reads only the rows that its index finds, in any combination and order. A filter that many rows
 * pass reads the rows in the order of the list.
 */
#include "many_rows.h"

enum { TERMS_MAX = 12 };

/* Terms for the filters of one list. */
struct terms {
    const struct route *route;
    const char *narrow[TERMS_MAX]; /* equalities that an index finds, with few rows */
    const char *other[TERMS_MAX];  /* any others */
    const char *wide[TERMS_MAX];   /* filters with an index, which many rows pass */
    const char *unindexed;         /* an order without an index */
};

static const struct terms lists[] = {
    {.route = contacts_routes,
     .narrow = {"id eq 4711", "email eq \"32@example.com\"",
                "created_at eq \"2024-02-09T06:13:20Z\"",
                "created_at ge \"2024-02-09\" and created_at lt \"2024-02-10\""},
     .other = {"owner_id eq 12", "owner_id ne 12", "id gt 100", "name co \"x\"", "company pr",
               "not (email sw \"3\")", "created_at lt \"2024-03-01\""},
     .wide = {"created_at ge \"2024-02-01\"", "id gt 100",
              "created_at ge \"2024-02-01\" and not (name co \"x\")"},
     .unindexed = "company"},
    {.route = deals_routes,
     .narrow = {"contact_id eq 17", "id eq 4711", "amount eq 0.31",
                "created_at eq \"2024-02-09T06:13:20Z\""},
     .other = {"status eq \"NEW\"", "status ne \"NEW\"", "owner_id eq 12", "amount gt 5",
               "title co \"x\"", "description pr", "expected_close_date ge \"2026-10-01\"",
               "expected_close_date eq \"2026-11-20\"", "id lt 9000",
               "created_at ge \"2024-01-01\""},
     .wide = {"status eq \"NEW\"", "amount gt 5", "expected_close_date le \"2026-11-20\"",
              "status eq \"NEW\" and amount gt 5", "status eq \"NEW\" or status eq \"WON\"",
              "created_at ge \"2024-02-01\" and not (title co \"x\")"},
     .unindexed = "title"},
    {.route = tasks_routes,
     .narrow = {"deal_id eq 17", "contact_id eq 17", "id eq 4711",
                "created_at eq \"2024-02-09T06:13:20Z\"",
                "due_date eq \"2024-02-09T06:13:19.999Z\""},
     .other = {"status eq \"TODO\"", "assignee_id eq 12", "status ne \"DONE\"",
               "due_date lt \"2025-01-01\"", "title sw \"x\"", "completed_at pr", "creator_id eq 1",
               "created_at gt \"2024-01-01\""},
     .wide = {"status eq \"TODO\"", "due_date gt \"2024-02-01\"",
              "status eq \"TODO\" or status eq \"DONE\"",
              "created_at ge \"2024-02-01\" and status ne \"DONE\""},
     .unindexed = "title"},
    {.route = activities_routes,
     .narrow = {"contact_id eq 17", "deal_id eq 17", "id eq 4711",
                "occurred_at eq \"2024-02-09T06:13:20Z\""},
     .other = {"type eq \"CALL\"", "type ne \"CALL\"", "author_id eq 12", "subject co \"x\"",
               "automatic eq true", "occurred_at ge \"2024-01-01\"", "old_status pr"},
     .wide = {"type eq \"CALL\"", "occurred_at ge \"2024-02-01\"",
              "type eq \"CALL\" and occurred_at ge \"2024-02-01\""},
     .unindexed = "subject"},
};

/* --- requests --------------------------------------------------------------------------------- */

/* The requests of one test. */
struct asking {
    struct lists_test *test;
    const struct terms *terms;
    void (*check)(struct lists_test *test, const char *request, const struct reply *reply);
    size_t turn; /* chooses the order of the next request */
};

/* Returns the number-th order of a list; NULL if there are fewer. */
static const char *find_sort(const struct asking *asking, size_t number)
{
    if (number < 2) {
        return arena_format(asking->test->arena, "%s%s", number ? "-" : "",
                            asking->terms->unindexed);
    }
    const struct list_key *key = records_of(asking->terms->route)->list->keys;
    for (size_t at = 2; key->name; key++) {
        if ((key->uses & LIST_SORT) && (at += 2) > number) {
            return arena_format(asking->test->arena, "%s%s", number % 2 ? "-" : "", key->name);
        }
    }
    return NULL;
}

/* Requests the first two pages with a filter and an order. */
static void ask_pages(const struct asking *asking, const char *filter, const char *sort)
{
    struct arena *arena = asking->test->arena;
    const struct route *route = asking->terms->route;
    const char *query = arena_format(arena, "limit=5&filter=%s&sort=%s",
                                     request_encode_segment(arena, filter), sort);
    struct reply reply = get_list(asking->test, route, query);
    asking->check(asking->test, arena_format(arena, "%s?%s %s", route->pattern, filter, sort),
                  &reply);
    if (reply.next) {
        const struct reply first = reply;
        reply = get_list(
            asking->test, route,
            arena_format(arena, "%s&after=%s", query, request_encode_segment(arena, reply.next)));
        asking->check(asking->test,
                      arena_format(arena, "%s?%s %s, page 2", route->pattern, filter, sort),
                      &first);
    }
}

static void ask_in_all_orders(const struct asking *asking, const char *filter)
{
    const char *sort;
    for (size_t i = 0; (sort = find_sort(asking, i)); i++) {
        ask_pages(asking, filter, sort);
    }
}

/* Requests the filter in another order each time. */
static void ask_once(struct asking *asking, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void ask_once(struct asking *asking, const char *format, ...)
{
    char filter[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(filter, sizeof filter, format, arguments);
    va_end(arguments);
    assert_in_range(length, 1, sizeof filter - 1);
    const char *sort = find_sort(asking, asking->turn++);
    if (!sort) {
        asking->turn = 1;
        sort = find_sort(asking, 0);
    }
    ask_pages(asking, filter, sort);
}

/* --- plans ------------------------------------------------------------------------------------ */

/* True if the line of SQLite's plan names an equality that finds few rows. */
static bool is_narrow_search(const char *line, size_t length)
{
    static const char *const columns[] = {"created_at>? AND created_at<?",
                                          "(rowid=?)",
                                          "AND id=?",
                                          "AND email_key=?",
                                          "AND contact_id=?",
                                          "AND deal_id=?",
                                          "AND amount=?",
                                          "AND close_key=?",
                                          "AND created_at=?",
                                          "AND due_key=?",
                                          "AND occurred_at=?"};
    size_t i = 0;
    while (i < COUNT_OF(columns) && !memmem(line, length, columns[i], strlen(columns[i]))) {
        i++;
    }
    return i < COUNT_OF(columns);
}

/* True if each access of the plan has more than the organization to find rows by; on SQLite, a
 * narrow equality. */
static bool reads_narrowly(const struct lists_test *test, const char *plan)
{
    static const char condition[] = "Index Cond: (organization_id = ";
    bool narrow = !scans_all_rows(test, plan);
    for (const char *line = plan; *line && narrow;) {
        size_t length = strcspn(line, "\n");
        if (on_sqlite(test)) {
            narrow = !memmem(line, length, "SEARCH", 6) || is_narrow_search(line, length);
        } else {
            narrow = !memmem(line, length, condition, sizeof condition - 1);
        }
        line += length + (line[length] == '\n');
    }
    return narrow;
}

static void check_narrow_reads(struct lists_test *test, const char *request,
                               const struct reply *reply)
{
    (void)reply;
    for (size_t i = 0; i < statement_count; i++) {
        const char *plan = explain(test, &statements[i]);
        expect_plan(test, reads_narrowly(test, plan), request, statements[i].text, plan);
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

/* Combines one narrow term with others. */
static void combine_with_others(struct asking *asking, const char *narrow)
{
    const struct terms *terms = asking->terms;
    ask_in_all_orders(asking, narrow);
    for (const char *const *other = terms->other; *other; other++) {
        ask_once(asking, "%s and %s", narrow, *other);
        ask_once(asking, "%s and %s", *other, narrow);
        ask_once(asking, "%s and not (%s)", narrow, *other);
        ask_once(asking, "(%s or %s) and %s", *other, terms->other[0], narrow);
        ask_once(asking, "%s and not (%s and %s)", narrow, *other, terms->other[0]);
        ask_once(asking, "%s and %s and %s", terms->other[0], *other, narrow);
    }
}

/* Combines two narrow terms with others. */
static void combine_pair(struct asking *asking, const char *one, const char *two)
{
    const struct terms *terms = asking->terms;
    ask_in_all_orders(asking, arena_format(asking->test->arena, "%s or %s", one, two));
    ask_once(asking, "%s and %s", one, two);
    ask_once(asking, "not (not (%s) and not (%s))", one, two);
    for (const char *const *other = terms->other; *other; other++) {
        ask_once(asking, "(%s or %s) and %s", one, two, *other);
        ask_once(asking, "%s and (%s or %s)", *other, one, two);
        ask_once(asking, "%s and %s or %s", one, *other, two);
        ask_once(asking, "%s and %s or %s and %s", one, *other, two, terms->other[0]);
    }
}

static void narrow_filters_read_few_rows(void **state)
{
    struct lists_test *test = *state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct asking asking = {.test = test, .terms = &lists[i], .check = check_narrow_reads};
        for (const char *const *one = lists[i].narrow; *one; one++) {
            combine_with_others(&asking, *one);
            for (const char *const *two = one; *two; two++) {
                combine_pair(&asking, *one, *two);
            }
        }
    }
    assert_int_equal(test->bad, 0);
}

/* A narrow query parameter finds the rows, whatever the filter. */
static void narrow_parameters_read_few_rows(void **state)
{
    struct lists_test *test = *state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const struct list_key *key = records_of(lists[i].route)->list->keys;
        for (; key->name; key++) {
            for (const char *const *filter = lists[i].wide; (key->uses & LIST_NARROW) && *filter;
                 filter++) {
                const char *query =
                    arena_format(test->arena, "limit=5&sort=-id&%s=%s&filter=%s", key->name,
                                 key->type == FIELD_STRING ? "32@example.com" : "17",
                                 request_encode_segment(test->arena, *filter));
                struct reply reply = get_list(test, lists[i].route, query);
                check_narrow_reads(test, query, &reply);
            }
        }
    }
    assert_int_equal(test->bad, 0);
}

/* The last statement reads the page. */
static void check_ordered_read(struct lists_test *test, const char *request,
                               const struct reply *reply)
{
    const struct statement *statement = &statements[statement_count - 1];
    const char *plan = explain(test, statement);
    assert_true(reply->total > LIST_FOUND_COUNTED);
    expect_plan(test, !scans_all_rows(test, plan) && !sorts_rows(test, plan), request,
                statement->text, plan);
}

static void wide_filters_read_rows_in_order(void **state)
{
    struct lists_test *test = *state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const struct asking asking = {
            .test = test, .terms = &lists[i], .check = check_ordered_read};
        for (const char *const *filter = lists[i].wide; *filter; filter++) {
            const char *sort;
            for (size_t number = 2; (sort = find_sort(&asking, number)); number++) {
                ask_pages(&asking, *filter, sort);
            }
        }
    }
    assert_int_equal(test->bad, 0);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        LISTS_TEST(narrow_filters_read_few_rows),
        LISTS_TEST(narrow_parameters_read_few_rows),
        LISTS_TEST(wide_filters_read_rows_in_order),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_many_rows(run_group);
}
