/*
 * Fuzzes searches. The parts of an accepted search have one spelling and are long enough for a
 * trigram index; a search for a text finds this text; and invisible characters do not change the
 * parts.
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

static void check_part(const char *part)
{
    const char *word = part + strspn(part, " ");
    FUZZ_CHECK(utf8_valid(part, strlen(part)));
    FUZZ_CHECK(count_characters(part) >= TRIGRAM);
    FUZZ_CHECK(count_characters(word) <= SEARCH_WORD_LENGTH);
    FUZZ_CHECK(*word && !strpbrk(word, " \t\r\n()\"/|"));
    FUZZ_CHECK(part == word || (word == part + 2 && count_characters(word) < TRIGRAM));
    FUZZ_CHECK(!strstr(part, "ё"));
}

/* Checks that the search text made of the search contains each part. */
static void check_found(struct arena *arena, const char *text, const char *const *parts)
{
    struct buffer search_text = {.arena = arena};
    buffer_add(&search_text, "", 0);
    search_add(&search_text, "Анна");
    search_add(&search_text, text);
    FUZZ_CHECK(utf8_valid(search_text.bytes, search_text.length));
    for (size_t i = 0; i < SEARCH_WORDS; i++) {
        FUZZ_CHECK(strstr(search_text.bytes, parts[i]));
    }
}

/* Checks that invisible characters at both ends, and in the middle, do not change the parts. */
static void check_invisible(struct arena *arena, const char *text, const char *const *parts)
{
    const char *others[SEARCH_WORDS];
    size_t middle = strlen(text) / 2;
    while (middle && (text[middle] & 0xC0) == 0x80) {
        middle--;
    }
    const char *marked =
        arena_format(arena, "\u202D%.*s\u200B%s\u202C", (int)middle, text, text + middle);
    FUZZ_CHECK(!search_parse(arena, marked, others));
    for (size_t i = 0; i < SEARCH_WORDS; i++) {
        FUZZ_CHECK(!strcmp(parts[i], others[i]));
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
            check_part(parts[i]);
        }
        if (!error) {
            check_found(arena, text, parts);
            check_invisible(arena, text, parts);
        }
    }
    free(text);
    arena_free(&arena);
    return 0;
}
