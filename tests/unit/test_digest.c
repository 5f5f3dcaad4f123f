/* Digest: compares with published test vectors. */
#include "unit.h"

#include "auth/digest.h"
#include "base/random.h"

static void assert_hex(const unsigned char *digest, const char *expected)
{
    char text[2 * DIGEST_SIZE + 1];
    random_format_hex(digest, DIGEST_SIZE, text);
    assert_string_equal(text, expected);
}

/* Example from FIPS 180-4. */
static void sha256_matches_published_example(void **state)
{
    assert_hex(digest_sha256(*state, "abc", 3),
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Test vector from RFC 4231 4.3; the other hash was computed by another implementation. */
static void hmac_matches_published_vectors_after_key_changes(void **state)
{
    static const char text[] = "what do ya want for nothing?";
    static const char hash[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    for (int i = 0; i < 3; i++) {
        assert_hex(digest_hmac(*state, "Jefe", text, strlen(text)), hash);
    }
    assert_hex(digest_hmac(*state, "key", "The quick brown fox jumps over the lazy dog", 43),
               "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    assert_hex(digest_hmac(*state, "Jefe", text, strlen(text)), hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(sha256_matches_published_example),
        ARENA_TEST(hmac_matches_published_vectors_after_key_changes),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
