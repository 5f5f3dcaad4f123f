/* Write: transactions, for the engines and for migrations. */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include "base/error.h"
#include "store/store.h"

struct arena;

/* Runs `work` between the engine's begin and commit. NULL: all that it did succeeded. */
struct error *store_run(struct store *store, struct arena *arena, store_work *work, void *context);

/* Executes what was deferred, in the order in which it was, and forgets it. */
struct error *store_run_deferred(struct store *store, struct arena *arena) MUST_CHECK;

/* store_write() for migrations. */
struct error *store_write_schema(struct store *store, struct arena *arena, store_work *work,
                                 void *context) MUST_CHECK;

struct error *store_script(struct store *store, struct arena *arena, const char *text) MUST_CHECK;

#endif
