/* Digest: SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104), the stored forms of secrets. */
#ifndef AUTH_DIGEST_H
#define AUTH_DIGEST_H

#include <stddef.h>

struct arena;

enum { DIGEST_SIZE = 32 }; /* bytes of a digest */

/* Returns the SHA-256 digest. */
const unsigned char *digest_sha256(struct arena *arena, const void *bytes, size_t length)
    __attribute__((returns_nonnull));

/* Returns the HMAC-SHA256 under a key: for values that an attacker who has read the database could
 * otherwise find by trying. */
const unsigned char *digest_hmac(struct arena *arena, const char *key, const void *bytes,
                                 size_t length) __attribute__((returns_nonnull));

#endif
