/* Password strength: common, simple and personal passwords are rejected, passphrases are
 * accepted. */
#include "unit.h"

#include "auth/password_strength.h"

static enum fault_id find_weakness(struct arena *arena, const char *text)
{
    const struct new_password password = {
        .text = text, .username = "anna.ivanova", .email = "a.ivanova@example.com"};
    return password_strength_check(arena, &password);
}

static void common_passwords_are_rejected(void **state)
{
    static const char *const common[] = {
        "password1", "Passw0rd",  "P@ssw0rd2026", "passwordpassword", "qwerty123",   "iloveyou",
        "letmein1",  "drowssap1", "football!",    "password1234",     "Welcome2026!"};
    assert_true(password_strength_dictionary_readable());
    for (size_t i = 0; i < COUNT_OF(common); i++) {
        assert_int_equal(find_weakness(*state, common[i]), FAULT_PASSWORD_COMMON);
    }
}

static void simple_passwords_are_rejected(void **state)
{
    static const char *const simple[] = {"aaaaaaaa",     "abcabcabcabc", "12345678",
                                         "abcdefghijkl", "        ",     "admin1234567"};
    for (size_t i = 0; i < COUNT_OF(simple); i++) {
        assert_int_equal(find_weakness(*state, simple[i]), FAULT_PASSWORD_SIMPLE);
    }
}

static void passwords_containing_the_owners_name_are_rejected(void **state)
{
    static const char *const personal[] = {"anna.ivanova1", "x-ANNA.IVANOVA-x", "A.Ivanova-2026",
                                           "avonavi.anna7"};
    for (size_t i = 0; i < COUNT_OF(personal); i++) {
        assert_int_equal(find_weakness(*state, personal[i]), FAULT_PASSWORD_OF_NAME);
    }
}

static void passwords_may_contain_very_short_names(void **state)
{
    const struct new_password password = {
        .text = "Kontora-2026", .username = "ont", .email = "o@k"};
    assert_int_equal(password_strength_check(*state, &password), FAULT_NONE);
}

static void passphrases_are_allowed(void **state)
{
    static const char *const good[] = {"correct horse battery staple", "Kontora-2026",
                                       "пять быстрых ёжиков", "tr0ub4dor&3-x9"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(find_weakness(*state, good[i]), FAULT_NONE);
    }
    const struct new_password nobodys = {.text = "correct horse battery staple"};
    assert_int_equal(password_strength_check(*state, &nobodys), FAULT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(common_passwords_are_rejected),
        ARENA_TEST(simple_passwords_are_rejected),
        ARENA_TEST(passwords_containing_the_owners_name_are_rejected),
        ARENA_TEST(passwords_may_contain_very_short_names),
        ARENA_TEST(passphrases_are_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
