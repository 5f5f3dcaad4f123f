/*
 * Activities: what the resources share that write down what happened: activities themselves, and deals,
 * whose changes of status write one by themselves.
 */
#ifndef REST_ACTIVITIES_H
#define REST_ACTIVITIES_H

#include "rest/records.h"

/* Counters of the values of a filter. */
#define ACTIVITIES_BY_TYPE "activities."
#define ACTIVITIES_BY_AUTHOR "where.activities.author_id="

/* What an activity adds to the counters. */
void activity_tally(struct arena *arena, const char *type, const struct value *author_id,
                    struct tallies *tallies);

/* Writes down that the status of a deal changed, in the transaction of that change. */
struct error *activity_of_status(struct record_change *deal, const char *old_status,
                                 const char *new_status) MUST_CHECK;

#endif
