/*
 * Token format: the text of a token, and the digest under which the database stores it.
 *
 * A token consists of six decimal digits, a colon and 22 base-62 digits. The base-62 digits are 131
 * random bits. The decimal digits are the time of issue in milliseconds, modulo a million: they
 * order the index, and are easy to read aloud. The database stores the decimal digits and the first
 * 128 bits of the token's HMAC-SHA256, so that an attacker who reads the database cannot produce a
 * valid token.
 */
#ifndef TOKENS_FORMAT_H
#define TOKENS_FORMAT_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Returns a new random token. */
const char *tokens_format_generate(struct arena *arena, int64_t now_ms)
    __attribute__((returns_nonnull));

/* True if the text has the format of a token. Any other text can be rejected without a query. */
bool tokens_format_matches(const char *text);

/* Binds the digest of a token, under the key of the token digests (SECRET_KEY), to the next
 * parameter. */
void tokens_format_bind_digest(struct store_query *query, struct arena *arena, const char *key,
                               const char *token);

#endif
