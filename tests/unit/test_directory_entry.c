/* Directory entries: decoding attributes into the values of a field map, for every codec, and
 * for absent or invalid attributes. */
#include "unit.h"

#include "base/config.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/primary.h"

enum {
    DN,
    TITLE,
    FLAGS,
    ENABLED,
    LOCKED,
    GUID,
    GROUPS,
    PHONES,
    CREATED,
    EXPIRES,
    PLACES,
    TRUTH,
    BOSS,
    REPORTS,
    UNBOUND,
    COUNT
};

/* Returns a directory that is never connected, and that no caller restricts. */
static struct directory *unrestricted(void)
{
    static struct directory *directory;
    static const struct config config = {.ldap_server = "", .ldap_base_dn = "DC=x"};
    directory = directory ? directory : directory_new(&config);
    return directory;
}

static const struct field boss_fields[] = {
    {.name = "dn", .type = FIELD_STRING},
    {.name = "objectGUID", .type = FIELD_STRING},
    {.name = "name", .type = FIELD_STRING},
    {.name = NULL},
};

static const struct field fields[] = {
    [DN] = {.name = "dn", .type = FIELD_STRING, .codec = CODEC_DN},
    [TITLE] = {.name = "title", .type = FIELD_STRING, .attribute = "title", .codec = CODEC_TEXT},
    [FLAGS] = {.name = "flags",
               .type = FIELD_INTEGER,
               .attribute = "userAccountControl",
               .codec = CODEC_INTEGER},
    [ENABLED] = {.name = "enabled",
                 .type = FIELD_BOOLEAN,
                 .attribute = "userAccountControl",
                 .codec = CODEC_BITS_CLEAR,
                 .mask = 0x2},
    [LOCKED] = {.name = "locked",
                .type = FIELD_BOOLEAN,
                .attribute = "msDS-User-Account-Control-Computed",
                .codec = CODEC_BITS_SET,
                .mask = 0x10},
    [GUID] = {.name = "guid", .type = FIELD_STRING, .attribute = "objectGUID", .codec = CODEC_GUID},
    [GROUPS] = {.name = "groups",
                .type = FIELD_STRINGS,
                .attribute = "memberOf",
                .codec = CODEC_MEMBERSHIPS},
    [PHONES] = {.name = "phones",
                .type = FIELD_STRINGS,
                .attribute = "otherTelephone",
                .codec = CODEC_TEXT},
    [CREATED] = {.name = "created",
                 .type = FIELD_TIME,
                 .attribute = "whenCreated",
                 .codec = CODEC_TIME},
    [EXPIRES] = {.name = "expires",
                 .type = FIELD_TIME,
                 .attribute = "accountExpires",
                 .codec = CODEC_FILETIME},
    [PLACES] = {.name = "places",
                .type = FIELD_STRINGS,
                .attribute = "userWorkstations",
                .codec = CODEC_LIST},
    [TRUTH] = {.name = "truth",
               .type = FIELD_BOOLEAN,
               .attribute = "msTSAllowLogon",
               .codec = CODEC_TRUTH},
    [BOSS] = {.name = "boss",
              .type = FIELD_RECORD,
              .fields = boss_fields,
              .attribute = "manager",
              .codec = CODEC_REFERENCE},
    [REPORTS] = {.name = "reports",
                 .type = FIELD_STRINGS,
                 .attribute = "directReports",
                 .codec = CODEC_LINKS},
    [UNBOUND] = {.name = "unbound", .type = FIELD_STRING},
    [COUNT] = {.name = NULL},
};

static const struct directory_class class = {.fields = fields};

static const char guid_bytes[] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
static const char guid_text[] = "03020100-0504-0706-0809-0a0b0c0d0e0f";

/* Binary form of S-1-5-21-1-500. */
static const char sid_bytes[] = "\x01\x03\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x00\x00\x00"
                                "\xf4\x01\x00\x00";

#define VALUE(literal)                                                                             \
    {                                                                                              \
        .bv_val = (char *)(literal), .bv_len = sizeof(literal) - 1                                 \
    }
#define ATTRIBUTE(name_, ...)                                                                      \
    {                                                                                              \
        .name = (name_), .values = (struct berval[]){__VA_ARGS__},                                 \
        .count = COUNT_OF(((struct berval[]){__VA_ARGS__}))                                        \
    }

static struct directory_entry *decode_entry(struct directory *directory, struct arena *arena,
                                            struct attribute *attributes, size_t count)
{
    struct raw_entry raw = {.dn = "CN=x,DC=y", .attributes = attributes, .count = count};
    struct directory_entry *entry = NULL;
    assert_null(entry_decode(directory, arena, &class, ENTRY_WHOLE, &raw, &entry));
    assert_string_equal(entry->dn, "CN=x,DC=y");
    assert_string_equal(entry->guid, guid_text);
    return entry;
}

/* Decodes an entry as the target of a change: without links, and without the names of the objects
 * that it refers to. */
static struct directory_entry *decode_target(struct arena *arena, struct attribute *attributes,
                                             size_t count)
{
    struct raw_entry raw = {.dn = "CN=x,DC=y", .attributes = attributes, .count = count};
    struct directory_entry *entry = NULL;
    assert_null(entry_decode(unrestricted(), arena, &class, ENTRY_WITHOUT_LINKS, &raw, &entry));
    return entry;
}

static void each_attribute_is_requested_once(void **state)
{
    struct arena *arena = *state;
    static const char *const expected[] = {
        "objectGUID",  "title",          "userAccountControl", "msDS-User-Account-Control-Computed",
        "objectSid",   "primaryGroupID", "memberOf",           "otherTelephone",
        "whenCreated", "accountExpires", "userWorkstations",   "msTSAllowLogon",
        "manager",     "directReports"};
    char **attributes = entry_attributes(arena, fields, ENTRY_WHOLE, NULL);
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(attributes[i], expected[i]);
    }
    assert_null(attributes[COUNT_OF(expected)]);
}

static void every_codec_decodes_its_attribute(void **state)
{
    struct arena *arena = *state;
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        ATTRIBUTE("TITLE", VALUE("Начальник"), VALUE("second")),
        ATTRIBUTE("userAccountControl", VALUE("514")),
        ATTRIBUTE("msDS-User-Account-Control-Computed", VALUE("8388624")),
        ATTRIBUTE("memberOf", VALUE("CN=a"), VALUE("CN=b")),
        ATTRIBUTE("otherTelephone", VALUE("1"), VALUE("\xff"), VALUE("2")),
        ATTRIBUTE("whenCreated", VALUE("20261120123456.0Z")),
        ATTRIBUTE("accountExpires", VALUE("116444736000000000")),
        ATTRIBUTE("userWorkstations", VALUE("PC1,PC2")),
        ATTRIBUTE("msTSAllowLogon", VALUE("TRUE")),
        ATTRIBUTE("manager", VALUE("CN=Ivanov\\, Ivan,OU=x,DC=y")),
        ATTRIBUTE("directReports", VALUE("CN=c"), VALUE("CN=d")),
    };
    const struct value *values = decode_target(arena, attributes, COUNT_OF(attributes))->values;
    assert_string_equal(values[DN].string.bytes, "CN=x,DC=y");
    assert_string_equal(values[TITLE].string.bytes, "Начальник");
    assert_int_equal(values[FLAGS].integer, 514);
    assert_false(values[ENABLED].boolean);
    assert_true(values[LOCKED].boolean);
    assert_string_equal(values[GUID].string.bytes, guid_text);
    assert_int_equal(values[PHONES].strings.count, 2); /* values that are not UTF-8 are omitted */
    assert_string_equal(values[PHONES].strings.items[1], "2");
    assert_int_equal(values[CREATED].integer, 1795178096000);
    assert_int_equal(values[EXPIRES].integer, 0);
    assert_int_equal(values[PLACES].strings.count, 2);
    assert_string_equal(values[PLACES].strings.items[0], "PC1");
    assert_true(values[TRUTH].boolean);
    assert_string_equal(fields_string(boss_fields, values[BOSS].record, "name"), "Ivanov, Ivan");
    assert_string_equal(fields_string(boss_fields, values[BOSS].record, "dn"),
                        "CN=Ivanov\\, Ivan,OU=x,DC=y");
    for (size_t i = 0; i < COUNT; i++) {
        enum value_state expected = i == UNBOUND                  ? VALUE_NULL
                                    : i == GROUPS || i == REPORTS ? VALUE_ABSENT
                                                                  : VALUE_SET;
        assert_int_equal(values[i].state, expected);
    }
}

static void links_are_decoded_in_order(void **state)
{
    struct arena *arena = *state;
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        ATTRIBUTE("memberOf", VALUE("CN=a"), VALUE("CN=b")),
        ATTRIBUTE("directReports", VALUE("CN=c"), VALUE("CN=d")),
    };
    const struct value *values =
        decode_entry(unrestricted(), arena, attributes, COUNT_OF(attributes))->values;
    assert_int_equal(values[GROUPS].strings.count, 2);
    assert_string_equal(values[GROUPS].strings.items[1], "CN=b");
    assert_int_equal(values[REPORTS].strings.count, 2);
    assert_string_equal(values[REPORTS].strings.items[0], "CN=c");
}

static void expiry_of_never_is_null(void **state)
{
    struct arena *arena = *state;
    static const char *const never[] = {"0", "9223372036854775807"};
    for (size_t i = 0; i < COUNT_OF(never); i++) {
        struct berval value = {.bv_len = strlen(never[i]), .bv_val = (char *)never[i]};
        struct attribute attributes[] = {
            ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
            {.name = "accountExpires", .values = &value, .count = 1},
        };
        const struct value *values =
            decode_entry(unrestricted(), arena, attributes, COUNT_OF(attributes))->values;
        assert_int_equal(values[EXPIRES].state, VALUE_NULL);
    }
}

/* A list reads only the attributes of the selected fields, and what those need. */
static void unselected_fields_are_neither_requested_nor_decoded(void **state)
{
    struct arena *arena = *state;
    const bool selected[COUNT] = {[TITLE] = true, [GUID] = true};
    static const char *const expected[] = {"objectGUID", "title"};
    char **requested = entry_attributes(arena, fields, ENTRY_WHOLE, selected);
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(requested[i], expected[i]);
    }
    assert_null(requested[COUNT_OF(expected)]);
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        ATTRIBUTE("title", VALUE("x")),
        ATTRIBUTE("manager", VALUE("CN=a,DC=y")),
    };
    struct raw_entry raw = {.dn = "CN=x", .attributes = attributes, .count = 3};
    struct directory_entry *entry = NULL;
    assert_null(entry_decode_all(unrestricted(), arena, &class, selected, &raw, 1, &entry));
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(entry->values[i].state, selected[i] ? VALUE_SET : VALUE_ABSENT);
    }
}

static void absent_attributes_are_null_and_absent_lists_empty(void **state)
{
    struct arena *arena = *state;
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        {.name = "title", .count = 0},
        ATTRIBUTE("titles", VALUE("another attribute")),
    };
    const struct value *values =
        decode_entry(unrestricted(), arena, attributes, COUNT_OF(attributes))->values;
    for (size_t i = TITLE; i < COUNT; i++) {
        bool set = i == GUID || i == GROUPS || i == PHONES || i == PLACES || i == REPORTS;
        assert_int_equal(values[i].state, set ? VALUE_SET : VALUE_NULL);
    }
    assert_int_equal(values[GROUPS].strings.count, 0);
    assert_int_equal(values[PHONES].strings.count, 0);
}

static void undecodable_attributes_are_null(void **state)
{
    struct arena *arena = *state;
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        ATTRIBUTE("title", VALUE("\xff\xfe")),
        ATTRIBUTE("userAccountControl", VALUE("many")),
        ATTRIBUTE("msDS-User-Account-Control-Computed", VALUE("")),
        ATTRIBUTE("objectSid", VALUE("short")),
        ATTRIBUTE("primaryGroupID", VALUE("513")),
        ATTRIBUTE("whenCreated", VALUE("yesterday")),
        ATTRIBUTE("accountExpires", VALUE("tomorrow")),
        ATTRIBUTE("userWorkstations", VALUE("\xff")),
        ATTRIBUTE("msTSAllowLogon", VALUE("maybe")),
    };
    const struct value *values =
        decode_entry(unrestricted(), arena, attributes, COUNT_OF(attributes))->values;
    static const size_t odd[] = {TITLE, FLAGS, ENABLED, LOCKED, CREATED, EXPIRES, TRUTH};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        assert_int_equal(values[odd[i]].state, VALUE_NULL);
    }
    assert_int_equal(values[GROUPS].strings.count, 0);
    assert_int_equal(values[PLACES].strings.count, 0);
}

static void text_values_may_contain_nul(void **state)
{
    struct arena *arena = *state;
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        ATTRIBUTE("title", VALUE("a\0b")),
    };
    const struct value *values =
        decode_entry(unrestricted(), arena, attributes, COUNT_OF(attributes))->values;
    assert_int_equal(values[TITLE].string.length, 3);
    assert_memory_equal(values[TITLE].string.bytes, "a\0b", 4);
}

static void primary_group_is_appended_to_the_groups(void **state)
{
    struct arena *arena = *state;
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        ATTRIBUTE("objectSid", VALUE(sid_bytes)),
        ATTRIBUTE("primaryGroupID", VALUE("513")),
        ATTRIBUTE("memberOf", VALUE("CN=a")),
    };
    const struct config config = {.ldap_server = ""};
    struct directory *directory = directory_new(&config);
    primary_cache_group(directory, "S-1-5-21-1-513", "CN=Domain Users");
    const struct value *values =
        decode_entry(directory, arena, attributes, COUNT_OF(attributes))->values;
    assert_int_equal(values[GROUPS].strings.count, 2);
    assert_string_equal(values[GROUPS].strings.items[0], "CN=a");
    assert_string_equal(values[GROUPS].strings.items[1], "CN=Domain Users");
    directory_free(&directory);
}

/* Values that refer to objects which the caller does not see are absent, and so is the rest of the
 * attribute if there are no others. */
static void values_of_hidden_objects_are_absent(void **state)
{
    struct arena *arena = *state;
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        ATTRIBUTE("objectSid", VALUE(sid_bytes)),
        ATTRIBUTE("primaryGroupID", VALUE("513")),
        ATTRIBUTE("memberOf", VALUE("CN=a,OU=Hidden,DC=x"), VALUE("CN=b,OU=Seen,DC=x"),
                  VALUE("CN=c,OU=Seen,OU=Hidden,DC=x")),
        ATTRIBUTE("manager", VALUE("CN=boss,OU=Hidden,DC=x")),
        ATTRIBUTE("directReports", VALUE("CN=d,DC=x"), VALUE("CN=e,ou=seen,dc=x")),
    };
    const struct directory_rule rules[] = {{.id = 1,
                                            .principal_sid = "S-1-5-21-1-500",
                                            .scope_guid = guid_text,
                                            .scope_dn = "OU=Seen,DC=x",
                                            .rights = RIGHT_BIT(RIGHT_READ)}};
    struct directory_caller caller = {
        .limit = RIGHT_ALL,
        .sids = (const char *const[]){"S-1-5-21-1-500", NULL},
        .rules = rules,
        .rules_count = COUNT_OF(rules),
    };
    const struct config config = {.ldap_server = "", .ldap_base_dn = "DC=x"};
    struct directory *directory = directory_new(&config);
    primary_cache_group(directory, "S-1-5-21-1-513", "CN=Domain Users,CN=Users,DC=x");
    directory_set_caller(directory, arena, &caller);
    const struct value *values =
        decode_entry(directory, arena, attributes, COUNT_OF(attributes))->values;
    assert_int_equal(values[GROUPS].strings.count, 1);
    assert_string_equal(values[GROUPS].strings.items[0], "CN=b,OU=Seen,DC=x");
    assert_int_equal(values[BOSS].state, VALUE_NULL);
    assert_int_equal(values[REPORTS].strings.count, 1);
    assert_string_equal(values[REPORTS].strings.items[0], "CN=e,ou=seen,dc=x");
    directory_free(&directory);
}

/* Requests neither link attributes nor the attributes that complete them. */
static void entry_without_links_contains_all_other_fields(void **state)
{
    struct arena *arena = *state;
    static const char *const expected[] = {
        "objectGUID",     "title",       "userAccountControl", "msDS-User-Account-Control-Computed",
        "otherTelephone", "whenCreated", "accountExpires",     "userWorkstations",
        "msTSAllowLogon", "manager"};
    char **requested = entry_attributes(arena, fields, ENTRY_WITHOUT_LINKS, NULL);
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(requested[i], expected[i]);
    }
    assert_null(requested[COUNT_OF(expected)]);
    struct attribute attributes[] = {
        ATTRIBUTE("objectGUID", VALUE(guid_bytes)),
        ATTRIBUTE("otherTelephone", VALUE("1")),
    };
    struct raw_entry raw = {.dn = "CN=x", .attributes = attributes, .count = 2};
    struct directory_entry *entry = NULL;
    assert_null(entry_decode(unrestricted(), arena, &class, ENTRY_WITHOUT_LINKS, &raw, &entry));
    assert_int_equal(entry->values[GROUPS].state, VALUE_ABSENT);
    assert_string_equal(entry->guid, guid_text);
}

static void object_without_guid_is_an_internal_error(void **state)
{
    struct arena *arena = *state;
    struct raw_entry raw = {.dn = "CN=x"};
    struct directory_entry *entry = NULL;
    const struct error *error =
        entry_decode(unrestricted(), arena, &class, ENTRY_WHOLE, &raw, &entry);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(each_attribute_is_requested_once),
        ARENA_TEST(every_codec_decodes_its_attribute),
        ARENA_TEST(links_are_decoded_in_order),
        ARENA_TEST(expiry_of_never_is_null),
        ARENA_TEST(unselected_fields_are_neither_requested_nor_decoded),
        ARENA_TEST(absent_attributes_are_null_and_absent_lists_empty),
        ARENA_TEST(undecodable_attributes_are_null),
        ARENA_TEST(text_values_may_contain_nul),
        ARENA_TEST(primary_group_is_appended_to_the_groups),
        ARENA_TEST(values_of_hidden_objects_are_absent),
        ARENA_TEST(entry_without_links_contains_all_other_fields),
        ARENA_TEST(object_without_guid_is_an_internal_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
