/*
 * Fuzzes the grammar of origins. An accepted origin can begin a URL in any context: it has a
 * scheme, a host, and no character that would end a URL or an HTML attribute.
 */
#include "base/origin.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy(arena, (const char *)data, size);
    bool valid = origin_valid(text);
    FUZZ_CHECK(!valid || origin_is_secure(text) || !strncmp(text, "http://", 7));
    if (valid) {
        const char *host = strchr(text, ':') + 3;
        FUZZ_CHECK(*host && !strpbrk(host, "/?#@\\\"'<>`&% \t\r\n"));
        FUZZ_CHECK(strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-_.:[]") == strlen(host));
    }
    arena_free(&arena);
    return 0;
}
