/* Spelling: texts that people type in different ways get one spelling. */
#include "unit.h"

#include "base/spelling.h"

static void characters_of_one_kind_become_the_same_character(void **state)
{
    static const char *const pairs[][2] = {
        {"Анна\u2011Мария \u2212 \u2014", "анна-мария - -"},
        {"O\u2019Brien O\u00B4Brien O`Brien O\u02BCBrien", "o'brien o'brien o'brien o'brien"},
        {"٠١٢ ９ 𝟠 ०", "012 9 8 0"},
        {"[a] {b} \u300Cc\u300D ＜d＞", "(a) (b) (c) ,d,"},
        {"«a» \u201Eb\u201C a;b a:b a/b a|b a\\b", ",a, (b, a,b a,b a,b a,b a,b"},
        {"№5 #5 50% *a* a™", ",5 ,5 50, ,a, a,"},
        {"a@b.c_d+e&f", "a@b.c_d+e&f"},
        {"почта。рф", "почта.рф"},
        {"Ёлка\u00A0\u200Bж", "ёлка ж"},
        {"a\x01z", "a,z"},
        {"$5 €5 5° 😀", "$5 €5 5° 😀"},
        {"", ""},
        {"\u200B", ""},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        assert_string_equal(spelling_unify(*state, pairs[i][0]), pairs[i][1]);
    }
    assert_null(spelling_unify(*state, NULL));
}

static void domain_is_converted_to_unicode_and_to_ascii(void **state)
{
    assert_string_equal(spelling_unicode_domain(*state, "xn--80a1acny.xn--p1ai"), "почта.рф");
    assert_string_equal(spelling_unicode_domain(*state, "mail.почта.xn--p1ai"), "mail.почта.рф");
    assert_string_equal(spelling_ascii_domain(*state, "почта.рф"), "xn--80a1acny.xn--p1ai");
    assert_string_equal(spelling_ascii_domain(*state, "example.com"), "example.com");
    assert_string_equal(spelling_ascii_domain(*state, "я.я.я.я.я.я"),
                        "xn--41a.xn--41a.xn--41a.xn--41a.xn--41a.xn--41a");
    assert_null(spelling_unicode_domain(*state, "xn--\u00FF"));
    assert_null(spelling_ascii_domain(*state, "a..b"));
    assert_null(spelling_ascii_domain(*state, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(characters_of_one_kind_become_the_same_character),
        ARENA_TEST(domain_is_converted_to_unicode_and_to_ascii),
    };
    return cmocka_run_group_tests_name("spelling", tests, NULL, NULL);
}
