/* Own rights: the rights of the caller on scopes of the directory, for GET /auth/me. */
#ifndef REST_OWN_RIGHTS_H
#define REST_OWN_RIGHTS_H

#include "base/field.h"
#include "http/request.h"

#include <stdbool.h>

/* The field map of a delegation of the caller. */
extern const struct field own_rights_fields[];

/* Sets the delegations of the caller. Leaves the value null if the directory is not available,
 * because the rest of the reply does not depend on it. */
void own_rights_set(struct request *request, struct value *value);

/* True if the caller can read entries of the directory, given its delegations; also if these are
 * unknown. */
bool own_rights_reads(const struct request *request, const struct value *delegations);

#endif
