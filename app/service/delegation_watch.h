/*
 * Delegation watch: the periodic job that reads the principals and scopes of all delegations from
 * the directory. It stores their current names, by which ?filter= compares. It logs a warning for
 * each delegation whose principal or scope does not exist: at the start of the service, and when
 * one is deleted later.
 */
#ifndef SERVICE_DELEGATION_WATCH_H
#define SERVICE_DELEGATION_WATCH_H

#include <stdint.h>

struct directory;
struct store;

struct delegation_watch;

/* Takes ownership of `directory`. The store must outlive the watch. */
struct delegation_watch *delegation_watch_new(struct store *store, struct directory *directory)
    __attribute__((returns_nonnull));
void delegation_watch_free(struct delegation_watch **watch);

/* Checks some delegations. Returns the time of the next call, on the steady clock. */
int64_t delegation_watch_run(struct delegation_watch *watch);

#endif
