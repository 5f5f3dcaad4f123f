/*
 * Reverts changes of the directory: the function `revert` of the routes of entries, memberships,
 * copies and offboardings.
 *
 * Changed fields get their previous values, a moved entry its previous place, memberships are
 * undone, and a created entry is deleted if it is unchanged and has no entries below it. A deleted
 * entry is restored as by POST /deleted/{guid}/restore; the audit row that is reverted has its
 * values. Every value that the reverted change has set must be unchanged.
 *
 * The changes pass through the same functions as those of other calls, with the same checks. They
 * are planned first (directory/sequence.h): either all of them can be made, or none is. Memberships
 * come first, and are undone again if the change of the entry then fails.
 */
#ifndef REST_ENTRY_REVERT_H
#define REST_ENTRY_REVERT_H

#include "http/route.h"

route_reverter entry_revert;

#endif
