/*
 * Primary: finds primary groups of accounts, and members of a group by their primary group.
 *
 * Neither memberOf of an account nor member of a group contains the primary group. Only the account
 * has it, as primaryGroupID (MS-SAMR 3.1.1.8.2): the last part of the group's SID (RID).
 */
#include "directory/primary.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/number.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/operation.h"
#include "directory/query.h"

#include <inttypes.h>
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

/* Bits of groupType: only global and universal groups can be primary groups. */
enum { MAY_BE_PRIMARY = GROUP_GLOBAL | GROUP_UNIVERSAL };

enum {
    FIRST_DNS = 16,     /* initial capacity of a set */
    CACHED_GROUPS = 8,  /* a domain usually has one or two primary groups */
    NAMED_MEMBERS = 10, /* most accounts that an error names */
    CACHE_US = 10 * 1000 * 1000,
};

/* --- the primary group of an account --------------------------------------------------------- */

/* The DN of a primary group. */
struct cached_primary {
    char *sid, *dn; /* from malloc(); NULL: unused entry */
    int64_t until;  /* steady clock: end of validity */
};

struct primary_cache {
    struct cached_primary groups[CACHED_GROUPS];
    size_t next; /* index of the next group to replace */
};

static void clear_primary_cache(void *data)
{
    struct primary_cache *known = data;
    for (size_t i = 0; i < CACHED_GROUPS; i++) {
        free(known->groups[i].sid);
        free(known->groups[i].dn);
        known->groups[i] = (struct cached_primary){0};
    }
}

static const struct cache_kind primary_cache_kind = {
    .size = sizeof(struct primary_cache),
    .clear = clear_primary_cache,
};

static const char *find_cached_dn(struct directory *directory, const char *sid)
{
    const struct primary_cache *all = connection_cache(directory, &primary_cache_kind);
    int64_t now = clock_steady_us();
    for (size_t i = 0; i < CACHED_GROUPS; i++) {
        const struct cached_primary *group = &all->groups[i];
        if (group->sid && group->until > now && !strcmp(group->sid, sid)) {
            return group->dn;
        }
    }
    return NULL;
}

void primary_cache_group(struct directory *directory, const char *sid, const char *dn)
{
    struct primary_cache *all = connection_cache(directory, &primary_cache_kind);
    struct cached_primary *group = NULL;
    for (size_t i = 0; i < CACHED_GROUPS; i++) {
        struct cached_primary *known = &all->groups[i];
        if (known->sid && !strcmp(known->sid, sid)) {
            group = known;
        }
    }
    if (!group) {
        group = &all->groups[all->next];
        all->next = (all->next + 1) % CACHED_GROUPS;
    }
    free(group->sid);
    free(group->dn);
    *group = (struct cached_primary){
        .sid = base_strdup(sid), .dn = base_strdup(dn), .until = clock_steady_us() + CACHE_US};
}

struct error *primary_group_dn(struct directory *directory, struct arena *arena,
                               const struct raw_entry *raw, const char **dn_r)
{
    const struct attribute *sid = attribute_get(raw, "objectSid");
    const struct attribute *id = attribute_get(raw, "primaryGroupID");
    const char *text;
    int64_t rid;
    *dn_r = NULL;
    if (!sid || !id || !codec_sid(arena, sid->values, &text) || !codec_integer(id->values, &rid)) {
        return NULL;
    }
    text = codec_sid_sibling(arena, text, rid);
    const char *known = find_cached_dn(directory, text);
    if (known) {
        *dn_r = arena_string(arena, known);
        return NULL;
    }
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    struct raw_entry group = {0};
    struct error *error =
        query_object(directory, arena, arena_format(arena, "<SID=%s>", text), attributes, &group);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    primary_cache_group(directory, text, group.dn);
    *dn_r = group.dn;
    return NULL;
}

/* --- the members of a group ------------------------------------------------------------------ */

int64_t primary_group_rid(struct arena *arena, const struct raw_entry *group)
{
    const struct attribute *sid = attribute_get(group, "objectSid");
    const struct attribute *type = attribute_get(group, "groupType");
    int64_t bits;
    const char *text;
    if (!sid || !type || !codec_integer(type->values, &bits) || !(bits & MAY_BE_PRIMARY) ||
        !codec_sid(arena, sid->values, &text)) {
        return 0;
    }
    return strtoll(strrchr(text, '-') + 1, NULL, DECIMAL);
}

static int compare_sets(const void *a, const void *b)
{
    const struct primary_set *left = a, *right = b;
    return (left->rid > right->rid) - (left->rid < right->rid);
}

static struct primary_set *find_primary_set(const struct primary_members *members, int64_t rid)
{
    const struct primary_set key = {.rid = rid};
    return members->count
               ? bsearch(&key, members->sets, members->count, sizeof *members->sets, compare_sets)
               : NULL;
}

/* Adds the account to the set of its primary group. */
static void visit_account(void *context, const struct raw_entry *account)
{
    int64_t rid;
    struct primary_set *set =
        attribute_integer(account, "primaryGroupID", &rid) ? find_primary_set(context, rid) : NULL;
    if (!set) {
        return;
    }
    if (set->count == set->size) {
        size_t size = set->size ? 2 * set->size : FIRST_DNS;
        const char **dns = arena_array(set->arena, size, sizeof *dns);
        if (set->count) {
            memcpy(dns, set->dns, set->count * sizeof *dns);
        }
        set->dns = dns;
        set->size = size;
    }
    set->dns[set->count++] = account->dn;
}

/* Creates an empty set for each group that can be a primary group. Returns the filter that finds
 * their members. */
static const char *create_primary_sets(struct arena *arena, const struct raw_entry *groups,
                                       size_t count, struct primary_members *members)
{
    struct buffer filter = {.arena = arena};
    buffer_add_string(&filter, "(|");
    members->sets = arena_array(arena, count, sizeof *members->sets);
    members->count = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t rid = primary_group_rid(arena, &groups[i]);
        if (rid) {
            members->sets[members->count++] = (struct primary_set){.rid = rid, .arena = arena};
            buffer_format(&filter, "(primaryGroupID=%" PRId64 ")", rid);
        }
    }
    buffer_add_char(&filter, ')');
    if (members->count) {
        qsort(members->sets, members->count, sizeof *members->sets, compare_sets);
    }
    return filter.bytes;
}

struct error *primary_find_members(struct directory *directory, struct arena *arena,
                                   const struct raw_entry *groups, size_t count,
                                   struct primary_members *members_r)
{
    char *attributes[] = {"primaryGroupID", NULL};
    const struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = create_primary_sets(arena, groups, count, members_r),
        .attributes = attributes,
    };
    return members_r->count ? query_all_visible(directory, arena, &search, visit_account, members_r)
                            : NULL;
}

const struct primary_set *primary_get_members(const struct primary_members *members,
                                              struct arena *arena, const struct raw_entry *group)
{
    return find_primary_set(members, primary_group_rid(arena, group));
}

void primary_name_members(struct directory *directory, struct arena *arena, const char *group_dn,
                          struct error *error)
{
    char *group_attributes[] = {"objectSid", "groupType", NULL}, *none[] = {LDAP_NO_ATTRS, NULL};
    struct raw_entry group = {0};
    struct answer answer;
    if (query_object(directory, arena, group_dn, group_attributes, &group)) {
        return;
    }
    const struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter =
            arena_format(arena, "(primaryGroupID=%" PRId64 ")", primary_group_rid(arena, &group)),
        .attributes = none,
        .size_limit = NAMED_MEMBERS,
    };
    if (query_visible(directory, arena, &search, &answer)) {
        return;
    }
    for (size_t i = 0; i < answer.count && i < NAMED_MEMBERS; i++) {
        error_detail(error, NULL, FAULT_NONE, answer.entries[i].dn);
    }
}
