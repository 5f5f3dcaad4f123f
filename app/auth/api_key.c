/* See api_key.h. */
#include "auth/api_key.h"

#include "auth/digest.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/folded.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/random.h"
#include "base/scope.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

enum {
    BASE = 62,
    RANDOM_LENGTH = 34,
    CHECKSUM_LENGTH = 6, /* 62^6 is more than 2^32 */
    OLD_DAYS = 365,
    OLD_SHOWN = 10, /* old keys that the warning names */
};

static const char marker[] = "kontora_";

_Static_assert(sizeof marker - 1 + RANDOM_LENGTH + CHECKSUM_LENGTH == API_KEY_LENGTH,
               "length of a secret");

/* --- format ---------------------------------------------------------------------------------- */

/* Writes the checksum of the random characters: digits of base 62, the most significant first. */
static void write_checksum(const char *characters, char *checksum)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uLong sum = crc32(crc32(0, Z_NULL, 0), (const Bytef *)characters, RANDOM_LENGTH);
    for (size_t i = CHECKSUM_LENGTH; i-- > 0; sum /= BASE) {
        checksum[i] = digits[sum % BASE];
    }
}

bool api_key_is_meant(const char *token)
{
    return !strncmp(token, marker, sizeof marker - 1);
}

bool api_key_is_well_formed(const char *token)
{
    const char *characters = token + sizeof marker - 1;
    char checksum[CHECKSUM_LENGTH];
    if (!api_key_is_meant(token) || strlen(token) != API_KEY_LENGTH) {
        return false;
    }
    for (const char *c = characters; *c; c++) {
        if (!isascii((unsigned char)*c) || !isalnum((unsigned char)*c)) {
            return false;
        }
    }
    write_checksum(characters, checksum);
    return !memcmp(checksum, characters + RANDOM_LENGTH, CHECKSUM_LENGTH);
}

const char *api_key_generate(struct arena *arena)
{
    struct random_source source = {.left = 0};
    char *secret = arena_alloc(arena, API_KEY_LENGTH + 1);
    char *characters = secret + sizeof marker - 1;
    memcpy(secret, marker, sizeof marker - 1);
    random_digits(&source, characters, RANDOM_LENGTH, BASE);
    write_checksum(characters, characters + RANDOM_LENGTH);
    secret[API_KEY_LENGTH] = '\0';
    return secret;
}

const unsigned char *api_key_digest(struct arena *arena, const char *secret)
{
    return digest_sha256(arena, secret, strlen(secret));
}

const char *api_key_prefix(struct arena *arena, const char *secret)
{
    return arena_copy(arena, secret, API_KEY_PREFIX_LENGTH);
}

const char *api_key_folded(struct arena *arena, const char *name, const char *scopes,
                           const char *prefix, const char *username)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "name", fold_text(arena, name));
    jsonw_string(&json, "scopes", folded_lines(arena, scopes));
    jsonw_string(&json, "prefix", fold_text(arena, prefix));
    jsonw_string(&json, "created_by", fold_text(arena, username));
    jsonw_close_object(&json);
    return text.bytes;
}

/* --- keys ------------------------------------------------------------------------------------ */

static const char *copy_text_or(struct arena *arena, const struct store_query *query, size_t column,
                                const char *otherwise)
{
    return store_is_null(query, column) ? otherwise
                                        : arena_string(arena, store_text(query, column, NULL));
}

/* Reads the row. The names of an account are the current ones. */
static void read_key_row(struct arena *arena, const struct store_query *query,
                         struct api_key *key_r)
{
    bool is_account = !store_is_null(query, SQL_API_KEYS_BY_DIGEST_USERNAME);
    const char *maker =
        is_account ? NULL
                   : arena_string(arena, store_text(query, SQL_API_KEYS_BY_DIGEST_MAKER, NULL));
    *key_r = (struct api_key){
        .key = {.id = store_integer(query, SQL_API_KEYS_BY_DIGEST_ID),
                .scopes = scope_read_lines(store_text(query, SQL_API_KEYS_BY_DIGEST_SCOPES, NULL)),
                .used_ms = store_integer(query, SQL_API_KEYS_BY_DIGEST_LAST_USED_AT)},
        .subject = arena_string(arena, store_text(query, SQL_API_KEYS_BY_DIGEST_SUBJECT, NULL)),
        .account_id = store_integer(query, SQL_API_KEYS_BY_DIGEST_ACCOUNT_ID),
        .organization_id = store_integer(query, SQL_API_KEYS_BY_DIGEST_ORGANIZATION_ID),
        .username = copy_text_or(arena, query, SQL_API_KEYS_BY_DIGEST_USERNAME, maker),
        .email = copy_text_or(arena, query, SQL_API_KEYS_BY_DIGEST_EMAIL, NULL),
        .name = copy_text_or(arena, query, SQL_API_KEYS_BY_DIGEST_ACCOUNT_NAME, maker),
        .role = principal_role_by_name(store_text(query, SQL_API_KEYS_BY_DIGEST_ROLE, NULL)),
    };
}

/* True if the account of the key still exists and is a member of its organization. The database
 * deletes the keys of others by itself. */
static bool has_maker(const struct store_query *query, const struct api_key *key)
{
    return !key->account_id || (!store_is_null(query, SQL_API_KEYS_BY_DIGEST_USERNAME) &&
                                (!key->organization_id || key->role != ROLE_NONE));
}

/* True if the column has a time that has passed; null is never. */
static bool has_passed(const struct store_query *query, size_t column, int64_t now_ms)
{
    return !store_is_null(query, column) && store_integer(query, column) <= now_ms;
}

struct error *api_key_find(struct store *store, struct arena *arena, const char *secret,
                           int64_t now_ms, struct api_key *key_r)
{
    bool row;
    if (!api_key_is_well_formed(secret)) {
        return error_new(arena, ERR_INVALID_TOKEN, "the API key is malformed");
    }
    struct store_query *query = store_query(store, arena, SQL_API_KEYS_BY_DIGEST);
    store_bind_bytes(query, api_key_digest(arena, secret), DIGEST_SIZE);
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    if (!row) {
        return error_new(arena, ERR_INVALID_TOKEN, "the API key does not exist");
    }
    read_key_row(arena, query, key_r);
    bool orphan = !has_maker(query, key_r);
    bool replaced = has_passed(query, SQL_API_KEYS_BY_DIGEST_SECRET_EXPIRES_AT, now_ms);
    bool expired = has_passed(query, SQL_API_KEYS_BY_DIGEST_EXPIRES_AT, now_ms);
    store_end(query);
    if (replaced || orphan) {
        return error_new(arena, ERR_INVALID_TOKEN,
                         replaced ? "the API key was rotated" : "the account does not exist");
    }
    return expired ? error_new(arena, ERR_TOKEN_EXPIRED, "the API key has expired") : NULL;
}

struct error *api_key_add_secret(struct store *store, struct arena *arena, int64_t id,
                                 const char *secret)
{
    struct store_query *query = store_query(store, arena, SQL_API_KEY_SECRETS_INSERT);
    store_bind_bytes(query, api_key_digest(arena, secret), DIGEST_SIZE);
    store_bind_integer(query, id);
    return store_execute(query);
}

struct error *api_key_warn_of_old(struct store *store, struct arena *arena, int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_API_KEYS_OLD);
    struct buffer names = {.arena = arena};
    size_t count = 0;
    bool row;
    store_bind_integer(query, now_ms - OLD_DAYS * (int64_t)MS_PER_DAY);
    store_bind_integer(query, now_ms);
    struct error *error = store_next(query, &row);
    for (; !error && row; error = store_next(query, &row)) {
        if (count++ < OLD_SHOWN) {
            buffer_format(&names, "%s%" PRId64 " (\"%s\" of %s)", names.length ? ", " : "",
                          store_integer(query, SQL_API_KEYS_OLD_ID),
                          store_text(query, SQL_API_KEYS_OLD_NAME, NULL),
                          store_text(query, SQL_API_KEYS_OLD_USERNAME, NULL));
        }
    }
    if (!error && count) {
        log_warning("API keys: %zu have a secret older than a year, rotate or revoke them: %s%s",
                    count, names.bytes, count > OLD_SHOWN ? ", …" : "");
    }
    return error;
}
