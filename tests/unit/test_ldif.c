/* LDIF: change records as RFC 2849 requires them. */
#include "unit.h"

#include "directory/ldif.h"

enum { COLUMNS = 76, LONG_VALUE = 300 };

static const char *write_records(struct arena *arena, const struct ldif_record *records)
{
    struct buffer out = {.arena = arena};
    ldif_write(&out, records);
    return out.bytes;
}

/* Returns a modification with one value; `length` 0: with none. */
static struct ldif_modification *make_modification(struct arena *arena,
                                                   enum ldif_modification_kind kind,
                                                   const char *attribute, const char *bytes,
                                                   size_t length)
{
    struct ldif_modification *item = arena_alloc(arena, sizeof *item);
    struct ldif_value *value = arena_alloc(arena, sizeof *value);
    *value = (struct ldif_value){bytes, length};
    *item = (struct ldif_modification){
        .kind = kind, .attribute = attribute, .values = value, .count = length ? 1 : 0};
    return item;
}

/* Returns the line of a record that adds an entry with this one value. */
static const char *write_value(struct arena *arena, const char *bytes, size_t length)
{
    static const char begin[] = "version: 1\n\ndn: CN=x\nchangetype: add\n";
    const struct ldif_record record = {
        .change = LDIF_ADD,
        .dn = "CN=x",
        .modifications = make_modification(arena, LDIF_ADD_VALUES, "cn", bytes, length)};
    const char *text = write_records(arena, &record);
    assert_int_equal(strncmp(text, begin, strlen(begin)), 0);
    return text + strlen(begin);
}

static void addition_lists_its_attributes(void **state)
{
    struct arena *arena = *state;
    static const struct ldif_value classes[] = {{BYTES("top")}, {BYTES("group")}};
    struct ldif_modification class = {
        .attribute = "objectClass", .values = classes, .count = COUNT_OF(classes)};
    const struct ldif_record record = {
        .change = LDIF_ADD, .dn = "CN=sales,DC=x", .modifications = &class};
    class.next = make_modification(arena, LDIF_ADD_VALUES, "cn", BYTES("sales"));
    assert_string_equal(write_records(arena, &record), "version: 1\n"
                                                       "\n"
                                                       "dn: CN=sales,DC=x\n"
                                                       "changetype: add\n"
                                                       "objectClass: top\n"
                                                       "objectClass: group\n"
                                                       "cn: sales\n");
}

static void modifications_are_separated_and_keep_their_order(void **state)
{
    struct arena *arena = *state;
    struct ldif_modification *first =
        make_modification(arena, LDIF_DELETE_VALUES, "title", NULL, 0);
    first->next = make_modification(arena, LDIF_REPLACE_VALUES, "sn", BYTES("Smith"));
    first->next->next = make_modification(arena, LDIF_ADD_VALUES, "member", BYTES("CN=a"));
    const struct ldif_record record = {.change = LDIF_MODIFY, .dn = "CN=x", .modifications = first};
    assert_string_equal(write_records(arena, &record), "version: 1\n"
                                                       "\n"
                                                       "dn: CN=x\n"
                                                       "changetype: modify\n"
                                                       "delete: title\n"
                                                       "-\n"
                                                       "replace: sn\n"
                                                       "sn: Smith\n"
                                                       "-\n"
                                                       "add: member\n"
                                                       "member: CN=a\n"
                                                       "-\n");
}

static void move_names_new_parent_only_if_it_changes(void **state)
{
    struct arena *arena = *state;
    struct ldif_record deletion = {.change = LDIF_DELETE, .dn = "CN=z"};
    struct ldif_record rename = {
        .next = &deletion, .change = LDIF_RENAME, .dn = "CN=x,DC=a", .rdn = "CN=y"};
    const struct ldif_record move = {
        .next = &rename, .change = LDIF_RENAME, .dn = "CN=x,DC=b", .rdn = "CN=x", .parent = "DC=a"};
    assert_string_equal(write_records(arena, &move), "version: 1\n"
                                                     "\n"
                                                     "dn: CN=x,DC=b\n"
                                                     "changetype: modrdn\n"
                                                     "newrdn: CN=x\n"
                                                     "deleteoldrdn: 1\n"
                                                     "newsuperior: DC=a\n"
                                                     "\n"
                                                     "dn: CN=x,DC=a\n"
                                                     "changetype: modrdn\n"
                                                     "newrdn: CN=y\n"
                                                     "deleteoldrdn: 1\n"
                                                     "\n"
                                                     "dn: CN=z\n"
                                                     "changetype: delete\n");
}

static void unsafe_values_are_written_in_base64(void **state)
{
    struct arena *arena = *state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *line;
    } cases[] = {
        {BYTES("Smith: a <b>"), "cn: Smith: a <b>\n"},
        {BYTES(" a"), "cn:: IGE=\n"},
        {BYTES("a "), "cn:: YSA=\n"},
        {BYTES(":"), "cn:: Og==\n"},
        {BYTES("<a"), "cn:: PGE=\n"},
        {BYTES("a\nb"), "cn:: YQpi\n"},
        {BYTES("a\rb"), "cn:: YQ1i\n"},
        {BYTES("a\0b"), "cn:: YQBi\n"},
        {BYTES("\xd0\x96"), "cn:: 0JY=\n"},
        {BYTES("\xff\xfe\xfd"), "cn:: //79\n"},
        {BYTES("~\x7f"), "cn: ~\x7f\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(write_value(arena, cases[i].bytes, cases[i].length), cases[i].line);
    }
}

static void empty_value_is_a_line_without_value(void **state)
{
    struct arena *arena = *state;
    static const struct ldif_value empty = {"", 0};
    struct ldif_modification item = {.attribute = "info", .values = &empty, .count = 1};
    const struct ldif_record record = {.change = LDIF_ADD, .dn = "CN=x", .modifications = &item};
    assert_non_null(strstr(write_records(arena, &record), "\ninfo:\n"));
}

/* Joins folded lines, as a parser does. */
static char *unfold(struct arena *arena, const char *text)
{
    char *out = arena_string(arena, text), *end = out;
    for (const char *at = text; *at; at++) {
        if (at[0] == '\n' && at[1] == ' ') {
            at++;
        } else {
            *end++ = *at;
        }
    }
    *end = '\0';
    return out;
}

static void long_lines_are_folded(void **state)
{
    struct arena *arena = *state;
    char value[LONG_VALUE];
    for (size_t length = 1; length <= LONG_VALUE; length++) {
        memset(value, 'a', length);
        const char *text = write_value(arena, value, length);
        for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
            assert_true(strcspn(at, "\n") <= COLUMNS);
            assert_true(*at == 'c' || *at == ' ');
        }
        assert_string_equal(unfold(arena, text),
                            arena_format(arena, "cn: %.*s\n", (int)length, value));
    }
}

static void secret_is_a_comment_without_value(void **state)
{
    struct arena *arena = *state;
    struct ldif_modification *secret =
        make_modification(arena, LDIF_REPLACE_VALUES, "unicodePwd", BYTES("Kontora-2026"));
    secret->secret = true;
    secret->next = make_modification(arena, LDIF_REPLACE_VALUES, "pwdLastSet", BYTES("0"));
    struct ldif_record record = {.change = LDIF_MODIFY, .dn = "CN=x", .modifications = secret};
    static const char comment[] = "# unicodePwd is set to a value that is not part of this file\n";
    assert_string_equal(write_records(arena, &record),
                        arena_format(arena,
                                     "version: 1\n\ndn: CN=x\nchangetype: modify\n%s"
                                     "replace: pwdLastSet\npwdLastSet: 0\n-\n",
                                     comment));
    record.change = LDIF_ADD;
    assert_string_equal(
        write_records(arena, &record),
        arena_format(arena, "version: 1\n\ndn: CN=x\nchangetype: add\n%spwdLastSet: 0\n", comment));
}

/* ldapmodify refuses a record without modifications. */
static void record_with_secrets_only_is_a_comment(void **state)
{
    struct arena *arena = *state;
    struct ldif_modification *secret =
        make_modification(arena, LDIF_REPLACE_VALUES, "unicodePwd", NULL, 0);
    secret->secret = true;
    const struct ldif_record record = {
        .change = LDIF_MODIFY, .dn = "CN=\xd0\x96", .modifications = secret};
    assert_string_equal(write_records(arena, &record),
                        "version: 1\n"
                        "\n"
                        "# dn:: Q0490JY=\n"
                        "# changetype: modify\n"
                        "# unicodePwd is set to a value that is not part of this file\n");
}

static void several_lists_have_one_version(void **state)
{
    struct buffer out = {.arena = *state};
    const struct ldif_record one = {.change = LDIF_DELETE, .dn = "CN=a"};
    const struct ldif_record two = {.change = LDIF_DELETE, .dn = "CN=b"};
    ldif_write(&out, &one);
    ldif_write(&out, &two);
    assert_string_equal(out.bytes, "version: 1\n\ndn: CN=a\nchangetype: delete\n"
                                   "\ndn: CN=b\nchangetype: delete\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(addition_lists_its_attributes),
        ARENA_TEST(modifications_are_separated_and_keep_their_order),
        ARENA_TEST(move_names_new_parent_only_if_it_changes),
        ARENA_TEST(unsafe_values_are_written_in_base64),
        ARENA_TEST(empty_value_is_a_line_without_value),
        ARENA_TEST(long_lines_are_folded),
        ARENA_TEST(secret_is_a_comment_without_value),
        ARENA_TEST(record_with_secrets_only_is_a_comment),
        ARENA_TEST(several_lists_have_one_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
