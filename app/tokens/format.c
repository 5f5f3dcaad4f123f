/* See format.h. */
#include "tokens/format.h"

#include "auth/digest.h"
#include "base/arena.h"
#include "base/number.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_DIGITS = 6,
    SECRET_DIGITS = 22, /* base-62 digits: RFC 6749 10.10 requires at least 128 bits */
    TOKEN_LENGTH = NUMBER_DIGITS + 1 + SECRET_DIGITS,
    NUMBER_END = 1000 * 1000,
    BASE62 = 62,
    NUMBER_SIZE = 3,  /* stored bytes of the number */
    DIGEST_KEPT = 16, /* stored bytes of the digest: RFC 2104 5 allows truncating it to half */
};

const char *tokens_format_generate(struct arena *arena, int64_t now_ms)
{
    struct random_source source = {.left = 0};
    char *token = arena_alloc(arena, TOKEN_LENGTH + 1);
    int64_t number = now_ms % NUMBER_END;
    for (size_t at = NUMBER_DIGITS; at--; number /= DECIMAL) {
        token[at] = (char)('0' + number % DECIMAL);
    }
    token[NUMBER_DIGITS] = ':';
    random_digits(&source, token + NUMBER_DIGITS + 1, SECRET_DIGITS, BASE62);
    return token;
}

bool tokens_format_matches(const char *text)
{
    for (size_t at = 0; at < TOKEN_LENGTH; at++) {
        char c = text[at];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool fits = at == NUMBER_DIGITS ? c == ':' : digit || (letter && at > NUMBER_DIGITS);
        if (!fits) {
            return false;
        }
    }
    return !text[TOKEN_LENGTH];
}

/* The number comes first, so that tokens that are issued at the same time are adjacent in the
 * index. Without it, each token would change a different page of the index, and a commit would
 * write all of these pages. */
void tokens_format_bind_digest(struct store_query *query, struct arena *arena, const char *key,
                               const char *token)
{
    enum { BYTE_BITS = 8 };
    unsigned char *kept = arena_alloc(arena, NUMBER_SIZE + DIGEST_KEPT);
    unsigned long number = strtoul(token, NULL, DECIMAL);
    for (size_t at = NUMBER_SIZE; at--; number >>= BYTE_BITS) {
        kept[at] = (unsigned char)number;
    }
    memcpy(kept + NUMBER_SIZE, digest_hmac(arena, key, token, strlen(token)), DIGEST_KEPT);
    store_bind_bytes(query, kept, NUMBER_SIZE + DIGEST_KEPT);
}
