/*
 * Audit retention: deletes the oldest rows of the audit with their links, and leaves an anchor
 * (rest/audit_chain.h), from which the rest of the chain is verified.
 *
 * Rows are deleted in the order of their links. A row is due if it is older than the limit and
 * unchanged, or if a later link belongs to such a row: a row that was edited to look old is not
 * deleted before its neighbors, so an intruder cannot use retention to remove rows. Rows from the
 * future, written before the clock was set back, do not keep the others from being deleted. The
 * anchor counts the unchanged rows only, so it shows that rows were edited or missing.
 *
 * If more changed rows than a batch are the oldest ones, the next calls search behind them.
 */
#ifndef REST_AUDIT_RETENTION_H
#define REST_AUDIT_RETENTION_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* The progress of retention. Initialized with zeros, and kept from one call to the next. */
struct audit_retention {
    /* Results of the last call. */
    int64_t deleted; /* number of rows */
    int64_t changed; /* of them, the rows that were edited or missing */
    int64_t kept; /* rows that were edited or are missing, before the first row that is not due */
    bool more;    /* the next call may find more rows that are due */

    int64_t passed; /* no link up to this position is that of an unchanged row; 0: unknown */
    int64_t passed_changed; /* of these links, those of changed rows */
    int64_t due;            /* all links up to this position are due; 0: unknown */
};

/* Deletes the oldest AUDIT_CHAIN_BATCH rows that are due, or as many as there are, and commits.
 * Rows with a time before `limit_ms` are due. Writes nothing if there are none. */
struct error *audit_retention_run(struct store *store, struct arena *arena, const char *key,
                                  int64_t limit_ms, int64_t now_ms,
                                  struct audit_retention *retention) MUST_CHECK;

#endif
