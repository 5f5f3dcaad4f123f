/*
 * Service: recognizes the service account (LDAP_BIND_DN), as which all requests are sent. Clients
 * must not log in as it, because failed logins would lock it, and must not change or delete it,
 * because Kontora could not restore it.
 */
#include "directory/service.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/query.h"
#include "directory/sid.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

struct service_cache {
    char *guid;  /* from malloc(); objectGUID of the service account; NULL: not read yet */
    bool warned; /* service_warn_if_administrator() has succeeded */
};

static void clear_service_cache(void *data)
{
    struct service_cache *known = data;
    free(known->guid);
    *known = (struct service_cache){0};
}

static const struct cache_kind service_cache_kind = {
    .size = sizeof(struct service_cache),
    .clear = clear_service_cache,
};

/* Finds the entry of LDAP_BIND_DN, which is a DN, a userPrincipalName or DOMAIN\name: the names
 * with which Active Directory accepts a bind (MS-ADTS 5.1.1.1.1). */
static struct error *find_service_account(struct directory *directory, struct arena *arena,
                                          struct raw_entry **raw_r)
{
    const char *name = connection_config(directory)->ldap_bind_dn;
    char *attributes[] = {"objectGUID", NULL};
    if (strchr(name, '=')) {
        *raw_r = arena_alloc(arena, sizeof **raw_r);
        return query_object(directory, arena, name, attributes, *raw_r);
    }
    const char *slash = strchr(name, '\\');
    const struct query_by_name wanted = {
        .attribute = strchr(name, '@') ? "userPrincipalName" : "sAMAccountName",
        .name = slash ? slash + 1 : name,
        .filter = DIRECTORY_USER_FILTER,
        .attributes = attributes,
    };
    return query_name(directory, arena, &wanted, raw_r);
}

struct error *service_is_account(struct directory *directory, struct arena *arena, const char *guid,
                                 bool *is_r)
{
    struct service_cache *known = connection_cache(directory, &service_cache_kind);
    *is_r = false;
    if (!known->guid) {
        struct raw_entry *raw = NULL;
        const char *text;
        struct error *error = find_service_account(directory, arena, &raw);
        if (error) { /* an account that cannot be found cannot be changed either */
            return error->id == ERR_NOT_FOUND || error->id == ERR_AMBIGUOUS ? NULL : error;
        }
        const struct attribute *value = attribute_get(raw, "objectGUID");
        if (!value || !codec_guid(arena, value->values, &text)) {
            return NULL;
        }
        known->guid = base_strdup(text);
    }
    *is_r = !strcmp(known->guid, guid);
    return NULL;
}

struct error *service_is_within(struct directory *directory, struct arena *arena, const char *dn,
                                bool *within_r)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    struct raw_entry raw = {0};
    const struct service_cache *known = connection_cache(directory, &service_cache_kind);
    *within_r = false;
    if (!known->guid) {
        return NULL;
    }
    struct error *error =
        query_object(directory, arena, query_guid_dn(arena, known->guid), attributes, &raw);
    *within_r = !error && names_may_be_within(raw.dn, dn);
    return error && error->id == ERR_NOT_FOUND ? NULL : error;
}

/* Returns the SID of a group that makes the account a domain administrator; NULL if none does. */
static const char *find_administrator_sid(struct arena *arena, const struct raw_entry *raw)
{
    const struct attribute *groups = attribute_get(raw, "tokenGroups");
    const char *sid;
    for (size_t i = 0; groups && i < groups->count; i++) {
        if (codec_sid(arena, &groups->values[i], &sid) && sid_is_administrator(sid)) {
            return sid;
        }
    }
    return NULL;
}

struct error *service_warn_if_administrator(struct directory *directory, struct arena *arena)
{
    struct service_cache *known = connection_cache(directory, &service_cache_kind);
    char *attributes[] = {"tokenGroups", NULL};
    struct raw_entry raw = {0};
    bool is_service;
    if (known->warned) {
        return NULL;
    }
    struct error *error = service_is_account(directory, arena, "", &is_service);
    if (!error && known->guid) {
        error = query_object(directory, arena, query_guid_dn(arena, known->guid), attributes, &raw);
    }
    if (error) {
        return error;
    }
    const char *sid = find_administrator_sid(arena, &raw);
    if (sid) {
        log_warning("directory: LDAP_BIND_DN is a domain administrator (a member of %s): an "
                    "intruder into Kontora would control the domain; use a dedicated account with "
                    "the rights that systemd/delegate.sh grants",
                    sid);
    }
    known->warned = true;
    return NULL;
}
