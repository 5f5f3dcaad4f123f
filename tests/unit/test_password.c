/* Password: verification against plain passwords, bcrypt hashes and malformed hashes. */
#include "unit.h"

#include "auth/password.h"

#include <crypt.h>

static void password_comparison_accepts_only_equal_secrets(void **state)
{
    (void)state;
    assert_true(password_secrets_equal("", ""));
    assert_true(password_secrets_equal("пароль", "пароль"));
    assert_false(password_secrets_equal("", "a"));
    assert_false(password_secrets_equal("a", ""));
    assert_false(password_secrets_equal("a", "A"));
    assert_false(password_secrets_equal("secret", "secret "));
    assert_false(password_secrets_equal("secret", "secre"));
}

static void plain_passwords_are_compared_exactly(void **state)
{
    (void)state;
    assert_true(password_verify("admin123", "admin123"));
    assert_false(password_verify("admin123", "Admin123"));
    assert_false(password_verify("admin123", "admin1234"));
    assert_false(password_verify("admin123", "admin12"));
    assert_false(password_verify("admin123", ""));
}

static void known_bcrypt_hashes_are_verified(void **state)
{
    (void)state;
    /* Hashes of "U*U" from the test vectors of crypt_blowfish, with all prefixes. */
    static const char *const hashes[] = {
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    };
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        assert_true(password_verify(hashes[i], "U*U"));
        assert_false(password_verify(hashes[i], "U*U*"));
        assert_false(password_verify(hashes[i], "u*u"));
        assert_false(password_verify(hashes[i], ""));
        /* The hash itself is not the password. */
        assert_false(password_verify(hashes[i], hashes[i]));
    }
}

static void new_bcrypt_hashes_are_verified(void **state)
{
    (void)state;
    static const char *const passwords[] = {"пароль с пробелами", "", "😀", "a"};
    for (size_t i = 0; i < COUNT_OF(passwords); i++) {
        char setting[CRYPT_GENSALT_OUTPUT_SIZE];
        struct crypt_data *data = base_alloc(sizeof *data);
        assert_non_null(crypt_gensalt_rn("$2b$", 4, NULL, 0, setting, sizeof setting));
        const char *hash = crypt_r(passwords[i], setting, data);
        assert_non_null(hash);
        assert_true(password_verify(hash, passwords[i]));
        assert_false(password_verify(hash, "another"));
        free(data);
    }
}

/* A malformed hash must not be usable as a plain password: nobody can log in, not even with the
 * hash. */
static void malformed_hashes_match_no_password(void **state)
{
    (void)state;
    static const char *const stored[] = {
        "$",
        "$2b$",
        "$2b$05$",
        "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
        "$9$nothing",
        "$$$$",
        "$2b$05$!!!!!!!!!!!!!!!!!!!!!!E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$\xFF",
    };
    static const char *const passwords[] = {"U*U", "", "*0", "*1"};
    for (size_t i = 0; i < COUNT_OF(stored); i++) {
        assert_false(password_verify(stored[i], stored[i]));
        for (size_t j = 0; j < COUNT_OF(passwords); j++) {
            assert_false(password_verify(stored[i], passwords[j]));
        }
    }
}

static void very_long_passwords_are_verified(void **state)
{
    enum { SIZE = 100000 };
    char *text = arena_alloc(*state, SIZE + 1);
    memset(text, 'x', SIZE);
    assert_false(password_verify("admin123", text));
    assert_false(
        password_verify("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", text));
    assert_true(password_verify(text, text));
}

/* The bounds are wide, because other programs may occupy the processor. */
static void hash_duration_is_estimated_then_measured(void **state)
{
    (void)state;
    enum { CHEAP = 4, COSTLY = 10, FEW = 8, MANY = 200, WIDE = 16 };
    password_estimate(COSTLY);
    int64_t estimated = password_hash_time_us(COSTLY);
    for (int i = 0; i < FEW; i++) {
        assert_false(password_verify(password_dummy_hash(COSTLY), ""));
    }
    int64_t measured = password_hash_time_us(COSTLY);
    assert_in_range(measured, estimated / WIDE, estimated * WIDE);
    assert_in_range(password_hash_time_us(COSTLY + 1), 2 * measured, 2 * measured + 1);
    /* Accounts that have not logged in since the cost was raised have cheaper hashes. */
    for (int i = 0; i < MANY; i++) {
        assert_false(password_verify(password_dummy_hash(CHEAP), ""));
    }
    assert_in_range(password_hash_time_us(COSTLY), measured / WIDE, measured * WIDE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_comparison_accepts_only_equal_secrets),
        cmocka_unit_test(plain_passwords_are_compared_exactly),
        cmocka_unit_test(known_bcrypt_hashes_are_verified),
        cmocka_unit_test(new_bcrypt_hashes_are_verified),
        cmocka_unit_test(malformed_hashes_match_no_password),
        ARENA_TEST(very_long_passwords_are_verified),
        cmocka_unit_test(hash_duration_is_estimated_then_measured),
    };
    return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
