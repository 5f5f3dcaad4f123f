/* See authorization.h. */
#include "rest/authorization.h"

#define BIT(permission) (1U << (permission))
#define READ BIT(PERMIT_READ)
#define CREATE BIT(PERMIT_CREATE)
#define UPDATE BIT(PERMIT_UPDATE)
#define DELETE BIT(PERMIT_DELETE)
#define MANAGE BIT(PERMIT_MANAGE)
#define DIRECTORY_READ BIT(PERMIT_DIRECTORY_READ)
#define DIRECTORY_WRITE BIT(PERMIT_DIRECTORY_WRITE)

/* Permissions of each kind of principal, as a bit mask. */
static const unsigned kind_permissions[PRINCIPAL_KIND_COUNT] = {
    [PRINCIPAL_LOCAL] = BIT(PERMIT_PRINCIPAL) | DIRECTORY_READ | DIRECTORY_WRITE |
                        BIT(PERMIT_ACCOUNTS) | BIT(PERMIT_TOKENS) | BIT(PERMIT_ADDRESSES),
    [PRINCIPAL_ACCOUNT] = BIT(PERMIT_PRINCIPAL),
    [PRINCIPAL_DIRECTORY] = BIT(PERMIT_PRINCIPAL) | DIRECTORY_READ,
};

/* Additional permissions of the directory's administrators. */
static const unsigned administrator_permissions = DIRECTORY_WRITE;

/* Permissions of each role in its organization. */
static const unsigned role_permissions[ROLE_COUNT] = {
    [ROLE_OWNER] = READ | CREATE | UPDATE | DELETE | MANAGE,
    [ROLE_ADMIN] = READ | CREATE | UPDATE | DELETE | MANAGE,
    [ROLE_MANAGER] = READ | CREATE | UPDATE | DELETE,
    [ROLE_SALES] = READ | CREATE | UPDATE,
    [ROLE_VIEWER] = READ,
};

bool authorization_permits(const struct principal *principal, enum permission permission)
{
    if (permission == PERMIT_ALL || !principal) {
        return permission == PERMIT_ALL;
    }
    if (permission_is_of_files(permission)) {
        /* PERMIT_FILES_READ … and PERMIT_READ … have the same order. */
        unsigned role_permission = (unsigned)permission - PERMIT_FILES_READ + PERMIT_READ;
        return !principal->organization_id ||
               (role_permissions[principal->role] & BIT(role_permission));
    }
    unsigned all = kind_permissions[principal->kind] | role_permissions[principal->role];
    if (principal->administrator) {
        all |= administrator_permissions;
    }
    return all & BIT(permission);
}
