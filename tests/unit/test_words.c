/* Words: splits texts into words for searches. */
#include "unit.h"

#include "base/fold.h"
#include "base/words.h"

/* Returns the words of the text, joined by '|'. */
static const char *split(struct arena *arena, const char *text)
{
    struct buffer joined = {.arena = arena};
    struct words words;
    words_begin(&words, arena, text);
    buffer_add(&joined, "", 0);
    for (const char *word; (word = words_next(&words));) {
        buffer_format(&joined, "%s%s", joined.length ? "|" : "", word);
    }
    assert_null(words_next(&words)); /* further calls also return NULL */
    return joined.bytes;
}

static void assert_words(struct arena *arena, const char *const pairs[][2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(split(arena, pairs[i][0]), pairs[i][1]);
    }
}

static void white_space_of_any_kind_separates_words(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"a", "a"},
        {"Иван Петров", "Иван|Петров"},
        {"\t Иван \r\n\v\f Петров ", "Иван|Петров"},
        {"a\u00a0b\u1680c\u2000d\u2009e\u202ff\u205fg\u3000h", "a|b|c|d|e|f|g|h"},
        {"a\u2028b\u2029c\xC2\x85"
         "d",
         "a|b|c|d"},
        {" \u00a0\u3000\t", ""},
        {"a\001b\x7F", "a|b"}, /* control characters */
    };
    assert_words(*state, pairs, COUNT_OF(pairs));
}

static void punctuation_separates_words(void **state)
{
    static const char *const pairs[][2] = {
        {"Петров,Иван", "Петров|Иван"},
        {"Петров, Иван; Сидоров", "Петров|Иван|Сидоров"},
        {"ООО «Ромашка»", "ООО|Ромашка"},
        {"(a)[b]{c}<d>", "a|b|c|d"},
        {"Петров Иван <petrov@example.com>", "Петров|Иван|petrov@example.com"},
        {"• Петров… Иван", "Петров|Иван"},
        {"\"a\"„b“”c‹d›", "a|b|c|d"},
        {"a、b。c，d；e「f」（g）", "a|b|c|d|e|f|g"},
        {"a،b؛c", "a|b|c"},
        {"Кто?Я!", "Кто|Я"},
        {"«»,;()", ""},
    };
    assert_words(*state, pairs, COUNT_OF(pairs));
}

static void dashes_apostrophes_and_periods_inside_words_do_not_split_them(void **state)
{
    static const char *const pairs[][2] = {
        {"Салтыков-Щедрин", "Салтыков-Щедрин"},
        {"O'Brien O’Brien Ulug‘bek", "O'Brien|O’Brien|Ulug‘bek"},
        {"petrov.i", "petrov.i"},
        {"Петров И.И.", "Петров|И.И"},
        {"Петров И. И.", "Петров|И|И"},
        {"Петров — директор", "Петров|директор"},
        {"--a--b- -c", "a|b|c"},
        {"'a' ‘b’ .c", "a|b|c"},
        {"a.-b", "a|b"},
        {"12:30 3.5", "12:30|3.5"},
        {". - : '", ""},
    };
    assert_words(*state, pairs, COUNT_OF(pairs));
}

static void symbol_belongs_to_the_word_next_to_it(void **state)
{
    static const char *const pairs[][2] = {
        {"petrova@kontora.test", "petrova@kontora.test"},
        {"i_petrov", "i_petrov"},
        {"C++ C# R&D 50% a*/\\", "C++|C#|R&D|50%|a*/\\"},
        {"€ § № ×", "€|№"},
        {"+7 №1 😀 a|b", "+7|№1|😀|a|b"},
        {"日本語 ไทย", "日本語|ไทย"},
    };
    assert_words(*state, pairs, COUNT_OF(pairs));
}

static void symbols_alone_are_not_a_word(void **state)
{
    static const char *const pairs[][2] = {
        {"Петров | менеджер", "Петров|менеджер"},
        {"R & D + / * = ~ ^ _ a", "R|D|a"},
        {"*", ""},
        {"+-* %_", ""},
        {"+- a", "a"},
    };
    assert_words(*state, pairs, COUNT_OF(pairs));
}

static void invisible_characters_are_removed(void **state)
{
    static const char *const pairs[][2] = {
        {"Пет\u00adров", "Петров"},
        {"\ufeffИван\u200b \u2060Петров\u200e", "Иван|Петров"},
        {"a\u200b\ufeff\u00ad\u2060b", "ab"},
        {"a \u200b b", "a|b"},
        {"\u200b", ""},
        {"a\u200b-\u200bb", "a-b"},
        {"и\u034f\u0306", "й"}, /* the joiner would separate the letter from its breve */
    };
    assert_words(*state, pairs, COUNT_OF(pairs));
}

static void words_are_in_nfc(void **state)
{
    static const char *const pairs[][2] = {
        {"\u0418\u0306\u043e\u0434", "Йод"},
        {"\u0435\u0308", "ё"},
        {"e\u0301 \u212b", "é|Å"},
        {"a\u0316\u0301", "á\u0316"},                     /* the marks are reordered */
        {"\U0001d160", "\U0001d158\U0001d165\U0001d16e"}, /* becomes three characters */
        {"a\u037eb", "a|b"}, /* the Greek question mark is a semicolon */
        {"\u1112\u1161\u11ab", "한"},
    };
    assert_words(*state, pairs, COUNT_OF(pairs));
}

static void fold_decompose_returns_nfd(void **state)
{
    assert_string_equal(fold_decompose(*state, "Йодё"), "\u0418\u0306од\u0435\u0308");
    assert_string_equal(fold_decompose(*state, "Иван"), "Иван");
    assert_string_equal(fold_decompose(*state, "a\u0301\u0316"), "a\u0316\u0301");
    assert_string_equal(fold_decompose(*state, "ascii"), "ascii");
    assert_string_equal(fold_decompose(*state, "\u0390"), "\u03b9\u0308\u0301");
}

static void accented_letters_and_accents_are_recognized(void **state)
{
    (void)state;
    static const int32_t accented[] = {0x439, 0x451, 0xFC, 0xD55C, 0x301, 0x651, 0x1D160, 0x212B};
    static const int32_t plain[] = {'a', 0x435, 0x438, 0xDF, 0x142, 0x1F600, ' '};
    for (size_t i = 0; i < COUNT_OF(accented); i++) {
        assert_true(words_is_accented(accented[i]));
    }
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        assert_false(words_is_accented(plain[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(white_space_of_any_kind_separates_words),
        ARENA_TEST(punctuation_separates_words),
        ARENA_TEST(dashes_apostrophes_and_periods_inside_words_do_not_split_them),
        ARENA_TEST(symbol_belongs_to_the_word_next_to_it),
        ARENA_TEST(symbols_alone_are_not_a_word),
        ARENA_TEST(invisible_characters_are_removed),
        ARENA_TEST(words_are_in_nfc),
        ARENA_TEST(fold_decompose_returns_nfd),
        cmocka_unit_test(accented_letters_and_accents_are_recognized),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
