/* See idempotency.h. */
#include "rest/idempotency.h"

#include "auth/digest.h"
#include "auth/principal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "http/problem.h"
#include "rest/app.h"
#include "store/store.h"

#include <inttypes.h>
#include <string.h>

enum {
    KEY_MAX = 255,
    STATUS_ERROR = 400,
    RUNNING_MS = 600 * 1000, /* greater than the time of any request: nginx's timeout is 120 s */
};

/* --- the request ------------------------------------------------------------------------------ */

/* True if the key consists of visible ASCII characters, as in tokens and strings of structured
 * fields (RFC 9651). */
static bool is_valid_key(const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < length; i++) {
        if (key[i] < '!' || key[i] > '~') {
            return false;
        }
    }
    return length && length <= KEY_MAX;
}

/* Digests the parts of a request that a repetition must share: method, URI, organization and body.
 * The digest is keyed, because the body may contain a password: an attacker who has read the
 * database must not be able to verify guesses. */
static const unsigned char *digest_request(const struct request *request, const struct buffer *body)
{
    struct buffer text = {.arena = request->arena};
    buffer_format(&text, "%s %s %" PRId64 "\n", request->headers.method, request->headers.uri,
                  request->principal ? app_principal(request)->organization_id : 0);
    buffer_add(&text, body->length ? body->bytes : "", body->length);
    return digest_hmac(request->arena, app_of(request)->config->secret_key, text.bytes,
                       text.length);
}

/* --- stored responses: header fields, an empty line, the body --------------------------------- */

static struct buffer format_stored_response(struct arena *arena, const struct reply *reply)
{
    struct buffer response = {.arena = arena};
    for (size_t i = 0; i < reply->headers_count; i++) {
        buffer_format(&response, "%s: %s\n", reply->headers[i].name, reply->headers[i].value);
    }
    buffer_add_char(&response, '\n');
    if (reply->body.length) {
        buffer_add(&response, reply->body.bytes, reply->body.length);
    }
    return response;
}

static void parse_stored_response(struct arena *arena, const char *response, size_t length,
                                  struct reply *reply)
{
    char *at = arena_copy(arena, response, length);
    const char *end = at + length;
    while (at < end && *at != '\n') {
        char *colon = strstr(at, ": ");
        char *line_end = strchr(at, '\n');
        if (!colon || !line_end || colon > line_end) {
            return;
        }
        *colon = *line_end = '\0';
        reply_header(reply, at, colon + 2);
        at = line_end + 1;
    }
    if (at < end) {
        reply->body = (struct buffer){.arena = arena};
        buffer_add(&reply->body, at + 1, (size_t)(end - at - 1));
    }
}

/* --- before the handler ----------------------------------------------------------------------- */

struct reservation {
    const struct request *request;
    struct reply *reply;
    const unsigned char *digest;
};

/* Begins a query with the principal and the key of the request as its first parameters. */
static struct store_query *begin_key_query(struct store *store, const struct request *request,
                                           enum sql_statement statement)
{
    struct store_query *query = store_query(store, request->arena, statement);
    store_bind_text(query, app_principal(request)->id);
    store_bind_text(query, request->headers.idempotency_key);
    return query;
}

/* Replies with the response to the first request with this key. ERR_IDEMPOTENCY_MISMATCH if that
 * was a different request; ERR_IDEMPOTENCY_PENDING or ERR_OUTCOME_UNKNOWN if it has no response
 * yet. */
static struct error *reply_with_first_response(struct store *store,
                                               const struct reservation *reservation)
{
    const struct request *request = reservation->request;
    struct store_query *query = begin_key_query(store, request, SQL_IDEMPOTENCY_KEYS_GET);
    bool row;
    size_t length;
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    const void *digest =
        row ? store_bytes(query, SQL_IDEMPOTENCY_KEYS_GET_REQUEST_DIGEST, &length) : NULL;
    if (digest && (length != DIGEST_SIZE || memcmp(digest, reservation->digest, length) != 0)) {
        return error_new(request->arena, ERR_IDEMPOTENCY_MISMATCH, NULL);
    }
    if (!digest || store_is_null(query, SQL_IDEMPOTENCY_KEYS_GET_STATUS)) {
        bool crashed = digest && store_integer(query, SQL_IDEMPOTENCY_KEYS_GET_CREATED_AT) <=
                                     clock_wall_ms() - RUNNING_MS;
        return crashed ? error_new(request->arena, ERR_OUTCOME_UNKNOWN,
                                   "the first request ended without a response")
                       : error_new(request->arena, ERR_IDEMPOTENCY_PENDING, NULL);
    }
    reservation->reply->status = (int)store_integer(query, SQL_IDEMPOTENCY_KEYS_GET_STATUS);
    const char *response = store_bytes(query, SQL_IDEMPOTENCY_KEYS_GET_ANSWER, &length);
    parse_stored_response(request->arena, response, length, reservation->reply);
    if (reservation->reply->status >= STATUS_ERROR) {
        problem_replace_request_id(&reservation->reply->body, request->id);
    }
    return store_next(query, &row);
}

/* Reserves the key for this request. If it is already reserved, replies with the first response. */
static struct error *reserve_key(struct store *store, void *context)
{
    const struct reservation *reservation = context;
    const struct request *request = reservation->request;
    int64_t now = clock_wall_ms();
    *reservation->reply = (struct reply){0};
    struct store_query *query = begin_key_query(store, request, SQL_IDEMPOTENCY_KEYS_EXPIRE);
    store_bind_integer(query, now - IDEMPOTENCY_KEPT_MS);
    struct error *error = store_execute(query);
    if (error) {
        return error;
    }
    query = begin_key_query(store, request, SQL_IDEMPOTENCY_KEYS_RESERVE);
    store_bind_bytes(query, reservation->digest, DIGEST_SIZE);
    store_bind_integer(query, now);
    error = store_execute(query);
    return error || store_changes(query) == 1 ? error
                                              : reply_with_first_response(store, reservation);
}

/* True if the response to the request is stored. Responses with a secret are not stored. Neither
 * are those to a POST that is not audited, because it only reads: a stored response could be
 * outdated. */
static bool uses_idempotency_key(const struct request *request)
{
    const struct route *route = request->route;
    return request->method == METHOD_POST && route->action && !route->secret &&
           request->principal && *request->headers.idempotency_key;
}

static struct error *replay_or_reserve_key(struct request *request, const struct buffer *body,
                                           struct reply *reply)
{
    struct store *store = app_of(request)->store;
    const struct reservation reservation = {request, reply, digest_request(request, body)};
    if (!uses_idempotency_key(request)) {
        return NULL;
    }
    if (!is_valid_key(request->headers.idempotency_key)) {
        return error_field(request->arena, "Idempotency-Key", FAULT_NOT_KEY, NULL);
    }
    struct error *error = store_write(store, request->arena, reserve_key, (void *)&reservation);
    if (!error && request->route->pool != POOL_CORE) {
        error = store_group_commit(store, request->arena);
    }
    return error;
}

/* --- after the handler ------------------------------------------------------------------------ */

struct completion {
    const struct request *request;
    const struct reply *reply;
    const struct error *error;
};

static struct error *store_response(struct store *store, void *context)
{
    const struct completion *completion = context;
    const struct request *request = completion->request;
    if (completion->error && !error_may_follow_change(completion->error)) {
        return store_execute(begin_key_query(store, request, SQL_IDEMPOTENCY_KEYS_RELEASE));
    }
    struct buffer response = format_stored_response(request->arena, completion->reply);
    struct store_query *query = begin_key_query(store, request, SQL_IDEMPOTENCY_KEYS_ANSWER);
    store_bind_integer(query, completion->reply->status);
    store_bind_bytes(query, response.bytes, response.length);
    return store_execute(query);
}

static void store_or_release_key(struct request *request, const struct reply *reply,
                                 const struct error *error)
{
    struct completion completion = {request, reply, error};
    if (!uses_idempotency_key(request)) {
        return;
    }
    struct store *store = app_of(request)->store;
    /* Without an open transaction, the change is already durable, or was made in the directory.
     * Then the response is committed alone, so that a failure of that commit neither rolls back the
     * change nor replaces its response. */
    bool commit_alone = request->route->pool == POOL_DIRECTORY || !store_group_open(store);
    struct error *failure = store_write(store, request->arena, store_response, &completion);
    if (commit_alone) {
        struct error *ending = store_group_commit(store, request->arena);
        failure = failure ? failure : ending;
    }
    if (failure) { /* the change remains; a repetition gets ERR_OUTCOME_UNKNOWN */
        log_warning("idempotency: cannot store a response: %s", failure->cause);
    }
}

const struct router_idempotency idempotency = {replay_or_reserve_key, store_or_release_key};
