/*
 * Identity: who a person of the directory is, what the directory lets them do, and whether the
 * account may be used at all.
 *
 * A token lives for hours, and the account behind it can be disabled in the meantime. So a person's
 * rights are read again and again, each time by one base search, and remembered for no longer than
 * LDAP_LOGIN_CACHE_S. That somebody was refused is never remembered.
 *
 * Who is an administrator is decided by tokenGroups (MS-ADTS 3.1.1.4.5.19), in which the directory
 * itself lists the SIDs of all security groups that an account is in: through other groups too, and
 * by its primary group.
 */
#include "directory/identity.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/utf8.h"
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
    KNOWN_PEOPLE = 64,
    GUID_TEXT = 36, /* characters */
    /* userAccountControl, MS-ADTS 2.2.16 */
    ACCOUNT_DISABLED = 0x2,
    ACCOUNT_LOCKED = 0x10,       /* of msDS-User-Account-Control-Computed alone */
    PASSWORD_EXPIRED = 0x800000, /* the same */
};

/* --- what is remembered ---------------------------------------------------------------------- */

/* A person whose rights were looked up lately. */
struct known_person {
    char *guid, *username, *email, *name; /* malloc; guid NULL: free, email NULL: none */
    bool administrator;
    int64_t password_set; /* pwdLastSet */
    int64_t until;        /* steady clock */
};

/* LDAP_ADMIN_GROUP as it was found lately. */
struct known_group {
    char *sid;     /* malloc; NULL: no such group, or more than one */
    int64_t until; /* steady clock */
};

struct known_identities {
    struct known_person people[KNOWN_PEOPLE];
    size_t next_person; /* the next one to replace */
    struct known_group administrators;
};

static int64_t remembered_until(const struct directory *directory)
{
    return clock_steady_us() + connection_config(directory)->ldap_login_cache_s * US_PER_S;
}

static char *own_copy(const char *text)
{
    return text ? must_string(text) : NULL;
}

static void clear_person(struct known_person *person)
{
    free(person->guid);
    free(person->username);
    free(person->email);
    free(person->name);
    *person = (struct known_person){0};
}

static void clear_identities(void *data)
{
    struct known_identities *known = data;
    for (size_t i = 0; i < KNOWN_PEOPLE; i++) {
        clear_person(&known->people[i]);
    }
    free(known->administrators.sid);
    known->administrators = (struct known_group){0};
}

static const struct cache_kind identities_kind = {
    .size = sizeof(struct known_identities),
    .clear = clear_identities,
};

static struct known_person *find_person(struct directory *directory, const char *guid)
{
    struct known_identities *known = connection_cache(directory, &identities_kind);
    for (size_t i = 0; i < KNOWN_PEOPLE; i++) {
        struct known_person *person = &known->people[i];
        if (person->guid && !strcmp(person->guid, guid)) {
            return person;
        }
    }
    return NULL;
}

static void remember_person(struct directory *directory, const struct directory_identity *identity)
{
    struct known_identities *known = connection_cache(directory, &identities_kind);
    struct known_person *person = find_person(directory, identity->guid);
    if (!person) {
        person = &known->people[known->next_person];
        known->next_person = (known->next_person + 1) % KNOWN_PEOPLE;
    }
    clear_person(person);
    *person = (struct known_person){
        .guid = must_string(identity->guid),
        .username = must_string(identity->username),
        .email = own_copy(identity->email),
        .name = must_string(identity->name),
        .administrator = identity->administrator,
        .password_set = identity->password_set,
        .until = remembered_until(directory),
    };
}

static void recall_person(struct arena *arena, const struct known_person *person,
                          struct directory_identity *identity_r)
{
    *identity_r = (struct directory_identity){
        .guid = arena_string(arena, person->guid),
        .username = arena_string(arena, person->username),
        .email = person->email ? arena_string(arena, person->email) : NULL,
        .name = arena_string(arena, person->name),
        .administrator = person->administrator,
        .password_set = person->password_set,
    };
}

/* --- the group of the administrators --------------------------------------------------------- */

/* LDAP_ADMIN_GROUP names a place if it can be read as one. */
static bool is_dn(const char *name)
{
    return strchr(name, '=') && directory_check_dn(name, strlen(name)) == FAULT_NONE;
}

static struct error *search_group(struct directory *directory, struct arena *arena,
                                  struct answer *answer_r)
{
    const char *name = connection_config(directory)->ldap_admin_group;
    char *attributes[] = {"objectSid", NULL};
    LDAPControl *controls[] = {&query_one_domain, NULL};
    struct query search = {.base = name, .scope = LDAP_SCOPE_BASE, .attributes = attributes};
    if (!is_dn(name)) {
        search = (struct query){
            .base = connection_config(directory)->ldap_base_dn,
            .scope = LDAP_SCOPE_SUBTREE,
            .filter = arena_format(arena, "(&(cn=%s)" DIRECTORY_GROUPS ")",
                                   names_filter_value(arena, name)),
            .attributes = attributes,
            .size_limit = 2, /* enough to see that it is not the only one */
            .controls = controls,
        };
    }
    return query_run(directory, arena, &search, answer_r);
}

/* The SID out of the answer; NULL if it is not one group's. Of several groups none is chosen: any
 * of them may be anybody's. */
static const char *only_sid(const struct directory *directory, struct arena *arena,
                            const struct answer *answer)
{
    const char *name = connection_config(directory)->ldap_admin_group;
    const struct attribute *value =
        answer->count == 1 ? attribute_get(answer->entries, "objectSid") : NULL;
    const char *sid;
    if (answer->count > 1) {
        log_error("directory: LDAP_ADMIN_GROUP: several groups are called \"%s\", so nobody is an "
                  "administrator by it: name the one by its DN",
                  name);
        return NULL;
    }
    if (!value || !codec_sid(arena, value->values, &sid)) {
        log_warning("directory: LDAP_ADMIN_GROUP: there is no group \"%s\"", name);
        return NULL;
    }
    return sid;
}

/* The group's SID, NULL if nobody is an administrator. */
static struct error *administrators(struct directory *directory, struct arena *arena,
                                    const char **sid_r)
{
    struct known_identities *identities = connection_cache(directory, &identities_kind);
    struct known_group *known = &identities->administrators;
    struct answer answer;
    *sid_r = NULL;
    if (!*connection_config(directory)->ldap_admin_group) {
        return NULL;
    }
    if (known->until > clock_steady_us()) {
        *sid_r = known->sid;
        return NULL;
    }
    struct error *error = search_group(directory, arena, &answer);
    if (error) {
        return error;
    }
    bool told = answer.code == LDAP_SUCCESS || answer.code == LDAP_SIZELIMIT_EXCEEDED ||
                answer.code == LDAP_NO_SUCH_OBJECT;
    if (!told) {
        return result_error(arena, &answer, NULL, "search for LDAP_ADMIN_GROUP");
    }
    *sid_r = only_sid(directory, arena, &answer);
    free(known->sid);
    *known = (struct known_group){.sid = own_copy(*sid_r), .until = remembered_until(directory)};
    return NULL;
}

static bool is_member(struct arena *arena, const struct raw_entry *raw, const char *sid)
{
    const struct attribute *groups = attribute_get(raw, "tokenGroups");
    const char *group;
    if (!groups) { /* there is a primary group at least: it is hidden from us */
        log_error(
            "directory: LDAP_BIND_DN may not read tokenGroups, so nobody is an administrator");
    }
    for (size_t i = 0; groups && i < groups->count; i++) {
        if (codec_sid(arena, &groups->values[i], &group) && !strcmp(group, sid)) {
            return true;
        }
    }
    return false;
}

/* --- the account ----------------------------------------------------------------------------- */

/* accountExpires, of which 0 and 2^63-1 mean never. */
static bool is_over(const struct raw_entry *raw)
{
    const struct attribute *expires = attribute_get(raw, "accountExpires");
    int64_t wall_ms;
    return expires && codec_time(expires->values, &wall_ms) && wall_ms <= clock_wall_ms();
}

static const char is_locked[] = "the account is locked";

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
        return is_locked;
    }
    if (is_over(raw)) {
        return "the account has expired";
    }
    if (attribute_integer(raw, "pwdLastSet", &changed) && !changed) {
        return "the password must be changed";
    }
    return control & PASSWORD_EXPIRED ? "the password has expired" : NULL;
}

/* --- the person ------------------------------------------------------------------------------ */

/* One value as text; NULL if there is none, or it is not UTF-8. */
static const char *read_text(const struct raw_entry *raw, const char *name)
{
    const struct attribute *attribute = attribute_get(raw, name);
    const struct berval *value = attribute ? attribute->values : NULL;
    return value && value->bv_len && utf8_valid(value->bv_val, value->bv_len) ? value->bv_val
                                                                              : NULL;
}

/* The entry with this objectGUID; ERR_NOT_FOUND if no person within the base DN has it. */
static struct error *read_entry(struct directory *directory, struct arena *arena, const char *guid,
                                struct raw_entry *raw_r)
{
    bool wants_groups = *connection_config(directory)->ldap_admin_group;
    char *attributes[] = {"sAMAccountName",
                          "mail",
                          "displayName",
                          "cn",
                          "userAccountControl",
                          "msDS-User-Account-Control-Computed",
                          "accountExpires",
                          "pwdLastSet",
                          wants_groups ? "tokenGroups" : NULL,
                          NULL};
    const struct query search = {
        .base = arena_format(arena, "<GUID=%s>", guid),
        .scope = LDAP_SCOPE_BASE,
        .filter = DIRECTORY_PEOPLE,
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
        !names_within(answer.entries->dn, connection_config(directory)->ldap_base_dn)) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    *raw_r = *answer.entries;
    return NULL;
}

static bool is_guid(const char *text)
{
    return strlen(text) == GUID_TEXT && strspn(text, "0123456789abcdef-") == GUID_TEXT;
}

struct error *identity_read(struct directory *directory, struct arena *arena, const char *guid,
                            struct directory_identity *identity_r, const char **refusal_r)
{
    struct raw_entry raw = {0};
    const char *sid;
    *refusal_r = "no such user";
    if (!is_guid(guid)) {
        return NULL;
    }
    struct error *error = administrators(directory, arena, &sid);
    error = error ? error : read_entry(directory, arena, guid, &raw);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    *refusal_r = identity_refusal(&raw);
    if (*refusal_r && *refusal_r != is_locked) {
        return NULL;
    }
    const char *username = read_text(&raw, "sAMAccountName");
    const char *name = read_text(&raw, "displayName");
    name = name ? name : read_text(&raw, "cn");
    username = username ? username : guid;
    *identity_r = (struct directory_identity){
        .guid = guid,
        .username = username,
        .email = read_text(&raw, "mail"),
        .name = name ? name : username,
        .administrator = sid && is_member(arena, &raw, sid),
    };
    if (!attribute_integer(&raw, "pwdLastSet", &identity_r->password_set)) {
        identity_r->password_set = 0;
    }
    return NULL;
}

struct error *directory_examine(struct directory *directory, struct arena *arena, const char *guid,
                                struct directory_identity *identity_r,
                                enum directory_standing *standing_r)
{
    const char *refusal;
    connection_begin(directory);
    struct error *error = identity_read(directory, arena, guid, identity_r, &refusal);
    *standing_r = !refusal               ? DIRECTORY_ACTIVE
                  : refusal == is_locked ? DIRECTORY_LOCKED
                                         : DIRECTORY_REFUSED;
    return error;
}

struct error *directory_identify(struct directory *directory, struct arena *arena, const char *guid,
                                 bool fresh, struct directory_identity *identity_r)
{
    struct known_person *known = find_person(directory, guid);
    const char *refusal;
    if (known && !fresh && known->until > clock_steady_us()) {
        recall_person(arena, known, identity_r);
        return NULL;
    }
    connection_begin(directory);
    struct error *error = identity_read(directory, arena, guid, identity_r, &refusal);
    if (error) {
        return error;
    }
    if (refusal) {
        if (known) {
            clear_person(known);
        }
        return error_new(arena, ERR_INVALID_TOKEN, "%s", refusal);
    }
    remember_person(directory, identity_r);
    return NULL;
}
