/*
 * Session: begins with a login and ends with a logout, an administrator's action, or at the latest
 * after its maximum lifetime.
 *
 * A session is bound to the credentials that it was opened with by their epoch, a number that
 * changes with the credentials: the version of an account's password, pwdLastSet of a directory
 * user, a digest of the local administrator's name and password. A session whose epoch is no longer
 * the current one is ended.
 *
 * Refresh tokens prolong a session. Each can be used once and is replaced by its successor (RFC
 * 9700 4.14.2), so that a session has one live refresh token. The successor is an HMAC of the
 * token, so that a repeated refresh returns the same successor: a client that did not receive the
 * answer, or two tabs of a browser, may repeat within a grace period of ten seconds. Any other use
 * of a replaced token means that the token was copied, and ends the session.
 *
 * Refresh tokens have 256 bits and are stored only as HMACs under JWT_SECRET_KEY. After a change of
 * that key they are invalid, unless the old one is still configured as the previous key.
 */
#ifndef AUTH_SESSION_H
#define AUTH_SESSION_H

#include "base/error.h"
#include "base/random.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* The settings and the time that an operation uses. */
struct session_settings {
    const char *key, *previous_key; /* JWT_SECRET_KEY; the previous one may be empty */
    int64_t now_ms;
    int64_t refresh_ms;  /* lifetime of a refresh token */
    int64_t lifetime_ms; /* maximum lifetime of a session */
};

/* The origin of a login or refresh. */
struct session_client {
    const char *address, *device; /* address; the header User-Agent */
};

struct session {
    char id[RANDOM_ID_SIZE];
    const char *subject;  /* subject of the session's access tokens */
    int64_t account_id;   /* 0: not an account */
    const char *username; /* current name of the subject */
    int64_t epoch;        /* current epoch of the subject's credentials */
    bool administrator;   /* the subject is now an administrator of the directory */
    /* of a new session: SIDs of the subject and its groups to which delegations give rights, each
     * with a space on both sides; NULL: none */
    const char *principals;
    int64_t expires_ms; /* end of the maximum lifetime */
    const char *refresh_token;
};

/* Inside store_write(): begins a session, whose subject, account, username, epoch and rights are
 * set. Sets the other members. */
struct error *session_begin(struct store *store, struct arena *arena,
                            const struct session_settings *terms,
                            const struct session_client *client,
                            struct session *session) MUST_CHECK;

/* Reads the stored session of a refresh token, without consuming the token. ERR_INVALID_TOKEN if
 * the token is unknown. */
struct error *session_find(struct store *store, struct arena *arena,
                           const struct session_settings *terms, const char *token,
                           struct session *session_r) MUST_CHECK;

/* The outcome of a refresh that the caller reports. */
struct session_outcome {
    bool reused; /* the token had been replaced: the session was ended */
};

/*
 * Replaces a refresh token by its successor. The session's username, epoch and rights are set to
 * the current values; sets the other members. ERR_TOKEN_EXPIRED if the token has expired.
 * ERR_INVALID_TOKEN, with the reason as its cause, if the token is unknown or was replaced, if the
 * session has ended, or if the epoch of the session has changed, which ends the session.
 */
struct error *session_refresh(struct store *store, struct arena *arena,
                              const struct session_settings *terms,
                              const struct session_client *client, const char *token,
                              struct session *session,
                              struct session_outcome *outcome_r) MUST_CHECK;

/* Continues a session whose id, subject, username, epoch and rights are set, without a refresh
 * token. ERR_INVALID_TOKEN for the same reasons as session_refresh(). */
struct error *session_renew(struct store *store, struct arena *arena,
                            const struct session_settings *terms,
                            const struct session_client *client,
                            struct session *session) MUST_CHECK;

/* Reads a live session by id and subject: its epoch, rights and end. ERR_INVALID_TOKEN if it is
 * not alive. */
struct error *session_check(struct store *store, struct arena *arena, const char *id,
                            const char *subject, int64_t now_ms,
                            struct session *session_r) MUST_CHECK;

/* Inside store_write(): end one session, or all sessions of an account, of a subject, or of all
 * users. Add the number of sessions that were alive to *count. */
struct error *session_end(struct store *store, struct arena *arena, const char *id, int64_t now_ms,
                          int64_t *count) MUST_CHECK;
struct error *session_end_account(struct store *store, struct arena *arena, int64_t account_id,
                                  int64_t now_ms, int64_t *count) MUST_CHECK;
struct error *session_end_subject(struct store *store, struct arena *arena, const char *subject,
                                  int64_t now_ms, int64_t *count) MUST_CHECK;
struct error *session_end_all(struct store *store, struct arena *arena, int64_t now_ms,
                              int64_t *count) MUST_CHECK;

/* Ends the sessions with that subject or user name; letter case of the name is ignored. */
struct error *session_end_by_name(struct store *store, struct arena *arena, const char *name,
                                  int64_t now_ms, int64_t *count) MUST_CHECK;

/* Ends the sessions of a directory user that are older than the password (`epoch`), or were
 * opened with administrator rights that the user no longer has. */
struct error *session_end_outdated(struct store *store, struct arena *arena, const char *subject,
                                   int64_t epoch, bool administrator, int64_t now_ms,
                                   int64_t *count) MUST_CHECK;

/* Ends the sessions of a directory user that have one of the principals `lost`, and sets the
 * principals of the user's other sessions. `lost` is an array of SIDs that ends with NULL. */
struct error *session_set_principals(struct store *store, struct arena *arena, const char *subject,
                                     const char *principals, const char *const *lost,
                                     int64_t now_ms, int64_t *count) MUST_CHECK;

/* Ends the local administrator's sessions that have another subject or epoch, and all sessions
 * whose last tokens were issued under neither the current nor the previous key. */
struct error *session_end_unconfigured(struct store *store, struct arena *arena,
                                       const struct session_settings *terms, const char *subject,
                                       int64_t epoch, int64_t *count) MUST_CHECK;

/* Converts a session id to its stored form of RANDOM_ID_BYTES bytes, for queries. Returns false if
 * the text is not a session id. */
bool session_id_bytes(const char *id, unsigned char *bytes) MUST_CHECK;

#endif
