/* See digest.h. */
#include "auth/digest.h"

#include "base/arena.h"
#include "base/log.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void abort_without(const char *algorithm)
{
    log_error("OpenSSL: cannot compute %s", algorithm);
    abort();
}

/* Keeps the algorithm and a context, because each request with an API key needs a digest, and
 * finding the algorithm takes longer than computing the digest. */
const unsigned char *digest_sha256(struct arena *arena, const void *bytes, size_t length)
{
    static EVP_MD *algorithm;
    static EVP_MD_CTX *context;
    _Static_assert((int)DIGEST_SIZE == SHA256_DIGEST_LENGTH, "size of a SHA-256 digest");
    unsigned char *digest = arena_alloc(arena, DIGEST_SIZE);
    if (!context) {
        algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
        context = EVP_MD_CTX_new();
    }
    if (!algorithm || !context || !EVP_DigestInit_ex2(context, algorithm, NULL) ||
        !EVP_DigestUpdate(context, bytes, length) || !EVP_DigestFinal_ex(context, digest, NULL)) {
        abort_without("SHA-256");
    }
    return digest;
}

/* The HMAC context and the key that it is initialized with. A process hardly ever changes its key,
 * and initializing a context takes ten times as long as computing an HMAC. */
static struct {
    EVP_MAC_CTX *context;
    char *key; /* NULL: none yet */
} keyed;

static void set_hmac_key(const char *key)
{
    if (keyed.key && !strcmp(keyed.key, key)) {
        return;
    }
    char algorithm[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, algorithm, 0),
        OSSL_PARAM_construct_end(),
    };
    free(keyed.key);
    keyed.key = base_strdup(key);
    EVP_MAC_CTX_free(keyed.context);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    keyed.context = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac); /* the context holds a reference */
    if (!keyed.context ||
        !EVP_MAC_init(keyed.context, (const unsigned char *)key, strlen(key), parameters)) {
        abort_without("HMAC-SHA256");
    }
}

const unsigned char *digest_hmac(struct arena *arena, const char *key, const void *bytes,
                                 size_t length)
{
    unsigned char *digest = arena_alloc(arena, DIGEST_SIZE);
    size_t size;
    set_hmac_key(key);
    if (!EVP_MAC_init(keyed.context, NULL, 0, NULL) ||
        !EVP_MAC_update(keyed.context, bytes, length) ||
        !EVP_MAC_final(keyed.context, digest, &size, DIGEST_SIZE) || size != DIGEST_SIZE) {
        abort_without("HMAC-SHA256");
    }
    return digest;
}
