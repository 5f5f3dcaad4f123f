/*
 * Principal: the authenticated caller of a request, and its role in an organization. Its
 * permissions are in rest/authorization.h.
 */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include "base/field.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum principal_kind {
    PRINCIPAL_LOCAL,     /* the local administrator of the configuration */
    PRINCIPAL_ACCOUNT,   /* one of the accounts */
    PRINCIPAL_DIRECTORY, /* a person of the directory */
    PRINCIPAL_KIND_COUNT
};

/* What a member is to an organization. */
enum role {
    ROLE_NONE, /* no member */
    ROLE_OWNER,
    ROLE_ADMIN,
    ROLE_MANAGER,
    ROLE_SALES,
    ROLE_VIEWER,
    ROLE_COUNT
};

extern const char *const principal_kind_names[PRINCIPAL_KIND_COUNT];
extern const char *const role_names[ROLE_COUNT + 1]; /* NULL ends, for the choices of field maps */

/* The role of that name; ROLE_NONE if there is none. NULL is no name. */
enum role role_of_name(const char *name);

struct principal {
    enum principal_kind kind;
    const char *id; /* the token's subject */
    const char *username;
    const char *email; /* NULL: none */
    const char *name;
    bool administrator;  /* of the directory, by its group; of its people alone */
    const char *session; /* the session of the token */
    int64_t epoch;       /* of the credentials that the principal, or the session, goes by */
    bool opened_as_administrator; /* of the directory, as the session says */
    int64_t account_id;           /* 0: not an account */
    int64_t organization_id;      /* the one that the request is about; 0: none */
    enum role role;               /* in it */
};

/* A person of the directory by objectGUID, or an account by its id: kind and id are set, who it is
 * is not. */
struct principal *principal_of_directory(struct arena *arena, const char *guid)
    __attribute__((returns_nonnull));
struct principal *principal_of_account(struct arena *arena, int64_t account_id)
    __attribute__((returns_nonnull));

/* The objectGUID in the id of a principal of the directory; NULL in the ids of others. */
const char *principal_guid(const char *id);

/* The id of the account in the id of a principal; 0 in the ids of others. */
int64_t principal_account_id(const char *id);

#endif
