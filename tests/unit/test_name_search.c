/* Name search: splits ?search= for directory entries into words, and builds the LDAP filter. */
#include "unit.h"

#include "base/utf8.h"
#include "directory/name_search.h"

static const char *const attributes[] = {"cn", "sn", NULL};

/* Returns the words of the text, joined by '|'. */
static const char *split(struct arena *arena, const char *text)
{
    struct name_search search;
    struct buffer joined = {.arena = arena};
    name_search_parse(&search, arena, text);
    buffer_add(&joined, "", 0);
    for (size_t i = 0; i < search.count; i++) {
        buffer_format(&joined, "%s%s", i ? "|" : "", search.words[i]);
    }
    return joined.bytes;
}

static const char *make_filter(struct arena *arena, const char *text, size_t count)
{
    struct name_search search;
    name_search_parse(&search, arena, text);
    return name_search_filter(arena, "(o=x)", attributes, &search, count);
}

static void assert_filter(struct arena *arena, const char *text, const char *expected)
{
    assert_string_equal(make_filter(arena, text, NAME_SEARCH_WORDS_MAX), expected);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text++) {
        count++;
    }
    return count;
}

static void text_is_split_into_words(void **state)
{
    assert_string_equal(split(*state, "Иван Петров"), "Иван|Петров");
    assert_string_equal(split(*state, " Петров,\u00a0И.\u200b И. "), "Петров|И|И");
    assert_string_equal(split(*state, "petrova@kontora.test"), "petrova@kontora.test");
    assert_string_equal(split(*state, "1 2 3 4 5 6 7 8 9 10 11 12 13 a"),
                        "1|2|3|4|5|6|7|8|9|10|11|12");
}

static void blank_text_has_no_words(void **state)
{
    assert_string_equal(split(*state, NULL), "");
    assert_string_equal(split(*state, ""), "");
    assert_string_equal(split(*state, " \t\u00a0\u3000"), "");
    assert_string_equal(split(*state, "\u200b\ufeff \u00ad"), "");
    assert_filter(*state, " ", "(o=x)");
    assert_filter(*state, NULL, "(o=x)");
}

static void text_without_words_is_searched_as_one_word(void **state)
{
    assert_string_equal(split(*state, "("), "(");
    assert_string_equal(split(*state, " « » "), "« »");
    assert_filter(*state, "(", "(&(o=x)(|(cn=*\\28*)(sn=*\\28*)))");
}

static void telephone_number_is_one_word(void **state)
{
    assert_string_equal(split(*state, "+7 (495) 123-45-67"), "+7 (495) 123-45-67");
    assert_string_equal(split(*state, " 123 45 "), "123 45");
    assert_string_equal(split(*state, "+7 (4"), "+7|4"); /* too few digits */
    assert_string_equal(split(*state, "495 Анна"), "495|Анна");
}

static void each_word_is_searched_in_each_attribute(void **state)
{
    assert_filter(*state, "Ivan", "(&(o=x)(|(cn=*Ivan*)(sn=*Ivan*)))");
    assert_filter(*state, "Иван Том", "(&(o=x)(|(cn=*Иван*)(sn=*Иван*))(|(cn=*Том*)(sn=*Том*)))");
    assert_filter(*state, "a*b\\", "(&(o=x)(|(cn=*a\\2ab\\5c*)(sn=*a\\2ab\\5c*)))");
    assert_string_equal(make_filter(*state, "a b c", 2),
                        "(&(o=x)(|(cn=*a*)(sn=*a*))(|(cn=*b*)(sn=*b*)))");
}

/* The pattern precedes the spellings. In NFD, ё is е with U+0308. */
static void ye_and_yo_are_equal(void **state)
{
    static const char expected[] = "(&(o=x)(|"
                                   "(&(cn=*П*тр*)(|(cn=*Петр*)(cn=*Пётр*)(cn=*Пе\u0308тр*)))"
                                   "(&(sn=*П*тр*)(|(sn=*Петр*)(sn=*Пётр*)(sn=*Пе\u0308тр*)))))";
    assert_filter(*state, "Петр", expected);
    assert_filter(*state, "Пётр", expected);
    assert_filter(*state, "Пе\u0308тр", expected);
    assert_filter(*state, "ПЁТР",
                  "(&(o=x)(|"
                  "(&(cn=*П*ТР*)(|(cn=*ПеТР*)(cn=*ПёТР*)(cn=*Пе\u0308ТР*)))"
                  "(&(sn=*П*ТР*)(|(sn=*ПеТР*)(sn=*ПёТР*)(sn=*Пе\u0308ТР*)))))");
    const char *filter = make_filter(*state, "Ее", NAME_SEARCH_WORDS_MAX);
    assert_non_null(strstr(filter, "(&(cn=*)(|(cn=*ее*)(cn=*ёе*)(cn=*её*)(cn=*ёё*)"));
}

static void accented_letters_are_searched_for_in_both_normal_forms(void **state)
{
    static const char expected[] = "(&(o=x)(|"
                                   "(&(cn=*од*)(|(cn=*Йод*)(cn=*И\u0306од*)))"
                                   "(&(sn=*од*)(|(sn=*Йод*)(sn=*И\u0306од*)))))";
    assert_filter(*state, "Йод", expected);
    assert_filter(*state, "И\u0306од", expected);
}

static void domain_is_searched_for_in_both_forms(void **state)
{
    assert_filter(*state, "a@том.ру",
                  "(&(o=x)(|(cn=*a@том.ру*)(sn=*a@том.ру*)"
                  "(cn=*a@xn--l1adl.xn--p1ag*)(sn=*a@xn--l1adl.xn--p1ag*)))");
    assert_string_equal(make_filter(*state, "A@XN--l1adl.xn--p1ag", 1),
                        make_filter(*state, "a@том.ру", 1));
    assert_string_equal(split(*state, "Б <a@xn--l1adl.xn--p1ag>, xn--p1ag xn--l1adl.xn--p1ag."),
                        "Б|a@том.ру|xn|p1ag|том.ру");
    assert_filter(*state, "a.b@c.example", "(&(o=x)(|(cn=*a.b@c.example*)(sn=*a.b@c.example*)))");
    assert_filter(*state, "И.О", "(&(o=x)(|(cn=*И.О*)(sn=*И.О*)))");
}

static void characters_after_the_maximum_are_ignored(void **state)
{
    struct name_search search;
    char text[NAME_SEARCH_CHARACTERS_MAX * 2] = {0};
    memset(text, 'x', sizeof text - 1);
    text[1] = ' ';
    name_search_parse(&search, *state, text);
    assert_int_equal(search.count, 2);
    assert_int_equal(strlen(search.words[1]), NAME_SEARCH_CHARACTERS_MAX - 1);
}

static void filter_of_long_search_has_limited_size(void **state)
{
    enum { SEARCH_MAX = 1000, FILTER_BYTES_MAX = 64 * 1024, COMPARISONS_MAX = 2 * 12 * 17 };
    static const char *const patterns[] = {"е", "е ",       "ё",        "ёж ",         "йе",
                                           "*", "* ",       "Семенов ", "Семеновеее ", "한",
                                           "1", "е@йе.рф ", "е.рф."};
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        struct buffer text = {.arena = *state};
        size_t characters = 0;
        while (characters < SEARCH_MAX) {
            buffer_add_string(&text, patterns[i]);
            characters += utf8_utf16_units(patterns[i], strlen(patterns[i]));
        }
        const char *filter = make_filter(*state, text.bytes, NAME_SEARCH_WORDS_MAX);
        assert_true(strlen(filter) <= FILTER_BYTES_MAX);
        assert_true(count_of(filter, "(cn=") <= COMPARISONS_MAX);
    }
}

/* Spellings with several ё are omitted, because Russian words have at most one. */
static void word_with_many_ye_has_spellings_with_at_most_one_yo(void **state)
{
    const char *filter = make_filter(*state, "перепелЁнев", NAME_SEARCH_WORDS_MAX);
    assert_non_null(strstr(filter, "(cn=*перепелЁнев*)"));
    assert_non_null(strstr(filter, "(cn=*перепеленев*)"));
    assert_non_null(strstr(filter, "(cn=*перепелёнев*)"));
    assert_non_null(strstr(filter, "(cn=*перепеленёв*)"));
    assert_non_null(strstr(filter, "(cn=*пе\u0308репеленев*)"));
    assert_null(strstr(filter, "(cn=*пёрёпеленев*)"));
}

/* The pattern of such a word matches everything, so each entry is compared with each spelling. */
static void word_of_ye_and_yo_only_has_few_spellings(void **state)
{
    assert_int_equal(count_of(make_filter(*state, "е", NAME_SEARCH_WORDS_MAX), "(cn="), 4);
    assert_int_equal(count_of(make_filter(*state, "ееё", NAME_SEARCH_WORDS_MAX), "(cn="), 4);
    assert_int_equal(count_of(make_filter(*state, "еееее", NAME_SEARCH_WORDS_MAX), "(cn="), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(text_is_split_into_words),
        ARENA_TEST(blank_text_has_no_words),
        ARENA_TEST(text_without_words_is_searched_as_one_word),
        ARENA_TEST(telephone_number_is_one_word),
        ARENA_TEST(each_word_is_searched_in_each_attribute),
        ARENA_TEST(ye_and_yo_are_equal),
        ARENA_TEST(accented_letters_are_searched_for_in_both_normal_forms),
        ARENA_TEST(domain_is_searched_for_in_both_forms),
        ARENA_TEST(characters_after_the_maximum_are_ignored),
        ARENA_TEST(filter_of_long_search_has_limited_size),
        ARENA_TEST(word_with_many_ye_has_spellings_with_at_most_one_yo),
        ARENA_TEST(word_of_ye_and_yo_only_has_few_spellings),
    };
    return cmocka_run_group_tests_name("name_search", tests, NULL, NULL);
}
