/* Digest: SHA-256 (FIPS 180-4), in the form of which secrets are kept, and HMAC (RFC 2104) with it. */
#ifndef AUTH_DIGEST_H
#define AUTH_DIGEST_H

#include <stddef.h>

struct arena;

enum { DIGEST_SIZE = 32 }; /* bytes */

const unsigned char *digest_of(struct arena *arena, const void *bytes, size_t length)
    __attribute__((returns_nonnull));

/* The same under a key: of what an attacker who has read the database must not even be able to try. */
const unsigned char *digest_keyed(struct arena *arena, const char *key, const void *bytes,
                                  size_t length) __attribute__((returns_nonnull));

#endif
