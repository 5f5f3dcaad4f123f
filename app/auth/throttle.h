/*
 * Throttle: repeated failures slow logins down, whether the name is anybody's or not. There are two
 * counts, so that nobody is kept out by somebody else:
 *
 * - Failures of one name from one source (an IPv4 address or an IPv6 /64). The first
 *   LOGIN_FREE_FAILURES cost nothing, each further one doubles the time until the next login of
 *   that name from there is looked at, up to a minute. A success forgets them, and so does a
 *   quarter of an hour.
 * - Failures of one name from all unknown sources together: THROTTLE_BUDGET times as many, of which
 *   one comes back every THROTTLE_INTERVAL_MS. One source alone fails less often than that, because
 *   its own count slows it down: it takes several to use the budget up.
 *
 * A source from which the subject has logged in before is known: the second count does not concern
 * it.
 *
 * Everything is kept as keyed digests: a password is sometimes typed in place of a name.
 */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>

struct arena;

enum {
    /* How long failures count after the last of them, or after the pause that it cost. */
    THROTTLE_FORGOTTEN_MS = 15 * MS_PER_MINUTE,
    THROTTLE_PAUSE_MAX_MS = MS_PER_MINUTE,
    THROTTLE_BUDGET = 8, /* of all unknown sources, in multiples of the free failures of one */
    THROTTLE_INTERVAL_MS = 15 * 1000,
    THROTTLE_SOURCES_MAX = 20, /* sources kept for each subject: the latest ones */
};

/* Known sources are kept for 90 days after the last login from there. */
#define THROTTLE_SOURCES_KEPT_MS (INT64_C(90) * MS_PER_DAY)

/* One login: who, and from where. */
struct throttle {
    const char *key; /* SECRET_KEY */
    const char
        *subject;       /* counted without case: the id of a principal, or a name that nobody has */
    const char *source; /* network_of_client() */
    const char *realm;  /* keeps the budgets of groups of sources apart; "" if there is one group */
    const char *name;   /* as typed, compared without case; NULL if none was sent */
    int64_t free_failures; /* 0: nothing is ever held back */
    bool known;            /* the source is; set by throttle_look() */
    bool recent;           /* known, and recorded within the last day: need not be recorded again */
};

/* Finds out whether the source is known. */
struct error *throttle_look(struct store *store, struct arena *arena, struct throttle *throttle,
                            int64_t now_ms) MUST_CHECK;

/* Finds out whether anyone has logged in by that name from that source. Does not use `subject`. */
struct error *throttle_look_at_name(struct store *store, struct arena *arena,
                                    const struct throttle *throttle, int64_t now_ms,
                                    bool *known_r) MUST_CHECK;

/* ERR_TOO_MANY_ATTEMPTS, with the seconds to wait, while logins are refused without a check. */
struct error *throttle_check(struct store *store, struct arena *arena,
                             const struct throttle *throttle, int64_t now_ms) MUST_CHECK;

/* Counts a failure. */
struct error *throttle_failed(struct store *store, struct arena *arena,
                              const struct throttle *throttle, int64_t now_ms) MUST_CHECK;

/* Inside store_write(): forgets the failures of the subject from a source, and records the
 * source as known for the subject and for the name. */
struct error *throttle_passed(struct store *store, struct arena *arena,
                              const struct throttle *throttle, int64_t now_ms) MUST_CHECK;

#endif
