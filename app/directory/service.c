/*
 * Service: the account that everything here is done as. Nobody may try its password, for failures
 * lock it, and nobody may take it away, for then nobody could give it back.
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* The entry that LDAP_BIND_DN names: by its DN, its user principal name or DOMAIN\name, which are
 * the forms that Active Directory binds by (MS-ADTS 5.1.1.1.1). */
static struct error *find_service(struct directory *directory, struct arena *arena,
                                  struct raw_entry **raw_r)
{
    const char *name = directory->config->ldap_bind_dn;
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
    *is_r = false;
    if (!directory->service_guid) {
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
        directory->service_guid = must_string(text);
    }
    *is_r = !strcmp(directory->service_guid, guid);
    return NULL;
}

struct error *service_within(struct directory *directory, struct arena *arena, const char *dn,
                             bool *within_r)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    struct raw_entry raw = {0};
    *within_r = false;
    if (!directory->service_guid) {
        return NULL;
    }
    struct error *error = query_object(
        directory, arena, query_guid_dn(arena, directory->service_guid), attributes, &raw);
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
    char *attributes[] = {"tokenGroups", NULL};
    struct raw_entry raw = {0};
    bool is_service;
    struct error *error = service_is(directory, arena, "", &is_service);
    if (!error && directory->service_guid) {
        error = query_object(directory, arena, query_guid_dn(arena, directory->service_guid),
                             attributes, &raw);
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
    directory->service_judged = true;
    return NULL;
}
