/*
 * Throttle: repeated failures slow a name down, whoever and wherever they come from, and whether the
 * name is anybody's or not: the first LOGIN_FREE_FAILURES cost nothing, each further one doubles the
 * time until the next login of that name is looked at, up to a minute. A success forgets them, and so does a
 * quarter of an hour.
 *
 * Names are kept as digests: a password is sometimes typed in place of a name.
 */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "base/error.h"
#include "store/store.h"

struct arena;

/* How long failures count after the last of them, or after the pause that it cost. */
enum { THROTTLE_FORGOTTEN_MS = 15 * 60 * 1000 };

/* ERR_TOO_MANY_ATTEMPTS, with the seconds to wait, while logins of the name are not looked at. */
struct error *throttle_check(struct store *store, struct arena *arena, const char *name,
                             int64_t now_ms) MUST_CHECK;

/* Counts a failure; does nothing if `free_failures` is 0, all of them. */
struct error *throttle_failed(struct store *store, struct arena *arena, const char *name,
                              int64_t free_failures, int64_t now_ms) MUST_CHECK;

/* Inside store_write(): forgets the failures. */
struct error *throttle_forget(struct store *store, struct arena *arena,
                              const char *name) MUST_CHECK;

#endif
