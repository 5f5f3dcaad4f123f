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
    RUNNING_MS = 600 * 1000, /* longer than any request takes: nginx times out after 120 s */
};

/* --- the request ----------------------------------------------------------------------------- */

/* Visible characters, as tokens and strings of structured fields have them. */
static bool is_key(const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < length; i++) {
        if (key[i] < '!' || key[i] > '~') {
            return false;
        }
    }
    return length && length <= KEY_MAX;
}

/* Digests what must be equal for two requests to be the same. The body may hold a password, which
 * an attacker who has read the database must not be able to try: hence the key. */
static const unsigned char *digest_request(const struct request *request, const struct buffer *body)
{
    struct buffer text = {.arena = request->arena};
    buffer_format(&text, "%s %s %" PRId64 "\n", request->headers.method, request->headers.uri,
                  request->principal ? request->principal->organization_id : 0);
    buffer_add(&text, body->length ? body->bytes : "", body->length);
    return digest_keyed(request->arena, request->app->config->secret_key, text.bytes, text.length);
}

/* --- answers as they are kept: header fields, an empty line, the body ------------------------- */

static struct buffer write_answer(struct arena *arena, const struct reply *reply)
{
    struct buffer answer = {.arena = arena};
    for (size_t i = 0; i < reply->headers_count; i++) {
        buffer_format(&answer, "%s: %s\n", reply->headers[i].name, reply->headers[i].value);
    }
    buffer_add_char(&answer, '\n');
    if (reply->body.length) {
        buffer_add(&answer, reply->body.bytes, reply->body.length);
    }
    return answer;
}

static void read_answer(struct arena *arena, const char *answer, size_t length, struct reply *reply)
{
    char *at = arena_copy(arena, answer, length);
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

/* --- before ---------------------------------------------------------------------------------- */

struct reservation {
    const struct request *request;
    struct reply *reply;
    const unsigned char *digest;
};

/* A query about the request's key. */
static struct store_query *key_query(struct store *store, const struct request *request,
                                     enum sql_statement statement)
{
    struct store_query *query = store_query(store, request->arena, statement);
    store_bind_text(query, request->principal->id);
    store_bind_text(query, request->headers.idempotency_key);
    return query;
}

/* The answer to the first request with the key, if that was the same and has one. */
static struct error *recall_first(struct store *store, const struct reservation *reservation)
{
    const struct request *request = reservation->request;
    struct store_query *query = key_query(store, request, SQL_IDEMPOTENCY_KEYS_GET);
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
        bool abandoned = digest && store_integer(query, SQL_IDEMPOTENCY_KEYS_GET_CREATED_AT) <=
                                       clock_wall_ms() - RUNNING_MS;
        return abandoned ? error_new(request->arena, ERR_OUTCOME_UNKNOWN,
                                     "the first request ended without an answer")
                         : error_new(request->arena, ERR_IDEMPOTENCY_PENDING, NULL);
    }
    reservation->reply->status = (int)store_integer(query, SQL_IDEMPOTENCY_KEYS_GET_STATUS);
    const char *answer = store_bytes(query, SQL_IDEMPOTENCY_KEYS_GET_ANSWER, &length);
    read_answer(request->arena, answer, length, reservation->reply);
    if (reservation->reply->status >= STATUS_ERROR) {
        problem_readdress(&reservation->reply->body, request->id);
    }
    return store_next(query, &row);
}

static struct error *reserve(struct store *store, void *context)
{
    const struct reservation *reservation = context;
    const struct request *request = reservation->request;
    int64_t now = clock_wall_ms();
    *reservation->reply = (struct reply){0};
    struct store_query *query = key_query(store, request, SQL_IDEMPOTENCY_KEYS_EXPIRE);
    store_bind_integer(query, now - IDEMPOTENCY_KEPT_MS);
    struct error *error = store_execute(query);
    if (error) {
        return error;
    }
    query = key_query(store, request, SQL_IDEMPOTENCY_KEYS_RESERVE);
    store_bind_bytes(query, reservation->digest, DIGEST_SIZE);
    store_bind_integer(query, now);
    error = store_execute(query);
    return error || store_changes(query) == 1 ? error : recall_first(store, reservation);
}

/* A question, which is a POST that is not audited, is answered anew each time: what is kept may be
 * true no more. An answer with a secret is not stored. */
static bool concerns(const struct request *request)
{
    const struct route *route = request->route;
    return request->method == METHOD_POST && route->action && !route->secret &&
           request->principal && *request->headers.idempotency_key;
}

static struct error *recall(struct request *request, const struct buffer *body, struct reply *reply)
{
    struct store *store = request->app->store;
    const struct reservation reservation = {request, reply, digest_request(request, body)};
    if (!concerns(request)) {
        return NULL;
    }
    if (!is_key(request->headers.idempotency_key)) {
        return error_field(request->arena, "Idempotency-Key", FAULT_NOT_KEY, NULL);
    }
    struct error *error = store_write(store, request->arena, reserve, (void *)&reservation);
    if (!error && request->route->pool != POOL_CORE) {
        error = store_turn_end(store, request->arena);
    }
    return error;
}

/* --- after ----------------------------------------------------------------------------------- */

struct keeping {
    const struct request *request;
    const struct reply *reply;
    const struct error *error;
};

static struct error *keep_answer(struct store *store, void *context)
{
    const struct keeping *keeping = context;
    const struct request *request = keeping->request;
    if (keeping->error && !error_may_follow_change(keeping->error)) {
        return store_execute(key_query(store, request, SQL_IDEMPOTENCY_KEYS_RELEASE));
    }
    struct buffer answer = write_answer(request->arena, keeping->reply);
    struct store_query *query = key_query(store, request, SQL_IDEMPOTENCY_KEYS_ANSWER);
    store_bind_integer(query, keeping->reply->status);
    store_bind_bytes(query, answer.bytes, answer.length);
    return store_execute(query);
}

static void keep(struct request *request, const struct reply *reply, const struct error *error)
{
    struct keeping keeping = {request, reply, error};
    if (!concerns(request)) {
        return;
    }
    struct store *store = request->app->store;
    /* Without an open transaction the change is already durable, or was made in the directory.
     * The answer is then committed alone, so that a failure of that commit cannot roll back, or
     * be reported in place of, the change. */
    bool apart = request->route->pool == POOL_DIRECTORY || !store_turn_open(store);
    struct error *failure = store_write(store, request->arena, keep_answer, &keeping);
    if (apart) {
        struct error *ending = store_turn_end(store, request->arena);
        failure = failure ? failure : ending;
    }
    if (failure) { /* the change stays; a repetition gets ERR_OUTCOME_UNKNOWN */
        log_warning("idempotency: cannot store the answer: %s", failure->cause);
    }
}

const struct router_repeats idempotency = {recall, keep};
