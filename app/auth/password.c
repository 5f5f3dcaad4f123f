/* See password.h. */
#include "auth/password.h"

#include "base/arena.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

bool secret_equal(const char *one, const char *other)
{
    /* Digests have one length, so that not even the length of the secret shows in the time. */
    unsigned char digest[SHA256_DIGEST_LENGTH], other_digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)one, strlen(one), digest);
    SHA256((const unsigned char *)other, strlen(other), other_digest);
    return CRYPTO_memcmp(digest, other_digest, sizeof digest) == 0;
}

bool password_verify(const char *stored, const char *password)
{
    if (*stored != '$') {
        return secret_equal(stored, password);
    }
    struct crypt_data *data = must_alloc(sizeof *data); /* 32 KiB: too much for a stack frame */
    const char *hash = crypt_r(password, stored, data);
    bool same = hash && *hash != '*' && secret_equal(stored, hash);
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return same;
}
