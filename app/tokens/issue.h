/* Issue: creates tokens. */
#ifndef TOKENS_ISSUE_H
#define TOKENS_ISSUE_H

#include "base/error.h"
#include "store/store.h"

#include <stdint.h>

struct arena;

struct tokens_terms {
    const char *purpose; /* NULL: none */
    int64_t max_uses;    /* 0: unlimited */
    int64_t now_ms, expires_ms;
};

/* Issues a new token; the write belongs to the current group commit. `key` is the key of the
 * token digests (SECRET_KEY). */
struct error *tokens_issue(struct store *store, struct arena *arena, const char *key,
                           const struct tokens_terms *terms, const char **token_r) MUST_CHECK;

#endif
