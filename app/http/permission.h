/*
 * Permission: the right that a route requires of its caller. rest/authorization.h decides which
 * callers have it.
 */
#ifndef HTTP_PERMISSION_H
#define HTTP_PERMISSION_H

#include "base/field.h"

#include <stdbool.h>

enum permission {
    PERMIT_ALL,       /* no authentication is required */
    PERMIT_PRINCIPAL, /* any authenticated user */
    PERMIT_DIRECTORY_READ,
    PERMIT_DIRECTORY_WRITE,
    PERMIT_ACCOUNTS,
    PERMIT_TOKENS,    /* may list and delete all tokens */
    PERMIT_ADDRESSES, /* may verify email addresses; never granted without a token */
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
    PERMIT_MANAGE,         /* may change the organization itself and its members */
    PERMIT_MANAGE_OR_SELF, /* PERMIT_MANAGE, or the path names the user's own account */
    PERMIT_COUNT
};

/* Names of the permissions as GET /auth/me reports them. NULL for permissions that it does not
 * report. */
extern const char *const permission_names[PERMIT_COUNT];

/* Documentation: the callers that have the permission. */
extern const struct text permission_descriptions[PERMIT_COUNT];

/* True for permissions on the directory. Directory users lose them as soon as the directory revokes
 * them, so each use is checked against the directory. */
bool permission_is_of_directory(enum permission permission);

bool permission_is_of_files(enum permission permission);

/* True for permissions that a role in an organization grants. */
bool permission_is_of_organization(enum permission permission);

#endif
