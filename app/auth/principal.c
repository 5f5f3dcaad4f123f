/* See principal.h. */
#include "auth/principal.h"

const char *const permission_names[PERMIT_COUNT] = {
    [PERMIT_DIRECTORY_READ] = "directory:read",
    [PERMIT_DIRECTORY_WRITE] = "directory:write",
};

const char *const principal_kind_names[PRINCIPAL_KIND_COUNT] = {
    [PRINCIPAL_LOCAL] = "local",
};

#define BIT(permission) (1U << (permission))

/* What each kind may do. */
static const unsigned permissions[PRINCIPAL_KIND_COUNT] = {
    [PRINCIPAL_LOCAL] =
        BIT(PERMIT_PRINCIPAL) | BIT(PERMIT_DIRECTORY_READ) | BIT(PERMIT_DIRECTORY_WRITE),
};

bool principal_permits(const struct principal *principal, enum permission permission)
{
    return permission == PERMIT_ALL ||
           (principal && (permissions[principal->kind] & BIT(permission)));
}
