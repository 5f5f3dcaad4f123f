/* Directory names: DNs are built, parsed and compared by their meaning; filter values are
 * escaped. */
#include "unit.h"

#include "directory/directory.h"
#include "directory/names.h"

#include <ldap.h>

/* Values with characters that are special in a DN or a filter, or look as if they were. */
static const char *const awkward[] = {
    "Иванов Иван", "Müller", "a,b",       "\"quoted\"", "#lead", " lead", "trail ", "  both  ",
    "a*b",         "(x)",    "back\\",    "a+b",        "a=b",   "<x>",   "a;b",    "nl\nx",
    "tab\tx",      "\\2C",   "CN=x,OU=y", "*)(cn=*",    "#",     " ",     "\\",     "😀",
};

/* Returns the value of the first component of a DN, as libldap parses it. */
static const char *parse_first_value(struct arena *arena, const char *dn)
{
    LDAPDN parsed = NULL;
    assert_int_equal(ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3), LDAP_SUCCESS);
    const struct berval *value = &parsed[0][0]->la_value;
    const char *copy = arena_copy(arena, value->bv_val, value->bv_len);
    ldap_dnfree(parsed);
    return copy;
}

static void rdn_value_survives_building_and_parsing_a_dn(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < COUNT_OF(awkward); i++) {
        const char *rdn = names_rdn(arena, "CN", awkward[i]);
        assert_non_null(rdn);
        const char *dn = arena_format(arena, "%s,OU=Staff,DC=x", rdn);
        assert_string_equal(parse_first_value(arena, dn), awkward[i]);
        assert_string_equal(parse_first_value(arena, names_normalize(arena, dn)), awkward[i]);
        assert_string_equal(names_first_rdn(arena, dn), rdn);
        assert_string_equal(names_first_value(arena, dn), awkward[i]);
        assert_string_equal(names_parent(arena, dn), "OU=Staff,DC=x");
        assert_true(names_is_within(dn, "ou=staff,dc=X"));
    }
}

static void long_rdn_values_are_accepted(void **state)
{
    struct arena *arena = *state;
    enum { LENGTH = 20000 };
    char *value = arena_alloc(arena, LENGTH + 1);
    memset(value, ',', LENGTH);
    const char *dn = arena_format(arena, "%s,DC=x", names_rdn(arena, "CN", value));
    assert_string_equal(parse_first_value(arena, dn), value);
    assert_int_equal(directory_check_dn(dn, strlen(dn)), FAULT_NONE);
}

static void dn_is_split_into_first_component_and_parent(void **state)
{
    struct arena *arena = *state;
    assert_string_equal(names_parent(arena, "CN=Ivanov\\, Ivan , OU=a+L=b, DC=x"), "OU=a+L=b,DC=x");
    assert_string_equal(names_first_rdn(arena, "CN=Ivanov\\, Ivan , OU=a, DC=x"),
                        "CN=Ivanov\\2C Ivan");
    assert_null(names_parent(arena, "DC=x"));
    assert_null(names_parent(arena, "no name"));
    assert_null(names_first_rdn(arena, "no name"));
    assert_null(names_normalize(arena, "no name"));
}

static void equal_dns_match_in_any_spelling(void **state)
{
    (void)state;
    assert_true(names_equal("CN=Ann,DC=x", "cn = ANN , dc=X"));
    assert_true(names_equal("CN=ЁЖИК,DC=x", "CN=ёжик,DC=x"));
    assert_true(names_equal("CN=MÜLLER,DC=x", "CN=m\\c3\\bcller,DC=x"));
    assert_true(names_equal("CN=a\\2Cb,DC=x", "CN=a\\,b,DC=x"));
    assert_true(names_equal("CN=Йод,DC=x", "CN=И\u0306од,DC=x"));
    assert_false(names_equal("CN=Sy\u0301stem,DC=x", "CN=System,DC=x"));
    assert_false(names_equal("CN=a\\00,DC=x", "CN=a,DC=x"));
    assert_false(names_equal("CN=\\ff,DC=x", "CN=\\ff\\ff,DC=x"));
    assert_false(names_equal("CN=a,CN=b,DC=x", "CN=a\\,CN\\=b,DC=x"));
    assert_false(names_equal("CN=a,DC=x", "OU=a,DC=x"));
    assert_false(names_equal("CN=a,DC=x", "CN=a,DC=y"));
    assert_false(names_equal("CN=a,DC=x", "CN=a"));
    assert_false(names_equal("CN=a+L=b,DC=x", "CN=a,DC=x"));
    assert_false(names_equal("CN=a", "no name"));
    assert_false(names_equal("no name", "no name"));
}

static void similar_dns_may_be_equal_but_are_not(void **state)
{
    (void)state;
    static const char *const similar[][2] = {
        {"CN=Ив\u00ADан\u200B", "CN=иван"},
        {"CN=Ｓｙｓｔｅｍ", "CN=System"},
        {"CN=a\u00A0b", "CN=a b"},
        {"CN=Zone²", "CN=Zone2"},
        {"CN=①", "CN=1"},
        {"CN=Straße", "CN=STRASSE"},
        {"CN=ſystem", "CN=System"},
    };
    for (size_t i = 0; i < COUNT_OF(similar); i++) {
        const char *one = similar[i][0], *other = similar[i][1];
        assert_true(names_may_equal(one, other) && names_may_be_within(one, other));
        assert_false(names_equal(one, other) || names_is_within(one, other));
    }
    assert_true(names_may_equal("CN=Йод,DC=x", "CN=И\u0306ОД,DC=x"));
    assert_false(names_may_equal("CN=Sy\u0301stem,DC=x", "CN=System,DC=x"));
    assert_false(names_may_be_within("CN=x", "CN=y"));
}

static void filter_of_dn_has_every_normalization_form(void **state)
{
    struct arena *arena = *state;
    assert_string_equal(names_filter_dn(arena, "cn=Ann, DC=x"), "(distinguishedName=cn=Ann,DC=x)");
    const char *filter = names_filter_dn(arena, "CN=Й,DC=x");
    assert_string_equal(filter, names_filter_dn(arena, "CN=\\D0\\99,DC=x"));
    assert_string_equal(filter, "(|(distinguishedName=CN=\\5cD0\\5c99,DC=x)"
                                "(distinguishedName=CN=\\5cD0\\5c98\\5cCC\\5c86,DC=x))");
    assert_string_equal(names_filter_dn(arena, "CN=И\u0306,DC=x"),
                        "(|(distinguishedName=CN=\\5cD0\\5c98\\5cCC\\5c86,DC=x)"
                        "(distinguishedName=CN=\\5cD0\\5c99,DC=x))");
    assert_null(names_filter_dn(arena, "no name"));
    assert_null(names_filter_dn(arena, ""));
}

static void dn_is_within_its_base_only_by_whole_components(void **state)
{
    (void)state;
    static const char base[] = "OU=Staff,DC=kontora,DC=test";
    assert_true(names_is_within(base, base));
    assert_true(names_is_within("OU=x,ou=STAFF,dc=kontora,dc=test", base));
    assert_true(names_is_within("CN=a\\,b,OU=x,OU=Staff,DC=kontora,DC=test", base));
    assert_false(names_is_within("DC=kontora,DC=test", base));
    assert_false(names_is_within("OU=NotStaff,DC=kontora,DC=test", base));
    assert_false(names_is_within("CN=x\\,OU=Staff,DC=kontora,DC=test", base));
    assert_false(names_is_within("OU=Staff,DC=kontora,DC=test,DC=evil", base));
    assert_false(names_is_within("", base));
    assert_false(names_is_within("no name", base));
}

static void system_container_is_found_from_any_dn_of_the_domain(void **state)
{
    struct arena *arena = *state;
    static const char *const dns[] = {"DC=kontora,DC=test", "dc=kontora,DC=test",
                                      "OU=Staff,DC=kontora,DC=test",
                                      "CN=a\\,DC=b,OU=DC\\=x,DC=kontora,DC=test"};
    for (size_t i = 0; i < COUNT_OF(dns); i++) {
        assert_true(names_equal(names_domain(arena, dns[i]), "DC=kontora,DC=test"));
        assert_true(names_equal(names_system(arena, dns[i]), "CN=System,DC=kontora,DC=test"));
    }
    static const char *const none[] = {"", "OU=Staff", "nonsense", "CN=x,OU=y"};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        assert_null(names_domain(arena, none[i]));
        assert_null(names_system(arena, none[i]));
    }
}

static void filter_value_is_escaped(void **state)
{
    struct arena *arena = *state;
    assert_string_equal(names_filter_value(arena, ""), "");
    assert_string_equal(names_filter_value(arena, "plain, text"), "plain, text");
    assert_string_equal(names_filter_value(arena, "*)(a=\\"), "\\2a\\29\\28a=\\5c");
    assert_string_equal(names_filter_value(arena, "\x01\n\x7f"), "\\01\\0a\\7f");
    assert_string_equal(names_filter_value(arena, "Жук"), "Жук");
}

static void filter_matches_all_spellings_of_a_name(void **state)
{
    struct arena *arena = *state;
    assert_string_equal(names_filter_equal(arena, "cn", "Anna*"), "(cn=Anna\\2a)");
    assert_string_equal(names_filter_equal(arena, "cn", "Жук"), "(cn=Жук)");
    assert_string_equal(names_filter_equal(arena, "cn", "Йод"), "(|(cn=Йод)(cn=И\u0306од))");
    assert_string_equal(names_filter_equal(arena, "cn", "И\u0306од"), "(|(cn=И\u0306од)(cn=Йод))");
    assert_string_equal(names_filter_equal(arena, "cn", "Жу\u00ADк"), "(|(cn=Жу\u00ADк)(cn=Жук))");
    assert_string_equal(names_filter_equal(arena, "cn", "\u200B"), "(cn=\u200B)");
}

static void guid_is_escaped_octet_by_octet_for_a_filter(void **state)
{
    struct arena *arena = *state;
    static const char escaped[] =
        "\\de\\c0\\f3\\a1\\1c\\5b\\8e\\4b\\9a\\55\\0d\\3f\\7f\\1e\\2c\\11";
    assert_string_equal(names_filter_guid(arena, "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11"), escaped);
    const char *upper = names_filter_guid(arena, "A1F3C0DE-5B1C-4B8E-9A55-0D3F7F1E2C11");
    assert_int_equal(strcasecmp(upper, escaped), 0);
    static const char *const no[] = {
        "",
        "a",
        "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c1",
        "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c111",
        "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c1g",
        "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c1*",
        "a1f3c0de05b1c-4b8e-9a55-0d3f7f1e2c11",
        "-1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11",
        "a1f3c0de5b1c4b8e9a550d3f7f1e2c11",
        "{a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11}",
        " a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11",
        "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11 ",
        "\u00e91f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c",
    };
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        if (names_filter_guid(arena, no[i])) {
            FAIL("accepted as a GUID: \"%s\"", no[i]);
        }
    }
}

static void depth_of_a_dn_is_its_number_of_components(void **state)
{
    (void)state;
    assert_int_equal(names_depth("DC=x"), 1);
    assert_int_equal(names_depth("CN=Ivanov\\, Ivan+L=b , OU=a, DC=x"), 3);
    assert_int_equal(names_depth(""), 0);
    assert_int_equal(names_depth("no name"), 0);
}

static void invalid_dns_are_rejected(void **state)
{
    (void)state;
    static const char *const yes[] = {"DC=x", "CN=a\\,b,OU=y,DC=x", "CN=Ж+L=b , DC=x", "2.5.4.3=a"};
    static const char *const no[] = {"",           " ",     "x",         "CN",          "=x",
                                     "CN=a,,DC=x", "CN=a,", "<GUID=00>", "CN=\xff,DC=x"};
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        assert_int_equal(directory_check_dn(yes[i], strlen(yes[i])), FAULT_NONE);
    }
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        if (directory_check_dn(no[i], strlen(no[i])) != FAULT_NOT_DN) {
            FAIL("accepted as a DN: \"%s\"", no[i]);
        }
    }
    assert_int_equal(directory_check_dn(BYTES("DC=x\0,DC=y")), FAULT_NOT_DN);
}

static void account_names_with_forbidden_characters_are_rejected(void **state)
{
    (void)state;
    static const char forbidden[] = "\"/\\[]:;|=,+*?<>@\x01\x1f\x7f";
    assert_int_equal(directory_check_account_name(BYTES("ivanov")), FAULT_NONE);
    assert_int_equal(directory_check_account_name(BYTES("i.v_a-n$o v")), FAULT_NONE);
    assert_int_equal(directory_check_account_name(BYTES("Отдел №5")), FAULT_NONE);
    assert_int_equal(directory_check_user_name(BYTES("Straße")), FAULT_NONE);
    assert_int_equal(directory_check_user_name(BYTES("Отдел №5")), FAULT_NOT_USERNAME);
    assert_int_equal(directory_check_user_name(BYTES("a/b")), FAULT_ACCOUNT_NAME);
    assert_int_equal(directory_check_principal_name(BYTES("ａ@b")), FAULT_PRINCIPAL_NAME);
    assert_int_equal(directory_check_account_name(BYTES("иванов")), FAULT_NONE);
    assert_int_equal(directory_check_account_name(BYTES("")), FAULT_ACCOUNT_NAME);
    assert_int_equal(directory_check_account_name(BYTES("dot.")), FAULT_ACCOUNT_NAME);
    assert_int_equal(directory_check_account_name(BYTES("nul\0x")), FAULT_ACCOUNT_NAME);
    for (const char *c = forbidden; *c; c++) {
        const char name[] = {'a', *c, 'b', '\0'};
        assert_int_equal(directory_check_account_name(name, 3), FAULT_ACCOUNT_NAME);
    }
}

static void derived_account_name_is_short_and_valid(void **state)
{
    static const struct {
        const char *name, *account;
    } names[] = {
        {"pc-017", "pc-017"},
        {"a,b", "a_b"},
        {"x.", "x_"},
        {"0123456789", "01234567"},
        {"0123456.9", "0123456_"},
        {"1234567😀", "1234567"},
        {"123456😀", "123456😀"},
        {"e\xcc\x81", "é"},
        {"a\xc2\xa0z", "a z"},
    };
    struct arena *arena = *state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *account = names_derive_account(arena, names[i].name, 8);
        assert_string_equal(account, names[i].account);
        assert_int_equal(directory_check_account_name(account, strlen(account)), FAULT_NONE);
    }
}

static void extended_dn_is_split_into_guid_and_dn(void **state)
{
    static const char guid[] = "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11";
    static const char *const suffixes[] = {";", ";<SID=S-1-5-21-1-2-3-500>;",
                                           ";<SID=S-1-5-32-544>;<X=y>;"};
    static const char *const others[] = {"", "CN=a,DC=x", "<GUID=", "<SID=S-1-5>;CN=a",
                                         "<guid=a>;"};
    struct arena *arena = *state;
    const char *guid_text = NULL, *dn = NULL;
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        const char *text = arena_format(arena, "<GUID=%s>%sCN=<a>;b,DC=x", guid, suffixes[i]);
        assert_true(names_parse_extended(arena, text, &guid_text, &dn));
        assert_string_equal(guid_text, guid);
        assert_string_equal(dn, "CN=<a>;b,DC=x");
    }
    assert_true(names_parse_extended(arena, "<GUID=ABC>", &guid_text, &dn));
    assert_string_equal(guid_text, "abc");
    assert_string_equal(dn, "");
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_false(names_parse_extended(arena, others[i], &guid_text, &dn));
    }
}

/* Random bytes must neither crash the parser nor yield contradictory results. */
static void random_bytes_do_not_crash_the_dn_parser(void **state)
{
    struct arena *arena = *state;
    static const char pieces[] = "CNOU=,;+\\\"# <>*()0aF\xd0\x96\xff\n";
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t length = (size_t)rand_r(&seed) % (sizeof text - 1);
        for (size_t i = 0; i < length; i++) {
            text[i] = pieces[(size_t)rand_r(&seed) % (sizeof pieces - 1)];
        }
        text[length] = '\0';
        const char *normal = names_normalize(arena, text);
        if (directory_check_dn(text, length) == FAULT_NONE) {
            assert_non_null(normal);
            assert_true(names_equal(text, normal));
        }
        arena_reset(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(rdn_value_survives_building_and_parsing_a_dn),
        ARENA_TEST(long_rdn_values_are_accepted),
        ARENA_TEST(dn_is_split_into_first_component_and_parent),
        cmocka_unit_test(equal_dns_match_in_any_spelling),
        cmocka_unit_test(similar_dns_may_be_equal_but_are_not),
        ARENA_TEST(filter_of_dn_has_every_normalization_form),
        cmocka_unit_test(dn_is_within_its_base_only_by_whole_components),
        ARENA_TEST(system_container_is_found_from_any_dn_of_the_domain),
        ARENA_TEST(filter_value_is_escaped),
        ARENA_TEST(filter_matches_all_spellings_of_a_name),
        ARENA_TEST(guid_is_escaped_octet_by_octet_for_a_filter),
        cmocka_unit_test(depth_of_a_dn_is_its_number_of_components),
        cmocka_unit_test(invalid_dns_are_rejected),
        cmocka_unit_test(account_names_with_forbidden_characters_are_rejected),
        ARENA_TEST(derived_account_name_is_short_and_valid),
        ARENA_TEST(extended_dn_is_split_into_guid_and_dn),
        ARENA_TEST(random_bytes_do_not_crash_the_dn_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
