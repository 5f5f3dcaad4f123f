/*
 * Builds forged JSON Web Tokens as an attacker would: any header and any claims, signed with any
 * hash and any key (RFC 7515 3.1), without the library that verifies them.
 */
#ifndef TESTS_UNIT_FORGE_H
#define TESTS_UNIT_FORGE_H

#include "base/arena.h"
#include "base/buffer.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* Appends the bytes in base64url without padding (RFC 4648 5). */
static inline void forge_base64(struct buffer *out, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < length; i += 3) {
        unsigned group = (unsigned)bytes[i] << 16;
        group |= i + 1 < length ? (unsigned)bytes[i + 1] << 8 : 0;
        group |= i + 2 < length ? bytes[i + 2] : 0;
        size_t count = length - i < 3 ? length - i + 1 : 4;
        for (size_t j = 0; j < count; j++) {
            buffer_add_char(out, digits[group >> (18 - 6 * j) & 63]);
        }
    }
}

/* Returns header.claims.signature; the signature is empty if `hash` is NULL. */
static inline char *forge_token(struct arena *arena, const EVP_MD *hash, const char *key,
                                const char *header, const char *claims, size_t claims_length)
{
    struct buffer token = {.arena = arena};
    unsigned char signature[EVP_MAX_MD_SIZE] = {0};
    unsigned size = 0;
    forge_base64(&token, (const unsigned char *)header, strlen(header));
    buffer_add_char(&token, '.');
    forge_base64(&token, (const unsigned char *)claims, claims_length);
    if (hash && HMAC(hash, key, (int)strlen(key), (const unsigned char *)token.bytes, token.length,
                     signature, &size)) {
        buffer_add_char(&token, '.');
        forge_base64(&token, signature, size);
    } else {
        buffer_add_char(&token, '.');
    }
    return token.bytes;
}

#endif
