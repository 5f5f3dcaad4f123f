/*
 * Principal: who asks, and what they may do. Permissions are checked in the router, by the row of
 * the route, and in no handler.
 */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include <stdbool.h>

enum permission {
    PERMIT_ALL, /* nobody is asked who they are */
    PERMIT_PRINCIPAL,
    PERMIT_DIRECTORY_READ,
    PERMIT_DIRECTORY_WRITE,
    PERMIT_COUNT
};

enum principal_kind {
    PRINCIPAL_LOCAL, /* the local administrator of the configuration */
    PRINCIPAL_KIND_COUNT
};

/* As the contract names them; PERMIT_ALL and PERMIT_PRINCIPAL have none. */
extern const char *const permission_names[PERMIT_COUNT];
extern const char *const principal_kind_names[PRINCIPAL_KIND_COUNT];

struct principal {
    enum principal_kind kind;
    const char *id; /* the token's subject */
    const char *username;
    const char *email; /* NULL: none */
    const char *name;
};

/* Whether the principal has the permission; NULL is nobody. */
bool principal_permits(const struct principal *principal, enum permission permission);

#endif
