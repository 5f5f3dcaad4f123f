/* See digest.h. */
#include "auth/digest.h"

#include "base/arena.h"

#include <openssl/sha.h>

const unsigned char *digest_of(struct arena *arena, const void *bytes, size_t length)
{
    _Static_assert((int)DIGEST_SIZE == SHA256_DIGEST_LENGTH, "one length");
    unsigned char *digest = arena_alloc(arena, DIGEST_SIZE);
    SHA256(bytes, length, digest);
    return digest;
}
