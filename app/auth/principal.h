/*
 * Principal: who asks, and what they may do. Permissions are checked in the router, by the row of
 * the route, and in no handler.
 */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include <stdbool.h>

struct arena;

enum permission {
    PERMIT_ALL, /* nobody is asked who they are */
    PERMIT_PRINCIPAL,
    PERMIT_DIRECTORY_READ,
    PERMIT_DIRECTORY_WRITE,
    PERMIT_COUNT
};

enum principal_kind {
    PRINCIPAL_LOCAL,     /* the local administrator of the configuration */
    PRINCIPAL_DIRECTORY, /* a person of the directory */
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
    bool administrator; /* of the directory, by membership in its group; of its people alone */
};

/* A person of the directory by objectGUID: the kind and the id are set, who it is is not. */
struct principal *principal_of_directory(struct arena *arena, const char *guid)
    __attribute__((returns_nonnull));

/* The objectGUID in the id of a principal of the directory; NULL in the ids of others. */
const char *principal_guid(const char *id);

/* Whether the principal has the permission; NULL is nobody. */
bool principal_permits(const struct principal *principal, enum permission permission);

/* Whether the permission is one over the directory, where people of the directory lose it as soon
 * as the directory takes it from them. */
bool permission_of_directory(enum permission permission);

#endif
