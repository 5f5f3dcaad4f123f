/* Access tokens: issued tokens are accepted; forged, changed, expired and foreign ones are
 * rejected. */
#include "unit.h"

#include "auth/token.h"
#include "base/clock.h"
#include "forge.h"

static const char key[] = "0123456789abcdef0123456789abcdef";
static const char other_key[] = "0123456789abcdef0123456789abcdeF";
static const char hs256[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

static const char *issue_to_administrator(struct arena *arena, int64_t lifetime_s)
{
    static const struct token_claims claims = {.subject = "local:admin"};
    const char *token = NULL;
    assert_null(token_issue(arena, key, &claims, lifetime_s, &token));
    assert_non_null(token);
    return token;
}

/* Verifies a token; returns ERR_COUNT if it is valid. */
static enum error_id verify_token(struct arena *arena, const char *token)
{
    struct token_claims claims = {0};
    const struct error *error = token_verify(arena, key, token, &claims);
    assert_true(error || claims.subject);
    return error ? error->id : ERR_COUNT;
}

static char *forge_with_claims(struct arena *arena, const EVP_MD *hash, const char *with,
                               const char *header, const char *claims)
{
    return forge_token(arena, hash, with, header, claims, strlen(claims));
}

/* Returns the claims of an access token that is valid for an hour. */
static const char *good_claims(struct arena *arena)
{
    int64_t now = clock_wall_ms() / 1000;
    return arena_format(arena,
                        "{\"sub\":\"local:admin\",\"type\":\"access\",\"iat\":%lld,"
                        "\"exp\":%lld}",
                        (long long)now, (long long)now + 3600);
}

/* Asserts that both texts are equal or both NULL. */
static void assert_same_text(const char *text, const char *expected)
{
    assert_int_equal(text != NULL, expected != NULL);
    assert_string_equal(text ? text : "", expected ? expected : "");
}

static void issued_tokens_are_accepted(void **state)
{
    int64_t before = clock_wall_ms() / 1000;
    struct token_claims claims;
    const char *token = issue_to_administrator(*state, 3600);
    assert_null(token_verify(*state, key, token, &claims));
    assert_string_equal(claims.subject, "local:admin");
    assert_null(claims.session);
    assert_int_equal(claims.organization_id, 0);
    assert_true(claims.issued >= before && claims.issued <= clock_wall_ms() / 1000);
    assert_int_equal(claims.expires, claims.issued + 3600);
}

static void token_signed_by_the_tests_is_accepted(void **state)
{
    const char *token = forge_with_claims(*state, EVP_sha256(), key, hs256, good_claims(*state));
    assert_int_equal(verify_token(*state, token), ERR_COUNT);
}

static void token_subject_keeps_every_character(void **state)
{
    static const char *const subjects[] = {"", "Иванов", "\"\\\n", "local:a.b", "😀"};
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        const char *token = NULL;
        struct token_claims claims;
        const struct token_claims issued = {.subject = subjects[i]};
        assert_null(token_issue(*state, key, &issued, 60, &token));
        assert_null(token_verify(*state, key, token, &claims));
        assert_string_equal(claims.subject, subjects[i]);
    }
}

static void session_and_organization_are_kept_in_the_token(void **state)
{
    static const int64_t organizations[] = {1, INT32_MAX, INT64_MAX};
    for (size_t i = 0; i < COUNT_OF(organizations); i++) {
        const struct token_claims issued = {
            .subject = "account:1", .session = "5f0c", .organization_id = organizations[i]};
        const char *token = NULL;
        struct token_claims claims;
        assert_null(token_issue(*state, key, &issued, 60, &token));
        assert_null(token_verify(*state, key, token, &claims));
        assert_string_equal(claims.session, "5f0c");
        assert_int_equal(claims.organization_id, organizations[i]);
    }
}

static void profile_is_kept_in_the_token(void **state)
{
    static const struct token_profile profiles[] = {
        {"ivanov", "ivanov@example.com", "Иванов \"И\"", true},
        {"ivanov", NULL, "", false},
        {NULL, NULL, NULL, true},
    };
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        const struct token_profile *profile = &profiles[i];
        const char *token = NULL;
        struct token_claims claims;
        const struct token_claims issued = {.subject = "x", .profile = *profile};
        assert_null(token_issue(*state, key, &issued, 60, &token));
        assert_null(token_verify(*state, key, token, &claims));
        assert_same_text(claims.profile.username, profile->username);
        assert_same_text(claims.profile.email, profile->email);
        assert_same_text(claims.profile.name, profile->name);
        assert_int_equal(claims.profile.administrator, profile->administrator);
    }
}

/* Claims that are not strings or numbers, and administrator claims that are not true, are
 * ignored. */
static void claims_of_wrong_type_are_ignored(void **state)
{
    int64_t now = clock_wall_ms() / 1000;
    static const char *const odd[] = {"1", "\"true\"", "null", "[true]", "{}", "1.0"};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        const char *claims =
            arena_format(*state,
                         "{\"sub\":\"x\",\"type\":\"access\",\"iat\":1,\"exp\":%lld,\"email\":[],"
                         "\"name\":7,\"sid\":[1],\"org\":\"1\",\"administrator\":%s}",
                         (long long)now + 60, odd[i]);
        struct token_claims read = {0};
        const char *token = forge_with_claims(*state, EVP_sha256(), key, hs256, claims);
        assert_null(token_verify(*state, key, token, &read));
        assert_false(read.profile.administrator);
        assert_null(read.profile.email);
        assert_null(read.profile.name);
        assert_null(read.session);
        assert_int_equal(read.organization_id, 0);
    }
}

/* A token cached under one key must not be accepted under another one. */
static void cached_token_is_valid_for_its_key_only(void **state)
{
    const char *token = issue_to_administrator(*state, 60);
    struct token_claims claims;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(verify_token(*state, token), ERR_COUNT);
        const struct error *error = token_verify(*state, other_key, token, &claims);
        assert_non_null(error);
        assert_int_equal(error->id, ERR_INVALID_TOKEN);
    }
}

static void issued_tokens_are_unique(void **state)
{
    assert_string_not_equal(issue_to_administrator(*state, 60), issue_to_administrator(*state, 60));
}

static void expired_tokens_are_reported_as_expired(void **state)
{
    assert_int_equal(verify_token(*state, issue_to_administrator(*state, -1)), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_token(*state, issue_to_administrator(*state, 0)), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_token(*state, issue_to_administrator(*state, 30)), ERR_COUNT);
}

/* Tokens that are signed for other uses in the future must not grant access. */
static void tokens_of_other_types_are_rejected(void **state)
{
    static const char *const types[] = {"refresh", "Access", "access ", ""};
    int64_t now = clock_wall_ms() / 1000;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        static const int64_t lives[] = {60, -60}; /* the type is checked before the expiry */
        for (size_t j = 0; j < COUNT_OF(lives); j++) {
            const char *claims =
                arena_format(*state, "{\"sub\":\"a\",\"type\":\"%s\",\"iat\":1,\"exp\":%lld}",
                             types[i], (long long)now + lives[j]);
            const char *token = forge_with_claims(*state, EVP_sha256(), key, hs256, claims);
            assert_int_equal(verify_token(*state, token), ERR_INVALID_TOKEN);
        }
    }
}

static void tokens_of_other_keys_are_rejected(void **state)
{
    const char *claims = good_claims(*state);
    static const char *const keys[] = {other_key, "", "0123456789abcdef0123456789abcde"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const char *token = forge_with_claims(*state, EVP_sha256(), keys[i], hs256, claims);
        assert_int_equal(verify_token(*state, token), ERR_INVALID_TOKEN);
    }
}

/* RFC 8725 3.1: the verifier chooses the algorithm, and ignores the one that the header names. */
static void tokens_of_other_algorithms_are_rejected(void **state)
{
    const char *claims = good_claims(*state);
    static const char *const none[] = {"none", "None", "NONE", "nOnE", "", "HS256", "XX256"};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        const char *header = arena_format(*state, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", none[i]);
        /* Unsigned: "header.claims.". */
        char *token = forge_with_claims(*state, NULL, key, header, claims);
        assert_int_equal(verify_token(*state, token), ERR_INVALID_TOKEN);
        *strrchr(token, '.') = '\0'; /* unsigned: "header.claims" */
        assert_int_equal(verify_token(*state, token), ERR_INVALID_TOKEN);
        /* These algorithms are rejected even with a valid signature. */
        if (strcmp(none[i], "HS256") != 0) {
            token = forge_with_claims(*state, EVP_sha256(), key, header, claims);
            assert_int_equal(verify_token(*state, token), ERR_INVALID_TOKEN);
        }
    }
    static const char hs384[] = "{\"alg\":\"HS384\",\"typ\":\"JWT\"}";
    static const char hs512[] = "{\"alg\":\"HS512\",\"typ\":\"JWT\"}";
    static const char rs256[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
    const char *tokens[] = {
        forge_with_claims(*state, EVP_sha384(), key, hs384,
                          claims), /* correctly signed with our key */
        forge_with_claims(*state, EVP_sha512(), key, hs512, claims),
        forge_with_claims(*state, EVP_sha256(), key, hs512, claims),
        forge_with_claims(*state, EVP_sha512(), key, hs256, claims),
        forge_with_claims(*state, EVP_sha256(), key, rs256, claims),
        forge_with_claims(*state, EVP_sha256(), key, "{\"typ\":\"JWT\"}", claims),
        forge_with_claims(*state, EVP_sha256(), key, "{\"alg\":null}", claims),
        forge_with_claims(*state, EVP_sha256(), key, "{\"alg\":256}", claims),
        forge_with_claims(*state, EVP_sha256(), key, "{}", claims),
        forge_with_claims(*state, EVP_sha256(), key, "[]", claims),
        forge_with_claims(*state, EVP_sha256(), key, "", claims),
        forge_with_claims(*state, EVP_sha256(), key, "nonsense", claims),
    };
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        if (verify_token(*state, tokens[i]) != ERR_INVALID_TOKEN) {
            FAIL("row %zu is accepted", i);
        }
    }
}

/* Every bit of every character matters, except for the bits that base64 leaves unused. */
static void changed_and_truncated_tokens_are_rejected(void **state)
{
    const char *token = issue_to_administrator(*state, 60);
    size_t length = strlen(token);
    struct arena *scratch = arena_new();
    size_t taken = 0;
    for (size_t i = 0; i < length; i++) {
        char *changed = arena_string(scratch, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        taken += verify_token(scratch, changed) == ERR_COUNT;
        changed[i] = '.';
        assert_int_equal(token[i] == '.' || verify_token(scratch, changed) != ERR_COUNT, 1);
        arena_reset(scratch);
    }
    assert_int_equal(taken, 0);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_not_equal(verify_token(scratch, arena_copy(scratch, token, cut)), ERR_COUNT);
        arena_reset(scratch);
    }
    arena_free(&scratch);
}

static void missing_and_invalid_claims_are_rejected(void **state)
{
    static const char *const claims[] = {
        "{}",
        "{\"type\":\"access\",\"iat\":1,\"exp\":9999999999}",
        "{\"sub\":\"a\",\"iat\":1,\"exp\":9999999999}",
        "{\"sub\":\"a\",\"type\":\"access\",\"exp\":9999999999}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1}",
        "{\"sub\":1,\"type\":\"access\",\"iat\":1,\"exp\":9999999999}",
        "{\"sub\":null,\"type\":\"access\",\"iat\":1,\"exp\":9999999999}",
        "{\"sub\":\"a\",\"type\":[\"access\"],\"iat\":1,\"exp\":9999999999}",
        "{\"sub\":\"a\",\"type\":\"ACCESS\",\"iat\":1,\"exp\":9999999999}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":\"1\",\"exp\":9999999999}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":\"9999999999\"}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":9999999999.5}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":1e300}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":99999999999999999999}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":true}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":null}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":0}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":-1}",
        "{\"sub\":\"a\",\"type\":\"access\",\"iat\":1,\"exp\":-9223372036854775808}",
        "[]",
        "null",
        "1",
        "\"a\"",
        "",
        "{",
        "not JSON",
    };
    for (size_t i = 0; i < COUNT_OF(claims); i++) {
        const char *token = forge_with_claims(*state, EVP_sha256(), key, hs256, claims[i]);
        if (verify_token(*state, token) == ERR_COUNT) {
            FAIL("accepted: %s", claims[i]);
        }
    }
}

static void malformed_tokens_are_rejected(void **state)
{
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a",
        "a.b",
        "....",
        "e30.e30.",
        "e30.e30.e30",
        " ",
        "Bearer x",
        "\xFF\xFF.\xFF.\xFF",
        "=.=.=",
        "eyJhbGciOiJub25lIn0..",
        "a..c",
        ".b.",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(verify_token(*state, texts[i]), ERR_INVALID_TOKEN);
    }
    const char *token = issue_to_administrator(*state, 60);
    assert_int_equal(verify_token(*state, arena_format(*state, "%s.", token)), ERR_INVALID_TOKEN);
    assert_int_equal(verify_token(*state, arena_format(*state, "%s.x", token)), ERR_INVALID_TOKEN);
    assert_int_equal(verify_token(*state, arena_format(*state, " %s", token)), ERR_INVALID_TOKEN);
    assert_int_equal(verify_token(*state, arena_format(*state, "%s ", token)), ERR_INVALID_TOKEN);
}

static void huge_and_deeply_nested_tokens_are_rejected(void **state)
{
    enum { SIZE = 1024 * 1024 };
    char *text = arena_alloc(*state, SIZE + 1);
    memset(text, 'A', SIZE);
    assert_int_equal(verify_token(*state, text), ERR_INVALID_TOKEN);
    memset(text, '.', SIZE);
    assert_int_equal(verify_token(*state, text), ERR_INVALID_TOKEN);
    /* This token is correctly signed, but larger than any issued token. */
    memset(text, ' ', 8192);
    memcpy(text, good_claims(*state), strlen(good_claims(*state)));
    const char *token = forge_token(*state, EVP_sha256(), key, hs256, text, 8192);
    assert_int_equal(verify_token(*state, token), ERR_INVALID_TOKEN);
    /* This JSON is nested deeply enough to exhaust the stack of a recursive parser. */
    memset(text, '[', 2000);
    token = forge_token(*state, EVP_sha256(), key, hs256, text, 2000);
    assert_int_equal(verify_token(*state, token), ERR_INVALID_TOKEN);
}

static void subject_with_invalid_utf8_is_an_internal_error(void **state)
{
    const char *token = NULL;
    static const struct token_claims claims = {.subject = "\xFF"};
    struct error *error = token_issue(*state, key, &claims, 60, &token);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_INTERNAL);
    assert_null(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(issued_tokens_are_accepted),
        ARENA_TEST(token_signed_by_the_tests_is_accepted),
        ARENA_TEST(token_subject_keeps_every_character),
        ARENA_TEST(session_and_organization_are_kept_in_the_token),
        ARENA_TEST(profile_is_kept_in_the_token),
        ARENA_TEST(claims_of_wrong_type_are_ignored),
        ARENA_TEST(cached_token_is_valid_for_its_key_only),
        ARENA_TEST(issued_tokens_are_unique),
        ARENA_TEST(expired_tokens_are_reported_as_expired),
        ARENA_TEST(tokens_of_other_types_are_rejected),
        ARENA_TEST(tokens_of_other_keys_are_rejected),
        ARENA_TEST(tokens_of_other_algorithms_are_rejected),
        ARENA_TEST(changed_and_truncated_tokens_are_rejected),
        ARENA_TEST(missing_and_invalid_claims_are_rejected),
        ARENA_TEST(malformed_tokens_are_rejected),
        ARENA_TEST(huge_and_deeply_nested_tokens_are_rejected),
        ARENA_TEST(subject_with_invalid_utf8_is_an_internal_error),
    };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
