/* Directory result codes: the error that each code yields for a client. The operation, the code and
 * the beginning of the diagnostic message decide; Active Directory and Samba write these messages
 * differently. */
#include "unit.h"

#include "base/error.h"
#include "base/field.h"
#include "directory/operation.h"
#include "directory/result.h"

static const struct field fields[] = {
    {.name = "title", .type = FIELD_STRING, .attribute = "title", .codec = CODEC_TEXT},
    {.name = "email", .type = FIELD_STRING, .attribute = "mail", .codec = CODEC_TEXT},
    {.name = "cn", .type = FIELD_STRING, .attribute = "cn", .codec = CODEC_TEXT},
    {.name = "unbound", .type = FIELD_STRING},
    {.name = "sAMAccountName", .type = FIELD_STRING, .attribute = "sAMAccountName"},
    {.name = NULL},
};

static struct error *make_error(struct arena *arena, enum operation_kind kind, int code,
                                const char *diagnostic)
{
    const struct answer answer = {.kind = kind, .code = code, .diagnostic = diagnostic};
    return result_error(arena, &answer, fields, "modify");
}

enum { ADD = 1, MODIFY = 2, RENAME = 4, DELETE = 8, SEARCH = 16, WRITES = 15, ALL = 31 };

static const struct {
    int bit;
    enum operation_kind kind;
} operations[] = {
    {ADD, OPERATION_ADD},       {MODIFY, OPERATION_MODIFY}, {RENAME, OPERATION_RENAME},
    {DELETE, OPERATION_DELETE}, {SEARCH, OPERATION_SEARCH},
};

struct meaning_case {
    int operations;
    int code;
    const char *diagnostic;
    enum error_id id;
};

/* Checks each case for all of its operations. */
static void check_cases(struct arena *arena, const struct meaning_case *cases, size_t count)
{
    for (size_t i = 0; i < count * COUNT_OF(operations); i++) {
        const struct meaning_case *row = &cases[i / COUNT_OF(operations)];
        enum operation_kind kind = operations[i % COUNT_OF(operations)].kind;
        if (!(row->operations & operations[i % COUNT_OF(operations)].bit)) {
            continue;
        }
        const struct error *error = make_error(arena, kind, row->code, row->diagnostic);
        if (error->id != row->id) {
            FAIL("operation %d: %d \"%s\" means %d", (int)kind, row->code, row->diagnostic,
                 (int)error->id);
        }
        assert_non_null(strstr(error->cause, "modify"));
    }
}

#define CHECK_CASES(arena, cases) check_cases(arena, cases, COUNT_OF(cases))

static void each_result_code_maps_to_its_error(void **state)
{
    static const struct meaning_case cases[] = {
        {ALL, 53, "00002035: SvcErr: DSID-031A1254, problem 5003 (WILL_NOT_PERFORM)",
         ERR_DIRECTORY_REFUSED},
        {ALL, 53, "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM)",
         ERR_DIRECTORY_REFUSED},
        {ALL, 53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
         ERR_PASSWORD_POLICY},
        {ALL, 19, "0000052D: Constraint violation - check_password_restrictions",
         ERR_PASSWORD_POLICY},
        {ALL, 19, "0000202F: samldb: userPrincipalName 'u@x' is already in use ",
         ERR_ALREADY_EXISTS},
        {ALL, 19, "000021C7: AtrErr: DSID-03200EB2, #1: (servicePrincipalName)",
         ERR_ALREADY_EXISTS},
        {ALL, 19, "000021C8: AtrErr: DSID-03200EB2, #1: (userPrincipalName)", ERR_ALREADY_EXISTS},
        {ALL, 19, "", ERR_DIRECTORY_INVALID},
        {ALL, 17, "", ERR_DIRECTORY_INVALID},
        {ALL, 21, "", ERR_DIRECTORY_INVALID},
        {ALL, 34, "", ERR_DIRECTORY_INVALID},
        {ALL, 64, "", ERR_DIRECTORY_INVALID},
        {ALL, 65, "", ERR_DIRECTORY_INVALID},
        {ALL, 50, "", ERR_DIRECTORY_FORBIDDEN},
        {ALL, 49, "", ERR_DIRECTORY_CREDENTIALS},
        {ALL, 8, "00002028: LdapErr: DSID-0C0901FC", ERR_DIRECTORY_UNAVAILABLE},
        {ALL, 1, "", ERR_DIRECTORY_UNAVAILABLE},
        {ALL, 1, "000004DC: LdapErr: DSID-0C090A5C, comment: a successful bind must be completed",
         ERR_DIRECTORY_UNAVAILABLE},
        {ALL, 51, "0000200E: SvcErr: DSID-03210C5B, problem 5001 (BUSY)",
         ERR_DIRECTORY_UNAVAILABLE},
        {ALL, 52, "", ERR_DIRECTORY_UNAVAILABLE},
        {ALL, LDAP_SERVER_DOWN, "", ERR_DIRECTORY_UNAVAILABLE},
        {ALL, LDAP_CONNECT_ERROR, "", ERR_DIRECTORY_UNAVAILABLE},
        {ALL, LDAP_TIMEOUT, "", ERR_DIRECTORY_UNAVAILABLE},
        {ALL, 80, "", ERR_INTERNAL},
        {ALL, LDAP_ENCODING_ERROR, "", ERR_INTERNAL},
        {ALL, 12345, "", ERR_INTERNAL},
    };
    CHECK_CASES(*state, cases);
}

static void result_code_is_read_by_operation(void **state)
{
    static const char exists[] = "00002071: UpdErr: DSID-031A1236, problem 6005 (ENTRY_EXISTS)";
    static const char primary[] = "0000055E: SvcErr: DSID-031A11E5, problem 5003";
    static const char no_parent[] = "00002095: objectclass: Cannot rename CN=u,DC=x, parent does "
                                    "not exist!";
    static const struct meaning_case cases[] = {
        {ADD | MODIFY | RENAME, 68, exists, ERR_ALREADY_EXISTS},
        {ADD | MODIFY, 68, "00000524: UpdErr: DSID-031A11FA", ERR_ALREADY_EXISTS},
        {DELETE, 68, exists, ERR_HAS_PRIMARY_MEMBERS},
        {DELETE, 53, primary, ERR_HAS_PRIMARY_MEMBERS},
        {DELETE, 80, primary, ERR_HAS_PRIMARY_MEMBERS},
        {MODIFY, 53, primary, ERR_DIRECTORY_REFUSED},
        {ADD, 32, "00002030: objectclass: Cannot add CN=x,DC=x, parent does not exist!",
         ERR_PARENT_NOT_FOUND},
        {ADD, 32, "", ERR_PARENT_NOT_FOUND},
        {ADD, 10, "", ERR_PARENT_NOT_FOUND},
        {RENAME, 80, no_parent, ERR_PARENT_NOT_FOUND},
        {RENAME, 32, "00002089: UpdErr: DSID-031A11E5, problem 6001", ERR_PARENT_NOT_FOUND},
        {RENAME | MODIFY | DELETE | SEARCH, 32, "", ERR_NOT_FOUND},
        {RENAME | MODIFY | DELETE | SEARCH, 10, "", ERR_NOT_FOUND},
        {DELETE, 66, "00002015: UpdErr: DSID-030A0AE8", ERR_NOT_EMPTY},
        {DELETE, 66, "", ERR_NOT_EMPTY},
        {DELETE, 53, "subtree_delete: Unable to delete a non-leaf node (it has 6 children)!",
         ERR_NOT_EMPTY},
        {DELETE, 80, "error in module samldb: Other during LDB_DELETE (80)", ERR_DIRECTORY_REFUSED},
        {MODIFY, 16, "", ERR_CONFLICT},
        {MODIFY, 20, "", ERR_CONFLICT},
        {ADD, 16, "0000200A: objectclass x is not a valid objectClass in schema",
         ERR_DIRECTORY_INVALID},
        {ADD, 20, "", ERR_DIRECTORY_INVALID},
        {SEARCH, 3, "", ERR_DIRECTORY_LIMIT},
        {SEARCH, 4, "", ERR_DIRECTORY_LIMIT},
        {SEARCH, 11, "", ERR_DIRECTORY_LIMIT},
        {SEARCH, 11, "00002024: SvcErr: DSID-03140396", ERR_DIRECTORY_LIMIT},
        {SEARCH, 12, "", ERR_DIRECTORY_LIMIT},
        {SEARCH, LDAP_VLV_ERROR, "", ERR_DIRECTORY_LIMIT},
        {WRITES, 11, "00002024: SvcErr: DSID-03140396", ERR_DIRECTORY_REFUSED},
        {WRITES, 3, "", ERR_DIRECTORY_UNAVAILABLE},
    };
    CHECK_CASES(*state, cases);
}

/* Every result code without a meaning of its own, after every operation. */
static void windows_code_makes_result_a_refusal(void **state)
{
    struct arena *arena = *state;
    static const int with_meaning[] = {1,  3,  4,  8,  10, 11, 12, 13, 16, 17, 19, 20, 21, 32,
                                       34, 49, 50, 51, 52, 64, 65, 66, 67, 68, 76, 81, 85, 91};
    static const char text[] = "00002095: subtree_rename: Objects have to stay under it!";
    for (int code = 2; code < 128; code++) {
        bool has_meaning = false;
        for (size_t i = 0; i < COUNT_OF(with_meaning); i++) {
            has_meaning |= with_meaning[i] == code;
        }
        for (int kind = 0; !has_meaning && kind < OPERATION_COUNT; kind++) {
            const struct error *error = make_error(arena, (enum operation_kind)kind, code, text);
            assert_int_equal(error->id, ERR_DIRECTORY_REFUSED);
            assert_string_equal(error->details->argument, text);
        }
    }
    static const struct meaning_case cases[] = {
        {ALL, 80, text, ERR_DIRECTORY_REFUSED},
        {ALL, 1, "00002077: SvcErr: DSID-031903B0, problem 5012 (DIR_ERROR)",
         ERR_DIRECTORY_REFUSED},
        {RENAME | DELETE | SEARCH, 16, "00000057: LdapErr: DSID-0C090D2A, comment",
         ERR_DIRECTORY_REFUSED},
        {ALL, 80, "0000209a: lower-case digits", ERR_DIRECTORY_REFUSED},
        {ALL, 80, "2095: too short", ERR_INTERNAL},
        {ALL, 80, "000020950: too long", ERR_INTERNAL},
        {ALL, 80, "00002095", ERR_INTERNAL},
        {ALL, 80, "0000209X: not a number", ERR_INTERNAL},
        {ALL, 80, "error 00002095: not at the beginning", ERR_INTERNAL},
    };
    CHECK_CASES(arena, cases);
}

static void assert_field(struct arena *arena, const char *diagnostic, const char *field)
{
    const struct error *error = make_error(arena, OPERATION_MODIFY, 21, diagnostic);
    if (!field) {
        assert_null(error->details);
        return;
    }
    assert_non_null(error->details);
    assert_string_equal(error->details->field, field);
    assert_int_equal(error->details->fault, FAULT_REJECTED_BY_DIRECTORY);
    assert_null(error->details->next);
}

static void error_names_the_field_of_the_attribute_in_the_diagnostic(void **state)
{
    struct arena *arena = *state;
    assert_field(arena, "", NULL);
    assert_field(arena, "0000200B: AtrErr: DSID-03151907, #1: 0: 0000200B, Att 9000d (mail)",
                 "email");
    assert_field(arena, "attribute 'title' on entry 'CN=mail x,DC=x' is invalid", "title");
    assert_field(arena, "attribute 'nosuch' on entry 'CN=title,DC=x' is invalid", NULL);
    assert_field(arena, "Element title has empty attribute in ldb message (CN=a mail b)", "title");
    assert_field(arena, "samldb: sAMAccountName contains invalid '\"' character", "sAMAccountName");
    assert_field(arena, "titles and emails", NULL);
    assert_field(arena, "title", NULL);
}

static void rejected_operation_carries_the_diagnostic_message(void **state)
{
    struct arena *arena = *state;
    const struct error *error = make_error(arena, OPERATION_MODIFY, 53, "no, never");
    assert_null(error->details->field);
    assert_string_equal(error->details->argument, "no, never");
    assert_null(make_error(arena, OPERATION_MODIFY, 53, "")->details);
}

static void refused_search_of_a_login_is_an_outage(void **state)
{
    struct arena *arena = *state;
    static const char text[] = "00002095: a text for operators only";
    const struct error *error =
        result_hide_refusal(arena, make_error(arena, OPERATION_SEARCH, 80, text));
    assert_int_equal(error->id, ERR_DIRECTORY_UNAVAILABLE);
    assert_null(error->details);
    assert_non_null(strstr(error->cause, text));
    error = result_hide_refusal(arena, make_error(arena, OPERATION_SEARCH, 49, text));
    assert_int_equal(error->id, ERR_DIRECTORY_CREDENTIALS);
    assert_null(result_hide_refusal(arena, NULL));
}

static void bind_diagnostic_is_translated_into_a_reason(void **state)
{
    (void)state;
    static const char form[] = "80090308: LdapErr: DSID-0C09042F, comment: AcceptSecurityContext "
                               "error, data %s, v4563";
    char text[256];
    snprintf(text, sizeof text, form, "52e");
    assert_string_equal(result_bind_reason(text), "wrong password");
    snprintf(text, sizeof text, form, "775");
    assert_string_equal(result_bind_reason(text), "the account is locked");
    snprintf(text, sizeof text, form, "533");
    assert_string_equal(result_bind_reason(text), "the account is disabled");
    snprintf(text, sizeof text, form, "52E");
    assert_string_equal(result_bind_reason(text), "wrong password");
    snprintf(text, sizeof text, form, "52");
    assert_string_equal(result_bind_reason(text), "unknown reason");
    snprintf(text, sizeof text, form, "5331");
    assert_string_equal(result_bind_reason(text), "unknown reason");
    assert_string_equal(result_bind_reason(""), "unknown reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(each_result_code_maps_to_its_error),
        ARENA_TEST(result_code_is_read_by_operation),
        ARENA_TEST(windows_code_makes_result_a_refusal),
        ARENA_TEST(error_names_the_field_of_the_attribute_in_the_diagnostic),
        ARENA_TEST(rejected_operation_carries_the_diagnostic_message),
        ARENA_TEST(refused_search_of_a_login_is_an_outage),
        cmocka_unit_test(bind_diagnostic_is_translated_into_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
