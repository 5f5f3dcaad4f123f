/* See throttle.h. The budget is a generic cell rate algorithm (ITU-T I.371): a row's `until` is the
 * time at which all of the budget will have come back. */
#include "auth/throttle.h"

#include "auth/digest.h"
#include "base/arena.h"
#include "base/backoff.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <string.h>

enum {
    SOURCE_RENEWED_MS = MS_PER_DAY,
};

/* --- digests --------------------------------------------------------------------------------- */

/* Each kind of row has digests of its own. NUL is in none of the texts. */
static const unsigned char *digest_name(struct arena *arena, const struct throttle *throttle,
                                        const char *kind, const char *name, const char *second)
{
    struct buffer text = {.arena = arena};
    const char *parts[] = {kind, utf8_fold_text(arena, name), second};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buffer_add_string(&text, parts[i]);
        buffer_add_char(&text, '\0');
    }
    return digest_keyed(arena, throttle->key, text.bytes, text.length);
}

static const unsigned char *digest_texts(struct arena *arena, const struct throttle *throttle,
                                         const char *kind, const char *second)
{
    return digest_name(arena, throttle, kind, throttle->subject, second);
}

static const unsigned char *failures_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_texts(arena, throttle, "failures", throttle->source);
}

static const unsigned char *budget_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_texts(arena, throttle, "budget", throttle->realm);
}

static const unsigned char *source_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_texts(arena, throttle, "source", throttle->source);
}

static const unsigned char *subject_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_texts(arena, throttle, "subject", "");
}

static const unsigned char *name_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_name(arena, throttle, "name", throttle->name, throttle->source);
}

/* Returns the key under which the known sources of a name are stored; they are bounded apart
 * from those of the subject. */
static const unsigned char *names_key(struct arena *arena, const struct throttle *throttle)
{
    return digest_texts(arena, throttle, "names", "");
}

/* --- holds ----------------------------------------------------------------------------------- */

static int64_t budget_ms(int64_t free_failures)
{
    return free_failures * THROTTLE_BUDGET * THROTTLE_INTERVAL_MS;
}

/* A time that is to be written in place of one that a step of the clock has put too far ahead. */
struct clamp {
    struct arena *arena;
    const unsigned char *digest;
    int64_t until_ms;
};

static struct error *write_until(struct store *store, void *context)
{
    const struct clamp *clamp = context;
    struct store_query *query = store_query(store, clamp->arena, SQL_LOGIN_FAILURES_SET);
    store_bind_bytes(query, clamp->digest, DIGEST_SIZE);
    store_bind_integer(query, clamp->until_ms);
    return store_execute(query);
}

/* Reads the time of a row, 0 if there is none. After the clock was stepped back it is at most
 * `longest_ms` from now, and is written so, or the hold would last until the clock catches up. */
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
    struct clamp clamp = {arena, digest, now_ms + longest_ms};
    *until_r = clamp.until_ms;
    return store_write(store, arena, write_until, &clamp);
}

struct error *throttle_check(struct store *store, struct arena *arena,
                             const struct throttle *throttle, int64_t now_ms)
{
    int64_t until = 0, spent = 0, budget = budget_ms(throttle->free_failures);
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
    error = error_new(arena, ERR_TOO_MANY_ATTEMPTS, "logins of this name are held back");
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

static struct error *count_of_source(struct store *store, const struct failure *failure)
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
    struct clamp hold = {failure->arena, digest, failure->now_ms + pause};
    return write_until(store, &hold);
}

static struct error *spend_budget(struct store *store, const struct failure *failure)
{
    const struct throttle *throttle = failure->throttle;
    struct store_query *query = store_query(store, failure->arena, SQL_LOGIN_FAILURES_SPEND);
    store_bind_bytes(query, budget_key(failure->arena, throttle), DIGEST_SIZE);
    store_bind_integer(query, failure->now_ms);
    store_bind_integer(query, failure->now_ms + THROTTLE_INTERVAL_MS);
    store_bind_integer(query, failure->now_ms + budget_ms(throttle->free_failures));
    return store_execute(query);
}

static struct error *count_failure(struct store *store, void *context)
{
    const struct failure *failure = context;
    struct error *error = count_of_source(store, failure);
    return error || failure->throttle->known ? error : spend_budget(store, failure);
}

struct error *throttle_failed(struct store *store, struct arena *arena,
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

static bool is_known(int64_t seen_ms, int64_t now_ms)
{
    return seen_ms > now_ms - THROTTLE_SOURCES_KEPT_MS;
}

static bool is_recent(int64_t seen_ms, int64_t now_ms)
{
    return seen_ms > now_ms - SOURCE_RENEWED_MS && seen_ms <= now_ms;
}

struct error *throttle_look(struct store *store, struct arena *arena, struct throttle *throttle,
                            int64_t now_ms)
{
    int64_t seen, name_seen = now_ms;
    struct error *error = read_seen(store, arena, source_key(arena, throttle), &seen);
    if (!error && throttle->name) {
        error = read_seen(store, arena, name_key(arena, throttle), &name_seen);
    }
    throttle->known = !error && is_known(seen, now_ms);
    throttle->recent = !error && is_recent(seen, now_ms) && is_recent(name_seen, now_ms);
    return error;
}

struct error *throttle_look_at_name(struct store *store, struct arena *arena,
                                    const struct throttle *throttle, int64_t now_ms, bool *known_r)
{
    int64_t seen;
    struct error *error = read_seen(store, arena, name_key(arena, throttle), &seen);
    *known_r = !error && is_known(seen, now_ms);
    return error;
}

/* Stores a source as known, and keeps only the latest ones of the same owner. */
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

struct error *throttle_passed(struct store *store, struct arena *arena,
                              const struct throttle *throttle, int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_LOGIN_FAILURES_CLEAR);
    store_bind_bytes(query, failures_key(arena, throttle), DIGEST_SIZE);
    struct error *error = store_execute(query);
    if (error || throttle->recent) {
        return error;
    }
    error =
        put_source(store, arena, source_key(arena, throttle), subject_key(arena, throttle), now_ms);
    if (!error && throttle->name) {
        error =
            put_source(store, arena, name_key(arena, throttle), names_key(arena, throttle), now_ms);
    }
    return error;
}
