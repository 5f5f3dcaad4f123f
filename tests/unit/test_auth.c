/* Authentication: login, bearer tokens and their renewal; and the permissions of a principal. */
#include "unit.h"

#include "accounts.h"
#include "auth/auth.h"
#include "auth/password.h"
#include "auth/session.h"
#include "auth/token.h"
#include "rest/authorization.h"

#include <crypt.h>

enum { REFRESH_HEX_DIGITS = 64 };

static const struct config config = {
    .jwt_secret_key = "0123456789abcdef0123456789abcdef",
    .jwt_expiration_hours = 24,
    .refresh_expiration_hours = 720,
    .session_max_hours = 720,
    .jwt_secret_key_previous = "",
    .secret_key = "fedcba9876543210fedcba9876543210",
    .local_auth_username = "admin",
    .local_auth_password = "admin123",
    .bcrypt_cost = 4,
};

static const struct session_client client = {"192.0.2.1", "tests"};

/* --- helpers ---------------------------------------------------------------------------------- */

/* Opens a session for a principal. */
static struct auth_tokens open_session(struct test *test, const struct config *with,
                                       const struct principal *principal)
{
    struct auth_tokens tokens = {0};
    must_succeed(
        auth_begin_session(with, test->store, test->arena, principal, NULL, &client, &tokens));
    commit_writes(test);
    return tokens;
}

static struct auth_tokens log_in(struct test *test)
{
    const struct principal *principal = NULL;
    assert_null(auth_login_local(&config, test->arena, "admin", "admin123", &principal));
    return open_session(test, &config, principal);
}

static const struct principal *authenticate_bearer(struct test *test, const struct config *with,
                                                   const char *token)
{
    const struct principal *principal = NULL;
    must_succeed(auth_authenticate_bearer(with, test->store, test->arena,
                                          arena_format(test->arena, "Bearer %s", token), 0,
                                          &principal));
    assert_non_null(principal);
    return principal;
}

static void assert_bearer_rejected(struct test *test, const struct config *with, const char *field)
{
    const struct principal *principal = NULL;
    assert_error(auth_authenticate_bearer(with, test->store, test->arena, field, 0, &principal),
                 ERR_INVALID_TOKEN);
    assert_null(principal);
}

/* --- local administrator ---------------------------------------------------------------------- */

static void local_administrator_logs_in(void **state)
{
    struct test *test = *state;
    const struct principal *principal = NULL;
    assert_null(auth_login_local(&config, test->arena, "admin", "admin123", &principal));
    assert_non_null(principal);
    assert_int_equal(principal->kind, PRINCIPAL_LOCAL);
    assert_string_equal(principal->id, "local:admin");
    assert_string_equal(principal->username, "admin");
    assert_string_equal(principal->name, "admin");
    assert_null(principal->email);
    assert_int_equal(principal->account_id, 0);
    assert_null(principal_guid(principal->id));
    assert_true(auth_is_local_username(&config, "admin"));
    assert_false(auth_is_local_username(&config, "Admin"));
}

static void wrong_local_credentials_are_rejected(void **state)
{
    struct test *test = *state;
    static const char *const rows[][2] = {
        {"admin", "wrong"},    {"admin", ""},          {"", "admin123"},   {"", ""},
        {"Admin", "admin123"}, {"admin ", "admin123"}, {"other", "wrong"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct principal *principal = NULL;
        const struct error *error =
            auth_login_local(&config, test->arena, rows[i][0], rows[i][1], &principal);
        assert_error(error, ERR_INVALID_CREDENTIALS); /* all rejected logins get the same error */
        assert_null(error->details);
        assert_null(principal);
    }
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void login_returns_access_and_refresh_token_of_one_session(void **state)
{
    struct test *test = *state;
    struct auth_tokens tokens = log_in(test);
    struct token_claims claims;
    assert_int_equal(tokens.expires_in, 24 * 3600);
    assert_null(token_verify(test->arena, config.jwt_secret_key, tokens.access, &claims));
    assert_string_equal(claims.subject, "local:admin");
    assert_int_equal(claims.expires - claims.issued, 24 * 3600);
    assert_int_equal(claims.organization_id, 0);
    assert_int_equal(strspn(tokens.refresh, "0123456789abcdef"), REFRESH_HEX_DIGITS);
    assert_int_equal(strlen(tokens.refresh), REFRESH_HEX_DIGITS);
    const struct session_settings terms = auth_session_settings(&config);
    struct session session;
    must_succeed(session_find(test->store, test->arena, &terms, tokens.refresh, &session));
    assert_string_equal(session.id, claims.session);
}

static void bearer_token_resolves_to_its_subject(void **state)
{
    struct test *test = *state;
    static const char *const schemes[] = {"Bearer ", "bearer ", "BEARER ", "Bearer   "};
    struct auth_tokens tokens = log_in(test);
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        const char *field = arena_format(test->arena, "%s%s", schemes[i], tokens.access);
        const struct principal *principal = NULL;
        assert_null(
            auth_authenticate_bearer(&config, test->store, test->arena, field, 0, &principal));
        assert_non_null(principal);
        assert_string_equal(principal->id, "local:admin");
    }
}

static void missing_authorization_header_yields_no_principal(void **state)
{
    struct test *test = *state;
    const struct principal *principal = (const struct principal *)&config;
    assert_null(auth_authenticate_bearer(&config, test->store, test->arena, "", 0, &principal));
    assert_null(principal);
}

static void invalid_authorization_headers_are_rejected(void **state)
{
    struct test *test = *state;
    struct auth_tokens tokens = log_in(test);
    const char *const fields[] = {
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YWRtaW46YWRtaW4xMjM=",
        "x",
        " ",
        "Bearer\t",
        tokens.access,
        arena_format(test->arena, "Bearer%s", tokens.access),
        arena_format(test->arena, "Token %s", tokens.access),
        arena_format(test->arena, "Bearer %s x", tokens.access),
        arena_format(test->arena, "Bearer %s", tokens.refresh),
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        assert_bearer_rejected(test, &config, fields[i]);
    }
}

/* The administrator is renamed, or the key is changed, after the token was issued. */
static void tokens_are_rejected_after_administrator_or_key_changes(void **state)
{
    struct test *test = *state;
    struct auth_tokens tokens = log_in(test);
    const char *field = arena_format(test->arena, "Bearer %s", tokens.access);
    const struct principal *principal = NULL;
    struct config changed = config;
    assert_non_null(authenticate_bearer(test, &changed, tokens.access));
    changed.local_auth_username = "root";
    assert_bearer_rejected(test, &changed, field);
    assert_error(
        auth_refresh_subject(&changed, test->store, test->arena, tokens.refresh, &principal),
        ERR_INVALID_TOKEN);
    changed = config;
    changed.jwt_secret_key = "another-key-another-key-another-key";
    assert_bearer_rejected(test, &changed, field);
}

static void reading_subject_does_not_consume_refresh_token(void **state)
{
    struct test *test = *state;
    struct auth_tokens tokens = log_in(test);
    const struct principal *principal = NULL;
    for (int i = 0; i < 2; i++) {
        must_succeed(
            auth_refresh_subject(&config, test->store, test->arena, tokens.refresh, &principal));
        assert_string_equal(principal->id, "local:admin");
    }
    assert_error(auth_refresh_subject(&config, test->store, test->arena, tokens.access, &principal),
                 ERR_INVALID_TOKEN);
}

static void access_token_renews_its_session_until_logout(void **state)
{
    struct test *test = *state;
    const struct principal *principal = authenticate_bearer(test, &config, log_in(test).access);
    struct auth_tokens tokens;
    must_succeed(
        auth_refresh(&config, test->store, test->arena, principal, &client, NULL, &tokens));
    commit_writes(test);
    assert_null(tokens.refresh);
    assert_string_equal(authenticate_bearer(test, &config, tokens.access)->session,
                        principal->session);
    must_succeed(auth_logout(test->store, test->arena, principal));
    commit_writes(test);
    assert_error(auth_refresh(&config, test->store, test->arena, principal, &client, NULL, &tokens),
                 ERR_INVALID_TOKEN);
    assert_bearer_rejected(test, &config, arena_format(test->arena, "Bearer %s", tokens.access));
}

/* --- accounts --------------------------------------------------------------------------------- */

/* Registers a new account with this password and returns its tokens. */
static struct auth_tokens add_account(struct test *test, const char *email, const char *password,
                                      struct auth_registration *registration)
{
    struct auth_tokens tokens;
    *registration = (struct auth_registration){
        .account = {.username = email, .email = email, .name = email},
        .organization = {.name = email, .currency = "RUB"},
        .client = client,
    };
    const struct new_password new = {.field = "password", .text = password};
    must_succeed(
        auth_hash_password(&config, test->arena, &new, &registration->account.password_hash));
    must_succeed(auth_register(&config, test->store, test->arena, registration, &tokens));
    commit_writes(test);
    return tokens;
}

static void bearer_token_resolves_account_role_and_organization(void **state)
{
    struct test *test = *state;
    struct auth_registration anna;
    const char *token = add_account(test, "anna@example.com", "mein-geheim-1", &anna).access;
    const struct principal *principal = authenticate_bearer(test, &config, token);
    assert_int_equal(principal->kind, PRINCIPAL_ACCOUNT);
    assert_int_equal(principal->account_id, anna.account.id);
    assert_int_equal(principal->organization_id, anna.organization.id);
    assert_int_equal(principal->role, ROLE_OWNER);
    assert_string_equal(principal->email, "anna@example.com");
    struct auth_registration other;
    add_account(test, "other@example.com", "mein-geheim-1", &other);
    const char *field = arena_format(test->arena, "Bearer %s", token);
    assert_error(auth_authenticate_bearer(&config, test->store, test->arena, field,
                                          other.organization.id, &principal),
                 ERR_NOT_FOUND);
    must_succeed(auth_logout(test->store, test->arena, authenticate_bearer(test, &config, token)));
    commit_writes(test);
    assert_bearer_rejected(test, &config, field);
}

static void account_login_ignores_case_of_email(void **state)
{
    struct test *test = *state;
    static const char *const names[] = {"Boris@Example.com", "boris@example.com",
                                        "BORIS@EXAMPLE.COM"};
    const struct principal *principal = NULL;
    struct auth_registration boris;
    struct account *account;
    add_account(test, names[0], "mein-geheim-1", &boris);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        must_succeed(auth_login_account(&config, test->store, test->arena, names[i],
                                        "mein-geheim-1", &principal, &account));
        assert_int_equal(principal->account_id, boris.account.id);
        assert_error(auth_login_account(&config, test->store, test->arena, names[i], "Geheim-1",
                                        &principal, &account),
                     ERR_INVALID_CREDENTIALS);
        assert_non_null(account);
    }
    assert_error(auth_login_account(&config, test->store, test->arena, "nobody@example.com",
                                    "mein-geheim-1", &principal, &account),
                 ERR_INVALID_CREDENTIALS);
    assert_null(account);
}

/* --- bcrypt work of a login ------------------------------------------------------------------- */

/* Total work of all bcrypt hashes since the last reset; each step of the cost doubles it. */
static uint64_t bcrypt_work;

/* Replaces libxcrypt's function to count the bcrypt work. */
char *crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
    if (!strncmp(setting, "$2b$", strlen("$2b$"))) {
        bcrypt_work += UINT64_C(1) << strtoul(setting + strlen("$2b$"), NULL, 10);
    }
    return crypt_rn(phrase, setting, data, sizeof *data);
}

static uint64_t measure_rejected_login(struct test *test, const struct config *with,
                                       const char *name)
{
    const struct principal *principal = NULL;
    struct account *account;
    bcrypt_work = 0;
    assert_error(auth_login_account(with, test->store, test->arena, name, "not-the-password",
                                    &principal, &account),
                 ERR_INVALID_CREDENTIALS);
    return bcrypt_work;
}

static struct config config_with_cost(int64_t cost)
{
    struct config changed = config;
    changed.bcrypt_cost = cost;
    return changed;
}

static const char *add_account_of_cost(struct test *test, int64_t cost)
{
    struct auth_registration *registration = arena_alloc(test->arena, sizeof *registration);
    const struct config changed = config_with_cost(cost);
    const struct new_password new = {.field = "password", .text = "mein-geheim-1"};
    const char *email = arena_format(test->arena, "cost-%d@example.com", (int)cost);
    *registration = (struct auth_registration){
        .account = {.username = email, .email = email, .name = email},
        .organization = {.name = email, .currency = "RUB"},
    };
    must_succeed(
        auth_hash_password(&changed, test->arena, &new, &registration->account.password_hash));
    must_succeed(auth_add_account(test->store, test->arena, registration));
    commit_writes(test);
    return email;
}

static struct error *add_without_password(struct store *store, void *context)
{
    struct account account = {.username = "silent", .email = "silent@example.com", .name = "x"};
    return account_insert(store, context, &account, 1);
}

/* Compares rejected logins at costs below, equal to and above the cost of the stored hash. */
static void rejected_logins_take_equal_bcrypt_work_for_all_names(void **state)
{
    enum { LOW = 4, MIDDLE = 6, HIGH = 8, HIGHER = 9 };
    struct test *test = *state;
    must_succeed(store_write(test->store, test->arena, add_without_password, test->arena));
    commit_writes(test);
    const char *const names[] = {
        "nobody@example.com",
        "silent@example.com",
        "",
        add_account_of_cost(test, LOW),
        add_account_of_cost(test, MIDDLE),
        add_account_of_cost(test, HIGH),
    };
    static const int64_t costs[] = {LOW, MIDDLE, HIGH, HIGHER};
    for (size_t i = 0; i < COUNT_OF(costs); i++) {
        const struct config changed = config_with_cost(costs[i]);
        int64_t highest = costs[i] > HIGH ? costs[i] : HIGH;
        for (size_t j = 0; j < COUNT_OF(names); j++) {
            print_message("BCRYPT_COST %d, %s\n", (int)costs[i], names[j]);
            assert_int_equal(measure_rejected_login(test, &changed, names[j]), UINT64_C(1)
                                                                                   << highest);
        }
    }
}

static const char *log_in_with(struct test *test, const struct config *with, const char *email,
                               const char *password)
{
    const struct principal *principal = NULL;
    struct account *account;
    must_succeed(
        auth_login_account(with, test->store, test->arena, email, password, &principal, &account));
    must_succeed(auth_rehash_password(with, test->store, test->arena, account, password));
    return open_session(test, with, principal).access;
}

static struct account *read_account(struct test *test, const char *email)
{
    struct account *account;
    must_succeed(account_find(test->store, test->arena, email, &account));
    return account;
}

static void login_rehashes_password_if_bcrypt_cost_changed(void **state)
{
    enum { FIRST = 5, LOWER = 4, HIGHER = 7 };
    static const int64_t costs[] = {HIGHER, HIGHER, LOWER, FIRST};
    struct test *test = *state;
    const char *email = add_account_of_cost(test, FIRST);
    const struct config first = config_with_cost(FIRST);
    const char *token = log_in_with(test, &first, email, "mein-geheim-1");
    for (size_t i = 0; i < COUNT_OF(costs); i++) {
        const struct config changed = config_with_cost(costs[i]);
        const struct account *before = read_account(test, email);
        (void)log_in_with(test, &changed, email, "mein-geheim-1");
        const struct account *after = read_account(test, email);
        assert_int_equal(password_cost(after->password_hash), costs[i]);
        bool same = !strcmp(before->password_hash, after->password_hash);
        assert_int_equal(same, password_cost(before->password_hash) == costs[i]);
        assert_int_equal(after->credentials_version, before->credentials_version);
        authenticate_bearer(test, &changed, token); /* this session is older than the new hash */
    }
}

static void rehash_does_not_overwrite_a_newer_password(void **state)
{
    enum { OLD = 10 };
    struct test *test = *state;
    const char *email = add_account_of_cost(test, OLD);
    const struct account *verified = read_account(test, email);
    const struct new_password new = {.field = "new_password", .text = "mein-geheim-2"};
    must_succeed(auth_change_password(&config, test->other, test->arena,
                                      principal_of_account(test->arena, verified->id), &new));
    must_succeed(store_group_commit(test->other, test->arena));
    const struct account *changed = read_account(test, email);
    const struct config higher = config_with_cost(OLD + 1);
    must_succeed(
        auth_rehash_password(&higher, test->store, test->arena, verified, "mein-geheim-1"));
    commit_writes(test);
    assert_string_equal(read_account(test, email)->password_hash, changed->password_hash);
    (void)log_in_with(test, &config, email, "mein-geheim-2");
}

/* --- passwords -------------------------------------------------------------------------------- */

static void changed_password_ends_all_sessions(void **state)
{
    struct test *test = *state;
    struct auth_registration vera;
    const char *mine = add_account(test, "vera@example.com", "mein-geheim-1", &vera).access;
    const struct principal *principal = authenticate_bearer(test, &config, mine);
    const char *other = open_session(test, &config, principal).access;
    const struct new_password new = {.field = "new_password", .text = "mein-geheim-2"};
    must_succeed(auth_change_password(&config, test->store, test->arena, principal, &new));
    commit_writes(test);
    assert_bearer_rejected(test, &config, arena_format(test->arena, "Bearer %s", mine));
    assert_bearer_rejected(test, &config, arena_format(test->arena, "Bearer %s", other));
    struct account *account;
    assert_error(auth_login_account(&config, test->store, test->arena, "vera@example.com",
                                    "mein-geheim-1", &principal, &account),
                 ERR_INVALID_CREDENTIALS);
    must_succeed(auth_login_account(&config, test->store, test->arena, "vera@example.com",
                                    "mein-geheim-2", &principal, &account));
}

/* A login that was verified before the password change opens a session that is already invalid. */
static void session_opened_with_replaced_password_is_rejected(void **state)
{
    struct test *test = *state;
    struct auth_registration vera;
    const struct principal *verified = NULL;
    struct account *account;
    add_account(test, "vera2@example.com", "mein-geheim-1", &vera);
    must_succeed(auth_login_account(&config, test->store, test->arena, "vera2@example.com",
                                    "mein-geheim-1", &verified, &account));
    const struct new_password new = {.field = "new_password", .text = "mein-geheim-2"};
    must_succeed(auth_change_password(&config, test->store, test->arena, verified, &new));
    commit_writes(test);
    struct auth_tokens tokens = open_session(test, &config, verified);
    assert_bearer_rejected(test, &config, arena_format(test->arena, "Bearer %s", tokens.access));
}

/* The local password changes: sessions opened with the old password end. */
static void changed_local_password_ends_local_sessions(void **state)
{
    struct test *test = *state;
    struct auth_tokens tokens = log_in(test);
    const char *field = arena_format(test->arena, "Bearer %s", tokens.access);
    struct config changed = config;
    changed.local_auth_password = "admin124";
    assert_bearer_rejected(test, &changed, field);
    const struct principal *principal = NULL;
    must_succeed(
        auth_refresh_subject(&changed, test->store, test->arena, tokens.refresh, &principal));
    assert_error(auth_refresh(&changed, test->store, test->arena, principal, &client,
                              tokens.refresh, &tokens),
                 ERR_INVALID_TOKEN);
    commit_writes(test);
    assert_bearer_rejected(test, &config, field); /* the session has ended permanently */
}

static void tokens_signed_with_previous_key_are_accepted(void **state)
{
    struct test *test = *state;
    struct auth_tokens tokens = log_in(test);
    struct config changed = config;
    changed.jwt_secret_key = "another-key-another-key-another-key";
    assert_bearer_rejected(test, &changed, arena_format(test->arena, "Bearer %s", tokens.access));
    changed.jwt_secret_key_previous = config.jwt_secret_key;
    for (int i = 0; i < 2; i++) {
        const struct principal *principal = authenticate_bearer(test, &changed, tokens.access);
        must_succeed(
            auth_refresh(&changed, test->store, test->arena, principal, &client, NULL, &tokens));
        commit_writes(test);
        changed.jwt_secret_key_previous = "";
    }
}

/* An access token expires with its session, if the session expires first. */
static void access_token_expires_no_later_than_its_session(void **state)
{
    struct test *test = *state;
    struct config changed = config;
    changed.session_max_hours = 2;
    const struct principal *principal = NULL;
    assert_null(auth_login_local(&changed, test->arena, "admin", "admin123", &principal));
    struct auth_tokens tokens = open_session(test, &changed, principal);
    assert_true(tokens.expires_in <= 7200 && tokens.expires_in > 7140);
    changed.session_max_hours = 720; /* the new limit applies to sessions opened later only */
    principal = authenticate_bearer(test, &changed, tokens.access);
    must_succeed(
        auth_refresh(&changed, test->store, test->arena, principal, &client, NULL, &tokens));
    assert_true(tokens.expires_in <= 7200);
}

static void email_addresses_are_validated(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b", "a.b+c@example.com", "иван@пример.рф", "o'b@x.y"};
    static const char *const wrong[] = {"a",       "@",     "a@",         "@b",         "a b@c",
                                        "a@.b",    "a@b.",  "a@b c",      "a@b\n",      "<a@b>",
                                        "a@b,c@d", "a@b@c", "a\u00ADb@c", "a@b\u200Dc", "\u212A@b",
                                        "a＠b",    "ａ@b"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(account_check_email(good[i], strlen(good[i])), FAULT_NONE);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (account_check_email(wrong[i], strlen(wrong[i])) != FAULT_NOT_EMAIL) {
            FAIL("accepted: %s", wrong[i]);
        }
    }
}

/* --- people of the directory ------------------------------------------------------------------ */

/* Returns a directory principal as a login creates it. */
static struct principal *make_directory_principal(struct arena *arena, bool administrator)
{
    struct principal *principal = principal_of_directory(arena, "0a1b");
    principal->username = "ivanov";
    principal->email = "ivanov@example.com";
    principal->name = "Иванов";
    principal->administrator = administrator;
    return principal;
}

static void directory_principal_is_restored_from_its_access_token(void **state)
{
    struct test *test = *state;
    struct config with = config;
    with.ldap_login = true;
    struct auth_tokens tokens =
        open_session(test, &with, make_directory_principal(test->arena, true));
    const struct principal *principal = authenticate_bearer(test, &with, tokens.access);
    assert_int_equal(principal->kind, PRINCIPAL_DIRECTORY);
    assert_string_equal(principal->id, "directory:0a1b");
    assert_string_equal(principal_guid(principal->id), "0a1b");
    assert_string_equal(principal->username, "ivanov");
    assert_string_equal(principal->email, "ivanov@example.com");
    assert_string_equal(principal->name, "Иванов");
    assert_true(principal->administrator);
    /* A refresh token only identifies the person; attributes are looked up in the directory. */
    must_succeed(auth_refresh_subject(&with, test->store, test->arena, tokens.refresh, &principal));
    assert_string_equal(principal->id, "directory:0a1b");
    assert_null(principal->username);
    assert_false(principal->administrator);
    /* With LDAP_LOGIN off, both tokens are rejected. */
    assert_bearer_rejected(test, &config, arena_format(test->arena, "Bearer %s", tokens.access));
    assert_error(
        auth_refresh_subject(&config, test->store, test->arena, tokens.refresh, &principal),
        ERR_INVALID_TOKEN);
}

/* --- permissions ------------------------------------------------------------------------------ */

enum { COLUMNS = PERMIT_MANAGE_OR_SELF }; /* excludes permissions that the router resolves itself */

struct row {
    struct principal principal;
    const char *marks; /* one character per permission; 'x' means permitted */
};

/* Matches the table of permissions in the API contract. */
static void roles_have_permissions_of_the_contract_table(void **state)
{
    (void)state;
    /* The columns are in the order of enum permission: all, principal; directory read, write;
     * accounts, tokens, addresses; files read, create, update, delete; other data of the
     * organization read, create, update, delete; manage. */
    static const struct row rows[] = {
        {{.kind = PRINCIPAL_LOCAL}, "xxxxxxxxxxx....."},
        {{.kind = PRINCIPAL_DIRECTORY}, "xxx....xxxx....."},
        {{.kind = PRINCIPAL_DIRECTORY, .administrator = true}, "xxxx...xxxx....."},
        {{.kind = PRINCIPAL_ACCOUNT}, "xx.....xxxx....."},
        {{.kind = PRINCIPAL_ACCOUNT, .organization_id = 1}, "xx.............."},
        {{.kind = PRINCIPAL_ACCOUNT, .organization_id = 1, .role = ROLE_OWNER}, "xx.....xxxxxxxxx"},
        {{.kind = PRINCIPAL_ACCOUNT, .organization_id = 1, .role = ROLE_ADMIN}, "xx.....xxxxxxxxx"},
        {{.kind = PRINCIPAL_ACCOUNT, .organization_id = 1, .role = ROLE_MANAGER},
         "xx.....xxxxxxxx."},
        {{.kind = PRINCIPAL_ACCOUNT, .organization_id = 1, .role = ROLE_SALES}, "xx.....xxx.xxx.."},
        {{.kind = PRINCIPAL_ACCOUNT, .organization_id = 1, .role = ROLE_VIEWER},
         "xx.....x...x...."},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(strlen(rows[i].marks), COLUMNS);
        for (int j = 0; j < COLUMNS; j++) {
            bool permitted = authorization_permits(&rows[i].principal, (enum permission)j);
            if (permitted != (rows[i].marks[j] == 'x')) {
                FAIL("row %zu, permission %d", i, j);
            }
        }
    }
}

static void every_permission_role_and_principal_kind_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < PERMIT_COUNT; i++) {
        enum permission permission = (enum permission)i;
        assert_int_equal(authorization_permits(NULL, permission), permission == PERMIT_ALL);
        bool silent = permission == PERMIT_ALL || permission == PERMIT_PRINCIPAL ||
                      permission == PERMIT_ADDRESSES || permission == PERMIT_MANAGE_OR_SELF ||
                      permission_is_of_files(permission);
        assert_int_equal(permission_names[i] != NULL, !silent);
        assert_int_equal(permission_is_of_directory(permission),
                         permission == PERMIT_DIRECTORY_READ ||
                             permission == PERMIT_DIRECTORY_WRITE);
        assert_int_equal(permission_is_of_organization(permission), permission >= PERMIT_READ);
    }
    for (int i = 0; i < PRINCIPAL_KIND_COUNT; i++) {
        assert_non_null(principal_kind_names[i]);
    }
    for (int i = ROLE_OWNER; i < ROLE_COUNT; i++) {
        assert_int_equal(principal_role_by_name(principal_role_names[i]), i);
    }
    assert_int_equal(principal_role_by_name("owner"), ROLE_NONE);
    assert_int_equal(principal_role_by_name(NULL), ROLE_NONE);
}

static void principal_id_yields_its_account_id(void **state)
{
    struct test *test = *state;
    static const char *const wrong[] = {"account:",
                                        "account:0",
                                        "account:-1",
                                        "account:1x",
                                        "account:99999999999999999999",
                                        "local:1",
                                        "1",
                                        ""};
    assert_string_equal(principal_of_account(test->arena, 17)->id, "account:17");
    assert_int_equal(principal_account_id("account:17"), 17);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(principal_account_id(wrong[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCOUNTS_TEST(local_administrator_logs_in),
        ACCOUNTS_TEST(wrong_local_credentials_are_rejected),
        ACCOUNTS_TEST(login_returns_access_and_refresh_token_of_one_session),
        ACCOUNTS_TEST(bearer_token_resolves_to_its_subject),
        ACCOUNTS_TEST(missing_authorization_header_yields_no_principal),
        ACCOUNTS_TEST(invalid_authorization_headers_are_rejected),
        ACCOUNTS_TEST(tokens_are_rejected_after_administrator_or_key_changes),
        ACCOUNTS_TEST(reading_subject_does_not_consume_refresh_token),
        ACCOUNTS_TEST(access_token_renews_its_session_until_logout),
        ACCOUNTS_TEST(session_opened_with_replaced_password_is_rejected),
        ACCOUNTS_TEST(changed_local_password_ends_local_sessions),
        ACCOUNTS_TEST(tokens_signed_with_previous_key_are_accepted),
        ACCOUNTS_TEST(access_token_expires_no_later_than_its_session),
        ACCOUNTS_TEST(bearer_token_resolves_account_role_and_organization),
        ACCOUNTS_TEST(account_login_ignores_case_of_email),
        ACCOUNTS_TEST(rejected_logins_take_equal_bcrypt_work_for_all_names),
        ACCOUNTS_TEST(login_rehashes_password_if_bcrypt_cost_changed),
        ACCOUNTS_TEST(rehash_does_not_overwrite_a_newer_password),
        ACCOUNTS_TEST(changed_password_ends_all_sessions),
        cmocka_unit_test(email_addresses_are_validated),
        ACCOUNTS_TEST(directory_principal_is_restored_from_its_access_token),
        cmocka_unit_test(roles_have_permissions_of_the_contract_table),
        cmocka_unit_test(every_permission_role_and_principal_kind_has_a_name),
        ACCOUNTS_TEST(principal_id_yields_its_account_id),
    };
    char folder[PATH_MAX];
    return enter_accounts(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("auth", tests, NULL, NULL))
               : EXIT_FAILURE;
}
