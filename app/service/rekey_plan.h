/* Rekey plan: lists all tables with text keys, for store/rekey.h. Every column that is computed
 * with base/fold.h belongs to this plan, except short-lived digests (see rekey_plan.c). */
#ifndef SERVICE_REKEY_PLAN_H
#define SERVICE_REKEY_PLAN_H

#include "store/rekey.h"

/* Returns the plan. Its version is fold_version(). */
const struct rekey_plan *rekey_plan(void) __attribute__((returns_nonnull));

#endif
