/* Directory result codes: the error that each code yields for a client. The code and the
 * beginning of the diagnostic message decide; Active Directory and Samba write these messages
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

static struct error *make_error(struct arena *arena, int code, const char *diagnostic)
{
    const struct answer answer = {.code = code, .diagnostic = diagnostic};
    return result_error(arena, &answer, fields, "modify");
}

struct meaning_case {
    int code;
    const char *diagnostic;
    enum error_id id;
};

static void each_result_code_maps_to_its_error(void **state)
{
    struct arena *arena = *state;
    static const struct meaning_case cases[] = {
        {32, "", ERR_NOT_FOUND},
        {68, "00000524: UpdErr: DSID-031A1236, problem 6005 (ENTRY_EXISTS)", ERR_ALREADY_EXISTS},
        {66, "00002015: UpdErr: DSID-030A0AE8", ERR_NOT_EMPTY},
        {53, "subtree_delete: Unable to delete a non-leaf node (it has 6 children)!",
         ERR_NOT_EMPTY},
        {53, "00002035: SvcErr: DSID-031A1254, problem 5003 (WILL_NOT_PERFORM)",
         ERR_DIRECTORY_REFUSED},
        {53, "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM)",
         ERR_DIRECTORY_REFUSED},
        {53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
         ERR_PASSWORD_POLICY},
        {19, "0000052D: Constraint violation - check_password_restrictions", ERR_PASSWORD_POLICY},
        {19, "0000202F: samldb: userPrincipalName 'u@x' is already in use ", ERR_ALREADY_EXISTS},
        {19, "000021C8: AtrErr: DSID-03200EB2, #1: (userPrincipalName)", ERR_ALREADY_EXISTS},
        {19, "", ERR_DIRECTORY_INVALID},
        {17, "", ERR_DIRECTORY_INVALID},
        {21, "", ERR_DIRECTORY_INVALID},
        {34, "", ERR_DIRECTORY_INVALID},
        {64, "", ERR_DIRECTORY_INVALID},
        {65, "", ERR_DIRECTORY_INVALID},
        {16, "", ERR_CONFLICT},
        {20, "", ERR_CONFLICT},
        {50, "", ERR_DIRECTORY_FORBIDDEN},
        {49, "", ERR_DIRECTORY_CREDENTIALS},
        {3, "", ERR_DIRECTORY_LIMIT},
        {4, "", ERR_DIRECTORY_LIMIT},
        {11, "", ERR_DIRECTORY_LIMIT},
        {12, "", ERR_DIRECTORY_LIMIT},
        {8, "00002028: LdapErr: DSID-0C0901FC", ERR_DIRECTORY_UNAVAILABLE},
        {51, "", ERR_DIRECTORY_UNAVAILABLE},
        {52, "", ERR_DIRECTORY_UNAVAILABLE},
        {LDAP_SERVER_DOWN, "", ERR_DIRECTORY_UNAVAILABLE},
        {LDAP_CONNECT_ERROR, "", ERR_DIRECTORY_UNAVAILABLE},
        {LDAP_TIMEOUT, "", ERR_DIRECTORY_UNAVAILABLE},
        {80, "error in module samldb: Other during LDB_DELETE (80)", ERR_DIRECTORY_REFUSED},
        {80, "", ERR_INTERNAL},
        {LDAP_ENCODING_ERROR, "", ERR_INTERNAL},
        {12345, "", ERR_INTERNAL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct error *error = make_error(arena, cases[i].code, cases[i].diagnostic);
        if (error->id != cases[i].id) {
            FAIL("%d \"%s\" means %d", cases[i].code, cases[i].diagnostic, (int)error->id);
        }
        assert_non_null(strstr(error->cause, "modify"));
    }
}

static void assert_field(struct arena *arena, const char *diagnostic, const char *field)
{
    const struct error *error = make_error(arena, 21, diagnostic);
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
    const struct error *error = make_error(arena, 53, "no, never");
    assert_null(error->details->field);
    assert_string_equal(error->details->argument, "no, never");
    assert_null(make_error(arena, 53, "")->details);
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
        ARENA_TEST(error_names_the_field_of_the_attribute_in_the_diagnostic),
        ARENA_TEST(rejected_operation_carries_the_diagnostic_message),
        cmocka_unit_test(bind_diagnostic_is_translated_into_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
