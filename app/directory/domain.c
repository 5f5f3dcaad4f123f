/*
 * Domain: its naming context and names, and how far the controller's clock is from ours, read from
 * the rootDSE (MS-ADTS 3.1.1.3.2) and from the domain's crossRef (6.1.1.2.1.1.5).
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"

#include <stdlib.h>

enum {
    SECOND_US = 1000 * 1000,
    KNOWN_US = 30 * SECOND_US,
};

static const char *first_text(const struct raw_entry *raw, const char *name)
{
    const struct attribute *attribute = entry_attribute(raw, name);
    return attribute && attribute->values->bv_len ? attribute->values->bv_val : NULL;
}

static char *own_copy(const char *text)
{
    return text ? must_string(text) : NULL;
}

void domain_forget(struct directory *directory)
{
    free(directory->domain.dn);
    free(directory->domain.netbios);
    free(directory->domain.dns);
    directory->domain = (struct known_domain){0};
}

/* The NetBIOS and the DNS name; both stay NULL if the service account may not read them. */
static struct error *read_names(struct directory *directory, struct arena *arena,
                                const char *configuration, const char *dn)
{
    char *attributes[] = {"nETBIOSName", "dnsRoot", NULL};
    struct answer answer;
    const struct search search = {
        .base = arena_format(arena, "CN=Partitions,%s", configuration),
        .scope = LDAP_SCOPE_ONELEVEL,
        .filter = arena_format(arena, "(&(objectClass=crossRef)(nCName=%s)(nETBIOSName=*))",
                               names_filter_value(arena, dn)),
        .attributes = attributes,
    };
    struct error *error = search_run(directory, arena, &search, &answer);
    if (!error && answer.code == LDAP_SUCCESS && answer.count == 1) {
        directory->domain.netbios = own_copy(first_text(answer.entries, "nETBIOSName"));
        directory->domain.dns = own_copy(first_text(answer.entries, "dnsRoot"));
    }
    return error;
}

static struct error *read_domain(struct directory *directory, struct arena *arena)
{
    char *attributes[] = {"defaultNamingContext", "configurationNamingContext", "currentTime",
                          NULL};
    struct raw_entry root;
    int64_t theirs = clock_wall_ms();
    struct error *error = search_object(directory, arena, "", attributes, &root);
    if (error) {
        return error;
    }
    const char *dn = first_text(&root, "defaultNamingContext");
    const char *configuration = first_text(&root, "configurationNamingContext");
    const struct attribute *time = entry_attribute(&root, "currentTime");
    domain_forget(directory);
    dn = dn ? dn : directory->config->ldap_base_dn;
    error = configuration ? read_names(directory, arena, configuration, dn) : NULL;
    if (error) {
        return error;
    }
    if (time) {
        (void)codec_time(time->values, &theirs);
    }
    directory->domain.lead_ms = theirs - clock_steady_us() / US_PER_MS;
    directory->domain.dn = must_string(dn);
    directory->domain.generation = directory->generation;
    directory->domain.until = clock_steady_us() + KNOWN_US;
    return NULL;
}

struct error *domain_get(struct directory *directory, struct arena *arena,
                         const struct known_domain **domain_r)
{
    const struct known_domain *domain = &directory->domain;
    struct error *error = NULL;
    if (!domain->dn || domain->until <= clock_steady_us() ||
        domain->generation != directory->generation) {
        error = read_domain(directory, arena);
    }
    *domain_r = domain;
    return error;
}
