/*
 * Verifies tokens, which is the most frequent call of all. It reads one row by its digest. A use of
 * a token without a limit is counted in memory (tokens/usage.h); a use of a token with a limit is one
 * conditional update. An expired token is left to the purge.
 */
#ifndef TOKENS_VERIFY_H
#define TOKENS_VERIFY_H

#include "base/error.h"
#include "store/purge.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum tokens_result {
    TOKENS_MALFORMED, /* not the format of a token */
    TOKENS_UNKNOWN,
    TOKENS_EXPIRED,
    TOKENS_USED_UP,
    TOKENS_VALID,
};

/* The names of the results, as labels of a metric. */
extern const char *const tokens_result_names[];

/* Verifies a token at `now_ms`. `key` is the key of the service. If `counts` is set, a valid token
 * has one use more. */
struct error *tokens_verify(struct store *store, struct arena *arena, const char *key,
                            const char *token, int64_t now_ms, bool counts,
                            enum tokens_result *result_r) MUST_CHECK;

/* Expired tokens, for the purge. */
extern const struct purge_kind tokens_purge_kind;

#endif
