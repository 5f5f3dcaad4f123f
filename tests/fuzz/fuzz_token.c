/*
 * Fuzzes the verification of access tokens. The first byte chooses what the rest is: a whole token,
 * the claims of a correctly signed token, or its header. Only tokens that we signed, with
 * HMAC-SHA256, as access tokens, and that have not expired are accepted.
 */
#include "../unit/forge.h"
#include "auth/token.h"
#include "base/clock.h"
#include "fuzz.h"
#include "rfc8259.h"

#include <json-c/json.h>
#include <strings.h>

static const char key[] = "0123456789abcdef0123456789abcdef";
static const char hs256[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
static const char good_claims[] =
    "{\"sub\":\"local:admin\",\"type\":\"access\",\"iat\":1,\"exp\":99999999999}";

static bool verify_token(struct arena *arena, const char *token)
{
    struct token_claims claims = {0};
    const struct error *error = token_verify(arena, key, token, &claims);
    if (error) {
        FUZZ_CHECK(error->id == ERR_INVALID_TOKEN || error->id == ERR_TOKEN_EXPIRED);
        return false;
    }
    FUZZ_CHECK(claims.subject && claims.expires > clock_wall_ms() / 1000);
    return true;
}

/* Returns the string member `name` of a JSON object, or NULL. The caller releases the object. */
static const char *string_member(struct json_object *json, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(json, name, &value) ||
        !json_object_is_type(value, json_type_string)) {
        return NULL;
    }
    return json_object_get_string(value);
}

static void check_claims(struct arena *arena, const char *claims)
{
    if (verify_token(arena, forge_token(arena, EVP_sha256(), key, hs256, claims, strlen(claims)))) {
        struct json_object *json = json_tokener_parse(claims);
        const char *type = string_member(json, "type");
        FUZZ_CHECK(type && !strcmp(type, "access") && string_member(json, "sub"));
        json_object_put(json);
    }
    const char *other = "0123456789abcdef0123456789abcdeF";
    FUZZ_CHECK(!verify_token(
        arena, forge_token(arena, EVP_sha256(), other, hs256, claims, strlen(claims))));
}

static void check_header(struct arena *arena, const char *header)
{
    size_t length = strlen(good_claims);
    if (verify_token(arena, forge_token(arena, EVP_sha256(), key, header, good_claims, length))) {
        struct json_object *json = json_tokener_parse(header);
        const char *algorithm = string_member(json, "alg");
        FUZZ_CHECK(algorithm && !strcasecmp(algorithm, "HS256"));
        json_object_put(json);
    }
    FUZZ_CHECK(!verify_token(arena, forge_token(arena, NULL, key, header, good_claims, length)));
    FUZZ_CHECK(
        !verify_token(arena, forge_token(arena, EVP_sha512(), key, header, good_claims, length)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) {
        return 0;
    }
    struct arena *arena = arena_new();
    char *text = fuzz_string(data + 1, size - 1);
    switch (*data) {
    case 'c':
        check_claims(arena, text);
        break;
    case 'h':
        check_header(arena, text);
        break;
    default:
        FUZZ_CHECK(!verify_token(arena, text));
        break;
    }
    free(text);
    arena_free(&arena);
    return 0;
}
