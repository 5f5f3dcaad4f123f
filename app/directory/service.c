/*
 * Service: the account that everything here is done as. Nobody may try its password, for failures
 * lock it, and nobody may take it away, for then nobody could give it back.
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

struct known_service {
    char *guid;  /* of the account of LDAP_BIND_DN; malloc; NULL: not known yet */
    bool warned; /* service_warn() has finished */
};

static void clear_service(void *data)
{
    struct known_service *known = data;
    free(known->guid);
    *known = (struct known_service){0};
}

static const struct cache_kind service_kind = {
    .size = sizeof(struct known_service),
    .clear = clear_service,
};

/* The entry that LDAP_BIND_DN names: by its DN, its user principal name or DOMAIN\name, which are
 * the forms that Active Directory binds by (MS-ADTS 5.1.1.1.1). */
static struct error *find_service(struct directory *directory, struct arena *arena,
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
        .filter = DIRECTORY_PEOPLE,
        .attributes = attributes,
    };
    return query_name(directory, arena, &wanted, raw_r);
}

struct error *service_is(struct directory *directory, struct arena *arena, const char *guid,
                         bool *is_r)
{
    struct known_service *known = connection_cache(directory, &service_kind);
    *is_r = false;
    if (!known->guid) {
        struct raw_entry *raw = NULL;
        const char *text;
        struct error *error = find_service(directory, arena, &raw);
        if (error) { /* it is nowhere that we could harm it, unless the directory is down */
            return error->id == ERR_NOT_FOUND || error->id == ERR_AMBIGUOUS ? NULL : error;
        }
        const struct attribute *value = attribute_get(raw, "objectGUID");
        if (!value || !codec_guid(arena, value->values, &text)) {
            return NULL;
        }
        known->guid = must_string(text);
    }
    *is_r = !strcmp(known->guid, guid);
    return NULL;
}

struct error *service_within(struct directory *directory, struct arena *arena, const char *dn,
                             bool *within_r)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    struct raw_entry raw = {0};
    const struct known_service *known = connection_cache(directory, &service_kind);
    *within_r = false;
    if (!known->guid) {
        return NULL;
    }
    struct error *error =
        query_object(directory, arena, query_guid_dn(arena, known->guid), attributes, &raw);
    *within_r = !error && names_within(raw.dn, dn);
    return error && error->id == ERR_NOT_FOUND ? NULL : error;
}

/* The SID by which the account administers the domain; NULL: it does not. */
static const char *administrator_sid(struct arena *arena, const struct raw_entry *raw)
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

struct error *service_warn(struct directory *directory, struct arena *arena)
{
    struct known_service *known = connection_cache(directory, &service_kind);
    char *attributes[] = {"tokenGroups", NULL};
    struct raw_entry raw = {0};
    bool is_service;
    if (known->warned) {
        return NULL;
    }
    struct error *error = service_is(directory, arena, "", &is_service);
    if (!error && known->guid) {
        error = query_object(directory, arena, query_guid_dn(arena, known->guid), attributes, &raw);
    }
    if (error) {
        return error;
    }
    const char *sid = administrator_sid(arena, &raw);
    if (sid) {
        log_warning("directory: LDAP_BIND_DN is a domain administrator (a member of %s): whoever "
                    "controls Kontora controls the domain; use a dedicated account with the rights "
                    "that systemd/delegate.sh gives",
                    sid);
    }
    known->warned = true;
    return NULL;
}
