/* Intent: the planned changes of entries, and the rule that no write is sent before they were
 * announced. Changes of a real directory are in tests/api. */
#include "unit.h"

#include "base/config.h"
#include "directory/attribute.h"
#include "directory/changes.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/operation.h"
#include "directory/plan.h"

enum { DISABLED = 0x2, NORMAL = 0x200, LOCKED = 0x10, ATTRIBUTES_MAX = 16 };

static const struct field manager_fields[] = {{.name = NULL}};

static const struct field fields[] = {
    {.name = "dn", .type = FIELD_STRING, .codec = CODEC_DN},
    {.name = "cn", .type = FIELD_STRING, .attribute = "cn", .codec = CODEC_TEXT},
    {.name = "email", .type = FIELD_STRING, .attribute = "mail", .codec = CODEC_TEXT},
    {.name = "userAccountControl",
     .type = FIELD_INTEGER,
     .attribute = "userAccountControl",
     .codec = CODEC_INTEGER},
    {.name = "enabled",
     .type = FIELD_BOOLEAN,
     .attribute = "userAccountControl",
     .codec = CODEC_BITS_CLEAR,
     .mask = DISABLED},
    {.name = "locked",
     .type = FIELD_BOOLEAN,
     .attribute = "msDS-User-Account-Control-Computed",
     .codec = CODEC_BITS_SET,
     .mask = LOCKED},
    {.name = "objectGUID", .type = FIELD_STRING, .attribute = "objectGUID", .codec = CODEC_GUID},
    {.name = "memberOf",
     .type = FIELD_STRINGS,
     .attribute = "memberOf",
     .codec = CODEC_MEMBERSHIPS},
    {.name = "manager",
     .type = FIELD_RECORD,
     .fields = manager_fields,
     .attribute = "manager",
     .codec = CODEC_REFERENCE},
    {.name = "places", .type = FIELD_STRINGS, .attribute = "places", .codec = CODEC_LIST},
    {.name = "passwordLastSet",
     .type = FIELD_TIME,
     .attribute = "pwdLastSet",
     .codec = CODEC_FILETIME},
    {.name = "lockedAt", .type = FIELD_TIME, .attribute = "lockoutTime", .codec = CODEC_FILETIME},
    {.name = "badPasswordCount",
     .type = FIELD_INTEGER,
     .attribute = "badPwdCount",
     .codec = CODEC_INTEGER},
    {.name = "co",
     .type = FIELD_STRING,
     .flags = FIELD_INTERNAL,
     .attribute = "co",
     .codec = CODEC_TEXT},
    {.name = NULL},
};

static const struct directory_class user = {
    .rdn_attribute = "CN",
    .object_classes = (const char *const[]){"top", "user", NULL},
    .fields = fields,
};

/* --- support --------------------------------------------------------------------------------- */

/* A user before a change, and its attributes. */
struct before {
    struct attribute attributes[ATTRIBUTES_MAX];
    struct raw_entry raw;
};

static void add_before(struct arena *arena, struct before *before, const char *name,
                       const char *text)
{
    struct attribute *attribute = &before->attributes[before->raw.count++];
    before->raw.attributes = before->attributes;
    before->raw.dn = "CN=a,DC=x";
    attribute->name = name;
    attribute->count = 1;
    attribute->values = arena_alloc(arena, sizeof *attribute->values);
    *attribute->values = (struct berval){strlen(text), arena_string(arena, text)};
}

/* Formats an intent: a line for each entry, for each of its fields, and the LDIF. */
static const char *format_intent(struct arena *arena, const struct directory_intent *intent)
{
    static const char *const changes[] = {"created", "changed", "deleted"};
    struct buffer out = {.arena = arena};
    struct buffer ldif = {.arena = arena};
    for (const struct directory_intent_entry *entry = intent->entries; entry; entry = entry->next) {
        buffer_format(&out, "%s %s %s%s%s%s\n", changes[entry->change], entry->kind, entry->dn,
                      entry->new_dn ? " -> " : "", entry->new_dn ? entry->new_dn : "",
                      entry->is_consequence ? " (consequence)" : "");
        for (const struct directory_intent_field *field = entry->fields; field;
             field = field->next) {
            buffer_format(&out, "  %s: %s -> %s\n", field->name, field->before, field->after);
        }
    }
    ldif_write(&ldif, intent->records);
    buffer_add_string(&out, ldif.bytes + strlen("version: 1\n"));
    return out.bytes;
}

static const struct config settings = {
    .ldap_server = "127.0.0.1:1",
    .ldap_tls_ca_file = "",
    .ldap_bind_dn = "CN=service,DC=x",
    .ldap_bind_password = "secret",
    .ldap_base_dn = "DC=x",
    .ldap_connect_timeout_ms = 300,
    .ldap_timeout_ms = 300,
};

static void release_directory(void *handle)
{
    struct directory *directory = handle;
    directory_free(&directory);
}

/* Returns a client without a connection. */
static struct directory *make_directory(struct arena *arena)
{
    struct directory *directory = directory_new(&settings);
    arena_defer(arena, release_directory, directory);
    return directory;
}

/* Plans the changes of the user, which is moved to CN=rdn,parent if `rdn` is not NULL. */
static const char *plan_changes(struct arena *arena, const struct directory_changes *changes,
                                const struct before *before, const char *rdn, const char *parent)
{
    struct value values[COUNT_OF(fields)] = {0};
    const struct changes_base base = {.values = values, .account_control = NORMAL};
    struct plan_update plan = {
        .class = &user,
        .guid = "1",
        .dn = "CN=a,DC=x",
        .changes = changes,
        .before = &before->raw,
        .account_control = NORMAL,
        .rdn = rdn,
        .parent = parent,
    };
    assert_null(changes_to_mods(changes, arena, &user, &base, &plan.mods));
    return format_intent(arena, plan_update(make_directory(arena), arena, &plan));
}

/* --- changes --------------------------------------------------------------------------------- */

static void update_shows_the_fields_that_change(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    add_before(arena, &before, "mail", "a@x");
    add_before(arena, &before, "co", "Russia");
    add_before(arena, &before, "places", "PC1,PC2");
    add_before(arena, &before, "userAccountControl", "512");
    directory_change_text(changes, "mail", "b@x");
    directory_change_text(changes, "manager", "CN=m,DC=x");
    directory_change_text(changes, "co", "France");
    directory_change_text(changes, "places", NULL);
    directory_change_text(changes, "countryCode", "250");
    directory_change_account_control(changes, DISABLED, true);
    assert_string_equal(plan_changes(arena, changes, &before, NULL, NULL),
                        "changed user CN=a,DC=x\n"
                        "  email: \"a@x\" -> \"b@x\"\n"
                        "  userAccountControl: 512 -> 514\n"
                        "  enabled: true -> false\n"
                        "  manager: null -> \"CN=m,DC=x\"\n"
                        "  places: [\"PC1\",\"PC2\"] -> []\n"
                        "  co: \"Russia\" -> \"France\"\n"
                        "  countryCode: null -> \"250\"\n"
                        "\n"
                        "dn: CN=a,DC=x\n"
                        "changetype: modify\n"
                        "delete: userAccountControl\n"
                        "userAccountControl: 512\n"
                        "-\n"
                        "add: userAccountControl\n"
                        "userAccountControl: 514\n"
                        "-\n"
                        "replace: mail\n"
                        "mail: b@x\n"
                        "-\n"
                        "replace: manager\n"
                        "manager: CN=m,DC=x\n"
                        "-\n"
                        "replace: co\n"
                        "co: France\n"
                        "-\n"
                        "delete: places\n"
                        "-\n"
                        "replace: countryCode\n"
                        "countryCode: 250\n"
                        "-\n");
}

static void update_to_the_same_values_shows_no_field(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    add_before(arena, &before, "mail", "a@x");
    directory_change_text(changes, "mail", "a@x");
    assert_string_equal(plan_changes(arena, changes, &before, NULL, NULL),
                        "changed user CN=a,DC=x\n"
                        "\n"
                        "dn: CN=a,DC=x\n"
                        "changetype: modify\n"
                        "replace: mail\n"
                        "mail: a@x\n"
                        "-\n");
}

static void move_shows_name_and_parent(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    add_before(arena, &before, "mail", "a@x");
    assert_string_equal(plan_changes(arena, changes, &before, "CN=b\\, c", "OU=o,DC=x"),
                        "changed user CN=a,DC=x -> CN=b\\, c,OU=o,DC=x\n"
                        "  parent_dn: \"DC=x\" -> \"OU=o,DC=x\"\n"
                        "  dn: \"CN=a,DC=x\" -> \"CN=b\\\\, c,OU=o,DC=x\"\n"
                        "  cn: \"a\" -> \"b, c\"\n"
                        "\n"
                        "dn: CN=a,DC=x\n"
                        "changetype: modrdn\n"
                        "newrdn: CN=b\\, c\n"
                        "deleteoldrdn: 1\n"
                        "newsuperior: OU=o,DC=x\n");
    assert_string_equal(plan_changes(arena, changes, &before, "CN=b", "dc=X"),
                        "changed user CN=a,DC=x -> CN=b,dc=X\n"
                        "  dn: \"CN=a,DC=x\" -> \"CN=b,dc=X\"\n"
                        "  cn: \"a\" -> \"b\"\n"
                        "\n"
                        "dn: CN=a,DC=x\n"
                        "changetype: modrdn\n"
                        "newrdn: CN=b\n"
                        "deleteoldrdn: 1\n");
}

static void moved_entry_is_modified_at_its_new_place(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    add_before(arena, &before, "mail", "a@x");
    directory_change_text(changes, "mail", "b@x");
    const char *text = plan_changes(arena, changes, &before, "CN=b", "DC=x");
    assert_non_null(strstr(text, "dn: CN=a,DC=x\nchangetype: modrdn\n"));
    assert_non_null(strstr(text, "dn: CN=b,DC=x\nchangetype: modify\nreplace: mail\n"));
}

static void password_never_appears(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    add_before(arena, &before, "pwdLastSet", "134000000000000000");
    directory_change_password(changes, "Kontora-2026");
    assert_string_equal(plan_changes(arena, changes, &before, NULL, NULL),
                        "changed user CN=a,DC=x\n"
                        "  password: \"***\" -> \"***\"\n"
                        "\n"
                        "# dn: CN=a,DC=x\n"
                        "# changetype: modify\n"
                        "# unicodePwd is set to a value that is not part of this file\n");
}

static void new_password_ends_the_obligation_to_change_it(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    add_before(arena, &before, "pwdLastSet", "0");
    directory_change_password(changes, "Kontora-2026");
    const char *text = plan_changes(arena, changes, &before, NULL, NULL);
    assert_non_null(strstr(text, "  must_change_password: true -> false\n"));
    assert_null(strstr(text, "passwordLastSet"));
}

static void obligation_to_change_the_password_is_a_field(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    add_before(arena, &before, "pwdLastSet", "134000000000000000");
    directory_change_text(changes, "pwdLastSet", "0");
    const char *text = plan_changes(arena, changes, &before, NULL, NULL);
    assert_non_null(strstr(text, "  must_change_password: false -> true\n"));
    assert_non_null(strstr(text, "  passwordLastSet: \"2025-08-18T14:13:20.000Z\" -> null\n"));
}

static void unlock_shows_all_that_it_resets(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    struct directory_changes *changes = directory_changes_new(arena);
    add_before(arena, &before, "lockoutTime", "134000000000000000");
    add_before(arena, &before, "badPwdCount", "5");
    add_before(arena, &before, "msDS-User-Account-Control-Computed", "8388624");
    directory_change_text(changes, "lockoutTime", "0");
    assert_string_equal(plan_changes(arena, changes, &before, NULL, NULL),
                        "changed user CN=a,DC=x\n"
                        "  locked: true -> false\n"
                        "  lockedAt: \"2025-08-18T14:13:20.000Z\" -> null\n"
                        "  badPasswordCount: 5 -> 0\n"
                        "\n"
                        "dn: CN=a,DC=x\n"
                        "changetype: modify\n"
                        "replace: lockoutTime\n"
                        "lockoutTime: 0\n"
                        "-\n");
}

static bool has_name(char **names, const char *name)
{
    while (*names && strcmp(*names, name) != 0) {
        names++;
    }
    return *names;
}

/* An empty list of attributes would request all attributes of the entry. */
static void attributes_to_read_are_never_an_empty_list(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    assert_non_null(*plan_update_attributes(arena, changes));
    directory_change_password(changes, "x");
    directory_change_text(changes, "lockoutTime", "0");
    directory_change_text(changes, "mail", NULL);
    char **names = plan_update_attributes(arena, changes);
    assert_true(has_name(names, "mail"));
    assert_true(has_name(names, "pwdLastSet"));
    assert_true(has_name(names, "lockoutTime"));
    assert_true(has_name(names, "badPwdCount"));
    assert_true(has_name(names, "msDS-User-Account-Control-Computed"));
}

/* --- other changes --------------------------------------------------------------------------- */

static void addition_shows_all_fields_of_the_new_entry(void **state)
{
    struct arena *arena = *state;
    struct directory_changes *changes = directory_changes_new(arena);
    struct plan_addition plan = {
        .class = &user, .dn = "CN=a,DC=x", .name = "a", .changes = changes};
    directory_change_text(changes, "mail", "a@x");
    directory_change_text(changes, "pwdLastSet", "0");
    directory_change_password(changes, "Kontora-2026");
    assert_null(changes_to_entry(changes, arena, &user, &plan.mods));
    const struct directory_intent *intent = plan_addition(arena, &plan);
    assert_null(intent->entries->guid);
    assert_string_equal(format_intent(arena, intent),
                        "created user CN=a,DC=x\n"
                        "  dn: null -> \"CN=a,DC=x\"\n"
                        "  cn: null -> \"a\"\n"
                        "  email: null -> \"a@x\"\n"
                        "  userAccountControl: null -> 512\n"
                        "  enabled: null -> true\n"
                        "  must_change_password: null -> true\n"
                        "  password: \"***\" -> \"***\"\n"
                        "\n"
                        "dn: CN=a,DC=x\n"
                        "changetype: add\n"
                        "objectClass: top\n"
                        "objectClass: user\n"
                        "mail: a@x\n"
                        "pwdLastSet: 0\n"
                        "userAccountControl: 512\n"
                        "# unicodePwd is set to a value that is not part of this file\n");
}

static void membership_shows_the_one_value_on_both_sides(void **state)
{
    struct arena *arena = *state;
    struct plan_membership plan = {.group_dn = "CN=g",
                                   .group_guid = "1",
                                   .member_dn = "CN=m",
                                   .member_guid = "2",
                                   .member_kind = "user",
                                   .adds = true};
    assert_string_equal(format_intent(arena, plan_membership(arena, &plan)),
                        "changed group CN=g\n"
                        "  member: null -> \"CN=m\"\n"
                        "changed user CN=m (consequence)\n"
                        "  memberOf: null -> \"CN=g\"\n"
                        "\n"
                        "dn: CN=g\n"
                        "changetype: modify\n"
                        "add: member\n"
                        "member: CN=m\n"
                        "-\n");
    plan.adds = false;
    plan.member_kind = NULL;
    assert_string_equal(format_intent(arena, plan_membership(arena, &plan)),
                        "changed group CN=g\n"
                        "  member: \"CN=m\" -> null\n"
                        "\n"
                        "dn: CN=g\n"
                        "changetype: modify\n"
                        "delete: member\n"
                        "member: CN=m\n"
                        "-\n");
}

static void deletion_shows_all_values_and_ends_with_the_entry_on_top(void **state)
{
    struct arena *arena = *state;
    struct before before = {0};
    add_before(arena, &before, "mail", "a@x");
    add_before(arena, &before, "memberOf", "CN=g");
    const struct plan_deletion plan[] = {
        {&user, "user", "1", "CN=a,DC=x", &before.raw},
        {.kind = "other", .guid = "3", .dn = "CN=c,CN=b,CN=a,DC=x"},
        {.kind = "container", .guid = "2", .dn = "CN=b,CN=a,DC=x"},
    };
    const struct directory_intent *intent =
        plan_deletions(make_directory(arena), arena, plan, COUNT_OF(plan));
    assert_string_equal(format_intent(arena, intent), "deleted user CN=a,DC=x\n"
                                                      "  dn: \"CN=a,DC=x\" -> null\n"
                                                      "  email: \"a@x\" -> null\n"
                                                      "  memberOf: [\"CN=g\"] -> null\n"
                                                      "deleted other CN=c,CN=b,CN=a,DC=x\n"
                                                      "  dn: \"CN=c,CN=b,CN=a,DC=x\" -> null\n"
                                                      "deleted container CN=b,CN=a,DC=x\n"
                                                      "  dn: \"CN=b,CN=a,DC=x\" -> null\n"
                                                      "\n"
                                                      "dn: CN=c,CN=b,CN=a,DC=x\n"
                                                      "changetype: delete\n"
                                                      "\n"
                                                      "dn: CN=b,CN=a,DC=x\n"
                                                      "changetype: delete\n"
                                                      "\n"
                                                      "dn: CN=a,DC=x\n"
                                                      "changetype: delete\n");
}

static void photo_is_shown_in_base64(void **state)
{
    struct arena *arena = *state;
    struct berval jpeg = {3, "\xff\xd8\xff"};
    LDAPMod mod = {.mod_op = LDAP_MOD_REPLACE | LDAP_MOD_BVALUES,
                   .mod_type = "thumbnailPhoto",
                   .mod_vals.modv_bvals = (struct berval *[]){&jpeg, NULL}};
    const struct plan_value plan = {.kind = "user",
                                    .guid = "1",
                                    .dn = "CN=a",
                                    .field = "photo",
                                    .after = &jpeg,
                                    .mods = (LDAPMod *[]){&mod, NULL}};
    assert_string_equal(format_intent(arena, plan_value(arena, &plan)),
                        "changed user CN=a\n"
                        "  photo: null -> \"/9j/\"\n"
                        "\n"
                        "dn: CN=a\n"
                        "changetype: modify\n"
                        "replace: thumbnailPhoto\n"
                        "thumbnailPhoto:: /9j/\n"
                        "-\n");
}

/* --- announcing ------------------------------------------------------------------------------ */

/* Counts the announcements, and refuses them if `error` is set. */
struct listener {
    int announced;
    struct error *error;
};

static struct error *count_intent(void *context, const struct directory_intent *intent)
{
    struct listener *listener = context;
    assert_non_null(intent);
    listener->announced++;
    return listener->error;
}

static int send_nothing(LDAP *ldap, const void *request, int *message_id_r)
{
    (void)ldap, (void)request, (void)message_id_r;
    FAIL("a write was sent");
}

/* Tries to send a write, and returns the error: ERR_DIRECTORY_UNAVAILABLE if nothing but the
 * missing server prevents it. */
static enum error_id try_write(struct directory *directory, struct arena *arena)
{
    const struct operation operation = {OPERATION_MODIFY, "modify", send_nothing, NULL, 0};
    struct answer answer;
    const struct error *error = operation_run(directory, arena, &operation, &answer);
    assert_non_null(error);
    return error->id;
}

static const struct directory_observer observer = {.intend = count_intent};
static const struct directory_observer dry_observer = {.intend = count_intent, .is_dry_run = true};
static const struct directory_intent no_change;

static void write_is_never_sent_before_its_announcement(void **state)
{
    struct arena *arena = *state;
    struct directory *directory = make_directory(arena);
    struct listener listener = {0};
    assert_int_equal(try_write(directory, arena), ERR_DIRECTORY_UNAVAILABLE);
    directory_set_observer(directory, &observer, &listener);
    assert_int_equal(try_write(directory, arena), ERR_INTERNAL);
    assert_null(intent_announce(directory, arena, &no_change));
    assert_int_equal(listener.announced, 1);
    assert_int_equal(try_write(directory, arena), ERR_DIRECTORY_UNAVAILABLE);
    directory_set_observer(directory, NULL, NULL);
    assert_int_equal(try_write(directory, arena), ERR_DIRECTORY_UNAVAILABLE);
}

static void announcement_is_valid_for_one_call(void **state)
{
    struct arena *arena = *state;
    struct directory *directory = make_directory(arena);
    struct listener listener = {0};
    directory_set_observer(directory, &observer, &listener);
    assert_null(intent_announce(directory, arena, &no_change));
    connection_begin_call(directory);
    assert_int_equal(try_write(directory, arena), ERR_INTERNAL);
    intent_continue(directory);
    assert_int_equal(try_write(directory, arena), ERR_DIRECTORY_UNAVAILABLE);
    directory_set_observer(directory, &observer, &listener);
    intent_continue(directory); /* nothing was announced to this observer */
    assert_int_equal(try_write(directory, arena), ERR_INTERNAL);
}

static void refused_announcement_permits_no_write(void **state)
{
    struct arena *arena = *state;
    struct directory *directory = make_directory(arena);
    struct listener listener = {.error = error_new(arena, ERR_DATABASE_UNAVAILABLE, NULL)};
    directory_set_observer(directory, &observer, &listener);
    assert_ptr_equal(intent_announce(directory, arena, &no_change), listener.error);
    assert_int_equal(try_write(directory, arena), ERR_INTERNAL);
}

static void dry_run_permits_no_write_even_if_its_observer_does(void **state)
{
    struct arena *arena = *state;
    struct directory *directory = make_directory(arena);
    struct listener listener = {0};
    directory_set_observer(directory, &dry_observer, &listener);
    const struct error *error = intent_announce(directory, arena, &no_change);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_DRY_RUN);
    assert_false(error_may_follow_change(error));
    assert_int_equal(try_write(directory, arena), ERR_INTERNAL);
    intent_continue(directory);
    assert_int_equal(try_write(directory, arena), ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(update_shows_the_fields_that_change),
        ARENA_TEST(update_to_the_same_values_shows_no_field),
        ARENA_TEST(move_shows_name_and_parent),
        ARENA_TEST(moved_entry_is_modified_at_its_new_place),
        ARENA_TEST(password_never_appears),
        ARENA_TEST(new_password_ends_the_obligation_to_change_it),
        ARENA_TEST(obligation_to_change_the_password_is_a_field),
        ARENA_TEST(unlock_shows_all_that_it_resets),
        ARENA_TEST(attributes_to_read_are_never_an_empty_list),
        ARENA_TEST(addition_shows_all_fields_of_the_new_entry),
        ARENA_TEST(membership_shows_the_one_value_on_both_sides),
        ARENA_TEST(deletion_shows_all_values_and_ends_with_the_entry_on_top),
        ARENA_TEST(photo_is_shown_in_base64),
        ARENA_TEST(write_is_never_sent_before_its_announcement),
        ARENA_TEST(announcement_is_valid_for_one_call),
        ARENA_TEST(refused_announcement_permits_no_write),
        ARENA_TEST(dry_run_permits_no_write_even_if_its_observer_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
