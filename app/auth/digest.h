/* Digest: SHA-256 (FIPS 180-4), in the form of which secrets are kept. */
#ifndef AUTH_DIGEST_H
#define AUTH_DIGEST_H

#include <stddef.h>

struct arena;

enum { DIGEST_SIZE = 32 }; /* bytes */

const unsigned char *digest_of(struct arena *arena, const void *bytes, size_t length)
    __attribute__((returns_nonnull));

#endif
