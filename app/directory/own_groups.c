/* See own_groups.h. */
#include "directory/own_groups.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/number.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/intent.h"
#include "directory/names.h"
#include "directory/plan.h"
#include "directory/primary.h"
#include "directory/protected.h"
#include "directory/query.h"

#include <stdlib.h>
#include <string.h>

enum { DOMAIN_USERS = 513 }; /* RID: MS-DTYP 2.4.2.4 */

bool directory_is_group_error(const struct error *error)
{
    switch (error->id) {
    case ERR_FORBIDDEN:
    case ERR_NOT_FOUND:
    case ERR_PROTECTED_OBJECT:
    case ERR_DIRECTORY_FORBIDDEN:
    case ERR_DIRECTORY_REFUSED:
        return true;
    default:
        return false;
    }
}

struct error *directory_hidden_groups_error(struct arena *arena)
{
    const char *right = right_names[RIGHT_MEMBERS];
    struct error *error = error_new(arena, ERR_FORBIDDEN, "no right %s in hidden groups", right);
    return error_detail(error, "rights", FAULT_NO_RIGHT, right);
}

/* --- the groups ------------------------------------------------------------------------------- */

static void add_group(const struct directory *directory, struct directory_own_groups *groups,
                      const char *dn)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (!strcmp(groups->list[i].dn, dn)) {
            return;
        }
    }
    if (caller_sees(directory, dn)) {
        groups->list[groups->count++] = (struct directory_own_group){.dn = dn};
    } else {
        groups->has_hidden = true;
    }
}

/* Reads the DNs of the groups. */
static struct error *list_groups_of(struct directory *directory, struct arena *arena,
                                    const char *guid, enum directory_own_kind kind,
                                    struct directory_own_groups *groups)
{
    char *attributes[] = {"memberOf", "objectSid", "primaryGroupID", NULL};
    const char *primary = NULL;
    struct raw_entry raw = {0};
    struct error *error =
        query_object(directory, arena, query_guid_dn(arena, guid), attributes, &raw);
    if (!error) {
        error = entry_complete(directory, arena, raw.dn, &raw);
    }
    if (!error && kind == DIRECTORY_OWN_FOR_NEW_USER) {
        error = primary_group_dn(directory, arena, &raw, &primary);
    }
    if (error) {
        return error;
    }
    const struct attribute *direct = attribute_get(&raw, "memberOf");
    size_t count = direct ? direct->count : 0;
    groups->list = arena_array(arena, count + 1, sizeof *groups->list);
    for (size_t i = 0; i < count; i++) {
        add_group(directory, groups, direct->values[i].bv_val);
    }
    if (primary) {
        add_group(directory, groups, primary);
    }
    return NULL;
}

/* --- checks ----------------------------------------------------------------------------------- */

static bool may_write_members(const struct raw_entry *raw)
{
    const struct attribute *writable = attribute_get(raw, "allowedAttributesEffective");
    for (size_t i = 0; writable && i < writable->count; i++) {
        if (!strcasecmp(writable->values[i].bv_val, "member")) {
            return true;
        }
    }
    return false;
}

static bool is_domain_users(struct arena *arena, const struct raw_entry *raw)
{
    const struct attribute *sid = attribute_get(raw, "objectSid");
    const char *text;
    return sid && codec_sid(arena, sid->values, &text) && !strncmp(text, "S-1-5-21-", 9) &&
           strtoll(strrchr(text, '-') + 1, NULL, DECIMAL) == DOMAIN_USERS;
}

/* Checks that the members of a group that was read can be changed. */
static struct error *check_members(struct directory *directory, struct arena *arena,
                                   const char *guid, const struct raw_entry *raw)
{
    static const struct caller_need need = {.rights = RIGHT_BIT(RIGHT_MEMBERS)};
    struct target target;
    struct error *error = protected_read(directory, arena, guid, PROTECTED_MODIFY, &need, &target);
    return error || may_write_members(raw) ? error
                                           : error_new(arena, ERR_DIRECTORY_FORBIDDEN,
                                                       "no right to write member of %s", raw->dn);
}

/* Reads the group and checks it. *is_left_out_r is true for Domain Users if it is not wanted. */
static struct error *examine_group(struct directory *directory, struct arena *arena,
                                   enum directory_own_kind kind, struct directory_own_group *group,
                                   bool *is_left_out_r)
{
    char *attributes[] = {"objectGUID", "objectSid", "allowedAttributesEffective", NULL};
    struct raw_entry raw = {0};
    struct error *error = query_object(directory, arena, group->dn, attributes, &raw);
    *is_left_out_r = false;
    if (!error) {
        const struct attribute *guid = attribute_get(&raw, "objectGUID");
        bool is_within = names_is_within(raw.dn, connection_config(directory)->ldap_base_dn);
        *is_left_out_r = kind == DIRECTORY_OWN_FOR_NEW_USER && is_domain_users(arena, &raw);
        error = is_within && guid && codec_guid(arena, guid->values, &group->guid)
                    ? check_members(directory, arena, group->guid, &raw)
                    : error_new(arena, ERR_NOT_FOUND, NULL);
    }
    if (error && directory_is_group_error(error)) {
        group->error = error;
        return NULL;
    }
    return error;
}

struct error *directory_read_own_groups(struct directory *directory, struct arena *arena,
                                        const struct directory_entry *user,
                                        enum directory_own_kind kind,
                                        struct directory_own_groups *groups_r)
{
    size_t kept = 0;
    *groups_r = (struct directory_own_groups){0};
    connection_begin_call(directory);
    struct error *error = list_groups_of(directory, arena, user->guid, kind, groups_r);
    for (size_t i = 0; !error && i < groups_r->count; i++) {
        struct directory_own_group group = groups_r->list[i];
        bool is_left_out;
        connection_begin_call(directory); /* each group has the time of a call */
        error = examine_group(directory, arena, kind, &group, &is_left_out);
        if (!is_left_out) {
            groups_r->list[kept++] = group;
        }
    }
    groups_r->count = kept;
    return error;
}

/* --- changes ---------------------------------------------------------------------------------- */

struct error *directory_plan_new_member(struct directory *directory, struct arena *arena,
                                        const char *user_dn,
                                        const struct directory_own_group *group)
{
    const struct plan_membership plan = {
        .group_dn = group->dn,
        .group_guid = group->guid,
        .member_dn = user_dn,
        .member_kind = "user",
        .adds = true,
    };
    return intent_announce(directory, arena, plan_membership(arena, &plan));
}

struct error *directory_change_own_group(struct directory *directory, struct arena *arena,
                                         const struct directory_entry *user,
                                         const struct directory_own_group *group,
                                         enum directory_member_state belonging)
{
    const struct directory_membership membership = {
        .group = group->guid,
        .member = user->guid,
        .member_filter = DIRECTORY_USER_FILTER,
        .identifier_filter = DIRECTORY_USER_FILTER,
        .belonging = belonging,
    };
    struct directory_entry *changed_group, *changed_user;
    return directory_change_member(directory, arena, &membership, &changed_group, &changed_user);
}
