/* See throttle.h. */
#include "auth/throttle.h"

#include "auth/digest.h"
#include "base/arena.h"
#include "base/utf8.h"

#include <string.h>

enum {
    MS_PER_S = 1000,
    FIRST_PAUSE_MS = MS_PER_S,
    PAUSE_DOUBLINGS = 6,
    PAUSE_MAX_MS = 60 * MS_PER_S,
};

static const unsigned char *digest_name(struct arena *arena, const char *name)
{
    const char *folded = utf8_fold_text(arena, name);
    return digest_of(arena, folded, strlen(folded));
}

struct error *throttle_check(struct store *store, struct arena *arena, const char *name,
                             int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_LOGIN_FAILURES_GET);
    bool row;
    store_bind_bytes(query, digest_name(arena, name), DIGEST_SIZE);
    struct error *error = store_next(query, &row);
    int64_t until = !error && row ? store_integer(query, 1) : 0;
    if (!error && row) {
        error = store_next(query, &row);
    }
    if (error || until <= now_ms) {
        return error;
    }
    error = error_new(arena, ERR_TOO_MANY_ATTEMPTS, "logins of this name are held back");
    /* A clock that was stepped back must not hold a name back for longer. */
    int64_t left = until - now_ms < PAUSE_MAX_MS ? until - now_ms : PAUSE_MAX_MS;
    error->retry_after_s = (int)((left + MS_PER_S - 1) / MS_PER_S);
    return error;
}

/* `beyond` failures that were not free. */
static int64_t pause_after(int64_t beyond)
{
    if (beyond < 1) {
        return 0;
    }
    beyond--;
    int64_t pause = (int64_t)FIRST_PAUSE_MS
                    << (beyond < PAUSE_DOUBLINGS ? beyond : PAUSE_DOUBLINGS);
    return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}

struct failure {
    struct arena *arena;
    const unsigned char *digest;
    int64_t free_failures, now_ms;
};

static struct error *count_failure(struct store *store, void *context)
{
    const struct failure *failure = context;
    struct store_query *query = store_query(store, failure->arena, SQL_LOGIN_FAILURES_ADD);
    bool row;
    store_bind_bytes(query, failure->digest, DIGEST_SIZE);
    store_bind_integer(query, failure->now_ms);
    store_bind_integer(query, failure->now_ms - THROTTLE_FORGOTTEN_MS);
    struct error *error = store_next(query, &row);
    int64_t pause = error ? 0 : pause_after(store_integer(query, 0) - failure->free_failures);
    if (!error) {
        error = store_next(query, &row);
    }
    if (error || !pause) {
        return error;
    }
    query = store_query(store, failure->arena, SQL_LOGIN_FAILURES_SET);
    store_bind_bytes(query, failure->digest, DIGEST_SIZE);
    store_bind_integer(query, failure->now_ms + pause);
    return store_execute(query);
}

struct error *throttle_failed(struct store *store, struct arena *arena, const char *name,
                              int64_t free_failures, int64_t now_ms)
{
    struct failure failure = {arena, digest_name(arena, name), free_failures, now_ms};
    if (!free_failures) {
        return NULL;
    }
    return store_write(store, arena, count_failure, &failure);
}

struct error *throttle_forget(struct store *store, struct arena *arena, const char *name)
{
    struct store_query *query = store_query(store, arena, SQL_LOGIN_FAILURES_CLEAR);
    store_bind_bytes(query, digest_name(arena, name), DIGEST_SIZE);
    return store_execute(query);
}
