/* Delegations: the rules that a process keeps in memory, and their form in the database. Runs on
 * both engines. */
#include "engines.h"

#include "base/right.h"
#include "rest/delegations.h"

enum { MANY = 2000 };

static struct config config = {.ldap_login_cache_s = 30};
static struct delegations *cache;

static int setup_cache(void **state)
{
    test_setup_schema(state);
    struct test *test = *state;
    cache = delegations_new(&config, test->store, NULL);
    return 0;
}

static int teardown_cache(void **state)
{
    delegations_free(&cache);
    return test_teardown(state);
}

#define RULES_TEST(function) cmocka_unit_test_setup_teardown(function, setup_cache, teardown_cache)

/* Inserts a delegation by another process. `fields` is SQL. */
static void insert_rule(struct test *test, const char *sid, const char *scope, int64_t rights,
                        const char *fields)
{
    must_script(test->other, test->arena,
                arena_format(test->arena,
                             "INSERT INTO delegations (principal_guid, principal_sid,"
                             " principal_name, scope_guid, rights, fields, created_at, created_by,"
                             " updated_at) VALUES ('%s', '%s', 'n', '%s', %lld, %s, 1, 'a', 1)",
                             sid, sid, scope, (long long)rights, fields));
}

static void renew_version(struct test *test)
{
    must_script(test->other, test->arena, "UPDATE delegation_changes SET version = version + 1");
}

static size_t count_rules(struct test *test)
{
    struct directory_rule *rules;
    size_t count;
    must_succeed(delegations_read(cache, test->arena, &rules, &count));
    return count;
}

static void rules_are_read_again_when_the_version_changes(void **state)
{
    struct test *test = *state;
    assert_int_equal(count_rules(test), 0);
    insert_rule(test, "S-1-5-1", "g", 1, "NULL");
    assert_int_equal(count_rules(test), 0);
    renew_version(test);
    assert_int_equal(count_rules(test), 1);
    must_script(test->other, test->arena, "DELETE FROM delegations");
    renew_version(test);
    assert_int_equal(count_rules(test), 0);
}

static void columns_become_members_of_the_rule(void **state)
{
    struct test *test = *state;
    struct directory_rule *rules;
    size_t count;
    insert_rule(test, "S-1-5-1", "g", RIGHT_BIT(RIGHT_UPDATE), "'mobile'");
    insert_rule(test, "S-1-5-2", "h", INT64_MAX, "NULL");
    insert_rule(test, "S-1-5-3", "i", INT64_MIN, "NULL");
    insert_rule(test, "S-1-5-4", "j", 1, "''");
    must_script(test->other, test->arena,
                test->store->id == ENGINE_SQLITE
                    ? "UPDATE delegations SET fields = 'c' || char(10) || 'mobile' WHERE id = 1"
                    : "UPDATE delegations SET fields = 'c' || chr(10) || 'mobile' WHERE id = 1");
    must_succeed(delegations_read(cache, test->arena, &rules, &count));
    assert_int_equal(count, 3); /* a rule without known rights gives nothing */
    assert_string_equal(rules[0].principal_sid, "S-1-5-1");
    assert_string_equal(rules[0].scope_guid, "g");
    assert_null(rules[0].scope_dn);
    assert_int_equal(rules[0].rights, RIGHT_BIT(RIGHT_UPDATE));
    assert_string_equal(rules[0].fields[0], "c");
    assert_string_equal(rules[0].fields[1], "mobile");
    assert_null(rules[0].fields[2]);
    assert_int_equal(rules[1].rights, RIGHT_ALL); /* unknown bits are ignored */
    assert_null(rules[1].fields);
    assert_string_equal(rules[2].principal_sid, "S-1-5-4");
    assert_string_equal(rules[2].fields[0], ""); /* no field has this name */
}

static void returned_rules_may_be_changed(void **state)
{
    struct test *test = *state;
    struct directory_rule *rules;
    size_t count;
    insert_rule(test, "S-1-5-1", "g", 1, "NULL");
    must_succeed(delegations_read(cache, test->arena, &rules, &count));
    rules[0].scope_dn = "DC=x";
    rules[0].rights = RIGHT_ALL;
    must_succeed(delegations_read(cache, test->arena, &rules, &count));
    assert_null(rules[0].scope_dn);
    assert_int_equal(rules[0].rights, 1);
}

static void unreadable_rules_are_an_error(void **state)
{
    struct test *test = *state;
    struct directory_rule *rules;
    size_t count;
    const char *own;
    insert_rule(test, "S-1-5-1", "g", 1, "NULL");
    assert_int_equal(count_rules(test), 1);
    must_script(test->other, test->arena,
                "ALTER TABLE delegation_changes RENAME TO delegation_changes_away");
    assert_non_null(delegations_read(cache, test->arena, &rules, &count));
    const char *const nobody[] = {NULL};
    assert_non_null(delegations_read_own(cache, test->arena, nobody, &own));
    must_script(test->other, test->arena,
                "ALTER TABLE delegation_changes_away RENAME TO delegation_changes");
    assert_int_equal(count_rules(test), 1);
}

static void two_thousand_rules_are_read(void **state)
{
    struct test *test = *state;
    struct buffer script = {.arena = test->arena};
    for (int i = 0; i < MANY; i++) {
        buffer_format(&script,
                      "INSERT INTO delegations (principal_guid, principal_sid, principal_name,"
                      " scope_guid, rights, created_at, created_by, updated_at)"
                      " VALUES ('p%d', 'S-1-5-%d', 'n', 'g', 1, 1, 'a', 1);",
                      i, i % 7);
    }
    must_script(test->other, test->arena, script.bytes);
    assert_int_equal(count_rules(test), MANY);
}

/* --- principals ------------------------------------------------------------------------------- */

static const struct directory_rule rules[] = {
    {1, "S-1-5-3", "g", NULL, RIGHT_BIT(RIGHT_UNLOCK), NULL},
    {2, "S-1-5-1", "g", NULL, RIGHT_BIT(RIGHT_MOVE), NULL},
    {3, "S-1-5-3", "h", NULL, RIGHT_BIT(RIGHT_ENABLE), NULL},
    {4, "S-1-5-33", "h", NULL, RIGHT_BIT(RIGHT_DELETE), NULL},
    {5, "S-1-5-4", "h", NULL, RIGHT_BIT(RIGHT_READ), NULL},
};

static void rights_are_those_of_all_own_rules(void **state)
{
    (void)state;
    static const char *const both[] = {"S-1-5-9", "S-1-5-3", "S-1-5-1", NULL};
    static const char *const none[] = {"S-1-5", "S-1-5-333", "", NULL};
    unsigned read = RIGHT_BIT(RIGHT_READ);
    assert_int_equal(delegations_rights(rules, COUNT_OF(rules), both),
                     read | RIGHT_BIT(RIGHT_UNLOCK) | RIGHT_BIT(RIGHT_MOVE) |
                         RIGHT_BIT(RIGHT_ENABLE));
    assert_int_equal(delegations_rights(rules, COUNT_OF(rules), none), 0);
    assert_int_equal(delegations_rights(rules, 0, both), 0);
}

static void membership_lists_each_principal_once(void **state)
{
    struct test *test = *state;
    static const char *const sids[] = {"S-1-5-33", "S-1-5-7", "S-1-5-3", NULL};
    struct delegation_membership membership =
        delegations_membership(test->arena, rules, COUNT_OF(rules), sids);
    assert_string_equal(membership.own, " S-1-5-3 S-1-5-33 ");
    assert_string_equal(membership.other[0], "S-1-5-1");
    assert_string_equal(membership.other[1], "S-1-5-4");
    assert_null(membership.other[2]);
    membership = delegations_membership(test->arena, rules, 0, sids);
    assert_string_equal(membership.own, "");
    assert_null(membership.other[0]);
}

static void fields_survive_the_form_of_the_database(void **state)
{
    struct test *test = *state;
    static const char *const names[] = {"c", "mobile"};
    size_t count;
    const char *joined = delegations_join_fields(test->arena, names, COUNT_OF(names));
    const char *const *split = delegations_split_fields(test->arena, joined, &count);
    assert_int_equal(count, 2);
    assert_string_equal(split[0], "c");
    assert_string_equal(split[1], "mobile");
    assert_null(split[2]);
    assert_null(delegations_split_fields(test->arena, NULL, &count));
    assert_int_equal(count, 0);
}

static void folded_texts_omit_what_is_absent(void **state)
{
    struct test *test = *state;
    const struct delegation_texts texts = {.principal = "CN=Ёж",
                                           .principal_name = "Ёж",
                                           .rights = RIGHT_BIT(RIGHT_READ),
                                           .created_by = "Admin"};
    assert_string_equal(delegations_fold(test->arena, &texts),
                        "{\"principal\":\"cn=ёж\",\"principal_name\":\"ёж\","
                        "\"created_by\":\"admin\",\"rights\":\"\\nread\\n\",\"fields\":\"\"}");
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        RULES_TEST(rules_are_read_again_when_the_version_changes),
        RULES_TEST(columns_become_members_of_the_rule),
        RULES_TEST(returned_rules_may_be_changed),
        RULES_TEST(unreadable_rules_are_an_error),
        RULES_TEST(two_thousand_rules_are_read),
        cmocka_unit_test(rights_are_those_of_all_own_rules),
        RULES_TEST(membership_lists_each_principal_once),
        RULES_TEST(fields_survive_the_form_of_the_database),
        RULES_TEST(folded_texts_omit_what_is_absent),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "delegations on SQLite", "delegations on PostgreSQL");
}
