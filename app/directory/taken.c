/*
 * Taken: finds the objects that already have a name which must be unique.
 *
 * The directory refuses such a name without naming the other object, and its messages do not tell
 * reliably which of the names is taken: Active Directory and Samba use the same Windows error code
 * for different names. So this searches for each of them. Names of accounts are unique in the
 * domain, so the other object may be outside of the base DN; then only the field is named.
 */
#include "directory/taken.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/field.h"
#include "directory/attribute.h"
#include "directory/changes.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
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
    bool managed = names_is_within(dn, connection_config(directory)->ldap_base_dn);
    error_detail(error, field, managed ? FAULT_TAKEN_BY : FAULT_TAKEN, managed ? dn : NULL);
}

/* Adds a detail to `taken` if another object has this value of the attribute. */
static struct error *find_owner(struct directory *directory, struct arena *arena,
                                const struct directory_class *class, const char *attribute,
                                const char *value, const char *own_guid, struct error *taken)
{
    char *attributes[] = {"objectGUID", NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const char *base = connection_config(directory)->ldap_base_dn;
    const char *domain = names_domain(arena, base);
    const struct query search = {
        .base = domain ? domain : base,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = names_filter_equal(arena, attribute, value),
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

/* Adds the details of all unique names of the changes to `taken`. */
static struct error *find_owners(struct directory *directory, struct arena *arena,
                                 const struct directory_class *class,
                                 const struct directory_changes *changes, const char *own_guid,
                                 struct error *taken)
{
    struct error *error = NULL;
    for (size_t i = 0; !error && i < sizeof unique_attributes / sizeof *unique_attributes; i++) {
        const char *value = changes_text(changes, unique_attributes[i]);
        if (value) {
            error =
                find_owner(directory, arena, class, unique_attributes[i], value, own_guid, taken);
        }
    }
    return error;
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
