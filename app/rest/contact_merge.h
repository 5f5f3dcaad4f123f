/*
 * Merge: moves everything that refers to a contact to another contact, and deletes the contact.
 *
 * The target keeps its own values; those that it lacks (email, phone, company, position, notes,
 * responsible member) are taken over. Deals, tasks and activities follow, deleted ones too. The
 * merged contact stays as a deleted row with all of its values.
 *
 * The change set has, for the merged contact, the fields `deals`, `tasks` and `activities`, whose
 * value is the list of the ids that referred to it, `merged_into`, the id of the target, and
 * `deleted_at`; and for the target the fields that it took over. From these, a merge can be
 * reverted. The lists of one merge have at most CONTACT_MERGE_MAX ids.
 */
#ifndef REST_CONTACT_MERGE_H
#define REST_CONTACT_MERGE_H

#include "rest/records.h"

/* The maximum number of deals, tasks and activities that one merge moves. */
enum { CONTACT_MERGE_MAX = 100000 };

/* The body of the call, and its errors. */
extern const struct schema contact_merge_schema;
extern const enum error_id contact_merge_errors[];

/* Handles POST …/{id}/merge. The route's description is that of contacts. */
route_handler contact_merge;

/* Reverts the fields of a merge that are not columns of the contact: see revert_field() of struct
 * records. */
struct error *contact_merge_revert_field(struct record_change *change,
                                         const struct changeset *reverted,
                                         const struct changed_field *field,
                                         bool *reverted_r) MUST_CHECK;

#endif
