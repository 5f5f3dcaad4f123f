/*
 * Taken: finds the objects that already have a name which must be unique.
 *
 * The directory refuses such a name without naming the other object, and its messages do not tell
 * reliably which of the names is taken: Active Directory and Samba use the same Windows error code
 * for different names. So this searches for each of them. Names of accounts are unique in the
 * domain, so the other object may be outside of the base DN or hidden from the caller; then only
 * the field is named.
 */
#include "directory/taken.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/field.h"
#include "base/fold.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/changes.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/domain.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"

#include <ldap.h>
#include <string.h>

enum { OWNERS_MAX = 2 }; /* the object itself and another one */

static const char *const unique_attributes[] = {"sAMAccountName", "userPrincipalName"};

/* Returns the JSON field of an attribute. */
static const char *find_field_name(const struct directory_class *class, const char *attribute)
{
    for (const struct field *field = class->fields; field->name; field++) {
        if (field->attribute && !strcasecmp(field->attribute, attribute)) {
            return field->name;
        }
    }
    return attribute;
}

static bool has_guid(struct arena *arena, const struct raw_entry *raw, const char *guid)
{
    const struct attribute *attribute = attribute_get(raw, "objectGUID");
    const char *text;
    return guid && attribute && codec_guid(arena, attribute->values, &text) && !strcmp(text, guid);
}

static void add_taken_detail(const struct directory *directory, struct error *error,
                             const char *field, const char *dn)
{
    bool managed = names_is_within(dn, connection_config(directory)->ldap_base_dn) &&
                   caller_sees(directory, dn);
    error_detail(error, field, managed ? FAULT_TAKEN_BY : FAULT_TAKEN, managed ? dn : NULL);
}

/* Adds a detail for the attribute to `taken` if another object matches the filter. */
static struct error *find_owner(struct directory *directory, struct arena *arena,
                                const struct directory_class *class, const char *attribute,
                                const char *filter, const char *own_guid, struct error *taken)
{
    char *attributes[] = {"objectGUID", NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const char *base = connection_config(directory)->ldap_base_dn;
    const char *domain = names_domain(arena, base);
    const struct query search = {
        .base = domain ? domain : base,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = filter,
        .attributes = attributes,
        .size_limit = OWNERS_MAX,
        .controls = controls,
    };
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    for (size_t i = 0; !error && i < answer.count; i++) {
        if (!has_guid(arena, &answer.entries[i], own_guid)) {
            add_taken_detail(directory, taken, find_field_name(class, attribute),
                             answer.entries[i].dn);
            break;
        }
    }
    return error;
}

/* Returns a filter for the accounts that have the value as account name or principal name. An
 * account "x" has the principal name "x@DOMAIN" even if none is stored (MS-ADTS 5.1.1.1.1). */
static struct error *build_owner_filter(struct directory *directory, struct arena *arena,
                                        const char *attribute, const char *value,
                                        const char **filter_r)
{
    const struct domain *domain;
    struct error *error = domain_get(directory, arena, &domain);
    if (error) {
        return error;
    }
    const char *at = strrchr(value, '@'), *other = NULL;
    if (domain->dns && !strcasecmp(attribute, "sAMAccountName")) {
        other = names_filter_equal(arena, "userPrincipalName",
                                   arena_format(arena, "%s@%s", value, domain->dns));
    } else if (domain->dns && at && !strcasecmp(at + 1, domain->dns)) {
        other = names_filter_equal(arena, "sAMAccountName",
                                   arena_copy(arena, value, (size_t)(at - value)));
    }
    *filter_r = names_filter_equal(arena, attribute, value);
    if (other) {
        *filter_r = arena_format(arena, "(|%s%s)", *filter_r, other);
    }
    return NULL;
}

/* Adds the details of all unique names of the changes to `taken`. */
static struct error *find_owners(struct directory *directory, struct arena *arena,
                                 const struct directory_class *class,
                                 const struct directory_changes *changes, const char *own_guid,
                                 struct error *taken)
{
    struct error *error = NULL;
    for (size_t i = 0; !error && i < sizeof unique_attributes / sizeof *unique_attributes; i++) {
        const char *value = changes_text(changes, unique_attributes[i]), *filter;
        if (value) {
            error = build_owner_filter(directory, arena, unique_attributes[i], value, &filter);
        }
        if (value && !error) {
            error =
                find_owner(directory, arena, class, unique_attributes[i], filter, own_guid, taken);
        }
    }
    return error;
}

/* Returns the text with ß for each ss. */
static const char *write_sharp_s(struct arena *arena, const char *text)
{
    struct buffer out = {.arena = arena};
    for (; *text; text++) {
        bool is_double = !strncasecmp(text, "ss", 2);
        buffer_add_string(&out, is_double ? "ß" : arena_copy(arena, text, 1));
        text += is_double;
    }
    return out.bytes ? out.bytes : "";
}

/* Folds the part before "@" as a name, in which ß equals ss. */
static const char *fold_local_name(struct arena *arena, const char *address)
{
    const char *at = strrchr(address, '@');
    const char *local = at ? arena_copy(arena, address, (size_t)(at - address)) : address;
    return arena_format(arena, "%s%s", fold_text(arena, local), at ? at : "");
}

/* Returns a filter for the spellings of a name that people and other systems take for the same one
 * but the directory does not; NULL if there are none. */
static const char *build_similar_filter(struct arena *arena, const char *attribute,
                                        const char *value)
{
    const char *folded = fold_address(arena, value);
    const char *forms[] = {folded, fold_encode_address(arena, folded),
                           fold_local_name(arena, folded), write_sharp_s(arena, folded)};
    struct buffer filter = {.arena = arena};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        bool repeated = i && forms[i] && !strcmp(forms[i], folded);
        if (forms[i] && *forms[i] && !repeated && !fold_equals_case(arena, forms[i], value)) {
            buffer_add_string(&filter, filter.length ? "" : "(|");
            buffer_add_string(&filter, names_filter_equal(arena, attribute, forms[i]));
        }
    }
    buffer_add_string(&filter, filter.length ? ")" : "");
    return filter.length ? filter.bytes : NULL;
}

struct error *taken_find_similar(struct directory *directory, struct arena *arena,
                                 const struct directory_class *class,
                                 const struct directory_changes *changes, const char *own_guid)
{
    struct error *taken = error_new(arena, ERR_ALREADY_EXISTS, "another object has a similar name");
    struct error *error = NULL;
    for (size_t i = 0; !error && i < sizeof unique_attributes / sizeof *unique_attributes; i++) {
        const char *value = changes_text(changes, unique_attributes[i]);
        const char *filter =
            value ? build_similar_filter(arena, unique_attributes[i], value) : NULL;
        if (filter) {
            error =
                find_owner(directory, arena, class, unique_attributes[i], filter, own_guid, taken);
        }
    }
    return error || !taken->details ? error : taken;
}

struct error *taken_find(struct directory *directory, struct arena *arena,
                         const struct directory_class *class,
                         const struct directory_changes *changes, const char *own_guid)
{
    struct error *taken = error_new(arena, ERR_ALREADY_EXISTS, "another object has the name");
    struct error *error = find_owners(directory, arena, class, changes, own_guid, taken);
    return error || !taken->details ? error : taken;
}

struct error *taken_explain(struct directory *directory, struct arena *arena,
                            const struct directory_class *class,
                            const struct directory_changes *changes, const char *own_guid,
                            const char *dn, struct error *error)
{
    char *attributes[] = {"objectGUID", NULL};
    struct raw_entry other = {0};
    if (error->id != ERR_ALREADY_EXISTS || error->details) {
        return error;
    }
    /* A failure to find the other object leaves the error as it is. */
    if (!find_owners(directory, arena, class, changes, own_guid, error) && dn &&
        !query_object(directory, arena, dn, attributes, &other) &&
        !has_guid(arena, &other, own_guid)) {
        add_taken_detail(directory, error, find_field_name(class, class->rdn_attribute), other.dn);
    }
    return error;
}
