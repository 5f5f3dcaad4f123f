/* See predict.h. */
#include "directory/predict.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "directory/attribute.h"
#include "directory/changes.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/domain.h"
#include "directory/intent.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/plan.h"
#include "directory/policy.h"
#include "directory/primary.h"
#include "directory/query.h"
#include "directory/result.h"
#include "directory/taken.h"

#include <inttypes.h>
#include <string.h>

enum { CLASSES_REQUIRED = 3 }; /* classes of characters in a complex password: MS-SAMR 3.1.1.7.2 */

/* --- rights of the service account ----------------------------------------------------------- */

static bool has_text(const struct attribute *attribute, const char *text)
{
    for (size_t i = 0; attribute && i < attribute->count; i++) {
        if (!strcasecmp(attribute->values[i].bv_val, text)) {
            return true;
        }
    }
    return false;
}

struct error *predict_creation_right(struct directory *directory, struct arena *arena,
                                     const struct directory_class *class, const char *parent_dn,
                                     bool *allowed_r)
{
    char *attributes[] = {"allowedChildClassesEffective", NULL};
    struct raw_entry parent = {0};
    size_t last = 0;
    struct error *error = query_object(directory, arena, parent_dn, attributes, &parent);
    while (class->object_classes[last + 1]) {
        last++;
    }
    *allowed_r =
        !error && has_text(attribute_get(&parent, attributes[0]), class->object_classes[last]);
    return error;
}

static struct error *check_creation_right(struct directory *directory, struct arena *arena,
                                          const struct directory_class *class,
                                          const char *parent_dn)
{
    bool allowed;
    struct error *error = predict_creation_right(directory, arena, class, parent_dn, &allowed);
    return error || allowed ? error
                            : error_new(arena, ERR_DIRECTORY_FORBIDDEN,
                                        "no right to create the object below %s", parent_dn);
}

/* Reads the attributes that the service account may write. */
static struct error *read_writable(struct directory *directory, struct arena *arena,
                                   const char *guid, const struct attribute **writable_r)
{
    char *attributes[] = {"allowedAttributesEffective", NULL};
    struct raw_entry raw = {0};
    struct error *error =
        query_object(directory, arena, query_guid_dn(arena, guid), attributes, &raw);
    *writable_r = error ? NULL : attribute_get(&raw, attributes[0]);
    return error;
}

static struct error *report_unwritable(struct arena *arena, const char *attribute)
{
    return error_new(arena, ERR_DIRECTORY_FORBIDDEN, "no right to write %s", attribute);
}

struct error *predict_write(struct directory *directory, struct arena *arena, const char *guid,
                            const char *attribute)
{
    const struct attribute *writable;
    if (!intent_is_dry_run(directory)) {
        return NULL;
    }
    struct error *error = read_writable(directory, arena, guid, &writable);
    return error || has_text(writable, attribute) ? error : report_unwritable(arena, attribute);
}

/* Checks the rights to write the attributes of the modifications, except for that of the password:
 * its reset is a right of its own. */
static struct error *check_attribute_rights(struct directory *directory, struct arena *arena,
                                            const struct plan_update *update)
{
    const struct attribute *writable;
    if (!update->mods) {
        return NULL;
    }
    struct error *error = read_writable(directory, arena, update->guid, &writable);
    for (LDAPMod **mod = update->mods; !error && *mod; mod++) {
        const char *name = (*mod)->mod_type;
        if (strcasecmp(name, "unicodePwd") != 0 && !has_text(writable, name)) {
            error = report_unwritable(arena, name);
        }
    }
    return error;
}

/* --- passwords ------------------------------------------------------------------------------- */

/* The classes of characters of a password. */
struct classes {
    bool digit, upper, lower, symbol, other;
};

/* True for the characters of alphabets with two cases that are not ASCII: Latin without ÷, Greek,
 * Cyrillic and Armenian. */
static bool has_two_cases(int32_t character)
{
    return (character >= 0xDF && character <= 0x24F && character != 0xF7) ||
           (character >= 0x370 && character <= 0x58F);
}

/* Classifies a character of several bytes. Other characters than letters of two cases are a class
 * of their own. */
static void classify_letter(struct arena *arena, const char *text, int32_t character,
                            struct classes *classes)
{
    if (strcmp(fold_text(arena, text), fold_compose(arena, text)) != 0) {
        classes->upper = true;
    } else if (has_two_cases(character)) {
        classes->lower = true;
    } else {
        classes->other = true;
    }
}

static void classify_ascii(int32_t c, struct classes *classes)
{
    if (c >= '0' && c <= '9') {
        classes->digit = true;
    } else if (c >= 'A' && c <= 'Z') {
        classes->upper = true;
    } else if (c >= 'a' && c <= 'z') {
        classes->lower = true;
    } else {
        classes->symbol |= c > ' ';
    }
}

static int count_character_classes(struct arena *arena, const char *password)
{
    struct classes classes = {0};
    size_t length = strlen(password);
    for (size_t at = 0, start = 0; start < length; start = at) {
        int32_t character = utf8_next(password, length, &at);
        if (at - start == 1) {
            classify_ascii(character, &classes);
        } else {
            classify_letter(arena, arena_copy(arena, password + start, at - start), character,
                            &classes);
        }
    }
    return classes.digit + classes.upper + classes.lower + classes.symbol + classes.other;
}

/* Checks the length and the complexity of the new password by the policy of the account; `guid` is
 * NULL for a new one. The service account may be unable to read the policy. */
static struct error *check_password_rules(struct directory *directory, struct arena *arena,
                                          const char *guid, const struct directory_changes *changes)
{
    char *attributes[] = {"msDS-ResultantPSO", NULL};
    const char *password = changes->password;
    struct raw_entry account = {0};
    const struct domain *domain;
    struct directory_policy policy;
    if (!password) {
        return NULL;
    }
    struct error *error = domain_get(directory, arena, &domain);
    if (!error && guid) {
        error = query_object(directory, arena, query_guid_dn(arena, guid), attributes, &account);
    }
    if (!error) {
        error = policy_read(directory, arena, arena_string(arena, domain->dn), &account, &policy);
    }
    if (error) {
        return error;
    }
    bool is_short = (int64_t)utf8_utf16_units(password, strlen(password)) < policy.min_length;
    bool is_simple =
        policy.complexity == 1 && count_character_classes(arena, password) < CLASSES_REQUIRED;
    return is_short || is_simple ? error_new(arena, ERR_PASSWORD_POLICY, "the password is too %s",
                                             is_short ? "short" : "simple")
                                 : NULL;
}

/* --- additions and changes ------------------------------------------------------------------- */

/* Fails if another object has the DN. */
static struct error *check_free_dn(struct directory *directory, struct arena *arena,
                                   const struct directory_class *class,
                                   const struct directory_changes *changes, const char *own_guid,
                                   const char *dn)
{
    char *attributes[] = {"objectGUID", NULL};
    struct raw_entry other = {0};
    const char *guid;
    struct error *error = query_object(directory, arena, dn, attributes, &other);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    const struct attribute *attribute = attribute_get(&other, "objectGUID");
    if (own_guid && attribute && codec_guid(arena, attribute->values, &guid) &&
        !strcmp(guid, own_guid)) {
        return NULL;
    }
    return taken_explain(directory, arena, class, changes, own_guid, dn,
                         error_new(arena, ERR_ALREADY_EXISTS, "%s exists", other.dn));
}

struct error *predict_addition(struct directory *directory, struct arena *arena,
                               const struct plan_addition *addition, const char *parent_dn)
{
    const struct directory_class *class = addition->class;
    const struct directory_changes *changes = addition->changes;
    if (!intent_is_dry_run(directory)) {
        return NULL;
    }
    struct error *error = check_creation_right(directory, arena, class, parent_dn);
    if (!error) {
        error = check_free_dn(directory, arena, class, changes, NULL, addition->dn);
    }
    if (!error) {
        error = taken_find(directory, arena, class, changes, NULL);
    }
    return error ? error : check_password_rules(directory, arena, NULL, changes);
}

/* Checks the new place of an entry. */
static struct error *check_new_place(struct directory *directory, struct arena *arena,
                                     const struct plan_update *update)
{
    const char *old_parent = names_parent(arena, update->dn);
    const char *dn = arena_format(arena, "%s,%s", update->rdn, update->parent);
    if (names_is_within(update->parent, update->dn)) {
        return error_new(arena, ERR_DIRECTORY_REFUSED, "the new parent is within the object");
    }
    struct error *error =
        old_parent && names_equal(old_parent, update->parent)
            ? NULL
            : check_creation_right(directory, arena, update->class, update->parent);
    return error
               ? error
               : check_free_dn(directory, arena, update->class, update->changes, update->guid, dn);
}

struct error *predict_update(struct directory *directory, struct arena *arena,
                             const struct plan_update *update)
{
    struct error *error = NULL;
    if (!intent_is_dry_run(directory)) {
        return NULL;
    }
    if (update->rdn) {
        error = check_new_place(directory, arena, update);
    }
    if (!error) {
        error = check_attribute_rights(directory, arena, update);
    }
    if (!error) {
        error = taken_find(directory, arena, update->class, update->changes, update->guid);
    }
    return error ? error : check_password_rules(directory, arena, update->guid, update->changes);
}

/* --- deletions ------------------------------------------------------------------------------- */

/* Sets *found_r if an object matches the search. */
static struct error *search_any(struct directory *directory, struct arena *arena, const char *base,
                                int scope, const char *filter, bool *found_r)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const struct query search = {
        .base = base,
        .scope = scope,
        .filter = filter,
        .attributes = attributes,
        .size_limit = 1,
        .controls = controls,
    };
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    bool complete =
        !error && (answer.code == LDAP_SUCCESS || answer.code == LDAP_SIZELIMIT_EXCEEDED);
    *found_r = complete && answer.count;
    return error || complete ? error : result_error(arena, &answer, NULL, "search");
}

/* Fails if the object is the primary group of an account. */
static struct error *check_primary_members(struct directory *directory, struct arena *arena,
                                           const char *guid, const struct raw_entry *raw)
{
    const char *base = connection_config(directory)->ldap_base_dn;
    const char *domain = names_domain(arena, base);
    int64_t rid = attribute_get(raw, "groupType") ? primary_group_rid(arena, raw) : 0;
    bool found;
    if (!rid) {
        return NULL;
    }
    struct error *error =
        search_any(directory, arena, domain ? domain : base, LDAP_SCOPE_SUBTREE,
                   arena_format(arena, "(primaryGroupID=%" PRId64 ")", rid), &found);
    if (error || !found) {
        return error;
    }
    error = error_new(arena, ERR_HAS_PRIMARY_MEMBERS, "members by primary group");
    primary_name_members(directory, arena, query_guid_dn(arena, guid), error);
    return error;
}

struct error *predict_deletion(struct directory *directory, struct arena *arena, const char *guid,
                               const struct raw_entry *raw, bool with_tree)
{
    struct error *error = NULL;
    bool found = false;
    if (!intent_is_dry_run(directory)) {
        return NULL;
    }
    if (!with_tree) {
        error = search_any(directory, arena, query_guid_dn(arena, guid), LDAP_SCOPE_ONELEVEL, NULL,
                           &found);
    }
    if (!error && found) {
        error = error_new(arena, ERR_NOT_EMPTY, "objects below");
    }
    return error ? error : check_primary_members(directory, arena, guid, raw);
}
