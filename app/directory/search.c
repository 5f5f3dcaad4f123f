/*
 * Search: one object by its name, or by its DN; and the parents that clients name. Lists are in
 * list.c.
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/config.h"

#include <string.h>

enum {
    MATCHES_MAX = 100, /* of one name: enough to tell the client how ambiguous it is */
};

/* --- searching ------------------------------------------------------------------------------- */

/* MS-ADTS 3.1.1.3.4.1.7: no references to other naming contexts. We would pass them over; not to be
 * sent them is cheaper. */
LDAPControl search_one_domain = {.ldctl_oid = LDAP_CONTROL_X_DOMAIN_SCOPE};

static int send_search(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct search *search = request;
    return ldap_search_ext(ldap, search->base, search->scope,
                           search->filter ? search->filter : "(objectClass=*)", search->attributes,
                           0, search->controls, NULL, NULL, search->size_limit, message_id_r);
}

struct error *search_run(struct directory *directory, struct arena *arena,
                         const struct search *search, struct answer *answer_r)
{
    const struct operation operation = {"search", send_search, search};
    return operation_repeat(directory, arena, &operation, answer_r);
}

struct error *search_object(struct directory *directory, struct arena *arena, const char *dn,
                            char **attributes, struct raw_entry *raw_r)
{
    const struct search search = {.base = dn, .scope = LDAP_SCOPE_BASE, .attributes = attributes};
    struct answer answer;
    struct error *error = search_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, NULL, "read");
    }
    if (!answer.count) {
        return error_new(arena, ERR_NOT_FOUND, "%s cannot be seen", dn);
    }
    *raw_r = answer.entries[0];
    return NULL;
}

const char *search_guid_dn(struct arena *arena, const struct directory_entry *entry)
{
    return arena_format(arena, "<GUID=%s>", entry->guid);
}

struct error *search_no_base(struct arena *arena, const struct answer *answer)
{
    return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_BASE_DN cannot be read: %s",
                     *answer->diagnostic ? answer->diagnostic : ldap_err2string(answer->code));
}

/* --- parents --------------------------------------------------------------------------------- */

/* The DN written anew, if it is within the base DN. */
static struct error *managed_dn(const struct directory *directory, struct arena *arena,
                                const char *dn, const char *field, const char **normal_r)
{
    *normal_r = names_normal(arena, dn);
    if (!*normal_r || !**normal_r) {
        return error_field(arena, field, FAULT_NOT_DN, NULL);
    }
    if (!names_within(*normal_r, directory->config->ldap_base_dn)) {
        return error_field(arena, field, FAULT_OUTSIDE_BASE_DN, NULL);
    }
    return NULL;
}

struct error *search_parent(struct directory *directory, struct arena *arena, const char *dn,
                            const char *field, const char **parent_r)
{
    const char *normal;
    struct error *error = managed_dn(directory, arena, dn, field, &normal);
    if (error) {
        return error;
    }
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    struct raw_entry raw = {0};
    error = search_object(directory, arena, normal, attributes, &raw);
    if (error) {
        bool missing = error->id == ERR_NOT_FOUND || error->id == ERR_DIRECTORY_INVALID;
        return missing ? error_new(arena, ERR_PARENT_NOT_FOUND, "%s", error->cause) : error;
    }
    *parent_r = raw.dn;
    return NULL;
}

/* --- find and read --------------------------------------------------------------------------- */

static struct error *ambiguous(struct arena *arena, const struct answer *answer, const char *name)
{
    struct error *error =
        error_new(arena, ERR_AMBIGUOUS, "%zu objects are called \"%s\"", answer->count, name);
    for (size_t i = 0; i < answer->count; i++) {
        error_detail(error, NULL, FAULT_NONE, answer->entries[i].dn);
    }
    return error;
}

static struct error *the_only_one(struct directory *directory, struct arena *arena,
                                  const struct directory_class *class, const struct answer *answer,
                                  const char *name, struct directory_entry **entry_r)
{
    if (answer->count > 1) {
        return ambiguous(arena, answer, name);
    }
    if (answer->code != LDAP_SUCCESS) {
        return result_error(arena, answer, class->fields, "search");
    }
    if (!answer->count) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    return entry_decode(directory, arena, class, answer->entries, entry_r);
}

struct error *directory_find(struct directory *directory, struct arena *arena,
                             const struct directory_class *class, const char *name,
                             const char *parent_dn, struct directory_entry **entry_r)
{
    struct answer answer;
    LDAPControl *controls[] = {&search_one_domain, NULL};
    struct search search = {
        .base = directory->config->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        /* The name first: Samba takes the candidates of the first index that it can use. */
        .filter = arena_format(arena, "(&(%s=%s)%s)", class->name_attribute,
                               names_filter_value(arena, name), class->filter),
        .attributes = entry_attributes(arena, class->fields),
        .size_limit = MATCHES_MAX,
        .controls = controls,
    };
    struct error *error = NULL;
    connection_begin(directory);
    if (parent_dn) {
        search.scope = LDAP_SCOPE_ONELEVEL;
        error = managed_dn(directory, arena, parent_dn, "parent_dn", &search.base);
    }
    if (!error) {
        error = search_run(directory, arena, &search, &answer);
    }
    if (error) {
        return error;
    }
    if (answer.code == LDAP_NO_SUCH_OBJECT || answer.code == LDAP_REFERRAL) {
        return parent_dn ? error_new(arena, ERR_PARENT_NOT_FOUND, "%s", answer.diagnostic)
                         : search_no_base(arena, &answer);
    }
    return the_only_one(directory, arena, class, &answer, name, entry_r);
}

struct error *search_entry(struct directory *directory, struct arena *arena,
                           const struct directory_class *class, const char *dn,
                           struct directory_entry **entry_r)
{
    struct answer answer;
    const struct search search = {
        .base = dn,
        .scope = LDAP_SCOPE_BASE,
        .filter = class->filter,
        .attributes = entry_attributes(arena, class->fields),
    };
    struct error *error = search_run(directory, arena, &search, &answer);
    return error ? error : the_only_one(directory, arena, class, &answer, dn, entry_r);
}
