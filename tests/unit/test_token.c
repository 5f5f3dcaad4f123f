/* Token: ours are taken; forged, changed, expired and foreign ones are refused. */
#include "unit.h"

#include "auth/token.h"
#include "base/clock.h"
#include "forge.h"

static const char key[] = "0123456789abcdef0123456789abcdef";
static const char other_key[] = "0123456789abcdef0123456789abcdeF";
static const char hs256[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

static const char *issue(struct arena *arena, int64_t lifetime_s)
{
    static const struct token_claims claims = {.subject = "local:admin"};
    const char *token = NULL;
    assert_null(token_issue(arena, key, &claims, lifetime_s, &token));
    assert_non_null(token);
    return token;
}

/* What verification says: ERR_COUNT for a good token. */
static enum error_id verify(struct arena *arena, const char *token)
{
    struct token_claims claims = {0};
    const struct error *error = token_verify(arena, key, token, &claims);
    assert_true(error || claims.subject);
    return error ? error->id : ERR_COUNT;
}

static char *forge(struct arena *arena, const EVP_MD *hash, const char *with, const char *header,
                   const char *claims)
{
    return forge_token(arena, hash, with, header, claims, strlen(claims));
}

/* Claims that are good for an hour, as an access token has them. */
static const char *good_claims(struct arena *arena)
{
    int64_t now = clock_wall_ms() / 1000;
    return arena_format(arena,
                        "{\"sub\":\"local:admin\",\"type\":\"access\",\"iat\":%lld,"
                        "\"exp\":%lld}",
                        (long long)now, (long long)now + 3600);
}

/* Both NULL, or both the same. */
static void assert_same_text(const char *text, const char *expected)
{
    assert_int_equal(text != NULL, expected != NULL);
    assert_string_equal(text ? text : "", expected ? expected : "");
}

static void ours_are_taken(void **state)
{
    int64_t before = clock_wall_ms() / 1000;
    struct token_claims claims;
    const char *token = issue(*state, 3600);
    assert_null(token_verify(*state, key, token, &claims));
    assert_string_equal(claims.subject, "local:admin");
    assert_null(claims.session);
    assert_int_equal(claims.organization_id, 0);
    assert_true(claims.issued >= before && claims.issued <= clock_wall_ms() / 1000);
    assert_int_equal(claims.expires, claims.issued + 3600);
}

static void what_the_tests_forge_is_well_made(void **state)
{
    const char *token = forge(*state, EVP_sha256(), key, hs256, good_claims(*state));
    assert_int_equal(verify(*state, token), ERR_COUNT);
}

static void subjects_keep_every_character(void **state)
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

static void sessions_and_organizations_come_back(void **state)
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

static void profiles_come_back_as_they_were(void **state)
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

/* What is not a text, not a number, or not true itself, is not told. */
static void odd_profiles_tell_nothing(void **state)
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
        const char *token = forge(*state, EVP_sha256(), key, hs256, claims);
        assert_null(token_verify(*state, key, token, &read));
        assert_false(read.profile.administrator);
        assert_null(read.profile.email);
        assert_null(read.profile.name);
        assert_null(read.session);
        assert_int_equal(read.organization_id, 0);
    }
}

/* A token that was kept under one key is not taken for one of another key. */
static void what_is_kept_is_of_its_key(void **state)
{
    const char *token = issue(*state, 60);
    struct token_claims claims;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(verify(*state, token), ERR_COUNT);
        const struct error *error = token_verify(*state, other_key, token, &claims);
        assert_non_null(error);
        assert_int_equal(error->id, ERR_INVALID_TOKEN);
    }
}

static void no_two_are_the_same(void **state)
{
    assert_string_not_equal(issue(*state, 60), issue(*state, 60));
}

static void expired_ones_say_so(void **state)
{
    assert_int_equal(verify(*state, issue(*state, -1)), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify(*state, issue(*state, 0)), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify(*state, issue(*state, 30)), ERR_COUNT);
}

/* What we may sign one day for another use opens nothing. */
static void other_types_are_refused(void **state)
{
    static const char *const types[] = {"refresh", "Access", "access ", ""};
    int64_t now = clock_wall_ms() / 1000;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        static const int64_t lives[] = {60, -60}; /* first of all it is of another type */
        for (size_t j = 0; j < COUNT_OF(lives); j++) {
            const char *claims =
                arena_format(*state, "{\"sub\":\"a\",\"type\":\"%s\",\"iat\":1,\"exp\":%lld}",
                             types[i], (long long)now + lives[j]);
            const char *token = forge(*state, EVP_sha256(), key, hs256, claims);
            assert_int_equal(verify(*state, token), ERR_INVALID_TOKEN);
        }
    }
}

static void other_keys_are_refused(void **state)
{
    const char *claims = good_claims(*state);
    static const char *const keys[] = {other_key, "", "0123456789abcdef0123456789abcde"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const char *token = forge(*state, EVP_sha256(), keys[i], hs256, claims);
        assert_int_equal(verify(*state, token), ERR_INVALID_TOKEN);
    }
}

/* RFC 8725 3.1: the algorithm is ours to choose, whatever the header says. */
static void other_algorithms_are_refused(void **state)
{
    const char *claims = good_claims(*state);
    static const char *const none[] = {"none", "None", "NONE", "nOnE", "", "HS256", "XX256"};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        const char *header = arena_format(*state, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", none[i]);
        char *token = forge(*state, NULL, key, header, claims); /* header.claims. */
        assert_int_equal(verify(*state, token), ERR_INVALID_TOKEN);
        *strrchr(token, '.') = '\0'; /* header.claims */
        assert_int_equal(verify(*state, token), ERR_INVALID_TOKEN);
        /* and with a good signature behind it */
        if (strcmp(none[i], "HS256") != 0) {
            token = forge(*state, EVP_sha256(), key, header, claims);
            assert_int_equal(verify(*state, token), ERR_INVALID_TOKEN);
        }
    }
    static const char hs384[] = "{\"alg\":\"HS384\",\"typ\":\"JWT\"}";
    static const char hs512[] = "{\"alg\":\"HS512\",\"typ\":\"JWT\"}";
    static const char rs256[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
    const char *tokens[] = {
        forge(*state, EVP_sha384(), key, hs384, claims), /* rightly signed with our key */
        forge(*state, EVP_sha512(), key, hs512, claims),
        forge(*state, EVP_sha256(), key, hs512, claims),
        forge(*state, EVP_sha512(), key, hs256, claims),
        forge(*state, EVP_sha256(), key, rs256, claims),
        forge(*state, EVP_sha256(), key, "{\"typ\":\"JWT\"}", claims),
        forge(*state, EVP_sha256(), key, "{\"alg\":null}", claims),
        forge(*state, EVP_sha256(), key, "{\"alg\":256}", claims),
        forge(*state, EVP_sha256(), key, "{}", claims),
        forge(*state, EVP_sha256(), key, "[]", claims),
        forge(*state, EVP_sha256(), key, "", claims),
        forge(*state, EVP_sha256(), key, "nonsense", claims),
    };
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        if (verify(*state, tokens[i]) != ERR_INVALID_TOKEN) {
            FAIL("row %zu is taken", i);
        }
    }
}

/* Every bit of every character counts, but for those that base64 leaves unused. */
static void any_change_is_seen(void **state)
{
    const char *token = issue(*state, 60);
    size_t length = strlen(token);
    struct arena *scratch = arena_new();
    size_t taken = 0;
    for (size_t i = 0; i < length; i++) {
        char *changed = arena_string(scratch, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        taken += verify(scratch, changed) == ERR_COUNT;
        changed[i] = '.';
        assert_int_equal(token[i] == '.' || verify(scratch, changed) != ERR_COUNT, 1);
        arena_reset(scratch);
    }
    assert_int_equal(taken, 0);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_not_equal(verify(scratch, arena_copy(scratch, token, cut)), ERR_COUNT);
        arena_reset(scratch);
    }
    arena_free(&scratch);
}

static void claims_must_be_there_and_be_what_they_are(void **state)
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
        const char *token = forge(*state, EVP_sha256(), key, hs256, claims[i]);
        if (verify(*state, token) == ERR_COUNT) {
            FAIL("taken: %s", claims[i]);
        }
    }
}

static void what_is_no_token_is_refused(void **state)
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
        assert_int_equal(verify(*state, texts[i]), ERR_INVALID_TOKEN);
    }
    const char *token = issue(*state, 60);
    assert_int_equal(verify(*state, arena_format(*state, "%s.", token)), ERR_INVALID_TOKEN);
    assert_int_equal(verify(*state, arena_format(*state, "%s.x", token)), ERR_INVALID_TOKEN);
    assert_int_equal(verify(*state, arena_format(*state, " %s", token)), ERR_INVALID_TOKEN);
    assert_int_equal(verify(*state, arena_format(*state, "%s ", token)), ERR_INVALID_TOKEN);
}

static void huge_ones_are_refused(void **state)
{
    enum { SIZE = 1024 * 1024 };
    char *text = arena_alloc(*state, SIZE + 1);
    memset(text, 'A', SIZE);
    assert_int_equal(verify(*state, text), ERR_INVALID_TOKEN);
    memset(text, '.', SIZE);
    assert_int_equal(verify(*state, text), ERR_INVALID_TOKEN);
    /* well signed, but of a size that none of ours has */
    memset(text, ' ', 8192);
    memcpy(text, good_claims(*state), strlen(good_claims(*state)));
    const char *token = forge_token(*state, EVP_sha256(), key, hs256, text, 8192);
    assert_int_equal(verify(*state, token), ERR_INVALID_TOKEN);
    /* deep enough to exhaust a stack */
    memset(text, '[', 2000);
    token = forge_token(*state, EVP_sha256(), key, hs256, text, 2000);
    assert_int_equal(verify(*state, token), ERR_INVALID_TOKEN);
}

static void what_cannot_be_a_claim_is_an_error(void **state)
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
        ARENA_TEST(ours_are_taken),
        ARENA_TEST(what_the_tests_forge_is_well_made),
        ARENA_TEST(subjects_keep_every_character),
        ARENA_TEST(sessions_and_organizations_come_back),
        ARENA_TEST(profiles_come_back_as_they_were),
        ARENA_TEST(odd_profiles_tell_nothing),
        ARENA_TEST(what_is_kept_is_of_its_key),
        ARENA_TEST(no_two_are_the_same),
        ARENA_TEST(expired_ones_say_so),
        ARENA_TEST(other_types_are_refused),
        ARENA_TEST(other_keys_are_refused),
        ARENA_TEST(other_algorithms_are_refused),
        ARENA_TEST(any_change_is_seen),
        ARENA_TEST(claims_must_be_there_and_be_what_they_are),
        ARENA_TEST(what_is_no_token_is_refused),
        ARENA_TEST(huge_ones_are_refused),
        ARENA_TEST(what_cannot_be_a_claim_is_an_error),
    };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
