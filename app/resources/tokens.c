/*
 * Tokens that expire: every caller may verify them and, unless TOKENS_ACCESS requires
 * authentication, issue them; the administrator lists and deletes them. The work is done in
 * tokens/. (Access tokens of sessions are in auth/.)
 */
#include "auth/principal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/limits.h"
#include "rest/lists.h"
#include "rest/rows.h"
#include "tokens/format.h"
#include "tokens/issue.h"
#include "tokens/quota.h"
#include "tokens/revoke.h"
#include "tokens/verify.h"

#include <inttypes.h>

enum {
    TTL_MAX = 365 * MINUTES_PER_DAY,
    /* maximum lifetime in minutes of tokens issued by anonymous callers */
    ANONYMOUS_TTL_MAX = MINUTES_PER_DAY,
    PURPOSE_MAX = 200,
    MAX_USES_MAX = 1000 * 1000 * 1000,
    CLEAR_ROWS = 100, /* maximum number of rows that one request deletes */
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
        .about = {"Сколько раз можно использовать токен; null: сколько угодно",                    \
                  "How many times the token can be used; null: any number of times"},              \
        .example = "1"                                                                             \
    }
#define TOKEN_USES                                                                                 \
    {                                                                                              \
        .name = "uses", .type = FIELD_INTEGER,                                                     \
        .about = {"Сколько раз токен использован", "How many times the token was used"},           \
        .example = "0"                                                                             \
    }
#define STATUS_CODE                                                                                \
    {                                                                                              \
        .name = "status_code", .type = FIELD_INTEGER,                                              \
        .about = {"Код ответа HTTP", "The HTTP status"}, .example = "200"                          \
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
         {"Срок действия в минутах; по умолчанию TOKEN_TTL_MINUTES. Без входа в систему не более "
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
     .about = {"true, если токен действителен; при очистке и отзыве всегда true",
               "True if the token is valid; always true for clearing and revoking"},
     .example = "true"},
    {.name = NULL},
};

static const struct field token_fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .about = {"Идентификатор", "The id"}, .example = "42"},
    TOKEN_PURPOSE,
    TOKEN_MAX_USES,
    TOKEN_USES,
    TOKEN_TIME("created_at", "Время выдачи", "When the token was issued"),
    TOKEN_TIME("expires_at", "Когда истекает срок действия", "When the token expires"),
    {.name = NULL},
};

/* The body of introspection (RFC 7662 2.1) and revocation (RFC 7009 2.1). */
static const struct field about_fields[] = {
    TOKEN_TEXT(FIELD_REQUIRED | FIELD_SECRET | FIELD_ANY_STRING),
    {.name = "token_type_hint",
     .type = FIELD_STRING,
     .max = 100,
     .about = {"Не используется: есть только один вид токенов",
               "Not used: there is only one kind of token"},
     .example = "\"access_token\""},
    {.name = NULL},
};

/* RFC 7662 2.2: the reply about an inactive token contains `active` alone. */
static const struct field introspection_fields[] = {
    {.name = "active",
     .type = FIELD_BOOLEAN,
     .about = {"Токен действителен", "True if the token is valid"},
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
     .about = {"Время выдачи, секунды с 1970 года",
               "When the token was issued, in seconds since 1970"},
     .example = "1795178096"},
    {.name = "exp",
     .type = FIELD_INTEGER,
     .flags = FIELD_OPTIONAL,
     .about = {"Когда истекает срок действия, секунды с 1970 года",
               "When the token expires, in seconds since 1970"},
     .example = "1795181696"},
    {.name = "purpose",
     .type = FIELD_STRING,
     .flags = FIELD_OPTIONAL,
     .max = PURPOSE_MAX,
     .about = {"Назначение токена", "The purpose of the token"},
     .example = "\"password-reset\""},
    {.name = "max_uses",
     .type = FIELD_INTEGER,
     .flags = FIELD_OPTIONAL,
     .about = {"Сколько раз можно использовать токен", "How many times the token can be used"},
     .example = "1"},
    {.name = "uses",
     .type = FIELD_INTEGER,
     .flags = FIELD_OPTIONAL,
     .about = {"Сколько раз токен использован", "How many times the token was used"},
     .example = "0"},
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_QUERY_FIELDS("`id`, `expires_at`", "-expires_at"),
    {.name = NULL},
};

/* The order by id is the order of issue. */
static const struct list_key token_keys[] = {
    {"id", "t.id", SQL_TOKENS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {"expires_at", "t.expires_at", SQL_TOKENS_LIST_EXPIRES_AT, FIELD_TIME, LIST_SORT},
    {.name = NULL},
};

static const struct list token_list = {
    .alias = "t",
    .rows = SQL_TOKENS_LIST,
    .count = SQL_TOKENS_COUNT,
    .fields = token_fields,
    .keys = token_keys,
    .id = "t.id",
    .id_index = SQL_TOKENS_LIST_ID,
};

static const struct schema issue_schema = {"TokenIssue", issue_fields};
static const struct schema issued_schema = {"TokenIssued", issued_fields};
static const struct schema check_schema = {"TokenCheck", check_fields};
static const struct schema status_schema = {"TokenStatus", status_fields};
static const struct schema token_schema = {"Token", token_fields};
static const struct schema about_schema = {"TokenAbout", about_fields};
static const struct schema introspection_schema = {"TokenIntrospection", introspection_fields};

static void reply_token_status(const struct request *request, struct reply *reply, bool status)
{
    struct value *record = arena_array(request->arena, 2, sizeof *record);
    field_set_integer(fields_get(status_fields, record, "status_code"), STATUS_OK);
    field_set_boolean(fields_get(status_fields, record, "status"), status);
    reply_record(reply, record);
}

/* --- issuing tokens -------------------------------------------------------------------------- */

/* Reads the lifetime of the requested token. Tokens of anonymous callers live for at most a day,
 * because they have no owner who would revoke them. */
static struct error *read_token_lifetime(const struct request *request, int64_t *minutes_r)
{
    const struct value *ttl = request_body_value(request, "ttl_minutes");
    int64_t max = request->principal ? TTL_MAX : ANONYMOUS_TTL_MAX;
    int64_t standard = app_of(request)->config->token_ttl_minutes;
    bool given = ttl->state == VALUE_SET;
    *minutes_r = given ? ttl->integer : standard < max ? standard : max;
    return *minutes_r <= max ? NULL
                             : error_field(request->arena, "ttl_minutes", FAULT_TOO_LARGE,
                                           arena_format(request->arena, "%" PRId64, max));
}

/* Counts the token against TOKENS_SUBJECT_QUOTA, or that of an anonymous caller against
 * TOKENS_QUOTA. */
static struct error *check_token_quota(const struct request *request, int64_t minutes,
                                       const struct tokens_terms *terms)
{
    int64_t quota = app_of(request)->config->tokens_quota;
    if (request->principal) {
        return limits_count_token(request, minutes);
    }
    return !quota || tokens_quota_take(quota, terms->now_ms, terms->expires_ms)
               ? NULL
               : error_new(request->arena, ERR_STORAGE_FULL, NULL);
}

static struct error *issue_token(struct request *request, struct reply *reply)
{
    const struct value *max_uses = request_body_value(request, "max_uses");
    struct tokens_terms terms = {
        .purpose = request_body_string(request, "purpose"),
        .max_uses = max_uses->state == VALUE_SET ? max_uses->integer : 0,
        .now_ms = clock_wall_ms(),
    };
    int64_t minutes;
    const char *token;
    struct error *error = read_token_lifetime(request, &minutes);
    if (!error) {
        terms.expires_ms = terms.now_ms + minutes * MS_PER_MINUTE;
        error = check_token_quota(request, minutes, &terms);
    }
    if (!error) {
        error = tokens_issue(app_of(request)->store, request->arena,
                             app_of(request)->config->secret_key, &terms, &token);
    }
    if (error) {
        return error;
    }
    request_count(request, METRIC_TOKENS_ISSUED, 0, 1);
    struct value *record = arena_array(request->arena, 2, sizeof *record);
    field_set_integer(fields_get(issued_fields, record, "status_code"), STATUS_OK);
    field_set_string(fields_get(issued_fields, record, "token"), token);
    reply_record(reply, record);
    return NULL;
}

/* --- checking tokens ------------------------------------------------------------------------- */

/* Verifies a token and counts a use. HEAD counts none: its reply has no result, and programs send
 * it to preview a link. */
static struct error *reply_token_check(struct request *request, struct reply *reply,
                                       const char *token)
{
    const struct app *app = request->app;
    enum tokens_result result;
    struct error *error = tokens_verify(app->store, request->arena, app->config->secret_key, token,
                                        clock_wall_ms(), !request->head, &result);
    if (!error) {
        request_count(request, METRIC_TOKEN_CHECKS,
                      metrics_series(METRIC_TOKEN_CHECKS, tokens_result_names[result], NULL), 1);
        reply_token_status(request, reply, result == TOKENS_VALID);
    }
    return error;
}

static struct error *check_token_in_path(struct request *request, struct reply *reply)
{
    return reply_token_check(request, reply, request_path_value(request, "token"));
}

static struct error *check_token_in_body(struct request *request, struct reply *reply)
{
    return reply_token_check(request, reply, request_body_string(request, "token"));
}

/* --- deletion of expired tokens --------------------------------------------------------------- */

/* Deletes few rows, so that other requests are not delayed; the housekeeper (the process for
 * periodic jobs) deletes the rest. */
static struct error *clear_tokens(struct request *request, struct reply *reply)
{
    int64_t deleted;
    struct error *error = purge_rows(app_of(request)->store, request->arena, &tokens_purge_kind,
                                     clock_wall_ms(), CLEAR_ROWS, &deleted);
    if (error) {
        return error;
    }
    if (deleted == CLEAR_ROWS) {
        purge_soon(&tokens_purge_kind);
    }
    request_count(request, METRIC_PURGED,
                  metrics_series(METRIC_PURGED, tokens_purge_kind.table, NULL), deleted);
    reply_token_status(request, reply, true);
    return NULL;
}

/* --- introspection, revocation, and calls of the administrator -------------------------------- */

static struct error *list_tokens(struct request *request, struct reply *reply)
{
    return list_reply(request, reply, &token_list, NULL, 0);
}

/* Describes a token by its row of tokens_introspect; NULL if there is no such token. A token is
 * active if it has not expired and has uses left. */
static struct value *describe_token(struct arena *arena, struct value *row)
{
    const struct field *map = introspection_fields;
    struct value *record = arena_array(arena, fields_count(map), sizeof *record);
    bool active =
        row && row[SQL_TOKENS_INTROSPECT_EXPIRES_AT].integer > clock_wall_ms() &&
        (row[SQL_TOKENS_INTROSPECT_MAX_USES].state != VALUE_SET ||
         row[SQL_TOKENS_INTROSPECT_USES].integer < row[SQL_TOKENS_INTROSPECT_MAX_USES].integer);
    field_set_boolean(fields_get(map, record, "active"), active);
    if (!active) {
        return record;
    }
    field_set_string(fields_get(map, record, "jti"),
                     arena_format(arena, "%" PRId64, row[SQL_TOKENS_INTROSPECT_ID].integer));
    field_set_integer(fields_get(map, record, "iat"),
                      row[SQL_TOKENS_INTROSPECT_CREATED_AT].integer / MS_PER_S);
    field_set_integer(fields_get(map, record, "exp"),
                      row[SQL_TOKENS_INTROSPECT_EXPIRES_AT].integer / MS_PER_S);
    field_set_integer(fields_get(map, record, "uses"), row[SQL_TOKENS_INTROSPECT_USES].integer);
    if (row[SQL_TOKENS_INTROSPECT_PURPOSE].state == VALUE_SET) {
        *fields_get(map, record, "purpose") = row[SQL_TOKENS_INTROSPECT_PURPOSE];
    }
    if (row[SQL_TOKENS_INTROSPECT_MAX_USES].state == VALUE_SET) {
        *fields_get(map, record, "max_uses") = row[SQL_TOKENS_INTROSPECT_MAX_USES];
    }
    return record;
}

/* RFC 7662. Does not count a use. */
static struct error *introspect_token(struct request *request, struct reply *reply)
{
    const char *token = request_body_string(request, "token");
    struct value *row = NULL;
    struct error *error = NULL;
    if (tokens_format_matches(token)) {
        struct store_query *query =
            store_query(app_of(request)->store, request->arena, SQL_TOKENS_INTROSPECT);
        tokens_format_bind_digest(query, request->arena, app_of(request)->config->secret_key,
                                  token);
        error = rows_read_one(query, request->arena, token_fields, &row);
    }
    if (!error) {
        reply_record(reply, describe_token(request->arena, row));
    }
    return error;
}

static void count_revoked_token(struct request *request, int64_t id)
{
    request_count(request, METRIC_TOKENS_REVOKED, 0, 1);
    request->subject = arena_format(request->arena, "%" PRId64, id);
}

/* RFC 7009: every caller who has a token may revoke it; for an unknown token the call succeeds
 * too. */
static struct error *revoke_token(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    int64_t id;
    struct error *error = tokens_revoke(app->store, request->arena, app->config->secret_key,
                                        request_body_string(request, "token"), &id);
    if (error) {
        return error;
    }
    if (id) {
        count_revoked_token(request, id);
    }
    reply_token_status(request, reply, true);
    return NULL;
}

static struct error *delete_token(struct request *request, struct reply *reply)
{
    int64_t id = request_path_id(request, "id");
    bool found;
    struct error *error = tokens_revoke_id(app_of(request)->store, request->arena, id, &found);
    if (error) {
        return error;
    }
    if (!found) {
        return error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    count_revoked_token(request, id);
    reply_no_content(reply);
    return NULL;
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

#define TOKENS_ACCESS_RU                                                                           \
    "С `TOKENS_ACCESS=authenticated` (по умолчанию "                                   \
    "в рабочей среде) вызов доступен только после входа."
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
     .scope = SCOPE_TOKENS_WRITE,
     .body = &issue_schema,
     .body_optional = true,
     .shape = REPLY_RECORD,
     .reply = &issued_schema,
     .errors = database_errors},
    {.method = METHOD_GET,
     .pattern = "/app/valid/{token}",
     .path = path_fields,
     .handler = check_token_in_path,
     .pool = POOL_CORE,
     .summary = {"Проверить токен", "Verify a token"},
     .about =
         {"Засчитывает использование; HEAD не засчитывает. Не отправляйте этот адрес по почте: "
          "программы, которые проверяют ссылки в письмах, израсходуют одноразовый токен. "
          "Отправьте ссылку `/confirm#токен`: её страница вызывает `POST /app/valid`, когда "
          "человек нажимает кнопку.",
          "Counts a use; HEAD counts none. Do not send this URL by mail: programs that check "
          "the links in messages would use up a one-use token. Send the link "
          "`/confirm#token`: its page calls `POST /app/valid` when a person presses the "
          "button."},
     .shape = REPLY_RECORD,
     .reply = &status_schema,
     .errors = database_errors},
    {.method = METHOD_POST,
     .pattern = "/app/valid",
     .handler = check_token_in_body,
     .pool = POOL_CORE,
     .summary = {"Проверить токен из тела запроса", "Verify a token in the request body"},
     .essential = true,
     .body = &check_schema,
     .shape = REPLY_RECORD,
     .reply = &status_schema,
     .errors = database_errors},
    {.method = METHOD_DELETE,
     .pattern = "/app/clear/all/tokens",
     .handler = clear_tokens,
     .pool = POOL_CORE,
     .summary = {"Удалить истёкшие токены", "Delete expired tokens"},
     .about = {TOKENS_ACCESS_RU " Вызовы администратора записываются в журнал аудита.",
               TOKENS_ACCESS_EN " Calls by the administrator are audited."},
     .access_by_setting = true,
     .scope = SCOPE_TOKENS_WRITE,
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
     .scope = SCOPE_TOKENS_READ,
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
     .scope = SCOPE_TOKENS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить сведения о токене, не используя его",
                 "Inspect a token without using it"},
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
     .scope = SCOPE_TOKENS_WRITE,
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
     .scope = SCOPE_TOKENS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Удалить токен", "Delete a token"},
     .shape = REPLY_NOTHING,
     .errors = delete_errors,
     .action = "delete_token",
     .resource_type = "token"},
    {.pattern = NULL},
};
