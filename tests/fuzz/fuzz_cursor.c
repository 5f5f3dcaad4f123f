/*
 * Fuzzes cursors of lists. The first line of the input has the types of the values, the second line
 * the order. A valid cursor has the same values when it is formatted and parsed again.
 */
#include "fuzz.h"

#include "rest/cursor.h"

static size_t read_types(const char *line, struct cursor_value *values)
{
    size_t count = 0;
    for (; *line && count < CURSOR_VALUES_MAX; line++) {
        if (strchr("itk", *line)) {
            values[count++] = (struct cursor_value){.type = (enum cursor_type) * line};
        }
    }
    return count;
}

static void check_same(const struct cursor_value *value, const struct cursor_value *other)
{
    FUZZ_CHECK(value->type == other->type && value->integer == other->integer &&
               value->length == other->length);
    FUZZ_CHECK(value->type != CURSOR_TEXT || !strcmp(value->text, other->text));
    FUZZ_CHECK(value->type != CURSOR_SORT_KEY || !memcmp(value->text, other->text, value->length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct cursor_value values[CURSOR_VALUES_MAX], again[CURSOR_VALUES_MAX];
    char *text = fuzz_string(data, size), *rest = text;
    const char *types = fuzz_line(&rest), *order = fuzz_line(&rest);
    size_t count = read_types(types, values);
    (void)read_types(types, again);
    if (cursor_parse(arena, rest ? rest : "", order, values, count)) {
        const char *cursor = cursor_format(arena, order, values, count);
        FUZZ_CHECK(cursor_parse(arena, cursor, order, again, count));
        for (size_t i = 0; i < count; i++) {
            check_same(&values[i], &again[i]);
        }
        FUZZ_CHECK(!strcmp(cursor, cursor_format(arena, order, again, count)));
    }
    free(text);
    arena_free(&arena);
    return 0;
}
