/*
 * Tree: reads one level of the tree of organizational units and containers, with counts.
 *
 * Active Directory cannot count the objects below each of several places. A search for each place
 * would take 2,000 searches below a parent with 2,000 units. Instead, one search for each kind of
 * object reads the DNs of all of them below the parent, without attributes and in pages, and each
 * DN is assigned to its place by its text. The cost grows with the number of objects below the
 * parent. If there is only one place, the search is limited to that place.
 *
 * A controller writes the DN of a parent in the same way in the DNs of all objects below, so that
 * comparing texts is sufficient. Only Samba keeps the spelling of the client that created an
 * object, so a parent that matches no text is compared as a name too.
 *
 * For a caller that does not see the base DN, the level below it consists of the caller's places
 * (caller.h), wherever they are. Only these are read and counted, each by itself.
 */
#include "directory/tree.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/query.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_FILTER "(objectClass=organizationalUnit)"
#define CONTAINER_FILTER "(objectClass=container)"
#define PLACE_FILTER                                                                               \
    "(|" UNIT_FILTER CONTAINER_FILTER "(objectClass=domainDNS)(objectClass=builtinDomain))"

enum { FIRST_NODES = 64 };

/* A place with its sort key. */
struct node {
    struct directory_place place;
    const unsigned char *sort_key;
    size_t sort_length;
};

/* The places below the parent while they are counted. */
struct level {
    struct directory *directory;
    struct arena *arena;
    const char *parent_dn;
    size_t depth; /* number of commas in the DN of a place on this level */
    struct directory_place *parent;
    struct node *nodes;
    size_t count, size;
    struct node **by_dn; /* sorted by DN */
    /* the units and containers directly below one of the nodes or another object of the level */
    const struct raw_entry **below;
    size_t below_count, below_size;
    enum directory_counted kind; /* of the current search */
    /* The last parent DN that equals no DN of the level as a text, and its node; NULL: none.
     * Cached, because objects of one parent often follow each other. */
    const char *last_parent;
    struct node *last_node;
    struct error *error;
};

/* --- DNs as text ----------------------------------------------------------------------------- */

/* Returns the next comma between two components of a DN, or NULL. */
static const char *find_separator(const char *dn)
{
    for (; *dn && *dn != ','; dn++) {
        if (*dn == '\\' && dn[1]) {
            dn++;
        }
    }
    return *dn ? dn : NULL;
}

static size_t count_separators(const char *dn)
{
    size_t count = 0;
    for (const char *at = dn; (at = find_separator(at)); at++) {
        count++;
    }
    return count;
}

/* Returns the part of the DN that names the parent; "" if there is none. */
static const char *skip_rdn(const char *dn)
{
    const char *separator = find_separator(dn);
    return separator ? separator + 1 : "";
}

/* --- places ---------------------------------------------------------------------------------- */

/* Returns the kind of a place below the parent; NULL if it is not shown there. */
static const char *name_place_kind(const struct raw_entry *raw)
{
    return attribute_has_class(raw, "organizationalUnit") ? "ou"
           : attribute_has_class(raw, "container")        ? "container"
                                                          : NULL;
}

static struct error *decode_place(struct arena *arena, const struct raw_entry *raw,
                                  const char *kind, struct directory_place *place)
{
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const struct attribute *name = attribute_get(raw, "name");
    *place = (struct directory_place){.dn = raw->dn, .kind = kind};
    place->name =
        name && utf8_valid(name->values->bv_val, name->values->bv_len) ? name->values->bv_val : "";
    return guid && codec_guid(arena, guid->values, &place->guid)
               ? NULL
               : error_new(arena, ERR_INTERNAL, "%s has no objectGUID", raw->dn);
}

static struct node *add_tree_node(struct level *level)
{
    if (level->count == level->size) {
        level->size = level->size ? 2 * level->size : FIRST_NODES;
        struct node *more = arena_array(level->arena, level->size, sizeof *more);
        if (level->count) {
            memcpy(more, level->nodes, level->count * sizeof *more);
        }
        level->nodes = more;
    }
    return &level->nodes[level->count++];
}

static void add_below(struct level *level, const struct raw_entry *raw)
{
    if (level->below_count == level->below_size) {
        level->below_size = level->below_size ? 2 * level->below_size : FIRST_NODES;
        const struct raw_entry **more = arena_array(level->arena, level->below_size, sizeof *more);
        if (level->below_count) {
            memcpy(more, level->below, level->below_count * sizeof *more);
        }
        level->below = more;
    }
    level->below[level->below_count++] = raw;
}

/* True for CN=System itself. */
static bool is_system(const struct level *level, const char *dn)
{
    const char *base = connection_config(level->directory)->ldap_base_dn;
    const char *system = names_system(level->arena, base);
    return system && names_equal(dn, system);
}

/* Decodes the parent and the places directly below it (the level). Keeps the places directly below
 * the level, to be counted; ignores deeper ones. */
static void visit_place(void *context, const struct raw_entry *raw)
{
    struct level *level = context;
    size_t depth = count_separators(raw->dn);
    const char *kind = name_place_kind(raw);
    if (level->error) {
        return;
    }
    if (depth + 1 == level->depth) {
        const char *other = attribute_has_class(raw, "domainDNS") ? "domain" : "container";
        level->error = decode_place(level->arena, raw, kind ? kind : other, level->parent);
    } else if (depth == level->depth && kind && !is_system(level, raw->dn)) {
        struct node *node = add_tree_node(level);
        level->error = decode_place(level->arena, raw, kind, &node->place);
        node->sort_length = fold_sort_key(level->arena, node->place.name, &node->sort_key);
    } else if (depth == level->depth + 1 && kind) {
        add_below(level, raw);
    }
}

static int compare_sort_keys(const void *a, const void *b)
{
    const struct node *left = a, *right = b;
    size_t shorter =
        left->sort_length < right->sort_length ? left->sort_length : right->sort_length;
    int order = memcmp(left->sort_key, right->sort_key, shorter);
    if (!order) {
        order = (left->sort_length > right->sort_length) - (left->sort_length < right->sort_length);
    }
    return order ? order : strcmp(left->place.dn, right->place.dn);
}

static int compare_node_dns(const void *a, const void *b)
{
    const struct node *const *left = a, *const *right = b;
    return strcmp((*left)->place.dn, (*right)->place.dn);
}

/* Sorts the places for the client, and indexes them by DN. */
static void sort_level(struct level *level)
{
    if (!level->count) {
        return; /* there are no arrays */
    }
    qsort(level->nodes, level->count, sizeof *level->nodes, compare_sort_keys);
    level->by_dn = arena_array(level->arena, level->count, sizeof *level->by_dn);
    for (size_t i = 0; i < level->count; i++) {
        level->by_dn[i] = &level->nodes[i];
    }
    qsort(level->by_dn, level->count, sizeof *level->by_dn, compare_node_dns);
}

/* --- counting -------------------------------------------------------------------------------- */

static int compare_dn_with_node(const void *dn, const void *item)
{
    const struct node *const *node = item;
    return strcmp(dn, (*node)->place.dn);
}

/* Returns the place of the level with this DN, or NULL. */
static struct node *find_tree_node(struct level *level, const char *dn)
{
    struct node **found =
        bsearch(dn, level->by_dn, level->count, sizeof *level->by_dn, compare_dn_with_node);
    if (found) {
        return *found;
    }
    if (level->last_parent && !strcmp(level->last_parent, dn)) {
        return level->last_node;
    }
    level->last_parent = dn;
    level->last_node = NULL;
    for (size_t i = 0; i < level->count && !level->last_node; i++) {
        if (names_equal(dn, level->nodes[i].place.dn)) {
            level->last_node = &level->nodes[i];
        }
    }
    return level->last_node;
}

/* Returns the place of the level that holds the object directly, or NULL. */
static struct node *find_holder(struct level *level, const struct raw_entry *raw)
{
    const char *parent = skip_rdn(raw->dn);
    return count_separators(parent) == level->depth ? find_tree_node(level, parent) : NULL;
}

static void visit_counted(void *context, const struct raw_entry *raw)
{
    struct level *level = context;
    struct node *node = find_holder(level, raw);
    if (node) {
        node->place.counts[level->kind]++;
    }
}

/* Counts the units below the places, and finds the places that have units or containers below. */
static void count_places_below(struct level *level)
{
    for (size_t i = 0; i < level->below_count; i++) {
        struct node *node = find_holder(level, level->below[i]);
        if (node) {
            node->place.has_children = true;
            node->place.counts[DIRECTORY_COUNTED_OUS] +=
                attribute_has_class(level->below[i], "organizationalUnit");
        }
    }
}

static const char *const counted_filters[DIRECTORY_COUNTED_KINDS] = {
    [DIRECTORY_COUNTED_USERS] = DIRECTORY_USER_FILTER,
    [DIRECTORY_COUNTED_GROUPS] = DIRECTORY_GROUP_FILTER,
    [DIRECTORY_COUNTED_COMPUTERS] = DIRECTORY_COMPUTER_FILTER,
};

/* Counts the objects of one kind below the places, with one search. */
static struct error *count_objects_below(struct level *level, enum directory_counted kind)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    bool single = level->count == 1;
    const struct query search = {
        .base = single ? level->nodes->place.dn : level->parent_dn,
        .scope = single ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_SUBTREE,
        .filter = counted_filters[kind],
        .attributes = attributes,
    };
    level->kind = kind;
    struct error *error = query_all(level->directory, level->arena, &search, visit_counted, level);
    return error && error->id == ERR_NOT_FOUND ? NULL : error; /* deleted meanwhile */
}

/* --- the places of a caller ------------------------------------------------------------------ */

/* Reads a place of the caller, unless it was deleted meanwhile. No scope is within CN=System. */
static struct error *read_own_place(struct level *level, const char *dn)
{
    struct arena *arena = level->arena;
    char *attributes[] = {"objectClass", "objectGUID", "name", NULL};
    struct raw_entry raw = {0};
    struct error *error = query_object(level->directory, arena, dn, attributes, &raw);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    const char *kind = name_place_kind(&raw);
    struct node *node = add_tree_node(level);
    error = decode_place(arena, &raw, kind ? kind : "container", &node->place);
    if (!error) {
        node->sort_length = fold_sort_key(arena, node->place.name, &node->sort_key);
    }
    return error;
}

static void visit_place_below(void *context, const struct raw_entry *raw)
{
    struct directory_place *place = context;
    if (name_place_kind(raw)) {
        place->has_children = true;
        place->counts[DIRECTORY_COUNTED_OUS] += attribute_has_class(raw, "organizationalUnit");
    }
}

static void visit_object_of_place(void *context, const struct raw_entry *raw)
{
    int64_t *count = context;
    (void)raw;
    (*count)++;
}

/* Passes the entries directly below a place to the visitor. */
static struct error *visit_own_place(const struct level *level, const char *dn, const char *filter,
                                     query_visitor *visit, void *context)
{
    char *attributes[] = {"objectClass", NULL};
    const struct query search = {
        .base = dn, .scope = LDAP_SCOPE_ONELEVEL, .filter = filter, .attributes = attributes};
    struct error *error = query_all(level->directory, level->arena, &search, visit, context);
    return error && error->id == ERR_NOT_FOUND ? NULL : error; /* deleted meanwhile */
}

/* Counts the units directly below each place and, if `counts`, the other objects. */
static struct error *count_own_places(const struct level *level, bool counts)
{
    struct error *error = NULL;
    for (size_t i = 0; !error && i < level->count; i++) {
        struct directory_place *place = &level->nodes[i].place;
        error = visit_own_place(level, place->dn, PLACE_FILTER, visit_place_below, place);
        for (enum directory_counted kind = DIRECTORY_COUNTED_USERS;
             counts && !error && kind < DIRECTORY_COUNTED_KINDS; kind++) {
            error = visit_own_place(level, place->dn, counted_filters[kind], visit_object_of_place,
                                    &place->counts[kind]);
        }
    }
    return error;
}

/* Reads the base DN, which the caller does not see, and the places of the caller. */
static struct error *read_own_places(struct level *level, bool counts)
{
    char *attributes[] = {"objectClass", "objectGUID", "name", NULL};
    size_t count;
    const char *const *places =
        caller_places(level->directory, level->arena, level->parent_dn, &count);
    struct raw_entry base = {0};
    struct error *error =
        query_object(level->directory, level->arena, level->parent_dn, attributes, &base);
    if (error) {
        return error->id == ERR_NOT_FOUND
                   ? error_new(level->arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_BASE_DN is missing")
                   : error;
    }
    visit_place(level, &base);
    error = level->error;
    for (size_t i = 0; !error && i < count; i++) {
        error = read_own_place(level, places[i]);
    }
    if (error) {
        return error;
    }
    sort_level(level);
    return count_own_places(level, counts);
}

/* --- one level ------------------------------------------------------------------------------- */

static struct error *read_places(struct level *level, const char *client_dn)
{
    char *attributes[] = {"objectClass", "objectGUID", "name", NULL};
    const struct query search = {
        .base = level->parent_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = PLACE_FILTER,
        .attributes = attributes,
    };
    struct error *error = query_all(level->directory, level->arena, &search, visit_place, level);
    error = error ? error : level->error;
    bool missing = error ? error->id == ERR_NOT_FOUND : !level->parent->dn;
    if (!missing) {
        return error;
    }
    return client_dn ? error_new(level->arena, ERR_PARENT_NOT_FOUND, "%s is no unit or container",
                                 level->parent_dn)
                     : error_new(level->arena, ERR_DIRECTORY_UNAVAILABLE,
                                 "LDAP_BASE_DN is no domain, unit or container");
}

/* Reads the level below a parent that the caller sees, and counts the objects below. */
static struct error *read_visible_level(struct level *level, const char *client_dn, bool counts)
{
    struct error *error = read_places(level, client_dn);
    if (error) {
        return error;
    }
    sort_level(level);
    count_places_below(level);
    for (enum directory_counted kind = DIRECTORY_COUNTED_USERS;
         counts && level->count && !error && kind < DIRECTORY_COUNTED_KINDS; kind++) {
        error = count_objects_below(level, kind);
    }
    return error;
}

struct error *directory_read_tree(struct directory *directory, struct arena *arena,
                                  const char *parent_dn, bool counts,
                                  struct directory_place *parent_r,
                                  struct directory_place **children_r, size_t *count_r)
{
    struct level level = {.directory = directory, .arena = arena, .parent = parent_r};
    struct error *error = NULL;
    *parent_r = (struct directory_place){0};
    connection_begin_call(directory);
    if (parent_dn) {
        error = query_parent(directory, arena, parent_dn, "parent_dn", &level.parent_dn);
    } else {
        level.parent_dn = connection_config(directory)->ldap_base_dn;
    }
    if (error) {
        return error;
    }
    level.depth = count_separators(level.parent_dn) + 1;
    error = caller_sees(directory, level.parent_dn) ? read_visible_level(&level, parent_dn, counts)
                                                    : read_own_places(&level, counts);
    if (error) {
        return error;
    }
    *count_r = level.count;
    *children_r = arena_array(arena, level.count, sizeof **children_r);
    for (size_t i = 0; i < level.count; i++) {
        (*children_r)[i] = level.nodes[i].place;
    }
    return NULL;
}
