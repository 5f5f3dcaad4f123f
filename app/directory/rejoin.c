/* See rejoin.h. */
#include "directory/rejoin.h"

#include "base/arena.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/deleted.h"
#include "directory/directory.h"
#include "directory/intent.h"
#include "directory/plan.h"
#include "directory/predict.h"
#include "directory/protected.h"
#include "directory/query.h"
#include "directory/sequence.h"

/* Any object: a member may be of any kind. */
#define ANY_FILTER "(objectClass=*)"

enum { PIECE = 100 }; /* maximum number of members to add to the object in one operation */

static const struct caller_need members_need = {.rights = RIGHT_BIT(RIGHT_MEMBERS)};

struct rejoin_membership {
    const char *other; /* DN or GUID of the group or of the member */
    bool is_group;     /* `other` is a group of the object; false: a member of it */
    const char *guid;  /* its objectGUID; NULL: unknown */
    struct directory_intent_entry *planned; /* NULL: nothing to do */
    struct error *error;                    /* why it is not given back; NULL: it is */
};

/* --- the list --------------------------------------------------------------------------------- */

static size_t count_texts(const char *const *texts)
{
    size_t count = 0;
    while (texts && texts[count]) {
        count++;
    }
    return count;
}

struct rejoin rejoin_new(struct directory *directory, struct arena *arena,
                         const struct directory_restoration *restoration,
                         const struct rejoin_object *object)
{
    size_t groups = count_texts(restoration->groups), members = count_texts(restoration->members);
    struct rejoin rejoin = {
        .directory = directory,
        .arena = arena,
        .object = *object,
        .filter = restoration->class->filter,
        .list = arena_array(arena, groups + members, sizeof *rejoin.list),
        .count = groups + members,
    };
    for (size_t i = 0; i < rejoin.count; i++) {
        bool is_group = i < groups;
        const char *other = is_group ? restoration->groups[i] : restoration->members[i - groups];
        rejoin.list[i] = (struct rejoin_membership){.other = other, .is_group = is_group};
    }
    return rejoin;
}

/* True if this membership cannot be given back, and others can. */
static bool is_refusal(const struct error *error)
{
    switch (error->id) {
    case ERR_FORBIDDEN:
    case ERR_NOT_FOUND:
    case ERR_AMBIGUOUS:
    case ERR_CONFLICT:
    case ERR_PROTECTED_OBJECT:
    case ERR_DIRECTORY_INVALID:
    case ERR_DIRECTORY_REFUSED:
    case ERR_DIRECTORY_FORBIDDEN:
    case ERR_DIRECTORY_LIMIT:
        return true;
    default:
        return false;
    }
}

/* --- the plan --------------------------------------------------------------------------------- */

/* Finds the group or the member. */
static struct error *find_other(const struct rejoin *rejoin,
                                const struct rejoin_membership *membership,
                                struct raw_entry **raw_r, const char **guid_r)
{
    char *attributes[] = {"objectGUID", "objectClass", NULL};
    const struct query_by_name wanted = {
        .attribute = membership->is_group ? "cn" : "sAMAccountName",
        .name = membership->other,
        .filter = membership->is_group ? DIRECTORY_GROUP_FILTER : rejoin->filter,
        .identifier_filter = membership->is_group ? DIRECTORY_GROUP_FILTER : ANY_FILTER,
        .attributes = attributes,
    };
    struct error *error = query_name(rejoin->directory, rejoin->arena, &wanted, raw_r);
    if (error) {
        return error;
    }
    const struct attribute *guid = attribute_get(*raw_r, attributes[0]);
    return guid && codec_guid(rejoin->arena, guid->values, guid_r)
               ? NULL
               : error_new(rejoin->arena, ERR_NOT_FOUND, "%s has no objectGUID", (*raw_r)->dn);
}

/* Checks that the members of a group can be changed. */
static struct error *check_group(const struct rejoin *rejoin, const char *dn, const char *guid)
{
    struct target target;
    struct error *error = caller_check(rejoin->directory, rejoin->arena, dn, &members_need, false);
    if (!error) {
        error = protected_read(rejoin->directory, rejoin->arena, guid, PROTECTED_MODIFY,
                               &members_need, &target);
    }
    return error ? error : predict_write(rejoin->directory, rejoin->arena, guid, "member");
}

/* Checks that an object can become a member of the restored group. */
static struct error *check_member(const struct rejoin *rejoin, const char *guid)
{
    static const struct caller_need no_need = {0};
    struct target target;
    struct error *error =
        caller_check(rejoin->directory, rejoin->arena, rejoin->object.dn, &members_need, false);
    return error ? error
                 : protected_read(rejoin->directory, rejoin->arena, guid, PROTECTED_MODIFY,
                                  &no_need, &target);
}

/* Announces a membership, unless an object that exists has it already. */
static struct error *announce_missing_membership(const struct rejoin *rejoin,
                                                 const struct plan_membership *plan)
{
    enum directory_member_state belonging = DIRECTORY_NO_MEMBER;
    struct error *error = NULL;
    if (rejoin->object.exists) {
        error = members_find_value(rejoin->directory, rejoin->arena,
                                   query_guid_dn(rejoin->arena, plan->group_guid), plan->member_dn,
                                   &belonging);
    }
    return error || belonging == DIRECTORY_MEMBER
               ? error
               : intent_announce(rejoin->directory, rejoin->arena,
                                 plan_membership(rejoin->arena, plan));
}

/* Checks a membership, and plans it if it is missing. */
static struct error *examine_membership(const struct rejoin *rejoin,
                                        struct rejoin_membership *membership)
{
    const struct rejoin_object *object = &rejoin->object;
    struct raw_entry *raw;
    struct error *error = find_other(rejoin, membership, &raw, &membership->guid);
    if (!error) {
        error = membership->is_group ? check_group(rejoin, raw->dn, membership->guid)
                                     : check_member(rejoin, membership->guid);
    }
    if (error) {
        return error;
    }
    const struct plan_membership plan = {
        .group_dn = membership->is_group ? raw->dn : object->dn,
        .group_guid = membership->is_group ? membership->guid : object->guid,
        .member_dn = membership->is_group ? object->dn : raw->dn,
        .member_guid = membership->is_group ? object->guid : membership->guid,
        .member_kind = membership->is_group ? object->kind : plan_kind(raw),
        .adds = true,
    };
    return announce_missing_membership(rejoin, &plan);
}

static struct error *plan_one(const struct rejoin *rejoin, size_t index)
{
    if (index >= REJOIN_MAX) {
        return error_new(rejoin->arena, ERR_DIRECTORY_LIMIT, "too many memberships");
    }
    connection_begin_call(rejoin->directory); /* each has the time of a call */
    return examine_membership(rejoin, &rejoin->list[index]);
}

struct error *rejoin_plan(struct rejoin *rejoin, const struct directory_sequence *sequence)
{
    for (size_t i = 0; i < rejoin->count; i++) {
        struct rejoin_membership *membership = &rejoin->list[i];
        struct error *error = plan_one(rejoin, i);
        if (error && error->id == ERR_DRY_RUN) {
            membership->planned = directory_sequence_planned(sequence);
        } else if (error && is_refusal(error)) {
            membership->error = error;
        } else if (error) {
            return error;
        }
    }
    return NULL;
}

/* --- the changes ------------------------------------------------------------------------------ */

/* Says that a planned membership was not made. */
static void refuse_planned(struct rejoin_membership *membership, struct error *error)
{
    membership->error = error;
    intent_refuse(membership->planned);
    membership->planned = NULL;
}

static void refuse_from(struct rejoin *rejoin, size_t first, struct error *error)
{
    for (size_t i = first; i < rejoin->count; i++) {
        if (rejoin->list[i].planned) {
            refuse_planned(&rejoin->list[i], error);
        }
    }
}

/* Adds one membership. */
static struct error *give_membership_back(const struct rejoin *rejoin,
                                          const struct rejoin_membership *membership)
{
    const char *guid = rejoin->object.guid;
    const struct directory_membership change = {
        .group = membership->is_group ? membership->guid : guid,
        .member = membership->is_group ? guid : membership->guid,
        .member_filter = rejoin->filter,
        .identifier_filter = ANY_FILTER,
        .belonging = DIRECTORY_MEMBER,
    };
    struct directory_entry *group, *member;
    return directory_change_member(rejoin->directory, rejoin->arena, &change, &group, &member);
}

/* Marks the planned memberships from `first` to `end`, whose outcome is unknown: they stay in the
 * announced change. */
static void mark_unknown(struct rejoin *rejoin, size_t first, size_t end, struct error *error)
{
    for (size_t i = first; i < end; i++) {
        if (rejoin->list[i].planned) {
            rejoin->list[i].error = error;
        }
    }
}

/* Adds the memberships from `first` to `end` one by one. Stops at the first one for which the
 * directory fails. *done_r is the position of the first one that was not sent. */
static struct error *add_each(struct rejoin *rejoin, size_t first, size_t end, size_t *done_r)
{
    for (size_t i = first; i < end; i++) {
        struct rejoin_membership *membership = &rejoin->list[i];
        struct error *error = membership->planned ? give_membership_back(rejoin, membership) : NULL;
        if (error && is_refusal(error)) {
            refuse_planned(membership, error);
        } else if (error) {
            bool is_unknown = error_may_follow_change(error);
            *done_r = i + is_unknown;
            mark_unknown(rejoin, i, *done_r, error);
            return error;
        }
    }
    *done_r = end;
    return NULL;
}

/* Adds the next members of the object, up to PIECE, in one operation, or one by one if the
 * directory refuses that. *done_r as add_each(). */
static struct error *add_piece(struct rejoin *rejoin, size_t first, size_t *done_r)
{
    const char *guids[PIECE];
    size_t count = 0, end = first;
    for (; end < rejoin->count && count < PIECE; end++) {
        if (rejoin->list[end].planned) {
            guids[count++] = rejoin->list[end].guid;
        }
    }
    struct error *error = count > 1 ? members_add_several(rejoin->directory, rejoin->arena,
                                                          rejoin->object.guid, guids, count)
                                    : NULL;
    *done_r = end;
    if (error && error_may_follow_change(error)) {
        mark_unknown(rejoin, first, end, error);
        return error;
    }
    return error || count == 1 ? add_each(rejoin, first, end, done_r) : NULL;
}

struct error *rejoin_make(struct rejoin *rejoin)
{
    size_t groups = 0, done;
    while (groups < rejoin->count && rejoin->list[groups].is_group) {
        groups++;
    }
    struct error *error = add_each(rejoin, 0, groups, &done);
    while (!error && done < rejoin->count) {
        error = add_piece(rejoin, done, &done);
    }
    if (error) {
        refuse_from(rejoin, done, error);
    }
    return error;
}

void rejoin_give_up(struct rejoin *rejoin, struct error *error)
{
    refuse_from(rejoin, 0, error);
}

/* --- the result ------------------------------------------------------------------------------- */

const struct directory_unrestored *rejoin_missing(const struct rejoin *rejoin, size_t *count_r)
{
    struct directory_unrestored *missing =
        arena_array(rejoin->arena, rejoin->count, sizeof *missing);
    *count_r = 0;
    for (size_t i = 0; i < rejoin->count; i++) {
        const struct rejoin_membership *membership = &rejoin->list[i];
        if (membership->error && caller_sees(rejoin->directory, membership->other)) {
            missing[(*count_r)++] =
                (struct directory_unrestored){membership->other, membership->error};
        }
    }
    return missing;
}
