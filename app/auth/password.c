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

/* The hash of a password in the way of the stored one; the caller ends *data_r with wipe(). */
static const char *hash_like(const char *stored, const char *password, struct crypt_data **data_r)
{
    *data_r = must_alloc(sizeof **data_r); /* 32 KiB: too much for a stack frame */
    const char *hash = crypt_r(password, stored, *data_r);
    return hash && *hash != '*' ? hash : NULL;
}

static void wipe(struct crypt_data *data)
{
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
}

bool password_verify(const char *stored, const char *password)
{
    if (*stored != '$') {
        return secret_equal(stored, password);
    }
    struct crypt_data *data;
    const char *hash = hash_like(stored, password, &data);
    bool same = hash && secret_equal(stored, hash);
    wipe(data);
    return same;
}

bool password_hash_usable(const char *stored)
{
    if (*stored != '$') {
        return true;
    }
    struct crypt_data *data;
    const char *hash = hash_like(stored, "", &data);
    bool whole = hash && strlen(hash) == strlen(stored);
    wipe(data);
    return whole;
}
