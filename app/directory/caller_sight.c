/*
 * Caller sight: the entries that the caller of a request may see, by the DNs of its delegations.
 *
 * The members of a group or the reports of a manager may be thousands, and the comparison of two
 * DNs parses both. So the rights at a parent are cached for the request: the entries below the same
 * parent have the same rights, unless they are scopes themselves.
 */
#include "base/arena.h"
#include "base/right.h"
#include "directory/caller.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"

#include <string.h>

enum { CACHED_PARENTS = 64 }; /* a power of two */

/* The rights of the caller on the entries below a parent. */
struct cached_parent {
    const char *dn; /* NULL: unused */
    unsigned rights;
};

struct caller_parents {
    struct arena *arena;
    struct cached_parent parents[CACHED_PARENTS];
};

/* --- the caller ------------------------------------------------------------------------------- */

struct directory_caller *caller_restricted(const struct directory *directory)
{
    struct directory_caller *caller = connection_caller(directory);
    return caller && caller->administrator && caller->limit == RIGHT_ALL ? NULL : caller;
}

bool caller_is_delegate(const struct directory *directory)
{
    const struct directory_caller *caller = connection_caller(directory);
    return caller && !caller->administrator;
}

static bool is_own_sid(const struct directory_caller *caller, const char *sid)
{
    for (size_t i = 0; caller->sids && caller->sids[i]; i++) {
        if (!strcmp(caller->sids[i], sid)) {
            return true;
        }
    }
    return false;
}

void directory_set_caller(struct directory *directory, struct arena *arena,
                          struct directory_caller *caller)
{
    connection_set_caller(directory, caller);
    if (!caller) {
        return;
    }
    const struct directory_rule **own = arena_array(arena, caller->rules_count + 1, sizeof *own);
    caller->own = own;
    caller->own_count = 0;
    for (size_t i = 0; i < caller->rules_count; i++) {
        if (is_own_sid(caller, caller->rules[i].principal_sid)) {
            own[caller->own_count++] = &caller->rules[i];
        }
    }
    caller->parents = arena_alloc(arena, sizeof *caller->parents);
    *caller->parents = (struct caller_parents){.arena = arena};
}

/* --- rights ----------------------------------------------------------------------------------- */

bool caller_rule_applies(const struct directory_rule *rule, const char *dn)
{
    return rule->scope_dn && names_is_within(dn, rule->scope_dn);
}

/* Returns the rights of a rule that the credentials permit, too. */
static unsigned limit_rights(const struct directory_caller *caller,
                             const struct directory_rule *rule)
{
    return (rule->rights | RIGHT_BIT(RIGHT_READ)) & caller->limit;
}

unsigned caller_rights_at(const struct directory_caller *caller, const char *dn)
{
    unsigned rights = caller->administrator ? caller->limit : 0;
    for (size_t i = 0; i < caller->own_count; i++) {
        if (caller_rule_applies(caller->own[i], dn)) {
            rights |= limit_rights(caller, caller->own[i]);
        }
    }
    return rights;
}

/* --- seeing ----------------------------------------------------------------------------------- */

bool caller_sees_all(const struct directory *directory)
{
    const struct directory_caller *caller = caller_restricted(directory);
    return !caller || caller->administrator || caller->reads_all;
}

/* Returns the DN of the parent as text; NULL if there is none. */
static const char *find_parent_text(const char *dn)
{
    for (; *dn; dn++) {
        if (*dn == '\\' && dn[1]) {
            dn++;
        } else if (*dn == ',') {
            return dn + 1;
        }
    }
    return NULL;
}

/* Returns the cache entry of the parent with this DN, which is overwritten if it belongs to another
 * parent. */
static struct cached_parent *find_cached_parent(struct caller_parents *parents, const char *dn)
{
    size_t hash = 0;
    for (const char *c = dn; *c; c++) {
        hash = hash * 31 + (unsigned char)*c;
    }
    return &parents->parents[hash % CACHED_PARENTS];
}

/* True if the caller may see the entries below this parent. */
static bool sees_below(const struct directory_caller *caller, const char *parent)
{
    struct cached_parent *known = find_cached_parent(caller->parents, parent);
    if (!known->dn || strcmp(known->dn, parent) != 0) {
        *known = (struct cached_parent){arena_string(caller->parents->arena, parent),
                                        caller_rights_at(caller, parent)};
    }
    return known->rights;
}

/* True if the first components of both DNs have the same type. If not, the DNs differ and need not
 * be parsed. */
static bool begin_with_one_type(const char *a, const char *b)
{
    size_t length = strcspn(a, "=");
    return length == strcspn(b, "=") && !strncasecmp(a, b, length);
}

bool caller_sees(const struct directory *directory, const char *dn)
{
    const struct directory_caller *caller = caller_restricted(directory);
    if (caller_sees_all(directory)) {
        return true;
    }
    const char *parent = find_parent_text(dn);
    if (parent && sees_below(caller, parent)) {
        return true;
    }
    for (size_t i = 0; i < caller->own_count; i++) {
        const struct directory_rule *rule = caller->own[i];
        if (rule->scope_dn && limit_rights(caller, rule) &&
            begin_with_one_type(rule->scope_dn, dn) && names_equal(dn, rule->scope_dn)) {
            return true;
        }
    }
    return false;
}

/* --- places ----------------------------------------------------------------------------------- */

/* Adds a place unless it is within one of the places, and removes those that are within it. */
static void add_place(const char **places, size_t *count, const char *dn)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (names_is_within(dn, places[i])) {
            return;
        }
    }
    for (size_t i = 0; i < *count; i++) {
        if (!names_is_within(places[i], dn)) {
            places[kept++] = places[i];
        }
    }
    places[kept++] = dn;
    *count = kept;
}

const char *const *caller_places(const struct directory *directory, struct arena *arena,
                                 const char *base, size_t *count_r)
{
    const struct directory_caller *caller = caller_restricted(directory);
    size_t own = caller_sees_all(directory) ? 0 : caller->own_count;
    const char **places = arena_array(arena, own + 1, sizeof *places);
    *count_r = 0;
    if (caller_sees(directory, base)) {
        places[(*count_r)++] = base;
        return places;
    }
    for (size_t i = 0; i < own; i++) {
        const struct directory_rule *rule = caller->own[i];
        if (rule->scope_dn && limit_rights(caller, rule) && names_is_within(rule->scope_dn, base)) {
            add_place(places, count_r, rule->scope_dn);
        }
    }
    return places;
}
