/*
 * Fuzzes the forms of names and addresses. Folding a form, or a normalization of the text, returns
 * the form of the text. Blanks at both ends do not change the form. A text has a visible part if
 * and only if its form is not empty.
 */
#include "fuzz.h"

#include "base/fold.h"

typedef char *fold_function(struct arena *arena, const char *text);

static void check_form(struct arena *arena, fold_function *fold, const char *text)
{
    const char *form = fold(arena, text);
    FUZZ_CHECK(utf8_valid(form, strlen(form)));
    FUZZ_CHECK(!strcmp(fold(arena, form), form));
    FUZZ_CHECK(!strcmp(fold(arena, fold_compose(arena, text)), form));
    FUZZ_CHECK(!strcmp(fold(arena, fold_decompose(arena, text)), form));
    FUZZ_CHECK(!strcmp(fold(arena, utf8_trim(arena, text, strlen(text))), form));
    FUZZ_CHECK(!strcmp(fold(arena, arena_format(arena, "\u200B %s\u00A0", text)), form));
}

static void check_visible(struct arena *arena, const char *text)
{
    size_t start, end, length = strlen(text);
    utf8_find_visible_part(text, length, &start, &end);
    FUZZ_CHECK(start <= end && end <= length);
    FUZZ_CHECK((start == end) == !*fold_text(arena, text));
    FUZZ_CHECK(utf8_find_blank(text, length) || (start == 0 && end == length));
    FUZZ_CHECK(!utf8_find_invisible(text, length, true) ||
               utf8_find_invisible(text, length, false));
    FUZZ_CHECK(!utf8_find_invisible(text, length, false) || utf8_find_blank(text, length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size);
    if (utf8_valid(text, strlen(text))) {
        check_form(arena, fold_text, text);
        check_form(arena, fold_address, text);
        check_form(arena, fold_address, arena_format(arena, "a@%s.рф", text));
        check_visible(arena, text);
        (void)fold_has_ascii_variant(text, strlen(text));
    }
    free(text);
    arena_free(&arena);
    return 0;
}
