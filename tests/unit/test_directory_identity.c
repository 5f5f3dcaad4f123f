/* Directory identity: account states that forbid a login, and logins that are rejected without
 * asking the directory. */
#include "unit.h"

#include "base/clock.h"
#include "base/config.h"
#include "directory/attribute.h"
#include "directory/directory.h"
#include "directory/identity.h"

enum { ATTRIBUTES_MAX = 4 };

/* `attributes` holds pairs of a name and a value; NULL ends the list. */
struct account {
    const char *what;
    const char *attributes[2 * ATTRIBUTES_MAX + 1];
    const char *refusal; /* NULL: the account may be used */
};

static const char *find_refusal(const char *const *pairs)
{
    struct attribute attributes[ATTRIBUTES_MAX];
    struct berval values[ATTRIBUTES_MAX];
    struct raw_entry raw = {.dn = "CN=x", .attributes = attributes};
    for (; pairs[2 * raw.count]; raw.count++) {
        const char *value = pairs[2 * raw.count + 1];
        values[raw.count] = (struct berval){.bv_val = (char *)value, .bv_len = strlen(value)};
        attributes[raw.count] = (struct attribute){
            .name = pairs[2 * raw.count], .values = &values[raw.count], .count = 1};
    }
    return identity_refusal(&raw);
}

#define CONTROL "userAccountControl"
#define COMPUTED "msDS-User-Account-Control-Computed"

static const struct account accounts[] = {
    {"ordinary", {CONTROL, "512"}, NULL},
    {"with everything in order",
     {CONTROL, "66048", COMPUTED, "0", "accountExpires", "0", "pwdLastSet", "133000000000000000"},
     NULL},
    {"that never expires", {CONTROL, "512", "accountExpires", "9223372036854775807"}, NULL},
    {"that expires in 2262", {CONTROL, "512", "accountExpires", "209000000000000000"}, NULL},
    {"with odd values", {CONTROL, "512", COMPUTED, "x", "accountExpires", "y"}, NULL},
    {"without a state", {"pwdLastSet", "1"}, "the state of the account cannot be read"},
    {"with an odd state", {CONTROL, "enabled"}, "the state of the account cannot be read"},
    {"disabled", {CONTROL, "514"}, "the account is disabled"},
    {"disabled by computation", {CONTROL, "512", COMPUTED, "2"}, "the account is disabled"},
    {"locked", {CONTROL, "512", COMPUTED, "16"}, "the account is locked"},
    {"expired",
     {CONTROL, "512", "accountExpires", "132000000000000000"},
     "the account has expired"},
    {"expired long ago", {CONTROL, "512", "accountExpires", "1"}, "the account has expired"},
    {"to change its password",
     {CONTROL, "512", COMPUTED, "8388608", "pwdLastSet", "0"},
     "the password must be changed"},
    {"to change it although it never expires",
     {CONTROL, "66048", "pwdLastSet", "0"},
     "the password must be changed"},
    {"with an old password", {CONTROL, "512", COMPUTED, "8388608"}, "the password has expired"},
};

static void account_state_allows_or_rejects_a_login(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(accounts); i++) {
        const char *refusal = find_refusal(accounts[i].attributes);
        if (strcmp(refusal ? refusal : "", accounts[i].refusal ? accounts[i].refusal : "") != 0) {
            FAIL("an account %s: %s", accounts[i].what, refusal ? refusal : "may be used");
        }
    }
}

static const int64_t refusal_us = 100000; /* minimum duration of a rejected login */

/* Nothing listens on this port: a login that contacts the directory gets another error. */
static const struct config config = {
    .ldap_server = "127.0.0.1:1",
    .ldap_base_dn = "DC=x",
    .ldap_bind_dn = "CN=x",
    .ldap_bind_password = "x",
    .ldap_admin_group = "",
    .ldap_connect_timeout_ms = 100,
    .ldap_timeout_ms = 100,
};

static void empty_password_is_rejected_without_asking_the_directory(void **state)
{
    struct directory *directory = directory_new(&config);
    struct directory_identity identity;
    const struct directory_candidate candidate = {.dn = "CN=x", .reason = "no such user"};
    int64_t began = clock_steady_us();
    const struct error *error =
        directory_login(directory, *state, &candidate, "", false, &identity);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_INVALID_CREDENTIALS);
    assert_true(clock_steady_us() - began >= refusal_us);
    directory_free(&directory);
}

static void invalid_guid_identifies_nobody(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "00000000-0000-0000-0000-00000000000",
        "00000000-0000-0000-0000-0000000000000",
        "00000000-0000-0000-0000-00000000000>",
        "00000000-0000-0000-0000-00000000000A",
    };
    struct directory *directory = directory_new(&config);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct directory_identity identity;
        const struct error *error =
            directory_identify(directory, *state, texts[i], true, &identity);
        assert_non_null(error);
        assert_int_equal(error->id, ERR_INVALID_TOKEN);
    }
    directory_free(&directory);
}

static void logins_fail_as_unavailable_without_the_directory(void **state)
{
    struct directory *directory = directory_new(&config);
    struct directory_identity identity;
    const char *guid = "00000000-0000-0000-0000-000000000000";
    struct directory_candidate candidate;
    const struct error *error = directory_resolve(directory, *state, "name", &candidate);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_DIRECTORY_UNAVAILABLE);
    error = directory_login(directory, *state, &candidate, "password", false, &identity);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_DIRECTORY_UNAVAILABLE);
    error = directory_identify(directory, *state, guid, false, &identity);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_DIRECTORY_UNAVAILABLE);
    directory_free(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_state_allows_or_rejects_a_login),
        ARENA_TEST(empty_password_is_rejected_without_asking_the_directory),
        ARENA_TEST(invalid_guid_identifies_nobody),
        ARENA_TEST(logins_fail_as_unavailable_without_the_directory),
    };
    return cmocka_run_group_tests_name("directory_identity", tests, NULL, NULL);
}
