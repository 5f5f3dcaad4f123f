/*
 * Revert: undoes the changes that an audit row has recorded (rest/audit.h), if nothing has changed
 * the values since.
 *
 * A call can be reverted if its route has a function `revert`, which makes the inverse changes. The
 * audit row of a revert has the action of the call with the prefix AUDIT_REVERT and its own
 * changes, so it can be reverted in the same way. To make the calls of a resource revertible, let
 * their handlers add all changes to the change set, and set `revert` in their routes.
 */
#ifndef REST_REVERT_H
#define REST_REVERT_H

#include "http/changeset.h"
#include "http/reply.h"
#include "http/request.h"

extern const struct schema revert_schema;
extern const enum error_id revert_errors[];

/* Handles POST …/{id}/revert. The route's description is the list of all resources. */
route_handler revert_handle;

/* For functions `revert`: returns a route of objects of this type that `revert` reverts, and that
 * has a description; NULL: there is none. */
const struct route *revert_find_route(const struct request *request, const char *resource_type,
                                      route_reverter *revert);

/* For functions `revert`: returns ERR_NOT_REVERTIBLE with a detail about the field. */
struct error *revert_impossible(struct arena *arena, const char *field, enum fault_id fault);

#endif
