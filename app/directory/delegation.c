/* See delegation.h. */
#include "directory/delegation.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/utf8.h"
#include "directory/attribute.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/references.h"
#include "directory/result.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCHED_AT_ONCE = 100 };

#define PRINCIPAL_FILTER "(|" DIRECTORY_USER_FILTER DIRECTORY_GROUP_FILTER ")"
#define SCOPE_FILTER                                                                               \
    "(|(objectClass=organizationalUnit)(objectClass=container)(objectClass=domainDNS))"

static char *object_attributes[] = {"objectGUID", "objectSid", "groupType", "displayName", NULL};

/* Reads the object from its entry. False if its objectGUID cannot be read. */
static bool decode_object(struct arena *arena, const struct raw_entry *raw,
                          struct directory_object *object_r)
{
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const struct attribute *sid = attribute_get(raw, "objectSid");
    const struct attribute *name = attribute_get(raw, "displayName");
    bool named = name && utf8_valid(name->values->bv_val, name->values->bv_len);
    *object_r = (struct directory_object){
        .dn = raw->dn,
        .name = named ? name->values->bv_val : names_first_value(arena, raw->dn),
    };
    if (!object_r->name) {
        object_r->name = raw->dn;
    }
    if (!sid || !codec_sid(arena, sid->values, &object_r->sid)) {
        object_r->sid = NULL;
    }
    return guid && codec_guid(arena, guid->values, &object_r->guid);
}

/* --- objects of requests ---------------------------------------------------------------------- */

struct error *directory_find_principal(struct directory *directory, struct arena *arena,
                                       const char *text, const char *field,
                                       struct directory_object *object_r)
{
    const struct references_wanted wanted = {text, field, PRINCIPAL_FILTER, FAULT_NO_SUCH_PRINCIPAL,
                                             object_attributes};
    struct raw_entry raw;
    int64_t type;
    struct error *error = references_find(directory, arena, &wanted, &raw);
    if (error) {
        return error;
    }
    if (attribute_integer(&raw, "groupType", &type) && !(type & GROUP_SECURITY)) {
        return error_field(arena, field, FAULT_NOT_SECURITY_GROUP, NULL);
    }
    if (!decode_object(arena, &raw, object_r) || !object_r->sid) {
        return error_new(arena, ERR_INTERNAL, "%s has no objectGUID or objectSid", raw.dn);
    }
    return NULL;
}

struct error *directory_find_scope(struct directory *directory, struct arena *arena,
                                   const char *text, const char *field,
                                   struct directory_object *object_r)
{
    const struct references_wanted wanted = {text, field, SCOPE_FILTER, FAULT_NO_SUCH_SCOPE,
                                             object_attributes};
    const char *system = names_system(arena, connection_config(directory)->ldap_base_dn);
    struct raw_entry raw;
    struct error *error = references_find(directory, arena, &wanted, &raw);
    if (error) {
        return error;
    }
    if (system && names_may_be_within(raw.dn, system)) {
        return error_field(arena, field, FAULT_SYSTEM_SCOPE, NULL);
    }
    return decode_object(arena, &raw, object_r)
               ? NULL
               : error_new(arena, ERR_INTERNAL, "%s has no objectGUID", raw.dn);
}

/* --- stored objects --------------------------------------------------------------------------- */

static int compare_objects(const void *a, const void *b)
{
    const struct directory_object *left = a, *right = b;
    return strcmp(left->guid, right->guid);
}

const struct directory_object *directory_located(const struct directory_object *objects,
                                                 size_t count, const char *guid)
{
    const struct directory_object key = {.guid = guid};
    return count ? bsearch(&key, objects, count, sizeof *objects, compare_objects) : NULL;
}

/* Copies what was read to all objects with this GUID. */
static void set_object(struct directory_object *objects, size_t count,
                       const struct directory_object *read)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(objects[i].guid, read->guid)) {
            objects[i] = *read;
        }
    }
}

static struct error *locate_some(struct directory *directory, struct arena *arena,
                                 struct directory_object *objects, size_t count)
{
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    struct buffer filter = {.arena = arena};
    struct answer answer;
    struct directory_object read;
    buffer_add_string(&filter,
                      "(|(!(objectClass=*))"); /* a valid filter, even if no GUID is valid */
    for (size_t i = 0; i < count; i++) {
        const char *octets = names_filter_guid(arena, objects[i].guid);
        if (octets && (!i || strcmp(objects[i].guid, objects[i - 1].guid) != 0)) {
            buffer_format(&filter, "(objectGUID=%s)", octets);
        }
    }
    buffer_add_char(&filter, ')');
    const struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = filter.bytes,
        .attributes = object_attributes,
        .controls = controls,
    };
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code == LDAP_NO_SUCH_OBJECT || answer.code == LDAP_REFERRAL) {
        return query_missing_base_error(arena, &answer);
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, NULL, "search for principals and scopes");
    }
    for (size_t i = 0; i < answer.count; i++) {
        if (decode_object(arena, &answer.entries[i], &read)) {
            set_object(objects, count, &read);
        }
    }
    return NULL;
}

struct error *directory_locate(struct directory *directory, struct arena *arena,
                               struct directory_object *objects, size_t count)
{
    struct error *error = NULL;
    if (count) {
        qsort(objects, count, sizeof *objects, compare_objects);
        connection_begin_call(directory);
    }
    for (size_t from = 0; !error && from < count; from += SEARCHED_AT_ONCE) {
        size_t left = count - from;
        error = locate_some(directory, arena, objects + from,
                            left < SEARCHED_AT_ONCE ? left : SEARCHED_AT_ONCE);
    }
    return error;
}
