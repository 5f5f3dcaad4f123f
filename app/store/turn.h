/* Turn: one iteration of the worker loop, whose writes are committed together. */
#ifndef STORE_TURN_H
#define STORE_TURN_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct store;

/* True if writes wait for the commit of store_turn_end(): until then no other process can write.
 * Always false on PostgreSQL. */
bool store_turn_open(const struct store *store);

/* From now on all queries of a turn, outside of store_write(), see what was committed when the
 * first of them began, or the first one after the turn began to write. That is on SQLite: there
 * each look by itself would take two locks of the file, which costs as much as finding a row. For a
 * process that is only asked things before a turn begins, so that nobody can miss what was answered
 * before; and which calls store_rest() at the end of each. */
void store_read_by_turns(struct store *store);

/* Called after each request. Returns the number of the transaction if the request has
 * uncommitted writes: its answer is then held until store_group_end(). Returns 0 if the answer
 * can be sent: a request that only reads sees committed data. */
uint64_t store_hold(struct store *store) MUST_CHECK;

/* The end of a turn in which nothing was written, and of any other one. */
void store_rest(struct store *store);

/*
 * Commits the open transaction of this iteration of the worker loop; a no-op if none is open. If
 * that fails, the whole transaction is rolled back, and every request that wrote in it is answered
 * with the error. Later queries belong to a new transaction.
 *
 * A request may call this if something must be durable before it goes on. That commits also the
 * writes of requests whose answers are held. If it fails, their group has failed: every write and
 * every commit fails with the same error until store_group_end().
 */
struct error *store_turn_end(struct store *store, struct arena *arena) MUST_CHECK;

/* Ends the group commit: commits the open transaction. An error is the answer of the requests
 * for which store_hold() returned *lost_r; the writes of all others are durable. After that the
 * store accepts writes again. Only the code that sends the held answers calls this. */
struct error *store_group_end(struct store *store, struct arena *arena,
                              uint64_t *lost_r) MUST_CHECK;

#endif
