/* The filter language: the tree of each text, and the position and reason of each error. */
#include "unit.h"

#include "http/problem.h"
#include "query/filter.h"

#include <inttypes.h>

static const struct field fields[] = {
    {.name = "name", .type = FIELD_STRING},
    {.name = "size", .type = FIELD_INTEGER},
    {.name = "amount", .type = FIELD_DECIMAL, .scale = 2},
    {.name = "active", .type = FIELD_BOOLEAN},
    {.name = "at", .type = FIELD_TIME},
    {.name = "day", .type = FIELD_STRING, .format = "date"},
    {.name = "due", .type = FIELD_STRING, .format = "moment"},
    {.name = "seen", .type = FIELD_STRING, .format = "date-time"},
    {.name = "tags", .type = FIELD_STRINGS},
    {.name = "notes-2_b", .type = FIELD_STRING},
    {.name = "total", .type = FIELD_INTEGER, .flags = FIELD_NOT_FILTERABLE},
    {.name = "secret", .type = FIELD_STRING, .flags = FIELD_SECRET},
    {.name = "column", .type = FIELD_STRING, .flags = FIELD_INTERNAL},
    {.name = "boss", .type = FIELD_RECORD, .codec = CODEC_REFERENCE},
    {.name = "part", .type = FIELD_RECORD},
    {.name = "parts", .type = FIELD_RECORDS},
    {.name = NULL},
};

/* --- printing trees --------------------------------------------------------------------------- */

static void print_value(struct buffer *out, const struct filter *term)
{
    switch (term->field->type) {
    case FIELD_STRING:
    case FIELD_STRINGS:
    case FIELD_RECORD:
        assert_int_equal(strlen(term->value.string.bytes), term->value.string.length);
        buffer_format(out, " '%s'", term->value.string.bytes);
        break;
    case FIELD_BOOLEAN:
        buffer_format(out, " %s", term->value.boolean ? "true" : "false");
        break;
    default:
        buffer_format(out, " %" PRId64, term->value.integer);
    }
}

static void print_node(struct buffer *out, const struct filter *node)
{
    static const char *const names[] = {
        [FILTER_AND] = "(and ", [FILTER_OR] = "(or ", [FILTER_NOT] = "(not "};
    if (node->kind == FILTER_TERM) {
        buffer_format(out, "%s %s", node->field->name, filter_operator_name(node->operator));
        if (node->operator!= FILTER_PRESENT) {
            assert_int_equal(node->value.state, VALUE_SET);
            print_value(out, node);
        }
        return;
    }
    buffer_add_string(out, names[node->kind]);
    print_node(out, node->left);
    if (node->kind != FILTER_NOT) {
        buffer_add_string(out, ", ");
        print_node(out, node->right);
    }
    buffer_add_char(out, ')');
}

/* Returns the tree of a filter, or the English message of its error. */
static const char *parse_and_print(struct arena *arena, const char *text)
{
    const struct filter *filter;
    struct buffer out = {.arena = arena};
    const struct error *error = filter_parse(arena, text, fields, &filter);
    if (!error) {
        print_node(&out, filter);
        return out.bytes;
    }
    assert_non_null(error->details);
    assert_null(error->details->next);
    assert_string_equal(error->details->field, error->id == ERR_VALIDATION ? "filter" : "total");
    problem_format_fault(error->details, LANGUAGE_EN, &out);
    return out.bytes;
}

struct example {
    const char *text, *expected;
};

static void check_examples(struct arena *arena, const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *printed = parse_and_print(arena, examples[i].text);
        if (strcmp(printed, examples[i].expected) != 0) {
            FAIL("%s\n  is       %s\n  expected %s", examples[i].text, printed,
                 examples[i].expected);
        }
    }
}

#define CHECK(arena, examples) check_examples((arena), (examples), COUNT_OF(examples))

/* --- texts that are filters ------------------------------------------------------------------- */

static void and_precedes_or_and_not_precedes_both(void **state)
{
    static const struct example examples[] = {
        {"name pr", "name pr"},
        {"name pr and size pr or active pr", "(or (and name pr, size pr), active pr)"},
        {"name pr or size pr and active pr", "(or name pr, (and size pr, active pr))"},
        {"(name pr or size pr) and active pr", "(and (or name pr, size pr), active pr)"},
        {"not (name pr) and size pr", "(and (not name pr), size pr)"},
        {"not (name pr and size pr) or at pr", "(or (not (and name pr, size pr)), at pr)"},
        {"not (not (name pr))", "(not (not name pr))"},
        {"name pr and size pr and at pr", "(and (and name pr, size pr), at pr)"},
        {"((((((((name pr))))))))", "name pr"},
    };
    CHECK(*state, examples);
}

static void case_and_blanks_are_ignored(void **state)
{
    static const struct example examples[] = {
        {"  NAME\tEQ \r\n\"x\"  ", "name eq 'x'"},
        {"NOT(Name Pr)AND(sIZE Gt 5)", "(and (not name pr), size gt 5)"},
        {"name eq\"x\"or size eq 5", "(or name eq 'x', size eq 5)"},
        {"active eq TRUE", "active eq true"},
        {"Notes-2_B pr", "notes-2_b pr"},
    };
    CHECK(*state, examples);
}

static void strings_are_those_of_json(void **state)
{
    static const struct example examples[] = {
        {"name co \"\"", "name co ''"},
        {"name eq \"a\\\"b\\\\c\\/d\"", "name eq 'a\"b\\c/d'"},
        {"name eq \"\\b\\f\\n\\r\\t\"", "name eq '\b\f\n\r\t'"},
        {"name eq \"\\u0041\\u00e9\\u044F\\u20AC\"", "name eq 'Aéя€'"},
        {"name eq \"\\uD83D\\uDE00\"", "name eq '😀'"},
        {"name eq \"and (or) not\"", "name eq 'and (or) not'"},
        {"name eq \"я \\\\\"", "name eq 'я \\'"},
        {"tags sw \"x\"", "tags sw 'x'"},
        {"boss ne \"CN=x,DC=y\" or boss pr", "(or boss ne 'CN=x,DC=y', boss pr)"},
    };
    CHECK(*state, examples);
}

static void numbers_are_exact(void **state)
{
    static const struct example examples[] = {
        {"size eq 9007199254740993", "size eq 9007199254740993"},
        {"size ge -9223372036854775808", "size ge -9223372036854775808"},
        {"size le 9223372036854775807", "size le 9223372036854775807"},
        {"size lt 50e-1", "size lt 5"},
        {"amount eq 0.1", "amount eq 10"},
        {"amount gt 90071992547409.93", "amount gt 9007199254740993"},
    };
    CHECK(*state, examples);
}

static void comparison_with_null_is_presence(void **state)
{
    static const struct example examples[] = {
        {"name eq null", "(not name pr)"},
        {"name ne null", "name pr"},
        {"active eq NULL", "(not active pr)"},
        {"size ne null", "size pr"},
    };
    CHECK(*state, examples);
}

/* 2026-06-01 is the day that begins at 1780272000000 ms. */
static void date_is_replaced_by_its_moments(void **state)
{
    static const struct example examples[] = {
        {"at lt \"2026-06-01T00:00:00.500Z\"", "at lt 1780272000500"},
        {"at eq \"2026-06-01T03:00:00+03:00\"", "at eq 1780272000000"},
        {"at ne \"2026-06-01T00:00:00Z\"", "at ne 1780272000000"},
        {"at lt \"2026-06-01\"", "at lt 1780272000000"},
        {"at ge \"2026-06-01\"", "at ge 1780272000000"},
        {"at le \"2026-06-01\"", "at lt 1780358400000"},
        {"at gt \"2026-06-01\"", "at ge 1780358400000"},
        {"at eq \"2026-06-01\"", "(and at ge 1780272000000, at lt 1780358400000)"},
        {"at ne \"2026-06-01\"", "(not (and at ge 1780272000000, at lt 1780358400000))"},
        {"at eq null", "(not at pr)"},
    };
    CHECK(*state, examples);
}

static void strings_with_dates_are_ordered(void **state)
{
    static const struct example examples[] = {
        {"day ge \"2026-06-01\"", "day ge '2026-06-01'"},
        {"due lt \"2026-06-01T12:00:00Z\"", "due lt '2026-06-01T12:00:00Z'"},
        {"due lt \"2026-06-01\"", "due lt '2026-06-01'"},
        {"day sw \"2026-\"", "day sw '2026-'"},
        {"day ge \"2026-06-01T12:00:00Z\"",
         "position 8: the field day must be compared with a date or a time in double quotes, such "
         "as \"2026-11-20\" or \"2026-11-20T12:34:56Z\""},
        {"due eq \"soon\"",
         "position 8: the field due must be compared with a date or a time in double quotes, such "
         "as \"2026-11-20\" or \"2026-11-20T12:34:56Z\""},
    };
    CHECK(*state, examples);
}

/* --- texts that are not ----------------------------------------------------------------------- */

#define NO_FIELD "expected the name of a field, `not` or an opening parenthesis"
#define NO_VALUE "expected a string in double quotes, a number, true, false or null"
#define NO_LOGIC "expected `and`, `or`, a closing parenthesis or the end of the filter"
#define ESCAPE "this character or escape sequence is not allowed in a JSON string"

static void malformed_filter_is_refused(void **state)
{
    static const struct example examples[] = {
        {"", "position 1: " NO_FIELD},
        {"  ", "position 3: " NO_FIELD},
        {"()", "position 2: " NO_FIELD},
        {"\"name\" eq \"x\"", "position 1: " NO_FIELD},
        {"name eq \"я\" and", "position 16: " NO_FIELD},
        {"name eq", "position 8: " NO_VALUE},
        {"name eq yes", "position 9: " NO_VALUE},
        {"name eq )", "position 9: " NO_VALUE},
        {"name pr size pr", "position 9: " NO_LOGIC},
        {"name pr)", "position 8: " NO_LOGIC},
        {"name eq \"x\" \"y\"", "position 13: " NO_LOGIC},
        {"(name pr", "position 1: this parenthesis is not closed"},
        {"name pr and (size pr", "position 13: this parenthesis is not closed"},
        {"not name pr", "position 5: `not` must be followed by an opening parenthesis"},
        {"name eq \"x", "position 9: the string has no closing quotation mark"},
        {"name eq \"x\\\"", "position 9: the string has no closing quotation mark"},
        {"name eq \"a\\q\"", "position 11: " ESCAPE},
        {"name eq \"a\nb\"", "position 11: " ESCAPE},
        {"name eq \"\\u12G4\"", "position 10: " ESCAPE},
        {"name eq \"\\u123\"", "position 10: " ESCAPE},
        {"name eq \"\\u0000\"", "position 10: " ESCAPE},
        {"name eq \"\\uD83D\"", "position 10: " ESCAPE},
        {"name eq \"\\uD83D\\u0041\"", "position 10: " ESCAPE},
        {"name eq \"\\uDE00\"", "position 10: " ESCAPE},
        {"name is \"x\"", "position 6: expected an operator: eq ne co sw ew pr gt ge lt le"},
        {"name eq \xFF", "must be correctly encoded UTF-8"},
    };
    CHECK(*state, examples);
}

static void unknown_field_lists_the_available_ones(void **state)
{
#define AVAILABLE                                                                                  \
    "; available fields: name, size, amount, active, at, day, due, seen, tags, "                   \
    "notes-2_b, boss"
    static const struct example examples[] = {
        {"colour pr", "position 1: unknown field colour" AVAILABLE},
        {"name pr or цвет pr", "position 12: unknown field цвет" AVAILABLE},
        {"secret pr", "position 1: unknown field secret" AVAILABLE},
        {"column pr", "position 1: unknown field column" AVAILABLE},
        {"emails.type eq \"x\"",
         "position 1: complex attributes (emails[type eq \"work\"], name.familyName) are not "
         "supported"},
        {"emails[type eq \"x\"]",
         "position 1: complex attributes (emails[type eq \"work\"], name.familyName) are not "
         "supported"},
        {"total eq 5", "position 1: the field is computed when it is read, or stored as a list"},
    };
    CHECK(*state, examples);
}

static void operator_and_value_fit_the_field(void **state)
{
    static const struct example examples[] = {
        {"name gt \"x\"", "position 6: the operator gt cannot be used with the field name"},
        {"active lt true", "position 8: the operator lt cannot be used with the field active"},
        {"size co 5", "position 6: the operator co cannot be used with the field size"},
        {"seen sw \"2026-\"", "position 6: the operator sw cannot be used with the field seen"},
        {"seen co \"T\"", "position 6: the operator co cannot be used with the field seen"},
        {"boss co \"x\"", "position 6: the operator co cannot be used with the field boss"},
        {"boss eq 5", "position 9: the field boss must be compared with a string in double quotes"},
        {"tags ge \"x\"", "position 6: the operator ge cannot be used with the field tags"},
        {"size gt null", "position 9: only eq and ne compare with null, not gt"},
        {"name eq 5", "position 9: the field name must be compared with a string in double quotes"},
        {"name eq true",
         "position 9: the field name must be compared with a string in double quotes"},
        {"size eq \"5\"", "position 9: the field size must be compared with a number"},
        {"size eq 5x", "position 9: the field size must be compared with a number"},
        {"size eq true", "position 9: the field size must be compared with a number"},
        {"active eq \"true\"", "position 11: the field active must be compared with true or false"},
        {"active eq 1", "position 11: the field active must be compared with true or false"},
        {"size eq 5.5",
         "position 9: the field size has no such numbers: it is too large or has too many decimal "
         "places"},
        {"amount eq 0.001",
         "position 11: the field amount has no such numbers: it is too large or has too many "
         "decimal places"},
        {"size eq 9223372036854775808",
         "position 9: the field size has no such numbers: it is too large or has too many decimal "
         "places"},
        {"at eq \"2026-02-29\"", "position 7: the field at must be compared with a date or a time "
                                 "in double quotes, such as "
                                 "\"2026-11-20\" or \"2026-11-20T12:34:56Z\""},
    };
    CHECK(*state, examples);
}

/* Returns `count` copies of the text. */
static const char *repeat(struct arena *arena, const char *text, size_t count)
{
    struct buffer out = {.arena = arena};
    while (count--) {
        buffer_add_string(&out, text);
    }
    return out.bytes;
}

static void limits_are_exact(void **state)
{
    struct arena *arena = *state;
    const struct filter *filter;
    const char *terms = arena_format(arena, "%sname pr", repeat(arena, "name pr or ", 31));
    assert_null(filter_parse(arena, terms, fields, &filter));
    terms = arena_format(arena, "name pr or %s", terms);
    assert_string_equal(parse_and_print(arena, terms),
                        "position 353: a filter has at most 32 terms");
    const char *deep =
        arena_format(arena, "%sname pr%s", repeat(arena, "not (", 8), repeat(arena, ")", 8));
    assert_null(filter_parse(arena, deep, fields, &filter));
    assert_string_equal(parse_and_print(arena, arena_format(arena, "(%s)", deep)),
                        "position 41: parentheses are nested at most 8 deep");
    const char *longest = arena_format(arena, "name eq \"%s\"", repeat(arena, "я", 1990));
    assert_null(filter_parse(arena, longest, fields, &filter));
    assert_string_equal(parse_and_print(arena, arena_format(arena, "%s ", longest)),
                        "must have at most 2000 characters");
}

/* --- random filters --------------------------------------------------------------------------- */

static unsigned random_state = 19;

/* Appends a random filter to `text`, and the tree that it must have to `tree`. `binding` is that of
 * the operator around it: 0 none, 1 or, 2 and. */
static void append_random(struct buffer *text, struct buffer *tree, int depth, int binding)
{
    int choice = depth ? rand_r(&random_state) % 5 : 0;
    if (choice <= 1) {
        int number = rand_r(&random_state) % 100;
        buffer_format(text, "%s %s %d", rand_r(&random_state) % 2 ? "size" : "SIZE",
                      rand_r(&random_state) % 2 ? "ge" : "Ge", number);
        buffer_format(tree, "size ge %d", number);
        return;
    }
    int own = choice == 2 ? 3 : choice == 3 ? 2 : 1;
    bool parentheses = own < binding || (own == binding && own < 3) || choice == 2;
    buffer_add_string(text, choice == 2 ? "not (" : parentheses ? "(" : "");
    buffer_add_string(tree, choice == 2 ? "(not " : choice == 3 ? "(and " : "(or ");
    append_random(text, tree, depth - 1, choice == 2 ? 0 : own);
    if (choice != 2) {
        buffer_add_string(text, choice == 3 ? " and " : " or ");
        buffer_add_string(tree, ", ");
        append_random(text, tree, depth - 1, own);
    }
    buffer_add_string(text, parentheses ? ")" : "");
    buffer_add_char(tree, ')');
}

static void random_filters_have_the_expected_tree(void **state)
{
    struct arena *arena = *state;
    for (int i = 0; i < 2000; i++) {
        struct buffer text = {.arena = arena}, tree = {.arena = arena};
        append_random(&text, &tree, 4, 0);
        assert_string_equal(parse_and_print(arena, text.bytes), tree.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(and_precedes_or_and_not_precedes_both),
        ARENA_TEST(case_and_blanks_are_ignored),
        ARENA_TEST(strings_are_those_of_json),
        ARENA_TEST(numbers_are_exact),
        ARENA_TEST(comparison_with_null_is_presence),
        ARENA_TEST(date_is_replaced_by_its_moments),
        ARENA_TEST(strings_with_dates_are_ordered),
        ARENA_TEST(malformed_filter_is_refused),
        ARENA_TEST(unknown_field_lists_the_available_ones),
        ARENA_TEST(operator_and_value_fit_the_field),
        ARENA_TEST(limits_are_exact),
        ARENA_TEST(random_filters_have_the_expected_tree),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
