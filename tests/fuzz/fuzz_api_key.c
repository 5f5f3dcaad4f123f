/*
 * Fuzzes the check of API keys. A text is well-formed only if it has the length, the characters and
 * the checksum of a secret; then no text that differs from it in one character is. Every secret
 * that is made of the input's bytes is well-formed with one checksum only.
 */
#include "auth/api_key.h"
#include "base/arena.h"
#include "base/scope.h"
#include "fuzz.h"

#include <ctype.h>
#include <string.h>

static void check_neighbors(char *text)
{
    for (size_t i = 0; i < API_KEY_LENGTH; i++) {
        char kept = text[i];
        text[i] = kept == 'x' ? 'y' : 'x';
        FUZZ_CHECK(!api_key_is_well_formed(text));
        text[i] = kept;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size);
    if (api_key_is_well_formed(text)) {
        FUZZ_CHECK(strlen(text) == API_KEY_LENGTH && api_key_is_meant(text));
        for (const char *c = text + strlen("kontora_"); *c; c++) {
            FUZZ_CHECK((unsigned char)*c < 0x80 && isalnum((unsigned char)*c));
        }
        check_neighbors(text);
    }
    uint64_t scopes = scope_read_lines(text);
    FUZZ_CHECK(scope_read_lines(scope_lines(arena, scopes)) == scopes);
    FUZZ_CHECK(!(scopes & (SCOPE_BIT(SCOPE_FIRST) - 1)) && !(scopes >> SCOPE_COUNT));
    free(text);
    arena_free(&arena);
    return 0;
}
