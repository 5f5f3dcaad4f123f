/*
 * Session: begins with a login, and lives until it is ended, at the latest until its absolute end.
 *
 * A session is bound to the credentials that it was opened with by their epoch, a number that
 * changes with them: the version of an account's password, pwdLastSet of a directory user, a digest
 * of the local administrator's name and password. A session of an earlier epoch is ended.
 *
 * It goes on by refresh tokens, each of which can be used once: its successor replaces it (RFC 9700
 * 4.14.2), and one of them is live at a time. The successor is an HMAC of the token, so that a
 * repeated refresh returns the same one: a client whose answer was lost, or two tabs of a browser,
 * repeat within a grace of ten seconds. Any other use of a replaced token ends the session: the
 * token was copied.
 *
 * Tokens are 256 bits and kept as HMACs under JWT_SECRET_KEY alone: a change of the key makes them
 * unknown, unless it is still there as the previous key.
 */
#ifndef AUTH_SESSION_H
#define AUTH_SESSION_H

#include "base/error.h"
#include "base/random.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* The settings and the time that an operation goes by. */
struct session_terms {
    const char *key, *previous_key; /* JWT_SECRET_KEY; the previous one may be empty */
    int64_t now_ms;
    int64_t refresh_ms;  /* lifetime of a refresh token */
    int64_t lifetime_ms; /* absolute, of a session */
};

/* Where a login or a refresh came from. */
struct session_client {
    const char *address, *device; /* device: User-Agent */
};

struct session {
    char id[RANDOM_ID_SIZE];
    const char *subject;  /* of its access tokens */
    int64_t account_id;   /* 0: not an account */
    const char *username; /* of the subject, now */
    int64_t epoch;        /* of the subject's credentials, now */
    bool administrator;   /* of the directory, now */
    int64_t expires_ms;   /* absolute end */
    const char *refresh_token;
};

/* Inside store_write(): begins a session, whose subject, account, username, epoch and rights are
 * set; sets the rest. */
struct error *session_begin(struct store *store, struct arena *arena,
                            const struct session_terms *terms, const struct session_client *client,
                            struct session *session) MUST_CHECK;

/* The session of a refresh token, as it is stored, without using the token. ERR_INVALID_TOKEN if it
 * is unknown. */
struct error *session_find(struct store *store, struct arena *arena,
                           const struct session_terms *terms, const char *token,
                           struct session *session_r) MUST_CHECK;

/* The outcome of a refresh that the caller reports. */
struct session_outcome {
    bool reused; /* the token was replaced earlier: the session is ended */
};

/*
 * Replaces a refresh token by its successor. The session's username, epoch and rights are set to
 * what they are now; sets the rest. ERR_INVALID_TOKEN, with the reason as its cause, if the token
 * is unknown or used again, or the session has ended or is of an earlier epoch, which ends it;
 * ERR_TOKEN_EXPIRED.
 */
struct error *session_refresh(struct store *store, struct arena *arena,
                              const struct session_terms *terms,
                              const struct session_client *client, const char *token,
                              struct session *session,
                              struct session_outcome *outcome_r) MUST_CHECK;

/* Goes on with a session whose id, subject, username, epoch and rights are set, without a refresh
 * token. ERR_INVALID_TOKEN as above. */
struct error *session_renew(struct store *store, struct arena *arena,
                            const struct session_terms *terms, const struct session_client *client,
                            struct session *session) MUST_CHECK;

/* Reads a live session by id and subject: its epoch, rights and end. ERR_INVALID_TOKEN if it is
 * not alive. */
struct error *session_check(struct store *store, struct arena *arena, const char *id,
                            const char *subject, int64_t now_ms,
                            struct session *session_r) MUST_CHECK;

/* Inside store_write(): end one session, or all of an account, of a subject, of everybody. The
 * number of sessions that were alive is added to *count. */
struct error *session_end(struct store *store, struct arena *arena, const char *id, int64_t now_ms,
                          int64_t *count) MUST_CHECK;
struct error *session_end_account(struct store *store, struct arena *arena, int64_t account_id,
                                  int64_t now_ms, int64_t *count) MUST_CHECK;
struct error *session_end_subject(struct store *store, struct arena *arena, const char *subject,
                                  int64_t now_ms, int64_t *count) MUST_CHECK;
struct error *session_end_everybody(struct store *store, struct arena *arena, int64_t now_ms,
                                    int64_t *count) MUST_CHECK;

/* Ends the sessions with that subject or user name; letter case of the name is ignored. */
struct error *session_end_named(struct store *store, struct arena *arena, const char *name,
                                int64_t now_ms, int64_t *count) MUST_CHECK;

/* Ends the sessions of a directory user that are older than the password (`epoch`), or were
 * opened with administrator rights that the user no longer has. */
struct error *session_end_outdated(struct store *store, struct arena *arena, const char *subject,
                                   int64_t epoch, bool administrator, int64_t now_ms,
                                   int64_t *count) MUST_CHECK;

/* Ends the sessions of local administrators that have another subject or epoch, and all sessions
 * whose last tokens were issued under neither key of the terms. */
struct error *session_end_unconfigured(struct store *store, struct arena *arena,
                                       const struct session_terms *terms, const char *subject,
                                       int64_t epoch, int64_t *count) MUST_CHECK;

/* For queries: a session's id as it is stored, RANDOM_ID_BYTES long. False if it is none. */
bool session_id_bytes(const char *id, unsigned char *bytes) MUST_CHECK;

#endif
