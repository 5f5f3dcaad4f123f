/*
 * Members: adds an object to a group and removes it.
 *
 * A change adds or deletes one value of the group's attribute `member` and never replaces the whole
 * list, so that concurrent changes to one group do not overwrite each other. Membership by the
 * primary group is in primary.c.
 */
#include "directory/members.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/error.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry_lock.h"
#include "directory/find.h"
#include "directory/member_values.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/protected.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <string.h>

enum { TRIES = 10 }; /* maximum number of attempts while other clients change the same membership */

/* The group or the member, with its own SID and that of its primary group, as text. */
struct party {
    struct directory_entry *entry;
    const char *sid, *primary_group_sid; /* NULL: none */
    bool is_value_only;  /* found as a value of `member`, but not below the base DN */
    const char *address; /* of a group to change, see protected_address() */
};

/* --- changing a membership ------------------------------------------------------------------- */

struct member_change {
    const struct party *group, *member;
    const char *group_dn, *member_dn;
    LDAPMod *mods[2];
};

static int send_member_change(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct member_change *change = request;
    return ldap_modify_ext(ldap, change->group_dn, (LDAPMod **)change->mods, NULL, NULL,
                           message_id_r);
}

/* True if the answer states that the membership is already as requested. The codes of RFC 4511 4.6
 * are 16 and 20; Active Directory answers 68, or 53 with a Windows error code, Samba 53 with a text
 * of its own. */
static bool reports_no_change(const struct answer *answer)
{
    return answer->code == LDAP_NO_SUCH_ATTRIBUTE || answer->code == LDAP_TYPE_OR_VALUE_EXISTS ||
           answer->code == LDAP_ALREADY_EXISTS ||
           (answer->code == LDAP_UNWILLING_TO_PERFORM &&
            (strcasestr(answer->diagnostic, "already") || strstr(answer->diagnostic, "00000561") ||
             strstr(answer->diagnostic, "00000562")));
}

/* Searches for the member among the values of the group. */
static struct error *read_belonging(struct directory *directory, struct arena *arena,
                                    const struct member_change *change,
                                    enum directory_member_state *belonging_r)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    /* read for the current DN of the member, which may have been moved */
    struct raw_entry member = {0};
    struct error *error = query_object(directory, arena, change->member_dn, attributes, &member);
    if (error) {
        return error;
    }
    const struct query search = {
        .base = change->group_dn,
        .scope = LDAP_SCOPE_BASE,
        .filter = arena_format(arena, "(member=%s)", names_filter_value(arena, member.dn)),
        .attributes = attributes,
    };
    struct answer answer;
    error = query_run(directory, arena, &search, &answer);
    if (!error && answer.code != LDAP_SUCCESS) {
        error = result_error(arena, &answer, NULL, "search");
    }
    if (!error) {
        *belonging_r = answer.count ? DIRECTORY_MEMBER : DIRECTORY_NO_MEMBER;
    }
    return error;
}

/* Searches for a member that may be unreadable, by reading the values of the group. */
static struct error *read_value_belonging(struct directory *directory, struct arena *arena,
                                          const struct member_change *change,
                                          enum directory_member_state *belonging_r)
{
    const char *guid, *dn;
    struct error *error = member_values_find(directory, arena, change->group->entry->guid,
                                             change->member->entry->guid, &guid, &dn);
    bool missing = error && error->id == ERR_NOT_FOUND;
    *belonging_r = missing ? DIRECTORY_NO_MEMBER : DIRECTORY_MEMBER;
    return missing ? NULL : error;
}

/* Tries the change once. *settled_r is true if the membership is now as requested, by this change
 * or before it. If it is false without an error, another client has just changed the membership. */
static struct error *try_member_change(struct directory *directory, struct arena *arena,
                                       const struct member_change *change,
                                       enum directory_member_state wanted, bool *settled_r)
{
    const struct operation operation = {OPERATION_MODIFY, "modify", send_member_change, change};
    struct answer answer;
    enum directory_member_state belonging;
    struct error *error = operation_repeat(directory, arena, &operation, &answer);
    *settled_r = !error && answer.code == LDAP_SUCCESS;
    if (error || *settled_r) {
        return error;
    }
    bool contended = reports_no_change(&answer);
    if (!contended && answer.code != LDAP_UNWILLING_TO_PERFORM) {
        return result_error(arena, &answer, NULL, operation.name);
    }
    error = change->member->is_value_only
                ? read_value_belonging(directory, arena, change, &belonging)
                : read_belonging(directory, arena, change, &belonging);
    if (error) {
        return answer.repeated ? result_connection_lost(arena, &operation, error->cause) : error;
    }
    *settled_r = belonging == wanted;
    return *settled_r || contended ? NULL : result_error(arena, &answer, NULL, operation.name);
}

/* Repeats the change while other clients make the opposite change. */
static struct error *change_member_value(struct directory *directory, struct arena *arena,
                                         const struct party *group, const struct party *member,
                                         enum directory_member_state wanted)
{
    const char *member_dn = query_guid_dn(arena, member->entry->guid);
    struct berval value = {strlen(member_dn), arena_string(arena, member_dn)};
    struct berval *values[] = {&value, NULL};
    LDAPMod mod = {
        .mod_op = (wanted == DIRECTORY_MEMBER ? LDAP_MOD_ADD : LDAP_MOD_DELETE) | LDAP_MOD_BVALUES,
        .mod_type = "member",
        .mod_vals.modv_bvals = values,
    };
    const struct member_change change = {group, member, group->address, member_dn, {&mod, NULL}};
    for (int tries = 0; tries < TRIES; tries++) {
        bool settled;
        struct error *error = try_member_change(directory, arena, &change, wanted, &settled);
        if (error || settled) {
            return error;
        }
    }
    return error_new(arena, ERR_CONFLICT, "other clients keep changing this membership");
}

/* --- finding the group and the member -------------------------------------------------------- */

static struct error *find_party(struct directory *directory, struct arena *arena,
                                const struct query_by_name *wanted, struct party *party)
{
    struct raw_entry *raw;
    int64_t rid;
    struct error *error = query_name(directory, arena, wanted, &raw);
    if (error) {
        return error;
    }
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const struct attribute *sid = attribute_get(raw, "objectSid");
    const struct attribute *primary = attribute_get(raw, "primaryGroupID");
    if (!guid || !codec_guid(arena, guid->values, &party->entry->guid)) {
        return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", raw->dn);
    }
    party->entry->dn = raw->dn;
    if (sid && codec_sid(arena, sid->values, &party->sid) && primary &&
        codec_integer(primary->values, &rid)) {
        party->primary_group_sid = codec_sid_sibling(arena, party->sid, rid);
    }
    return NULL;
}

/* Finds a member that is outside of the base DN, or that the service account cannot read, among the
 * values of the group. Clients see these values in the group, and learn nothing about others. */
static struct error *find_value_party(struct directory *directory, struct arena *arena,
                                      const char *name, const struct party *group,
                                      struct party *member)
{
    member->is_value_only = true;
    struct error *error = member_values_find(directory, arena, group->entry->guid, name,
                                             &member->entry->guid, &member->entry->dn);
    return !error && !caller_sees(directory, member->entry->dn)
               ? error_new(arena, ERR_NOT_FOUND, NULL)
               : error;
}

static struct error *find_parties(struct directory *directory, struct arena *arena,
                                  const struct directory_membership *membership,
                                  struct party *group, struct party *member)
{
    *group = (struct party){.entry = arena_alloc(arena, sizeof *group->entry)};
    *member = (struct party){.entry = arena_alloc(arena, sizeof *member->entry)};
    char *attributes[] = {"objectGUID", "objectSid", "primaryGroupID", NULL};
    const struct query_by_name group_search = {
        .attribute = "cn",
        .name = membership->group,
        .filter = DIRECTORY_GROUP_FILTER,
        .identifier_filter = DIRECTORY_GROUP_FILTER,
        .parent_dn = membership->group_parent_dn,
        .attributes = attributes,
    };
    const struct query_by_name member_search = {
        .attribute = "sAMAccountName",
        .name = membership->member,
        .filter = membership->member_filter,
        .identifier_filter = membership->identifier_filter,
        .attributes = attributes,
    };
    struct error *error = find_party(directory, arena, &group_search, group);
    if (!error) {
        error = find_party(directory, arena, &member_search, member);
    }
    bool may_be_value =
        membership->removes_any_value && membership->belonging == DIRECTORY_NO_MEMBER;
    return error && error->id == ERR_NOT_FOUND && group->entry->guid && may_be_value
               ? find_value_party(directory, arena, membership->member, group, member)
               : error;
}

/* --- conditions ------------------------------------------------------------------------------- */

/* The right that a change of members requires of the caller, on the group. */
static const struct caller_need members_need = {.rights = RIGHT_BIT(RIGHT_MEMBERS)};

/* Fails if the group or the member is protected, because a membership changes both (member and
 * memberOf). A member that cannot be read may be protected. Sets the address of the group. */
static struct error *check_parties(struct directory *directory, struct arena *arena,
                                   struct party *group, const struct party *member)
{
    static const struct caller_need no_need = {0};
    static const char unreadable[] = "unreadable";
    struct target target;
    struct error *error = protected_read(directory, arena, group->entry->guid, PROTECTED_MODIFY,
                                         &members_need, &target);
    if (error) {
        return error;
    }
    group->address = protected_address(directory, arena, group->entry->guid, &target);
    error =
        protected_read(directory, arena, member->entry->guid, PROTECTED_MODIFY, &no_need, &target);
    bool is_hidden = error ? error->id == ERR_NOT_FOUND : target.is_unreadable;
    if (!member->is_value_only || !is_hidden) {
        return error;
    }
    return connection_config(directory)->directory_protected == PROTECTED_ALLOW
               ? NULL
               : error_detail(error_new(arena, ERR_PROTECTED_OBJECT, unreadable), NULL, FAULT_NONE,
                              unreadable);
}

/* Evaluates the condition of the change for the entry that it is about. */
static struct error *check_membership_guard(struct directory *directory, struct arena *arena,
                                            const struct directory_membership *membership,
                                            const struct party *group, const struct party *member)
{
    const char *guid = (membership->guards_member ? member : group)->entry->guid;
    return find_check_guard(directory, arena, query_guid_dn(arena, guid), membership->guard);
}

/* Changes the membership if its guard permits that. Holds the lock of the guarded entry meanwhile,
 * so that only one of several changes with the same condition is made. */
static struct error *change_guarded_value(struct directory *directory, struct arena *arena,
                                          const struct directory_membership *membership,
                                          const struct party *group, const struct party *member)
{
    const char *guid = (membership->guards_member ? member : group)->entry->guid;
    struct entry_lock lock;
    struct error *error =
        membership->guard ? entry_lock_acquire(directory, arena, guid, &lock) : NULL;
    if (error) {
        return error;
    }
    error = check_membership_guard(directory, arena, membership, group, member);
    if (!error) {
        error = change_member_value(directory, arena, group, member, membership->belonging);
    }
    if (membership->guard) {
        entry_lock_release(&lock);
    }
    return error;
}

struct error *directory_change_member(struct directory *directory, struct arena *arena,
                                      const struct directory_membership *membership,
                                      struct directory_entry **group_r,
                                      struct directory_entry **member_r)
{
    struct party group, member;
    connection_begin_call(directory);
    struct error *error = find_parties(directory, arena, membership, &group, &member);
    *group_r = group.entry;
    *member_r = member.entry;
    if (error) {
        return error;
    }
    /* The rights come first: a membership by the primary group needs no change. */
    error = caller_check(directory, arena, group.entry->dn, &members_need, false);
    if (error) {
        return error;
    }
    bool is_primary =
        group.sid && member.primary_group_sid && !strcmp(group.sid, member.primary_group_sid);
    if (is_primary && membership->belonging == DIRECTORY_NO_MEMBER) {
        return error_new(arena, ERR_PRIMARY_GROUP, NULL);
    }
    if (is_primary) {
        return check_membership_guard(directory, arena, membership, &group, &member);
    }
    error = check_parties(directory, arena, &group, &member);
    return error ? error : change_guarded_value(directory, arena, membership, &group, &member);
}
