/* Fold: names that look the same to people have equal forms, and sort keys sort names as a
 * dictionary does. */
#include "unit.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/fold.h"
#include "base/utf8.h"

#include <unicode/uchar.h>

#include <unicode/ucol.h>
#include <unicode/ustring.h>

struct pair {
    const char *left, *right;
};

static void assert_equal_forms(char *(*fold)(struct arena *, const char *),
                               const struct pair *pairs, size_t count)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(fold(arena, pairs[i].left), fold(arena, pairs[i].right));
    }
    arena_free(&arena);
}

static void names_that_look_the_same_have_equal_forms(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"Петров", "ПЕТРОВ"},
        {"Йод.txt", "И\u0306од.txt"},
        {"Zoë", "ZOE\u0308"},
        {"ＡＢＣ", "abc"},
        {"Straße", "STRASSE"},
        {"Ivan  X", "ivan x"},
        {"ivan\t\n x", "Ivan X"},
        {"Иван \u00A0\u2003 Петров", "иван петров"},
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
    assert_equal_forms(fold_text, pairs, COUNT_OF(pairs));
}

static void names_that_look_different_have_different_forms(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"Ёлкин", "Елкин"}, {"Йод", "Иод"}, {"Anna B", "AnnaB"}, {"Zoe", "Zoë"}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        assert_string_not_equal(fold_text(arena, pairs[i].left), fold_text(arena, pairs[i].right));
    }
    arena_free(&arena);
}

static void name_without_visible_characters_has_empty_form(void **state)
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

static void domain_and_its_ascii_form_have_equal_forms(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"ivan@почта.рф", "IVAN@XN--80A1ACNY.XN--P1AI"},
        {"ivan@bücher.example", "ivan@xn--bcher-kva.example"},
        {"иван@ПОЧТА。рф", "иван@xn--80a1acny.xn--p1ai"},
        {"ivan@example.com", "Ivan@Example.COM"},
        {"x@straße.example", "X@XN--STRAE-OQA.EXAMPLE"},
        {"Straße.ẞ@a.example", "STRAẞE.ß@A.example"},
        {"anna＠почта．рф", "anna@xn--80a1acny.xn--p1ai"},
        {"anna@-.почта.рф", "anna@-.xn--80a1acny.xn--p1ai"},
        {"\u00A0anna@по\u00ADчта.рф\u200E", "anna@xn--80a1acny.xn--p1ai"},
        {"anna@почта\u200B.рф", "Anna@XN--80A1ACNY.рф"},
    };
    assert_equal_forms(fold_address, pairs, COUNT_OF(pairs));
}

static void invalid_domain_is_folded_as_text(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_string_equal(fold_address(arena, "A@xn--\u00FF"), "a@xn--\u00FF");
    assert_string_equal(fold_address(arena, "Not an address"), "not an address");
    arena_free(&arena);
}

static void addresses_with_different_domains_have_different_forms(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"x@straße.example", "x@strasse.example"},
        {"straße@a.example", "strasse@a.example"},
        {"STRAẞE@a.example", "strasse@a.example"},
        {"x@почта.рф", "x@почта.example"},
        {"x@xn--80a1acny.example", "y@xn--80a1acny.example"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        assert_string_not_equal(fold_address(arena, pairs[i].left),
                                fold_address(arena, pairs[i].right));
    }
    arena_free(&arena);
}

static void domain_is_encoded_in_ascii(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_string_equal(fold_encode_address(arena, "йод@почта.рф"), "йод@xn--80a1acny.xn--p1ai");
    assert_string_equal(fold_encode_address(arena, "@ПОЧТА.xn--p1ai"), "@xn--80a1acny.xn--p1ai");
    assert_string_equal(fold_encode_address(arena, "x@y.example"), "x@y.example");
    assert_null(fold_encode_address(arena, "почта.рф"));
    assert_null(fold_encode_address(arena, "x@"));
    assert_null(fold_encode_address(arena, "x@-почта-.рф"));
    assert_null(fold_encode_address(arena, "x@a\u0300\u200Fb"));
    arena_free(&arena);
}

static void texts_that_differ_in_case_or_normalization_only_are_equal_by_case(void **state)
{
    (void)state;
    static const struct pair equal[] = {{"ЁЖИК 1", "ёжик 1"}, {"Й", "и\u0306"}, {"", ""}};
    static const struct pair other[] = {
        {"Zone²", "Zone2"}, {"Straße", "Strasse"}, {"ı", "i"}, {"İ", "i"}, {"ſ", "s"}, {"ａ", "a"},
        {"①", "1"},         {"a", "ab"},           {"е", "ё"}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(equal); i++) {
        assert_true(fold_equals_case(arena, equal[i].left, equal[i].right));
    }
    for (size_t i = 0; i < COUNT_OF(other); i++) {
        assert_false(fold_equals_case(arena, other[i].left, other[i].right));
        assert_false(fold_equals_case(arena, other[i].right, other[i].left));
    }
    arena_free(&arena);
}

static void names_that_a_directory_may_mix_up_are_recognized(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    static const char *const equal[] = {"Admins",       "ádmins",        "Àdmi\u0303ns",
                                        "ａｄｍｉｎｓ", " ADMINS\u200B", "admin\u017F",
                                        "ⓐdmins"};
    static const char *const other[] = {"admin", "admins2", "ad-mins", "ad mins", "", "админс"};
    for (size_t i = 0; i < COUNT_OF(equal); i++) {
        assert_true(fold_may_equal(arena, equal[i], "admins"));
    }
    for (size_t i = 0; i < COUNT_OF(other); i++) {
        assert_false(fold_may_equal(arena, other[i], "admins"));
    }
    assert_true(fold_may_equal(arena, "Jørgen", "jorgen"));
    assert_true(fold_may_equal(arena, "a  b", "a b"));
    arena_free(&arena);
}

static void variants_of_ascii_characters_are_recognized(void **state)
{
    (void)state;
    static const char *const variants[] = {"\u212Aelvin", "le\u017F", "\u0131van", "\u0130van",
                                           "ａｎｎａ",    "a＠b",     "№5",        "ﬁrst"};
    static const char *const others[] = {"Kelvin", "Иван", "Zoë", "Zoe\u0308", "Straße", "😀", ""};
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        assert_true(fold_has_ascii_variant(variants[i], strlen(variants[i])));
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_false(fold_has_ascii_variant(others[i], strlen(others[i])));
    }
}

/* --- random text ------------------------------------------------------------------------------ */

enum { RANDOM_TEXTS = 10000, RANDOM_LENGTH = 12, BYTES_MAX = 4, CODE_POINTS = 0x110000 };

static unsigned next_random(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15; /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 32);
}

static bool is_surrogate(int32_t character)
{
    return character >= 0xD800 && character <= 0xDFFF;
}

/* Appends a character in UTF-8. Returns the end of the text. */
static char *append_character(char *at, int32_t character)
{
    static const int32_t last[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF}, first[] = {0, 0xC0, 0xE0, 0xF0};
    size_t more = 0;
    while (character > last[more]) {
        more++;
    }
    *at++ = (char)(first[more] | character >> (6 * more));
    while (more--) {
        *at++ = (char)(0x80 | (character >> (6 * more) & 0x3F));
    }
    *at = '\0';
    return at;
}

/* Returns a character of any plane; often one that folds in an unusual way. */
static int32_t random_character(void)
{
    static const int32_t special[] = {
        0x345,  0x301,  0x308,  0x327,  0x34F,   0x200B,  0x200D,  0x200C,  0xAD,   0xFEFF, 0x1FB3,
        0x1F80, 0xDF,   0x1E9E, 0x130,  0x131,   0x17F,   0x212A,  0x212B,  0xA0,   0x1680, 0x2800,
        0xFFF9, 0x3164, 0xFFA0, 0xFE0F, 0xFF21,  0xFDFA,  0x3A3,   0x3C2,   0x1100, 0x1161, 0x11A8,
        0xAC00, 0xA8,   '@',    '.',    '-',     'x',     'n',     0xFF20,  0x3002, 0x43F,  0x439,
        ' ',    0x85,   0x2028, 0xF73,  0x1D15E, 0xE0061, 0x1F1F7, 0xE0100, 0x5BF,  0x9,
    };
    unsigned kind = next_random() % 4;
    int32_t character;
    if (kind == 0) {
        return special[next_random() % COUNT_OF(special)];
    }
    do {
        character = (int32_t)(next_random() % (kind == 1   ? 0x3000
                                               : kind == 2 ? 0x20000
                                                           : CODE_POINTS));
    } while (!character || is_surrogate(character));
    return character;
}

static const char *random_text(struct arena *arena)
{
    char *text = arena_alloc(arena, RANDOM_LENGTH * BYTES_MAX + 1), *end = text;
    unsigned count = next_random() % RANDOM_LENGTH + 1;
    for (unsigned i = 0; i < count; i++) {
        end = append_character(end, random_character());
    }
    return text;
}

static const char *show(const char *text)
{
    static char shown[1024];
    size_t at = 0, length = strlen(text), out = 0;
    while (at < length && out + 10 < sizeof shown) {
        out += (size_t)snprintf(shown + out, sizeof shown - out, "%X ",
                                (unsigned)utf8_next(text, length, &at));
    }
    return shown;
}

static void assert_normalizations_equal(struct arena *arena,
                                        char *(*fold)(struct arena *, const char *),
                                        const char *text)
{
    const char *folded = fold(arena, text);
    const char *others[] = {fold_decompose(arena, text), fold_compose(arena, text), folded};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (strcmp(folded, fold(arena, others[i])) != 0) {
            FAIL("form %zu of %s is folded to another text", i, show(text));
        }
    }
}

static void normalization_and_folding_again_change_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < RANDOM_TEXTS; i++) {
        struct arena *arena = arena_new();
        const char *text = random_text(arena);
        const char *other = random_text(arena);
        assert_normalizations_equal(arena, fold_text, text);
        assert_normalizations_equal(arena, fold_address, text);
        assert_normalizations_equal(arena, fold_address,
                                    arena_format(arena, "%s@%s.рф", text, other));
        arena_free(&arena);
    }
}

static void every_character_is_folded_like_its_normalizations(void **state)
{
    (void)state;
    for (int32_t character = 1; character < CODE_POINTS; character++) {
        struct arena *arena = arena_new();
        char text[BYTES_MAX + 1];
        if (!is_surrogate(character)) {
            append_character(text, character);
            assert_normalizations_equal(arena, fold_text, text);
        }
        arena_free(&arena);
    }
}

/* Compares the table of blanks in utf8.c with the properties of all characters in Unicode. */
static void utf8_is_blank_agrees_with_unicode_properties(void **state)
{
    (void)state;
    for (int32_t character = 1; character < CODE_POINTS; character++) {
        bool is_blank = u_isUWhiteSpace(character) ||
                        u_hasBinaryProperty(character, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
                        (character >= 0xFFF9 && character <= 0xFFFB) || character == 0x2800;
        if (is_blank != utf8_is_blank(character)) {
            FAIL("U+%04X", (unsigned)character);
        }
    }
}

static void text_of_one_blank_has_empty_form(void **state)
{
    (void)state;
    for (int32_t character = 1; character < CODE_POINTS; character++) {
        if (utf8_is_blank(character)) {
            struct arena *arena = arena_new();
            char text[BYTES_MAX + 1];
            append_character(text, character);
            assert_string_equal(fold_text(arena, text), "");
            assert_string_equal(fold_address(arena, text), "");
            arena_free(&arena);
        }
    }
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
            FAIL("%s is sorted after %s", sorted[i - 1], sorted[i]);
        }
    }
    arena_free(&arena);
}

/* Checks that the key of a text is the beginning of the key that ICU computes. Returns true if the
 * key is truncated. */
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

static void sort_key_above_maximum_length_is_truncated(void **state)
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
        cmocka_unit_test(names_that_look_the_same_have_equal_forms),
        cmocka_unit_test(names_that_look_different_have_different_forms),
        cmocka_unit_test(name_without_visible_characters_has_empty_form),
        cmocka_unit_test(domain_and_its_ascii_form_have_equal_forms),
        cmocka_unit_test(invalid_domain_is_folded_as_text),
        cmocka_unit_test(addresses_with_different_domains_have_different_forms),
        cmocka_unit_test(domain_is_encoded_in_ascii),
        cmocka_unit_test(texts_that_differ_in_case_or_normalization_only_are_equal_by_case),
        cmocka_unit_test(names_that_a_directory_may_mix_up_are_recognized),
        cmocka_unit_test(variants_of_ascii_characters_are_recognized),
        cmocka_unit_test(normalization_and_folding_again_change_nothing),
        cmocka_unit_test(every_character_is_folded_like_its_normalizations),
        cmocka_unit_test(utf8_is_blank_agrees_with_unicode_properties),
        cmocka_unit_test(text_of_one_blank_has_empty_form),
        cmocka_unit_test(names_are_sorted_as_in_a_dictionary),
        cmocka_unit_test(sort_key_above_maximum_length_is_truncated),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
