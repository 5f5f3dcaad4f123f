/* Origin: valid and invalid origins (scheme, host, port) of a URL. */
#include "unit.h"

#include "base/origin.h"

static void valid_origins_are_accepted(void **state)
{
    static const char *const valid[] = {
        "https://kontora.example.com",  "http://localhost:8000",
        "https://KONTORA.example.com.", "https://192.0.2.1:8443",
        "https://[2001:db8::1]",        "https://[::1]:8443",
        "https://a_b.example",          "https://xn--80ak6aa92e.com",
        "https://[::ffff:192.0.2.1]",   "http://a:65535",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(valid); i++) {
        if (!origin_valid(valid[i])) {
            FAIL("%s", valid[i]);
        }
    }
    assert_true(origin_is_secure("https://a"));
    assert_false(origin_is_secure("http://a"));
}

static void invalid_origins_are_rejected(void **state)
{
    static const char *const invalid[] = {
        "",
        "https://",
        "http://",
        "ftp://a",
        "//a",
        "a",
        "HTTPS://a",
        "https://evil.com\"<script>",
        "https://a/",
        "https://a/b",
        "https://a?b",
        "https://a#b",
        "https://u@a",
        "https://u:p@a",
        "https://a b",
        "https://a\t",
        "https://a\r\nX: y",
        "https://a:",
        "https://a:0",
        "https://a:65536",
        "https://a:123456",
        "https://a:1x",
        "https://a:-1",
        "https://a:1:2",
        "https://[::1",
        "https://[::1]x",
        "https://[]",
        "https://[::g]",
        "https://[1.2.3.4]",
        "https://::1",
        "https://a..b",
        "https://.a",
        "https://-a",
        "https://_:443",
        "https://a%41",
        "https://\xd1\x8f.example",
        "https://a'b",
        "https://a\\b",
        "https://a`b",
        "https://a&b",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(invalid); i++) {
        if (origin_valid(invalid[i])) {
            FAIL("%s", invalid[i]);
        }
    }
}

static void overlong_labels_and_host_names_are_rejected(void **state)
{
    struct buffer text = {.arena = *state};
    buffer_add_string(&text, "https://");
    for (size_t i = 0; i < 63; i++) {
        buffer_add_char(&text, 'a');
    }
    assert_true(origin_valid(text.bytes));
    buffer_add_char(&text, 'a');
    assert_false(origin_valid(text.bytes));
    buffer_clear(&text);
    buffer_add_string(&text, "https://");
    for (size_t i = 0; i < 127; i++) {
        buffer_add_string(&text, "a.");
    }
    assert_false(origin_valid(text.bytes)); /* a host name of 254 characters is too long */
    text.bytes[text.length - 1] = '\0';
    assert_true(origin_valid(text.bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(valid_origins_are_accepted),
        ARENA_TEST(invalid_origins_are_rejected),
        ARENA_TEST(overlong_labels_and_host_names_are_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
