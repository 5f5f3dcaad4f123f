/* Revoke: deletes tokens before they expire. */
#ifndef TOKENS_REVOKE_H
#define TOKENS_REVOKE_H

#include "base/error.h"
#include "store/store.h"

#include <stdint.h>

struct arena;

/* A deleted token. */
struct tokens_deleted {
    int64_t id;          /* 0: no token was found */
    const char *purpose; /* NULL: none */
    int64_t max_uses;    /* 0: no limit */
    int64_t expires_ms;
};

/* Deletes a token; the write belongs to the current group commit. `key` is the key of the token
 * digests (SECRET_KEY). Sets *deleted_r in the transaction. */
struct error *tokens_revoke(struct store *store, struct arena *arena, const char *key,
                            const char *token, struct tokens_deleted *deleted_r) MUST_CHECK;

/* Deletes the token with the id. Sets *deleted_r in the transaction. */
struct error *tokens_revoke_id(struct store *store, struct arena *arena, int64_t id,
                               struct tokens_deleted *deleted_r) MUST_CHECK;

#endif
