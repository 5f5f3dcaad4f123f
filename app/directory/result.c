/*
 * Result: converts LDAP result codes to errors of the API.
 *
 * RFC 4511 defines the result codes. Active Directory begins its diagnostic message with a Windows
 * error code in hexadecimal (MS-ADTS 3.1.1.3.1.9), and Samba does so in most cases.
 */
#include "directory/result.h"

#include "base/field.h"
#include "directory/operation.h"

#include <ctype.h>
#include <ldap.h>
#include <string.h>

/* --- reasons of refused binds ---------------------------------------------------------------- */

struct bind_reason {
    const char *data; /* "52e" of "AcceptSecurityContext error, data 52e, v4563" */
    const char *text;
};

static const struct bind_reason bind_reasons[] = {
    {"525", "no such user"},
    {"52e", "wrong password"},
    {"530", "not allowed to log in at this time"},
    {"531", "not allowed to log in from here"},
    {"532", "the password has expired"},
    {"533", "the account is disabled"},
    {"568", "in too many groups"},
    {"701", "the account has expired"},
    {"773", "the password must be changed"},
    {"775", "the account is locked"},
};

const char *result_bind_reason(const char *diagnostic)
{
    static const char mark[] = "data ";
    const char *data = strstr(diagnostic, mark);
    for (size_t i = 0; data && i < sizeof bind_reasons / sizeof *bind_reasons; i++) {
        size_t length = strlen(bind_reasons[i].data);
        const char *code = data + strlen(mark);
        if (!strncasecmp(code, bind_reasons[i].data, length) &&
            !isalnum((unsigned char)code[length])) {
            return bind_reasons[i].text;
        }
    }
    return "unknown reason";
}

/* --- other operations ------------------------------------------------------------------------ */

struct meaning {
    int code;
    const char *windows; /* text that the diagnostic message contains; NULL: any */
    enum error_id id;
};

/* The first matching row applies. Codes without a row, and most results 80 (other), are
 * ERR_INTERNAL. */
static const struct meaning meanings[] = {
    {LDAP_NO_SUCH_OBJECT, NULL, ERR_NOT_FOUND},
    {LDAP_REFERRAL, NULL, ERR_NOT_FOUND}, /* the object belongs to another naming context */
    {LDAP_ALREADY_EXISTS, NULL, ERR_ALREADY_EXISTS},
    {LDAP_NOT_ALLOWED_ON_NONLEAF, NULL, ERR_NOT_EMPTY},
    {LDAP_UNWILLING_TO_PERFORM, "non-leaf", ERR_NOT_EMPTY}, /* Samba */
    {LDAP_CONSTRAINT_VIOLATION, "0000052D", ERR_PASSWORD_POLICY},
    {LDAP_UNWILLING_TO_PERFORM, "0000052D", ERR_PASSWORD_POLICY},
    {LDAP_CONSTRAINT_VIOLATION, "000021C7", ERR_ALREADY_EXISTS}, /* SPN not unique in the forest */
    {LDAP_CONSTRAINT_VIOLATION, "000021C8", ERR_ALREADY_EXISTS}, /* UPN not unique in the forest */
    {LDAP_CONSTRAINT_VIOLATION, "already in use", ERR_ALREADY_EXISTS}, /* Samba: SPN or UPN */
    {LDAP_NO_SUCH_ATTRIBUTE, NULL, ERR_CONFLICT},
    {LDAP_TYPE_OR_VALUE_EXISTS, NULL, ERR_CONFLICT},
    {LDAP_UNDEFINED_TYPE, NULL, ERR_DIRECTORY_INVALID},
    {LDAP_CONSTRAINT_VIOLATION, NULL, ERR_DIRECTORY_INVALID},
    {LDAP_INVALID_SYNTAX, NULL, ERR_DIRECTORY_INVALID},
    {LDAP_INVALID_DN_SYNTAX, NULL, ERR_DIRECTORY_INVALID},
    {LDAP_NAMING_VIOLATION, NULL, ERR_DIRECTORY_INVALID},
    {LDAP_OBJECT_CLASS_VIOLATION, NULL, ERR_DIRECTORY_INVALID},
    {LDAP_NOT_ALLOWED_ON_RDN, NULL, ERR_DIRECTORY_INVALID},
    {LDAP_INSUFFICIENT_ACCESS, NULL, ERR_DIRECTORY_FORBIDDEN},
    {LDAP_UNWILLING_TO_PERFORM, NULL, ERR_DIRECTORY_REFUSED},
    {LDAP_AFFECTS_MULTIPLE_DSAS, NULL, ERR_DIRECTORY_REFUSED},
    {LDAP_NO_OBJECT_CLASS_MODS, NULL, ERR_DIRECTORY_REFUSED},
    {LDAP_OTHER, "LDB_DELETE", ERR_DIRECTORY_REFUSED}, /* Samba: deletes no built-in accounts */
    {LDAP_TIMELIMIT_EXCEEDED, NULL, ERR_DIRECTORY_LIMIT},
    {LDAP_SIZELIMIT_EXCEEDED, NULL, ERR_DIRECTORY_LIMIT},
    {LDAP_ADMINLIMIT_EXCEEDED, NULL, ERR_DIRECTORY_LIMIT},
    {LDAP_UNAVAILABLE_CRITICAL_EXTENSION, NULL, ERR_DIRECTORY_LIMIT}, /* too many entries to sort */
    {LDAP_VLV_ERROR, NULL, ERR_DIRECTORY_LIMIT},
    {LDAP_INVALID_CREDENTIALS, NULL, ERR_DIRECTORY_CREDENTIALS},
    {LDAP_STRONG_AUTH_REQUIRED, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_CONFIDENTIALITY_REQUIRED, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_OPERATIONS_ERROR, NULL, ERR_DIRECTORY_UNAVAILABLE}, /* "a successful bind must be …" */
    {LDAP_BUSY, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_UNAVAILABLE, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_SERVER_DOWN, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_CONNECT_ERROR, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_TIMEOUT, NULL, ERR_DIRECTORY_UNAVAILABLE},
};

static enum error_id map_result(const struct answer *answer)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        const struct meaning *row = &meanings[i];
        if (row->code == answer->code &&
            (!row->windows || strcasestr(answer->diagnostic, row->windows))) {
            return row->id;
        }
    }
    return ERR_INTERNAL;
}

/* Finds `name` in the message where it is preceded by a character of `before` and followed by the
 * character of `after` at the same index. NULL if there is no such place. */
static const char *find_delimited_name(const char *diagnostic, const char *name, const char *before,
                                       const char *after)
{
    size_t length = strlen(name);
    for (const char *at = diagnostic; (at = strcasestr(at, name)) != NULL; at++) {
        for (size_t i = 0; before[i]; i++) {
            if (at > diagnostic && at[-1] == before[i] && at[length] == after[i]) {
                return at;
            }
        }
    }
    return NULL;
}

/* Adds a detail for each field whose attribute the server rejects: all attributes that it quotes,
 * as in "Att 9000d (mail)" or "attribute 'mail'", or else the first that it mentions, as in
 * "sAMAccountName contains …". */
static void add_rejected_fields(struct error *error, const char *diagnostic,
                                const struct field *fields)
{
    const struct field *first = NULL;
    const char *first_at = NULL, *last = "";
    for (const struct field *field = fields; field && field->name; field++) {
        if (!field->attribute || !strcmp(field->attribute, last)) {
            continue;
        }
        last = field->attribute;
        if (find_delimited_name(diagnostic, field->attribute, "('\"", ")'\"")) {
            error_detail(error, field->name, FAULT_REJECTED_BY_DIRECTORY, NULL);
        }
        const char *at = find_delimited_name(diagnostic, field->attribute, "  ", " :");
        if (at && (!first_at || at < first_at)) {
            first = field;
            first_at = at;
        }
    }
    if (first && !error->details) {
        error_detail(error, first->name, FAULT_REJECTED_BY_DIRECTORY, NULL);
    }
}

struct error *result_error(struct arena *arena, const struct answer *answer,
                           const struct field *fields, const char *operation)
{
    enum error_id id = map_result(answer);
    struct error *error = error_new(arena, id, "%s: LDAP result %d, %s%s%s", operation,
                                    answer->code, ldap_err2string(answer->code),
                                    *answer->diagnostic ? ": " : "", answer->diagnostic);
    if (id == ERR_DIRECTORY_INVALID) {
        add_rejected_fields(error, answer->diagnostic, fields);
    } else if (id == ERR_DIRECTORY_REFUSED && *answer->diagnostic) {
        error_detail(error, NULL, FAULT_NONE, answer->diagnostic);
    }
    return error;
}

struct error *result_connection_lost(struct arena *arena, const struct operation *operation,
                                     const char *cause)
{
    enum error_id id = operation->writes ? ERR_OUTCOME_UNKNOWN : ERR_DIRECTORY_UNAVAILABLE;
    return error_new(arena, id, "%s: the connection was lost%s%s", operation->name,
                     cause ? ", then: " : "", cause ? cause : "");
}
