/*
 * User attributes: parses DIRECTORY_USER_ATTRIBUTES, and compares it with the schema of the
 * directory.
 *
 * Clients that may change users could take over an account with some attributes, or read secrets
 * from others. The schema marks most of these (confidential, system-only); the list below has the
 * others.
 */
#include "directory/user_attributes.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/log.h"
#include "base/number.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ctype.h>
#include <inttypes.h>
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

enum {
    ATTRIBUTE_NAME_MAX = 64,
    TEXT_LENGTH_MAX = 65535, /* UTF-16 units */
};

#define SETTING "DIRECTORY_USER_ATTRIBUTES"

/* --- attributes that clients must not have --------------------------------------------------- */

/* Attributes that hold secrets, and attributes that decide as whom someone logs in or which rights
 * an account has. A name that ends with an asterisk stands for all names that begin with it. */
static const char *const forbidden[] = {
    "unicodePwd",
    "userPassword",
    "unixUserPassword",
    "dBCSPwd",
    "lmPwdHistory",
    "ntPwdHistory",
    "supplementalCredentials",
    "currentValue",
    "priorValue",
    "initialAuth*",
    "trustAuth*",
    "ms-Mcs-*",
    "msLAPS*",
    "msFVE-*",
    "msPKI*",
    "msDS-ManagedPassword*",
    "msDS-ExecuteScriptPassword",
    "msDS-KeyCredentialLink",
    "msDS-AllowedTo*",
    "msDS-GroupMSAMembership",
    "msDS-SupportedEncryptionTypes",
    "msDS-AssignedAuthN*",
    "msSFU30Password",
    "nTSecurityDescriptor",
    "servicePrincipalName",
    "altSecurityIdentities",
    "objectSid",
    "sIDHistory",
    "objectClass",
    "objectCategory",
    "objectGUID",
    "adminCount",
    "isCriticalSystemObject",
    "primaryGroupID",
    "groupType",
    "member",
    "memberOf",
    "tokenGroups*",
    "sAMAccountType",
    "userParameters",
    "logonHours",
    "lockoutTime",
    "pwdLastSet",
    "badPwdCount",
    "dNSHostName",
    "name",
    "distinguishedName",
    "thumbnailPhoto",
    "jpegPhoto",
};

static bool is_forbidden(const char *name)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        size_t length = strlen(forbidden[i]);
        bool prefix = forbidden[i][length - 1] == '*';
        if (prefix ? !strncasecmp(name, forbidden[i], length - 1)
                   : !strcasecmp(name, forbidden[i])) {
            return true;
        }
    }
    return false;
}

/* --- parsing --------------------------------------------------------------------------------- */

/* A type of an attribute. */
struct attribute_type {
    const char *name;
    enum field_type type;
    enum codec codec;
    int64_t min, max;            /* bounds; of a text, the setting has the maximum */
    const char *const *syntaxes; /* attributeSyntax in the schema (MS-ADTS 3.1.1.2.2.2) */
    const char *example;
};

static const struct attribute_type attribute_types[] = {
    {"text", FIELD_STRING, CODEC_TEXT, 1, 0,
     (const char *const[]){"2.5.5.12", "2.5.5.5", "2.5.5.4", "2.5.5.3", "2.5.5.6", NULL}, NULL},
    {"integer", FIELD_INTEGER, CODEC_INTEGER, INT32_MIN, INT32_MAX,
     (const char *const[]){"2.5.5.9", NULL}, "1"},
    {"boolean", FIELD_BOOLEAN, CODEC_TRUTH, 0, 0, (const char *const[]){"2.5.5.8", NULL}, "true"},
    {"time", FIELD_TIME, CODEC_TIME, 0, 0, (const char *const[]){"2.5.5.11", NULL},
     "\"2026-11-20T12:34:56.000Z\""},
};

enum { TYPES = sizeof attribute_types / sizeof *attribute_types };

static const struct attribute_type *find_type(const char *name)
{
    for (size_t i = 0; name && i < TYPES; i++) {
        if (!strcmp(attribute_types[i].name, name)) {
            return &attribute_types[i];
        }
    }
    return NULL;
}

/* True for a name of an attribute (RFC 4512 1.4: keystring). */
static bool is_attribute_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (!isascii((unsigned char)name[i]) ||
            (!isalnum((unsigned char)name[i]) && name[i] != '-')) {
            return false;
        }
    }
    return length && length <= ATTRIBUTE_NAME_MAX && isalpha((unsigned char)*name);
}

/* Parses the maximum length of a text. Returns 0 if it is invalid. */
static int64_t parse_length(const char *text)
{
    char *end = NULL;
    long length = text && isdigit((unsigned char)*text) ? strtol(text, &end, DECIMAL) : 0;
    return length > 0 && length <= TEXT_LENGTH_MAX && !*end ? length : 0;
}

static bool is_repeated(const struct field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcasecmp(fields[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Returns what is wrong with an attribute; NULL if it is valid. */
static const char *find_fault(const char *name, const char *type_name, const char *length,
                              const char *rest)
{
    const struct attribute_type *type = find_type(type_name);
    bool is_text = type && type->type == FIELD_STRING;
    if (!is_attribute_name(name)) {
        return "is not the name of an attribute";
    }
    if (!type) {
        return "must have one of the types text, integer, boolean, time";
    }
    if (is_text && !parse_length(length)) {
        return "must have a maximum length from 1 to 65535, as in name:text:1024";
    }
    if (rest || (!is_text && length)) {
        return "has too many parts: only the type text has a maximum length";
    }
    return is_forbidden(name)
               ? "is not allowed: it holds a secret, decides about the rights of an account, or "
                 "is changed by calls of its own"
               : NULL;
}

static struct field make_field(struct arena *arena, const char *name,
                               const struct attribute_type *type, const char *length)
{
    const char *text = arena_string(arena, name);
    bool is_text = type->type == FIELD_STRING;
    return (struct field){
        .name = text,
        .type = type->type,
        .flags = FIELD_NULLABLE | FIELD_ON_REQUEST | (is_text ? FIELD_TRIMMED : 0),
        .min = type->min,
        .max = is_text ? parse_length(length) : type->max,
        .attribute = text,
        .codec = type->codec,
        .about = {arena_format(arena, "Атрибут каталога %s", text),
                  arena_format(arena, "The attribute %s of the directory", text)},
        .example = type->example,
    };
}

size_t user_attributes_parse(const struct config *config, struct arena *arena,
                             struct field fields_r[USER_ATTRIBUTES_MAX], struct buffer *faults)
{
    size_t count = 0;
    char *rest = arena_string(arena, config->directory_user_attributes);
    for (char *part; (part = strsep(&rest, ", \t"));) {
        if (!*part) {
            continue;
        }
        char *at = arena_string(arena, part);
        const char *name = strsep(&at, ":"), *type = strsep(&at, ":"), *length = strsep(&at, ":");
        const char *fault = find_fault(name, type, length, at);
        if (!fault && is_repeated(fields_r, count, name)) {
            fault = "is named twice";
        } else if (!fault && count == USER_ATTRIBUTES_MAX) {
            fault = "is one too many: at most 32 attributes are allowed";
        }
        if (fault) {
            buffer_format(faults, SETTING ": %s %s\n", part, fault);
        } else {
            fields_r[count++] = make_field(arena, name, find_type(type), length);
        }
    }
    return count;
}

/* --- the schema ------------------------------------------------------------------------------ */

/* Bits of searchFlags (MS-ADTS 2.2.10) and of systemFlags (MS-ADTS 2.2.11). */
enum { CONFIDENTIAL = 0x80, FILTERED = 0x200, CONSTRUCTED = 0x4 };

static bool has_value(const struct raw_entry *raw, const char *name, const char *value)
{
    const struct attribute *attribute = attribute_get(raw, name);
    return attribute && !strcasecmp(attribute->values->bv_val, value);
}

static bool has_any_bit(const struct raw_entry *raw, const char *name, int64_t mask)
{
    int64_t bits;
    return attribute_integer(raw, name, &bits) && (bits & mask);
}

static bool has_syntax(const struct raw_entry *raw, const struct field *field)
{
    for (size_t i = 0; i < TYPES; i++) {
        for (size_t j = 0; attribute_types[i].type == field->type && attribute_types[i].syntaxes[j];
             j++) {
            if (has_value(raw, "attributeSyntax", attribute_types[i].syntaxes[j])) {
                return true;
            }
        }
    }
    return false;
}

/* Appends what is wrong with an attribute, whose definition in the schema is `raw`. */
static void compare_with_schema(const struct raw_entry *raw, const struct field *field,
                                struct buffer *faults)
{
    int64_t longest;
    const char *fault = NULL;
    if (has_any_bit(raw, "searchFlags", CONFIDENTIAL | FILTERED)) {
        fault = "is confidential in the schema of the directory";
    } else if (has_value(raw, "systemOnly", "TRUE") ||
               has_any_bit(raw, "systemFlags", CONSTRUCTED)) {
        fault = "can be written by the directory only";
    } else if (!has_value(raw, "isSingleValued", "TRUE")) {
        fault = "has several values, which is not supported";
    } else if (!has_syntax(raw, field)) {
        fault = "has another type in the schema of the directory";
    }
    if (fault) {
        buffer_format(faults, SETTING ": %s %s\n", field->name, fault);
    } else if (field->type == FIELD_STRING && attribute_integer(raw, "rangeUpper", &longest) &&
               longest < field->max) {
        buffer_format(faults, SETTING ": %s has at most %" PRId64 " characters in the schema\n",
                      field->name, longest);
    }
}

static const struct raw_entry *find_definition(const struct answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (has_value(&answer->entries[i], "lDAPDisplayName", name)) {
            return &answer->entries[i];
        }
    }
    return NULL;
}

/* Reads the definitions of the attributes from the schema. */
static struct error *read_definitions(struct directory *directory, struct arena *arena,
                                      const struct field *fields, size_t count,
                                      struct answer *answer)
{
    char *naming[] = {"schemaNamingContext", NULL};
    char *attributes[] = {"lDAPDisplayName", "attributeSyntax", "isSingleValued", "systemOnly",
                          "systemFlags",     "searchFlags",     "rangeUpper",     NULL};
    struct raw_entry root = {0};
    struct buffer filter = {.arena = arena};
    struct error *error = query_object(directory, arena, "", naming, &root);
    const struct attribute *schema = error ? NULL : attribute_get(&root, naming[0]);
    if (!schema) {
        return error ? error : error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "has no schema");
    }
    buffer_add_string(&filter, "(&(objectClass=attributeSchema)(|");
    for (size_t i = 0; i < count; i++) {
        buffer_format(&filter, "(lDAPDisplayName=%s)", fields[i].name);
    }
    buffer_add_string(&filter, "))");
    const struct query search = {
        .base = schema->values->bv_val,
        .scope = LDAP_SCOPE_ONELEVEL,
        .filter = filter.bytes,
        .attributes = attributes,
    };
    error = query_run(directory, arena, &search, answer);
    return error || answer->code == LDAP_SUCCESS ? error
                                                 : result_error(arena, answer, NULL, "schema");
}

/* Reads the names of all attributes that a user may have, from any user. *allowed_r is NULL if
 * there is no user. */
static struct error *read_allowed(struct directory *directory, struct arena *arena,
                                  const struct attribute **allowed_r)
{
    char *attributes[] = {"allowedAttributes", NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = DIRECTORY_USER_FILTER,
        .attributes = attributes,
        .size_limit = 1,
        .controls = controls,
    };
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    *allowed_r = !error && answer.count ? attribute_get(answer.entries, "allowedAttributes") : NULL;
    return error;
}

static bool is_allowed(const struct attribute *allowed, const char *name)
{
    for (size_t i = 0; i < allowed->count; i++) {
        if (!strcasecmp(allowed->values[i].bv_val, name)) {
            return true;
        }
    }
    return false;
}

/* Appends what is wrong with an attribute of the setting. */
static void verify_attribute(const struct answer *definitions, const struct attribute *allowed,
                             const struct field *field, struct buffer *faults)
{
    const struct raw_entry *definition = find_definition(definitions, field->name);
    if (!definition) {
        buffer_format(faults, SETTING ": %s is not in the schema of the directory\n", field->name);
    } else if (allowed && !allowed->next && !is_allowed(allowed, field->name)) {
        buffer_format(faults, SETTING ": %s is not an attribute of users\n", field->name);
    } else {
        compare_with_schema(definition, field, faults);
    }
}

struct error *user_attributes_verify(struct directory *directory, struct arena *arena,
                                     struct buffer *faults, uint32_t *unfit_r)
{
    struct field *fields = arena_array(arena, USER_ATTRIBUTES_MAX, sizeof *fields);
    struct buffer ignored = {.arena = arena};
    size_t count = user_attributes_parse(connection_config(directory), arena, fields, &ignored);
    const struct attribute *allowed = NULL;
    struct answer answer = {.count = 0};
    *unfit_r = 0;
    if (!count) {
        return NULL;
    }
    connection_begin_call(directory);
    struct error *error = read_definitions(directory, arena, fields, count, &answer);
    if (!error) {
        error = read_allowed(directory, arena, &allowed);
    }
    for (size_t i = 0; !error && i < count; i++) {
        size_t before = faults->length;
        verify_attribute(&answer, allowed, &fields[i], faults);
        *unfit_r |= faults->length > before ? UINT32_C(1) << i : 0;
    }
    return error;
}

/* --- at run time ----------------------------------------------------------------------------- */

struct verified {
    bool done;
};

static void clear_verified(void *data)
{
    *(struct verified *)data = (struct verified){0};
}

static const struct cache_kind verified_kind = {
    .size = sizeof(struct verified),
    .clear = clear_verified,
};

struct error *user_attributes_warn(struct directory *directory, struct arena *arena)
{
    struct verified *verified = connection_cache(directory, &verified_kind);
    struct buffer faults = {.arena = arena};
    uint32_t unfit;
    if (verified->done) {
        return NULL;
    }
    struct error *error = user_attributes_verify(directory, arena, &faults, &unfit);
    verified->done = !error;
    for (char *rest = faults.bytes, *line; !error && (line = strsep(&rest, "\n"));) {
        if (*line) {
            log_error("%s", line);
        }
    }
    return error;
}

bool directory_verify_attributes(const struct config *config, struct buffer *faults,
                                 struct buffer *warnings)
{
    size_t before = faults->length;
    if (!*config->ldap_server || !*config->directory_user_attributes) {
        return true;
    }
    struct arena *arena = arena_new();
    struct directory *directory = directory_new(config);
    uint32_t unfit;
    const struct error *error = user_attributes_verify(directory, arena, faults, &unfit);
    if (error) {
        buffer_format(warnings,
                      SETTING ": not compared with the schema, because the directory does not "
                              "answer: %s\n",
                      error->cause ? error->cause : "unknown cause");
    }
    directory_free(&directory);
    arena_free(&arena);
    return faults->length == before;
}
