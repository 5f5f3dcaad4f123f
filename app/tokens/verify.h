/*
 * Verify: verifies tokens, the most frequent operation of the service. It reads one row by its
 * digest. A use of a token without a limit is counted in memory (tokens/usage.h); a use of a token
 * with a limit is one conditional update. The purge deletes expired tokens.
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
    TOKENS_MALFORMED, /* the text does not have the format of a token */
    TOKENS_UNKNOWN,
    TOKENS_EXPIRED,
    TOKENS_USED_UP,
    TOKENS_VALID,
};

/* The names of the results, as labels of a metric. */
extern const char *const tokens_result_names[];

/* Verifies a token at `now_ms`. `key` is the key of the token digests. If `counts` is set, a valid
 * token uses up one of its uses. */
struct error *tokens_verify(struct store *store, struct arena *arena, const char *key,
                            const char *token, int64_t now_ms, bool counts,
                            enum tokens_result *result_r) MUST_CHECK;

/* The purge of expired tokens. */
extern const struct purge_kind tokens_purge_kind;

#endif
