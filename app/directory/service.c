/*
 * Service: the account that everything here is done as. Nobody may try its password, for failures
 * lock it, and nobody may take it away, for then nobody could give it back.
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/config.h"

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
        return search_object(directory, arena, name, attributes, *raw_r);
    }
    const char *slash = strchr(name, '\\');
    const struct name_search wanted = {
        .attribute = strchr(name, '@') ? "userPrincipalName" : "sAMAccountName",
        .name = slash ? slash + 1 : name,
        .filter = DIRECTORY_PEOPLE,
        .attributes = attributes,
    };
    return search_name(directory, arena, &wanted, raw_r);
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
        const struct attribute *value = entry_attribute(raw, "objectGUID");
        if (!value || !codec_guid(arena, value->values, &text)) {
            return NULL;
        }
        directory->service_guid = must_string(text);
    }
    *is_r = !strcmp(directory->service_guid, guid);
    return NULL;
}
