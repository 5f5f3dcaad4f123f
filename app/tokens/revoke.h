/* Revoke: deletes tokens before they expire. */
#ifndef TOKENS_REVOKE_H
#define TOKENS_REVOKE_H

#include "base/error.h"
#include "store/store.h"

#include <stdint.h>

struct arena;

/* Deletes a token; the write belongs to the current group commit. `key` is the key of the token
 * digests (SECRET_KEY). *id_r is the id of the token, or 0 if it was not found. */
struct error *tokens_revoke(struct store *store, struct arena *arena, const char *key,
                            const char *token, int64_t *id_r) MUST_CHECK;

/* Deletes the token with the id. *found_r is false if it was not found. */
struct error *tokens_revoke_id(struct store *store, struct arena *arena, int64_t id,
                               bool *found_r) MUST_CHECK;

#endif
