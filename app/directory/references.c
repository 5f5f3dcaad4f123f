/*
 * References: reads the objects that attributes of entries refer to by DN, so that a reply can name
 * them. Objects outside the base DN are not read: they have the name in their DN only.
 */
#include "directory/references.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/field.h"
#include "base/utf8.h"
#include "directory/attribute.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCHED_AT_ONCE = 100 };

/* A manager is a person: a user, or a contact, which is not an account. */
#define PERSON_FILTER "(|" DIRECTORY_USER_FILTER "(objectClass=contact))"

/* --- the set --------------------------------------------------------------------------------- */

static int compare_references(const void *a, const void *b)
{
    const struct reference *left = a, *right = b;
    return strcmp(left->dn, right->dn);
}

/* Returns the object with exactly this DN, or NULL. */
static struct reference *find_in_references(const struct references *references, const char *dn)
{
    const struct reference key = {.dn = dn};
    return references->count ? bsearch(&key, references->items, references->count,
                                       sizeof *references->items, compare_references)
                             : NULL;
}

/* Sorts the set and removes all but one of equal DNs. */
static void sort_references(struct references *references)
{
    struct reference *items = references->items;
    size_t kept = 0;
    qsort(items, references->count, sizeof *items, compare_references);
    for (size_t i = 0; i < references->count; i++) {
        if (!kept || strcmp(items[kept - 1].dn, items[i].dn) != 0) {
            items[kept++] = items[i];
        }
    }
    references->count = kept;
}

void references_add(struct references *references, struct arena *arena,
                    const struct raw_entry *raws, size_t count, const char *attribute)
{
    struct reference *items = arena_array(arena, references->count + count + 1, sizeof *items);
    size_t filled = references->count;
    if (filled) {
        memcpy(items, references->items, filled * sizeof *items);
    }
    for (size_t i = 0; i < count; i++) {
        const struct attribute *values = attribute_get(&raws[i], attribute);
        if (values && utf8_valid(values->values->bv_val, values->values->bv_len)) {
            items[filled++].dn = values->values->bv_val;
        }
    }
    *references = (struct references){items, filled};
    if (filled) {
        sort_references(references);
    }
}

/* --- reading --------------------------------------------------------------------------------- */

static const char *read_text(const struct raw_entry *raw, const char *name)
{
    const struct attribute *attribute = attribute_get(raw, name);
    return attribute && utf8_valid(attribute->values->bv_val, attribute->values->bv_len)
               ? attribute->values->bv_val
               : NULL;
}

/* Finds the object of the set with this DN. The attribute that refers to the object may spell the
 * DN in another way, so DNs from index `from` to before `end` are also compared as names. */
static struct reference *match_entry(const struct references *references, size_t from, size_t end,
                                     const char *dn)
{
    struct reference *found = find_in_references(references, dn);
    for (size_t i = from; !found && i < end; i++) {
        found = names_equal(references->items[i].dn, dn) ? &references->items[i] : NULL;
    }
    return found;
}

/* Reads the objects from `from` to before `end`. */
static struct error *read_some(struct references *references, struct directory *directory,
                               struct arena *arena, size_t from, size_t end)
{
    char *attributes[] = {"objectGUID", "displayName", "cn", NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    struct buffer filter = {.arena = arena};
    struct answer answer;
    buffer_add_string(&filter, "(|");
    for (size_t i = from; i < end; i++) {
        buffer_format(&filter, "(distinguishedName=%s)",
                      names_filter_value(arena, references->items[i].dn));
    }
    buffer_add_char(&filter, ')');
    const struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = filter.bytes,
        .attributes = attributes,
        .controls = controls,
    };
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, NULL, "search for references");
    }
    for (size_t i = 0; i < answer.count; i++) {
        const struct raw_entry *raw = &answer.entries[i];
        const struct attribute *guid = attribute_get(raw, "objectGUID");
        struct reference *found = match_entry(references, from, end, raw->dn);
        if (found && guid && codec_guid(arena, guid->values, &found->guid)) {
            const char *display = read_text(raw, "displayName");
            found->name = display ? display : read_text(raw, "cn");
        }
    }
    return NULL;
}

struct error *references_read(struct references *references, struct directory *directory,
                              struct arena *arena)
{
    struct error *error = NULL;
    for (size_t from = 0; !error && from < references->count; from += SEARCHED_AT_ONCE) {
        size_t end = from + SEARCHED_AT_ONCE;
        error = read_some(references, directory, arena, from,
                          end < references->count ? end : references->count);
    }
    return error;
}

struct value *references_record(const struct references *references, struct arena *arena,
                                const struct field *fields, const char *dn)
{
    const struct reference *found = find_in_references(references, dn);
    struct value *values = arena_array(arena, fields_count(fields), sizeof *values);
    field_set_string(fields_get(fields, values, "dn"), dn);
    field_set_string(fields_get(fields, values, "objectGUID"), found ? found->guid : NULL);
    field_set_string(fields_get(fields, values, "name"),
                     found && found->name ? found->name : names_first_value(arena, dn));
    return values;
}

/* --- references of clients ------------------------------------------------------------------- */

/* Returns the filter that matches the object. Reports the fault of a text that is neither a
 * GUID nor a DN below the base DN. */
static struct error *format_reference_filter(const struct directory *directory, struct arena *arena,
                                             const struct references_wanted *wanted,
                                             const char **filter_r)
{
    const char *guid = names_filter_guid(arena, wanted->text);
    const char *dn = guid ? NULL : names_normalize(arena, wanted->text);
    if (!guid && (!dn || !*dn)) {
        return error_field(arena, wanted->field, FAULT_NOT_REFERENCE, NULL);
    }
    if (!guid && !names_is_within(dn, connection_config(directory)->ldap_base_dn)) {
        return error_field(arena, wanted->field, FAULT_OUTSIDE_BASE_DN, NULL);
    }
    const char *object =
        guid ? arena_format(arena, "(objectGUID=%s)", guid) : names_filter_dn(arena, wanted->text);
    *filter_r = arena_format(arena, "(&%s%s)", object, wanted->filter);
    return NULL;
}

struct error *references_find(struct directory *directory, struct arena *arena,
                              const struct references_wanted *wanted, struct raw_entry *raw_r)
{
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .attributes = wanted->attributes,
        .controls = controls,
    };
    struct answer answer;
    connection_begin_call(directory);
    struct error *error = format_reference_filter(directory, arena, wanted, &search.filter);
    if (!error) {
        error = query_visible(directory, arena, &search, &answer);
    }
    if (error) {
        return error;
    }
    if (answer.code == LDAP_NO_SUCH_OBJECT || answer.code == LDAP_REFERRAL) {
        return query_missing_base_error(arena, &answer);
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, NULL, "search for a reference");
    }
    if (answer.count != 1) {
        return error_field(arena, wanted->field, wanted->missing, NULL);
    }
    *raw_r = answer.entries[0];
    return NULL;
}

static struct error *resolve_reference(struct directory *directory, struct arena *arena,
                                       const struct references_wanted *wanted, const char **dn_r)
{
    struct raw_entry raw = {0};
    struct error *error = references_find(directory, arena, wanted, &raw);
    if (!error) {
        *dn_r = raw.dn;
    }
    return error;
}

static char *no_attributes[] = {LDAP_NO_ATTRS, NULL};

struct error *directory_resolve_person(struct directory *directory, struct arena *arena,
                                       const char *text, const char *field, const char **dn_r)
{
    const struct references_wanted wanted = {text, field, PERSON_FILTER, FAULT_NO_SUCH_PERSON,
                                             no_attributes};
    return resolve_reference(directory, arena, &wanted, dn_r);
}

struct error *directory_resolve_object(struct directory *directory, struct arena *arena,
                                       const char *text, const char *field, const char **dn_r)
{
    const struct references_wanted wanted = {text, field, "(objectClass=*)", FAULT_NO_SUCH_OBJECT,
                                             no_attributes};
    return resolve_reference(directory, arena, &wanted, dn_r);
}
