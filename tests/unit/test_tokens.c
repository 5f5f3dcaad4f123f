/* Tokens: issue, verify and revoke. Runs on both engines. */
#include "engines.h"

#include "tokens/format.h"
#include "tokens/issue.h"
#include "tokens/revoke.h"
#include "tokens/verify.h"

enum { ISSUED = 1000, EXPIRES = 2000 };

static const char key[] = "0123456789abcdef0123456789abcdef";

#define TOKENS_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, test_setup_schema, test_teardown)

/* Issues and returns a token. */
static const char *issue_token(struct test *test, int64_t max_uses)
{
    const struct tokens_terms terms = {
        .max_uses = max_uses, .now_ms = ISSUED, .expires_ms = EXPIRES};
    const char *token;
    must_succeed(tokens_issue(test->store, test->arena, key, &terms, &token));
    must_succeed(store_group_commit(test->store, test->arena));
    return token;
}

static enum tokens_result verify_token(struct test *test, const char *token, int64_t now,
                                       bool counts)
{
    enum tokens_result result;
    must_succeed(tokens_verify(test->store, test->arena, key, token, now, counts, &result));
    must_succeed(store_group_commit(test->store, test->arena));
    return result;
}

static void token_is_valid_until_it_expires(void **state)
{
    struct test *test = *state;
    const char *token = issue_token(test, 0);
    assert_true(tokens_format_matches(token));
    assert_int_equal(verify_token(test, token, EXPIRES - 1, true), TOKENS_VALID);
    assert_int_equal(verify_token(test, token, EXPIRES, true), TOKENS_EXPIRED);
}

static void limited_token_can_be_used_up(void **state)
{
    struct test *test = *state;
    const char *token = issue_token(test, 2);
    assert_int_equal(verify_token(test, token, ISSUED, true), TOKENS_VALID);
    assert_int_equal(verify_token(test, token, ISSUED, false), TOKENS_VALID);
    assert_int_equal(verify_token(test, token, ISSUED, true), TOKENS_VALID);
    assert_int_equal(verify_token(test, token, ISSUED, true), TOKENS_USED_UP);
    assert_int_equal(verify_token(test, token, ISSUED, false), TOKENS_USED_UP);
}

static void unknown_and_malformed_tokens_are_distinguished(void **state)
{
    struct test *test = *state;
    assert_int_equal(verify_token(test, "", ISSUED, true), TOKENS_MALFORMED);
    assert_int_equal(verify_token(test, "754321:xyz9AbC2DeF3GhI4JkL5M", ISSUED, true),
                     TOKENS_MALFORMED);
    assert_int_equal(verify_token(test, "754321:xyz9AbC2DeF3GhI4JkL5M-", ISSUED, true),
                     TOKENS_MALFORMED);
    assert_int_equal(verify_token(test, "754321:xyz9AbC2DeF3GhI4JkL5Mn", ISSUED, true),
                     TOKENS_UNKNOWN);
}

static void revoked_token_is_unknown(void **state)
{
    struct test *test = *state;
    const char *token = issue_token(test, 0), *other = issue_token(test, 0);
    int64_t id, again;
    bool found;
    must_succeed(tokens_revoke(test->store, test->arena, key, token, &id));
    must_succeed(tokens_revoke(test->store, test->arena, key, token, &again));
    must_succeed(store_group_commit(test->store, test->arena));
    assert_true(id > 0);
    assert_int_equal(again, 0);
    assert_int_equal(verify_token(test, token, ISSUED, true), TOKENS_UNKNOWN);
    must_succeed(tokens_revoke_id(test->store, test->arena, id, &found));
    assert_false(found);
    must_succeed(tokens_revoke_id(test->store, test->arena, id + 1, &found));
    must_succeed(store_group_commit(test->store, test->arena));
    assert_true(found);
    assert_int_equal(verify_token(test, other, ISSUED, true), TOKENS_UNKNOWN);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        TOKENS_TEST(token_is_valid_until_it_expires),
        TOKENS_TEST(limited_token_can_be_used_up),
        TOKENS_TEST(unknown_and_malformed_tokens_are_distinguished),
        TOKENS_TEST(revoked_token_is_unknown),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "tokens on SQLite", "tokens on PostgreSQL");
}
