/*
 * Access: finds the reasons why a user cannot log in, with one search for the user, one for the
 * policy in force and one for other accounts with the same userPrincipalName.
 *
 * Locked accounts and expired passwords come from msDS-User-Account-Control-Computed, so that the
 * directory itself decides; times are compared with the clock of the controller. badPwdCount is the
 * count of one controller and stays after its window, so badPasswordTime decides if it counts.
 */
#include "directory/access.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "directory/account.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/domain.h"
#include "directory/lockout.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <string.h>

/* The account as it was read, and the time on the controller. */
struct subject {
    struct arena *arena;
    const struct domain *domain;
    const struct raw_entry *raw;
    int64_t control; /* userAccountControl and msDS-User-Account-Control-Computed */
    int64_t now_ms;
};

/* --- logon hours ----------------------------------------------------------------------------- */

enum { HOURS_PER_WEEK = 7 * HOURS_PER_DAY };

struct directory_obstacle access_evaluate_hours(const char *hours, size_t length, int64_t now_ms)
{
    const struct berval value = {.bv_val = (char *)hours, .bv_len = length};
    struct directory_obstacle obstacle = {0};
    bool allowed;
    int64_t end_ms, begin_ms = 0;
    if (!codec_logon_hours(&value, now_ms, &allowed, &end_ms) || allowed) {
        return obstacle;
    }
    obstacle.holds = true;
    if (end_ms == INT64_MAX) { /* no hour is allowed */
        return obstacle;
    }
    for (int64_t hour = 1; !allowed && hour < HOURS_PER_WEEK; hour++) {
        (void)codec_logon_hours(&value, now_ms - hour * MS_PER_HOUR, &allowed, &begin_ms);
    }
    obstacle.since_ms = begin_ms;
    obstacle.until_ms = end_ms;
    return obstacle;
}

/* --- passwords ------------------------------------------------------------------------------- */

/* The layout of replPropertyMetaData (MS-DRSR 5.166, PROPERTY_META_DATA_VECTOR), little-endian: a
 * header that ends with the number of stamps, then one stamp for each attribute. */
enum {
    METADATA_HEADER_BYTES = 16,
    METADATA_COUNT_AT = 8,
    METADATA_STAMP_BYTES = 48,
    SUPPLEMENTAL_CREDENTIALS = 0x9007D, /* ATTRTYP 589949 */
};

static uint32_t read_little_endian(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

bool access_has_password(const char *metadata, size_t length)
{
    if (length < METADATA_HEADER_BYTES) {
        return true;
    }
    uint64_t count = read_little_endian(metadata + METADATA_COUNT_AT);
    if (length != METADATA_HEADER_BYTES + count * METADATA_STAMP_BYTES) {
        return true;
    }
    const char *stamp = metadata + METADATA_HEADER_BYTES;
    while (count && read_little_endian(stamp) != SUPPLEMENTAL_CREDENTIALS) {
        stamp += METADATA_STAMP_BYTES;
        count--;
    }
    return count;
}

/* --- the account ----------------------------------------------------------------------------- */

/* Returns a time of the account; 0 if it has none, or if the value means "never". */
static int64_t get_account_time(const struct subject *subject, const char *name)
{
    const struct attribute *attribute = attribute_get(subject->raw, name);
    int64_t wall_ms;
    return attribute && codec_time(attribute->values, &wall_ms) ? wall_ms : 0;
}

static const char *get_account_text(const struct subject *subject, const char *name)
{
    const struct attribute *attribute = attribute_get(subject->raw, name);
    return attribute && attribute->values->bv_len ? attribute->values->bv_val : NULL;
}

static void find_lockout(const struct subject *subject, struct directory_access *access)
{
    struct directory_obstacle *locked = &access->obstacles[DIRECTORY_REASON_LOCKED];
    int64_t duration_ms = access->policy.lockout_duration_ms;
    locked->holds = subject->control & ACCOUNT_LOCKED;
    if (!locked->holds) {
        return;
    }
    locked->since_ms = get_account_time(subject, "lockoutTime");
    if (locked->since_ms && duration_ms >= 0 && duration_ms != DIRECTORY_SPAN_NEVER) {
        locked->until_ms = locked->since_ms + duration_ms;
    }
    if (access->policy.lockout_window_ms == DIRECTORY_RULE_UNKNOWN) {
        return;
    }
    struct lockout_count count = lockout_read_count(subject->raw);
    access->failures = lockout_failures(&count, access->policy.lockout_window_ms, subject->now_ms);
    access->failed_ms = access->failures ? count.failed_ms : 0;
}

/* pwdLastSet is 0 if the password must be changed, and also if it was never set. Kontora refuses
 * the login in both cases, even if the password never expires. */
static void find_password_obstacles(const struct subject *subject, struct directory_access *access)
{
    int64_t set = -1;
    bool unset = attribute_integer(subject->raw, "pwdLastSet", &set) && !set;
    const struct attribute *metadata = attribute_get(subject->raw, "replPropertyMetaData");
    bool empty = unset && metadata &&
                 !access_has_password(metadata->values->bv_val, metadata->values->bv_len);
    struct directory_obstacle *expired = &access->obstacles[DIRECTORY_REASON_PASSWORD_EXPIRED];
    access->password_set_ms = get_account_time(subject, "pwdLastSet");
    access->obstacles[DIRECTORY_REASON_NO_PASSWORD].holds = empty;
    access->obstacles[DIRECTORY_REASON_MUST_CHANGE].holds = unset && !empty;
    expired->holds = !unset && subject->control & ACCOUNT_PASSWORD_EXPIRED;
    if (expired->holds) {
        expired->since_ms = get_account_time(subject, "msDS-UserPasswordExpiryTimeComputed");
    }
}

static void find_account_obstacles(const struct subject *subject, struct directory_access *access)
{
    struct directory_obstacle *obstacles = access->obstacles;
    int64_t expires_ms = get_account_time(subject, "accountExpires");
    const struct attribute *hours = attribute_get(subject->raw, "logonHours");
    obstacles[DIRECTORY_REASON_DISABLED].holds = subject->control & ACCOUNT_DISABLED;
    obstacles[DIRECTORY_REASON_SMARTCARD].holds = subject->control & ACCOUNT_SMARTCARD_REQUIRED;
    if (expires_ms && expires_ms <= subject->now_ms) {
        obstacles[DIRECTORY_REASON_EXPIRED] =
            (struct directory_obstacle){.holds = true, .since_ms = expires_ms};
    }
    if (hours) {
        obstacles[DIRECTORY_REASON_HOURS] =
            access_evaluate_hours(hours->values->bv_val, hours->values->bv_len, subject->now_ms);
    }
    access->workstations = get_account_text(subject, "userWorkstations");
    obstacles[DIRECTORY_REASON_WORKSTATIONS].holds = access->workstations;
}

/* --- the name for logins --------------------------------------------------------------------- */

/* Searches for another account with the same userPrincipalName. Controllers refuse logins by a name
 * that two accounts share. */
static struct error *find_duplicate_principal(struct directory *directory,
                                              const struct subject *subject,
                                              struct directory_access *access)
{
    struct arena *arena = subject->arena;
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const char *account = get_account_text(subject, "sAMAccountName");
    const char *dns = subject->domain->dns;
    access->principal = get_account_text(subject, "userPrincipalName");
    if (!access->principal) {
        return NULL;
    }
    const struct query search = {
        .base = arena_string(arena, subject->domain->dn),
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = names_filter_equal(arena, "userPrincipalName", access->principal),
        .attributes = attributes,
        .size_limit = 2, /* this account and one more */
        .controls = controls,
    };
    struct answer answer;
    access->keeps_principal =
        account && dns &&
        !strcasecmp(access->principal, arena_format(arena, "%s@%s", account, dns));
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code != LDAP_SUCCESS && answer.code != LDAP_SIZELIMIT_EXCEEDED) {
        return result_error(arena, &answer, NULL, "search for the principal name");
    }
    for (size_t i = 0; i < answer.count; i++) {
        if (strcmp(answer.entries[i].dn, subject->raw->dn) != 0) {
            access->obstacles[DIRECTORY_REASON_UPN_DUPLICATE].holds = true;
            access->sharing =
                caller_sees(directory, answer.entries[i].dn) ? answer.entries[i].dn : NULL;
        }
    }
    return NULL;
}

/* --- the diagnosis --------------------------------------------------------------------------- */

static struct error *find_account_to_diagnose(struct directory *directory, struct arena *arena,
                                              const char *name, const char *parent_dn,
                                              struct subject *subject,
                                              struct directory_access *access)
{
    char *attributes[] = {"objectGUID",
                          "sAMAccountName",
                          "userPrincipalName",
                          "userAccountControl",
                          "accountExpires",
                          "pwdLastSet",
                          "lockoutTime",
                          "logonHours",
                          "userWorkstations",
                          "replPropertyMetaData",
                          "msDS-UserPasswordExpiryTimeComputed",
                          LOCKOUT_ATTRIBUTES,
                          NULL};
    struct raw_entry *raw = NULL;
    int64_t computed = 0;
    struct error *error = query_user(directory, arena, name, parent_dn, attributes, &raw);
    if (!error) {
        error = domain_get(directory, arena, &subject->domain);
    }
    if (error) {
        return error;
    }
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    if (!guid || !codec_guid(arena, guid->values, &access->guid)) {
        return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", raw->dn);
    }
    if (!attribute_integer(raw, "userAccountControl", &subject->control)) {
        error = error_new(arena, ERR_DIRECTORY_FORBIDDEN, "cannot read userAccountControl");
        return error_detail(error, NULL, FAULT_NONE, "userAccountControl");
    }
    if (attribute_integer(raw, "msDS-User-Account-Control-Computed", &computed)) {
        subject->control |= computed;
    }
    subject->arena = arena;
    subject->raw = raw;
    subject->now_ms = clock_steady_us() / US_PER_MS + subject->domain->lead_ms;
    return NULL;
}

struct error *directory_diagnose(struct directory *directory, struct arena *arena, const char *name,
                                 const char *parent_dn, struct directory_access *access_r)
{
    struct subject subject = {0};
    *access_r = (struct directory_access){0};
    connection_begin_call(directory);
    struct error *error =
        find_account_to_diagnose(directory, arena, name, parent_dn, &subject, access_r);
    if (!error) {
        error = policy_read(directory, arena, arena_string(arena, subject.domain->dn), subject.raw,
                            &access_r->policy);
    }
    if (!error) {
        error = find_duplicate_principal(directory, &subject, access_r);
    }
    if (error) {
        return error;
    }
    find_account_obstacles(&subject, access_r);
    find_lockout(&subject, access_r);
    find_password_obstacles(&subject, access_r);
    return NULL;
}
