/* Caller: the rights that rules give, the rights that changes require, and the ways to gain
 * rights. */
#include "unit.h"

#include "base/config.h"
#include "base/field.h"
#include "base/right.h"
#include "directory/account.h"
#include "directory/caller.h"
#include "directory/directory.h"

#define BASE "DC=x,DC=y"
#define STAFF "OU=Staff," BASE
#define SALES "OU=Sales," STAFF
#define OTHER "OU=Other," BASE
#define USER "CN=a," SALES

#define READ RIGHT_BIT(RIGHT_READ)
#define UNLOCK RIGHT_BIT(RIGHT_UNLOCK)
#define RESET RIGHT_BIT(RIGHT_RESET_PASSWORD)
#define ENABLE RIGHT_BIT(RIGHT_ENABLE)
#define UPDATE RIGHT_BIT(RIGHT_UPDATE)
#define DELETE RIGHT_BIT(RIGHT_DELETE)
#define MOVE RIGHT_BIT(RIGHT_MOVE)
#define MEMBERS RIGHT_BIT(RIGHT_MEMBERS)

enum { RULES_MAX = 4, PLACES_MAX = 4, MANY = 2000 };

static const struct config config = {
    .ldap_server = "127.0.0.1:1", .ldap_base_dn = BASE, .ldap_admin_group = ""};
static const char *const own_sids[] = {"S-1-5-21-1-1001", "S-1-5-21-1-2001", NULL};
#define OWN "S-1-5-21-1-2001"
#define FOREIGN "S-1-5-21-1-20012"

/* A test's caller, with the directory that it was set for. */
struct scene {
    struct directory *directory;
    struct directory_caller caller;
};

static void release_directory(void *directory)
{
    struct directory *owned = directory;
    directory_free(&owned);
}

/* Sets a delegate with these rules, up to the first without an id. */
static struct scene *set_delegate(struct arena *arena, const struct directory_rule *rules)
{
    struct scene *scene = arena_alloc(arena, sizeof *scene);
    scene->directory = directory_new(&config);
    arena_defer(arena, release_directory, scene->directory);
    scene->caller = (struct directory_caller){.limit = RIGHT_ALL, .sids = own_sids, .rules = rules};
    while (rules && scene->caller.rules_count < RULES_MAX && rules[scene->caller.rules_count].id) {
        scene->caller.rules_count++;
    }
    directory_set_caller(scene->directory, arena, &scene->caller);
    return scene;
}

/* --- rights at places ------------------------------------------------------------------------- */

struct place_case {
    const char *what;
    struct directory_rule rules[RULES_MAX];
    unsigned limit; /* 0: none */
    const char *dn;
    unsigned rights;
};

static const struct place_case place_cases[] = {
    {"no rule", {{0}}, 0, USER, 0},
    {"own rule", {{1, OWN, "g", STAFF, UNLOCK, NULL}}, 0, USER, READ | UNLOCK},
    {"the scope itself", {{1, OWN, "g", STAFF, UNLOCK, NULL}}, 0, STAFF, READ | UNLOCK},
    {"above the scope", {{1, OWN, "g", STAFF, UNLOCK, NULL}}, 0, BASE, 0},
    {"next to the scope", {{1, OWN, "g", STAFF, UNLOCK, NULL}}, 0, "CN=a," OTHER, 0},
    {"a name that ends like the scope",
     {{1, OWN, "g", STAFF, UNLOCK, NULL}},
     0,
     "CN=a,OU=Old Staff," BASE,
     0},
    {"an escaped comma before the name",
     {{1, OWN, "g", STAFF, UNLOCK, NULL}},
     0,
     "CN=a\\,OU=Staff," BASE,
     0},
    {"another case",
     {{1, OWN, "g", STAFF, UNLOCK, NULL}},
     0,
     "cn=A,ou=STAFF,dc=X,dc=Y",
     READ | UNLOCK},
    {"scope is the base DN", {{1, OWN, "g", BASE, MOVE, NULL}}, 0, USER, READ | MOVE},
    {"missing scope", {{1, OWN, "g", NULL, UNLOCK, NULL}}, 0, USER, 0},
    {"foreign principal", {{1, FOREIGN, "g", STAFF, UNLOCK, NULL}}, 0, USER, 0},
    {"several rules",
     {{1, OWN, "g", STAFF, UNLOCK, NULL},
      {2, "S-1-5-21-1-1001", "h", SALES, ENABLE, NULL},
      {3, OWN, "i", OTHER, DELETE, NULL}},
     0,
     USER,
     READ | UNLOCK | ENABLE},
    {"limit of the credentials",
     {{1, OWN, "g", STAFF, UNLOCK | MOVE, NULL}},
     READ | MOVE,
     USER,
     READ | MOVE},
    {"limit without rights", {{1, OWN, "g", STAFF, UNLOCK, NULL}}, MOVE, USER, 0},
};

static void rules_give_rights_below_their_scopes_only(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < COUNT_OF(place_cases); i++) {
        const struct place_case *test = &place_cases[i];
        struct scene *scene = set_delegate(arena, test->rules);
        scene->caller.limit = test->limit ? test->limit : RIGHT_ALL;
        unsigned rights = caller_rights_at(&scene->caller, test->dn);
        if (rights != test->rights ||
            caller_sees(scene->directory, test->dn) != (test->rights != 0)) {
            FAIL("%s: 0x%x instead of 0x%x", test->what, rights, test->rights);
        }
    }
}

static void administrator_has_all_rights_up_to_the_limit(void **state)
{
    struct scene *scene = set_delegate(*state, NULL);
    scene->caller.administrator = true;
    assert_int_equal(caller_rights_at(&scene->caller, USER), RIGHT_ALL);
    assert_true(caller_sees_all(scene->directory));
    scene->caller.limit = READ;
    assert_int_equal(caller_rights_at(&scene->caller, USER), READ);
    const struct caller_need need = {.rights = UPDATE};
    assert_int_equal(caller_check(scene->directory, *state, USER, &need, false)->id, ERR_FORBIDDEN);
}

static void without_a_caller_nothing_is_restricted(void **state)
{
    struct scene *scene = set_delegate(*state, NULL);
    const struct caller_need need = {.rights = RIGHT_ALL};
    assert_false(caller_sees(scene->directory, USER));
    directory_set_caller(scene->directory, *state, NULL);
    assert_true(caller_sees(scene->directory, USER));
    assert_null(caller_check(scene->directory, *state, USER, &need, true));
    assert_null(caller_check_new_dn(scene->directory, *state, USER, OTHER, &need));
}

/* --- places ----------------------------------------------------------------------------------- */

struct places_case {
    const char *scopes[RULES_MAX];
    const char *base;
    const char *places[PLACES_MAX];
};

static const struct places_case places_cases[] = {
    {{NULL}, BASE, {NULL}},
    {{STAFF}, BASE, {STAFF}},
    {{STAFF}, STAFF, {STAFF}},
    {{STAFF}, SALES, {SALES}},
    {{STAFF}, OTHER, {NULL}},
    {{STAFF, SALES}, BASE, {STAFF}},
    {{SALES, STAFF}, BASE, {STAFF}},
    {{SALES, OTHER}, BASE, {SALES, OTHER}},
    {{SALES, OTHER, SALES}, BASE, {SALES, OTHER}},
    {{SALES, OTHER, BASE}, BASE, {BASE}},
    {{SALES, "ou=staff,dc=x,dc=y"}, BASE, {"ou=staff,dc=x,dc=y"}},
};

static void visible_places_do_not_overlap(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < COUNT_OF(places_cases); i++) {
        const struct places_case *test = &places_cases[i];
        struct directory_rule rules[RULES_MAX] = {{0}};
        size_t count, expected = 0;
        for (size_t j = 0; j < RULES_MAX && test->scopes[j]; j++) {
            rules[j] =
                (struct directory_rule){(int64_t)j + 1, OWN, "g", test->scopes[j], READ, NULL};
        }
        struct scene *scene = set_delegate(arena, rules);
        const char *const *places = caller_places(scene->directory, arena, test->base, &count);
        while (expected < PLACES_MAX && test->places[expected]) {
            expected++;
        }
        assert_int_equal(count, expected);
        for (size_t j = 0; j < count; j++) {
            assert_string_equal(places[j], test->places[j]);
        }
    }
}

/* --- needs ------------------------------------------------------------------------------------ */

static const struct field writable[] = {
    {.name = "cn", .type = FIELD_STRING},
    {.name = "phone", .type = FIELD_STRING, .attribute = "telephoneNumber", .codec = CODEC_TEXT},
    {.name = "c", .type = FIELD_STRING, .attribute = "c", .codec = CODEC_TEXT},
    {.name = NULL},
};
static const struct directory_class person = {.rdn_attribute = "CN", .writable = writable};

static void assert_need(struct arena *arena, const struct directory_changes *changes,
                        unsigned rights, const char *fields)
{
    struct caller_need need = caller_need_of(arena, &person, changes);
    struct buffer names = {.arena = arena};
    buffer_add_string(&names, "");
    for (size_t i = 0; need.fields && need.fields[i]; i++) {
        buffer_format(&names, "%s%s", i ? " " : "", need.fields[i]);
    }
    assert_int_equal(need.rights, rights);
    assert_string_equal(names.bytes, fields);
}

static void each_change_needs_its_right(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    assert_need(arena, changes, 0, "");
    directory_change_text(changes, "lockoutTime", "0");
    assert_need(arena, changes, UNLOCK, "");
    directory_change_text(changes, "pwdLastSet", "0");
    assert_need(arena, changes, UNLOCK | RESET, "");
    directory_change_account_control(changes, ACCOUNT_DISABLED, true);
    assert_need(arena, changes, UNLOCK | RESET | ENABLE, "");
    directory_change_text(changes, "TelephoneNumber", "1");
    directory_change_text(changes, "countryCode", "643");
    directory_change_text(changes, "co", "Russia");
    directory_change_text(changes, "logonHours", NULL);
    assert_need(arena, changes, UNLOCK | RESET | ENABLE | UPDATE, "phone c c logonHours");
}

static void names_and_parents_need_their_rights(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_place(changes, NULL, OTHER);
    assert_need(arena, changes, MOVE, "");
    directory_change_place(changes, "b", OTHER);
    assert_need(arena, changes, MOVE | UPDATE, "cn");
    directory_change_password(changes, "secret");
    assert_need(arena, changes, MOVE | UPDATE | RESET, "cn");
}

static void account_flags_need_the_fields_that_set_them(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_account_control(
        changes, ACCOUNT_PASSWORD_NEVER_EXPIRES | ACCOUNT_SMARTCARD_REQUIRED | ACCOUNT_DISABLED,
        false);
    assert_need(arena, changes, ENABLE | UPDATE, "passwordNeverExpires smartcardRequired");
    directory_change_account_control(changes, 0x80000, true); /* trusted for delegation */
    assert_need(arena, changes, ENABLE | UPDATE,
                "passwordNeverExpires smartcardRequired userAccountControl");
}

/* --- checks ----------------------------------------------------------------------------------- */

static const char *const title_only[] = {"title", NULL};
static const char *const phone_only[] = {"phone", NULL};
static const char *const title_and_phone[] = {"phone", "title", NULL};

struct check_case {
    const char *what;
    struct directory_rule rules[RULES_MAX];
    const char *dn;
    struct caller_need need;
    bool changes_dn;
    const char *missing; /* argument of the error; "": an error without one; NULL: no error */
    size_t used;         /* number of rules that are recorded */
};

static const struct check_case check_cases[] = {
    {"right", {{1, OWN, "g", STAFF, UNLOCK, NULL}}, USER, {UNLOCK, NULL}, false, NULL, 1},
    {"other right",
     {{1, OWN, "g", STAFF, UNLOCK, NULL}},
     USER,
     {RESET, NULL},
     false,
     "reset_password",
     0},
    {"outside",
     {{1, OWN, "g", STAFF, UNLOCK, NULL}},
     "CN=a," OTHER,
     {UNLOCK, NULL},
     false,
     "unlock",
     0},
    {"implied read", {{1, OWN, "g", STAFF, UNLOCK, NULL}}, USER, {READ, NULL}, false, NULL, 1},
    {"rights of two rules",
     {{1, OWN, "g", STAFF, UNLOCK, NULL}, {2, OWN, "h", SALES, ENABLE, NULL}},
     USER,
     {UNLOCK | ENABLE, NULL},
     false,
     NULL,
     2},
    {"all fields",
     {{1, OWN, "g", STAFF, UPDATE, NULL}},
     USER,
     {UPDATE, title_only},
     false,
     NULL,
     1},
    {"the field",
     {{1, OWN, "g", STAFF, UPDATE, title_only}},
     USER,
     {UPDATE, title_only},
     false,
     NULL,
     1},
    {"another field",
     {{1, OWN, "g", STAFF, UPDATE, phone_only}},
     USER,
     {UPDATE, title_only},
     false,
     "update",
     0},
    {"fields of two rules",
     {{1, OWN, "g", STAFF, UPDATE, phone_only}, {2, OWN, "h", SALES, UPDATE, title_only}},
     USER,
     {UPDATE, title_and_phone},
     false,
     NULL,
     2},
    {"a field of a rule elsewhere",
     {{1, OWN, "g", STAFF, UPDATE, phone_only}, {2, OWN, "h", OTHER, UPDATE, title_only}},
     USER,
     {UPDATE, title_and_phone},
     false,
     "update",
     1},
    {"fields without the right",
     {{1, OWN, "g", STAFF, MOVE, title_only}},
     USER,
     {UPDATE, title_only},
     false,
     "update",
     0},
    {"update without fields of a limited rule",
     {{1, OWN, "g", STAFF, UPDATE, title_only}},
     USER,
     {UPDATE, NULL},
     false,
     NULL,
     1},
    {"the scope is renamed",
     {{1, OWN, "g", STAFF, UPDATE, NULL}},
     STAFF,
     {UPDATE, NULL},
     true,
     "",
     0},
    {"the scope is changed",
     {{1, OWN, "g", STAFF, UPDATE, NULL}},
     STAFF,
     {UPDATE, NULL},
     false,
     NULL,
     1},
    {"the scope of another principal is deleted",
     {{1, OWN, "g", STAFF, DELETE, NULL}, {2, FOREIGN, "h", SALES, READ, NULL}},
     SALES,
     {DELETE, NULL},
     true,
     "",
     0},
    {"a unit above another scope is moved",
     {{1, OWN, "g", BASE, MOVE, NULL}, {2, FOREIGN, "h", SALES, READ, NULL}},
     STAFF,
     {MOVE, NULL},
     true,
     "",
     0},
    {"an entry below a scope is moved",
     {{1, OWN, "g", STAFF, MOVE, NULL}},
     USER,
     {MOVE, NULL},
     true,
     NULL,
     1},
};

static void changes_need_every_right_and_field_at_the_entry(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < COUNT_OF(check_cases); i++) {
        const struct check_case *test = &check_cases[i];
        struct scene *scene = set_delegate(arena, test->rules);
        struct error *error =
            caller_check(scene->directory, arena, test->dn, &test->need, test->changes_dn);
        const char *argument =
            error && error->details && error->details->argument ? error->details->argument : "";
        bool right = test->missing
                         ? error && error->id == ERR_FORBIDDEN && !strcmp(argument, test->missing)
                         : !error;
        if (!right || (!error && scene->caller.used_count != test->used)) {
            FAIL("%s: %s, %zu rules", test->what, error ? argument : "allowed",
                 scene->caller.used_count);
        }
    }
}

struct move_case {
    const char *what;
    struct directory_rule rules[RULES_MAX];
    const char *from, *to; /* from: NULL for a new entry */
    unsigned rights;
    bool allowed;
};

static const struct move_case move_cases[] = {
    {"within a scope", {{1, OWN, "g", STAFF, MOVE, NULL}}, USER, "CN=a," STAFF, MOVE, true},
    {"out of the scope", {{1, OWN, "g", STAFF, MOVE, NULL}}, USER, "CN=a," OTHER, MOVE, false},
    {"between equal scopes",
     {{1, OWN, "g", SALES, MOVE, NULL}, {2, OWN, "h", OTHER, MOVE, NULL}},
     USER,
     "CN=a," OTHER,
     MOVE,
     true},
    {"into a scope with more rights",
     {{1, OWN, "g", SALES, MOVE, NULL}, {2, OWN, "h", OTHER, MOVE | RESET, NULL}},
     USER,
     "CN=a," OTHER,
     MOVE,
     false},
    {"into a scope with fewer rights",
     {{1, OWN, "g", SALES, MOVE | RESET, NULL}, {2, OWN, "h", OTHER, MOVE, NULL}},
     USER,
     "CN=a," OTHER,
     MOVE,
     true},
    {"into a scope with more fields",
     {{1, OWN, "g", SALES, MOVE | UPDATE, title_only},
      {2, OWN, "h", OTHER, MOVE | UPDATE, title_and_phone}},
     USER,
     "CN=a," OTHER,
     MOVE,
     false},
    {"into a scope with all fields",
     {{1, OWN, "g", SALES, MOVE | UPDATE, title_only}, {2, OWN, "h", OTHER, MOVE | UPDATE, NULL}},
     USER,
     "CN=a," OTHER,
     MOVE,
     false},
    {"into a scope with fewer fields",
     {{1, OWN, "g", SALES, MOVE | UPDATE, title_and_phone},
      {2, OWN, "h", OTHER, MOVE | UPDATE, title_only}},
     USER,
     "CN=a," OTHER,
     MOVE,
     true},
    {"into a scope of somebody else",
     {{1, OWN, "g", STAFF, MOVE, NULL}, {2, FOREIGN, "h", SALES, RESET, NULL}},
     "CN=a," STAFF,
     USER,
     MOVE,
     true},
    {"a new entry", {{1, OWN, "g", STAFF, MOVE, NULL}}, NULL, USER, MOVE, true},
};

static void move_needs_rights_at_both_places_and_gains_none(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < COUNT_OF(move_cases); i++) {
        const struct move_case *test = &move_cases[i];
        struct scene *scene = set_delegate(arena, test->rules);
        const struct caller_need need = {.rights = test->rights};
        const struct error *error =
            caller_check_new_dn(scene->directory, arena, test->from, test->to, &need);
        if (test->allowed != !error || (error && error->id != ERR_FORBIDDEN)) {
            FAIL("%s: %s", test->what, error ? error->cause : "allowed");
        }
    }
}

static void new_entry_cannot_become_the_admin_group(void **state)
{
    struct arena *arena = *state;
    static const struct directory_rule rules[RULES_MAX] = {{1, OWN, "g", BASE, RIGHT_ALL, NULL}};
    static const struct {
        const char *group, *dn;
        bool allowed;
    } cases[] = {
        {"", "CN=admins," SALES, true},
        {"admins", "CN=admins," SALES, false},
        {"admins", "CN=ADMINS," SALES, false},
        {"admins", "CN=ádmins," SALES, false}, /* Active Directory ignores accents */
        {"admins", "CN=admins2," SALES, true},
        {"CN=admins," SALES, "CN=admins," SALES, false},
        {"CN=admins," SALES, SALES, false},
        {"CN=admins," SALES, "CN=admins," OTHER, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct config own = {
            .ldap_server = "127.0.0.1:1", .ldap_base_dn = BASE, .ldap_admin_group = cases[i].group};
        struct scene *scene = set_delegate(arena, rules);
        struct directory *directory = directory_new(&own);
        const struct caller_need need = {.rights = RIGHT_BIT(RIGHT_CREATE)};
        directory_set_caller(directory, arena, &scene->caller);
        const struct error *error = caller_check_new_dn(directory, arena, NULL, cases[i].dn, &need);
        directory_free(&directory);
        if (cases[i].allowed != !error) {
            FAIL("%s: %s", cases[i].group, cases[i].dn);
        }
    }
}

/* --- principals with more rights -------------------------------------------------------------- */

struct compare_case {
    const char *what;
    struct directory_rule rules[RULES_MAX]; /* FOREIGN is compared with the caller */
    bool has_more;
};

static const struct compare_case compare_cases[] = {
    {"no rule", {{1, OWN, "g", STAFF, RESET, NULL}}, false},
    {"same rights",
     {{1, OWN, "g", STAFF, RESET, NULL}, {2, FOREIGN, "g", STAFF, RESET, NULL}},
     false},
    {"fewer rights",
     {{1, OWN, "g", STAFF, RESET | MEMBERS, NULL}, {2, FOREIGN, "g", STAFF, RESET, NULL}},
     false},
    {"below", {{1, OWN, "g", STAFF, RESET, NULL}, {2, FOREIGN, "h", SALES, RESET, NULL}}, false},
    {"above", {{1, OWN, "g", SALES, RESET, NULL}, {2, FOREIGN, "h", STAFF, RESET, NULL}}, true},
    {"elsewhere", {{1, OWN, "g", SALES, RESET, NULL}, {2, FOREIGN, "h", OTHER, READ, NULL}}, true},
    {"another right",
     {{1, OWN, "g", STAFF, RESET, NULL}, {2, FOREIGN, "g", STAFF, MOVE, NULL}},
     true},
    {"reading only",
     {{1, OWN, "g", STAFF, RESET, NULL}, {2, FOREIGN, "g", STAFF, READ, NULL}},
     false},
    {"more fields",
     {{1, OWN, "g", STAFF, UPDATE, title_only}, {2, FOREIGN, "g", STAFF, UPDATE, NULL}},
     true},
    {"same fields",
     {{1, OWN, "g", STAFF, UPDATE, title_only}, {2, FOREIGN, "g", SALES, UPDATE, title_only}},
     false},
    {"fields of two own rules",
     {{1, OWN, "g", STAFF, UPDATE, title_only},
      {2, OWN, "h", SALES, UPDATE, phone_only},
      {3, FOREIGN, "h", SALES, UPDATE, title_and_phone}},
     false},
    {"missing scope",
     {{1, OWN, "g", STAFF, RESET, NULL}, {2, FOREIGN, "h", NULL, MOVE, NULL}},
     false},
    {"one of several rules",
     {{1, OWN, "g", STAFF, RESET, NULL},
      {2, FOREIGN, "h", SALES, RESET, NULL},
      {3, FOREIGN, "i", OTHER, RESET, NULL}},
     true},
};

static void principal_with_an_uncovered_rule_has_more_rights(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < COUNT_OF(compare_cases); i++) {
        struct scene *scene = set_delegate(arena, compare_cases[i].rules);
        bool has_more;
        assert_null(caller_compare(scene->directory, arena, FOREIGN, &has_more));
        if (has_more != compare_cases[i].has_more) {
            FAIL("%s: %d", compare_cases[i].what, has_more);
        }
        assert_null(caller_compare(scene->directory, arena, OWN, &has_more));
        assert_false(has_more);
    }
}

/* --- many rules ------------------------------------------------------------------------------- */

static void two_thousand_rules_are_evaluated(void **state)
{
    struct arena *arena = *state;
    struct directory_rule *rules = arena_array(arena, MANY, sizeof *rules);
    for (int64_t i = 0; i < MANY; i++) {
        rules[i] = (struct directory_rule){i + 1,  i % 2 ? FOREIGN : OWN,
                                           "g",    arena_format(arena, "OU=u%d," BASE, (int)i),
                                           UNLOCK, NULL};
    }
    struct scene *scene = set_delegate(arena, NULL);
    scene->caller.rules = rules;
    scene->caller.rules_count = MANY;
    directory_set_caller(scene->directory, arena, &scene->caller);
    size_t count;
    assert_int_equal(scene->caller.own_count, MANY / 2);
    assert_int_equal(caller_rights_at(&scene->caller, "CN=a,OU=u1998," BASE), READ | UNLOCK);
    assert_int_equal(caller_rights_at(&scene->caller, "CN=a,OU=u1999," BASE), 0);
    (void)caller_places(scene->directory, arena, BASE, &count);
    assert_int_equal(count, MANY / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(rules_give_rights_below_their_scopes_only),
        ARENA_TEST(administrator_has_all_rights_up_to_the_limit),
        ARENA_TEST(without_a_caller_nothing_is_restricted),
        ARENA_TEST(visible_places_do_not_overlap),
        ARENA_TEST(each_change_needs_its_right),
        ARENA_TEST(names_and_parents_need_their_rights),
        ARENA_TEST(account_flags_need_the_fields_that_set_them),
        ARENA_TEST(changes_need_every_right_and_field_at_the_entry),
        ARENA_TEST(move_needs_rights_at_both_places_and_gains_none),
        ARENA_TEST(new_entry_cannot_become_the_admin_group),
        ARENA_TEST(principal_with_an_uncovered_rule_has_more_rights),
        ARENA_TEST(two_thousand_rules_are_evaluated),
    };
    return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
