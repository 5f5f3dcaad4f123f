/* Restoration: the values that a restore writes back, and its report of restored and lost
 * fields. */
#include "unit.h"

#include "directory/changes.h"
#include "rest/restoration.h"

enum { CN, ACCOUNT, TITLE, COUNTRY, ENABLED, EXPIRES, CREATED, GROUPS, FIELDS };

static const struct field fields[] = {
    [CN] = {.name = "cn", .type = FIELD_STRING, .attribute = "cn", .codec = CODEC_TEXT},
    [ACCOUNT] = {.name = "sAMAccountName",
                 .type = FIELD_STRING,
                 .attribute = "sAMAccountName",
                 .codec = CODEC_TEXT},
    [TITLE] = {.name = "title", .type = FIELD_STRING, .attribute = "title", .codec = CODEC_TEXT},
    [COUNTRY] = {.name = "c", .type = FIELD_STRING, .attribute = "c", .codec = CODEC_TEXT},
    [ENABLED] = {.name = "enabled",
                 .type = FIELD_BOOLEAN,
                 .attribute = "userAccountControl",
                 .codec = CODEC_BITS_CLEAR,
                 .mask = 2},
    [EXPIRES] = {.name = "accountExpires",
                 .type = FIELD_TIME,
                 .attribute = "accountExpires",
                 .codec = CODEC_FILETIME},
    [CREATED] = {.name = "whenCreated",
                 .type = FIELD_TIME,
                 .attribute = "whenCreated",
                 .codec = CODEC_TIME},
    [GROUPS] = {.name = "memberOf",
                .type = FIELD_STRINGS,
                .attribute = "memberOf",
                .codec = CODEC_MEMBERSHIPS},
    [FIELDS] = {.name = NULL},
};

static const struct field writable[] = {
    {.name = "cn", .type = FIELD_STRING},
    {.name = "sAMAccountName",
     .type = FIELD_STRING,
     .attribute = "sAMAccountName",
     .codec = CODEC_TEXT},
    {.name = "title", .type = FIELD_STRING, .attribute = "title", .codec = CODEC_TEXT},
    {.name = "c", .type = FIELD_STRING, .attribute = "c", .codec = CODEC_TEXT},
    {.name = "enabled", .type = FIELD_BOOLEAN},
    {.name = "accountExpires",
     .type = FIELD_TIME,
     .attribute = "accountExpires",
     .codec = CODEC_FILETIME},
    {.name = NULL},
};

static const struct directory_class class = {
    .rdn_attribute = "CN",
    .fields = fields,
    .writable = writable,
};

static const char *const groups[] = {"CN=one,DC=test", "CN=two,DC=test"};
static const char *const other_spelling[] = {"cn=Two,dc=test", "CN=three,DC=test",
                                             "cn=one, dc=test"};

/* Sets the values of an enabled account with a title and two groups. */
static void set_image(struct value *image)
{
    for (size_t i = 0; i < FIELDS; i++) {
        image[i] = (struct value){.state = VALUE_NULL};
    }
    field_set_string(&image[CN], "Anna");
    field_set_string(&image[ACCOUNT], "anna");
    field_set_string(&image[TITLE], "Clerk");
    field_set_string(&image[COUNTRY], "RU");
    field_set_boolean(&image[ENABLED], true);
    field_set_integer(&image[CREATED], 1);
    field_set_strings(&image[GROUPS], groups, COUNT_OF(groups));
}

static const char *join_names(struct arena *arena, struct field_strings names)
{
    struct buffer text = {.arena = arena};
    buffer_add_string(&text, "");
    for (size_t i = 0; i < names.count; i++) {
        buffer_format(&text, "%s%s", i ? " " : "", names.items[i]);
    }
    return text.bytes;
}

static void assert_report(struct arena *arena, const struct value *image,
                          const struct directory_restored *restored, const char *expected,
                          const char *lost)
{
    const struct restoration_report report =
        restoration_compare(arena, &class, image, restored, true);
    assert_string_equal(join_names(arena, report.restored), expected);
    assert_string_equal(join_names(arena, report.lost), lost);
}

/* --- values that are written back ------------------------------------------------------------- */

static void image_becomes_changes_without_names(void **state)
{
    struct arena *arena = *state;
    struct value image[FIELDS];
    struct directory_restoration restoration = {.class = &class,
                                                .changes = directory_changes_new(arena)};
    set_image(image);
    assert_null(restoration_fill(NULL, arena, image, &restoration));
    assert_string_equal(changes_text(restoration.changes, "title"), "Clerk");
    assert_string_equal(changes_text(restoration.changes, "c"), "RU");
    assert_non_null(changes_text(restoration.changes, "co"));
    assert_string_equal(changes_text(restoration.changes, "countryCode"), "643");
    assert_null(changes_text(restoration.changes, "cn"));
    assert_null(changes_text(restoration.changes, "sAMAccountName"));
    assert_null(changes_text(restoration.changes, "whenCreated"));
    assert_null(changes_text(restoration.changes, "accountExpires"));
    assert_false(changes_write_control(restoration.changes));
    assert_string_equal(restoration.groups[0], groups[0]);
    assert_string_equal(restoration.groups[1], groups[1]);
    assert_null(restoration.groups[2]);
    assert_null(restoration.members);
}

static void nothing_is_written_back_without_image(void **state)
{
    struct arena *arena = *state;
    struct directory_restoration restoration = {.class = &class,
                                                .changes = directory_changes_new(arena)};
    assert_null(restoration_fill(NULL, arena, NULL, &restoration));
    assert_false(changes_modify(restoration.changes));
    assert_null(restoration.groups);
}

/* --- the report ------------------------------------------------------------------------------- */

static void report_compares_entry_with_image(void **state)
{
    struct arena *arena = *state;
    struct value image[FIELDS], after[FIELDS];
    struct directory_entry entry = {.values = after};
    const struct directory_restored restored = {.entry = &entry, .was_enabled = true};
    set_image(image);
    set_image(after);
    field_set_string(&after[CN], "Anna 2"); /* the client has chosen a new name */
    field_set_boolean(&after[ENABLED], false);
    field_set_strings(&after[GROUPS], other_spelling, COUNT_OF(other_spelling));
    assert_report(arena, image, &restored, "cn sAMAccountName title c memberOf",
                  "enabled password");
    field_set_string(&after[TITLE], "clerk");
    field_set_strings(&after[GROUPS], groups, 1);
    assert_report(arena, image, &restored, "cn sAMAccountName c",
                  "title enabled memberOf password");
}

static void everything_that_is_not_kept_is_lost_without_image(void **state)
{
    struct arena *arena = *state;
    struct value after[FIELDS];
    struct directory_entry entry = {.values = after};
    struct directory_restored restored = {.entry = &entry, .was_enabled = true};
    set_image(after);
    after[TITLE].state = VALUE_NULL;
    field_set_boolean(&after[ENABLED], false);
    assert_report(arena, NULL, &restored, "cn sAMAccountName c",
                  "title enabled accountExpires memberOf password");
    restored.was_enabled = false;
    assert_report(arena, NULL, &restored, "cn sAMAccountName c enabled",
                  "title accountExpires memberOf password");
}

static void nothing_is_lost_if_directory_keeps_all_values(void **state)
{
    struct arena *arena = *state;
    struct value after[FIELDS];
    struct directory_entry entry = {.values = after};
    const struct directory_restored restored = {
        .entry = &entry, .keeps_all = true, .was_enabled = true};
    set_image(after);
    after[TITLE].state = VALUE_NULL;
    assert_report(arena, NULL, &restored, "cn sAMAccountName c enabled memberOf password", "");
}

static void password_is_no_field_of_other_entries(void **state)
{
    struct arena *arena = *state;
    struct value after[FIELDS];
    struct directory_entry entry = {.values = after};
    const struct directory_restored restored = {.entry = &entry};
    set_image(after);
    const struct restoration_report report =
        restoration_compare(arena, &class, after, &restored, false);
    assert_null(strstr(join_names(arena, report.lost), "password"));
    assert_null(strstr(join_names(arena, report.restored), "password"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(image_becomes_changes_without_names),
        ARENA_TEST(nothing_is_written_back_without_image),
        ARENA_TEST(report_compares_entry_with_image),
        ARENA_TEST(everything_that_is_not_kept_is_lost_without_image),
        ARENA_TEST(nothing_is_lost_if_directory_keeps_all_values),
        ARENA_TEST(password_is_no_field_of_other_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
