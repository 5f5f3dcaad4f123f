/* Together: several writes in one transaction. */
#ifndef STORE_TOGETHER_H
#define STORE_TOGETHER_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Runs `work`, whose calls of store_write() and store_write_unserialized() then share one
 * serializable transaction: each of them is a savepoint, so one that fails changes nothing and does
 * not end the transaction. If `work` returns NULL, the transaction is committed when this returns;
 * otherwise all of it is rolled back. All queries inside, also those outside of store_write(), see
 * the changes of the transaction. A query that fails outside of store_write() makes it fail.
 *
 * `work` may run several times, as in store_write(). Until it returns, store_group_commit() does
 * nothing. On SQLite no other process can write meanwhile, so it must be quick; the writes whose
 * replies are held are committed first.
 */
struct error *store_write_together(struct store *store, struct arena *arena, store_work *work,
                                   void *context) MUST_CHECK;

/*
 * Like store_write_together(), for work that is expected to write nothing: all queries see one
 * snapshot, and on SQLite it does not wait for other writers. If the work calls store_write(), that
 * call fails, and the work runs again inside store_write_together().
 */
struct error *store_read_together(struct store *store, struct arena *arena, store_work *work,
                                  void *context) MUST_CHECK;

/* Called by the work: sets the time of the steady clock (microseconds) by which all of its
 * statements must have ended. One that takes longer fails with ERR_BATCH_TOO_COSTLY, and with it
 * the whole transaction. */
void store_limit_together(struct store *store, int64_t deadline_us);

/* True inside store_write_together() and store_read_together(). */
bool store_writes_together(const struct store *store);

#endif
