/* User attributes: parsing of DIRECTORY_USER_ATTRIBUTES, the attributes that it must not name, and
 * the fields that it adds to the maps of users. */
#include "unit.h"

#include "base/config.h"
#include "base/field.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/user_attributes.h"
#include "rest/user_fields.h"

static struct config config_with(const char *attributes)
{
    return (struct config){.ldap_server = "", .directory_user_attributes = attributes};
}

static void attributes_of_each_type_become_fields(void **state)
{
    struct arena *arena = *state;
    const struct config config = config_with(" extensionAttribute1:text:1024, uidNumber:integer,"
                                             "\tmsTSAllowLogon:boolean msTSExpireDate:time,");
    struct field fields[USER_ATTRIBUTES_MAX];
    struct buffer faults = {.arena = arena};
    assert_int_equal(user_attributes_parse(&config, arena, fields, &faults), 4);
    assert_int_equal(faults.length, 0);
    assert_string_equal(fields[0].name, "extensionAttribute1");
    assert_string_equal(fields[0].attribute, "extensionAttribute1");
    assert_int_equal(fields[0].codec, CODEC_TEXT);
    assert_int_equal(fields[0].max, 1024);
    assert_int_equal(fields[1].type, FIELD_INTEGER);
    assert_true(fields[1].min == INT32_MIN && fields[1].max == INT32_MAX);
    assert_int_equal(fields[2].codec, CODEC_TRUTH);
    assert_int_equal(fields[3].codec, CODEC_TIME);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fields[i].flags & FIELD_NULLABLE);
        assert_true(fields[i].flags & FIELD_ON_REQUEST);
        assert_non_null(fields[i].about.ru);
    }
}

static void empty_setting_has_no_attributes(void **state)
{
    struct arena *arena = *state;
    const struct config config = config_with(" , ,, ");
    struct field fields[USER_ATTRIBUTES_MAX];
    struct buffer faults = {.arena = arena};
    assert_int_equal(user_attributes_parse(&config, arena, fields, &faults), 0);
    assert_int_equal(faults.length, 0);
}

static void malformed_attributes_are_faults(void **state)
{
    struct arena *arena = *state;
    static const char *const wrong[] = {
        "x",
        "x:",
        "x:string:5",
        "x:text",
        "x:text:",
        "x:text:0",
        "x:text:-1",
        "x:text:65536",
        "x:text:5x",
        "x:text: 5",
        "x:text:5:6",
        "x:integer:5",
        "1x:text:5",
        "x y:text:5",
        "х:text:5",
        ":text:5",
        "x;b:text:5",
        "x=1:text:5",
        "x*:text:5",
        "x:Text:5",
        "x:boolean:",
        "x:text:5,X:text:6",
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg:text:5",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const struct config config = config_with(wrong[i]);
        struct field fields[USER_ATTRIBUTES_MAX];
        struct buffer faults = {.arena = arena};
        (void)user_attributes_parse(&config, arena, fields, &faults);
        if (!faults.length) {
            FAIL("%s is accepted", wrong[i]);
        }
        assert_ptr_equal(strstr(faults.bytes, "DIRECTORY_USER_ATTRIBUTES: "), faults.bytes);
    }
}

static void secrets_and_rights_are_refused(void **state)
{
    struct arena *arena = *state;
    static const char *const refused[] = {
        "unicodePwd",
        "UNICODEPWD",
        "supplementalCredentials",
        "ms-Mcs-AdmPwd",
        "msLAPS-Password",
        "servicePrincipalName",
        "altSecurityIdentities",
        "msDS-AllowedToDelegateTo",
        "adminCount",
        "msDS-AllowedToActOnBehalfOfOtherIdentity",
        "sIDHistory",
        "primaryGroupID",
        "memberOf",
        "msDS-KeyCredentialLink",
        "nTSecurityDescriptor",
        "unixUserPassword",
        "trustAuthIncoming",
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        const struct config config = config_with(arena_format(arena, "%s:text:100", refused[i]));
        struct field fields[USER_ATTRIBUTES_MAX];
        struct buffer faults = {.arena = arena};
        assert_int_equal(user_attributes_parse(&config, arena, fields, &faults), 0);
        assert_non_null(strstr(faults.bytes, "is not allowed"));
    }
}

static void too_many_attributes_are_a_fault(void **state)
{
    struct arena *arena = *state;
    struct buffer setting = {.arena = arena}, faults = {.arena = arena};
    struct field fields[USER_ATTRIBUTES_MAX];
    for (int i = 0; i <= USER_ATTRIBUTES_MAX; i++) {
        buffer_format(&setting, "a%d:text:1 ", i);
    }
    const struct config config = config_with(setting.bytes);
    assert_int_equal(user_attributes_parse(&config, arena, fields, &faults), USER_ATTRIBUTES_MAX);
    assert_non_null(strstr(faults.bytes, "a32:text:1 is one too many"));
}

/* --- the maps of users ------------------------------------------------------------------------ */

static const struct field *find_field(const struct schema *schema, const char *name)
{
    for (const struct field *field = schema->fields; field->name; field++) {
        if (!strcmp(field->name, name)) {
            return field;
        }
    }
    return NULL;
}

static void standard_fields_cannot_be_named_again(void **state)
{
    struct arena *arena = *state;
    static const char *const taken[] = {"title",   "MAIL",
                                        "manager", "userAccountControl",
                                        "co",      "lastLogonTimestamp",
                                        "enabled", "userWorkstations"};
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        const struct config config = config_with(arena_format(arena, "%s:text:10", taken[i]));
        struct buffer faults = {.arena = arena};
        assert_false(user_fields_check(&config, &faults));
        assert_non_null(strstr(faults.bytes, "is a field of users already"));
    }
}

static void further_fields_replace_those_of_the_last_configuration(void **state)
{
    struct arena *arena = *state;
    const struct schema *schemas[] = {&user_fields_schema, &user_fields_create_schema,
                                      &user_fields_update_schema};
    struct config first = config_with("middleName:text:64,uidNumber:integer");
    struct config second = config_with("division:text:256");
    struct config none = config_with("");
    first.arena = second.arena = none.arena = arena;
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        size_t count = fields_count(schemas[i]->fields);
        user_fields_configure(&first);
        assert_int_equal(fields_count(schemas[i]->fields), count + 2);
        assert_non_null(find_field(schemas[i], "middleName"));
        user_fields_configure(&second);
        assert_int_equal(fields_count(schemas[i]->fields), count + 1);
        assert_null(find_field(schemas[i], "middleName"));
        assert_non_null(find_field(schemas[i], "division"));
        user_fields_configure(&none);
        assert_int_equal(fields_count(schemas[i]->fields), count);
    }
}

/* A list without ?fields= must cost what it did before users got more fields. */
static void list_of_users_requests_only_the_attributes_of_standard_fields(void **state)
{
    struct arena *arena = *state;
    static const char *const expected[] = {"objectGUID",
                                           "cn",
                                           "sAMAccountName",
                                           "userPrincipalName",
                                           "givenName",
                                           "sn",
                                           "mail",
                                           "telephoneNumber",
                                           "title",
                                           "department",
                                           "description",
                                           "userAccountControl",
                                           "msDS-User-Account-Control-Computed",
                                           "objectSid",
                                           "primaryGroupID",
                                           "memberOf",
                                           "whenCreated",
                                           "whenChanged"};
    const struct field *fields = user_fields_class.fields;
    bool *selected = arena_array(arena, fields_count(fields), sizeof *selected);
    for (size_t i = 0; fields[i].name; i++) {
        selected[i] = !(fields[i].flags & FIELD_ON_REQUEST);
    }
    char **requested = entry_attributes(arena, fields, ENTRY_WHOLE, selected);
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(requested[i], expected[i]);
    }
    assert_null(requested[COUNT_OF(expected)]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(attributes_of_each_type_become_fields),
        ARENA_TEST(empty_setting_has_no_attributes),
        ARENA_TEST(malformed_attributes_are_faults),
        ARENA_TEST(secrets_and_rights_are_refused),
        ARENA_TEST(too_many_attributes_are_a_fault),
        ARENA_TEST(standard_fields_cannot_be_named_again),
        ARENA_TEST(further_fields_replace_those_of_the_last_configuration),
        ARENA_TEST(list_of_users_requests_only_the_attributes_of_standard_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
