/*
 * Session: what a login began. It lives on in refresh tokens, each of which can be used once: the
 * next one replaces it (RFC 9700 4.14.2). Whoever comes with a replaced one, when it has been
 * replaced for longer than a client may take to notice, has stolen it or was stolen from: then the
 * whole family of tokens is revoked.
 *
 * Tokens are 256 random bits, and kept as SHA-256 digests alone.
 */
#ifndef AUTH_SESSION_H
#define AUTH_SESSION_H

#include "base/error.h"
#include "base/random.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

struct session {
    char id[RANDOM_ID_SIZE]; /* of the family */
    const char *subject;     /* of its access tokens */
    int64_t account_id;      /* 0: the subject is none of the accounts */
    const char *refresh_token;
};

/* Inside store_write(): begins a session, whose subject and account are set; sets the rest. */
struct error *session_begin(struct store *store, struct arena *arena, struct session *session,
                            int64_t now_ms, int64_t lifetime_ms) MUST_CHECK;

/*
 * Goes on with the session of a refresh token, which a new one replaces. ERR_INVALID_TOKEN, with the
 * reason as its cause, if it is unknown, revoked or used again; ERR_TOKEN_EXPIRED.
 */
struct error *session_refresh(struct store *store, struct arena *arena, const char *token,
                              int64_t now_ms, int64_t lifetime_ms,
                              struct session *session_r) MUST_CHECK;

/* The subject of a refresh token, which is not used by this: ERR_INVALID_TOKEN if it is unknown. */
struct error *session_subject(struct store *store, struct arena *arena, const char *token,
                              const char **subject_r) MUST_CHECK;

/* A further refresh token for the session `id`, whose subject and account are set. ERR_INVALID_TOKEN
 * if it has ended. */
struct error *session_extend(struct store *store, struct arena *arena, const char *id,
                             int64_t now_ms, int64_t lifetime_ms,
                             struct session *session) MUST_CHECK;

/* Inside store_write(): revokes a session, or all of its account but this one (NULL: all). */
struct error *session_end(struct store *store, struct arena *arena, const char *id,
                          int64_t now_ms) MUST_CHECK;
struct error *session_end_others(struct store *store, struct arena *arena, const char *id,
                                 int64_t account_id, int64_t now_ms) MUST_CHECK;

/* For queries: a session's id as it is stored, RANDOM_ID_BYTES long. False if it is none. */
bool session_id_bytes(const char *id, unsigned char *bytes) MUST_CHECK;

#endif
