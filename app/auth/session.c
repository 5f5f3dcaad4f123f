/* See session.h. */
#include "auth/session.h"

#include "auth/digest.h"
#include "base/arena.h"

#include <string.h>

enum {
    GRACE_MS = 10 * 1000, /* two tabs of one browser may come with the same token */
    TOKEN_BYTES = 32,
    HEX_BASE = 16,
};

/* --- forms ----------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool session_id_bytes(const char *id, unsigned char *bytes)
{
    for (size_t i = 0; i < RANDOM_ID_BYTES; i++) {
        int high = hex_digit(id[2 * i]);
        int low = high < 0 ? -1 : hex_digit(id[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        bytes[i] = (unsigned char)(high * HEX_BASE + low);
    }
    return !id[RANDOM_ID_SIZE - 1];
}

/* --- tokens ---------------------------------------------------------------------------------- */

/* A further token of the family. */
static struct error *add_token(struct store *store, struct arena *arena, struct session *session,
                               int64_t now_ms, int64_t lifetime_ms)
{
    unsigned char *family = arena_alloc(arena, RANDOM_ID_BYTES);
    if (!session_id_bytes(session->id, family)) {
        return error_new(arena, ERR_INTERNAL, "not a session's id");
    }
    session->refresh_token = random_hex(arena, TOKEN_BYTES);
    const unsigned char *digest =
        digest_of(arena, session->refresh_token, strlen(session->refresh_token));
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_INSERT);
    if (session->account_id) {
        store_bind_integer(query, session->account_id);
    } else {
        store_bind_null(query);
    }
    store_bind_text(query, session->subject);
    store_bind_bytes(query, family, RANDOM_ID_BYTES);
    store_bind_bytes(query, digest, DIGEST_SIZE);
    store_bind_integer(query, now_ms);
    store_bind_integer(query, now_ms + lifetime_ms);
    return store_execute(query);
}

struct error *session_begin(struct store *store, struct arena *arena, struct session *session,
                            int64_t now_ms, int64_t lifetime_ms)
{
    random_id(session->id);
    return add_token(store, arena, session, now_ms, lifetime_ms);
}

/* --- refreshing ------------------------------------------------------------------------------ */

/* One row of sessions. */
struct token_row {
    int64_t id, expires_ms, replaced_ms; /* 0: not replaced */
    bool revoked;
};

struct refreshing {
    struct arena *arena;
    const char *token;
    int64_t now_ms, lifetime_ms;
    struct session *session;
    enum error_id refusal; /* ERR_COUNT: none. Not an error of the write: what it does must stay */
    const char *reason;
};

static struct error *read_token(struct store *store, const struct refreshing *work,
                                enum sql_statement statement, struct token_row *row_r,
                                bool *found_r)
{
    const unsigned char *digest = digest_of(work->arena, work->token, strlen(work->token));
    struct session *session = work->session;
    size_t length;
    struct store_query *query = store_query(store, work->arena, statement);
    store_bind_bytes(query, digest, DIGEST_SIZE);
    struct error *error = store_next(query, found_r);
    if (error || !*found_r) {
        return error;
    }
    *row_r = (struct token_row){
        .id = store_integer(query, 0),
        .expires_ms = store_integer(query, 4),
        .replaced_ms = store_integer(query, 5),
        .revoked = !store_is_null(query, 6),
    };
    session->account_id = store_integer(query, 1);
    session->subject = arena_string(work->arena, store_text(query, 2, NULL));
    const unsigned char *family = store_bytes(query, 3, &length);
    random_format(family, length, session->id);
    bool more;
    return store_next(query, &more);
}

static struct error *refuse(struct refreshing *work, enum error_id id, const char *reason)
{
    work->refusal = id;
    work->reason = reason;
    return NULL;
}

static struct error *replace_token(struct store *store, struct refreshing *work, int64_t row_id)
{
    struct store_query *query = store_query(store, work->arena, SQL_SESSIONS_REPLACE);
    store_bind_integer(query, row_id);
    store_bind_integer(query, work->now_ms);
    struct error *error = store_execute(query);
    return error ? error
                 : add_token(store, work->arena, work->session, work->now_ms, work->lifetime_ms);
}

static struct error *refresh(struct store *store, void *context)
{
    struct refreshing *work = context;
    struct token_row row = {0};
    bool found = false;
    work->refusal = ERR_COUNT;
    struct error *error = read_token(store, work, SQL_SESSIONS_LOCK_BY_DIGEST, &row, &found);
    if (error) {
        return error;
    }
    if (!found) {
        return refuse(work, ERR_INVALID_TOKEN, "unknown refresh token");
    }
    if (row.revoked) {
        return refuse(work, ERR_INVALID_TOKEN, "the session has ended");
    }
    if (row.expires_ms <= work->now_ms) {
        return refuse(work, ERR_TOKEN_EXPIRED, "the refresh token has expired");
    }
    if (!row.replaced_ms) {
        return replace_token(store, work, row.id);
    }
    if (work->now_ms - row.replaced_ms <= GRACE_MS) {
        return add_token(store, work->arena, work->session, work->now_ms, work->lifetime_ms);
    }
    error = session_end(store, work->arena, work->session->id, work->now_ms);
    return error ? error
                 : refuse(work, ERR_INVALID_TOKEN,
                          "a replaced refresh token was used again: the session is ended");
}

struct error *session_refresh(struct store *store, struct arena *arena, const char *token,
                              int64_t now_ms, int64_t lifetime_ms, struct session *session_r)
{
    struct refreshing work = {
        .arena = arena,
        .token = token,
        .now_ms = now_ms,
        .lifetime_ms = lifetime_ms,
        .session = session_r,
    };
    struct error *error = store_write(store, arena, refresh, &work);
    if (error) {
        return error;
    }
    return work.refusal == ERR_COUNT ? NULL : error_new(arena, work.refusal, "%s", work.reason);
}

struct error *session_subject(struct store *store, struct arena *arena, const char *token,
                              const char **subject_r)
{
    struct session session;
    struct refreshing work = {.arena = arena, .token = token, .session = &session};
    struct token_row row;
    bool found = false;
    struct error *error = read_token(store, &work, SQL_SESSIONS_BY_DIGEST, &row, &found);
    if (error || !found) {
        return error ? error : error_new(arena, ERR_INVALID_TOKEN, "unknown refresh token");
    }
    *subject_r = session.subject;
    return NULL;
}

/* Whether no token of the family was revoked, and there is one. */
static struct error *check_alive(struct store *store, struct arena *arena,
                                 const unsigned char *family)
{
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_STATE);
    bool row;
    store_bind_bytes(query, family, RANDOM_ID_BYTES);
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    bool alive = store_integer(query, 0) && !store_integer(query, 1);
    error = store_next(query, &row);
    return error || alive ? error : error_new(arena, ERR_INVALID_TOKEN, "the session has ended");
}

static struct error *extend(struct store *store, void *context)
{
    struct refreshing *work = context;
    unsigned char *family = arena_alloc(work->arena, RANDOM_ID_BYTES);
    if (!session_id_bytes(work->session->id, family)) {
        return error_new(work->arena, ERR_INVALID_TOKEN, "no session");
    }
    struct error *error = check_alive(store, work->arena, family);
    return error ? error
                 : add_token(store, work->arena, work->session, work->now_ms, work->lifetime_ms);
}

struct error *session_extend(struct store *store, struct arena *arena, const char *id,
                             int64_t now_ms, int64_t lifetime_ms, struct session *session)
{
    struct refreshing work = {
        .arena = arena,
        .now_ms = now_ms,
        .lifetime_ms = lifetime_ms,
        .session = session,
    };
    if (!id || strlen(id) != RANDOM_ID_SIZE - 1) {
        return error_new(arena, ERR_INVALID_TOKEN, "no session");
    }
    memcpy(session->id, id, RANDOM_ID_SIZE);
    return store_write(store, arena, extend, &work);
}

/* --- ending ---------------------------------------------------------------------------------- */

struct error *session_end(struct store *store, struct arena *arena, const char *id, int64_t now_ms)
{
    unsigned char *family = arena_alloc(arena, RANDOM_ID_BYTES);
    if (!session_id_bytes(id, family)) {
        return NULL;
    }
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_REVOKE_FAMILY);
    store_bind_bytes(query, family, RANDOM_ID_BYTES);
    store_bind_integer(query, now_ms);
    return store_execute(query);
}

struct error *session_end_others(struct store *store, struct arena *arena, const char *id,
                                 int64_t account_id, int64_t now_ms)
{
    unsigned char *family = arena_alloc(arena, RANDOM_ID_BYTES);
    if (id && !session_id_bytes(id, family)) {
        return NULL;
    }
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_REVOKE_OTHERS);
    store_bind_integer(query, account_id);
    store_bind_bytes(query, family, id ? RANDOM_ID_BYTES : 0);
    store_bind_integer(query, now_ms);
    return store_execute(query);
}
