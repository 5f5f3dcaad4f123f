/*
 * Email link: a one-use token that verifies an email address. Only the local administrator issues
 * links, and delivers them to the owner of the address outside of Kontora: whoever has the token
 * counts as the owner. A new link for an address replaces the old one.
 *
 * Tokens are 256 random bits. Only their SHA-256 digests are stored, and looked up by an index, so
 * that no comparison depends on the secret.
 */
#ifndef AUTH_EMAIL_LINK_H
#define AUTH_EMAIL_LINK_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

struct email_link {
    int64_t id;
    const char *email;
    const char *token;
    int64_t expires_ms;
};

/* Issues a link for link->email, which has passed account_check_email(). Sets the other members. */
struct error *email_link_issue(struct store *store, struct arena *arena, int64_t now_ms,
                               struct email_link *link) MUST_CHECK;

/* True if the token is valid for the address. Does not consume the token. */
struct error *email_link_check(struct store *store, struct arena *arena, const char *token,
                               const char *email, int64_t now_ms, bool *valid_r) MUST_CHECK;

/* Inside store_write(): consumes the token. ERR_LINK_INVALID if it is not valid for the address. */
struct error *email_link_use(struct store *store, struct arena *arena, const char *token,
                             const char *email, int64_t now_ms) MUST_CHECK;

#endif
