/*
 * Protected: detects objects on which the privileges of the domain, or Kontora itself, depend.
 * Clients cannot change them unless DIRECTORY_PROTECTED=allow. The service account is always
 * protected, because without it Kontora could not restore it.
 *
 * Every change first reads its object here, by one base search with its objectGUID, and then
 * addresses it by the same objectGUID. An object is protected if it is a member of a privileged
 * group, directly or nested; adminCount is not sufficient, because Samba sets it for two accounts
 * only. tokenGroups of an account (MS-ADTS 3.1.1.4.5.19) lists the SIDs of all its security groups.
 * Foreign principals have no tokenGroups, and on Samba groups have none either, so memberOf of
 * these objects is followed upwards. The service account often cannot read memberOf of foreign
 * principals, so their groups are found by a search for `member`. If any other of these attributes
 * cannot be read, the object is protected. An object below CN=System that is neither an account nor
 * a group is always protected, even with DIRECTORY_PROTECTED=allow.
 */
#include "directory/protected.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/query.h"
#include "directory/service.h"
#include "directory/sid.h"

#include <ldap.h>
#include <string.h>

enum {
    /* maximum number of groups to examine; an object in more groups is protected */
    GROUPS_MAX = 1000,
    FIRST_GROUPS = 16, /* initial capacity of a walk */
    /* bits of userAccountControl (MS-ADTS 2.2.16) that domain controllers have, one of them:
     * SERVER_TRUST_ACCOUNT, and PARTIAL_SECRETS_ACCOUNT of read-only ones */
    CONTROLLER_ACCOUNT = 0x2000 | 0x4000000,
};

/* --- reasons for protection ------------------------------------------------------------------ */

/* Returns the first privileged SID among the values, or "unreadable" for a malformed value. */
static const char *find_privileged_sid(struct arena *arena, const struct attribute *sids)
{
    for (size_t i = 0; i < sids->count; i++) {
        const char *sid;
        if (!codec_sid(arena, &sids->values[i], &sid)) {
            return "unreadable";
        }
        if (sid_is_privileged(sid)) {
            return sid;
        }
    }
    return NULL;
}

static bool has_attribute_text(const struct raw_entry *raw, const char *name, const char *text)
{
    const struct attribute *attribute = attribute_get(raw, name);
    return attribute && !strcmp(attribute->values->bv_val, text);
}

/* Returns the reason if the object itself is privileged, by its flags or its own SID. */
static const char *find_own_reason(struct arena *arena, const struct raw_entry *raw)
{
    const struct attribute *own = attribute_get(raw, "objectSid");
    const char *sid = own ? find_privileged_sid(arena, own) : NULL;
    if (has_attribute_text(raw, "adminCount", "1")) {
        return "adminCount=1";
    }
    if (has_attribute_text(raw, "isCriticalSystemObject", "TRUE")) {
        return "isCriticalSystemObject=TRUE";
    }
    return sid ? arena_format(arena, "objectSid=%s", sid) : NULL;
}

/* True if the object represents an account or group of another domain, or a well-known principal
 * such as Authenticated Users. */
static bool is_foreign_principal(const struct raw_entry *raw)
{
    return attribute_has_class(raw, "foreignSecurityPrincipal");
}

/* True if an object of this kind may have a SID but no tokenGroups, so that memberOf must be
 * followed. */
static bool may_lack_token_groups(const struct raw_entry *raw)
{
    return attribute_get(raw, "groupType") || is_foreign_principal(raw);
}

const char *protected_reason(struct arena *arena, const struct raw_entry *raw)
{
    const char *reason = find_own_reason(arena, raw);
    if (reason || !attribute_get(raw, "objectSid")) {
        return reason;
    }
    const struct attribute *groups = attribute_get(raw, "tokenGroups");
    if ((!groups && !may_lack_token_groups(raw)) || (groups && groups->next)) {
        /* Every account has at least its primary group, so tokenGroups could not be read. */
        log_error("directory: %s is protected because LDAP_BIND_DN cannot read its tokenGroups: "
                  "make the service account a member of Windows Authorization Access Group",
                  raw->dn);
        return "tokenGroups: unreadable";
    }
    const char *sid = groups ? find_privileged_sid(arena, groups) : NULL;
    return sid ? arena_format(arena, "tokenGroups=%s", sid) : NULL;
}

/* True if the service account cannot read the class of the object, which all objects have, or the
 * SID of an account, a group or a foreign principal. */
static bool is_unreadable(const struct raw_entry *raw)
{
    bool has_sid = attribute_has_class(raw, "user") || attribute_has_class(raw, "group") ||
                   is_foreign_principal(raw);
    return !attribute_get(raw, "objectClass") || (has_sid && !attribute_get(raw, "objectSid"));
}

/* --- following memberOf ---------------------------------------------------------------------- */

/* The groups to examine. Each is added once, so that the walk ends even if groups contain each
 * other. */
struct walk {
    struct arena *arena;
    const char **dns;
    size_t count, size;
    bool incomplete; /* there are more groups than `dns` has */
    const char *reason;
    struct error *superior; /* a caller with fewer rights than one of the objects; NULL: none */
};

/* Compares the rights of the caller with those of the SIDs of an attribute. */
static void walk_compare(struct directory *directory, struct walk *walk,
                         const struct raw_entry *raw, const char *name)
{
    const struct attribute *sids = attribute_get(raw, name);
    for (size_t i = 0; caller_restricted(directory) && sids && i < sids->count; i++) {
        const char *sid;
        bool has_more = true;
        if (walk->superior || !codec_sid(walk->arena, &sids->values[i], &sid)) {
            return; /* an unreadable SID is a reason for protection */
        }
        walk->superior = caller_compare(directory, walk->arena, sid, &has_more);
        if (!walk->superior && has_more) {
            struct error *error = error_new(walk->arena, ERR_FORBIDDEN, "%s has more rights", sid);
            walk->superior = error_detail(error, "rights", FAULT_MORE_RIGHTS, NULL);
        }
    }
}

static void walk_add(struct walk *walk, const char *dn)
{
    for (size_t i = 0; i < walk->count; i++) {
        if (!strcasecmp(walk->dns[i], dn)) {
            return;
        }
    }
    if (walk->count == GROUPS_MAX) {
        walk->incomplete = true;
        return;
    }
    if (walk->count == walk->size) {
        size_t size = walk->size ? 2 * walk->size : FIRST_GROUPS;
        const char **dns = arena_array(walk->arena, size, sizeof *dns);
        if (walk->count) {
            memcpy(dns, walk->dns, walk->count * sizeof *dns);
        }
        walk->dns = dns;
        walk->size = size;
    }
    walk->dns[walk->count++] = dn;
}

static void walk_add_parents(struct walk *walk, const struct raw_entry *raw)
{
    const struct attribute *groups = attribute_get(raw, "memberOf");
    for (size_t i = 0; groups && i < groups->count; i++) {
        walk_add(walk, groups->values[i].bv_val);
    }
    walk->incomplete |= groups && groups->next;
}

/* Adds the primary group, which memberOf does not contain. */
static void walk_add_primary(struct walk *walk, const struct raw_entry *raw)
{
    const struct attribute *own = attribute_get(raw, "objectSid");
    const struct attribute *primary = attribute_get(raw, "primaryGroupID");
    const char *sid;
    int64_t rid;
    if (own && primary && codec_integer(primary->values, &rid) &&
        codec_sid(walk->arena, own->values, &sid)) {
        walk_add(walk,
                 arena_format(walk->arena, "<SID=%s>", codec_sid_sibling(walk->arena, sid, rid)));
    }
}

static void visit_group(void *context, const struct raw_entry *raw)
{
    walk_add(context, raw->dn);
}

/* Adds the groups of the domain of which the object is a direct member. */
static struct error *walk_add_groups_with_member(struct directory *directory, struct walk *walk,
                                                 const char *dn)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    const char *base = connection_config(directory)->ldap_base_dn;
    const char *domain = names_domain(walk->arena, base);
    const struct query search = {
        .base = domain ? domain : base,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = arena_format(walk->arena, "(&(member=%s)" DIRECTORY_GROUP_FILTER ")",
                               names_filter_value(walk->arena, dn)),
        .attributes = attributes,
    };
    return query_all(directory, walk->arena, &search, visit_group, walk);
}

/* Examines the groups, and the groups that they are members of, until it finds a privileged one:
 * that one is the reason for the protection. */
static struct error *walk_run(struct directory *directory, struct walk *walk)
{
    char *attributes[] = {"objectSid", "memberOf", NULL};
    for (size_t i = 0; i < walk->count && !walk->reason; i++) {
        struct raw_entry group = {0};
        struct error *error =
            query_object(directory, walk->arena, walk->dns[i], attributes, &group);
        if (error && error->id == ERR_NOT_FOUND) {
            walk->reason = arena_format(walk->arena, "memberOf=%s: unreadable", walk->dns[i]);
            return NULL;
        }
        if (error) {
            return error;
        }
        const struct attribute *sid = attribute_get(&group, "objectSid");
        walk_compare(directory, walk, &group, "objectSid");
        if (sid && find_privileged_sid(walk->arena, sid)) {
            walk->reason = arena_format(walk->arena, "memberOf=%s", group.dn);
        }
        walk_add_parents(walk, &group);
    }
    if (!walk->reason && walk->incomplete) {
        walk->reason = "memberOf: too many groups";
    }
    return NULL;
}

/* --- protected objects below a container ----------------------------------------------------- */

/* The walk over the objects below a container. */
struct walk_below {
    struct walk *walk;
    struct directory *directory;
};

static void visit_object_below(void *context, const struct raw_entry *raw)
{
    const struct walk_below *below = context;
    struct walk *walk = below->walk;
    const char *reason = find_own_reason(walk->arena, raw);
    if (reason && !walk->reason) {
        walk->reason = arena_format(walk->arena, "%s: %s", raw->dn, reason);
    }
    walk_compare(below->directory, walk, raw, "objectSid");
    walk_add_parents(walk, raw);
    walk_add_primary(walk, raw);
}

/* Finds a protected object below a container, because moving or renaming the container changes the
 * DNs of all objects below it. tokenGroups can only be read for one object at a time, so this
 * follows memberOf of all objects together. */
static struct error *find_reason_below(struct directory *directory, struct arena *arena,
                                       const char *guid_dn, struct walk *walk)
{
    char *attributes[] = {"objectSid", "adminCount",     "isCriticalSystemObject",
                          "memberOf",  "primaryGroupID", NULL};
    const struct query search = {
        .base = guid_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = "(|(objectSid=*)(adminCount=1)(isCriticalSystemObject=TRUE))",
        .attributes = attributes,
    };
    struct walk_below below = {walk, directory};
    struct error *error = query_all(directory, arena, &search, visit_object_below, &below);
    return error || walk->reason ? error : walk_run(directory, walk);
}

/* --- checks ---------------------------------------------------------------------------------- */

static struct error *report_protected(struct arena *arena, enum error_id id, const char *reason)
{
    return error_detail(error_new(arena, id, "%s", reason), NULL, FAULT_NONE, reason);
}

/* Reports an object that is protected with DIRECTORY_PROTECTED=allow, too. */
static struct error *report_always_protected(const struct directory *directory, struct arena *arena,
                                             const char *reason)
{
    bool allowed = connection_config(directory)->directory_protected == PROTECTED_ALLOW;
    return report_protected(arena, allowed ? ERR_DIRECTORY_REFUSED : ERR_PROTECTED_OBJECT, reason);
}

struct error *protected_check_controller(const struct directory *directory, struct arena *arena,
                                         const struct target *target)
{
    return target->account_control & CONTROLLER_ACCOUNT
               ? report_always_protected(directory, arena, "userAccountControl: domain controller")
               : NULL;
}

const char *protected_address(const struct directory *directory, struct arena *arena,
                              const char *guid, const struct target *target)
{
    return caller_is_delegate(directory) ? target->dn : query_guid_dn(arena, guid);
}

struct error *protected_check_base(const struct directory *directory, struct arena *arena,
                                   const char *dn)
{
    return names_may_equal(dn, connection_config(directory)->ldap_base_dn)
               ? report_protected(arena, ERR_DIRECTORY_REFUSED, "LDAP_BASE_DN")
               : NULL;
}

/* Fails if the object is below CN=System and neither an account nor a group. The directory keeps
 * its own objects there, such as the folders of group policies. */
static struct error *check_system_object(const struct directory *directory, struct arena *arena,
                                         const struct raw_entry *raw)
{
    return !attribute_get(raw, "objectSid") && query_is_below_system(directory, arena, raw->dn)
               ? report_always_protected(directory, arena, "CN=System")
               : NULL;
}

/* Fails if the object is the service account or, if it is moved, a container above that account. */
static struct error *check_service_account(struct directory *directory, struct arena *arena,
                                           const char *guid, const char *dn, bool moves)
{
    bool is_service, is_above = false;
    struct error *error = service_is_account(directory, arena, guid, &is_service);
    if (!error && !is_service && moves) {
        error = service_is_within(directory, arena, dn, &is_above);
    }
    if (error || !(is_service || is_above)) {
        return error;
    }
    return report_always_protected(directory, arena, "LDAP_BIND_DN");
}

/* Finds the reason why the object is protected, and compares its rights with the caller's. */
static struct error *examine_object(struct directory *directory, const char *guid_dn,
                                    const struct raw_entry *raw, bool moves, struct walk *walk)
{
    struct error *error = NULL;
    walk->reason = protected_reason(walk->arena, raw);
    walk_compare(directory, walk, raw, "objectSid");
    walk_compare(directory, walk, raw, "tokenGroups");
    if (!walk->reason && may_lack_token_groups(raw)) {
        walk_add_parents(walk, raw);
        if (is_foreign_principal(raw)) {
            error = walk_add_groups_with_member(directory, walk, raw->dn);
        }
        error = error ? error : walk_run(directory, walk);
    } else if (!walk->reason && moves && !attribute_get(raw, "objectSid")) {
        error = find_reason_below(directory, walk->arena, guid_dn, walk);
    }
    return error;
}

/* Fails if the object is protected, or has more rights than the caller. Callers with limits cannot
 * change protected objects, whatever DIRECTORY_PROTECTED is. */
static struct error *check_object(struct directory *directory, struct arena *arena,
                                  const char *guid_dn, const struct raw_entry *raw, bool moves)
{
    struct walk walk = {.arena = arena};
    bool refuses = connection_config(directory)->directory_protected == PROTECTED_REFUSE;
    if (!refuses && !caller_restricted(directory)) {
        return NULL;
    }
    struct error *error = examine_object(directory, guid_dn, raw, moves, &walk);
    if (error) {
        return error;
    }
    if (walk.reason && !caller_sees_all(directory)) {
        /* the reason may name a hidden DN */
        return error_new(arena, ERR_PROTECTED_OBJECT, "%s", walk.reason);
    }
    return walk.reason ? report_protected(arena, ERR_PROTECTED_OBJECT, walk.reason) : walk.superior;
}

struct error *protected_read(struct directory *directory, struct arena *arena, const char *guid,
                             enum protected_change change, const struct caller_need *need,
                             struct target *target_r)
{
    char *attributes[] = {"userAccountControl", "adminCount",  "isCriticalSystemObject",
                          "objectSid",          "groupType",   "memberOf",
                          "tokenGroups",        "objectClass", NULL};
    const char *guid_dn = query_guid_dn(arena, guid);
    bool moves = change == PROTECTED_MOVE;
    struct raw_entry raw = {0};
    struct error *error = query_object(directory, arena, guid_dn, attributes, &raw);
    if (error) {
        return error;
    }
    const struct attribute *control = attribute_get(&raw, "userAccountControl");
    *target_r = (struct target){.dn = raw.dn, .is_unreadable = is_unreadable(&raw)};
    if (control && !codec_integer(control->values, &target_r->account_control)) {
        return error_new(arena, ERR_INTERNAL, "userAccountControl is not a number");
    }
    error = caller_check(directory, arena, raw.dn, need, change != PROTECTED_MODIFY);
    if (!error) {
        error = check_system_object(directory, arena, &raw);
    }
    if (!error) {
        error = check_service_account(directory, arena, guid, raw.dn,
                                      moves && !attribute_get(&raw, "objectSid"));
    }
    return error ? error : check_object(directory, arena, guid_dn, &raw, moves);
}
