/*
 * Usage counters of tokens: how often tokens without a limit were checked.
 *
 * A use is a statistic and not worth a write per check. Processes count uses in shared memory; the
 * housekeeper, and each worker that exits, flushes them to the database. A power cut or a killed
 * master loses the uses of the last seconds. If the housekeeper is killed before it commits a batch
 * that it has taken, the batch is lost too: taking it after the commit could count it twice, and
 * missing uses are the lesser fault. Uses of tokens that have a limit are never counted here: they are
 * written before the check is answered.
 */
#ifndef TOKENS_USAGE_H
#define TOKENS_USAGE_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* In the master, before it forks: from now on all processes share the counters. */
void tokens_usage_share(void);

/* Counts one use of the token with the id. False if no counter is free: the caller then calls
 * tokens_usage_write(). */
bool tokens_usage_add(int64_t id) MUST_CHECK;

/* Writes one use within the group commit. */
struct error *tokens_usage_write(struct store *store, struct arena *arena, int64_t id) MUST_CHECK;

/* Writes one batch of the counters and commits. *more_r is true if more are left. Counters that
 * cannot be written keep their uses. */
struct error *tokens_usage_flush(struct store *store, struct arena *arena, bool *more_r) MUST_CHECK;

/* Flushes all counters, for a process that exits. */
void tokens_usage_flush_all(struct store *store);

/* The periodic job of the housekeeper: flushes one batch. Returns the time of the steady clock at
 * which to call it again. */
int64_t tokens_usage_run(struct store *store);

#endif
