/*
 * Activities: functions that the resources of activities and of deals share. Each change of a
 * deal's status inserts an activity.
 */
#ifndef REST_ACTIVITIES_H
#define REST_ACTIVITIES_H

#include "rest/records.h"

/* Prefixes of the counters by type and by author. */
#define ACTIVITIES_BY_TYPE "activities."
#define ACTIVITIES_BY_AUTHOR "where.activities.author_id="

/* Adds the counter deltas of an activity. */
void activities_add_deltas(struct arena *arena, const char *type, const struct value *author_id,
                           struct counter_deltas *deltas);

/* Inserts an activity about a change of the deal's status, in the transaction of that change. */
struct error *activities_insert_status_change(struct record_change *deal, const char *old_status,
                                              const char *new_status) MUST_CHECK;

#endif
