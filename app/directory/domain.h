/* Domain: reads the names of the domain and the controller's clock. */
#ifndef DIRECTORY_DOMAIN_H
#define DIRECTORY_DOMAIN_H

#include "base/error.h"

#include <stdint.h>

struct arena;
struct directory;

/* The domain as the controller describes it. */
struct domain {
    char *dn;            /* from malloc(); naming context of the domain; NULL: unknown */
    char *netbios, *dns; /* from malloc(); NetBIOS and DNS name; NULL: unknown */
    int64_t lead_ms;     /* controller's wall clock minus our steady clock */
    /* connection on which the clock was read: each controller has its own clock */
    uint64_t generation;
    int64_t until; /* steady clock: when to read it again */
};

/* Returns the domain, read at most 30 seconds ago. */
struct error *domain_get(struct directory *directory, struct arena *arena,
                         const struct domain **domain_r) MUST_CHECK;

#endif
