/*
 * Group: group commit and read snapshots. The writes of one iteration of the worker loop are
 * committed together, and its reads share one snapshot.
 */
#ifndef STORE_GROUP_H
#define STORE_GROUP_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct store;

/* True if a transaction with uncommitted writes is open: until store_group_commit(), no other
 * process can write. Always false on PostgreSQL. */
bool store_group_open(const struct store *store);

/*
 * From now on, the queries outside of store_write() share a snapshot of the committed data. A query
 * begins one if none is open; store_snapshot_end(), the group commit and the first write of a group
 * end it. A no-op on PostgreSQL.
 *
 * A shared snapshot saves SQLite two file locks for each query, which cost as much as finding a
 * row. It is safe for a process that takes all its requests of an iteration before it answers the
 * first one, so that no client misses data whose commit was already confirmed. Such a process
 * calls store_snapshot_end() at the end of each iteration.
 */
void store_share_snapshots(struct store *store);

/* Called after each request. Returns the number of the transaction if the request has
 * uncommitted writes: its reply is then held until store_group_end(). Returns 0 if the reply
 * can be sent: a request that only reads sees committed data. */
uint64_t store_pending_transaction(struct store *store) MUST_CHECK;

/* Ends the read snapshot. Called at the end of each iteration of the worker loop. */
void store_snapshot_end(struct store *store);

/*
 * Commits the open transaction of this iteration of the worker loop; a no-op if none is open. If
 * the commit fails, the whole transaction is rolled back, and every request that wrote in it is
 * answered with the error. Later queries belong to a new transaction.
 *
 * A request may call this if something must be durable before it goes on. That commits also the
 * writes of requests whose replies are held. If it fails, their group has failed: every write and
 * every commit fails with the same error until store_group_end().
 */
struct error *store_group_commit(struct store *store, struct arena *arena) MUST_CHECK;

/* Ends the group commit: commits the open transaction. If it fails, its error is the reply to the
 * requests for which store_pending_transaction() returned *lost_r; the writes of all others are
 * durable. After that the store accepts writes again. Only the code that sends the held replies
 * calls this. */
struct error *store_group_end(struct store *store, struct arena *arena,
                              uint64_t *lost_r) MUST_CHECK;

#endif
