/* Email links: tokens that verify an email address, their lifetime and single use; and the
 * release of unverified addresses. */
#include "unit.h"

#include "accounts.h"
#include "auth/account.h"
#include "auth/email_link.h"

enum { TOKEN_DIGITS = 64 };

static const int64_t now = 1000, lifetime = INT64_C(7) * 24 * 3600 * 1000;

static struct email_link issue_link(struct test *test, const char *email)
{
    struct email_link link = {.email = email};
    must_succeed(email_link_issue(test->store, test->arena, now, &link));
    commit_writes(test);
    return link;
}

static bool verifies_email(struct test *test, const char *token, const char *email, int64_t at)
{
    bool valid = false;
    must_succeed(email_link_check(test->store, test->arena, token, email, at, &valid));
    return valid;
}

struct work {
    struct test *test;
    const char *token, *email;
    struct account account;
    int64_t released;
};

static struct error *use_link(struct store *store, void *context)
{
    const struct work *work = context;
    return email_link_use(store, work->test->arena, work->token, work->email, now);
}

static struct error *insert_account(struct store *store, void *context)
{
    struct work *work = context;
    return account_insert(store, work->test->arena, &work->account, now);
}

static struct error *release_email(struct store *store, void *context)
{
    struct work *work = context;
    return account_release_email(store, work->test->arena, work->email, now, &work->released);
}

static struct error *write_work(struct test *test, store_work *function, struct work *work)
{
    struct error *error = store_write(test->store, test->arena, function, work);
    commit_writes(test);
    return error;
}

static void email_link_verifies_its_address_until_it_expires(void **state)
{
    struct test *test = *state;
    struct email_link link = issue_link(test, "Anna@example.com");
    assert_int_equal(strspn(link.token, "0123456789abcdef"), TOKEN_DIGITS);
    assert_int_equal(link.expires_ms, now + lifetime);
    assert_true(verifies_email(test, link.token, "ANNA@example.com", now));
    assert_true(verifies_email(test, link.token, "anna@example.com", now + lifetime - 1));
    assert_false(verifies_email(test, link.token, "anna@example.com", now + lifetime));
    assert_false(verifies_email(test, link.token, "other@example.com", now));
    assert_false(verifies_email(test, "", "anna@example.com", now));
}

static void new_email_link_invalidates_the_previous_one(void **state)
{
    struct test *test = *state;
    struct email_link first = issue_link(test, "boris@example.com");
    struct email_link second = issue_link(test, "Boris@example.com");
    assert_string_not_equal(first.token, second.token);
    assert_false(verifies_email(test, first.token, "boris@example.com", now));
    assert_true(verifies_email(test, second.token, "boris@example.com", now));
}

static void email_link_works_only_once(void **state)
{
    struct test *test = *state;
    struct email_link link = issue_link(test, "vera@example.com");
    struct work work = {.test = test, .token = link.token, .email = "other@example.com"};
    assert_error(write_work(test, use_link, &work), ERR_LINK_INVALID);
    work.email = "vera@example.com";
    must_succeed(write_work(test, use_link, &work));
    assert_error(write_work(test, use_link, &work), ERR_LINK_INVALID);
    assert_false(verifies_email(test, link.token, "vera@example.com", now));
}

/* Inserts an account with this name and address. */
static struct account *add_account(struct test *test, const char *username, const char *email,
                                   int64_t verified_ms)
{
    struct work work = {
        .test = test,
        .account = {
            .username = username, .email = email, .name = username, .verified_ms = verified_ms}};
    struct account *account = NULL;
    must_succeed(write_work(test, insert_account, &work));
    must_succeed(account_get(test->store, test->arena, work.account.id, &account));
    return account;
}

static void unverified_address_is_released_for_other_accounts(void **state)
{
    struct test *test = *state;
    struct account *account = add_account(test, "M@example.com", "M@example.com", 0);
    struct work work = {.test = test, .email = "m@EXAMPLE.com"};
    must_succeed(write_work(test, release_email, &work));
    assert_int_equal(work.released, account->id);
    must_succeed(account_get(test->store, test->arena, work.released, &account));
    assert_null(account->email);
    assert_int_equal(strncmp(account->username, "unproven-", strlen("unproven-")), 0);
    must_succeed(write_work(test, release_email, &work));
    assert_int_equal(work.released, 0);
    add_account(test, "m@example.com", "m@example.com", now); /* both names are free again */
}

static void account_with_released_address_keeps_a_different_username(void **state)
{
    struct test *test = *state;
    struct account *account = add_account(test, "oleg", "oleg@example.com", 0);
    struct work work = {.test = test, .email = "oleg@example.com"};
    must_succeed(write_work(test, release_email, &work));
    must_succeed(account_get(test->store, test->arena, account->id, &account));
    assert_string_equal(account->username, "oleg");
    assert_null(account->email);
}

static void verified_address_is_not_released_for_other_accounts(void **state)
{
    struct test *test = *state;
    struct account *account = add_account(test, "p@example.com", "p@example.com", now);
    struct work work = {.test = test, .email = "p@example.com"};
    must_succeed(write_work(test, release_email, &work));
    assert_int_equal(work.released, 0);
    must_succeed(account_get(test->store, test->arena, account->id, &account));
    assert_string_equal(account->email, "p@example.com");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCOUNTS_TEST(email_link_verifies_its_address_until_it_expires),
        ACCOUNTS_TEST(new_email_link_invalidates_the_previous_one),
        ACCOUNTS_TEST(email_link_works_only_once),
        ACCOUNTS_TEST(unverified_address_is_released_for_other_accounts),
        ACCOUNTS_TEST(account_with_released_address_keeps_a_different_username),
        ACCOUNTS_TEST(verified_address_is_not_released_for_other_accounts),
    };
    char folder[PATH_MAX];
    return enter_accounts(folder)
               ? leave_temporary(folder,
                                 cmocka_run_group_tests_name("email_link", tests, NULL, NULL))
               : EXIT_FAILURE;
}
