/* Countries: their codes, numbers and names, and codes that ISO 3166-1 does not assign. */
#include "unit.h"

#include "base/country.h"
#include "base/utf8.h"

struct known {
    const char *code;
    int number;
    const char *name;
};

static void country_is_found_by_its_code_in_any_case(void **state)
{
    (void)state;
    static const struct known countries[] = {
        {"RU", 643, "Russia"},     {"de", 276, "Germany"},        {"uS", 840, "United States"},
        {"KZ", 398, "Kazakhstan"}, {"GB", 826, "United Kingdom"}, {"AF", 4, "Afghanistan"},
    };
    for (size_t i = 0; i < COUNT_OF(countries); i++) {
        struct country country;
        assert_true(country_find(countries[i].code, 2, &country));
        assert_int_equal(strcasecmp(country.code, countries[i].code), 0);
        assert_true(country.code[0] >= 'A' && country.code[0] <= 'Z');
        assert_int_equal(country.number, countries[i].number);
        assert_string_equal(country.name, countries[i].name);
        assert_int_equal(country_check(countries[i].code, 2), FAULT_NONE);
    }
}

static void codes_without_a_country_are_rejected(void **state)
{
    (void)state;
    /* UK is an alias, SU and YU are obsolete, EU and UN are groups, XK and ZZ are not assigned. */
    static const char *const wrong[] = {"",   "R",  "RUS", "643", "UK", "SU", "YU", "EU", "UN",
                                        "XK", "ZZ", "QO",  "AN",  "R1", "  ", "ру", "ß",  "XA"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct country country;
        if (country_find(wrong[i], strlen(wrong[i]), &country)) {
            FAIL("%s is accepted as %s", wrong[i], country.name);
        }
        assert_int_equal(country_check(wrong[i], strlen(wrong[i])), FAULT_NOT_COUNTRY);
    }
}

/* ISO 3166-1 has 249 entries; ICU's data may lag behind a change. Attribute co has at most 128
 * characters. */
static void every_assigned_code_has_a_distinct_number_and_a_name(void **state)
{
    (void)state;
    static bool seen[1000];
    int count = 0;
    for (int first = 'A'; first <= 'Z'; first++) {
        for (int second = 'A'; second <= 'Z'; second++) {
            const char code[] = {(char)first, (char)second, '\0'};
            struct country country;
            if (!country_find(code, 2, &country)) {
                continue;
            }
            assert_false(seen[country.number]);
            seen[country.number] = true;
            assert_true(strlen(country.name) > 2 && strlen(country.name) < 100);
            assert_true(utf8_valid(country.name, strlen(country.name)));
            count++;
        }
    }
    assert_in_range(count, 247, 251);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(country_is_found_by_its_code_in_any_case),
        cmocka_unit_test(codes_without_a_country_are_rejected),
        cmocka_unit_test(every_assigned_code_has_a_distinct_number_and_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
