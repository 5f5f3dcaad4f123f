/*
 * Observer: functions that the store calls in each transaction of store_write() and
 * store_write_unserialized(), so that code above can add rows to the transaction, or prevent its
 * commit.
 */
#ifndef STORE_OBSERVER_H
#define STORE_OBSERVER_H

#include "base/error.h"

struct store;

struct store_observer {
    /* Called before the work. The work may run several times, each time after a rollback. */
    void (*begin)(void *context);
    /* Called in the transaction, after the work has succeeded. If it fails, the transaction is
     * rolled back, and its error is the result of the write. */
    struct error *(*complete)(struct store *store, void *context);
    /* Called when the write has succeeded: on PostgreSQL after its commit; on SQLite the group
     * commit follows. */
    void (*finish)(void *context);
};

/* Sets the observer of all later writes; NULL: none. The arguments must live until the next call.
 */
void store_set_observer(struct store *store, const struct store_observer *observer, void *context);

#endif
