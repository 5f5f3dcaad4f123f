/* See sigv4.h. */
#include "objects/sigv4.h"

#include "base/arena.h"
#include "base/random.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OWN_PARAMETERS = 5,
    TIME_SIZE = sizeof "20130524T000000Z",
    DATE_LENGTH = sizeof "20130524" - 1,
    HEX_SIZE = 2 * SHA256_DIGEST_LENGTH + 1,
};

static const char algorithm[] = "AWS4-HMAC-SHA256";

void sigv4_encode(struct buffer *buffer, const char *text)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (strchr(unreserved, *text)) {
            buffer_add_char(buffer, *text);
        } else {
            buffer_format(buffer, "%%%02X", (unsigned char)*text);
        }
    }
}

static int compare_parameters(const void *a, const void *b)
{
    return strcmp(((const struct sigv4_parameter *)a)->name,
                  ((const struct sigv4_parameter *)b)->name);
}

char *sigv4_query(struct arena *arena, const struct sigv4_parameter *parameters, size_t count)
{
    struct sigv4_parameter *sorted = arena_array(arena, count, sizeof *sorted);
    struct buffer query = {.arena = arena};
    memcpy(sorted, parameters, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_parameters);
    buffer_add(&query, "", 0);
    for (size_t i = 0; i < count; i++) {
        buffer_add_string(&query, i ? "&" : "");
        sigv4_encode(&query, sorted[i].name);
        buffer_add_char(&query, '=');
        sigv4_encode(&query, sorted[i].value);
    }
    return query.bytes;
}

/* --- signing ---------------------------------------------------------------------------------- */

static bool compute_hmac(const unsigned char *key, size_t key_length, const char *text,
                         unsigned char digest[SHA256_DIGEST_LENGTH])
{
    return HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text, strlen(text),
                digest, NULL) != NULL;
}

/* Signs the text with the key that is derived for the date, the region and the service. */
static bool sign_text(struct arena *arena, const struct sigv4_key *key, const char *date,
                      const char *text, char signature[HEX_SIZE])
{
    char *secret = arena_format(arena, "AWS4%s", key->secret);
    const char *const scope[] = {date, key->region, "s3", "aws4_request", text};
    unsigned char digest[SHA256_DIGEST_LENGTH], next[SHA256_DIGEST_LENGTH];
    bool succeeded = compute_hmac((const unsigned char *)secret, strlen(secret), scope[0], digest);
    for (size_t i = 1; i < sizeof scope / sizeof *scope && succeeded; i++) {
        succeeded = compute_hmac(digest, sizeof digest, scope[i], next);
        memcpy(digest, next, sizeof digest);
    }
    random_format_hex(digest, sizeof digest, signature);
    return succeeded;
}

/* Returns the query string: the request's own parameters and those of the signature. */
static const char *build_signed_query(struct arena *arena, const struct sigv4_key *key,
                                      const char *scope, const char *moment,
                                      const struct sigv4_request *request)
{
    const struct sigv4_parameter own_parameters[OWN_PARAMETERS] = {
        {"X-Amz-Algorithm", algorithm},
        {"X-Amz-Credential", arena_format(arena, "%s/%s", key->id, scope)},
        {"X-Amz-Date", moment},
        {"X-Amz-Expires", arena_format(arena, "%" PRId64, request->seconds)},
        {"X-Amz-SignedHeaders", "host"},
    };
    size_t count = request->parameter_count;
    struct sigv4_parameter *all = arena_array(arena, OWN_PARAMETERS + count, sizeof *all);
    memcpy(all, own_parameters, sizeof own_parameters);
    for (size_t i = 0; i < count; i++) {
        all[OWN_PARAMETERS + i] = request->parameters[i];
    }
    return sigv4_query(arena, all, OWN_PARAMETERS + count);
}

struct error *sigv4_presign(struct arena *arena, const struct sigv4_key *key,
                            const struct sigv4_request *request, const char **url_r)
{
    char moment[TIME_SIZE], hash[HEX_SIZE], signature[HEX_SIZE];
    unsigned char digest[SHA256_DIGEST_LENGTH];
    time_t seconds = (time_t)request->signed_at;
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) ||
        strftime(moment, sizeof moment, "%Y%m%dT%H%M%SZ", &parts) != sizeof moment - 1) {
        return error_new(arena, ERR_INTERNAL, "SigV4: cannot format the signing time");
    }
    const char *date = arena_copy(arena, moment, DATE_LENGTH);
    const char *scope = arena_format(arena, "%s/%s/s3/aws4_request", date, key->region);
    const char *query = build_signed_query(arena, key, scope, moment, request);
    const char *canonical = arena_format(arena, "GET\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD",
                                         request->path, query, request->host);
    SHA256((const unsigned char *)canonical, strlen(canonical), digest);
    random_format_hex(digest, sizeof digest, hash);
    const char *text = arena_format(arena, "%s\n%s\n%s\n%s", algorithm, moment, scope, hash);
    if (!sign_text(arena, key, date, text, signature)) {
        return error_new(arena, ERR_INTERNAL, "SigV4: HMAC failed");
    }
    *url_r = arena_format(arena, "%s://%s%s?%s&X-Amz-Signature=%s", request->scheme, request->host,
                          request->path, query, signature);
    return NULL;
}
