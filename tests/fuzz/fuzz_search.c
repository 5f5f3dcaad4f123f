/*
 * Fuzzes searches. The parts of an accepted query are case-folded, contain no blanks, and are long
 * enough for a trigram index; and the search text made from the same words contains each part.
 */
#include "fuzz.h"
#include "rest/search.h"

enum { TRIGRAM = 3 };

static size_t count_characters(const char *text)
{
    size_t count = 0, length = strlen(text);
    for (size_t at = 0; at < length; count++) {
        FUZZ_CHECK(utf8_next(text, length, &at) >= 0);
    }
    return count;
}

static void check_part(struct arena *arena, const char *part)
{
    const char *word = part + strspn(part, " ");
    FUZZ_CHECK(utf8_valid(part, strlen(part)));
    FUZZ_CHECK(count_characters(part) >= TRIGRAM);
    FUZZ_CHECK(*word && !strpbrk(word, " \t\r\n"));
    FUZZ_CHECK(part == word || (word == part + 2 && count_characters(word) < TRIGRAM));
    FUZZ_CHECK(!strcmp(utf8_fold_text(arena, part), part));
}

/* Checks that the search text made of the query, as of a contact's name and phone number,
 * contains each part. */
static void check_found(struct arena *arena, const char *text, const char *const *parts)
{
    struct buffer search_text = {.arena = arena};
    buffer_add(&search_text, "", 0);
    search_add(&search_text, "Анна");
    search_add(&search_text, text);
    search_add_digits(&search_text, text);
    FUZZ_CHECK(utf8_valid(search_text.bytes, search_text.length));
    for (size_t i = 0; i < SEARCH_WORDS; i++) {
        FUZZ_CHECK(strstr(search_text.bytes, parts[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size);
    const char *parts[SEARCH_WORDS] = {NULL};
    if (utf8_valid(text, strlen(text))) {
        const struct error *error = search_parse(arena, text, parts);
        FUZZ_CHECK(!error || (error->id == ERR_VALIDATION && error->details));
        for (size_t i = 0; i < SEARCH_WORDS && !error; i++) {
            check_part(arena, parts[i]);
        }
        if (!error) {
            check_found(arena, text, parts);
        }
    }
    free(text);
    arena_free(&arena);
    return 0;
}
