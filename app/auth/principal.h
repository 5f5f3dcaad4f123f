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
    PRINCIPAL_ACCOUNT,   /* an account of the database */
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

extern const char *const principal_kind_names[PRINCIPAL_KIND_COUNT];
extern const char
    *const principal_role_names[ROLE_COUNT + 1]; /* the choices of field maps; ends with NULL */

/* Returns the role with that name; ROLE_NONE if there is none or `name` is NULL. */
enum role principal_role_by_name(const char *name);

/* The API key of a request; all members are 0 if the request has none. */
struct principal_key {
    int64_t id;
    uint64_t scopes; /* set of enum scope (base/scope.h) */
    int64_t used_ms; /* its stored last use; 0: never */
};

struct principal {
    enum principal_kind kind;
    const char *id; /* the token's subject */
    const char *username;
    const char *email; /* NULL: none */
    const char *name;
    bool administrator;           /* a directory user in the administrators' group */
    const char *session;          /* id of the token's session */
    int64_t epoch;                /* epoch of the credentials, see session.h */
    const char *principals;       /* at a login: see struct session; NULL: none */
    bool opened_as_administrator; /* value of `administrator` when the session was opened */
    int64_t account_id;           /* 0: not an account */
    int64_t organization_id;      /* the organization that the request concerns; 0: none */
    enum role role;               /* role in that organization */
    struct principal_key key;     /* a key acts as the user who made it */
};

/* Create a principal for the objectGUID of a directory user, or for an account id. Only kind and
 * ids are set. */
struct principal *principal_of_directory(struct arena *arena, const char *guid)
    __attribute__((returns_nonnull));
struct principal *principal_of_account(struct arena *arena, int64_t account_id)
    __attribute__((returns_nonnull));

/* Returns the only organization that the credentials permit. 0: all organizations of the user; -1:
 * no organization, for an API key without one. */
int64_t principal_only_organization(const struct principal *principal);

/* Returns the objectGUID from the principal id of a directory user; NULL for other ids. */
const char *principal_guid(const char *id);

/* Returns the account id from the principal id of an account; 0 for other ids. */
int64_t principal_account_id(const char *id);

#endif
