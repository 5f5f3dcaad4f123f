/*
 * Fuzzes searches for directory entries: evaluates the filter of a search on entries. The filter
 * must match an entry that has the words in any order, in NFC or NFD, and with е instead of ё, and
 * must not match an entry without the words. The input cannot change the structure of the filter.
 */
#include "fuzz.h"

#include "base/buffer.h"
#include "base/fold.h"
#include "base/words.h"
#include "directory/name_search.h"

#include <unicode/ucasemap.h>

enum { FILTER_BYTES_MAX = 1024 * 1024, DEPTH_MAX = 5, TEXT_MAX = 256, YO_BYTES = 2 };

/* An entry has two attributes, "a" and "b". */
struct entry {
    const char *a, *b;
};

static const char *const attributes[] = {"a", "b", NULL};

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c);
    FUZZ_CHECK(c && at);
    return (int)(at - digits);
}

/* Reads the next part of a value, up to "*" or ")", without its escapes. */
static char *read_part(struct arena *arena, const char **filter)
{
    struct buffer part = {.arena = arena};
    buffer_add(&part, "", 0);
    for (; **filter != '*' && **filter != ')'; ++*filter) {
        char c = **filter;
        FUZZ_CHECK(c && c != '(');
        if (c == '\\') {
            c = (char)(hex_value((*filter)[1]) << 4 | hex_value((*filter)[2]));
            *filter += 2;
        }
        buffer_add_char(&part, c);
    }
    return part.bytes;
}

/* Evaluates "a=*part*part*)", the rest of a filter after "(": the value must have the parts in this
 * order. */
static bool match_attribute(struct arena *arena, const struct entry *entry, const char **filter)
{
    FUZZ_CHECK((*filter)[0] == 'a' || (*filter)[0] == 'b');
    FUZZ_CHECK((*filter)[1] == '=' && (*filter)[2] == '*');
    const char *rest = (*filter)[0] == 'a' ? entry->a : entry->b;
    bool matches = true;
    *filter += 3;
    while (**filter != ')') {
        const char *part = read_part(arena, filter);
        FUZZ_CHECK(*part && **filter == '*'); /* no empty part, and "*" at the end */
        ++*filter;
        rest = matches ? strstr(rest, part) : NULL;
        matches = rest;
        rest = rest ? rest + strlen(part) : NULL;
    }
    ++*filter;
    return matches;
}

static bool match_filter(struct arena *arena, const struct entry *entry, const char **filter,
                         int depth)
{
    FUZZ_CHECK(**filter == '(' && depth <= DEPTH_MAX);
    ++*filter;
    if (**filter != '&' && **filter != '|') {
        return match_attribute(arena, entry, filter);
    }
    bool all = *(*filter)++ == '&', matches = all;
    while (**filter != ')') {
        bool next = match_filter(arena, entry, filter, depth + 1);
        matches = all ? matches && next : matches || next;
    }
    ++*filter;
    return matches;
}

static const char *ignore_case(struct arena *arena, const char *text)
{
    enum { GROWTH_MAX = 3 }; /* of a character, in the Unicode file CaseFolding.txt */
    UErrorCode code = U_ZERO_ERROR;
    int32_t size = (int32_t)strlen(text) * GROWTH_MAX + 1;
    char *folded = arena_alloc(arena, (size_t)size);
    UCaseMap *map = ucasemap_open("", U_FOLD_CASE_DEFAULT, &code);
    ucasemap_utf8FoldCase(map, folded, size, text, -1, &code);
    FUZZ_CHECK(U_SUCCESS(code));
    ucasemap_close(map);
    return folded;
}

/* Evaluates the filter on an entry with these values as the directory does: ignores case. */
static bool matches(struct arena *arena, const char *filter, const char *a, const char *b)
{
    const struct entry entry = {ignore_case(arena, a), ignore_case(arena, b)};
    const char *at = ignore_case(arena, filter);
    bool matched = match_filter(arena, &entry, &at, 0);
    FUZZ_CHECK(!*at);
    return matched;
}

static const char *replace_yo(struct arena *arena, const char *text)
{
    struct buffer out = {.arena = arena};
    buffer_add(&out, "", 0);
    while (*text) {
        bool is_yo = !strncmp(text, "ё", YO_BYTES) || !strncmp(text, "Ё", YO_BYTES);
        buffer_add(&out, is_yo ? "е" : text, is_yo ? YO_BYTES : 1);
        text += is_yo ? YO_BYTES : 1;
    }
    return out.bytes;
}

/* True if the words are parts of the text: false for numbers and separators, which are searched for
 * as they were typed. */
static bool is_split(struct arena *arena, const char *text, const struct name_search *search)
{
    struct words words;
    words_begin(&words, arena, text);
    for (size_t i = 0; i < search->count; i++) {
        const char *word = words_next(&words);
        if (!word || strcmp(word, search->words[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* Checks entries that have the words in one attribute, in reverse order, or distributed over both
 * attributes. */
static void check_matches(struct arena *arena, const char *text, const struct name_search *search,
                          const char *filter)
{
    struct buffer all = {.arena = arena}, odd = {.arena = arena}, even = {.arena = arena};
    buffer_add(&odd, "", 0);
    buffer_add(&even, "", 0);
    buffer_add_string(&all, "x");
    for (size_t i = search->count; i-- > 0;) {
        buffer_format(&all, "%s y", search->words[i]);
        buffer_format(i % 2 ? &odd : &even, " %s", search->words[i]);
    }
    FUZZ_CHECK(matches(arena, filter, all.bytes, ""));
    FUZZ_CHECK(matches(arena, filter, odd.bytes, even.bytes));
    if (is_split(arena, text, search)) {
        const char *without_yo = replace_yo(arena, all.bytes);
        FUZZ_CHECK(matches(arena, filter, fold_decompose(arena, all.bytes), ""));
        FUZZ_CHECK(matches(arena, filter, "", without_yo));
        FUZZ_CHECK(matches(arena, filter, fold_decompose(arena, without_yo), ""));
    }
}

static void check_search(struct arena *arena, const char *text)
{
    struct name_search search;
    name_search_parse(&search, arena, text);
    FUZZ_CHECK(search.count <= NAME_SEARCH_WORDS_MAX);
    const char *filter =
        name_search_filter(arena, "(&)", attributes, &search, NAME_SEARCH_WORDS_MAX);
    FUZZ_CHECK(strlen(filter) <= FILTER_BYTES_MAX && utf8_valid(filter, strlen(filter)));
    FUZZ_CHECK(matches(arena, filter, "", "") == !search.count);
    check_matches(arena, text, &search, filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size < TEXT_MAX ? size : TEXT_MAX);
    if (utf8_valid(text, strlen(text))) {
        check_search(arena, text);
    }
    free(text);
    arena_free(&arena);
    return 0;
}
