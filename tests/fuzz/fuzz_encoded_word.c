/*
 * Fuzzes the decoder of encoded words in file names. A text without the beginning and the end of a
 * word is not changed. The decoded text is at most three times as long, because a character of one
 * byte has up to three bytes in UTF-8.
 */
#include "fuzz.h"
#include "http/encoded_word.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *bytes = arena_copy(arena, (const char *)data, size);
    struct parameter text = {bytes, size}, decoded = {0};
    bool found = encoded_word_decode(arena, &text, &decoded);
    FUZZ_CHECK(!found || (memmem(bytes, size, "=?", 2) && memmem(bytes, size, "?=", 2)));
    FUZZ_CHECK(decoded.length <= 3 * size);
    FUZZ_CHECK(!found || !decoded.bytes[decoded.length]);
    arena_free(&arena);
    return 0;
}
