/* See throttle.h. The budget is a generic cell rate algorithm (ITU-T I.371): the `until` of its row
 * is the time at which the budget will be full again. */
#include "auth/throttle.h"

#include "auth/digest.h"
#include "base/arena.h"
#include "base/backoff.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/fold.h"

#include <string.h>

enum {
    SOURCE_RENEWED_MS = MS_PER_DAY, /* a known source is recorded again after that time */
};

/* --- digests --------------------------------------------------------------------------------- */

/* Returns the key of a row: an HMAC of its kind, a name and a second text. The parts are
 * NUL-terminated, so that different parts never produce the same input. */
static const unsigned char *digest_row_key(struct arena *arena, const struct throttle *throttle,
                                           const char *kind, const char *name, const char *second)
{
    struct buffer text = {.arena = arena};
    const char *parts[] = {kind, fold_address(arena, name), second};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buffer_add_string(&text, parts[i]);
        buffer_add_char(&text, '\0');
    }
    return digest_hmac(arena, throttle->key, text.bytes, text.length);
}

/* Returns a row key for the subject. */
static const unsigned char *digest_subject(struct arena *arena, const struct throttle *throttle,
                                           const char *kind, const char *second)
{
    return digest_row_key(arena, throttle, kind, throttle->subject, second);
}

/* Key of the failures of the subject from the source. */
static const unsigned char *failures_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_subject(arena, throttle, "failures", throttle->source);
}

/* Key of the budget that all unknown sources of the realm share for the subject. */
static const unsigned char *budget_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_subject(arena, throttle, "budget", throttle->realm);
}

/* Key of the source as a known source of the subject. */
static const unsigned char *source_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_subject(arena, throttle, "source", throttle->source);
}

/* Key of the source as a known source of the typed name. */
static const unsigned char *name_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_row_key(arena, throttle, "name", throttle->name, throttle->source);
}

/* --- pauses between logins ------------------------------------------------------------------- */

static int64_t compute_budget_ms(int64_t free_failures)
{
    return free_failures * THROTTLE_BUDGET * THROTTLE_INTERVAL_MS;
}

/* The end of a pause and the key of its row. */
struct pause_end {
    struct arena *arena;
    const unsigned char *digest;
    int64_t until_ms;
};

static struct error *write_until(struct store *store, void *context)
{
    const struct pause_end *end = context;
    struct store_query *query = store_query(store, end->arena, SQL_LOGIN_FAILURES_SET);
    store_bind_bytes(query, end->digest, DIGEST_SIZE);
    store_bind_integer(query, end->until_ms);
    return store_execute(query);
}

/* Reads the `until` of a row; 0 if there is none. If it is more than `longest_ms` from now, the
 * clock was set back: corrects the row, because the pause would otherwise last until the clock has
 * caught up. */
static struct error *read_until(struct store *store, struct arena *arena,
                                const unsigned char *digest, int64_t now_ms, int64_t longest_ms,
                                int64_t *until_r)
{
    struct store_query *query = store_query(store, arena, SQL_LOGIN_FAILURES_GET);
    bool row;
    store_bind_bytes(query, digest, DIGEST_SIZE);
    struct error *error = store_next(query, &row);
    *until_r = !error && row ? store_integer(query, SQL_LOGIN_FAILURES_GET_UNTIL) : 0;
    if (!error && row) {
        error = store_next(query, &row);
    }
    if (error || *until_r <= now_ms + longest_ms) {
        return error;
    }
    struct pause_end end = {arena, digest, now_ms + longest_ms};
    *until_r = end.until_ms;
    return store_write(store, arena, write_until, &end);
}

struct error *throttle_check(struct store *store, struct arena *arena,
                             const struct throttle *throttle, int64_t now_ms)
{
    int64_t until = 0, spent = 0, budget = compute_budget_ms(throttle->free_failures);
    if (!throttle->free_failures) {
        return NULL;
    }
    struct error *error = read_until(store, arena, failures_key(arena, throttle), now_ms,
                                     THROTTLE_PAUSE_MAX_MS, &until);
    if (!error && !throttle->known) {
        error = read_until(store, arena, budget_key(arena, throttle), now_ms, budget, &spent);
    }
    int64_t left = until - now_ms;
    int64_t free = spent - (budget - THROTTLE_INTERVAL_MS) - now_ms;
    left = left > free ? left : free;
    if (error || left <= 0) {
        return error;
    }
    error = error_new(arena, ERR_TOO_MANY_ATTEMPTS, "too many failed logins with this name");
    error->retry_after_s = (int)((left + MS_PER_S - 1) / MS_PER_S);
    return error;
}

/* --- failures -------------------------------------------------------------------------------- */

static const struct backoff login_backoff = {.first = MS_PER_S, .max = THROTTLE_PAUSE_MAX_MS};

struct failure {
    struct arena *arena;
    const struct throttle *throttle;
    int64_t now_ms;
};

/* Counts the failure for the source. After the free failures, sets the end of the pause. */
static struct error *count_source_failure(struct store *store, const struct failure *failure)
{
    const unsigned char *digest = failures_key(failure->arena, failure->throttle);
    struct store_query *query = store_query(store, failure->arena, SQL_LOGIN_FAILURES_ADD);
    bool row;
    store_bind_bytes(query, digest, DIGEST_SIZE);
    store_bind_integer(query, failure->now_ms);
    store_bind_integer(query, failure->now_ms - THROTTLE_FORGOTTEN_MS);
    struct error *error = store_next(query, &row);
    int64_t failures = error ? 0 : store_integer(query, SQL_LOGIN_FAILURES_ADD_FAILURES);
    int64_t pause = backoff_delay(&login_backoff, failures - failure->throttle->free_failures);
    if (!error) {
        error = store_next(query, &row);
    }
    if (error || !pause) {
        return error;
    }
    struct pause_end end = {failure->arena, digest, failure->now_ms + pause};
    return write_until(store, &end);
}

static struct error *spend_budget(struct store *store, const struct failure *failure)
{
    const struct throttle *throttle = failure->throttle;
    struct store_query *query = store_query(store, failure->arena, SQL_LOGIN_FAILURES_SPEND);
    store_bind_bytes(query, budget_key(failure->arena, throttle), DIGEST_SIZE);
    store_bind_integer(query, failure->now_ms);
    store_bind_integer(query, failure->now_ms + THROTTLE_INTERVAL_MS);
    store_bind_integer(query, failure->now_ms + compute_budget_ms(throttle->free_failures));
    return store_execute(query);
}

static struct error *count_failure(struct store *store, void *context)
{
    const struct failure *failure = context;
    struct error *error = count_source_failure(store, failure);
    return error || failure->throttle->known ? error : spend_budget(store, failure);
}

struct error *throttle_count_failure(struct store *store, struct arena *arena,
                                     const struct throttle *throttle, int64_t now_ms)
{
    struct failure failure = {arena, throttle, now_ms};
    return throttle->free_failures ? store_write(store, arena, count_failure, &failure) : NULL;
}

/* --- known sources --------------------------------------------------------------------------- */

/* Reads the time of the last login from a source, 0 if there was none. */
static struct error *read_seen(struct store *store, struct arena *arena,
                               const unsigned char *digest, int64_t *seen_r)
{
    struct store_query *query = store_query(store, arena, SQL_LOGIN_SOURCES_GET);
    bool row;
    store_bind_bytes(query, digest, DIGEST_SIZE);
    struct error *error = store_next(query, &row);
    *seen_r = !error && row ? store_integer(query, SQL_LOGIN_SOURCES_GET_SEEN_AT) : 0;
    return error || !row ? error : store_next(query, &row);
}

static bool is_known_source(int64_t seen_ms, int64_t now_ms)
{
    return seen_ms > now_ms - THROTTLE_SOURCES_KEPT_MS;
}

static bool is_recent_login(int64_t seen_ms, int64_t now_ms)
{
    return seen_ms > now_ms - SOURCE_RENEWED_MS && seen_ms <= now_ms;
}

struct error *throttle_find_source(struct store *store, struct arena *arena,
                                   struct throttle *throttle, int64_t now_ms)
{
    int64_t seen, name_seen = now_ms;
    struct error *error = read_seen(store, arena, source_key(arena, throttle), &seen);
    if (!error && throttle->name) {
        error = read_seen(store, arena, name_key(arena, throttle), &name_seen);
    }
    throttle->known = !error && is_known_source(seen, now_ms);
    throttle->recent =
        !error && is_recent_login(seen, now_ms) && is_recent_login(name_seen, now_ms);
    return error;
}

struct error *throttle_find_name_source(struct store *store, struct arena *arena,
                                        const struct throttle *throttle, int64_t now_ms,
                                        bool *known_r)
{
    int64_t seen;
    struct error *error = read_seen(store, arena, name_key(arena, throttle), &seen);
    *known_r = !error && is_known_source(seen, now_ms);
    return error;
}

/* Stores a known source of an owner, and deletes all but the owner's latest ones. */
static struct error *put_source(struct store *store, struct arena *arena,
                                const unsigned char *source, const unsigned char *owner,
                                int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_LOGIN_SOURCES_PUT);
    store_bind_bytes(query, source, DIGEST_SIZE);
    store_bind_bytes(query, owner, DIGEST_SIZE);
    store_bind_integer(query, now_ms);
    struct error *error = store_execute(query);
    if (error) {
        return error;
    }
    query = store_query(store, arena, SQL_LOGIN_SOURCES_BOUND);
    store_bind_bytes(query, owner, DIGEST_SIZE);
    store_bind_integer(query, THROTTLE_SOURCES_MAX);
    return store_execute(query);
}

struct error *throttle_count_success(struct store *store, struct arena *arena,
                                     const struct throttle *throttle, int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_LOGIN_FAILURES_CLEAR);
    store_bind_bytes(query, failures_key(arena, throttle), DIGEST_SIZE);
    struct error *error = store_execute(query);
    if (error || throttle->recent) {
        return error;
    }
    /* The sources of the subject and of the name have different owners: each has its own limit. */
    error = put_source(store, arena, source_key(arena, throttle),
                       digest_subject(arena, throttle, "subject", ""), now_ms);
    if (!error && throttle->name) {
        error = put_source(store, arena, name_key(arena, throttle),
                           digest_subject(arena, throttle, "names", ""), now_ms);
    }
    return error;
}
