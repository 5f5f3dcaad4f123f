/* See session.h. */
#include "auth/session.h"

#include "auth/digest.h"
#include "auth/principal.h"
#include "auth/session_cache.h"
#include "base/arena.h"
#include "base/fold.h"

#include <stdlib.h>
#include <string.h>

enum {
    GRACE_MS = 10 * 1000, /* time within which a refresh may be repeated */
    TOKEN_BYTES = DIGEST_SIZE,
    DEVICE_MAX = 200, /* maximum number of characters of the stored User-Agent */
    HEX_BASE = 16,
};

/* --- stored values --------------------------------------------------------------------------- */

static int parse_lower_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool session_id_bytes(const char *id, unsigned char *bytes)
{
    for (size_t i = 0; i < RANDOM_ID_BYTES; i++) {
        int high = parse_lower_hex(id[2 * i]);
        int low = high < 0 ? -1 : parse_lower_hex(id[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        bytes[i] = (unsigned char)(high * HEX_BASE + low);
    }
    return !id[RANDOM_ID_SIZE - 1];
}

/* Returns the stored form of a session id; NULL if the text is not one. */
static const unsigned char *id_bytes(struct arena *arena, const char *id)
{
    unsigned char *bytes = arena_alloc(arena, RANDOM_ID_BYTES);
    return id && session_id_bytes(id, bytes) ? bytes : NULL;
}

/* Returns the User-Agent as it is stored: truncated, in printable ASCII. */
static const char *device_of(struct arena *arena, const char *user_agent)
{
    char *device = arena_copy(arena, user_agent, strnlen(user_agent, DEVICE_MAX));
    for (char *c = device; *c; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
    return device;
}

/* Returns a number that identifies a key without revealing it; 0 for no key. */
static int64_t key_id(struct arena *arena, const char *key)
{
    static const char purpose[] = "kontora key id";
    int64_t id;
    if (!key || !*key) {
        return 0;
    }
    memcpy(&id, digest_hmac(arena, key, purpose, sizeof purpose - 1), sizeof id);
    return id & INT64_MAX;
}

/* --- refresh tokens -------------------------------------------------------------------------- */

static const unsigned char *token_digest(struct arena *arena, const char *key, const char *token)
{
    return digest_hmac(arena, key, token, strlen(token));
}

/* Returns the successor of a refresh token. The prefix of the HMAC's input makes it differ from the
 * token's digest, which is stored. */
static const char *successor_of(struct arena *arena, const char *key, const char *token)
{
    const char *text = arena_format(arena, "successor of %s", token);
    char *successor = arena_alloc(arena, 2 * TOKEN_BYTES + 1);
    random_format_hex(digest_hmac(arena, key, text, strlen(text)), TOKEN_BYTES, successor);
    return successor;
}

/* Inserts the live refresh token of a session. */
static struct error *insert_refresh_token(struct store *store, struct arena *arena,
                                          const struct session_settings *terms,
                                          const struct session *session)
{
    int64_t expires_ms = terms->now_ms + terms->refresh_ms;
    struct store_query *query = store_query(store, arena, SQL_REFRESH_TOKENS_INSERT);
    store_bind_bytes(query, token_digest(arena, terms->key, session->refresh_token), DIGEST_SIZE);
    store_bind_bytes(query, id_bytes(arena, session->id), RANDOM_ID_BYTES);
    store_bind_integer(query, terms->now_ms);
    store_bind_integer(query, expires_ms < session->expires_ms ? expires_ms : session->expires_ms);
    return store_execute(query);
}

struct error *session_begin(struct store *store, struct arena *arena,
                            const struct session_settings *terms,
                            const struct session_client *client, struct session *session)
{
    random_id(session->id);
    session->refresh_token = random_hex(arena, TOKEN_BYTES);
    session->expires_ms = terms->now_ms + terms->lifetime_ms;
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_INSERT);
    store_bind_bytes(query, id_bytes(arena, session->id), RANDOM_ID_BYTES);
    store_bind_text(query, session->subject);
    if (session->account_id) {
        store_bind_integer(query, session->account_id);
    } else {
        store_bind_null(query);
    }
    store_bind_text(query, session->username);
    store_bind_text(query, fold_address(arena, session->username));
    store_bind_integer(query, session->epoch);
    store_bind_integer(query, session->administrator);
    store_bind_integer(query, key_id(arena, terms->key));
    store_bind_text(query, client->address);
    store_bind_text(query, device_of(arena, client->device));
    store_bind_integer(query, terms->now_ms);
    store_bind_integer(query, session->expires_ms);
    store_bind_text(query, session->principals ? session->principals : "");
    struct error *error = store_execute(query);
    return error ? error : insert_refresh_token(store, arena, terms, session);
}

/* A row of refresh_tokens with its session. */
struct token_row {
    const unsigned char *digest;
    int64_t expires_ms, replaced_ms; /* replaced_ms: 0 if the token is live */
    struct session session;
    bool ended;
};

static struct error *read_by_digest(struct store *store, struct arena *arena,
                                    enum sql_statement statement, struct token_row *row,
                                    bool *found_r)
{
    struct store_query *query = store_query(store, arena, statement);
    store_bind_bytes(query, row->digest, DIGEST_SIZE);
    struct error *error = store_next(query, found_r);
    if (error || !*found_r) {
        return error;
    }
    size_t length;
    const unsigned char *id = store_bytes(query, SQL_REFRESH_TOKENS_BY_DIGEST_SESSION_ID, &length);
    random_format_hex(id, length, row->session.id);
    row->expires_ms = store_integer(query, SQL_REFRESH_TOKENS_BY_DIGEST_EXPIRES_AT);
    row->replaced_ms = store_integer(query, SQL_REFRESH_TOKENS_BY_DIGEST_REPLACED_AT);
    row->session.subject =
        arena_string(arena, store_text(query, SQL_REFRESH_TOKENS_BY_DIGEST_SUBJECT, NULL));
    row->session.account_id = store_integer(query, SQL_REFRESH_TOKENS_BY_DIGEST_ACCOUNT_ID);
    row->session.epoch = store_integer(query, SQL_REFRESH_TOKENS_BY_DIGEST_EPOCH);
    row->session.administrator = store_integer(query, SQL_REFRESH_TOKENS_BY_DIGEST_ADMINISTRATOR);
    row->session.expires_ms = store_integer(query, SQL_REFRESH_TOKENS_BY_DIGEST_SESSION_EXPIRES_AT);
    row->ended = !store_is_null(query, SQL_REFRESH_TOKENS_BY_DIGEST_ENDED_AT);
    bool more;
    return store_next(query, &more);
}

/* Finds a refresh token by its digest under the current key, or else under the previous one. */
static struct error *find_refresh_token(struct store *store, struct arena *arena,
                                        const struct session_settings *terms, const char *token,
                                        enum sql_statement statement, struct token_row *row_r,
                                        bool *found_r)
{
    *row_r = (struct token_row){.digest = token_digest(arena, terms->key, token)};
    struct error *error = read_by_digest(store, arena, statement, row_r, found_r);
    if (error || *found_r || !terms->previous_key || !*terms->previous_key) {
        return error;
    }
    row_r->digest = token_digest(arena, terms->previous_key, token);
    return read_by_digest(store, arena, statement, row_r, found_r);
}

struct error *session_find(struct store *store, struct arena *arena,
                           const struct session_settings *terms, const char *token,
                           struct session *session_r)
{
    struct token_row row;
    bool found;
    struct error *error =
        find_refresh_token(store, arena, terms, token, SQL_REFRESH_TOKENS_BY_DIGEST, &row, &found);
    if (error) {
        return error;
    }
    if (!found) {
        return error_new(arena, ERR_INVALID_TOKEN, "unknown refresh token");
    }
    *session_r = row.session;
    return NULL;
}

/* --- refreshing sessions --------------------------------------------------------------------- */

/* The context of the transaction of a refresh or renewal. */
struct refreshing {
    struct arena *arena;
    const struct session_settings *terms;
    const struct session_client *client;
    const char *token;
    struct session *session;
    struct session_outcome outcome;
    enum error_id rejection; /* ERR_COUNT: none */
    const char *reason;      /* reason of the rejection */
};

/* Rejects the request. Returns no error, so that the transaction is committed: it may have ended
 * the session. */
static struct error *reject_refresh(struct refreshing *work, enum error_id id, const char *reason)
{
    work->rejection = id;
    work->reason = reason;
    return NULL;
}

static struct error *reject_and_end_session(struct store *store, struct refreshing *work,
                                            const char *reason)
{
    int64_t count = 0;
    struct error *error =
        session_end(store, work->arena, work->session->id, work->terms->now_ms, &count);
    return error ? error : reject_refresh(work, ERR_INVALID_TOKEN, reason);
}

/* Returns the reason why the session is outdated; NULL if it is not. A directory user's epoch may
 * be lower than that of the session: it was then read from a domain controller to which the new
 * password has not been replicated yet. */
static const char *find_outdated_reason(const struct session *stored, const struct session *now)
{
    bool is_directory = principal_guid(stored->subject);
    if (is_directory ? now->epoch > stored->epoch : now->epoch != stored->epoch) {
        return "the password was changed after the login";
    }
    return stored->administrator && !now->administrator
               ? "the user is no longer an administrator of the directory"
               : NULL;
}

/* Records the use of the session, with the subject's current name and rights. */
static struct error *record_session_use(struct store *store, const struct refreshing *work)
{
    const struct session *session = work->session;
    struct store_query *query = store_query(store, work->arena, SQL_SESSIONS_RENEW);
    store_bind_bytes(query, id_bytes(work->arena, session->id), RANDOM_ID_BYTES);
    store_bind_text(query, session->username);
    store_bind_text(query, fold_address(work->arena, session->username));
    store_bind_integer(query, session->administrator);
    store_bind_integer(query, key_id(work->arena, work->terms->key));
    store_bind_text(query, work->client->address);
    store_bind_text(query, device_of(work->arena, work->client->device));
    store_bind_integer(query, work->terms->now_ms);
    return store_execute(query);
}

static struct error *replace_token(struct store *store, struct refreshing *work,
                                   const struct token_row *row)
{
    struct store_query *query = store_query(store, work->arena, SQL_REFRESH_TOKENS_REPLACE);
    store_bind_bytes(query, row->digest, DIGEST_SIZE);
    store_bind_integer(query, work->terms->now_ms);
    struct error *error = store_execute(query);
    if (error) {
        return error;
    }
    work->session->refresh_token = successor_of(work->arena, work->terms->key, work->token);
    error = insert_refresh_token(store, work->arena, work->terms, work->session);
    return error ? error : record_session_use(store, work);
}

/* Sets session->refresh_token to the successor of a replaced token, if that is the live token of
 * the session; otherwise to NULL. The successor was derived with the current key, or with the
 * previous one if the key has changed since. */
static struct error *find_successor(struct store *store, struct refreshing *work)
{
    const char *keys[] = {work->terms->key, work->terms->previous_key};
    struct error *error = NULL;
    bool found = false;
    work->session->refresh_token = NULL;
    for (size_t i = 0; !error && !found && i < 2 && keys[i] && *keys[i]; i++) {
        const char *successor = successor_of(work->arena, keys[i], work->token);
        struct store_query *query = store_query(store, work->arena, SQL_REFRESH_TOKENS_LIVE);
        store_bind_bytes(query, token_digest(work->arena, keys[i], successor), DIGEST_SIZE);
        store_bind_bytes(query, id_bytes(work->arena, work->session->id), RANDOM_ID_BYTES);
        error = store_next(query, &found);
        store_end(query);
        work->session->refresh_token = found ? successor : NULL;
    }
    return error;
}

/* Handles a token that was already replaced: returns the successor again within the grace period,
 * and ends the session otherwise. The period is compared in both directions, because the clocks of
 * two hosts may differ, and a clock that was set back must not prolong it. */
static struct error *repeat_refresh(struct store *store, struct refreshing *work,
                                    const struct token_row *row)
{
    if (llabs(work->terms->now_ms - row->replaced_ms) <= GRACE_MS) {
        struct error *error = find_successor(store, work);
        if (error || work->session->refresh_token) {
            return error;
        }
    }
    work->outcome.reused = true;
    return reject_and_end_session(store, work,
                                  "a replaced refresh token was used again: the session was ended");
}

static struct error *refresh_session(struct store *store, void *context)
{
    struct refreshing *work = context;
    struct session *session = work->session;
    struct token_row row;
    bool found;
    work->rejection = ERR_COUNT;
    work->outcome = (struct session_outcome){0};
    session->refresh_token = NULL;
    struct error *error = find_refresh_token(store, work->arena, work->terms, work->token,
                                             SQL_REFRESH_TOKENS_LOCK_BY_DIGEST, &row, &found);
    if (error) {
        return error;
    }
    if (!found || strcmp(row.session.subject, session->subject) != 0) {
        return reject_refresh(work, ERR_INVALID_TOKEN, "unknown refresh token");
    }
    memcpy(session->id, row.session.id, sizeof session->id);
    session->expires_ms = row.session.expires_ms;
    if (row.ended) {
        return reject_refresh(work, ERR_INVALID_TOKEN, "the session has ended");
    }
    if (row.expires_ms <= work->terms->now_ms || row.session.expires_ms <= work->terms->now_ms) {
        return reject_refresh(work, ERR_TOKEN_EXPIRED, "the refresh token has expired");
    }
    const char *reason = find_outdated_reason(&row.session, session);
    return reason            ? reject_and_end_session(store, work, reason)
           : row.replaced_ms ? repeat_refresh(store, work, &row)
                             : replace_token(store, work, &row);
}

static struct error *rejection_error(const struct refreshing *work)
{
    return work->rejection == ERR_COUNT
               ? NULL
               : error_new(work->arena, work->rejection, "%s", work->reason);
}

struct error *session_refresh(struct store *store, struct arena *arena,
                              const struct session_settings *terms,
                              const struct session_client *client, const char *token,
                              struct session *session, struct session_outcome *outcome_r)
{
    struct refreshing work = {
        .arena = arena, .terms = terms, .client = client, .token = token, .session = session};
    struct error *error = store_write(store, arena, refresh_session, &work);
    outcome_r->reused = !error && work.outcome.reused;
    return error ? error : rejection_error(&work);
}

/* Reads a session by id and subject, if it is alive. */
static struct error *read_live_session(struct store *store, struct arena *arena,
                                       enum sql_statement statement, int64_t now_ms,
                                       struct session *session, bool *found_r)
{
    const unsigned char *id = id_bytes(arena, session->id);
    *found_r = false;
    if (!id) {
        return NULL;
    }
    struct store_query *query = store_query(store, arena, statement);
    store_bind_bytes(query, id, RANDOM_ID_BYTES);
    store_bind_text(query, session->subject);
    store_bind_integer(query, now_ms);
    struct error *error = store_next(query, found_r);
    if (error || !*found_r) {
        return error;
    }
    session->epoch = store_integer(query, SQL_SESSIONS_ALIVE_EPOCH);
    session->administrator = store_integer(query, SQL_SESSIONS_ALIVE_ADMINISTRATOR);
    session->expires_ms = store_integer(query, SQL_SESSIONS_ALIVE_EXPIRES_AT);
    bool more;
    return store_next(query, &more);
}

static struct error *renew_session(struct store *store, void *context)
{
    struct refreshing *work = context;
    struct session stored = *work->session;
    bool found;
    work->rejection = ERR_COUNT;
    struct error *error = read_live_session(store, work->arena, SQL_SESSIONS_LOCK_ALIVE,
                                            work->terms->now_ms, &stored, &found);
    if (error) {
        return error;
    }
    if (!found) {
        return reject_refresh(work, ERR_INVALID_TOKEN, "the session has ended");
    }
    work->session->expires_ms = stored.expires_ms;
    const char *reason = find_outdated_reason(&stored, work->session);
    return reason ? reject_and_end_session(store, work, reason) : record_session_use(store, work);
}

struct error *session_renew(struct store *store, struct arena *arena,
                            const struct session_settings *terms,
                            const struct session_client *client, struct session *session)
{
    struct refreshing work = {.arena = arena, .terms = terms, .client = client, .session = session};
    struct error *error = store_write(store, arena, renew_session, &work);
    return error ? error : rejection_error(&work);
}

struct error *session_check(struct store *store, struct arena *arena, const char *id,
                            const char *subject, int64_t now_ms, struct session *session_r)
{
    bool found;
    *session_r = (struct session){.subject = subject};
    memccpy(session_r->id, id, '\0', sizeof session_r->id);
    struct error *error =
        read_live_session(store, arena, SQL_SESSIONS_ALIVE, now_ms, session_r, &found);
    return error || found ? error : error_new(arena, ERR_INVALID_TOKEN, "the session has ended");
}

/* --- ending sessions ------------------------------------------------------------------------- */

static struct error *execute_end(struct store_query *query, int64_t *count)
{
    struct error *error = store_execute(query);
    *count += error ? 0 : store_changes(query);
    return error;
}

struct error *session_end(struct store *store, struct arena *arena, const char *id, int64_t now_ms,
                          int64_t *count)
{
    const unsigned char *bytes = id_bytes(arena, id);
    if (!bytes) {
        return NULL;
    }
    session_cache_invalidate(bytes);
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_END);
    store_bind_integer(query, now_ms);
    store_bind_bytes(query, bytes, RANDOM_ID_BYTES);
    return execute_end(query, count);
}

/* The cache is not changed: it holds no sessions of accounts. */
struct error *session_end_account(struct store *store, struct arena *arena, int64_t account_id,
                                  int64_t now_ms, int64_t *count)
{
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_END_OF_ACCOUNT);
    store_bind_integer(query, now_ms);
    store_bind_integer(query, account_id);
    return execute_end(query, count);
}

struct error *session_end_subject(struct store *store, struct arena *arena, const char *subject,
                                  int64_t now_ms, int64_t *count)
{
    session_cache_invalidate_all();
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_END_OF_SUBJECT);
    store_bind_integer(query, now_ms);
    store_bind_text(query, subject);
    return execute_end(query, count);
}

struct error *session_end_all(struct store *store, struct arena *arena, int64_t now_ms,
                              int64_t *count)
{
    session_cache_invalidate_all();
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_END_ALL);
    store_bind_integer(query, now_ms);
    return execute_end(query, count);
}

struct error *session_end_by_name(struct store *store, struct arena *arena, const char *name,
                                  int64_t now_ms, int64_t *count)
{
    session_cache_invalidate_all();
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_END_NAMED);
    store_bind_integer(query, now_ms);
    store_bind_text(query, name);
    store_bind_text(query, fold_address(arena, name));
    return execute_end(query, count);
}

struct error *session_end_outdated(struct store *store, struct arena *arena, const char *subject,
                                   int64_t epoch, bool administrator, int64_t now_ms,
                                   int64_t *count)
{
    session_cache_invalidate_all();
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_END_OUTDATED);
    store_bind_integer(query, now_ms);
    store_bind_text(query, subject);
    store_bind_integer(query, epoch);
    store_bind_integer(query, administrator);
    return execute_end(query, count);
}

struct error *session_set_principals(struct store *store, struct arena *arena, const char *subject,
                                     const char *principals, const char *const *lost,
                                     int64_t now_ms, int64_t *count)
{
    struct error *error = NULL;
    if (*lost) {
        session_cache_invalidate_all();
    }
    for (; !error && *lost; lost++) {
        struct store_query *end = store_query(store, arena, SQL_SESSIONS_END_OF_PRINCIPAL);
        store_bind_integer(end, now_ms);
        store_bind_text(end, subject);
        store_bind_text(end, arena_format(arena, "%% %s %%", *lost));
        error = execute_end(end, count);
    }
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_SET_PRINCIPALS);
    store_bind_text(query, subject);
    store_bind_text(query, principals);
    return store_execute(query);
}

struct error *session_end_unconfigured(struct store *store, struct arena *arena,
                                       const struct session_settings *terms, const char *subject,
                                       int64_t epoch, int64_t *count)
{
    session_cache_invalidate_all();
    struct store_query *query = store_query(store, arena, SQL_SESSIONS_END_OF_OTHER_ADMINISTRATORS);
    store_bind_integer(query, terms->now_ms);
    store_bind_text(query, subject);
    store_bind_integer(query, epoch);
    struct error *error = execute_end(query, count);
    if (error) {
        return error;
    }
    query = store_query(store, arena, SQL_SESSIONS_END_OF_OTHER_KEYS);
    store_bind_integer(query, terms->now_ms);
    store_bind_integer(query, key_id(arena, terms->key));
    store_bind_integer(query, key_id(arena, terms->previous_key));
    return execute_end(query, count);
}
