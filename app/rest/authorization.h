/*
 * Authorization: the permissions of each kind of principal and of each role. The guard in service/
 * checks the permission of a route before the handler runs; handlers check none.
 */
#ifndef REST_AUTHORIZATION_H
#define REST_AUTHORIZATION_H

#include "auth/principal.h"
#include "http/permission.h"

#include <stdbool.h>

/* True if the principal has the permission. NULL is an anonymous caller. */
bool authorization_permits(const struct principal *principal, enum permission permission);

#endif
