/*
 * Principal: who asks, and what they may do. Permissions are checked in the router, by the row of
 * the route, and in no handler.
 */
#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include "base/field.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum permission {
    PERMIT_ALL, /* nobody is asked who they are */
    PERMIT_PRINCIPAL,
    PERMIT_DIRECTORY_READ,
    PERMIT_DIRECTORY_WRITE,
    PERMIT_ACCOUNTS,
    PERMIT_TOKENS,     /* to see and delete everybody's */
    PERMIT_ADDRESSES,  /* to vouch for email addresses; on no surface without a token */
    PERMIT_FILES_READ, /* of the organization, where there is one, by the role; else of one's own */
    PERMIT_FILES_CREATE,
    PERMIT_FILES_UPDATE,
    PERMIT_FILES_DELETE,
    PERMIT_READ, /* this and what follows: of what belongs to the organization */
    PERMIT_CREATE,
    PERMIT_UPDATE,
    PERMIT_DELETE,
    PERMIT_MANAGE,         /* the organization itself, and who belongs to it */
    PERMIT_MANAGE_OR_SELF, /* the same, or oneself: the account that the path names */
    PERMIT_COUNT
};

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

/* As the contract names them; PERMIT_ALL, PERMIT_PRINCIPAL, PERMIT_ADDRESSES, those of files,
 * PERMIT_MANAGE_OR_SELF and ROLE_NONE have no name. */
extern const char *const permission_names[PERMIT_COUNT];
extern const struct text permission_about[PERMIT_COUNT]; /* who has it, for the documentation */
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

/* Whether the principal has the permission; NULL is nobody. */
bool principal_permits(const struct principal *principal, enum permission permission);

/* Whether the permission is one over the directory, where people of the directory lose it as soon
 * as the directory takes it from them. */
bool permission_of_directory(enum permission permission);

bool permission_of_files(enum permission permission);

/* Whether the permission is one of a role in an organization. */
bool permission_of_organization(enum permission permission);

#endif
