/*
 * Principal: the authenticated user of a request, with roles and permissions. The router checks the
 * permission of the route; handlers contain no checks.
 */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include "base/field.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum permission {
    PERMIT_ALL,       /* no authentication is required */
    PERMIT_PRINCIPAL, /* any authenticated user */
    PERMIT_DIRECTORY_READ,
    PERMIT_DIRECTORY_WRITE,
    PERMIT_ACCOUNTS,
    PERMIT_TOKENS,    /* list and delete all tokens */
    PERMIT_ADDRESSES, /* verify email addresses; never granted without a token */
    /* Files: in an organization, by the role; without one, the user's own files. */
    PERMIT_FILES_READ,
    PERMIT_FILES_CREATE,
    PERMIT_FILES_UPDATE,
    PERMIT_FILES_DELETE,
    /* Records of an organization, by the role. */
    PERMIT_READ,
    PERMIT_CREATE,
    PERMIT_UPDATE,
    PERMIT_DELETE,
    PERMIT_MANAGE,         /* change the organization itself and its members */
    PERMIT_MANAGE_OR_SELF, /* PERMIT_MANAGE, or the path names the user's own account */
    PERMIT_COUNT
};

enum principal_kind {
    PRINCIPAL_LOCAL,     /* the local administrator of the configuration */
    PRINCIPAL_ACCOUNT,   /* one of the accounts */
    PRINCIPAL_DIRECTORY, /* a directory user */
    PRINCIPAL_KIND_COUNT
};

/* The role of an account in an organization. */
enum role {
    ROLE_NONE, /* not a member */
    ROLE_OWNER,
    ROLE_ADMIN,
    ROLE_MANAGER,
    ROLE_SALES,
    ROLE_VIEWER,
    ROLE_COUNT
};

/* The names in the API; NULL for PERMIT_ALL, PERMIT_PRINCIPAL, PERMIT_ADDRESSES, PERMIT_FILES_…,
 * PERMIT_MANAGE_OR_SELF and ROLE_NONE, which have none. */
extern const char *const permission_names[PERMIT_COUNT];
extern const char *const principal_kind_names[PRINCIPAL_KIND_COUNT];
extern const char *const role_names[ROLE_COUNT + 1]; /* ends with NULL; choices of field maps */

/* Describe in the API documentation who has each permission. */
extern const struct text permission_about[PERMIT_COUNT];

/* Returns the role with that name; ROLE_NONE if there is none or `name` is NULL. */
enum role role_of_name(const char *name);

struct principal {
    enum principal_kind kind;
    const char *id; /* the token's subject */
    const char *username;
    const char *email; /* NULL: none */
    const char *name;
    bool administrator;           /* a directory user in the administrators' group */
    const char *session;          /* id of the token's session */
    int64_t epoch;                /* of the credentials, see session.h */
    bool opened_as_administrator; /* `administrator` when the session was opened */
    int64_t account_id;           /* 0: not an account */
    int64_t organization_id;      /* the organization that the request concerns; 0: none */
    enum role role;               /* in that organization */
};

/* Create a principal for the objectGUID of a directory user, or for an account id. Only kind and
 * ids are set. */
struct principal *principal_of_directory(struct arena *arena, const char *guid)
    __attribute__((returns_nonnull));
struct principal *principal_of_account(struct arena *arena, int64_t account_id)
    __attribute__((returns_nonnull));

/* Returns the objectGUID from the principal id of a directory user; NULL for other ids. */
const char *principal_guid(const char *id);

/* Returns the account id from the principal id of an account; 0 for other ids. */
int64_t principal_account_id(const char *id);

/* True if the principal has the permission. A NULL principal is not authenticated. */
bool principal_permits(const struct principal *principal, enum permission permission);

/* True for the permissions on the directory. A directory user loses them as soon as the directory
 * revokes the rights. */
bool permission_of_directory(enum permission permission);

/* True for the permissions on files. */
bool permission_of_files(enum permission permission);

/* True for the permissions that a role in an organization grants. */
bool permission_of_organization(enum permission permission);

#endif
