/* Lists in memory: stable orders with absent values at one end, and the time limit of filters. */
#include "unit.h"

#include "query/filter.h"
#include "rest/app.h"
#include "rest/computed_list.h"

enum { TITLE, COUNT, OPEN, FIELDS, ROWS = 6 };

static const struct field fields[] = {
    [TITLE] = {.name = "title", .type = FIELD_STRING},
    [COUNT] = {.name = "count", .type = FIELD_INTEGER},
    [OPEN] = {.name = "open", .type = FIELD_BOOLEAN},
    [FIELDS] = {.name = NULL},
};

/* Titles and counts; NULL and 0 are absent. */
static const struct {
    const char *title;
    int64_t count;
    bool open;
} rows[ROWS] = {
    {"ель", 3, true}, {NULL, 0, false}, {"Ёж", -1, true},
    {"a", 3, false},  {NULL, 5, true},  {"ЕЛЬ", 0, false},
};

struct test {
    struct arena *arena;
    struct config config;
    struct app app;
    struct request request;
    struct value values[ROWS][FIELDS], *items[ROWS];
};

static int set_up_list(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    test->arena = arena_new();
    test->config.filter_timeout_ms = 60000;
    test->app.config = &test->config;
    test->request = (struct request){.arena = test->arena, .app = &test->app};
    for (size_t i = 0; i < ROWS; i++) {
        test->items[i] = test->values[i];
        field_set_string(&test->values[i][TITLE], rows[i].title);
        test->values[i][COUNT].state = VALUE_NULL;
        if (rows[i].count) {
            field_set_integer(&test->values[i][COUNT], rows[i].count);
        }
        field_set_boolean(&test->values[i][OPEN], rows[i].open);
    }
    *state = test;
    return 0;
}

static int tear_down_list(void **state)
{
    struct test *test = *state;
    arena_free(&test->arena);
    free(test);
    return 0;
}

/* Returns the indices of the rows, in the order of the list, as digits. */
static const char *apply_list(struct test *test, const struct computed_list *list)
{
    static char found[ROWS + 1];
    size_t count = ROWS;
    for (size_t i = 0; i < ROWS; i++) {
        test->items[i] = test->values[i];
    }
    assert_null(computed_list_apply(&test->request, list, test->items, &count));
    for (size_t i = 0; i < count; i++) {
        found[i] = (char)('0' + (test->items[i] - test->values[0]) / FIELDS);
    }
    found[count] = '\0';
    return found;
}

static const char *sort_list(struct test *test, int field, bool descending)
{
    const struct computed_list list = {
        .fields = fields, .sort = &fields[field], .descending = descending};
    return apply_list(test, &list);
}

static void equal_items_keep_their_order_and_absent_ones_are_last(void **state)
{
    assert_string_equal(sort_list(*state, TITLE, false), "320514");
    assert_string_equal(sort_list(*state, COUNT, false), "203415");
    assert_string_equal(sort_list(*state, COUNT, true), "154032");
    assert_string_equal(sort_list(*state, OPEN, false), "135024");
    assert_string_equal(sort_list(*state, OPEN, true), "024135");
}

static void filter_and_order_are_applied_together(void **state)
{
    struct test *test = *state;
    const struct filter *filter;
    assert_null(filter_parse(test->arena, "title pr and count ne 3", fields, &filter));
    struct computed_list list = {.fields = fields, .filter = filter};
    assert_string_equal(apply_list(test, &list), "25");
    list.sort = &fields[TITLE];
    list.descending = true;
    assert_string_equal(apply_list(test, &list), "52");
    assert_null(filter_parse(test->arena, "title eq \"none\"", fields, &list.filter));
    assert_string_equal(apply_list(test, &list), "");
}

static void filter_ends_at_its_timeout(void **state)
{
    struct test *test = *state;
    const struct filter *filter;
    size_t count = ROWS;
    assert_null(filter_parse(test->arena, "title pr", fields, &filter));
    const struct computed_list list = {.fields = fields, .filter = filter};
    test->config.filter_timeout_ms = -1;
    const struct error *error = computed_list_apply(&test->request, &list, test->items, &count);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_FILTER_TOO_COSTLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_items_keep_their_order_and_absent_ones_are_last,
                                        set_up_list, tear_down_list),
        cmocka_unit_test_setup_teardown(filter_and_order_are_applied_together, set_up_list,
                                        tear_down_list),
        cmocka_unit_test_setup_teardown(filter_ends_at_its_timeout, set_up_list, tear_down_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
