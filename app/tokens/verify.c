/* See verify.h. */
#include "tokens/verify.h"

#include "tokens/format.h"
#include "tokens/usage.h"

const struct purge_kind tokens_purge_kind = {"tokens", SQL_TOKENS_PURGE, 0};

const char *const tokens_result_names[] = {
    [TOKENS_MALFORMED] = "malformed", [TOKENS_UNKNOWN] = "unknown", [TOKENS_EXPIRED] = "expired",
    [TOKENS_USED_UP] = "used_up",     [TOKENS_VALID] = "valid",
};

/* The columns of a token that its verification needs; the index covers them. */
struct found {
    int64_t id; /* 0: not found */
    int64_t expires_at;
    int64_t max_uses; /* 0: unlimited */
};

static struct error *find_token(struct store *store, struct arena *arena, const char *key,
                                const char *token, struct found *found_r)
{
    struct store_query *query = store_query(store, arena, SQL_TOKENS_CHECK);
    bool row;
    tokens_format_bind_digest(query, arena, key, token);
    struct error *error = store_next(query, &row);
    *found_r = (struct found){0};
    if (error || !row) {
        return error;
    }
    *found_r = (struct found){
        .id = store_integer(query, SQL_TOKENS_CHECK_ID),
        .expires_at = store_integer(query, SQL_TOKENS_CHECK_EXPIRES_AT),
        .max_uses = store_integer(query, SQL_TOKENS_CHECK_MAX_USES),
    };
    store_end(query);
    return NULL;
}

/* Sets *left_r to true if the token has uses left. This read avoids an unnecessary update, which
 * would wait for the write lock. */
static struct error *find_use_left(struct store *store, struct arena *arena,
                                   const struct found *found, bool *left_r)
{
    struct store_query *query = store_query(store, arena, SQL_TOKENS_USES);
    store_bind_integer(query, found->id);
    struct error *error = store_next(query, left_r);
    if (error || !*left_r) {
        return error;
    }
    *left_r = store_integer(query, SQL_TOKENS_USES_USES) < found->max_uses;
    store_end(query);
    return NULL;
}

struct use {
    struct arena *arena;
    int64_t id, now;
    bool done;
};

static struct error *update_uses(struct store *store, void *context)
{
    struct use *use = context;
    struct store_query *query = store_query(store, use->arena, SQL_TOKENS_USE);
    store_bind_integer(query, use->id);
    store_bind_integer(query, use->now);
    struct error *error = store_execute(query);
    use->done = !error && store_changes(query) == 1;
    return error;
}

/* Uses a token that has a limit, if `counts` is set. *valid_r is true if the token had uses left.
 */
static struct error *use_limited_token(struct store *store, struct arena *arena,
                                       const struct found *found, int64_t now, bool counts,
                                       bool *valid_r)
{
    struct error *error = find_use_left(store, arena, found, valid_r);
    if (error || !*valid_r || !counts) {
        return error;
    }
    struct use use = {arena, found->id, now, false};
    error = store_write_unserialized(store, arena, update_uses, &use);
    *valid_r = use.done;
    return error;
}

struct error *tokens_verify(struct store *store, struct arena *arena, const char *key,
                            const char *token, int64_t now_ms, bool counts,
                            enum tokens_result *result_r)
{
    struct found found;
    *result_r = TOKENS_MALFORMED;
    if (!tokens_format_matches(token)) {
        return NULL;
    }
    struct error *error = find_token(store, arena, key, token, &found);
    *result_r = TOKENS_UNKNOWN;
    if (error || !found.id) {
        return error;
    }
    if (found.expires_at <= now_ms) {
        *result_r = TOKENS_EXPIRED;
        purge_soon(&tokens_purge_kind);
        return NULL;
    }
    *result_r = TOKENS_VALID;
    if (!found.max_uses) {
        return !counts || tokens_usage_add(found.id) ? NULL
                                                     : tokens_usage_write(store, arena, found.id);
    }
    bool valid = false;
    error = use_limited_token(store, arena, &found, now_ms, counts, &valid);
    *result_r = valid ? TOKENS_VALID : TOKENS_USED_UP;
    return error;
}
