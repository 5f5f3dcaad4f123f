/*
 * Fuzzes the splitter of words. Words are not empty and have no blanks; a word splits into itself;
 * and the words stay the same if they are split again, or if the text is decomposed (NFD) or has
 * invisible characters in every place.
 */
#include "base/buffer.h"
#include "base/words.h"
#include "fuzz.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum { EXPANSION_MAX = 4 /* growth of a text by NFD, in UTF-16 */, BYTES_MAX = 3 };

/* Returns the words of the text, each followed by a space. */
static const char *join_words(struct arena *arena, const char *text)
{
    struct buffer joined = {.arena = arena};
    struct words words;
    buffer_add(&joined, "", 0);
    words_begin(&words, arena, text);
    for (const char *word; (word = words_next(&words));) {
        FUZZ_CHECK(*word && utf8_valid(word, strlen(word)) && !strpbrk(word, " \t\r\n\",;()[]{}"));
        buffer_format(&joined, "%s ", word);
    }
    return joined.bytes;
}

static const char *decompose(struct arena *arena, const char *text)
{
    UErrorCode code = U_ZERO_ERROR;
    int32_t length = (int32_t)strlen(text), count = 0;
    UChar *units = arena_array(arena, (size_t)length + 1, sizeof *units);
    u_strFromUTF8(units, length + 1, &count, text, length, &code);
    int32_t size = count * EXPANSION_MAX + 1;
    UChar *apart = arena_array(arena, (size_t)size, sizeof *apart);
    count = unorm2_normalize(unorm2_getNFDInstance(&code), units, count, apart, size, &code);
    char *out = arena_array(arena, (size_t)count + 1, BYTES_MAX);
    u_strToUTF8(out, count * BYTES_MAX + 1, NULL, apart, count, &code);
    FUZZ_CHECK(U_SUCCESS(code));
    return out;
}

/* Inserts an invisible character at both ends and between all characters. */
static const char *insert_invisible(struct arena *arena, const char *text)
{
    static const char *const invisible[] = {"\u00ad", "\u200b", "\ufeff", "\u034f", "\u2060"};
    struct buffer out = {.arena = arena};
    size_t length = strlen(text), kind = 0;
    buffer_add_string(&out, invisible[0]);
    for (size_t at = 0; at < length;) {
        size_t start = at;
        utf8_next(text, length, &at);
        buffer_add(&out, text + start, at - start);
        buffer_add_string(&out, invisible[kind++ % (sizeof invisible / sizeof *invisible)]);
    }
    return out.bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size);
    if (utf8_valid(text, strlen(text))) {
        const char *joined = join_words(arena, text);
        FUZZ_CHECK(!strcmp(join_words(arena, joined), joined));
        FUZZ_CHECK(!strcmp(join_words(arena, decompose(arena, text)), joined));
        FUZZ_CHECK(!strcmp(join_words(arena, insert_invisible(arena, text)), joined));
    }
    free(text);
    arena_free(&arena);
    return 0;
}
