/*
 * Audit watch: the job of the housekeeper for the audit in the database. Links the rows
 * (rest/audit_chain.h), records the head in the audit file at most once a second, ends rows that
 * stay pending, and deletes rows after AUDIT_RETENTION_DAYS.
 *
 * On PostgreSQL, the housekeepers of several hosts share the work, one at a time, and each records
 * the head in the audit file of its host.
 */
#ifndef SERVICE_AUDIT_WATCH_H
#define SERVICE_AUDIT_WATCH_H

#include "base/config.h"
#include "store/store.h"

#include <stdint.h>

struct audit_watch;

/* `config` and `store` must outlive the job. The audit file must be open. */
struct audit_watch *audit_watch_new(const struct config *config, struct store *store)
    __attribute__((returns_nonnull));

/* Links a last batch and records the head. */
void audit_watch_free(struct audit_watch **watch);

/* Does one small step. Returns the time of the steady clock at which to call it again. */
int64_t audit_watch_run(struct audit_watch *watch);

#endif
