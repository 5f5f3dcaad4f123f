/*
 * Purge: what nobody will ask for any more goes from the database, in batches so small that whoever
 * writes does not notice: sessions, tokens, invitations and links that have expired, failed logins
 * that are forgotten, answers that were kept for repetitions.
 */
#ifndef COLLECTION_PURGE_H
#define COLLECTION_PURGE_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum { PURGE_BATCH = 500 }; /* rows */

/* What is purged. */
enum purge_kind {
    PURGE_SESSIONS,
    PURGE_REFRESH_TOKENS,
    PURGE_LOGIN_FAILURES,
    PURGE_LOGIN_SOURCES,
    PURGE_IDEMPOTENCY_KEYS,
    PURGE_TOKENS,
    PURGE_INVITATIONS,
    PURGE_EMAIL_LINKS,
    PURGE_COUNT,
};

/* Names of the kinds: those of their tables. */
extern const char *const purge_names[PURGE_COUNT];

/* Sets times that rows bear, and that are later than now, to now, and commits: the clock was
 * stepped back since they were written. */
struct error *purge_clamp(struct store *store, struct arena *arena, int64_t now_ms) MUST_CHECK;

/* Shortens rows that were issued in the future, up to PURGE_BATCH of each kind, and commits:
 * from now on such a row lives for the lifetime it was issued with. The clock has been set back
 * since they were issued, so without this they would live longer by that difference. *more_r is
 * true if more may be left.
 *
 * A row that was issued before the clock went wrong expires at the right time, and is left
 * alone. Tokens of POST /app/token are shortened like the others: the client was promised a
 * lifetime in minutes, and the answer that issued the token names no time of expiry. */
struct error *purge_shorten(struct store *store, struct arena *arena, int64_t now_ms,
                            bool *more_r) MUST_CHECK;

/* Deletes the oldest PURGE_BATCH rows that are due at `now_ms`, or as many as there are, commits
 * and counts them. The number says whether there may be more. */
struct error *purge_batch(struct store *store, struct arena *arena, enum purge_kind kind,
                          int64_t now_ms, int64_t *deleted_r) MUST_CHECK;

/* Deletes up to `limit` due rows within the group commit of the request, and does not add them
 * to the metric. */
struct error *purge_rows(struct store *store, struct arena *arena, enum purge_kind kind,
                         int64_t now_ms, int64_t limit, int64_t *deleted_r) MUST_CHECK;

/* In the master, before it forks: from now on all processes can ask for a purge. */
void purge_share(void);

/* Requests that the housekeeper purges this kind next, before it continues its round. */
void purge_soon(enum purge_kind kind);

/* The housekeeper's part: deletes one batch, of one kind after the other. The store must outlive
 * it. */
struct purge;
struct purge *purge_new(struct store *store) __attribute__((returns_nonnull));
void purge_free(struct purge **purge);

/* Returns the time of the steady clock at which to call it again: soon if more rows may be left. */
int64_t purge_run(struct purge *purge);

/* Returns a descriptor that is readable from a purge request to the next purge_run(). */
int purge_wake_fd(void);

#endif
