/*
 * Uses: how often tokens without a limit were checked.
 *
 * That is a statistic, and not worth a write a check: it is collected in memory that all processes share,
 * and the housekeeper writes it, as workers do that end. What a power cut, or a master that is killed,
 * leaves there is lost: the uses of the last seconds. So is the batch that the housekeeper has taken, if it
 * is killed before that is committed: to be taken only afterwards it would be counted twice if it is killed
 * then, and a use too few is the better fault of the two. Uses of tokens that have a limit are never kept
 * here: they are rows of the database before they are answered.
 */
#ifndef TOKENS_USAGE_H
#define TOKENS_USAGE_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* In the master, before it forks: from now on all processes add to the same places. */
void uses_share(void);

/* Counts one use of the token with the id. False if there is no place for it now: it is to be written
 * by uses_write(). */
bool uses_add(int64_t id) MUST_CHECK;

/* Writes one use, as part of the turn. */
struct error *uses_write(struct store *store, struct arena *arena, int64_t id) MUST_CHECK;

/* Writes what was collected, a batch of it, and commits. *more_r: that was not all. What cannot be written
 * stays. */
struct error *uses_flush(struct store *store, struct arena *arena, bool *more_r) MUST_CHECK;

/* The same until nothing is left, for a process that ends. */
void uses_flush_all(struct store *store);

/* The housekeeper's part: writes one batch. Returns when to be called again, of the steady clock. */
int64_t uses_run(struct store *store);

#endif
