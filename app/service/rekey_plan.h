/* Rekey plan: every table with text keys, for store/rekey.h. Each column that base/fold.h derives
 * from others belongs to this plan, except digests of short life (see rekey_plan.c). */
#ifndef SERVICE_REKEY_PLAN_H
#define SERVICE_REKEY_PLAN_H

#include "store/rekey.h"

/* Sets the version of the plan to fold_version() on first use. */
const struct rekey_plan *rekey_plan(void) __attribute__((returns_nonnull));

#endif
