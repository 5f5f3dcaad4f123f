/*
 * Usage counters: count how often tokens without a limit of uses are verified.
 *
 * Such a count is only a statistic, so it does not justify a write for each verification. Processes
 * count uses in shared memory; the housekeeper (the process for periodic jobs), and each worker
 * that exits, flushes the counters to the database. A power failure or a killed master loses the
 * uses of the last seconds. If the housekeeper is killed after it has taken a batch of counters and
 * before it commits them, the batch is lost: clearing the counters only after the commit could
 * count uses twice, which would be worse. Uses of tokens that have a limit are not counted here,
 * but written before the reply.
 */
#ifndef TOKENS_USAGE_H
#define TOKENS_USAGE_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Called by the master before it forks: from now on all processes share the counters. */
void tokens_usage_share(void);

/* Counts one use of the token with the id. Returns false if no counter is free: the caller then
 * calls tokens_usage_write(). */
bool tokens_usage_add(int64_t id) MUST_CHECK;

/* Writes one use to the database; the write belongs to the current group commit. */
struct error *tokens_usage_write(struct store *store, struct arena *arena, int64_t id) MUST_CHECK;

/* Writes one batch of the counters and commits. *more_r is true if more are left. After an error,
 * adds the uses to the counters again. */
struct error *tokens_usage_flush(struct store *store, struct arena *arena, bool *more_r) MUST_CHECK;

/* Flushes all counters, for a process that exits. */
void tokens_usage_flush_all(struct store *store);

/* The periodic job of the housekeeper: flushes one batch. Returns the time of the steady clock at
 * which to call it again. */
int64_t tokens_usage_run(struct store *store);

#endif
