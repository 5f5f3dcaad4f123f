/*
 * Identity: reads the names and rights of a directory user, and whether the account may be used.
 *
 * A token is valid for hours, and its account can be disabled in the meantime. So the rights of a
 * user are read again by one base search whenever the cached ones are older than
 * LDAP_LOGIN_CACHE_S. Refusals are not cached.
 *
 * A user is an administrator if tokenGroups (MS-ADTS 3.1.1.4.5.19) contains the SID of
 * LDAP_ADMIN_GROUP: there the directory lists all security groups of an account, including nested
 * groups and the primary group.
 */
#include "directory/identity.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/utf8.h"
#include "directory/account.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/login.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

enum {
    CACHED_USERS = 64,
    GUID_TEXT = 36, /* characters */
};

/* --- cache ----------------------------------------------------------------------------------- */

/* A user whose identity was read recently. */
struct cached_user {
    /* from malloc(); guid NULL: unused entry, email NULL: none */
    char *guid, *username, *email, *name, *sids; /* the SIDs are separated by spaces */
    bool administrator;
    int64_t password_set; /* pwdLastSet */
    int64_t until;        /* steady clock: end of validity */
};

/* The SID of LDAP_ADMIN_GROUP. */
struct cached_group {
    char *sid;     /* from malloc(); NULL: no such group, or more than one */
    int64_t until; /* steady clock: end of validity */
};

struct identity_cache {
    struct cached_user users[CACHED_USERS];
    size_t next_user; /* index of the next user to replace */
    struct cached_group administrators;
};

static int64_t compute_expiry(const struct directory *directory)
{
    return clock_steady_us() + connection_config(directory)->ldap_login_cache_s * US_PER_S;
}

static char *duplicate_or_null(const char *text)
{
    return text ? base_strdup(text) : NULL;
}

static void clear_cached_user(struct cached_user *user)
{
    free(user->guid);
    free(user->username);
    free(user->email);
    free(user->name);
    free(user->sids);
    *user = (struct cached_user){0};
}

static void clear_identity_cache(void *data)
{
    struct identity_cache *cache = data;
    for (size_t i = 0; i < CACHED_USERS; i++) {
        clear_cached_user(&cache->users[i]);
    }
    free(cache->administrators.sid);
    cache->administrators = (struct cached_group){0};
}

static const struct cache_kind identity_cache_kind = {
    .size = sizeof(struct identity_cache),
    .clear = clear_identity_cache,
};

static struct cached_user *find_cached_user(struct directory *directory, const char *guid)
{
    struct identity_cache *cache = connection_cache(directory, &identity_cache_kind);
    for (size_t i = 0; i < CACHED_USERS; i++) {
        struct cached_user *user = &cache->users[i];
        if (user->guid && !strcmp(user->guid, guid)) {
            return user;
        }
    }
    return NULL;
}

static char *join_sids(const char *const *sids)
{
    struct buffer joined = {0};
    buffer_add_string(&joined, "");
    for (; *sids; sids++) {
        buffer_format(&joined, "%s%s", joined.length ? " " : "", *sids);
    }
    return joined.bytes;
}

/* Splits SIDs that join_sids() has joined. */
static const char *const *split_sids(struct arena *arena, const char *joined)
{
    char *rest = arena_string(arena, joined);
    size_t count = 1;
    for (const char *at = joined; *at; at++) {
        count += *at == ' ';
    }
    const char **sids = arena_array(arena, count + 1, sizeof *sids);
    for (size_t i = 0; i < count; i++) {
        sids[i] = strsep(&rest, " ");
    }
    return sids;
}

static void cache_user(struct directory *directory, const struct directory_identity *identity)
{
    struct identity_cache *cache = connection_cache(directory, &identity_cache_kind);
    struct cached_user *user = find_cached_user(directory, identity->guid);
    if (!user) {
        user = &cache->users[cache->next_user];
        cache->next_user = (cache->next_user + 1) % CACHED_USERS;
    }
    clear_cached_user(user);
    *user = (struct cached_user){
        .guid = base_strdup(identity->guid),
        .username = base_strdup(identity->username),
        .email = duplicate_or_null(identity->email),
        .name = base_strdup(identity->name),
        .sids = join_sids(identity->sids),
        .administrator = identity->administrator,
        .password_set = identity->password_set,
        .until = compute_expiry(directory),
    };
}

static void copy_cached_user(struct arena *arena, const struct cached_user *user,
                             struct directory_identity *identity_r)
{
    *identity_r = (struct directory_identity){
        .guid = arena_string(arena, user->guid),
        .username = arena_string(arena, user->username),
        .email = user->email ? arena_string(arena, user->email) : NULL,
        .name = arena_string(arena, user->name),
        .sids = split_sids(arena, user->sids),
        .administrator = user->administrator,
        .password_set = user->password_set,
    };
}

/* --- the administrators' group --------------------------------------------------------------- */

/* Searches for LDAP_ADMIN_GROUP, which is a DN or a cn. */
static struct error *search_admin_group(struct directory *directory, struct arena *arena,
                                        struct answer *answer_r)
{
    const char *name = connection_config(directory)->ldap_admin_group;
    char *attributes[] = {"objectSid", NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    struct query search = {.base = name,
                           .scope = LDAP_SCOPE_BASE,
                           .filter = DIRECTORY_GROUP_FILTER,
                           .attributes = attributes};
    bool is_dn = strchr(name, '=') && directory_check_dn(name, strlen(name)) == FAULT_NONE;
    if (!is_dn) {
        search = (struct query){
            .base = connection_config(directory)->ldap_base_dn,
            .scope = LDAP_SCOPE_SUBTREE,
            .filter = arena_format(arena, "(&(cn=%s)" DIRECTORY_GROUP_FILTER ")",
                                   names_filter_value(arena, name)),
            .attributes = attributes,
            .size_limit = 2, /* enough to detect that the name is ambiguous */
            .controls = controls,
        };
    }
    return query_run(directory, arena, &search, answer_r);
}

/* Returns the SID of the only group in the answer, or NULL. If there are several groups, none is
 * chosen, because anybody might have created one of them. */
static const char *get_only_sid(const struct directory *directory, struct arena *arena,
                                const struct answer *answer)
{
    const char *name = connection_config(directory)->ldap_admin_group;
    const struct attribute *value =
        answer->count == 1 ? attribute_get(answer->entries, "objectSid") : NULL;
    const char *sid;
    if (answer->count > 1) {
        log_error("directory: LDAP_ADMIN_GROUP: several groups are called \"%s\": the setting has "
                  "no effect until it is the DN of one group",
                  name);
        return NULL;
    }
    if (!value || !codec_sid(arena, value->values, &sid)) {
        log_warning("directory: LDAP_ADMIN_GROUP: no such group: \"%s\"", name);
        return NULL;
    }
    return sid;
}

struct error *identity_administrators(struct directory *directory, struct arena *arena,
                                      const char **sid_r)
{
    struct identity_cache *cache = connection_cache(directory, &identity_cache_kind);
    struct cached_group *known = &cache->administrators;
    struct answer answer;
    *sid_r = NULL;
    if (!*connection_config(directory)->ldap_admin_group) {
        return NULL;
    }
    if (known->until > clock_steady_us()) {
        *sid_r = known->sid;
        return NULL;
    }
    struct error *error = search_admin_group(directory, arena, &answer);
    if (error) {
        return error;
    }
    bool conclusive = answer.code == LDAP_SUCCESS || answer.code == LDAP_SIZELIMIT_EXCEEDED ||
                      answer.code == LDAP_NO_SUCH_OBJECT;
    if (!conclusive) {
        return result_error(arena, &answer, NULL, "search for LDAP_ADMIN_GROUP");
    }
    *sid_r = get_only_sid(directory, arena, &answer);
    free(known->sid);
    *known =
        (struct cached_group){.sid = duplicate_or_null(*sid_r), .until = compute_expiry(directory)};
    return NULL;
}

/* Decodes the SIDs of the account and its groups. */
static const char *const *read_sids(struct arena *arena, const struct raw_entry *raw)
{
    const struct attribute *sources[] = {attribute_get(raw, "objectSid"),
                                         attribute_get(raw, "tokenGroups")};
    size_t count = 0;
    const struct attribute *groups = sources[1];
    const char **sids = arena_array(arena, (groups ? groups->count : 0) + 2, sizeof *sids);
    if (!groups) { /* every account has a primary group: tokenGroups could not be read */
        log_warning("directory: LDAP_BIND_DN cannot read tokenGroups: LDAP_ADMIN_GROUP and "
                    "delegations to groups have no effect until it can");
    }
    if (sources[0] && codec_sid(arena, sources[0]->values, &sids[count])) {
        count++;
    }
    for (size_t i = 0; groups && i < groups->count; i++) {
        count += codec_sid(arena, &groups->values[i], &sids[count]);
    }
    sids[count] = NULL;
    return sids;
}

static bool contains_sid(const char *const *sids, const char *sid)
{
    for (; sid && *sids; sids++) {
        if (!strcmp(*sids, sid)) {
            return true;
        }
    }
    return false;
}

/* --- the account ----------------------------------------------------------------------------- */

/* True if accountExpires has passed; its values 0 and 2^63-1 mean "never". */
static bool has_account_expired(const struct raw_entry *raw)
{
    const struct attribute *expires = attribute_get(raw, "accountExpires");
    int64_t wall_ms;
    return expires && codec_time(expires->values, &wall_ms) && wall_ms <= clock_wall_ms();
}

static const char reason_locked[] = "the account is locked";

const char *identity_refusal(const struct raw_entry *raw)
{
    int64_t control = 0, computed = 0, changed = 0;
    if (!attribute_integer(raw, "userAccountControl", &control)) {
        return "the state of the account cannot be read";
    }
    if (attribute_integer(raw, "msDS-User-Account-Control-Computed", &computed)) {
        control |= computed;
    }
    if (control & ACCOUNT_DISABLED) {
        return "the account is disabled";
    }
    if (control & ACCOUNT_LOCKED) {
        return reason_locked;
    }
    if (has_account_expired(raw)) {
        return "the account has expired";
    }
    if (attribute_integer(raw, "pwdLastSet", &changed) && !changed) {
        return "the password must be changed";
    }
    return control & ACCOUNT_PASSWORD_EXPIRED ? "the password has expired" : NULL;
}

/* --- the user -------------------------------------------------------------------------------- */

/* Returns the first value as text; NULL if there is none or it is not UTF-8. */
static const char *get_valid_text(const struct raw_entry *raw, const char *name)
{
    const struct attribute *attribute = attribute_get(raw, name);
    const struct berval *value = attribute ? attribute->values : NULL;
    return value && value->bv_len && utf8_valid(value->bv_val, value->bv_len) ? value->bv_val
                                                                              : NULL;
}

/* Reads the entry with this objectGUID. ERR_NOT_FOUND if no user below the base DN has it. */
static struct error *read_user_entry(struct directory *directory, struct arena *arena,
                                     const char *guid, struct raw_entry *raw_r)
{
    char *attributes[] = {"sAMAccountName",
                          "mail",
                          "displayName",
                          "cn",
                          "userAccountControl",
                          "msDS-User-Account-Control-Computed",
                          "accountExpires",
                          "pwdLastSet",
                          "objectSid",
                          "tokenGroups",
                          NULL};
    const struct query search = {
        .base = arena_format(arena, "<GUID=%s>", guid),
        .scope = LDAP_SCOPE_BASE,
        .filter = DIRECTORY_USER_FILTER,
        .attributes = attributes,
    };
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, NULL, "read");
    }
    if (!answer.count ||
        !names_is_within(answer.entries->dn, connection_config(directory)->ldap_base_dn)) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    *raw_r = *answer.entries;
    return NULL;
}

struct error *identity_read(struct directory *directory, struct arena *arena, const char *guid,
                            struct directory_identity *identity_r, const char **refusal_r)
{
    struct raw_entry raw = {0};
    const char *sid;
    *refusal_r = "no such user";
    if (strlen(guid) != GUID_TEXT || strspn(guid, "0123456789abcdef-") != GUID_TEXT) {
        return NULL;
    }
    struct error *error = identity_administrators(directory, arena, &sid);
    error = error ? error : read_user_entry(directory, arena, guid, &raw);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    *refusal_r = identity_refusal(&raw);
    if (*refusal_r && *refusal_r != reason_locked) {
        return NULL;
    }
    const char *username = get_valid_text(&raw, "sAMAccountName");
    const char *name = get_valid_text(&raw, "displayName");
    name = name ? name : get_valid_text(&raw, "cn");
    username = username ? username : guid;
    *identity_r = (struct directory_identity){
        .guid = guid,
        .username = username,
        .email = get_valid_text(&raw, "mail"),
        .name = name ? name : username,
        .sids = read_sids(arena, &raw),
    };
    identity_r->administrator = contains_sid(identity_r->sids, sid);
    if (!attribute_integer(&raw, "pwdLastSet", &identity_r->password_set)) {
        identity_r->password_set = 0;
    }
    return NULL;
}

struct error *directory_read_identity(struct directory *directory, struct arena *arena,
                                      const char *guid, struct directory_identity *identity_r,
                                      enum directory_account_state *standing_r)
{
    const char *refusal;
    connection_begin_call(directory);
    struct error *error = identity_read(directory, arena, guid, identity_r, &refusal);
    *standing_r = !refusal                   ? DIRECTORY_ACTIVE
                  : refusal == reason_locked ? DIRECTORY_LOCKED
                                             : DIRECTORY_REFUSED;
    return error;
}

struct error *directory_identify(struct directory *directory, struct arena *arena, const char *guid,
                                 bool fresh, struct directory_identity *identity_r)
{
    struct cached_user *known = find_cached_user(directory, guid);
    const char *refusal;
    if (known && !fresh && known->until > clock_steady_us()) {
        copy_cached_user(arena, known, identity_r);
        return NULL;
    }
    connection_begin_call(directory);
    struct error *error = identity_read(directory, arena, guid, identity_r, &refusal);
    if (error) {
        return result_hide_refusal(arena, error);
    }
    if (refusal) {
        if (known) {
            clear_cached_user(known);
        }
        return error_new(arena, ERR_INVALID_TOKEN, "%s", refusal);
    }
    cache_user(directory, identity_r);
    return NULL;
}
