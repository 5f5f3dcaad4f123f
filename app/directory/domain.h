/* Domain: the names of the domain and the controller's clock. */
#ifndef DIRECTORY_DOMAIN_H
#define DIRECTORY_DOMAIN_H

#include "base/error.h"

#include <stdint.h>

struct arena;
struct directory;

/* The domain as the controller describes it. */
struct domain {
    char *dn;            /* malloc; its naming context; NULL: not known */
    char *netbios, *dns; /* malloc; its names; NULL: not known */
    int64_t lead_ms;     /* of the controller's clock over our steady one, which is never stepped */
    uint64_t generation; /* of the connection: another controller has another clock */
    int64_t until;       /* steady clock: when to read it again */
};

/* The domain as it was read at most half a minute ago. */
struct error *domain_get(struct directory *directory, struct arena *arena,
                         const struct domain **domain_r) MUST_CHECK;

#endif
