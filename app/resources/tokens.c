/*
 * Tokens that expire: issued to and checked for anybody, seen and deleted by the administrator.
 * (Those that log in are auth's.)
 *
 * A token is six digits, a colon and 22 digits of base 62. These are 131 random bits; the six are
 * the milliseconds of its issue, as far as six digits hold them: easy to read out, and what orders
 * the index. What is kept is these, and the beginning of its HMAC-SHA256: 128 bits, of which nobody
 * who reads the database can make a token.
 *
 * Checking is the call that everything else is for. It reads one row by its digest and writes
 * nothing: uses are collected (tokens/usage.h) but for tokens that have a limit, of which each
 * use is one conditional change, and what has expired is left to the housekeeper.
 */
#include "auth/digest.h"
#include "auth/principal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/limits.h"
#include "rest/lists.h"
#include "rest/rows.h"
#include "store/purge.h"
#include "tokens/quota.h"
#include "tokens/usage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_DIGITS = 6,
    SECRET_DIGITS = 22, /* of base 62: RFC 6749 10.10 asks for 128 bits */
    TOKEN_LENGTH = NUMBER_DIGITS + 1 + SECRET_DIGITS,
    NUMBER_END = 1000 * 1000,
    DECIMAL = 10,
    BASE62 = 62,
    NUMBER_SIZE = 3,  /* bytes that hold the number */
    DIGEST_KEPT = 16, /* bytes of the digest: RFC 2104 5 */
    MINUTE_MS = 60 * 1000,
    MS_PER_S = 1000,
    TTL_MAX = 365 * 24 * 60,
    ANONYMOUS_TTL_MAX = 24 * 60, /* minutes; of a token that an anonymous caller has issued */
    PURPOSE_MAX = 200,
    MAX_USES_MAX = 1000 * 1000 * 1000,
    CLEAR_ROWS = 100, /* that one request deletes by itself */
    STATUS_OK = 200,
};

/* --- field maps ------------------------------------------------------------------------------ */

#define TOKEN_TEXT(flags_)                                                                         \
    {                                                                                              \
        .name = "token", .type = FIELD_STRING, .flags = (flags_), .about = {"Токен", "The token"}, \
        .example = "\"754321:xyz9AbC2DeF3GhI4JkL5Mn\""                                             \
    }
#define TOKEN_PURPOSE                                                                              \
    {                                                                                              \
        .name = "purpose", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_NAME, .min = 1,   \
        .max = PURPOSE_MAX, .about = {"Назначение токена", "The purpose of the token"},            \
        .example = "\"password-reset\""                                                            \
    }
#define TOKEN_MAX_USES                                                                             \
    {                                                                                              \
        .name = "max_uses", .type = FIELD_INTEGER, .flags = FIELD_NULLABLE, .min = 1,              \
        .max = MAX_USES_MAX,                                                                       \
        .about = {"Сколько раз токен действителен; null: сколько угодно",                          \
                  "How often it is valid; null: any number of times"},                             \
        .example = "1"                                                                             \
    }
#define TOKEN_USES                                                                                 \
    {                                                                                              \
        .name = "uses", .type = FIELD_INTEGER,                                                     \
        .about = {"Сколько раз токен проверен и был действителен",                                 \
                  "How often it was checked and was valid"},                                       \
        .example = "0"                                                                             \
    }
#define STATUS_CODE                                                                                \
    {                                                                                              \
        .name = "status_code", .type = FIELD_INTEGER,                                              \
        .about = {"Код ответа HTTP", "The status of HTTP"}, .example = "200"                       \
    }
#define TOKEN_TIME(name_, ru_, en_)                                                                \
    {                                                                                              \
        .name = (name_), .type = FIELD_TIME, .about = {(ru_), (en_)},                              \
        .example = "\"2026-11-20T12:34:56.789Z\""                                                  \
    }

static const struct field issue_fields[] = {
    {.name = "ttl_minutes",
     .type = FIELD_INTEGER,
     .min = 1,
     .max = TTL_MAX,
     .about =
         {"Время жизни в минутах; по умолчанию TOKEN_TTL_MINUTES. Без входа в систему: не более "
          "1440",
          "The lifetime in minutes; TOKEN_TTL_MINUTES by default. At most 1440 for anonymous "
          "callers"},
     .example = "60"},
    TOKEN_PURPOSE,
    TOKEN_MAX_USES,
    {.name = NULL},
};

static const struct field issued_fields[] = {
    STATUS_CODE,
    TOKEN_TEXT(0),
    {.name = NULL},
};

static const struct field check_fields[] = {
    TOKEN_TEXT(FIELD_REQUIRED | FIELD_SECRET | FIELD_ANY_STRING),
    {.name = NULL},
};

static const struct field status_fields[] = {
    STATUS_CODE,
    {.name = "status",
     .type = FIELD_BOOLEAN,
     .about = {"Действителен ли токен; очистка и отзыв: true",
               "Whether the token is valid; of clearing and revoking: true"},
     .example = "true"},
    {.name = NULL},
};

static const struct field token_fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .about = {"Идентификатор", "The id"}, .example = "42"},
    TOKEN_PURPOSE,
    TOKEN_MAX_USES,
    TOKEN_USES,
    TOKEN_TIME("created_at", "Время выдачи", "When it was issued"),
    TOKEN_TIME("expires_at", "С этого времени не действителен", "From when on it is not valid"),
    {.name = NULL},
};

/* RFC 7662 2.1, RFC 7009 2.1. */
static const struct field about_fields[] = {
    TOKEN_TEXT(FIELD_REQUIRED | FIELD_SECRET | FIELD_ANY_STRING),
    {.name = "token_type_hint",
     .type = FIELD_STRING,
     .max = 100,
     .about = {"Не используется: вид токенов один", "Not used: there is one kind of tokens"},
     .example = "\"access_token\""},
    {.name = NULL},
};

/* RFC 7662 2.2: of what is not active, nothing else is told. */
static const struct field introspection_fields[] = {
    {.name = "active",
     .type = FIELD_BOOLEAN,
     .about = {"Действителен ли токен", "Whether the token is valid"},
     .example = "true"},
    {.name = "jti",
     .type = FIELD_STRING,
     .flags = FIELD_OPTIONAL,
     .max = 20,
     .about = {"Идентификатор", "The id"},
     .example = "\"42\""},
    {.name = "iat",
     .type = FIELD_INTEGER,
     .flags = FIELD_OPTIONAL,
     .about = {"Время выдачи, секунды с 1970 года", "When it was issued, in seconds since 1970"},
     .example = "1795178096"},
    {.name = "exp",
     .type = FIELD_INTEGER,
     .flags = FIELD_OPTIONAL,
     .about = {"С этого времени не действителен, секунды с 1970 года",
               "From when on it is not valid, in seconds since 1970"},
     .example = "1795181696"},
    {.name = "purpose",
     .type = FIELD_STRING,
     .flags = FIELD_OPTIONAL,
     .max = PURPOSE_MAX,
     .about = {"Для чего токен", "What the token is for"},
     .example = "\"password-reset\""},
    {.name = "max_uses",
     .type = FIELD_INTEGER,
     .flags = FIELD_OPTIONAL,
     .about = {"Сколько раз токен действителен", "How often it is valid"},
     .example = "1"},
    {.name = "uses",
     .type = FIELD_INTEGER,
     .flags = FIELD_OPTIONAL,
     .about = {"Сколько раз он уже использован", "How often it was used already"},
     .example = "0"},
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_QUERY_FIELDS("`id`, `expires_at`", "-expires_at"),
    {.name = NULL},
};

enum { COLUMN_ID, COLUMN_PURPOSE, COLUMN_MAX_USES, COLUMN_USES, COLUMN_CREATED, COLUMN_EXPIRES };

/* By id is by time of issue: ids are given in order. */
static const struct list_key keys[] = {
    {"id", "t.id", COLUMN_ID, FIELD_INTEGER, LIST_SORT},
    {"expires_at", "t.expires_at", COLUMN_EXPIRES, FIELD_TIME, LIST_SORT},
    {.name = NULL},
};

static const struct list list = {
    .rows = SQL_TOKENS_LIST,
    .count = SQL_TOKENS_COUNT,
    .fields = token_fields,
    .keys = keys,
    .id = "t.id",
};

static const struct schema issue_schema = {"TokenIssue", issue_fields};
static const struct schema issued_schema = {"TokenIssued", issued_fields};
static const struct schema check_schema = {"TokenCheck", check_fields};
static const struct schema status_schema = {"TokenStatus", status_fields};
static const struct schema token_schema = {"Token", token_fields};
static const struct schema about_schema = {"TokenAbout", about_fields};
static const struct schema introspection_schema = {"TokenIntrospection", introspection_fields};

/* --- tokens ---------------------------------------------------------------------------------- */

static const char *make_token(struct arena *arena, int64_t now)
{
    struct random_source source = {.left = 0};
    char *token = arena_alloc(arena, TOKEN_LENGTH + 1);
    int64_t number = now % NUMBER_END;
    for (size_t at = NUMBER_DIGITS; at--; number /= DECIMAL) {
        token[at] = (char)('0' + number % DECIMAL);
    }
    token[NUMBER_DIGITS] = ':';
    random_digits(&source, token + NUMBER_DIGITS + 1, SECRET_DIGITS, BASE62);
    return token;
}

static bool is_digit(char c, bool letters_too)
{
    return (c >= '0' && c <= '9') ||
           (letters_too && ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')));
}

/* Whether we may have made it: what we cannot have made is not looked for. */
static bool is_token(const char *text)
{
    size_t at = 0;
    while (at < TOKEN_LENGTH &&
           (at == NUMBER_DIGITS ? text[at] == ':' : is_digit(text[at], at > NUMBER_DIGITS))) {
        at++;
    }
    return at == TOKEN_LENGTH && !text[at];
}

/* What is kept of a token. The number comes first, so that what is issued at one moment stands
 * together in the index: of digests alone each would change a page of its own, and a commit write
 * that many. */
static void bind_kept(struct store_query *query, const struct request *request, const char *token)
{
    enum { BYTE_BITS = 8 };
    unsigned char *kept = arena_alloc(request->arena, NUMBER_SIZE + DIGEST_KEPT);
    unsigned long number = strtoul(token, NULL, DECIMAL);
    for (size_t at = NUMBER_SIZE; at--; number >>= BYTE_BITS) {
        kept[at] = (unsigned char)number;
    }
    const char *key = request->app->config->secret_key;
    memcpy(kept + NUMBER_SIZE, digest_keyed(request->arena, key, token, strlen(token)),
           DIGEST_KEPT);
    store_bind_bytes(query, kept, NUMBER_SIZE + DIGEST_KEPT);
}

static void reply_status(const struct request *request, struct reply *reply, bool status)
{
    struct value *record = arena_array(request->arena, 2, sizeof *record);
    value_set_integer(fields_get(status_fields, record, "status_code"), STATUS_OK);
    value_set_boolean(fields_get(status_fields, record, "status"), status);
    reply_record(reply, record);
}

/* --- issuing --------------------------------------------------------------------------------- */

static void bind_text(struct store_query *query, const struct value *value)
{
    store_bind_text(query, value->state == VALUE_SET ? value->string.bytes : NULL);
}

static void bind_integer(struct store_query *query, const struct value *value)
{
    if (value->state == VALUE_SET) {
        store_bind_integer(query, value->integer);
    } else {
        store_bind_null(query);
    }
}

struct issue {
    const struct request *request;
    const char *token;
    int64_t now, minutes;
};

/* Reads the lifetime of the requested token. An anonymous caller gets at most a day, so that
 * such tokens expire soon: nobody in particular would revoke them. */
static struct error *read_lifetime(const struct request *request, int64_t *minutes_r)
{
    const struct value *ttl = request_body_value(request, "ttl_minutes");
    int64_t max = request->principal ? TTL_MAX : ANONYMOUS_TTL_MAX;
    int64_t standard = request->app->config->token_ttl_minutes;
    bool given = ttl->state == VALUE_SET;
    *minutes_r = given ? ttl->integer : standard < max ? standard : max;
    return *minutes_r <= max ? NULL
                             : error_field(request->arena, "ttl_minutes", FAULT_TOO_LARGE,
                                           arena_format(request->arena, "%" PRId64, max));
}

/* Counts the token against TOKENS_SUBJECT_QUOTA, or that of an anonymous caller against
 * TOKENS_QUOTA. */
static struct error *check_quota(const struct issue *issue)
{
    const struct request *request = issue->request;
    int64_t quota = request->app->config->tokens_quota;
    int64_t expires = issue->now + issue->minutes * MINUTE_MS;
    if (request->principal) {
        return limits_count_token(request, issue->minutes);
    }
    return !quota || tokens_quota_take(quota, issue->now, expires)
               ? NULL
               : error_new(request->arena, ERR_STORAGE_FULL, NULL);
}

static struct error *insert_token(struct store *store, void *context)
{
    const struct issue *issue = context;
    const struct request *request = issue->request;
    struct store_query *query = store_query(store, request->arena, SQL_TOKENS_INSERT);
    bind_kept(query, request, issue->token);
    bind_text(query, request_body_value(request, "purpose"));
    bind_integer(query, request_body_value(request, "max_uses"));
    store_bind_integer(query, issue->now);
    store_bind_integer(query, issue->now + issue->minutes * MINUTE_MS);
    return store_execute(query);
}

static struct error *issue_token(struct request *request, struct reply *reply)
{
    int64_t now = clock_wall_ms();
    struct issue issue = {request, make_token(request->arena, now), now, 0};
    struct error *error = read_lifetime(request, &issue.minutes);
    if (!error) {
        error = check_quota(&issue);
    }
    if (!error) {
        error = store_write_unserialized(request->app->store, request->arena, insert_token, &issue);
    }
    if (error) {
        return error;
    }
    request_count(request, METRIC_TOKENS_ISSUED, 0, 1);
    struct value *record = arena_array(request->arena, 2, sizeof *record);
    value_set_integer(fields_get(issued_fields, record, "status_code"), STATUS_OK);
    value_set_string(fields_get(issued_fields, record, "token"), issue.token);
    reply_record(reply, record);
    return NULL;
}

/* --- checking -------------------------------------------------------------------------------- */

/* What a check needs of a row; the index has it all. */
struct found {
    int64_t id, expires_at, max_uses /* 0: any number */;
};

/* Leaves the id 0 if there is none. */
static struct error *find_token(const struct request *request, const char *token,
                                struct found *found_r)
{
    struct store_query *query = store_query(request->app->store, request->arena, SQL_TOKENS_CHECK);
    bool row;
    bind_kept(query, request, token);
    struct error *error = store_next(query, &row);
    *found_r = (struct found){0};
    if (error || !row) {
        return error;
    }
    *found_r = (struct found){
        .id = store_integer(query, 0),
        .expires_at = store_integer(query, 1),
        .max_uses = store_integer(query, 2),
    };
    store_end(query);
    return NULL;
}

/* True if a token that has a limit is not used up: asked before a use is tried, which would have to
 * wait for its turn to write. */
static struct error *find_use_left(const struct request *request, const struct found *found,
                                   bool *left_r)
{
    struct store_query *query = store_query(request->app->store, request->arena, SQL_TOKENS_USES);
    store_bind_integer(query, found->id);
    struct error *error = store_next(query, left_r);
    if (error || !*left_r) {
        return error;
    }
    *left_r = store_integer(query, 0) < found->max_uses;
    store_end(query);
    return NULL;
}

struct use {
    const struct request *request;
    int64_t id, now;
    bool done;
};

static struct error *use_limited(struct store *store, void *context)
{
    struct use *use = context;
    struct store_query *query = store_query(store, use->request->arena, SQL_TOKENS_USE);
    store_bind_integer(query, use->id);
    store_bind_integer(query, use->now);
    struct error *error = store_execute(query);
    use->done = !error && store_changes(query) == 1;
    return error;
}

/* Counts a use of a token that has not expired. *valid_r: there was one left. HEAD shows nobody
 * what came of it, and is what programs send that only look at a link: it uses nothing. */
static struct error *count_use(const struct request *request, const struct found *found,
                               int64_t now, bool *valid_r)
{
    struct store *store = request->app->store;
    if (!found->max_uses) {
        *valid_r = true;
        return request->head || tokens_usage_add(found->id)
                   ? NULL
                   : tokens_usage_write(store, request->arena, found->id);
    }
    struct error *error = find_use_left(request, found, valid_r);
    if (error || !*valid_r || request->head) {
        return error;
    }
    struct use use = {request, found->id, now, false};
    error = store_write_unserialized(store, request->arena, use_limited, &use);
    *valid_r = use.done;
    return error;
}

/* What comes of a check, by its name in the counters. */
static const char valid[] = "valid";

static struct error *check_token(const struct request *request, const char *token,
                                 const char **result_r)
{
    struct found found;
    bool used;
    *result_r = "malformed";
    if (!is_token(token)) {
        return NULL;
    }
    struct error *error = find_token(request, token, &found);
    int64_t now = clock_wall_ms();
    if (error || !found.id) {
        *result_r = "unknown";
    } else if (found.expires_at <= now) {
        *result_r = "expired";
        purge_soon(&tokens_purge_kind);
    } else {
        error = count_use(request, &found, now, &used);
        *result_r = used ? valid : "used_up";
    }
    return error;
}

static struct error *answer_check(struct request *request, struct reply *reply, const char *token)
{
    const char *result;
    struct error *error = check_token(request, token, &result);
    if (!error) {
        request_count(request, METRIC_TOKEN_CHECKS,
                      metrics_series(METRIC_TOKEN_CHECKS, result, NULL), 1);
        reply_status(request, reply, result == valid);
    }
    return error;
}

static struct error *check_in_path(struct request *request, struct reply *reply)
{
    return answer_check(request, reply, request_path_value(request, "token"));
}

static struct error *check_in_body(struct request *request, struct reply *reply)
{
    return answer_check(request, reply, request_body_string(request, "token"));
}

/* --- clearing -------------------------------------------------------------------------------- */

/* Few enough that nobody notices; if there are more, the housekeeper goes on. */
static struct error *clear_tokens(struct request *request, struct reply *reply)
{
    int64_t deleted;
    struct error *error = purge_rows(request->app->store, request->arena, &tokens_purge_kind,
                                     clock_wall_ms(), CLEAR_ROWS, &deleted);
    if (error) {
        return error;
    }
    if (deleted == CLEAR_ROWS) {
        purge_soon(&tokens_purge_kind);
    }
    request_count(request, METRIC_PURGED,
                  metrics_series(METRIC_PURGED, tokens_purge_kind.table, NULL), deleted);
    reply_status(request, reply, true);
    return NULL;
}

/* --- for those who are logged in ------------------------------------------------------------- */

static struct error *list_tokens(struct request *request, struct reply *reply)
{
    return list_reply(request, reply, &list, NULL, 0);
}

/* Whether the row of token_fields is of a token that a check would find valid. */
static bool is_active(const struct value *row)
{
    return row[COLUMN_EXPIRES].integer > clock_wall_ms() &&
           (row[COLUMN_MAX_USES].state != VALUE_SET ||
            row[COLUMN_USES].integer < row[COLUMN_MAX_USES].integer);
}

static struct value *describe(struct arena *arena, struct value *row)
{
    const struct field *map = introspection_fields;
    struct value *record = arena_array(arena, fields_count(map), sizeof *record);
    bool active = row && is_active(row);
    value_set_boolean(fields_get(map, record, "active"), active);
    if (!active) {
        return record;
    }
    value_set_string(fields_get(map, record, "jti"),
                     arena_format(arena, "%" PRId64, row[COLUMN_ID].integer));
    value_set_integer(fields_get(map, record, "iat"), row[COLUMN_CREATED].integer / MS_PER_S);
    value_set_integer(fields_get(map, record, "exp"), row[COLUMN_EXPIRES].integer / MS_PER_S);
    value_set_integer(fields_get(map, record, "uses"), row[COLUMN_USES].integer);
    if (row[COLUMN_PURPOSE].state == VALUE_SET) {
        *fields_get(map, record, "purpose") = row[COLUMN_PURPOSE];
    }
    if (row[COLUMN_MAX_USES].state == VALUE_SET) {
        *fields_get(map, record, "max_uses") = row[COLUMN_MAX_USES];
    }
    return record;
}

/* RFC 7662. Counts no use. */
static struct error *introspect_token(struct request *request, struct reply *reply)
{
    const char *token = request_body_string(request, "token");
    struct value *row = NULL;
    struct error *error = NULL;
    if (is_token(token)) {
        struct store_query *query =
            store_query(request->app->store, request->arena, SQL_TOKENS_INTROSPECT);
        bind_kept(query, request, token);
        error = rows_one(query, request->arena, token_fields, &row);
    }
    if (!error) {
        reply_record(reply, describe(request->arena, row));
    }
    return error;
}

/* A token to be deleted: the row that the statement names. */
struct deletion {
    struct request *request;
    enum sql_statement statement;
    const char *token; /* NULL: by its id */
    int64_t id;        /* 0 afterwards: there was none */
};

static struct error *delete_row(struct store *store, void *context)
{
    struct deletion *deletion = context;
    struct arena *arena = deletion->request->arena;
    struct store_query *query = store_query(store, arena, deletion->statement);
    if (deletion->token) {
        bind_kept(query, deletion->request, deletion->token);
    } else {
        store_bind_integer(query, request_path_id(deletion->request, "id"));
    }
    bool row;
    struct error *error = store_next(query, &row);
    deletion->id = row ? store_integer(query, 0) : 0;
    return error ? error : store_execute(query);
}

static struct error *delete_one(struct deletion *deletion)
{
    struct request *request = deletion->request;
    struct error *error =
        store_write_unserialized(request->app->store, request->arena, delete_row, deletion);
    if (!error && deletion->id) {
        request_count(request, METRIC_TOKENS_REVOKED, 0, 1);
        request->subject = arena_format(request->arena, "%" PRId64, deletion->id);
    }
    return error;
}

/* RFC 7009: whoever has a token may revoke it, and what is none is revoked already. */
static struct error *revoke_token(struct request *request, struct reply *reply)
{
    const char *token = request_body_string(request, "token");
    struct deletion deletion = {request, SQL_TOKENS_REVOKE, token, 0};
    struct error *error = is_token(token) ? delete_one(&deletion) : NULL;
    if (!error) {
        reply_status(request, reply, true);
    }
    return error;
}

static struct error *delete_token(struct request *request, struct reply *reply)
{
    struct deletion deletion = {request, SQL_TOKENS_DELETE, NULL, 0};
    struct error *error = delete_one(&deletion);
    if (!error && !deletion.id) {
        return error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    reply_nothing(reply);
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id database_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id delete_errors[] = {ERR_NOT_FOUND, ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

static const struct field path_fields[] = {
    TOKEN_TEXT(FIELD_REQUIRED),
    {.name = "id",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Идентификатор", "The id"},
     .example = "42"},
    {.name = NULL},
};

#define TOKENS_ACCESS_RU                                                                                                                        \
    "С `TOKENS_ACCESS=authenticated` (по умолчанию в рабочей среде) вызов доступен только тем, " \
    "кто вошёл."
#define TOKENS_ACCESS_EN                                                                           \
    "With `TOKENS_ACCESS=authenticated`, the default in production, only callers who have logged " \
    "in are allowed."

const struct route tokens_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/app/token",
     .handler = issue_token,
     .pool = POOL_CORE,
     .summary = {"Выдать токен", "Issue a token"},
     .about = {TOKENS_ACCESS_RU, TOKENS_ACCESS_EN},
     .access_by_setting = true,
     .body = &issue_schema,
     .body_optional = true,
     .shape = REPLY_RECORD,
     .reply = &issued_schema,
     .errors = database_errors},
    {.method = METHOD_GET,
     .pattern = "/app/valid/{token}",
     .path = path_fields,
     .handler = check_in_path,
     .pool = POOL_CORE,
     .summary = {"Проверить токен", "Check a token"},
     .shape = REPLY_RECORD,
     .reply = &status_schema,
     .errors = database_errors},
    {.method = METHOD_POST,
     .pattern = "/app/valid",
     .handler = check_in_body,
     .pool = POOL_CORE,
     .summary = {"Проверить токен, которого нет в адресе", "Check a token that is not in the URL"},
     .essential = true,
     .body = &check_schema,
     .shape = REPLY_RECORD,
     .reply = &status_schema,
     .errors = database_errors},
    {.method = METHOD_DELETE,
     .pattern = "/app/clear/all/tokens",
     .handler = clear_tokens,
     .pool = POOL_CORE,
     .summary = {"Удалить истёкшие токены", "Delete the tokens that have expired"},
     .about = {TOKENS_ACCESS_RU " Вызовы администратора записываются в журнал аудита.",
               TOKENS_ACCESS_EN " Calls by the administrator are audited."},
     .access_by_setting = true,
     .shape = REPLY_RECORD,
     .reply = &status_schema,
     .errors = database_errors,
     .action = "clear_tokens",
     .audited_for = PERMIT_TOKENS,
     .resource_type = "token"},
    {.method = METHOD_GET,
     .pattern = "/api/v1/tokens",
     .handler = list_tokens,
     .permission = PERMIT_TOKENS,
     .pool = POOL_CORE,
     .summary = {"Получить список токенов", "List the tokens"},
     .query = list_query,
     .shape = REPLY_PAGE,
     .reply = &token_schema,
     .errors = database_errors},
    {.method = METHOD_POST,
     .pattern = "/api/v1/tokens/introspect",
     .handler = introspect_token,
     .permission = PERMIT_PRINCIPAL,
     .pool = POOL_CORE,
     .summary = {"Узнать о токене, не используя его", "Ask about a token without using it"},
     .essential = true,
     .body = &about_schema,
     .body_form = true,
     .shape = REPLY_RECORD,
     .reply = &introspection_schema,
     .errors = database_errors},
    {.method = METHOD_POST,
     .pattern = "/api/v1/tokens/revoke",
     .handler = revoke_token,
     .permission = PERMIT_PRINCIPAL,
     .pool = POOL_CORE,
     .summary = {"Отозвать токен", "Revoke a token"},
     .essential = true,
     .body = &about_schema,
     .body_form = true,
     .shape = REPLY_RECORD,
     .reply = &status_schema,
     .errors = database_errors,
     .action = "revoke_token",
     .resource_type = "token"},
    {.method = METHOD_DELETE,
     .pattern = "/api/v1/tokens/{id}",
     .path = path_fields,
     .handler = delete_token,
     .permission = PERMIT_TOKENS,
     .pool = POOL_CORE,
     .summary = {"Удалить токен", "Delete a token"},
     .shape = REPLY_NOTHING,
     .errors = delete_errors,
     .action = "delete_token",
     .resource_type = "token"},
    {.pattern = NULL},
};
