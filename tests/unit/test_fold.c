/* Fold: names that people see as the same are equal, and names are sorted as in a dictionary. */
#include "unit.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/fold.h"

#include <unicode/ucol.h>
#include <unicode/ustring.h>

struct same {
    const char *left, *right;
};

static void assert_same(char *(*fold)(struct arena *, const char *), const struct same *pairs,
                        size_t count)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(fold(arena, pairs[i].left), fold(arena, pairs[i].right));
    }
    arena_free(&arena);
}

static void names_that_look_the_same_are_equal(void **state)
{
    (void)state;
    static const struct same pairs[] = {
        {"Петров", "ПЕТРОВ"},
        {"Йод.txt", "И\u0306од.txt"},
        {"Zoë", "ZOE\u0308"},
        {"ＡＢＣ", "abc"},
        {"Straße", "STRASSE"},
        {"ΣΟΦΟΣ", "σοφος"},
        {"\u200BИван\uFEFF", "иван"},
        {"Ив\u00ADан", "Иван"},
        {"\u00A0Анна\u2003Кузнецова\u3000", "анна кузнецова"},
        {" \tAnna\n", "anna"},
        {"\u212Aelvin", "kelvin"},
        {"\u2028Иван\u2029", "Иван"},
        {"\uFDFA\uFDFA\uFDFA\uFDFA",
         "صلى الله عليه وسلمصلى الله عليه وسلمصلى الله عليه وسلمصلى الله عليه وسلم"},
    };
    assert_same(fold_text, pairs, COUNT_OF(pairs));
}

static void different_names_differ(void **state)
{
    (void)state;
    static const struct same pairs[] = {
        {"Ёлкин", "Елкин"}, {"Йод", "Иод"}, {"Anna B", "AnnaB"}, {"Zoe", "Zoë"}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        assert_string_not_equal(fold_text(arena, pairs[i].left), fold_text(arena, pairs[i].right));
    }
    arena_free(&arena);
}

static void invisible_name_is_empty(void **state)
{
    (void)state;
    static const char *const names[] = {"", " ", "\u200B", "\u200B \uFEFF", "\u00AD", "\u2060"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_string_equal(fold_text(arena, names[i]), "");
    }
    assert_null(fold_text(arena, NULL));
    arena_free(&arena);
}

static void search_ignores_yo(void **state)
{
    (void)state;
    static const struct same pairs[] = {
        {"Семёнов", "СЕМЕНОВ"}, {"ЁЖЕВИКА", "ежевика"}, {"Семе\u0308нов", "Семенов"}};
    assert_same(fold_search, pairs, COUNT_OF(pairs));
}

static void domain_equals_its_ascii_form(void **state)
{
    (void)state;
    static const struct same pairs[] = {
        {"ivan@почта.рф", "IVAN@XN--80A1ACNY.XN--P1AI"},
        {"ivan@bücher.example", "ivan@xn--bcher-kva.example"},
        {"иван@ПОЧТА。рф", "иван@xn--80a1acny.xn--p1ai"},
        {"ivan@example.com", "Ivan@Example.COM"},
    };
    assert_same(fold_address, pairs, COUNT_OF(pairs));
}

static void invalid_domain_is_folded_as_text(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_string_equal(fold_address(arena, "A@xn--\u00FF"), "a@xn--\u00FF");
    assert_string_equal(fold_address(arena, "Not an address"), "not an address");
    arena_free(&arena);
}

static int compare_by_key(struct arena *arena, const char *left, const char *right)
{
    const unsigned char *keys[2];
    size_t lengths[] = {fold_sort_key(arena, left, &keys[0]),
                        fold_sort_key(arena, right, &keys[1])};
    size_t shorter = lengths[0] < lengths[1] ? lengths[0] : lengths[1];
    int order = memcmp(keys[0], keys[1], shorter);
    return order ? order : (int)lengths[0] - (int)lengths[1];
}

static void names_are_sorted_as_in_a_dictionary(void **state)
{
    (void)state;
    static const char *const sorted[] = {"Anna",  "Émile", "Emma",    "Zoe",  "Zoë",   "Алёна",
                                         "Альба", "Елкин", "Ёлкин",   "Елку", "Жуков", "Иодов",
                                         "Йодов", "Петр",  "Петрова", "Яков"};
    struct arena *arena = arena_new();
    for (size_t i = 1; i < COUNT_OF(sorted); i++) {
        if (compare_by_key(arena, sorted[i - 1], sorted[i]) >= 0) {
            FAIL("%s is sorted behind %s", sorted[i - 1], sorted[i]);
        }
    }
    arena_free(&arena);
}

/* Checks that the key of a text is the beginning of ICU's whole key. Returns true if it is cut. */
static bool check_key(const UCollator *collator, const char *text)
{
    enum { UNITS = 10000, SIZE = 8 * UNITS };
    static UChar units[UNITS];
    static unsigned char whole[SIZE];
    UErrorCode status = U_ZERO_ERROR;
    struct arena *arena = arena_new();
    const unsigned char *key;
    int32_t count;
    size_t length = fold_sort_key(arena, text, &key);
    u_strFromUTF8(units, UNITS, &count, text, -1, &status);
    assert_true(U_SUCCESS(status));
    size_t whole_length = (size_t)ucol_getSortKey(collator, units, count, whole, SIZE);
    assert_in_range(whole_length, 1, SIZE);
    bool cut = whole_length > FOLD_SORT_KEY_MAX;
    assert_int_equal(length, cut ? FOLD_SORT_KEY_MAX : whole_length);
    assert_memory_equal(key, whole, length);
    arena_free(&arena);
    return cut;
}

static void long_sort_key_is_cut(void **state)
{
    (void)state;
    static const char *const parts[] = {"x", "Xx", "ё",  "Ёлкин и Йодов, ", "王小明", "é",
                                        "ﷺ", "😀",  "a ", "e\u0301",         "김민수", "0"};
    enum { REPEATED = 1200 };
    UErrorCode status = U_ZERO_ERROR;
    UCollator *collator = ucol_open("", &status);
    struct arena *arena = arena_new();
    ucol_setAttribute(collator, UCOL_NORMALIZATION_MODE, UCOL_ON, &status);
    assert_true(U_SUCCESS(status));
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct buffer text = {.arena = arena};
        size_t times = 0;
        do {
            buffer_add_string(&text, parts[i]);
        } while (!check_key(collator, text.bytes) && times++ < REPEATED);
        assert_in_range(times, 1, REPEATED - 1);
        buffer_add_string(&text, parts[0]);
        assert_true(check_key(collator, text.bytes));
    }
    arena_free(&arena);
    ucol_close(collator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_look_the_same_are_equal),
        cmocka_unit_test(different_names_differ),
        cmocka_unit_test(invisible_name_is_empty),
        cmocka_unit_test(search_ignores_yo),
        cmocka_unit_test(domain_equals_its_ascii_form),
        cmocka_unit_test(invalid_domain_is_folded_as_text),
        cmocka_unit_test(names_are_sorted_as_in_a_dictionary),
        cmocka_unit_test(long_sort_key_is_cut),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
