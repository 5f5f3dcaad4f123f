/*
 * Permission: the right that a route requires of its caller. rest/authorization.h decides which
 * callers have it.
 */
#ifndef HTTP_PERMISSION_H
#define HTTP_PERMISSION_H

#include "base/field.h"

#include <stdbool.h>

enum permission {
    PERMIT_ALL,       /* open to all, without authentication */
    PERMIT_PRINCIPAL, /* any authenticated caller */
    PERMIT_DIRECTORY_READ,
    PERMIT_DIRECTORY_WRITE,
    PERMIT_ACCOUNTS,
    PERMIT_TOKENS,     /* list and delete the tokens of all issuers */
    PERMIT_ADDRESSES,  /* confirm email addresses; never granted by an anonymous surface */
    PERMIT_FILES_READ, /* in an organization by role, otherwise for the caller's own files */
    PERMIT_FILES_CREATE,
    PERMIT_FILES_UPDATE,
    PERMIT_FILES_DELETE,
    PERMIT_READ, /* this and the following: on the data of the organization */
    PERMIT_CREATE,
    PERMIT_UPDATE,
    PERMIT_DELETE,
    PERMIT_MANAGE,         /* change the organization and its members */
    PERMIT_MANAGE_OR_SELF, /* PERMIT_MANAGE, or the caller's own account in the path */
    PERMIT_COUNT
};

/* Names in the contract. NULL for permissions that the contract does not name. */
extern const char *const permission_names[PERMIT_COUNT];

/* Documentation: the callers that have the permission. */
extern const struct text permission_about[PERMIT_COUNT];

/* True for permissions on the directory. Directory users lose them as soon as the directory revokes
 * them, so each use is checked against the directory. */
bool permission_is_of_directory(enum permission permission);

bool permission_is_of_files(enum permission permission);

/* True for permissions that a role in an organization grants. */
bool permission_is_of_organization(enum permission permission);

#endif
