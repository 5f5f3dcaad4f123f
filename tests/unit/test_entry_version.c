/* Entry version: when two readings of an object have the same version. */
#include "unit.h"

#include "directory/attribute.h"
#include "directory/directory.h"
#include "directory/entry_version.h"

static const struct field fields[] = {
    {.name = "dn", .type = FIELD_STRING, .codec = CODEC_DN},
    {.name = "title", .type = FIELD_STRING, .attribute = "title", .codec = CODEC_TEXT},
    {.name = "member", .type = FIELD_STRINGS, .attribute = "member", .codec = CODEC_MEMBERS},
    {.name = "memberOf",
     .type = FIELD_STRINGS,
     .attribute = "memberOf",
     .codec = CODEC_MEMBERSHIPS},
    {.name = NULL},
};

static const struct field writable[] = {
    {.name = "cn", .type = FIELD_STRING},
    {.name = "title", .type = FIELD_STRING, .attribute = "title", .codec = CODEC_TEXT},
    {.name = "phones", .type = FIELD_STRINGS, .attribute = "otherTelephone", .codec = CODEC_TEXT},
    {.name = NULL},
};

static const struct directory_class class = {
    .object_classes = (const char *const[]){"top", "user", NULL},
    .fields = fields,
    .writable = writable,
    .versioned = (const char *const[]){"co", "TITLE", NULL},
};

#define ATTRIBUTE(name_, ...)                                                                      \
    {                                                                                              \
        .name = (name_), .values = (struct berval[]){__VA_ARGS__},                                 \
        .count = COUNT_OF(((struct berval[]){__VA_ARGS__}))                                        \
    }
#define TEXT(text_)                                                                                \
    {                                                                                              \
        sizeof(text_) - 1, (char[])                                                                \
        {                                                                                          \
            text_                                                                                  \
        }                                                                                          \
    }

#define GUID ATTRIBUTE("objectGUID", TEXT("0123456789abcdef"))

/* Returns the version of an entry with these attributes. */
#define VERSION(arena_, dn_, ...)                                                                  \
    entry_version_compute((arena_), &class,                                                        \
                          &(struct raw_entry){(dn_), (struct attribute[]){__VA_ARGS__},            \
                                              COUNT_OF(((struct attribute[]){__VA_ARGS__}))})

static void version_requests_every_attribute_once(void **state)
{
    struct arena *arena = *state;
    char *given[] = {"title", "cn", NULL};
    char **attributes = entry_version_attributes(arena, &class, given);
    static const char *const expected[] = {
        "title", "cn",     "objectGUID",         "otherTelephone",
        "co",    "member", "userAccountControl", "pwdLastSet"};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(attributes[i], expected[i]);
    }
    assert_null(attributes[COUNT_OF(expected)]);
}

static void version_is_a_text_of_32_hexadecimal_digits(void **state)
{
    const char *version = VERSION(*state, "CN=x,DC=a", GUID);
    assert_int_equal(strlen(version), 32);
    assert_int_equal(strspn(version, "0123456789abcdef"), 32);
}

static void version_ignores_order_and_case_of_names(void **state)
{
    struct arena *arena = *state;
    const char *one = VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("title", TEXT("Chef")),
                              ATTRIBUTE("member", TEXT("CN=a"), TEXT("CN=b"), TEXT("CN=aa")));
    const char *other =
        VERSION(arena, "CN=x,DC=a", ATTRIBUTE("MEMBER", TEXT("CN=aa"), TEXT("CN=b"), TEXT("CN=a")),
                ATTRIBUTE("Title", TEXT("Chef")), GUID);
    assert_string_equal(one, other);
}

static void version_ignores_other_attributes(void **state)
{
    struct arena *arena = *state;
    const char *one = VERSION(arena, "CN=x,DC=a", GUID);
    const char *other =
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("memberOf", TEXT("CN=g")),
                ATTRIBUTE("lastLogon", TEXT("1")), ATTRIBUTE("badPwdCount", TEXT("1")));
    assert_string_equal(one, other);
}

static void version_ignores_how_a_dn_is_escaped(void **state)
{
    struct arena *arena = *state;
    assert_string_equal(VERSION(arena, "CN=x\\2Cy,DC=a", GUID),
                        VERSION(arena, "CN=x\\,y,DC=a", GUID));
}

/* Each of these entries has a version of its own. */
static void version_changes_with_every_value(void **state)
{
    struct arena *arena = *state;
    const char *versions[] = {
        VERSION(arena, "CN=x,DC=a", GUID),
        VERSION(arena, "CN=X,DC=a", GUID),
        VERSION(arena, "CN=x,DC=b", GUID),
        VERSION(arena, "CN=x,DC=a", ATTRIBUTE("objectGUID", TEXT("0123456789abcdeF"))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("title", TEXT("Chef"))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("title", TEXT("chef"))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("title", TEXT("Chef "))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("otherTelephone", TEXT("Chef"))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("otherTelephone", TEXT("1"), TEXT("2"))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("otherTelephone", TEXT("12"))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("userAccountControl", TEXT("512"))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("pwdLastSet", TEXT("512"))),
        VERSION(arena, "CN=x,DC=a", GUID, ATTRIBUTE("member", TEXT("CN=a"))),
    };
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(versions[i], versions[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(version_requests_every_attribute_once),
        ARENA_TEST(version_is_a_text_of_32_hexadecimal_digits),
        ARENA_TEST(version_ignores_order_and_case_of_names),
        ARENA_TEST(version_ignores_other_attributes),
        ARENA_TEST(version_ignores_how_a_dn_is_escaped),
        ARENA_TEST(version_changes_with_every_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
