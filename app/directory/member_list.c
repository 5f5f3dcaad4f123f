/*
 * Member list: reads the members of a group, page by page.
 *
 * Every page reads the identifiers of all members, sorts them by the name in their DN, and then
 * reads the attributes of the members of this page only. An order by kind or state reads these
 * attributes of all members. So all pages cost the same, and a page begins behind the last member
 * of the page before it even if the group has changed meanwhile.
 *
 * The values of `member` decide. A search by memberOf would find fewer members: the service account
 * often cannot read that attribute of foreign principals, and members outside of the domain have
 * none here. Nested groups are walked level by level, because matching in chain
 * (1.2.840.113556.1.4.1941) can fail with some of the entries sent. A group is read once, so loops
 * of groups end.
 *
 * A caller that does not see all entries gets only the members that it sees. Hidden members are
 * dropped before anything is looked up, so that a hidden nested group has no members either.
 */
#include "directory/member_list.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fold.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/filter.h"
#include "directory/member_values.h"
#include "directory/name_search.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/primary.h"
#include "directory/query.h"
#include "directory/result.h"

#include <inttypes.h>
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_MEMBERS = 64,     /* initial capacity of a set */
    LOOKUP_MEMBERS = 100,   /* members that one search looks up */
    ACCOUNT_DISABLED = 0x2, /* bit of userAccountControl: MS-ADTS 2.2.16 */
};

/* --- sets of members ------------------------------------------------------------------------- */

struct set {
    struct arena *arena;
    struct directory_member *items;
    size_t count, size;
};

static void set_add(struct set *set, const char *guid, const char *dn)
{
    if (set->count == set->size) {
        size_t size = set->size ? 2 * set->size : FIRST_MEMBERS;
        struct directory_member *items = arena_array(set->arena, size, sizeof *items);
        if (set->count) {
            memcpy(items, set->items, set->count * sizeof *items);
        }
        set->items = items;
        set->size = size;
    }
    set->items[set->count++] = (struct directory_member){.guid = guid, .dn = dn};
}

static int compare_guids(const void *a, const void *b)
{
    const struct directory_member *left = a, *right = b;
    return strcmp(left->guid, right->guid);
}

static struct directory_member *set_find(const struct set *set, const char *guid)
{
    const struct directory_member key = {.guid = guid};
    return set->count ? bsearch(&key, set->items, set->count, sizeof key, compare_guids) : NULL;
}

/* Sorts the set by GUID and removes repeated members, and those that `known` has. */
static void set_normalize(struct set *set, const struct set *known)
{
    size_t kept = 0;
    if (set->count) {
        qsort(set->items, set->count, sizeof *set->items, compare_guids);
    }
    for (size_t i = 0; i < set->count; i++) {
        bool repeated = kept && !strcmp(set->items[kept - 1].guid, set->items[i].guid);
        if (!repeated && !(known && set_find(known, set->items[i].guid))) {
            set->items[kept++] = set->items[i];
        }
    }
    set->count = kept;
}

/* --- the members of one group ---------------------------------------------------------------- */

/* A group whose members are read. */
struct group {
    const char *guid;
    int64_t rid; /* 0: it cannot be a primary group */
};

struct groups {
    struct group *items;
    size_t count;
};

static bool read_group(struct arena *arena, const struct raw_entry *raw, struct group *group_r)
{
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    *group_r = (struct group){.rid = primary_group_rid(arena, raw)};
    return guid && codec_guid(arena, guid->values, &group_r->guid);
}

static void visit_member_value(void *context, const char *guid, const char *dn)
{
    set_add(context, guid, dn);
}

static void visit_primary_member(void *context, const struct raw_entry *raw)
{
    struct set *set = context;
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const char *text;
    if (guid && codec_guid(set->arena, guid->values, &text)) {
        set_add(set, text, raw->dn);
    }
}

/* Adds the accounts whose primary group it is and which the caller sees. */
static struct error *add_primary_members(struct directory *directory, const struct group *group,
                                         struct set *set)
{
    char *attributes[] = {"objectGUID", NULL};
    const struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = arena_format(set->arena, "(primaryGroupID=%" PRId64 ")", group->rid),
        .attributes = attributes,
    };
    return group->rid ? query_all_visible(directory, set->arena, &search, visit_primary_member, set)
                      : NULL;
}

/* Removes the members that the caller does not see. */
static void drop_hidden_members(const struct directory *directory, struct set *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (caller_sees(directory, set->items[i].dn)) {
            set->items[kept++] = set->items[i];
        }
    }
    set->count = kept;
}

static struct error *add_members(struct directory *directory, const struct group *group,
                                 struct set *set)
{
    struct error *error =
        member_values_read(directory, set->arena, group->guid, visit_member_value, set);
    return error ? error : add_primary_members(directory, group, set);
}

/* --- looking up members ---------------------------------------------------------------------- */

/* Selects and reads objects by their GUIDs. */
struct lookup {
    /* Returns the filter that an object must match; `objects` is the filter of the GUIDs. */
    const char *(*filter)(struct arena *arena, const char *objects, void *context);
    void (*visit)(struct arena *arena, const struct raw_entry *raw, void *context);
    void *context;
    char **attributes;
    int64_t until;            /* deadline, see struct operation; 0: none */
    enum error_id too_costly; /* the error after the deadline */
    const char *base;         /* DN below which members are found; NULL: that of the domain */
};

/* Returns a filter that matches these members. */
static const char *format_guids_filter(struct arena *arena, const struct directory_member *members,
                                       size_t count)
{
    struct buffer filter = {.arena = arena};
    buffer_add_string(&filter, "(|");
    for (size_t i = 0; i < count; i++) {
        const char *octets = names_filter_guid(arena, members[i].guid);
        if (octets) {
            buffer_format(&filter, "(objectGUID=%s)", octets);
        }
    }
    buffer_add_char(&filter, ')');
    return filter.bytes;
}

/* Returns the DN below which members are found. */
static const char *lookup_base(const struct directory *directory, struct arena *arena)
{
    const char *base = connection_config(directory)->ldap_base_dn;
    const char *domain = names_domain(arena, base);
    return domain ? domain : base;
}

static struct error *lookup_error(struct arena *arena, const struct lookup *lookup,
                                  const struct answer *answer)
{
    return lookup->until && answer->code == LDAP_TIMELIMIT_EXCEEDED
               ? error_new(arena, lookup->too_costly, "search for the members: %s",
                           answer->diagnostic)
               : result_error(arena, answer, NULL, "search for the members");
}

/* Passes the members that match the filter to `visit`, in any order. Members outside of the domain,
 * and those that the service account may not read, are not found. */
static struct error *look_up(struct directory *directory, struct arena *arena,
                             const struct directory_member *members, size_t count,
                             const struct lookup *lookup)
{
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    for (size_t at = 0; at < count; at += LOOKUP_MEMBERS) {
        size_t some = count - at < LOOKUP_MEMBERS ? count - at : LOOKUP_MEMBERS;
        const char *objects = format_guids_filter(arena, members + at, some);
        const struct query search = {
            .base = lookup->base ? lookup->base : lookup_base(directory, arena),
            .scope = LDAP_SCOPE_SUBTREE,
            .filter = lookup->filter ? lookup->filter(arena, objects, lookup->context) : objects,
            .attributes = lookup->attributes,
            .controls = controls,
            .until = lookup->until,
        };
        struct answer answer;
        struct error *error = query_run(directory, arena, &search, &answer);
        if (error && error->id == ERR_FILTER_TOO_COSTLY) {
            error = error_new(arena, lookup->too_costly, "%s", error->cause);
        } else if (!error && answer.code != LDAP_SUCCESS) {
            error = lookup_error(arena, lookup, &answer);
        }
        if (error) {
            return error;
        }
        for (size_t i = 0; i < answer.count; i++) {
            lookup->visit(arena, &answer.entries[i], lookup->context);
        }
    }
    return NULL;
}

/* --- nested groups --------------------------------------------------------------------------- */

static const char *filter_groups(struct arena *arena, const char *objects, void *context)
{
    (void)context;
    return arena_format(arena, "(&%s" DIRECTORY_GROUP_FILTER ")", objects);
}

static void visit_nested_group(struct arena *arena, const struct raw_entry *raw, void *context)
{
    struct groups *groups = context;
    if (read_group(arena, raw, &groups->items[groups->count])) {
        groups->count++;
    }
}

/* Finds the groups among the members. */
static struct error *find_groups(struct directory *directory, const struct set *set,
                                 struct groups *groups_r)
{
    char *attributes[] = {"objectGUID", "objectSid", "groupType", NULL};
    const struct lookup lookup = {.filter = filter_groups,
                                  .visit = visit_nested_group,
                                  .context = groups_r,
                                  .attributes = attributes};
    *groups_r =
        (struct groups){.items = arena_array(set->arena, set->count, sizeof *groups_r->items)};
    return look_up(directory, set->arena, set->items, set->count, &lookup);
}

/* Collects the members of the group and of all groups below it, without the group itself. */
static struct error *walk_members(struct directory *directory, struct group *top, struct set *all)
{
    struct groups level = {.items = top, .count = 1};
    set_add(all, top->guid, "");
    while (level.count) {
        struct set found = {.arena = all->arena};
        struct error *error = NULL;
        for (size_t i = 0; !error && i < level.count; i++) {
            error = add_members(directory, &level.items[i], &found);
            if (error && error->id == ERR_NOT_FOUND && level.items != top) {
                error = NULL; /* a nested group that was deleted meanwhile */
            }
        }
        set_normalize(&found, all);
        drop_hidden_members(directory, &found);
        if (!error) {
            error = find_groups(directory, &found, &level);
        }
        if (error) {
            return error;
        }
        for (size_t i = 0; i < found.count; i++) {
            set_add(all, found.items[i].guid, found.items[i].dn);
        }
        set_normalize(all, NULL);
    }
    struct directory_member *own = set_find(all, top->guid);
    memmove(own, own + 1, (size_t)(all->items + all->count - own - 1) * sizeof *own);
    all->count--;
    return NULL;
}

/* --- filters and searches -------------------------------------------------------------------- */

static const char *const searched_attributes[] = {
    "cn", "sAMAccountName", "mail", "givenName", "sn", "displayName", "dNSHostName", NULL};

/* Attributes of members outside of the base DN, of which clients see only the name. */
static const char *const searched_outside[] = {"cn", NULL};

/* The members that match a filter and the first words of a search. */
struct matches {
    const char *compiled; /* the filter; NULL: none */
    int64_t until;        /* its deadline; 0: none */
    struct name_search words;
    size_t words_count;          /* number of the first words that a member must match */
    const char *const *searched; /* attributes */
    struct set found;
};

static const char *filter_matches(struct arena *arena, const char *objects, void *context)
{
    const struct matches *matches = context;
    const char *filtered =
        matches->compiled ? arena_format(arena, "(&%s%s)", objects, matches->compiled) : objects;
    return name_search_filter(arena, filtered, matches->searched, &matches->words,
                              matches->words_count);
}

static void visit_match(struct arena *arena, const struct raw_entry *raw, void *context)
{
    struct matches *matches = context;
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const char *text;
    if (guid && codec_guid(arena, guid->values, &text)) {
        set_add(&matches->found, text, raw->dn);
    }
}

/* Finds the members that match: those below the base DN by all searched attributes, and others by
 * their name. */
static struct error *find_matches(struct directory *directory, const struct set *set,
                                  struct matches *matches)
{
    char *attributes[] = {"objectGUID", NULL};
    const char *base = connection_config(directory)->ldap_base_dn;
    struct lookup lookup = {
        .filter = filter_matches,
        .visit = visit_match,
        .context = matches,
        .attributes = attributes,
        .until = matches->until,
        .too_costly = ERR_FILTER_TOO_COSTLY,
        .base = base,
    };
    matches->found = (struct set){.arena = set->arena};
    matches->searched = searched_attributes;
    struct error *error = look_up(directory, set->arena, set->items, set->count, &lookup);
    if (!error && !names_equal(base, lookup_base(directory, set->arena))) {
        lookup.base = NULL;
        matches->searched = searched_outside;
        error = look_up(directory, set->arena, set->items, set->count, &lookup);
        matches->searched = searched_attributes;
        set_normalize(&matches->found, NULL);
    }
    return error;
}

/* Compiles the filter and the search of the request. */
static struct error *prepare_matches(struct directory *directory, struct arena *arena,
                                     const struct directory_member_query *query,
                                     struct matches *matches_r)
{
    *matches_r =
        (struct matches){.words_count = NAME_SEARCH_WORDS_MAX, .searched = searched_attributes};
    name_search_parse(&matches_r->words, arena, query->search);
    if (!query->filter) {
        return NULL;
    }
    matches_r->until =
        clock_steady_us() + connection_config(directory)->filter_timeout_ms * US_PER_MS;
    return directory_filter_compile(directory, arena, query->filter, &matches_r->compiled);
}

/* Reduces the set to the members that match. If no member has all words of the search, the first
 * words decide, as in lists. */
static struct error *reduce_members(struct directory *directory, struct matches *matches,
                                    struct set *set)
{
    if (!matches->words.count && !matches->compiled) {
        return NULL;
    }
    struct error *error = find_matches(directory, set, matches);
    if (!error && !matches->found.count && matches->words.count > NAME_SEARCH_FIRST_WORDS) {
        matches->words_count = NAME_SEARCH_FIRST_WORDS;
        error = find_matches(directory, set, matches);
    }
    *set = matches->found;
    return error;
}

/* --- kinds and states ------------------------------------------------------------------------- */

static const char kind_user[] = "user", kind_group[] = "group", kind_computer[] = "computer",
                  kind_contact[] = "contact", kind_service_account[] = "service_account",
                  kind_foreign[] = "foreign", kind_other[] = "other";

const char *const directory_member_kinds[] = {
    kind_user,    kind_group, kind_computer, kind_contact, kind_service_account,
    kind_foreign, kind_other, NULL};

/* Kinds that are determined by the object class. */
static const struct {
    const char *class, *kind;
} kinds_of_classes[] = {
    {"msDS-GroupManagedServiceAccount", kind_service_account},
    {"msDS-ManagedServiceAccount", kind_service_account},
    {"msDS-DelegatedManagedServiceAccount", kind_service_account},
    {"group", kind_group},
    {"contact", kind_contact},
    {"foreignSecurityPrincipal", kind_foreign},
};

/* Returns the kind of an object. sAMAccountType tells users and computers apart, as in the lists of
 * users and computers. */
static const char *find_kind(const struct raw_entry *raw)
{
    enum { SAM_USER_OBJECT = 805306368, SAM_MACHINE_ACCOUNT = 805306369 }; /* MS-SAMR 2.2.1.9 */
    int64_t type;
    for (size_t i = 0; i < sizeof kinds_of_classes / sizeof *kinds_of_classes; i++) {
        if (attribute_has_class(raw, kinds_of_classes[i].class)) {
            return kinds_of_classes[i].kind;
        }
    }
    if (!attribute_integer(raw, "sAMAccountType", &type)) {
        return kind_other;
    }
    return type == SAM_USER_OBJECT       ? kind_user
           : type == SAM_MACHINE_ACCOUNT ? kind_computer
                                         : kind_other;
}

/* Sets the kind and the state of a member that was read. */
static void visit_member_state(struct arena *arena, const struct raw_entry *raw, void *context)
{
    const struct set *set = context;
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const char *text = "";
    int64_t control;
    struct directory_member *member =
        guid && codec_guid(arena, guid->values, &text) ? set_find(set, text) : NULL;
    if (member) {
        member->dn = raw->dn;
        member->kind = find_kind(raw);
        member->is_account = attribute_integer(raw, "userAccountControl", &control);
        member->enabled = member->is_account && !(control & ACCOUNT_DISABLED);
    }
}

/* Reads the kinds and states of the members of the set, which it sorts by GUID. */
static struct error *read_member_states(struct directory *directory, struct set *set, int64_t until)
{
    char *attributes[] = {"objectGUID", "objectClass", "sAMAccountType", "userAccountControl",
                          NULL};
    const struct lookup lookup = {
        .visit = visit_member_state,
        .context = set,
        .attributes = attributes,
        .until = until,
        .too_costly = ERR_SORT_TOO_COSTLY,
    };
    set_normalize(set, NULL);
    for (size_t i = 0; i < set->count; i++) {
        set->items[i].kind = kind_other;
    }
    return look_up(directory, set->arena, set->items, set->count, &lookup);
}

/* --- orders ----------------------------------------------------------------------------------- */

static int compare_places(const struct directory_member_place *a,
                          const struct directory_member_place *b)
{
    size_t common = a->length < b->length ? a->length : b->length;
    int order = common ? memcmp(a->key, b->key, common) : 0;
    if (!order) {
        order = (a->length > b->length) - (a->length < b->length);
    }
    return order ? order : strcmp(a->guid, b->guid);
}

static int compare_members(const void *a, const void *b)
{
    const struct directory_member *left = a, *right = b;
    return compare_places(&left->place, &right->place);
}

static void reverse_members(struct set *set)
{
    for (size_t i = 0; i < set->count / 2; i++) {
        struct directory_member member = set->items[i];
        set->items[i] = set->items[set->count - 1 - i];
        set->items[set->count - 1 - i] = member;
    }
}

/* True if the order depends on attributes of the members. */
static bool needs_states(enum directory_member_order order)
{
    return order == DIRECTORY_MEMBERS_BY_KIND || order == DIRECTORY_MEMBERS_BY_ENABLED;
}

/* Sets the place to the bytes of a text and, after a zero, the sort key of the name. */
static void place_by_text(struct arena *arena, struct directory_member *member, const char *text)
{
    const unsigned char *name;
    size_t length = strlen(text) + 1, name_length = fold_sort_key(arena, member->name, &name);
    size_t room = FOLD_SORT_KEY_MAX - length;
    struct buffer key = {.arena = arena};
    buffer_add(&key, text, length);
    buffer_add(&key, (const char *)name, name_length < room ? name_length : room);
    member->place.key = (const unsigned char *)key.bytes;
    member->place.length = key.length;
}

static void place_member(struct arena *arena, struct directory_member *member,
                         enum directory_member_order order)
{
    switch (order) {
    case DIRECTORY_MEMBERS_BY_NAME:
        member->place.length = fold_sort_key(arena, member->name, &member->place.key);
        break;
    case DIRECTORY_MEMBERS_BY_DN:
        member->place.length = fold_sort_key(arena, member->dn, &member->place.key);
        break;
    case DIRECTORY_MEMBERS_BY_GUID:
        place_by_text(arena, member, member->guid);
        break;
    case DIRECTORY_MEMBERS_BY_KIND:
        place_by_text(arena, member, member->kind);
        break;
    case DIRECTORY_MEMBERS_BY_ENABLED:
        place_by_text(arena, member, !member->is_account ? "2" : member->enabled ? "1" : "0");
        break;
    }
    member->place.guid = member->guid;
}

/* Sorts the set by the places of its members. */
static void order_members(struct set *set, bool descending)
{
    if (set->count) {
        qsort(set->items, set->count, sizeof *set->items, compare_members);
    }
    if (descending) {
        reverse_members(set);
    }
}

/* Finds the places of the members, and sorts them. */
static struct error *sort_members(struct directory *directory, struct set *set,
                                  const struct directory_member_query *query)
{
    int64_t timeout_us = connection_config(directory)->filter_timeout_ms * US_PER_MS;
    struct error *error = needs_states(query->order)
                              ? read_member_states(directory, set, clock_steady_us() + timeout_us)
                              : NULL;
    if (error) {
        return error;
    }
    for (size_t i = 0; i < set->count; i++) {
        struct directory_member *member = &set->items[i];
        const char *name = names_first_value(set->arena, member->dn);
        member->name = name ? name : member->dn;
        place_member(set->arena, member, query->order);
    }
    order_members(set, query->descending);
    return NULL;
}

/* Returns the index of the first member after this place. */
static size_t find_first_behind(const struct set *set, const struct directory_member_place *place,
                                bool descending)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_places(&set->items[middle].place, place);
        if (descending ? order < 0 : order > 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* --- the page -------------------------------------------------------------------------------- */

/* Cuts the page out of the sorted set, and reads the kinds and states of its members unless the
 * order needed those of all members. */
static struct error *read_member_page(struct directory *directory, const struct set *set,
                                      const struct directory_member_query *query,
                                      struct directory_member_page *page_r)
{
    size_t first = query->after ? find_first_behind(set, query->after, query->descending) : 0;
    size_t left = set->count - first;
    struct set page = {
        .arena = set->arena,
        .items = set->count ? set->items + first : NULL,
        .count = left < query->limit ? left : query->limit,
    };
    *page_r = (struct directory_member_page){
        .members = page.items,
        .count = page.count,
        .total = (int64_t)set->count,
        .more = left > query->limit,
    };
    if (needs_states(query->order)) {
        return NULL;
    }
    struct error *error = read_member_states(directory, &page, 0);
    order_members(&page, query->descending);
    return error;
}

/* Finds the group and collects its members. */
static struct error *collect_members(struct directory *directory, struct arena *arena,
                                     const struct directory_member_query *query, struct set *set)
{
    char *attributes[] = {"objectGUID", "objectSid", "groupType", NULL};
    const struct query_by_name wanted = {
        .attribute = "cn",
        .name = query->group,
        .filter = DIRECTORY_GROUP_FILTER,
        .identifier_filter = DIRECTORY_GROUP_FILTER,
        .parent_dn = query->group_parent_dn,
        .attributes = attributes,
    };
    struct raw_entry *raw;
    struct group group;
    struct error *error = query_name(directory, arena, &wanted, &raw);
    if (error) {
        return error;
    }
    if (!read_group(arena, raw, &group)) {
        return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", raw->dn);
    }
    if (query->effective) {
        error = walk_members(directory, &group, set);
    } else {
        error = add_members(directory, &group, set);
        set_normalize(set, NULL);
        drop_hidden_members(directory, set);
    }
    return error;
}

struct error *directory_list_members(struct directory *directory, struct arena *arena,
                                     const struct directory_member_query *query,
                                     struct directory_member_page *page_r)
{
    struct set set = {.arena = arena};
    struct matches matches;
    connection_begin_call(directory);
    struct error *error = prepare_matches(directory, arena, query, &matches);
    if (!error) {
        error = collect_members(directory, arena, query, &set);
    }
    if (!error) {
        error = reduce_members(directory, &matches, &set);
    }
    if (!error) {
        error = sort_members(directory, &set, query);
    }
    if (error) {
        return error;
    }
    error = read_member_page(directory, &set, query, page_r);
    page_r->base = lookup_base(directory, arena);
    page_r->compiled = filter_matches(arena, "(objectClass=*)", &matches);
    return error;
}
