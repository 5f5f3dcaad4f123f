/*
 * Domain: reads the naming context, the controller's clock (both from the rootDSE, MS-ADTS
 * 3.1.1.3.2) and the names of the domain (from its crossRef, MS-ADTS 6.1.1.2.1.1.5).
 */
#include "directory/domain.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"

#include <ldap.h>
#include <stdlib.h>

enum {
    CACHE_US = 30 * US_PER_S,
};

static const char *get_first_text(const struct raw_entry *raw, const char *name)
{
    const struct attribute *attribute = attribute_get(raw, name);
    return attribute && attribute->values->bv_len ? attribute->values->bv_val : NULL;
}

static void clear_domain(void *data)
{
    struct domain *domain = data;
    free(domain->dn);
    free(domain->netbios);
    free(domain->dns);
    *domain = (struct domain){0};
}

static const struct cache_kind domain_kind = {.size = sizeof(struct domain), .clear = clear_domain};

/* Returns the DNS name that a naming context stands for (RFC 2247), malloc'd; NULL if none. */
static char *derive_dns_name(const char *dn)
{
    char *derived = NULL;
    bool valid = ldap_dn2domain(dn, &derived) == LDAP_SUCCESS && derived && *derived;
    char *name = valid ? base_strdup(derived) : NULL;
    ldap_memfree(derived);
    return name;
}

/* Reads the NetBIOS and the DNS name. If the service account cannot read them, the former stays
 * NULL, and the latter is derived from the DN. */
static struct error *read_domain_names(struct directory *directory, struct arena *arena,
                                       const char *configuration, const char *dn,
                                       struct domain *domain)
{
    char *attributes[] = {"nETBIOSName", "dnsRoot", NULL};
    struct answer answer;
    const struct query search = {
        .base = arena_format(arena, "CN=Partitions,%s", configuration),
        .scope = LDAP_SCOPE_ONELEVEL,
        .filter = arena_format(arena, "(&(objectClass=crossRef)(nCName=%s)(nETBIOSName=*))",
                               names_filter_value(arena, dn)),
        .attributes = attributes,
    };
    struct error *error = query_run(directory, arena, &search, &answer);
    if (!error && answer.code == LDAP_SUCCESS && answer.count == 1) {
        const char *netbios = get_first_text(answer.entries, "nETBIOSName");
        const char *dns = get_first_text(answer.entries, "dnsRoot");
        domain->netbios = netbios ? base_strdup(netbios) : NULL;
        domain->dns = dns ? base_strdup(dns) : NULL;
    }
    if (!error && !domain->netbios) {
        log_warning("directory: LDAP_BIND_DN cannot read nETBIOSName below %s: nobody can log in "
                    "as DOMAIN\\name",
                    search.base);
    }
    return error;
}

static struct error *read_domain(struct directory *directory, struct arena *arena,
                                 struct domain *domain)
{
    char *attributes[] = {"defaultNamingContext", "configurationNamingContext", "currentTime",
                          NULL};
    struct raw_entry root;
    int64_t controller_ms = clock_wall_ms();
    struct error *error = query_object(directory, arena, "", attributes, &root);
    if (error) {
        return error;
    }
    const char *dn = get_first_text(&root, "defaultNamingContext");
    const char *configuration = get_first_text(&root, "configurationNamingContext");
    const struct attribute *time = attribute_get(&root, "currentTime");
    clear_domain(domain);
    dn = dn ? dn : connection_config(directory)->ldap_base_dn;
    error = configuration ? read_domain_names(directory, arena, configuration, dn, domain) : NULL;
    if (error) {
        return error;
    }
    if (time) {
        (void)codec_time(time->values, &controller_ms);
    }
    domain->dns = domain->dns ? domain->dns : derive_dns_name(dn);
    domain->lead_ms = controller_ms - clock_steady_us() / US_PER_MS;
    domain->dn = base_strdup(dn);
    domain->generation = connection_generation(directory);
    domain->until = clock_steady_us() + CACHE_US;
    return NULL;
}

struct error *domain_get(struct directory *directory, struct arena *arena,
                         const struct domain **domain_r)
{
    struct domain *domain = connection_cache(directory, &domain_kind);
    struct error *error = NULL;
    if (!domain->dn || domain->until <= clock_steady_us() ||
        domain->generation != connection_generation(directory)) {
        error = read_domain(directory, arena, domain);
    }
    *domain_r = domain;
    return error;
}
