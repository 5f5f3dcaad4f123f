/* Directory passwords: generated ones satisfy every rule and contain no name. */
#include "unit.h"

#include "directory/generate.h"
#include "directory/policy.h"

enum { MANY = 2000, LENGTH_STANDARD = 16, LENGTH_UNKNOWN = 32, LENGTH_MAX = 255 };

static void generated_passwords_have_all_classes_and_no_ambiguous_characters(void **state)
{
    const struct directory_policy policy = {.min_length = 7, .complexity = 1};
    for (size_t i = 0; i < MANY; i++) {
        const char *password = generate_password(*state, &policy, "ivanov", "Иванов Иван");
        assert_int_equal(strlen(password), LENGTH_STANDARD);
        assert_non_null(strpbrk(password, "ABCDEFGHJKLMNPQRSTUVWXYZ"));
        assert_non_null(strpbrk(password, "abcdefghijkmnpqrstuvwxyz"));
        assert_non_null(strpbrk(password, "23456789"));
        assert_non_null(strpbrk(password, "!#%*?:"));
        assert_null(strpbrk(password, "0O1lIo|\"'\\,; "));
    }
}

static void generated_passwords_are_as_long_as_the_policy_requires(void **state)
{
    static const struct {
        int64_t required;
        size_t length;
    } rows[] = {{0, LENGTH_STANDARD},
                {16, LENGTH_STANDARD},
                {17, 17},
                {30, 30},
                {255, LENGTH_MAX},
                {100000, LENGTH_MAX},
                {DIRECTORY_RULE_UNKNOWN, LENGTH_UNKNOWN}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct directory_policy policy = {.min_length = rows[i].required};
        assert_int_equal(strlen(generate_password(*state, &policy, NULL, NULL)), rows[i].length);
    }
}

static void generated_passwords_differ(void **state)
{
    const struct directory_policy policy = {.min_length = 0};
    char *last = generate_password(*state, &policy, NULL, NULL);
    for (size_t i = 0; i < MANY; i++) {
        char *next = generate_password(*state, &policy, NULL, NULL);
        assert_string_not_equal(last, next);
        last = next;
    }
}

/* One in eight passwords of 255 characters contains one of these names by chance. */
static void generated_passwords_never_contain_a_name(void **state)
{
    const struct directory_policy policy = {.min_length = LENGTH_MAX};
    static const char names[] = "abc def-ghk_mnp.qrs,tuv#wxy\tzab bcd cde efg fgh hjk jkm kmn";
    for (size_t i = 0; i < 100; i++) {
        const char *password = generate_password(*state, &policy, "npq", names);
        assert_false(generate_contains_name(*state, password, "npq", names));
    }
}

static void names_are_recognized_as_the_directory_does(void **state)
{
    static const struct {
        const char *password, *account, *display;
        bool contains;
    } rows[] = {
        {"xx!IVANOV7", "ivanov", NULL, true},
        {"xx!Ivano7", "ivanov", NULL, false},
        {"xx!ab7", "ab", NULL, false}, /* shorter than three characters */
        {"xxMueller7", NULL, "Erin M. Hagens-Mueller", true},
        {"xxhagens7", NULL, "Erin M. Hagens-Mueller", true},
        {"xxErin7", NULL, "Erin M. Hagens-Mueller", true},
        {"xxM7", NULL, "Erin M. Hagens-Mueller", false},
        {"xxERM7", NULL, "", false},
        {"иванов7", NULL, "Иванов Иван", true},
        {"anything", NULL, NULL, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(
            generate_contains_name(*state, rows[i].password, rows[i].account, rows[i].display),
            rows[i].contains);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(generated_passwords_have_all_classes_and_no_ambiguous_characters),
        ARENA_TEST(generated_passwords_are_as_long_as_the_policy_requires),
        ARENA_TEST(generated_passwords_differ),
        ARENA_TEST(generated_passwords_never_contain_a_name),
        ARENA_TEST(names_are_recognized_as_the_directory_does),
    };
    return cmocka_run_group_tests_name("directory generate", tests, NULL, NULL);
}
