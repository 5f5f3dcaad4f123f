/* Evaluation of filters on values in memory: the contract's rules for each type and operator. */
#include "unit.h"

#include "base/clock.h"
#include "query/evaluate.h"

enum { NAME, EMAIL, SIZE, AMOUNT, ACTIVE, AT, DAY, DUE, SEEN, TAGS, DN, BOSS, KIND, PATHS, FIELDS };

static const char *const kinds[] = {"OPEN", "IN_PROGRESS", NULL};

static const struct field boss_fields[] = {
    {.name = "dn", .type = FIELD_STRING},
    {.name = NULL},
};

static const struct field fields[] = {
    [NAME] = {.name = "name", .type = FIELD_STRING},
    [EMAIL] = {.name = "email", .type = FIELD_STRING, .format = "email"},
    [SIZE] = {.name = "size", .type = FIELD_INTEGER},
    [AMOUNT] = {.name = "amount", .type = FIELD_DECIMAL, .scale = 2},
    [ACTIVE] = {.name = "active", .type = FIELD_BOOLEAN},
    [AT] = {.name = "at", .type = FIELD_TIME},
    [DAY] = {.name = "day", .type = FIELD_STRING, .format = "date"},
    [DUE] = {.name = "due", .type = FIELD_STRING, .format = "moment"},
    [SEEN] = {.name = "seen", .type = FIELD_STRING, .format = "date-time"},
    [TAGS] = {.name = "tags", .type = FIELD_STRINGS},
    [DN] = {.name = "dn", .type = FIELD_STRING, .codec = CODEC_DN},
    [BOSS] = {.name = "boss",
              .type = FIELD_RECORD,
              .codec = CODEC_REFERENCE,
              .fields = boss_fields},
    [KIND] = {.name = "kind", .type = FIELD_STRING, .choices = kinds},
    [PATHS] = {.name = "paths", .type = FIELD_LISTS},
    [FIELDS] = {.name = NULL},
};

/* Compares like a directory: blanks around commas have no effect. */
static bool equal_without_blanks(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, " ");
        b += strspn(b, " ");
        if (*a != *b || !*a) {
            return *a == *b;
        }
    }
}

static void fill_row(struct arena *arena, struct value *row)
{
    static const char *const tags[] = {"Важное", "2026", "a b"};
    static const char *const path[] = {"CN=a"};
    static const struct field_strings paths[] = {{path, 1}};
    struct clock_span span;
    assert_true(clock_parse_time("2026-06-01T12:00:00.500Z", &span));
    struct value *boss = arena_alloc(arena, sizeof *boss);
    field_set_string(boss, "CN=Boss,DC=test");
    field_set_string(&row[NAME], "Ёлка \"50%\" Straße");
    field_set_string(&row[EMAIL], "Client@Example.com");
    field_set_integer(&row[SIZE], -5);
    field_set_integer(&row[AMOUNT], 10050);
    field_set_boolean(&row[ACTIVE], false);
    field_set_integer(&row[AT], span.from_ms);
    field_set_string(&row[DAY], "2026-06-01");
    field_set_string(&row[DUE], "2026-06-01");
    field_set_string(&row[SEEN], "2026-06-01T12:00:00Z");
    field_set_strings(&row[TAGS], tags, COUNT_OF(tags));
    field_set_string(&row[DN], "CN=x,DC=test");
    field_set_record(&row[BOSS], boss);
    field_set_string(&row[KIND], "IN_PROGRESS");
    field_set_lists(&row[PATHS], paths, 1);
}

static bool evaluate_text(struct arena *arena, const char *text, const struct value *row)
{
    const struct filter *filter;
    assert_null(filter_parse(arena, text, fields, &filter));
    return evaluate_filter(arena, filter, fields, row, equal_without_blanks);
}

static void expect_results(const char *const *texts, bool is_filled, bool expected)
{
    struct arena *arena = arena_new();
    struct value row[FIELDS] = {0};
    if (is_filled) {
        fill_row(arena, row);
    }
    for (; *texts; texts++) {
        if (evaluate_text(arena, *texts, row) != expected) {
            FAIL("%s: not %s", *texts, expected ? "true" : "false");
        }
    }
    arena_free(&arena);
}

static void true_filters_are_true(void **state)
{
    (void)state;
    expect_results(
        (const char *const[]){
            "name eq \" ЁЛКА  \\\"50%\\\" STRASSE\"",
            "name co \"\"",
            "name co \"елка\" or name co \"ёлка\"",
            "name sw \"ё\"",
            "name ew \"strasse\"",
            "name ne \"x\"",
            "email eq \"client@example.COM\"",
            "size eq -5",
            "size ge -5",
            "size lt 0",
            "size ne 5",
            "amount eq 100.5",
            "amount gt 100.49",
            "amount le 1.005e2",
            "active eq false",
            "active ne true",
            "at eq \"2026-06-01\"",
            "at eq \"2026-06-01T15:00:00.500+03:00\"",
            "at ge \"2026-06-01\"",
            "at le \"2026-06-01\"",
            "at lt \"2026-06-02\"",
            "day eq \"2026-06-01\"",
            "day gt \"2026-05-31\"",
            "day co \"06\"",
            "due eq \"2026-06-01\"",
            "due gt \"2026-06-01T12:00:00Z\"",
            "due le \"2026-06-01T23:59:59.999Z\"",
            "seen eq \"2026-06-01\"",
            "seen eq \"2026-06-01T12:00:00.000Z\"",
            "seen lt \"2026-06-01T12:00:00.001Z\"",
            "seen le \"2026-06-01\"",
            "seen ge \"2026-06-01\"",
            "tags eq \"ВАЖНОЕ\"",
            "tags sw \"20\" and tags ew \"B\"",
            "tags pr",
            "tags ne \"важно\"",
            "dn eq \"CN=x , DC=test\"",
            "dn co \"cn=X\"",
            "boss eq \"CN=Boss, DC=test\"",
            "boss ne \"CN=x,DC=test\"",
            "boss pr",
            "kind eq \"in_progress\"",
            "kind co \"prog\"",
            "paths pr",
            "not (name eq \"x\")",
            "not (not (name pr))",
            "name pr and (size gt 0 or size lt 0)",
            "name ne null",
            NULL,
        },
        true, true);
}

static void false_filters_are_false(void **state)
{
    (void)state;
    expect_results(
        (const char *const[]){
            "name eq \"ёлка\"",
            "name ew \"x\"",
            "name eq null",
            "size gt -5",
            "size ne -5",
            "amount lt 100.50",
            "active eq true",
            "at gt \"2026-06-01\"",
            "at lt \"2026-06-01\"",
            "at ne \"2026-06-01\"",
            "at eq \"2026-06-01T12:00:00Z\"",
            "day lt \"2026-06-01\"",
            "due eq \"2026-06-01T00:00:00Z\"",
            "due lt \"2026-06-01T12:00:00Z\"",
            "seen gt \"2026-06-01\"",
            "seen eq \"2026-06-01T12:00:00.001Z\"",
            "seen gt \"2026-06-01T12:00:00Z\"",
            "tags eq \"аж\"",
            "tags ne \"важное\"",
            "tags co \"6a\"",
            "dn eq \"CN=y,DC=test\"",
            "dn ne \"CN=x,DC= test\"",
            "boss eq \"CN=x,DC=test\"",
            "kind eq \"OPEN\"",
            "not (paths pr)",
            "name pr and size gt 0",
            "name eq \"x\" or size gt 0",
            NULL,
        },
        true, false);
}

static void absent_fields_are_unequal_and_nothing_else(void **state)
{
    (void)state;
    expect_results((const char *const[]){"name ne \"x\"", "size ne 1", "amount ne 1",
                                         "active ne true", "at ne \"2026-06-01\"",
                                         "due ne \"2026-06-01\"", "tags ne \"x\"",
                                         "boss ne \"CN=x\"", "dn ne \"CN=x\"", "name eq null",
                                         "not (tags pr)", "not (name eq \"x\")", "not (size lt 1)",
                                         "not (active eq false)", NULL},
                   false, true);
    expect_results((const char *const[]){"name eq \"x\"",
                                         "name co \"\"",
                                         "name sw \"\"",
                                         "size lt 1",
                                         "size ge 1",
                                         "amount le 0",
                                         "active eq false",
                                         "at lt \"2026-06-01\"",
                                         "day lt \"2026-06-01\"",
                                         "due ge \"2026-06-01\"",
                                         "seen le \"2026-06-01\"",
                                         "tags co \"\"",
                                         "tags eq \"\"",
                                         "boss eq \"CN=x\"",
                                         "dn co \"x\"",
                                         "kind eq \"OPEN\"",
                                         "name ne null",
                                         "paths pr",
                                         "boss pr",
                                         NULL},
                   false, false);
}

static void dns_are_texts_without_a_rule_for_them(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct value row[FIELDS] = {0};
    const struct filter *filter;
    fill_row(arena, row);
    assert_null(filter_parse(arena, "dn eq \"cn=X,dc=TEST\"", fields, &filter));
    assert_true(evaluate_filter(arena, filter, fields, row, NULL));
    assert_null(filter_parse(arena, "dn eq \"CN=x, DC=test\"", fields, &filter));
    assert_false(evaluate_filter(arena, filter, fields, row, NULL));
    arena_free(&arena);
}

static void format_is_a_filter_with_all_parentheses(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"name PR", "name pr"},
        {"NAME eq \"a\\\"\\\\\\u0416\"", "name eq \"a\\\"\\\\Ж\""},
        {"size gt 1 and amount le 1.5 or active eq true",
         "((size gt 1 and amount le 1.50) or active eq true)"},
        {"not (name eq null)", "not (not (name pr))"},
        {"at ge \"2026-06-01T12:00:00Z\"", "at ge \"2026-06-01T12:00:00.000Z\""},
        {"at ne \"2026-06-01\"", "not ((at ge \"2026-06-01T00:00:00.000Z\" and at lt "
                                 "\"2026-06-02T00:00:00.000Z\"))"},
        {"tags co \"x\" and boss eq \"CN=x\"", "(tags co \"x\" and boss eq \"CN=x\")"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct filter *filter, *again;
        assert_null(filter_parse(arena, pairs[i][0], fields, &filter));
        const char *text = evaluate_format(arena, filter);
        assert_string_equal(text, pairs[i][1]);
        assert_null(filter_parse(arena, text, fields, &again));
        assert_string_equal(evaluate_format(arena, again), text);
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(true_filters_are_true),
        cmocka_unit_test(false_filters_are_false),
        cmocka_unit_test(absent_fields_are_unequal_and_nothing_else),
        cmocka_unit_test(dns_are_texts_without_a_rule_for_them),
        cmocka_unit_test(format_is_a_filter_with_all_parentheses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
