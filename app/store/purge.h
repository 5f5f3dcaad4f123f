/*
 * Purge: deletes expired rows in small batches, so that other writers wait only briefly. The caller
 * provides a plan: the kinds of rows and their statements.
 */
#ifndef STORE_PURGE_H
#define STORE_PURGE_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum { PURGE_BATCH = 500 }; /* maximum number of rows of one batch */

/* Rows of one table that expire. */
struct purge_kind {
    const char *table;
    enum sql_statement statement; /* deletes up to $2 rows with times up to $1, the oldest first */
    /* time for which a row is kept after its time, such as its expiry */
    int64_t kept_ms;
};

/* Statements that correct the rows of one table whose time of issue is in the future, later than
 * $1. */
struct purge_expiry {
    enum sql_statement ahead; /* selects such a row if there is one; takes no write lock */
    /* sets the expiry of up to $2 such rows to now plus their lifetime */
    enum sql_statement shorten;
};

struct purge_plan {
    const struct purge_kind *const *kinds; /* NULL after the last */
    const enum sql_statement *clamps;      /* statements that set times later than $1 to $1 */
    const struct purge_expiry *expiries;
    size_t clamp_count, expiry_count;
};

/* Corrects rows whose time of issue is in the future, because the clock was set back after they
 * were issued: each expires after its original lifetime, counted from now. Otherwise they would
 * live longer by the difference of the clocks. Corrects up to PURGE_BATCH rows of each table, and
 * commits; *more_r is true if more may be left. */
struct error *purge_shorten(const struct purge_plan *plan, struct store *store, struct arena *arena,
                            int64_t now_ms, bool *more_r) MUST_CHECK;

/* Deletes the oldest PURGE_BATCH rows that are due at `now_ms`, or as many as there are, commits
 * and counts them. More rows may be left if *deleted_r is PURGE_BATCH. */
struct error *purge_batch(struct store *store, struct arena *arena, const struct purge_kind *kind,
                          int64_t now_ms, int64_t *deleted_r) MUST_CHECK;

/* Deletes up to `limit` due rows within the group commit of the request, and does not add them
 * to the metric. */
struct error *purge_rows(struct store *store, struct arena *arena, const struct purge_kind *kind,
                         int64_t now_ms, int64_t limit, int64_t *deleted_r) MUST_CHECK;

/* Called by the master before it forks: from now on all processes can request a purge of a kind of
 * the plan. */
void purge_share(const struct purge_plan *plan);

/* Requests that the housekeeper (the process for periodic jobs) purges this kind next, before it
 * continues its round. A no-op if there is no housekeeper. */
void purge_soon(const struct purge_kind *kind);

/* The periodic job of the housekeeper: purges one kind of the shared plan after the other. The
 * store must outlive it. */
struct purge;
struct purge *purge_new(struct store *store) __attribute__((returns_nonnull));
void purge_free(struct purge **purge);

/* Deletes one batch. Returns the time of the steady clock at which to call it again: soon if more
 * rows may be left. */
int64_t purge_run(struct purge *purge);

/* Returns a descriptor that is readable from a purge request to the next purge_run(). */
int purge_wake_fd(void);

#endif
