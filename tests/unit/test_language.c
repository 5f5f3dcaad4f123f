/* Language: valid and malformed Accept-Language headers. */
#include "unit.h"

#include "http/language.h"

static const struct {
    const char *field;
    enum config_language with_ru, with_en; /* the chosen language, by default language */
} rows[] = {
    {"", LANGUAGE_RU, LANGUAGE_EN},
    {"ru", LANGUAGE_RU, LANGUAGE_RU},
    {"en", LANGUAGE_EN, LANGUAGE_EN},
    {"EN", LANGUAGE_EN, LANGUAGE_EN},
    {"en-GB", LANGUAGE_EN, LANGUAGE_EN},
    {"en-Latn-US", LANGUAGE_EN, LANGUAGE_EN},
    {"ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", LANGUAGE_RU, LANGUAGE_RU},
    {"en-US,en;q=0.9,ru;q=0.8", LANGUAGE_EN, LANGUAGE_EN},
    {"ru;q=0.8, en;q=0.9", LANGUAGE_EN, LANGUAGE_EN},
    {"ru; q=0.8 , en ; q=0.9", LANGUAGE_EN, LANGUAGE_EN},
    {"ru;Q=0.8, en;Q=0.9", LANGUAGE_EN, LANGUAGE_EN},
    {"en, ru", LANGUAGE_EN, LANGUAGE_EN}, /* the first of equal weights */
    {"ru, en", LANGUAGE_RU, LANGUAGE_RU},
    {"de-DE, fr;q=0.9", LANGUAGE_RU, LANGUAGE_EN}, /* no supported language */
    {"de, en;q=0.1", LANGUAGE_EN, LANGUAGE_EN},
    {"*", LANGUAGE_RU, LANGUAGE_EN},
    {"de, *;q=0.5", LANGUAGE_RU, LANGUAGE_EN},
    /* one language must be chosen even if all have the weight 0 */
    {"en;q=0", LANGUAGE_RU, LANGUAGE_EN},
    {"en;q=0, ru;q=0.001", LANGUAGE_RU, LANGUAGE_RU},
    {"english", LANGUAGE_RU, LANGUAGE_EN},
    {"e", LANGUAGE_RU, LANGUAGE_EN},
    {"en_US", LANGUAGE_RU, LANGUAGE_EN}, /* a locale name, not a language range */
    {"-en", LANGUAGE_RU, LANGUAGE_EN},
    {",,, ,en,,", LANGUAGE_EN, LANGUAGE_EN},
    {"en;q=1.0, ru;q=1", LANGUAGE_EN, LANGUAGE_EN},
    /* The greatest weight of a language counts. */
    {"en-GB;q=0.1, ru;q=0.5, en;q=0.9", LANGUAGE_EN, LANGUAGE_EN},
    {"*, en", LANGUAGE_EN, LANGUAGE_EN}, /* a named range precedes the wildcard */
    {"*, ru", LANGUAGE_RU, LANGUAGE_RU},
    /* Malformed ranges are ignored. */
    {"en;q=x, ru;q=0.1", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;q=1.5", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;q=1.001", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;q=0.1234", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;q=1e0", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;q=.9", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;level=1", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;q=0.9;q=0.9", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en de", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;q=0.", LANGUAGE_RU, LANGUAGE_RU},
    {"ru;q=0.1, en;q=1.", LANGUAGE_EN, LANGUAGE_EN},
};

static void language_with_greatest_weight_is_chosen(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (language_choose(rows[i].field, LANGUAGE_RU) != rows[i].with_ru ||
            language_choose(rows[i].field, LANGUAGE_EN) != rows[i].with_en) {
            FAIL("\"%s\" chooses the wrong language", rows[i].field);
        }
    }
}

/* RFC 9110 12.4.2: a weight has three decimals, and a difference in the third one counts. */
static void weights_are_compared_to_three_decimals(void **state)
{
    (void)state;
    for (int weight = 1; weight <= 999; weight++) {
        char field[64];
        snprintf(field, sizeof field, "ru;q=0.%03d, en;q=0.%03d", weight - 1, weight);
        if (language_choose(field, LANGUAGE_RU) != LANGUAGE_EN) {
            FAIL("%s chooses ru", field);
        }
    }
}

/* RFC 9110 12.5.4 and RFC 4647 3.3.1: "*" matches all languages that no other range names. */
static void wildcard_matches_languages_not_named_otherwise(void **state)
{
    (void)state;
    assert_int_equal(language_choose("ru;q=0, *", LANGUAGE_RU), LANGUAGE_EN);
    assert_int_equal(language_choose("en;q=0, *;q=0.5", LANGUAGE_EN), LANGUAGE_RU);
}

/* A malformed header must yield a supported language and do no harm. */
static void malformed_headers_yield_a_supported_language(void **state)
{
    static const char *const fields[] = {
        ";",        ";q=",      "en;q=",    "en;q=x", "en;q=-1", "en;q=2",         "en;q=1e999",
        "en;q=nan", "en;q=inf", "en;q=0x1", "q=1",    ";;;;q=1", "en;q=0.9;q=0.1", "\t",
        "\x80\xFF", ",",        "en ru",    "*;*",
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        enum config_language language = language_choose(fields[i], LANGUAGE_RU);
        assert_true(language == LANGUAGE_RU || language == LANGUAGE_EN);
    }
    struct buffer field = {.arena = *state};
    for (int i = 0; i < 50000; i++) {
        buffer_add_string(&field, "xx;q=0.5,");
    }
    buffer_add_string(&field, "en");
    assert_int_equal(language_choose(field.bytes, LANGUAGE_RU), LANGUAGE_EN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(language_with_greatest_weight_is_chosen),
        cmocka_unit_test(weights_are_compared_to_three_decimals),
        cmocka_unit_test(wildcard_matches_languages_not_named_otherwise),
        ARENA_TEST(malformed_headers_yield_a_supported_language),
    };
    return cmocka_run_group_tests_name("language", tests, NULL, NULL);
}
