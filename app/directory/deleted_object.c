/* See deleted_object.h. */
#include "directory/deleted_object.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/utf8.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/result.h"

#include <string.h>

enum {
    DEPTH_MAX = 128,   /* maximum number of deleted objects above each other */
    FIRST_ITEMS = 64,  /* initial capacity of a list of objects */
    FIRST_PLACES = 16, /* initial capacity of the cache */
    GUID_CHARACTERS = 36,
};

/* --- controls and attributes ------------------------------------------------------------------ */

/* LDAP_SERVER_SHOW_DELETED_OID and LDAP_SERVER_SHOW_RECYCLED_OID (MS-ADTS 3.1.1.3.4.1.14 and 26).
 * Controllers before Windows Server 2008 R2 do not know the second one. */
static LDAPControl show_deleted = {.ldctl_oid = "1.2.840.113556.1.4.417", .ldctl_iscritical = 1};
static LDAPControl show_recycled = {.ldctl_oid = "1.2.840.113556.1.4.2064"};

/* LDAP_SERVER_SHOW_DEACTIVATED_LINK_OID: the groups of an object in the Recycle Bin. */
static LDAPControl show_links = {.ldctl_oid = "1.2.840.113556.1.4.2065"};

LDAPControl *deleted_object_controls[] = {&show_deleted, &show_recycled, NULL};

char *deleted_object_attributes[] = {"objectGUID",        "objectClass",     "sAMAccountName",
                                     "msDS-LastKnownRDN", "lastKnownParent", "whenChanged",
                                     "isDeleted",         "isRecycled",      NULL};

const char *deleted_object_container(const struct directory *directory, struct arena *arena)
{
    const char *base = connection_config(directory)->ldap_base_dn;
    const char *domain = names_domain(arena, base);
    return arena_format(arena, "CN=Deleted Objects,%s", domain ? domain : base);
}

/* --- decoding --------------------------------------------------------------------------------- */

static const char delimiter[] = "\nDEL:";

/* Returns the name in the RDN of a deleted object, and its GUID. NULL if it is not such an RDN. */
static const char *split_deleted_name(struct arena *arena, const char *dn, const char **guid_r)
{
    const char *value = names_first_value(arena, dn);
    const char *end = value ? strstr(value, delimiter) : NULL;
    for (const char *next = end; next; next = strstr(next + 1, delimiter)) {
        end = next;
    }
    if (!end || end == value || strlen(end + strlen(delimiter)) != GUID_CHARACTERS) {
        return NULL;
    }
    *guid_r = end + strlen(delimiter);
    return arena_copy(arena, value, (size_t)(end - value));
}

static const char *find_text(const struct raw_entry *raw, const char *name)
{
    const struct attribute *attribute = attribute_get(raw, name);
    bool valid = attribute && utf8_valid(attribute->values->bv_val, attribute->values->bv_len);
    return valid ? attribute->values->bv_val : NULL;
}

/* Returns the kind by the most specific class, which is the last one (MS-ADTS 3.1.1.2.4.2). */
static const char *choose_kind(const struct raw_entry *raw)
{
    static const struct {
        const char *class, *kind;
    } kinds[] = {
        {"user", "user"},         {"inetOrgPerson", "user"},    {"group", "group"},
        {"computer", "computer"}, {"organizationalUnit", "ou"}, {"container", "container"},
    };
    const struct attribute *classes = attribute_get(raw, "objectClass");
    for (size_t i = 0; classes && i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcasecmp(classes->values[classes->count - 1].bv_val, kinds[i].class)) {
            return kinds[i].kind;
        }
    }
    return NULL;
}

static bool is_true(const struct raw_entry *raw, const char *name)
{
    const struct attribute *attribute = attribute_get(raw, name);
    bool truth = false;
    return attribute && codec_truth(attribute->values, &truth) && truth;
}

bool deleted_object_decode(struct arena *arena, const struct raw_entry *raw,
                           struct deleted_object *object_r)
{
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const struct attribute *changed = attribute_get(raw, "whenChanged");
    const char *name_guid;
    const char *name = split_deleted_name(arena, raw->dn, &name_guid);
    const char *known =
        find_text(raw, "msDS-LastKnownRDN"); /* complete: an RDN is cut if it is long */
    *object_r = (struct deleted_object){
        .dn = raw->dn,
        .name = known ? known : name,
        .kind = choose_kind(raw),
        .account = find_text(raw, "sAMAccountName"),
        .is_recycled = is_true(raw, "isRecycled"),
    };
    if (!name || !guid || !codec_guid(arena, guid->values, &object_r->guid) ||
        (changed && !codec_time(changed->values, &object_r->deleted_at))) {
        return false;
    }
    const char *type = arena_copy(arena, raw->dn, strcspn(raw->dn, "="));
    object_r->rdn = names_rdn(arena, type, object_r->name);
    return object_r->rdn;
}

/* --- all deleted objects ---------------------------------------------------------------------- */

static void visit_deleted(void *context, const struct raw_entry *raw)
{
    struct deleted_objects *objects = context;
    if (objects->count == objects->capacity) {
        size_t capacity = objects->capacity ? 2 * objects->capacity : FIRST_ITEMS;
        struct raw_entry *items = arena_array(objects->arena, capacity, sizeof *items);
        if (objects->count) {
            memcpy(items, objects->items, objects->count * sizeof *items);
        }
        objects->items = items;
        objects->capacity = capacity;
    }
    objects->items[objects->count++] = *raw;
}

struct error *deleted_object_read_all(struct directory *directory, const char *container,
                                      const char *filter, struct deleted_objects *objects)
{
    const struct query search = {
        .base = container,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = filter,
        .attributes = deleted_object_attributes,
        .controls = deleted_object_controls,
    };
    return query_all(directory, objects->arena, &search, visit_deleted, objects);
}

/* --- places ----------------------------------------------------------------------------------- */

/* The former place of a deleted object. */
struct cached_place {
    const char *dn; /* of the deleted object */
    struct deleted_place place;
    const char *former_dn;
};

static const struct cached_place *find_cached_place(const struct deleted_places *places,
                                                    const char *dn)
{
    for (size_t i = 0; i < places->count; i++) {
        if (!strcmp(places->items[i].dn, dn)) {
            return &places->items[i];
        }
    }
    return NULL;
}

static void cache_place(struct arena *arena, struct deleted_places *places,
                        const struct cached_place *place)
{
    if (places->count == places->capacity) {
        size_t capacity = places->capacity ? 2 * places->capacity : FIRST_PLACES;
        struct cached_place *items = arena_array(arena, capacity, sizeof *items);
        if (places->count) {
            memcpy(items, places->items, places->count * sizeof *items);
        }
        places->items = items;
        places->capacity = capacity;
    }
    places->items[places->count++] = *place;
}

/* Finds an object in the list. *raw_r has no DN if the list does not have it. */
static void find_listed(const struct deleted_objects *objects, const char *dn,
                        struct raw_entry *raw_r)
{
    *raw_r = (struct raw_entry){0};
    for (size_t i = 0; i < objects->count; i++) {
        if (!strcmp(objects->items[i].dn, dn)) {
            *raw_r = objects->items[i];
            return;
        }
    }
}

/* Reads a deleted object by its DN. *raw_r has no DN if it does not exist any more. */
static struct error *read_deleted(struct directory *directory, struct arena *arena,
                                  const struct deleted_places *places, const char *dn,
                                  struct raw_entry *raw_r)
{
    const struct query search = {
        .base = dn,
        .scope = LDAP_SCOPE_BASE,
        .attributes = deleted_object_attributes,
        .controls = deleted_object_controls,
    };
    struct answer answer;
    if (places->all) {
        find_listed(places->all, dn, raw_r);
        return NULL;
    }
    struct error *error = query_run(directory, arena, &search, &answer);
    bool found = !error && answer.code == LDAP_SUCCESS && answer.count;
    *raw_r = found ? answer.entries[0] : (struct raw_entry){0};
    return error;
}

/* Composes the former DN of an object from its own name and its place. */
static const char *compose_former_dn(struct arena *arena, const struct raw_entry *raw,
                                     const struct deleted_place *place)
{
    struct deleted_object object;
    bool known = deleted_object_decode(arena, raw, &object) && place->parent_dn;
    return known ? arena_format(arena, "%s,%s", object.rdn, place->parent_dn) : NULL;
}

struct error *deleted_object_locate(struct directory *directory, struct arena *arena,
                                    struct deleted_places *places, const struct raw_entry *raw,
                                    struct deleted_place *place_r)
{
    struct raw_entry chain[DEPTH_MAX];
    size_t depth = 0;
    const char *parent = find_text(raw, "lastKnownParent");
    const struct cached_place *known = NULL;
    *place_r = (struct deleted_place){0};
    /* walk up to an object that is not deleted or whose place is known */
    while (parent && names_is_within(parent, places->container) && depth < DEPTH_MAX) {
        known = find_cached_place(places, parent);
        if (known) {
            break;
        }
        struct error *error = read_deleted(directory, arena, places, parent, &chain[depth]);
        if (error) {
            return error;
        }
        parent = chain[depth].dn ? find_text(&chain[depth], "lastKnownParent") : NULL;
        depth += chain[depth].dn != NULL;
    }
    if (known) {
        *place_r = (struct deleted_place){known->former_dn, known->place.ancestor_dn, false};
    } else if (parent && depth < DEPTH_MAX) {
        *place_r = (struct deleted_place){parent, parent, true};
    }
    while (depth) {
        const struct raw_entry *above = &chain[--depth];
        const struct cached_place found = {above->dn, *place_r,
                                           compose_former_dn(arena, above, place_r)};
        cache_place(arena, places, &found);
        *place_r = (struct deleted_place){found.former_dn, found.place.ancestor_dn, false};
    }
    return NULL;
}

bool deleted_object_is_visible(const struct directory *directory, struct arena *arena,
                               const struct deleted_object *object)
{
    const char *base = connection_config(directory)->ldap_base_dn;
    const char *ancestor = object->place.ancestor_dn;
    if (!ancestor) { /* only an administrator of the whole domain may see it */
        return !caller_is_delegate(directory) && caller_sees_all(directory) &&
               names_equal(base, names_domain(arena, base));
    }
    const char *system = names_system(arena, base);
    return names_is_within(ancestor, base) && !(system && names_may_be_within(ancestor, system)) &&
           caller_sees(directory, arena_format(arena, "%s,%s", object->rdn, ancestor));
}

/* --- the Recycle Bin -------------------------------------------------------------------------- */

struct error *deleted_object_find_bin(struct directory *directory, struct arena *arena,
                                      bool *enabled_r)
{
    static const char feature[] = "CN=Recycle Bin Feature,";
    char *root_attributes[] = {"configurationNamingContext", NULL};
    char *attributes[] = {"msDS-EnabledFeature", NULL};
    struct raw_entry root = {0}, partitions = {0};
    *enabled_r = false;
    struct error *error = query_object(directory, arena, "", root_attributes, &root);
    const char *configuration = error ? NULL : find_text(&root, root_attributes[0]);
    if (configuration) {
        error =
            query_object(directory, arena, arena_format(arena, "CN=Partitions,%s", configuration),
                         attributes, &partitions);
    }
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    const struct attribute *features = attribute_get(&partitions, attributes[0]);
    for (size_t i = 0; features && i < features->count; i++) {
        *enabled_r |= !strncasecmp(features->values[i].bv_val, feature, strlen(feature));
    }
    return NULL;
}

/* --- one object ------------------------------------------------------------------------------- */

static struct error *report_reason(struct arena *arena, enum fault_id fault, const char *argument)
{
    return error_detail(error_new(arena, ERR_NOT_RESTORABLE, NULL), "guid", fault, argument);
}

struct error *deleted_object_not_deleted(struct arena *arena, const char *dn)
{
    return report_reason(arena, FAULT_NOT_DELETED, dn);
}

/* Describes an object that is not deleted. */
static struct error *describe_existing(const struct directory *directory, struct arena *arena,
                                       const struct raw_entry *raw, struct deleted_object *object_r)
{
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    bool visible = names_is_within(raw->dn, connection_config(directory)->ldap_base_dn) &&
                   caller_sees(directory, raw->dn);
    *object_r = (struct deleted_object){
        .dn = raw->dn,
        .exists = true,
        .name = names_first_value(arena, raw->dn),
        .rdn = names_first_rdn(arena, raw->dn),
        .kind = choose_kind(raw),
        .account = find_text(raw, "sAMAccountName"),
    };
    if (!visible || !guid || !codec_guid(arena, guid->values, &object_r->guid)) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    return object_r->kind ? NULL : deleted_object_not_deleted(arena, raw->dn);
}

static struct error *read_with_rights(struct directory *directory, struct arena *arena,
                                      const char *guid, struct raw_entry *raw_r)
{
    char *attributes[] = {"objectGUID",         "objectClass",
                          "sAMAccountName",     "msDS-LastKnownRDN",
                          "isDeleted",          "lastKnownParent",
                          "userAccountControl", "isRecycled",
                          "whenChanged",        "objectCategory",
                          "objectSid",          "sIDHistory",
                          "memberOf",           "adminCount",
                          "primaryGroupID",     "isCriticalSystemObject",
                          "pwdLastSet",         NULL};
    LDAPControl *controls[] = {&show_deleted, &show_recycled, &show_links, NULL};
    const struct query search = {
        .base = query_guid_dn(arena, guid),
        .scope = LDAP_SCOPE_BASE,
        .attributes = attributes,
        .controls = controls,
    };
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code != LDAP_SUCCESS && answer.code != LDAP_NO_SUCH_OBJECT) {
        return result_error(arena, &answer, NULL, "read");
    }
    if (answer.code == LDAP_NO_SUCH_OBJECT || !answer.count) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    *raw_r = answer.entries[0];
    return NULL;
}

/* Finds the place of a deleted object that was read, and checks that the caller sees it. */
static struct error *examine_deleted(struct directory *directory, struct arena *arena,
                                     struct deleted_places *places, const struct raw_entry *raw,
                                     struct deleted_object *object_r)
{
    bool has_bin = false;
    if (!deleted_object_decode(arena, raw, object_r) || !object_r->kind ||
        !names_is_within(raw->dn, places->container)) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    struct error *error = deleted_object_locate(directory, arena, places, raw, &object_r->place);
    if (!error && !deleted_object_is_visible(directory, arena, object_r)) {
        error = error_new(arena, ERR_NOT_FOUND, NULL);
    }
    if (!error && object_r->is_recycled) {
        error = deleted_object_find_bin(directory, arena, &has_bin);
    }
    return error || !has_bin ? error : report_reason(arena, FAULT_RECYCLED, NULL);
}

struct error *deleted_object_find(struct directory *directory, struct arena *arena,
                                  const char *guid, struct raw_entry *raw_r,
                                  struct deleted_object *object_r)
{
    struct deleted_objects all = {.arena = arena};
    struct deleted_places places = {.container = deleted_object_container(directory, arena)};
    if (!names_filter_guid(arena, guid)) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    struct error *error = read_with_rights(directory, arena, guid, raw_r);
    if ((!error || error->id == ERR_NOT_FOUND) && !caller_sees_all(directory)) {
        /* otherwise the searches for deleted parents would show that a hidden object exists */
        struct error *failure =
            deleted_object_read_all(directory, places.container, "(isDeleted=TRUE)", &all);
        places.all = &all;
        error = failure ? failure : error;
    }
    if (error) {
        return error;
    }
    return is_true(raw_r, "isDeleted") ? examine_deleted(directory, arena, &places, raw_r, object_r)
                                       : describe_existing(directory, arena, raw_r, object_r);
}
