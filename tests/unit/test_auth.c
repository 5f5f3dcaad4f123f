/* Auth: logging in, bearer tokens, and renewing them; and what a principal may do. */
#include "unit.h"

#include "auth/auth.h"
#include "auth/password.h"
#include "auth/token.h"
#include "base/config.h"

static const struct config config = {
    .jwt_secret_key = "0123456789abcdef0123456789abcdef",
    .jwt_expiration_hours = 24,
    .refresh_expiration_hours = 720,
    .local_auth_username = "admin",
    .local_auth_password = "admin123",
};

static struct auth_tokens issue(struct arena *arena)
{
    const struct principal *principal = NULL;
    struct auth_tokens tokens = {0};
    assert_null(auth_login(&config, arena, "admin", "admin123", &principal));
    assert_null(auth_issue(&config, arena, principal, &tokens));
    return tokens;
}

static enum error_id bearer(struct arena *arena, const struct config *with, const char *field)
{
    const struct principal *principal = NULL;
    const struct error *error = auth_bearer(with, arena, field, &principal);
    assert_true(!error || !principal);
    return error ? error->id : ERR_COUNT;
}

static void the_administrator_logs_in(void **state)
{
    const struct principal *principal = NULL;
    assert_null(auth_login(&config, *state, "admin", "admin123", &principal));
    assert_non_null(principal);
    assert_int_equal(principal->kind, PRINCIPAL_LOCAL);
    assert_string_equal(principal->id, "local:admin");
    assert_string_equal(principal->username, "admin");
    assert_string_equal(principal->name, "admin");
    assert_null(principal->email);
}

static void nobody_else_does(void **state)
{
    static const char *const rows[][2] = {
        {"admin", "wrong"},    {"admin", ""},          {"", "admin123"},   {"", ""},
        {"Admin", "admin123"}, {"admin ", "admin123"}, {"other", "wrong"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct principal *principal = NULL;
        const struct error *error = auth_login(&config, *state, rows[i][0], rows[i][1], &principal);
        assert_non_null(error);
        assert_int_equal(error->id, ERR_INVALID_CREDENTIALS); /* the same for all */
        assert_null(error->details);
        assert_null(principal);
    }
}

static void a_pair_of_tokens_is_of_two_types(void **state)
{
    struct auth_tokens tokens = issue(*state);
    struct token_claims claims;
    assert_int_equal(tokens.expires_in, 24 * 3600);
    assert_null(token_verify(*state, config.jwt_secret_key, TOKEN_ACCESS, tokens.access, &claims));
    assert_string_equal(claims.subject, "local:admin");
    assert_int_equal(claims.expires - claims.issued, 24 * 3600);
    assert_null(
        token_verify(*state, config.jwt_secret_key, TOKEN_REFRESH, tokens.refresh, &claims));
    assert_int_equal(claims.expires - claims.issued, 720 * 3600);
}

static void a_bearer_is_who_the_token_names(void **state)
{
    static const char *const forms[] = {"Bearer %s", "bearer %s", "BEARER %s", "Bearer   %s"};
    struct auth_tokens tokens = issue(*state);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct buffer field = {.arena = *state};
        buffer_add(&field, forms[i], strlen(forms[i]) - 2);
        buffer_add_string(&field, tokens.access);
        const struct principal *principal = NULL;
        assert_null(auth_bearer(&config, *state, field.bytes, &principal));
        assert_non_null(principal);
        assert_string_equal(principal->id, "local:admin");
    }
}

static void no_field_is_nobody(void **state)
{
    const struct principal *principal = (const struct principal *)&config;
    assert_null(auth_bearer(&config, *state, "", &principal));
    assert_null(principal);
}

static void what_is_no_bearer_is_refused(void **state)
{
    struct auth_tokens tokens = issue(*state);
    const char *const fields[] = {
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YWRtaW46YWRtaW4xMjM=",
        "x",
        " ",
        "Bearer\t",
        tokens.access,
        arena_format(*state, "Bearer%s", tokens.access),
        arena_format(*state, "Token %s", tokens.access),
        arena_format(*state, "Bearer %s x", tokens.access),
        arena_format(*state, "Bearer %s", tokens.refresh),
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        assert_int_equal(bearer(*state, &config, fields[i]), ERR_INVALID_TOKEN);
    }
}

/* The administrator was renamed, or the key changed, after the token was issued. */
static void tokens_do_not_outlive_the_configuration(void **state)
{
    const char *field = arena_format(*state, "Bearer %s", issue(*state).access);
    struct config changed = config;
    assert_int_equal(bearer(*state, &changed, field), ERR_COUNT);
    changed.local_auth_username = "root";
    assert_int_equal(bearer(*state, &changed, field), ERR_INVALID_TOKEN);
    changed = config;
    changed.jwt_secret_key = "another-key-another-key-another-key";
    assert_int_equal(bearer(*state, &changed, field), ERR_INVALID_TOKEN);
}

static void refresh_tokens_renew(void **state)
{
    struct auth_tokens tokens = issue(*state);
    const struct principal *principal = NULL;
    assert_null(auth_refresh(&config, *state, tokens.refresh, &principal));
    assert_non_null(principal);
    assert_string_equal(principal->id, "local:admin");
    const struct error *error = auth_refresh(&config, *state, tokens.access, &principal);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_INVALID_TOKEN);
}

/* Somebody of the directory, as a login makes them. */
static struct principal *person(struct arena *arena, bool administrator)
{
    struct principal *principal = principal_of_directory(arena, "0a1b");
    principal->username = "ivanov";
    principal->email = "ivanov@example.com";
    principal->name = "Иванов";
    principal->administrator = administrator;
    return principal;
}

static void people_of_the_directory_are_who_their_token_says(void **state)
{
    struct config with = config;
    struct auth_tokens tokens;
    const struct principal *principal = NULL;
    with.ldap_login = true;
    assert_null(auth_issue(&with, *state, person(*state, true), &tokens));
    const char *field = arena_format(*state, "Bearer %s", tokens.access);
    assert_null(auth_bearer(&with, *state, field, &principal));
    assert_int_equal(principal->kind, PRINCIPAL_DIRECTORY);
    assert_string_equal(principal->id, "directory:0a1b");
    assert_string_equal(principal_guid(principal->id), "0a1b");
    assert_string_equal(principal->username, "ivanov");
    assert_string_equal(principal->email, "ivanov@example.com");
    assert_string_equal(principal->name, "Иванов");
    assert_true(principal->administrator);
    /* A refresh token tells who, and nothing of them: that is looked up. */
    assert_null(auth_refresh(&with, *state, tokens.refresh, &principal));
    assert_string_equal(principal->id, "directory:0a1b");
    assert_null(principal->username);
    assert_false(principal->administrator);
    /* With LDAP_LOGIN off both are nobody's. */
    assert_int_equal(bearer(*state, &config, field), ERR_INVALID_TOKEN);
    assert_int_equal(auth_refresh(&config, *state, tokens.refresh, &principal)->id,
                     ERR_INVALID_TOKEN);
}

static void the_local_administrator_has_no_guid(void **state)
{
    const struct principal *principal = NULL;
    assert_null(auth_login(&config, *state, "admin", "admin123", &principal));
    assert_null(principal_guid(principal->id));
    assert_true(auth_is_local(&config, "admin"));
    assert_false(auth_is_local(&config, "Admin"));
}

static void people_of_the_directory_read_and_its_administrators_write(void **state)
{
    for (int i = 0; i < PERMIT_COUNT; i++) {
        enum permission permission = (enum permission)i;
        assert_true(principal_permits(person(*state, true), permission));
        assert_int_equal(principal_permits(person(*state, false), permission),
                         permission != PERMIT_DIRECTORY_WRITE);
        assert_int_equal(permission_of_directory(permission),
                         permission == PERMIT_DIRECTORY_READ ||
                             permission == PERMIT_DIRECTORY_WRITE);
    }
}

static void permissions_are_those_of_the_kind(void **state)
{
    (void)state;
    const struct principal local = {.kind = PRINCIPAL_LOCAL};
    for (int i = 0; i < PERMIT_COUNT; i++) {
        enum permission permission = (enum permission)i;
        assert_true(principal_permits(&local, permission));
        assert_int_equal(principal_permits(NULL, permission), permission == PERMIT_ALL);
        bool silent = permission == PERMIT_ALL || permission == PERMIT_PRINCIPAL;
        assert_int_equal(permission_names[i] != NULL, !silent);
    }
    for (int i = 0; i < PRINCIPAL_KIND_COUNT; i++) {
        assert_non_null(principal_kind_names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(the_administrator_logs_in),
        ARENA_TEST(nobody_else_does),
        ARENA_TEST(a_pair_of_tokens_is_of_two_types),
        ARENA_TEST(a_bearer_is_who_the_token_names),
        ARENA_TEST(no_field_is_nobody),
        ARENA_TEST(what_is_no_bearer_is_refused),
        ARENA_TEST(tokens_do_not_outlive_the_configuration),
        ARENA_TEST(refresh_tokens_renew),
        ARENA_TEST(people_of_the_directory_are_who_their_token_says),
        ARENA_TEST(the_local_administrator_has_no_guid),
        ARENA_TEST(people_of_the_directory_read_and_its_administrators_write),
        cmocka_unit_test(permissions_are_those_of_the_kind),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
