/* Caller sight: which entries a caller sees by the scopes of its delegations. */
#include "unit.h"

#include "base/config.h"
#include "base/right.h"
#include "directory/caller.h"
#include "directory/directory.h"

#define OWN "S-1-5-21-1-1000"
#define OTHER "S-1-5-21-1-2000"

static const struct config config = {.ldap_server = "", .ldap_base_dn = "DC=x"};

#define RULE(sid_, scope_)                                                                         \
    {                                                                                              \
        .id = 1, .principal_sid = (sid_), .scope_guid = "", .scope_dn = (scope_),                  \
        .rights = RIGHT_BIT(RIGHT_UNLOCK)                                                          \
    }

static const struct directory_rule rules[] = {
    RULE(OWN, "OU=Staff,DC=x"),
    RULE(OWN, "OU=Nested,OU=Staff,DC=x"),
    RULE(OWN, "OU=a\\,b,DC=x"),
    RULE(OTHER, "OU=Others,DC=x"),
    RULE(OWN, NULL),
    RULE(OWN, "CN=Users,DC=x"),
};

static const char *const own_sids[] = {"S-1-5-21-1-9", OWN, NULL};

static struct directory_caller make_caller(void)
{
    return (struct directory_caller){
        .limit = RIGHT_ALL, .sids = own_sids, .rules = rules, .rules_count = COUNT_OF(rules)};
}

struct sight_case {
    const char *dn;
    bool seen;
};

static void caller_sees_scopes_and_entries_below(void **state)
{
    struct arena *arena = *state;
    static const struct sight_case cases[] = {
        {"OU=Staff,DC=x", true},
        {"ou=STAFF, dc=X", true},
        {"CN=a,OU=Staff,DC=x", true},
        {"CN=a,OU=Nested,OU=Staff,DC=x", true},
        {"CN=a\\,OU=Staff,DC=x", false},
        {"CN=a,OU=a\\,b,DC=x", true},
        {"CN=a,OU=a\\2Cb,DC=x", true},
        {"CN=a,OU=b,DC=x", false},
        {"CN=Users,DC=x", true},
        {"OU=Users,DC=x", false},
        {"CN=a,CN=Users,DC=x", true},
        {"OU=Others,DC=x", false},
        {"CN=a,OU=Others,DC=x", false},
        {"DC=x", false},
        {"OU=Staff,DC=y", false},
        {"OU=Staffing,DC=x", false},
        {"OU=Staff,OU=Others,DC=x", false},
        {"OU=Staff", false},
        {"", false},
        {"CN=a,", false},
    };
    struct directory *directory = directory_new(&config);
    struct directory_caller caller = make_caller();
    directory_set_caller(directory, arena, &caller);
    assert_false(caller_sees_all(directory));
    for (int repeat = 0; repeat < 2; repeat++) { /* the second time from the cache */
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            if (caller_sees(directory, cases[i].dn) != cases[i].seen) {
                FAIL("%s", cases[i].dn);
            }
        }
    }
    directory_free(&directory);
}

static void many_parents_are_told_apart(void **state)
{
    struct arena *arena = *state;
    struct directory *directory = directory_new(&config);
    struct directory_caller caller = make_caller();
    directory_set_caller(directory, arena, &caller);
    for (int i = 0; i < 1000; i++) {
        assert_true(caller_sees(directory, arena_format(arena, "CN=a,OU=%d,OU=Staff,DC=x", i)));
        assert_false(caller_sees(directory, arena_format(arena, "CN=a,OU=%d,OU=Others,DC=x", i)));
    }
    directory_free(&directory);
}

static void places_do_not_contain_each_other(void **state)
{
    struct arena *arena = *state;
    struct directory *directory = directory_new(&config);
    struct directory_caller caller = make_caller();
    size_t count;
    directory_set_caller(directory, arena, &caller);
    const char *const *places = caller_places(directory, arena, "DC=x", &count);
    assert_int_equal(count, 3);
    assert_string_equal(places[0], "OU=Staff,DC=x");
    assert_string_equal(places[1], "OU=a\\,b,DC=x");
    assert_string_equal(places[2], "CN=Users,DC=x");
    static const char below[] = "OU=Deep,OU=Staff,DC=x";
    places = caller_places(directory, arena, below, &count);
    assert_int_equal(count, 1);
    assert_ptr_equal(places[0], below);
    (void)caller_places(directory, arena, "OU=Others,DC=x", &count);
    assert_int_equal(count, 0);
    directory_free(&directory);
}

static void callers_without_restriction_see_the_base(void **state)
{
    struct arena *arena = *state;
    struct directory *directory = directory_new(&config);
    struct directory_caller callers[] = {make_caller(), make_caller(), make_caller()};
    static const char base[] = "DC=x";
    size_t count;
    callers[0].administrator = true;
    callers[1].administrator = true;
    callers[1].limit = RIGHT_BIT(RIGHT_READ);
    callers[2].reads_all = true;
    for (size_t i = 0; i <= COUNT_OF(callers); i++) {
        directory_set_caller(directory, arena, i < COUNT_OF(callers) ? &callers[i] : NULL);
        assert_true(caller_sees_all(directory));
        assert_true(caller_sees(directory, "CN=a,OU=Others,DC=x"));
        const char *const *places = caller_places(directory, arena, base, &count);
        assert_int_equal(count, 1);
        assert_ptr_equal(places[0], base);
    }
    directory_free(&directory);
}

/* A key without any right of the rule sees nothing by it. */
static void credentials_limit_sight(void **state)
{
    struct arena *arena = *state;
    struct directory *directory = directory_new(&config);
    struct directory_caller caller = make_caller();
    size_t count;
    caller.limit = RIGHT_BIT(RIGHT_MEMBERS);
    directory_set_caller(directory, arena, &caller);
    assert_false(caller_sees(directory, "OU=Staff,DC=x"));
    assert_false(caller_sees(directory, "CN=a,OU=Staff,DC=x"));
    (void)caller_places(directory, arena, "DC=x", &count);
    assert_int_equal(count, 0);
    directory_free(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(caller_sees_scopes_and_entries_below),
        ARENA_TEST(many_parents_are_told_apart),
        ARENA_TEST(places_do_not_contain_each_other),
        ARENA_TEST(callers_without_restriction_see_the_base),
        ARENA_TEST(credentials_limit_sight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
