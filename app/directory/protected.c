/*
 * Protected: objects on which the privileges of the domain, or Kontora itself, depend. No caller
 * can change them unless DIRECTORY_PROTECTED=allow; the service account is protected in either
 * case, because after its loss Kontora could not give it back.
 *
 * Every change reads its object here first: one base search by objectGUID, and the change that
 * follows is addressed by the same objectGUID. Samba sets adminCount for two accounts only, so the
 * privileged groups decide, by their SIDs: tokenGroups of an account (MS-ADTS 3.1.1.4.5.19) lists
 * all security groups that it is in. Samba keeps no tokenGroups for groups: their memberOf is
 * walked. Attributes that cannot be read protect their object.
 */
#include "directory/protected.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/attribute.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/query.h"
#include "directory/service.h"
#include "directory/sid.h"

#include <ldap.h>
#include <string.h>

enum {
    GROUPS_MAX = 1000, /* in one walk; an object with more groups above it is protected */
    FIRST_GROUPS = 16,
};

/* --- the rule -------------------------------------------------------------------------------- */

/* The first privileged SID among the values. A value that is no SID counts as privileged. */
static const char *privileged_value(struct arena *arena, const struct attribute *sids)
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

static bool has_text(const struct raw_entry *raw, const char *name, const char *text)
{
    const struct attribute *attribute = attribute_get(raw, name);
    return attribute && !strcmp(attribute->values->bv_val, text);
}

/* An object with privileges of its own: by its marks and its own SID. */
static const char *own_reason(struct arena *arena, const struct raw_entry *raw)
{
    const struct attribute *own = attribute_get(raw, "objectSid");
    const char *sid = own ? privileged_value(arena, own) : NULL;
    if (has_text(raw, "adminCount", "1")) {
        return "adminCount=1";
    }
    if (has_text(raw, "isCriticalSystemObject", "TRUE")) {
        return "isCriticalSystemObject=TRUE";
    }
    return sid ? arena_format(arena, "objectSid=%s", sid) : NULL;
}

const char *protected_reason(struct arena *arena, const struct raw_entry *raw)
{
    const char *reason = own_reason(arena, raw);
    if (reason || !attribute_get(raw, "objectSid")) {
        return reason;
    }
    const struct attribute *groups = attribute_get(raw, "tokenGroups");
    bool is_group = attribute_get(raw, "groupType");
    if ((!groups && !is_group) || (groups && groups->next)) {
        /* An account has a primary group at least. */
        log_error("directory: %s is protected because LDAP_BIND_DN cannot read its tokenGroups: "
                  "make the service account a member of Windows Authorization Access Group",
                  raw->dn);
        return "tokenGroups: unreadable";
    }
    const char *sid = groups ? privileged_value(arena, groups) : NULL;
    return sid ? arena_format(arena, "tokenGroups=%s", sid) : NULL;
}

/* --- a walk through memberOf ----------------------------------------------------------------- */

/* Groups to be looked at, each once, so that groups which contain each other end the walk. */
struct walk {
    struct arena *arena;
    const char **dns;
    size_t count, size;
    bool incomplete; /* there are more groups than are known here */
    const char *reason;
};

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

/* The primary group is not in memberOf. */
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

/* Goes up from the groups until one is privileged, which becomes the reason. */
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
        if (sid && privileged_value(walk->arena, sid)) {
            walk->reason = arena_format(walk->arena, "memberOf=%s", group.dn);
        }
        walk_add_parents(walk, &group);
    }
    if (!walk->reason && walk->incomplete) {
        walk->reason = "memberOf: too many groups";
    }
    return NULL;
}

/* --- a subtree ------------------------------------------------------------------------------- */

static void visit_below(void *context, const struct raw_entry *raw)
{
    struct walk *walk = context;
    const char *reason = own_reason(walk->arena, raw);
    if (reason && !walk->reason) {
        walk->reason = arena_format(walk->arena, "%s: %s", raw->dn, reason);
    }
    walk_add_parents(walk, raw);
    walk_add_primary(walk, raw);
}

/* Moving or renaming a place gives all that is below it another DN. tokenGroups can only be read
 * one object at a time, so the groups of all of them are walked together. */
static struct error *check_below(struct directory *directory, struct arena *arena,
                                 const char *guid_dn, const char **reason_r)
{
    char *attributes[] = {"objectSid", "adminCount",     "isCriticalSystemObject",
                          "memberOf",  "primaryGroupID", NULL};
    const struct query search = {
        .base = guid_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = "(|(objectSid=*)(adminCount=1)(isCriticalSystemObject=TRUE))",
        .attributes = attributes,
    };
    struct walk walk = {.arena = arena};
    struct error *error = query_all(directory, arena, &search, visit_below, &walk);
    error = error || walk.reason ? error : walk_run(directory, &walk);
    *reason_r = walk.reason;
    return error;
}

/* --- checks ---------------------------------------------------------------------------------- */

static struct error *protected_error(struct arena *arena, enum error_id id, const char *reason)
{
    return error_detail(error_new(arena, id, "%s", reason), NULL, FAULT_NONE, reason);
}

/* The service account, or for a change of the DN also a place that holds it. */
static struct error *check_service(struct directory *directory, struct arena *arena,
                                   const char *guid, const char *dn, bool moves)
{
    bool allowed = connection_config(directory)->directory_protected == PROTECTED_ALLOW;
    bool is_service, holds = false;
    struct error *error = service_is(directory, arena, guid, &is_service);
    if (!error && !is_service && moves) {
        error = service_within(directory, arena, dn, &holds);
    }
    if (error || !(is_service || holds)) {
        return error;
    }
    return protected_error(arena, allowed ? ERR_DIRECTORY_REFUSED : ERR_PROTECTED_OBJECT,
                           "LDAP_BIND_DN");
}

/* The reason for which the object that was read is protected; NULL: none. */
static struct error *find_reason(struct directory *directory, struct arena *arena,
                                 const char *guid_dn, const struct raw_entry *raw, bool moves,
                                 const char **reason_r)
{
    struct error *error = NULL;
    *reason_r = protected_reason(arena, raw);
    if (!*reason_r && attribute_get(raw, "groupType")) {
        struct walk walk = {.arena = arena};
        walk_add_parents(&walk, raw);
        error = walk_run(directory, &walk);
        *reason_r = walk.reason;
    } else if (!*reason_r && moves && !attribute_get(raw, "objectSid")) {
        error = check_below(directory, arena, guid_dn, reason_r);
    }
    return error;
}

struct error *protected_read(struct directory *directory, struct arena *arena, const char *guid,
                             bool moves, struct target *target_r)
{
    char *attributes[] = {"userAccountControl", "adminCount", "isCriticalSystemObject",
                          "objectSid",          "groupType",  "memberOf",
                          "tokenGroups",        NULL};
    const char *guid_dn = query_guid_dn(arena, guid), *reason = NULL;
    struct raw_entry raw = {0};
    struct error *error = query_object(directory, arena, guid_dn, attributes, &raw);
    if (error) {
        return error;
    }
    const struct attribute *control = attribute_get(&raw, "userAccountControl");
    *target_r = (struct target){.dn = raw.dn};
    if (control && !codec_integer(control->values, &target_r->account_control)) {
        return error_new(arena, ERR_INTERNAL, "userAccountControl is not a number");
    }
    error =
        check_service(directory, arena, guid, raw.dn, moves && !attribute_get(&raw, "objectSid"));
    if (!error && connection_config(directory)->directory_protected == PROTECTED_REFUSE) {
        error = find_reason(directory, arena, guid_dn, &raw, moves, &reason);
    }
    return !error && reason ? protected_error(arena, ERR_PROTECTED_OBJECT, reason) : error;
}
