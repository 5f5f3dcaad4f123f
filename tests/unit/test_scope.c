/* Scopes: the names of the table, presets, and their stored form. */
#include "unit.h"

#include "base/arena.h"
#include "base/right.h"
#include "base/scope.h"

static const uint64_t all = SCOPE_BIT(SCOPE_COUNT) - SCOPE_BIT(SCOPE_FIRST);

static void every_scope_has_a_name_and_descriptions(void **state)
{
    (void)state;
    for (enum scope scope = SCOPE_FIRST; scope < SCOPE_COUNT; scope++) {
        const char *name = scope_name(scope);
        const struct text *about = &scope_descriptions[scope];
        assert_true(name && *name && about->ru && *about->ru && about->en && *about->en);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_:"), strlen(name));
        assert_true(scope_set_of(name) == SCOPE_BIT(scope));
        assert_string_equal(scope_names[scope - SCOPE_FIRST], name);
        assert_string_equal(scope_names_and_presets[scope - SCOPE_FIRST], name);
    }
    assert_null(scope_names[SCOPE_COUNT - SCOPE_FIRST]);
    assert_null(scope_names_and_presets[SCOPE_NAMES_MAX]);
}

static void every_right_is_a_scope(void **state)
{
    for (enum right right = 0; right < RIGHT_COUNT; right++) {
        const char *name = arena_format(*state, "directory:%s", right_names[right]);
        assert_true(scope_set_of(name) == scope_of_rights(RIGHT_BIT(right)));
        assert_int_equal(scope_rights(scope_set_of(name)), RIGHT_BIT(right));
    }
    assert_int_equal(scope_rights(all), RIGHT_ALL);
    assert_int_equal(scope_rights(scope_set_of("crm")), 0);
    assert_int_equal(scope_rights(scope_set_of("helpdesk")),
                     RIGHT_BIT(RIGHT_READ) | RIGHT_BIT(RIGHT_UNLOCK) |
                         RIGHT_BIT(RIGHT_RESET_PASSWORD) | RIGHT_BIT(RIGHT_ENABLE));
}

static void unknown_names_stand_for_no_scope(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",    "contacts", "contacts:", "contacts:read ", "Contacts:read", "contacts:read\n",
        "all", "*"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_true(scope_set_of(names[i]) == 0);
    }
    for (size_t i = SCOPE_COUNT - SCOPE_FIRST; scope_names_and_presets[i]; i++) {
        assert_true(scope_set_of(scope_names_and_presets[i]) & all);
        assert_false(scope_set_of(scope_names_and_presets[i]) & ~all);
    }
}

static void stored_scopes_are_read_back(void **state)
{
    uint64_t random = 0x9e3779b97f4a7c15;
    for (int i = 0; i < 1000; i++, random = random * 6364136223846793005 + 1) {
        uint64_t scopes = (random ^ random >> 31) & all;
        assert_true(scope_read_lines(scope_lines(*state, scopes)) == scopes);
    }
    assert_true(scope_read_lines(scope_lines(*state, all)) == all);
    assert_string_equal(scope_lines(*state, 0), "");
    assert_true(scope_read_lines("") == 0);
}

/* A later program may have other scopes in another order. */
static void stored_scopes_are_read_in_any_order_without_unknown_names(void **state)
{
    (void)state;
    uint64_t both = SCOPE_BIT(SCOPE_FILES_WRITE) | SCOPE_BIT(SCOPE_CONTACTS_READ);
    assert_true(scope_read_lines("files:write\ncontacts:read") == both);
    assert_true(scope_read_lines("files:write\nfiles:writes\nfile\n\nx\ncontacts:read\n") == both);
    assert_true(scope_read_lines("contacts:rea") == 0);
}

static void names_of_scopes_have_the_order_of_the_table(void **state)
{
    struct value value = {0};
    scope_set_names(*state, scope_set_of("helpdesk"), &value);
    assert_int_equal(value.strings.count, 4);
    assert_string_equal(value.strings.items[0], "directory:read");
    assert_string_equal(value.strings.items[3], "directory:enable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scope_has_a_name_and_descriptions),
        ARENA_TEST(every_right_is_a_scope),
        cmocka_unit_test(unknown_names_stand_for_no_scope),
        ARENA_TEST(stored_scopes_are_read_back),
        cmocka_unit_test(stored_scopes_are_read_in_any_order_without_unknown_names),
        ARENA_TEST(names_of_scopes_have_the_order_of_the_table),
    };
    return cmocka_run_group_tests_name("scopes", tests, NULL, NULL);
}
