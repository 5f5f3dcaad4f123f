/*
 * Throttle: delays logins after repeated failures, for existing and unknown names alike. There are
 * two limits, so that an attacker cannot lock the owner of a name out:
 *
 * - Failures of one name from one source (an IPv4 address or an IPv6 /64). The first
 *   LOGIN_FREE_FAILURES have no effect. After each further one, logins of that name from that
 *   source are rejected for a pause that doubles, up to a minute. A successful login resets the
 *   count, and so do 15 minutes without a failure.
 * - Failures of one name from all unknown sources together. Their budget is THROTTLE_BUDGET times
 *   LOGIN_FREE_FAILURES, and one failure is added to it every THROTTLE_INTERVAL_MS. Its own pauses
 *   keep a single source below that rate: only several sources together can exhaust the budget.
 *
 * A source from which the subject has logged in before is known. The second limit does not apply to
 * known sources.
 *
 * Names and sources are stored as HMACs, because users sometimes type their password as the name.
 */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>

struct arena;

enum {
    /* The count of failures starts again if none follows for this long after the last one or, if
     * that one caused a pause, after the end of the pause. */
    THROTTLE_FORGOTTEN_MS = 15 * MS_PER_MINUTE,
    THROTTLE_PAUSE_MAX_MS = MS_PER_MINUTE,
    THROTTLE_BUDGET = 8, /* budget of all unknown sources, in multiples of `free_failures` */
    THROTTLE_INTERVAL_MS = 15 * 1000,
    THROTTLE_SOURCES_MAX = 20, /* number of latest sources that are stored for each subject */
};

/* A source is known for 90 days after the last login from it. */
#define THROTTLE_SOURCES_KEPT_MS (INT64_C(90) * MS_PER_DAY)

/* One login attempt: its user and its source. */
struct throttle {
    const char *key; /* the setting SECRET_KEY */
    /* id of a principal, or a name that does not exist; compared without case */
    const char *subject;
    const char *source; /* result of network_client_key() */
    /* name of a group of sources that share a budget; "" if all sources share one */
    const char *realm;
    const char *name;      /* name as typed, compared without case; NULL if none was sent */
    int64_t free_failures; /* LOGIN_FREE_FAILURES; 0: logins are never delayed */
    bool known;            /* the source is known; set by throttle_find_source() */
    bool recent;           /* known, and recorded within the last day: need not be recorded again */
};

/* Reads whether the source is known for the subject. Sets `known` and `recent`. */
struct error *throttle_find_source(struct store *store, struct arena *arena,
                                   struct throttle *throttle, int64_t now_ms) MUST_CHECK;

/* Reads whether any user has logged in with that name from that source. Does not use `subject`. */
struct error *throttle_find_name_source(struct store *store, struct arena *arena,
                                        const struct throttle *throttle, int64_t now_ms,
                                        bool *known_r) MUST_CHECK;

/* ERR_TOO_MANY_ATTEMPTS, with the seconds to wait, if the login must be rejected without checking
 * the password. */
struct error *throttle_check(struct store *store, struct arena *arena,
                             const struct throttle *throttle, int64_t now_ms) MUST_CHECK;

/* Counts a failed login. */
struct error *throttle_count_failure(struct store *store, struct arena *arena,
                                     const struct throttle *throttle, int64_t now_ms) MUST_CHECK;

/* Inside store_write(), after a successful login: resets the failures of the subject from the
 * source, and records the source as known for the subject and for the name. */
struct error *throttle_count_success(struct store *store, struct arena *arena,
                                     const struct throttle *throttle, int64_t now_ms) MUST_CHECK;

#endif
