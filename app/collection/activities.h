/*
 * Activities: what the resources share that write down what happened: activities themselves, and deals,
 * whose changes of status write one by themselves.
 */
#ifndef COLLECTION_ACTIVITIES_H
#define COLLECTION_ACTIVITIES_H

#include "collection/records.h"

/* What an activity of a type adds to the counters. */
void activity_tally(struct arena *arena, const char *type, struct tallies *tallies);

/* Writes down that the status of a deal changed, in the transaction of that change. */
struct error *activity_of_status(struct record_change *deal, const char *old_status,
                                 const char *new_status) MUST_CHECK;

#endif
