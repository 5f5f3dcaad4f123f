/* Directory changes: the LDAP modifications that changed field values produce. */
#include "unit.h"

#include "directory/attribute.h"
#include "directory/changes.h"
#include "directory/directory.h"

enum { DISABLED = 0x2, NORMAL = 0x200, NEVER_EXPIRES = 0x10000 };

static const struct field fields[] = {
    {.name = "title", .type = FIELD_STRING, .attribute = "title", .codec = CODEC_TEXT},
    {.name = "email", .type = FIELD_STRING, .attribute = "mail", .codec = CODEC_TEXT},
    {.name = "sn", .type = FIELD_STRING, .attribute = "sn", .codec = CODEC_TEXT},
    {.name = "password", .type = FIELD_STRING},
    {.name = "flags", .type = FIELD_INTEGER, .attribute = "flags", .codec = CODEC_INTEGER},
    {.name = "expires", .type = FIELD_TIME, .attribute = "expires", .codec = CODEC_FILETIME},
    {.name = "since", .type = FIELD_TIME, .attribute = "since", .codec = CODEC_TIME},
    {.name = "truth", .type = FIELD_BOOLEAN, .attribute = "truth", .codec = CODEC_TRUTH},
    {.name = "places", .type = FIELD_STRINGS, .attribute = "places", .codec = CODEC_LIST},
    {.name = "boss", .type = FIELD_RECORD, .attribute = "manager", .codec = CODEC_REFERENCE},
    {.name = "locked", .type = FIELD_BOOLEAN, .attribute = "bits", .codec = CODEC_BITS_SET},
    {.name = NULL},
};

static const struct directory_class user = {
    .rdn_attribute = "CN",
    .object_classes = (const char *const[]){"top", "user", NULL},
    .fields = fields,
};

static const struct directory_class computer = {
    .rdn_attribute = "CN",
    .object_classes = (const char *const[]){"top", "user", "computer", NULL},
    .fields = fields,
};

static const struct directory_class unit = {
    .rdn_attribute = "OU",
    .object_classes = (const char *const[]){"top", "organizationalUnit", NULL},
    .fields = fields,
};

/* Formats the modifications as lines of "operation attribute=value,…". */
static const char *format_mods(struct arena *arena, LDAPMod **mods)
{
    static const char *const operations[] = {"add", "delete", "replace"};
    struct buffer lines = {.arena = arena};
    buffer_add_string(&lines, "");
    for (size_t i = 0; mods && mods[i]; i++) {
        assert_true(mods[i]->mod_op & LDAP_MOD_BVALUES);
        buffer_format(&lines, "%s %s=", operations[mods[i]->mod_op & LDAP_MOD_OP],
                      mods[i]->mod_type);
        struct berval **values = mods[i]->mod_vals.modv_bvals;
        for (size_t j = 0; values && values[j]; j++) {
            buffer_add_string(&lines, j ? "," : "");
            buffer_add(&lines, values[j]->bv_val, values[j]->bv_len);
        }
        buffer_add_char(&lines, '\n');
    }
    return lines.bytes;
}

/* Returns the values of the entry before the change: a mail address and no other attribute. */
static const struct value *old_values(void)
{
    static struct value values[COUNT_OF(fields)];
    field_set_string(fields_get(fields, values, "title"), NULL);
    field_set_string(fields_get(fields, values, "email"), "a@example.com");
    field_set_string(fields_get(fields, values, "sn"), NULL);
    return values;
}

static struct changes_base base_with(int64_t account_control)
{
    return (struct changes_base){.values = old_values(), .account_control = account_control};
}

static void assert_mods(struct arena *arena, const struct directory_changes *changes,
                        int64_t before, const char *expected)
{
    LDAPMod **mods = NULL;
    const struct changes_base base = base_with(before);
    assert_null(changes_to_mods(changes, arena, &user, &base, &mods));
    assert_string_equal(format_mods(arena, mods), expected);
}

/* Returns an entry that was read with a mail address, two descriptions and no other attribute. */
static const struct raw_entry *exact_entry(void)
{
    static struct berval mail = {13, "a@example.com"};
    static struct berval texts[] = {{3, "one"}, {3, "two"}};
    static struct attribute attributes[] = {
        {.name = "mail", .values = &mail, .count = 1},
        {.name = "description", .values = texts, .count = COUNT_OF(texts)},
    };
    static const struct raw_entry raw = {"CN=x", attributes, COUNT_OF(attributes)};
    return &raw;
}

static void assert_exact_mods(struct arena *arena, const struct directory_changes *changes,
                              const char *expected)
{
    LDAPMod **mods = NULL;
    struct changes_base base = base_with(0);
    base.exact = exact_entry();
    assert_null(changes_to_mods(changes, arena, &user, &base, &mods));
    assert_string_equal(format_mods(arena, mods), expected);
}

static void empty_changes_produce_no_modifications(void **state)
{
    struct arena *arena = *state;
    LDAPMod **mods = (LDAPMod *[]){NULL};
    const struct directory_changes *changes = directory_changes_new(arena);
    const struct changes_base base = base_with(NORMAL);
    assert_null(changes_to_mods(changes, arena, &user, &base, &mods));
    assert_null(mods);
}

static void fields_bound_to_attributes_become_modifications(void **state)
{
    struct arena *arena = *state;
    struct value values[COUNT_OF(fields)] = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    field_set_string(fields_get(fields, values, "title"), "Chef");
    field_set_string(fields_get(fields, values, "email"), NULL);
    field_set_string(fields_get(fields, values, "password"), "secret");
    field_set_integer(fields_get(fields, values, "flags"), 1);
    directory_change_fields(changes, fields, values);
    assert_mods(arena, changes, 0, "replace title=Chef\ndelete mail=\nreplace flags=1\n");
}

static void absent_attributes_are_not_deleted(void **state)
{
    struct arena *arena = *state;
    struct value values[COUNT_OF(fields)] = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    field_set_string(fields_get(fields, values, "title"), NULL);
    field_set_string(fields_get(fields, values, "sn"), NULL);
    directory_change_fields(changes, fields, values);
    assert_mods(arena, changes, 0, "");
}

static void every_writable_codec_encodes_its_value(void **state)
{
    struct arena *arena = *state;
    struct value values[COUNT_OF(fields)] = {0};
    static const char *const places[] = {"PC1", "PC2"};
    struct directory_changes *changes = directory_changes_new(arena);
    field_set_integer(fields_get(fields, values, "expires"), 0);
    field_set_integer(fields_get(fields, values, "since"), 1795178096789);
    field_set_boolean(fields_get(fields, values, "truth"), false);
    field_set_strings(fields_get(fields, values, "places"), places, 2);
    field_set_boolean(fields_get(fields, values, "locked"), true); /* computed: not written */
    directory_change_fields(changes, fields, values);
    assert_mods(arena, changes, 0,
                "replace expires=116444736000000000\nreplace since=20261120123456.0Z\n"
                "replace truth=FALSE\nreplace places=PC1,PC2\n");
}

/* An account that never expires has the value 0; the attribute cannot be removed. */
static void null_clears_attributes_and_expiry(void **state)
{
    struct arena *arena = *state;
    struct value values[COUNT_OF(fields)] = {0}, old[COUNT_OF(fields)] = {0};
    static const char *const places[] = {"PC1"};
    LDAPMod **mods = NULL;
    struct directory_changes *changes = directory_changes_new(arena);
    field_set_string(fields_get(fields, values, "expires"), NULL);
    field_set_string(fields_get(fields, values, "truth"), NULL);
    field_set_strings(fields_get(fields, values, "places"), NULL, 0);
    directory_change_fields(changes, fields, values);
    directory_change_text(changes, "manager", NULL);
    field_set_string(fields_get(fields, old, "truth"), NULL);
    field_set_strings(fields_get(fields, old, "places"), places, 1);
    field_set_record(fields_get(fields, old, "boss"), values);
    const struct changes_base base = {.values = old};
    assert_null(changes_to_mods(changes, arena, &user, &base, &mods));
    assert_string_equal(format_mods(arena, mods),
                        "replace expires=0\ndelete places=\ndelete manager=\n");
    field_set_strings(fields_get(fields, old, "places"), NULL, 0);
    field_set_string(fields_get(fields, old, "boss"), NULL);
    assert_null(changes_to_mods(changes, arena, &user, &base, &mods));
    /* an empty list may have been a value without names */
    assert_string_equal(format_mods(arena, mods), "replace expires=0\nreplace places=\n");
}

static void last_change_of_an_attribute_wins(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_text(changes, "pwdLastSet", "0");
    directory_change_text(changes, "lockoutTime", "0");
    directory_change_text(changes, "PWDLASTSET", "-1");
    assert_mods(arena, changes, 0, "replace pwdLastSet=-1\nreplace lockoutTime=0\n");
}

static void account_control_is_changed_by_deleting_its_old_value(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_account_control(changes, DISABLED, true);
    assert_mods(arena, changes, NORMAL | NEVER_EXPIRES,
                "delete userAccountControl=66048\nadd userAccountControl=66050\n");
    assert_mods(arena, changes, NORMAL | DISABLED, "");
    directory_change_account_control(changes, DISABLED, false);
    assert_mods(arena, changes, NORMAL, "");
    directory_change_account_control(changes, NEVER_EXPIRES, true);
    assert_mods(arena, changes, NORMAL | DISABLED,
                "delete userAccountControl=514\nadd userAccountControl=66048\n");
}

static void password_is_replaced_before_account_is_enabled(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    LDAPMod **mods = NULL;
    directory_change_password(changes, "x");
    directory_change_account_control(changes, DISABLED, false);
    const struct changes_base base = base_with(NORMAL | DISABLED);
    assert_null(changes_to_mods(changes, arena, &user, &base, &mods));
    assert_string_equal(mods[0]->mod_type, "unicodePwd");
    assert_int_equal(mods[0]->mod_op & LDAP_MOD_OP, LDAP_MOD_REPLACE);
    assert_int_equal(mods[0]->mod_vals.modv_bvals[0]->bv_len, 6);
    assert_string_equal(mods[1]->mod_type, "userAccountControl");
}

static void password_with_invalid_utf8_is_rejected(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    LDAPMod **mods = NULL;
    directory_change_password(changes, "\xff");
    const struct changes_base base = base_with(0);
    const struct error *error = changes_to_mods(changes, arena, &user, &base, &mods);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_VALIDATION);
    assert_string_equal(error->details->field, "password");
    error = changes_to_entry(changes, arena, &user, &mods);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_VALIDATION);
}

static void new_account_is_normal_and_has_set_fields_only(void **state)
{
    struct arena *arena = *state;
    struct value values[COUNT_OF(fields)] = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    LDAPMod **mods = NULL;
    field_set_string(fields_get(fields, values, "title"), NULL);
    field_set_string(fields_get(fields, values, "sn"), "Жук");
    directory_change_fields(changes, fields, values);
    directory_change_text(changes, "cn", "set by the RDN");
    directory_change_account_control(changes, DISABLED, true);
    assert_null(changes_to_entry(changes, arena, &user, &mods));
    assert_string_equal(format_mods(arena, mods),
                        "add objectClass=top,user\nadd sn=Жук\nadd userAccountControl=514\n");
}

static void new_computer_is_workstation_account(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    LDAPMod **mods = NULL;
    directory_change_account_control(changes, DISABLED, true);
    assert_null(changes_to_entry(changes, arena, &computer, &mods));
    assert_string_equal(format_mods(arena, mods),
                        "add objectClass=top,user,computer\nadd userAccountControl=4098\n");
}

static void organizational_unit_gets_no_account_control(void **state)
{
    struct arena *arena = *state;
    LDAPMod **mods = NULL;
    assert_null(changes_to_entry(directory_changes_new(arena), arena, &unit, &mods));
    assert_string_equal(format_mods(arena, mods), "add objectClass=top,organizationalUnit\n");
}

/* --- exact changes --------------------------------------------------------------------------- */

static void exact_change_deletes_old_value_and_adds_new_one(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_text(changes, "mail", "b@example.com");
    directory_change_text(changes, "title", "Chef");
    assert_exact_mods(arena, changes,
                      "delete mail=a@example.com\nadd mail=b@example.com\nadd title=Chef\n");
}

static void exact_change_to_same_value_is_no_modification(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_text(changes, "mail", "a@example.com");
    directory_change_text(changes, "sn", NULL);
    assert_exact_mods(arena, changes, "");
}

static void exact_change_distinguishes_case(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_text(changes, "mail", "A@example.com");
    assert_exact_mods(arena, changes, "delete mail=a@example.com\nadd mail=A@example.com\n");
}

static void exact_change_compares_references_as_names(void **state)
{
    struct arena *arena = *state;
    static struct berval manager = {0, "CN=\\c5\\bd,DC=a"};
    static struct attribute attribute = {.name = "manager", .values = &manager, .count = 1};
    static const struct raw_entry raw = {"CN=x", &attribute, 1};
    const struct field reference[] = {
        {.name = "boss", .type = FIELD_STRING, .attribute = "manager", .codec = CODEC_REFERENCE},
        {.name = NULL},
    };
    manager.bv_len = strlen(manager.bv_val);
    struct value value[1] = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    field_set_string(value, "cn=Ž,dc=A");
    directory_change_fields(changes, reference, value);
    assert_true(changes_hold(changes, &raw));
    field_set_string(value, "cn=Z,dc=A");
    directory_change_fields(changes, reference, value);
    assert_false(changes_hold(changes, &raw));
    assert_exact_mods(arena, changes, "add manager=cn=Z,dc=A\n");
}

static void exact_change_deletes_every_value_that_was_read(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_text(changes, "description", "two");
    assert_exact_mods(arena, changes, "delete description=one,two\nadd description=two\n");
    directory_change_text(changes, "description", NULL);
    assert_exact_mods(arena, changes, "delete description=one,two\n");
}

static void exact_change_replaces_attributes_that_are_commands(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_text(changes, "pwdLastSet", "0");
    directory_change_text(changes, "lockoutTime", "0");
    assert_exact_mods(arena, changes, "replace pwdLastSet=0\nreplace lockoutTime=0\n");
}

/* --- checking the result --------------------------------------------------------------------- */

static void changes_hold_if_all_values_are_as_required(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_text(changes, "mail", "a@example.com");
    directory_change_text(changes, "title", NULL);
    directory_change_text(changes, "pwdLastSet", "-1");
    assert_true(changes_hold(changes, exact_entry()));
    directory_change_text(changes, "mail", "A@example.com");
    assert_false(changes_hold(changes, exact_entry()));
    directory_change_text(changes, "mail", NULL);
    assert_false(changes_hold(changes, exact_entry()));
}

static void changes_hold_only_with_required_bits_of_account_control(void **state)
{
    struct arena *arena = *state;
    struct berval control = {5, "66050"};
    struct attribute attribute = {.name = "userAccountControl", .values = &control, .count = 1};
    const struct raw_entry raw = {"CN=x", &attribute, 1};
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_account_control(changes, DISABLED, true);
    assert_true(changes_hold(changes, &raw));
    assert_false(changes_hold(changes, exact_entry()));
    directory_change_account_control(changes, NEVER_EXPIRES, false);
    assert_false(changes_hold(changes, &raw));
}

static void repeated_account_control_keeps_bits_of_others(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    directory_change_text(changes, "title", "Chef");
    directory_change_account_control(changes, DISABLED, true);
    assert_null(changes_to_control_mods(changes, arena, NORMAL | DISABLED | NEVER_EXPIRES));
    assert_string_equal(
        format_mods(arena, changes_to_control_mods(changes, arena, NORMAL | NEVER_EXPIRES)),
        "delete userAccountControl=66048\nadd userAccountControl=66050\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(empty_changes_produce_no_modifications),
        ARENA_TEST(fields_bound_to_attributes_become_modifications),
        ARENA_TEST(absent_attributes_are_not_deleted),
        ARENA_TEST(every_writable_codec_encodes_its_value),
        ARENA_TEST(null_clears_attributes_and_expiry),
        ARENA_TEST(last_change_of_an_attribute_wins),
        ARENA_TEST(account_control_is_changed_by_deleting_its_old_value),
        ARENA_TEST(password_is_replaced_before_account_is_enabled),
        ARENA_TEST(password_with_invalid_utf8_is_rejected),
        ARENA_TEST(new_account_is_normal_and_has_set_fields_only),
        ARENA_TEST(new_computer_is_workstation_account),
        ARENA_TEST(organizational_unit_gets_no_account_control),
        ARENA_TEST(exact_change_deletes_old_value_and_adds_new_one),
        ARENA_TEST(exact_change_to_same_value_is_no_modification),
        ARENA_TEST(exact_change_distinguishes_case),
        ARENA_TEST(exact_change_compares_references_as_names),
        ARENA_TEST(exact_change_deletes_every_value_that_was_read),
        ARENA_TEST(exact_change_replaces_attributes_that_are_commands),
        ARENA_TEST(changes_hold_if_all_values_are_as_required),
        ARENA_TEST(changes_hold_only_with_required_bits_of_account_control),
        ARENA_TEST(repeated_account_control_keeps_bits_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
