/* Purge plan: every kind of row that expires, for store/purge.h. */
#ifndef SERVICE_PURGE_PLAN_H
#define SERVICE_PURGE_PLAN_H

#include "store/purge.h"

extern const struct purge_plan purge_plan;

#endif
