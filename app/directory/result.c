/*
 * Result: converts LDAP result codes to errors of the API.
 *
 * RFC 4511 defines the result codes. Active Directory begins its diagnostic message with a Windows
 * error code in hexadecimal (MS-ADTS 3.1.1.3.1.9), and Samba does so in most cases. One result code
 * means different things after different operations: 68 (already exists) can refuse a deletion. So
 * there is a table for each operation, and one for the results that always mean the same.
 */
#include "directory/result.h"

#include "base/field.h"
#include "directory/operation.h"

#include <ctype.h>
#include <ldap.h>
#include <string.h>

enum { WINDOWS_CODE_DIGITS = 8 };

/* --- binds ----------------------------------------------------------------------------------- */

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
    int code;         /* ANY_CODE: any */
    const char *text; /* text that the diagnostic message contains; NULL: any */
    enum error_id id;
};

enum { ANY_CODE = -1000 }; /* libldap's own codes are negative, too */

/* Windows error codes (MS-ERREF 2.2) at the beginning of diagnostic messages. */
#define MEMBERS_PRIMARY_GROUP "0000055E"
#define PASSWORD_RESTRICTION "0000052D"
#define NO_PARENT_OBJECT "00002089"
#define SPN_NOT_UNIQUE "000021C7"    /* in the forest */
#define UPN_NOT_UNIQUE "000021C8"    /* in the forest */
#define NOT_AUTHENTICATED "000004DC" /* the server has lost the state of the bind */

#define LAST_MEANING                                                                               \
    {                                                                                              \
        .id = ERR_COUNT                                                                            \
    }

static const struct meaning search_meanings[] = {
    {LDAP_TIMELIMIT_EXCEEDED, NULL, ERR_DIRECTORY_LIMIT},
    {LDAP_SIZELIMIT_EXCEEDED, NULL, ERR_DIRECTORY_LIMIT},
    {LDAP_ADMINLIMIT_EXCEEDED, NULL, ERR_DIRECTORY_LIMIT},
    {LDAP_UNAVAILABLE_CRITICAL_EXTENSION, NULL, ERR_DIRECTORY_LIMIT}, /* too many to sort */
    {LDAP_VLV_ERROR, NULL, ERR_DIRECTORY_LIMIT},
    LAST_MEANING,
};

/* The parent is the only object that an addition needs. */
static const struct meaning add_meanings[] = {
    {LDAP_NO_SUCH_OBJECT, NULL, ERR_PARENT_NOT_FOUND},
    {LDAP_REFERRAL, NULL, ERR_PARENT_NOT_FOUND},
    {LDAP_ALREADY_EXISTS, NULL, ERR_ALREADY_EXISTS},
    {LDAP_NO_SUCH_ATTRIBUTE, NULL, ERR_DIRECTORY_INVALID}, /* an unknown objectClass */
    {LDAP_TYPE_OR_VALUE_EXISTS, NULL, ERR_DIRECTORY_INVALID},
    LAST_MEANING,
};

static const struct meaning modify_meanings[] = {
    {LDAP_ALREADY_EXISTS, NULL, ERR_ALREADY_EXISTS}, /* sAMAccountName */
    {LDAP_NO_SUCH_ATTRIBUTE, NULL, ERR_CONFLICT},
    {LDAP_TYPE_OR_VALUE_EXISTS, NULL, ERR_CONFLICT},
    LAST_MEANING,
};

static const struct meaning rename_meanings[] = {
    {ANY_CODE, NO_PARENT_OBJECT, ERR_PARENT_NOT_FOUND},
    {LDAP_OTHER, "parent does not exist", ERR_PARENT_NOT_FOUND}, /* Samba */
    {LDAP_ALREADY_EXISTS, NULL, ERR_ALREADY_EXISTS},
    LAST_MEANING,
};

static const struct meaning delete_meanings[] = {
    {ANY_CODE, MEMBERS_PRIMARY_GROUP, ERR_HAS_PRIMARY_MEMBERS},
    {LDAP_ALREADY_EXISTS, NULL, ERR_HAS_PRIMARY_MEMBERS}, /* Samba */
    {LDAP_NOT_ALLOWED_ON_NONLEAF, NULL, ERR_NOT_EMPTY},
    {LDAP_UNWILLING_TO_PERFORM, "non-leaf", ERR_NOT_EMPTY}, /* Samba */
    {LDAP_OTHER, "LDB_DELETE", ERR_DIRECTORY_REFUSED},      /* Samba: a built-in account */
    LAST_MEANING,
};

static const struct meaning *const operation_meanings[OPERATION_COUNT] = {
    [OPERATION_SEARCH] = search_meanings, [OPERATION_ADD] = add_meanings,
    [OPERATION_MODIFY] = modify_meanings, [OPERATION_RENAME] = rename_meanings,
    [OPERATION_DELETE] = delete_meanings,
};

/* Results that mean the same after each operation. */
static const struct meaning common_meanings[] = {
    {LDAP_NO_SUCH_OBJECT, NULL, ERR_NOT_FOUND},
    {LDAP_REFERRAL, NULL, ERR_NOT_FOUND}, /* belongs to another naming context */
    {LDAP_CONSTRAINT_VIOLATION, PASSWORD_RESTRICTION, ERR_PASSWORD_POLICY},
    {LDAP_UNWILLING_TO_PERFORM, PASSWORD_RESTRICTION, ERR_PASSWORD_POLICY},
    {LDAP_CONSTRAINT_VIOLATION, SPN_NOT_UNIQUE, ERR_ALREADY_EXISTS},
    {LDAP_CONSTRAINT_VIOLATION, UPN_NOT_UNIQUE, ERR_ALREADY_EXISTS},
    {LDAP_CONSTRAINT_VIOLATION, "already in use", ERR_ALREADY_EXISTS}, /* Samba: SPN or UPN */
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
    {LDAP_INVALID_CREDENTIALS, NULL, ERR_DIRECTORY_CREDENTIALS},
    {LDAP_STRONG_AUTH_REQUIRED, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_CONFIDENTIALITY_REQUIRED, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_OPERATIONS_ERROR, "bind must", ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_OPERATIONS_ERROR, NOT_AUTHENTICATED, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_TIMELIMIT_EXCEEDED, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_BUSY, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_UNAVAILABLE, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_SERVER_DOWN, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_CONNECT_ERROR, NULL, ERR_DIRECTORY_UNAVAILABLE},
    {LDAP_TIMEOUT, NULL, ERR_DIRECTORY_UNAVAILABLE},
    LAST_MEANING,
};

/* Returns the error of the first matching row; ERR_COUNT if there is none. */
static enum error_id find_meaning(const struct meaning *row, const struct answer *answer)
{
    while (row->id != ERR_COUNT && ((row->code != ANY_CODE && row->code != answer->code) ||
                                    (row->text && !strcasestr(answer->diagnostic, row->text)))) {
        row++;
    }
    return row->id;
}

/* True if the message begins with a Windows error code: "00002095: …". */
static bool has_windows_code(const char *diagnostic)
{
    size_t digits = 0;
    while (isxdigit((unsigned char)diagnostic[digits])) {
        digits++;
    }
    return digits == WINDOWS_CODE_DIGITS && diagnostic[digits] == ':';
}

/* A result without a row is a refusal if the directory gives a Windows error code as its reason,
 * because then it has understood the request and has decided about it. */
static enum error_id map_result(const struct answer *answer)
{
    enum error_id id = find_meaning(operation_meanings[answer->kind], answer);
    if (id == ERR_COUNT) {
        id = find_meaning(common_meanings, answer);
    }
    if (id != ERR_COUNT) {
        return id;
    }
    return has_windows_code(answer->diagnostic)    ? ERR_DIRECTORY_REFUSED
           : answer->code == LDAP_OPERATIONS_ERROR ? ERR_DIRECTORY_UNAVAILABLE
                                                   : ERR_INTERNAL;
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

struct error *result_hide_refusal(struct arena *arena, struct error *error)
{
    bool refused =
        error && (error->id == ERR_DIRECTORY_REFUSED || error->id == ERR_DIRECTORY_INVALID ||
                  error->id == ERR_DIRECTORY_LIMIT);
    return refused ? error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "%s",
                               error->cause ? error->cause : "refused")
                   : error;
}

struct error *result_connection_lost(struct arena *arena, const struct operation *operation,
                                     const char *cause)
{
    enum error_id id =
        operation->kind == OPERATION_SEARCH ? ERR_DIRECTORY_UNAVAILABLE : ERR_OUTCOME_UNKNOWN;
    return error_new(arena, id, "%s: the connection was lost%s%s", operation->name,
                     cause ? ", then: " : "", cause ? cause : "");
}
