/* Cursors: a parsed cursor has the values from which it was formatted; other texts are rejected. */
#include "unit.h"

#include "base/arena.h"
#include "base/fold.h"
#include "rest/cursor.h"

static const char order[] = "name,-role";

static const struct cursor_value row[] = {
    {.type = CURSOR_SORT_KEY, .text = "\x00!\xFF\x01", .length = 4},
    {.type = CURSOR_TEXT, .text = "Ё!%\x01 'i5"},
    {.type = CURSOR_INTEGER, .integer = INT64_MIN},
};

/* Parses a cursor whose values have the types of `row`. */
static bool parse_row(struct arena *arena, const char *cursor, struct cursor_value *values)
{
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        values[i] = (struct cursor_value){.type = row[i].type};
    }
    return cursor_parse(arena, cursor, order, values, COUNT_OF(row));
}

static void parsed_cursor_has_the_formatted_values(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct cursor_value values[COUNT_OF(row)];
    assert_true(parse_row(arena, cursor_format(arena, order, row, COUNT_OF(row)), values));
    assert_int_equal(values[0].length, row[0].length);
    assert_memory_equal(values[0].text, row[0].text, row[0].length);
    assert_string_equal(values[1].text, row[1].text);
    assert_int_equal(values[2].integer, row[2].integer);
    arena_free(&arena);
}

static void cursor_with_longest_sort_key_fits_into_cursor_max(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    const struct cursor_value longest[] = {
        {.type = CURSOR_SORT_KEY,
         .text = arena_alloc(arena, FOLD_SORT_KEY_MAX),
         .length = FOLD_SORT_KEY_MAX},
        {.type = CURSOR_INTEGER, .integer = INT64_MIN},
        {.type = CURSOR_INTEGER, .integer = INT64_MIN},
        {.type = CURSOR_INTEGER, .integer = INT64_MIN},
    };
    const char *cursor =
        cursor_format(arena, "-username,-created_at,-account_id", longest, COUNT_OF(longest));
    assert_in_range(strlen(cursor), 2 * FOLD_SORT_KEY_MAX, CURSOR_MAX);
    arena_free(&arena);
}

static void damaged_cursor_is_rejected(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct cursor_value values[COUNT_OF(row)];
    const char *cursor = cursor_format(arena, order, row, COUNT_OF(row));
    const char *number = strrchr(cursor, '!');
    for (size_t length = 0; length <= (size_t)(number + 2 - cursor); length++) {
        assert_false(parse_row(arena, arena_copy(arena, cursor, length), values));
    }
    assert_false(parse_row(arena, arena_format(arena, "%sx", cursor), values));
    assert_false(parse_row(arena, arena_format(arena, "%s!i5", cursor), values));
    assert_false(parse_row(arena, arena_format(arena, "-%s", cursor), values));
    arena_free(&arena);
}

/* Sort keys of different versions cannot be compared. */
static void cursor_with_sort_key_of_other_version_is_rejected(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct cursor_value values[COUNT_OF(row)];
    char *cursor = arena_string(arena, cursor_format(arena, order, row, COUNT_OF(row)));
    char *digit = strstr(cursor, "!k") + strlen("!k");
    *digit = *digit == '0' ? '1' : '0';
    assert_false(parse_row(arena, cursor, values));
    assert_false(parse_row(arena, "name%2C-role!tanna!tOWNER!i5", values));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsed_cursor_has_the_formatted_values),
        cmocka_unit_test(cursor_with_longest_sort_key_fits_into_cursor_max),
        cmocka_unit_test(damaged_cursor_is_rejected),
        cmocka_unit_test(cursor_with_sort_key_of_other_version_is_rejected),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
