/*
 * Reverts changes of records (rest/records.h): the function `revert` of their routes.
 *
 * A created record is soft-deleted, a deleted one restored, a restored one deleted, and changed
 * fields get their previous values, in the reverse order of the changes. The status of a deal or a
 * task gets its previous value although the transitions do not allow that; the activity that a
 * change of a deal's status has added is deleted, and no new one is added. All of it is one
 * transaction. Every value that the reverted change has set must be unchanged.
 *
 * The rules that keep records consistent apply: references, unique addresses, contacts with deals.
 * A revert that deletes or restores a record requires PERMIT_DELETE.
 */
#ifndef REST_RECORD_REVERT_H
#define REST_RECORD_REVERT_H

#include "rest/records.h"

route_reverter record_revert;

#endif
