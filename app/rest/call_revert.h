/*
 * Reverts a change by a call of the same resource: an update with the previous values, the deletion
 * of an object that was created, or the creation of one that was deleted, which gets a new id. The
 * call checks its rules as usual. Before its transaction is committed, its changes are compared
 * with the recorded ones; if they are not the inverse, a value has changed since.
 *
 * Set it as `revert` of a resource's calls. Each change that the calls record must be a field that
 * they can set.
 */
#ifndef REST_CALL_REVERT_H
#define REST_CALL_REVERT_H

#include "http/route.h"

extern route_reverter call_revert;

#endif
