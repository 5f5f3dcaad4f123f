/* Write: transactions, for the engines and for migrations. Private to store/. */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include "base/error.h"
#include "store/store.h"

struct arena;

/* Runs `work` inside the transaction that the engine has begun. Returns the error of `work`, or
 * else of the first query in it that failed. */
struct error *store_run_work(struct store *store, struct arena *arena, store_work *work,
                             void *context);

/* Executes the deferred statements in order, and empties their list. */
struct error *store_run_deferred(struct store *store, struct arena *arena) MUST_CHECK;

/* Like store_write(), for migrations. */
struct error *store_write_schema(struct store *store, struct arena *arena, store_work *work,
                                 void *context) MUST_CHECK;

/* Executes statements that are separated by semicolons, inside store_write_schema(). */
struct error *store_script(struct store *store, struct arena *arena, const char *text) MUST_CHECK;

#endif
