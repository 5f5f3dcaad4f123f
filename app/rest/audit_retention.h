/*
 * Audit retention: deletes the oldest rows of the audit with their links, and leaves an anchor
 * (rest/audit_chain.h), from which the rest of the chain is verified.
 *
 * Rows are deleted in the order of their links. A row is due if it is older than the limit and
 * unchanged, or if a later link belongs to such a row: a row that was edited to look old is not
 * deleted before its neighbors, so an intruder cannot use retention to remove rows. Rows from the
 * future, written before the clock was set back, do not keep the others from being deleted. The
 * anchor counts the unchanged rows only, so it shows that rows were edited or missing.
 */
#ifndef REST_AUDIT_RETENTION_H
#define REST_AUDIT_RETENTION_H

#include "base/error.h"
#include "store/store.h"

#include <stdint.h>

struct arena;

/* Result of one batch. */
struct audit_retention {
    int64_t deleted; /* AUDIT_CHAIN_BATCH: more rows may be due */
    int64_t changed; /* of them, the rows that were edited or missing */
};

/* Deletes the oldest AUDIT_CHAIN_BATCH rows that are due, or as many as there are, and commits.
 * Rows with a time before `limit_ms` are due. Writes nothing if there are none. */
struct error *audit_retention_run(struct store *store, struct arena *arena, const char *key,
                                  int64_t limit_ms, int64_t now_ms,
                                  struct audit_retention *result_r) MUST_CHECK;

#endif
