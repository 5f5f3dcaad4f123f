/*
 * API keys: credentials of programs, which their users create, rotate and revoke. The secret is in
 * the reply to the creation or the rotation only. auth/api_key.h describes its format, base/scope.h
 * the scopes.
 *
 * Callers see the keys that they made; an OWNER or ADMIN also those of the members in the
 * organization, and the local administrator all. Callers can only revoke the keys of others.
 */
#include "auth/api_key.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/scope.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/authorization.h"
#include "rest/lists.h"
#include "rest/organizations.h"
#include "rest/record_fields.h"
#include "rest/rows.h"

#include <inttypes.h>
#include <string.h>

enum {
    NAME_MAX_LENGTH = 200,
    OVERLAP_MINUTES = 60, /* default */
    OVERLAP_MINUTES_MAX = 7 * MINUTES_PER_DAY,
};

/* --- field maps ------------------------------------------------------------------------------ */

#define KEY_NAME(flags_)                                                                           \
    RECORD_LINE("name", flags_, NAME_MAX_LENGTH, "Название ключа", "The name of the key",          \
                "\"Ночная выгрузка\"")

#define KEY_SCOPES(flags_, choices_, ru_, en_)                                                     \
    {                                                                                              \
        .name = "scopes", .type = FIELD_STRINGS, .flags = (flags_), .items_max = SCOPE_NAMES_MAX,  \
        .choices = (choices_), .about = {(ru_), (en_)}, .example = "[\"contacts:read\"]"           \
    }

#define KEY_OWN_SCOPES KEY_SCOPES(0, scope_names, "Области доступа", "The scopes of the key")

#define KEY_EXPIRES(ru_, en_)                                                                      \
    {                                                                                              \
        .name = "expires_at", .type = FIELD_TIME, .flags = FIELD_NULLABLE,                         \
        .about = {(ru_), (en_)}, .example = "\"2027-11-20T12:34:56.789Z\""                         \
    }

#define KEY_OWN_EXPIRY                                                                             \
    KEY_EXPIRES("Когда истекает срок действия; null: никогда", "When the key expires; null: "      \
                                                               "never")

/* The fields have the order of the columns of api_keys_list and api_keys_get. */
static const struct field key_fields[] = {
    RECORD_ID,
    KEY_NAME(0),
    KEY_OWN_SCOPES,
    {.name = "prefix",
     .type = FIELD_STRING,
     .about = {"Начало секрета, по которому можно узнать ключ",
               "The beginning of the secret, by which the key can be recognized"},
     .example = "\"kontora_x7Qd\""},
    {.name = "created_by",
     .type = FIELD_STRING,
     .about = {"Имя пользователя, которому принадлежит ключ",
               "The user name of the maker, to whom the key belongs"},
     .example = "\"ivanov\""},
    {.name = "organization_id",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE,
     .about = {"Организация, в которой действует ключ; null: нет",
               "The organization in which the key acts; null: none"},
     .example = "1"},
    RECORD_TIME("created_at", 0, "Время создания", "The time of creation"),
    RECORD_TIME("issued_at", 0, "Когда выдан нынешний секрет",
                "When the current secret was issued"),
    KEY_OWN_EXPIRY,
    RECORD_TIME("last_used_at", FIELD_NULLABLE,
                "Последнее использование, с точностью до минуты; null: не использовался",
                "The last use, within a minute; null: the key was never used"),
    {.name = "last_used_from",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE | FIELD_NOT_FILTERABLE,
     .about = {"Адрес последнего использования", "The address of the last use"},
     .example = "\"192.0.2.10\""},
    {.name = NULL},
};

static const struct field issued_fields[] = {
    RECORD_ID,
    KEY_NAME(0),
    KEY_OWN_SCOPES,
    KEY_OWN_EXPIRY,
    {.name = "secret",
     .type = FIELD_STRING,
     .about = {"Секрет: передаётся как `Authorization: Bearer …`; показывается один раз",
               "The secret: send it as `Authorization: Bearer …`; shown once"},
     .example = "\"kontora_…\""},
    {.name = NULL},
};

static const struct field create_fields[] = {
    KEY_NAME(FIELD_REQUIRED),
    KEY_SCOPES(FIELD_REQUIRED, scope_names_and_presets,
               "Области доступа; `read-only`, `crm`, `helpdesk` и `manager` — наборы областей",
               "The scopes; `read-only`, `crm`, `helpdesk` and `manager` stand for several scopes"),
    KEY_EXPIRES("Когда истекает срок действия; по умолчанию никогда",
                "When the key expires; by default never"),
    {.name = NULL},
};

static const struct field update_fields[] = {
    KEY_NAME(0),
    KEY_SCOPES(0, scope_names_and_presets, "Области доступа: часть тех, что есть у ключа",
               "The scopes: some of those that the key has"),
    {.name = NULL},
};

static const struct field rotate_fields[] = {
    {.name = "overlap_minutes",
     .type = FIELD_INTEGER,
     .flags = FIELD_DEFAULT,
     .max = OVERLAP_MINUTES_MAX,
     .standard = OVERLAP_MINUTES,
     .about =
         {"Сколько минут ещё действуют прежние секреты, не дольше; 0: отключаются сразу",
          "For how many minutes at most the previous secrets remain valid; 0: they end at once"},
     .example = "60"},
    KEY_EXPIRES("Новый срок действия ключа; по умолчанию прежний",
                "The new time of expiry of the key; by default it is not changed"),
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_QUERY_FIELDS("`id`", "-id"),
    {.name = NULL},
};

static const struct list_column key_columns[] = {
    {.field = "created_by", .value = "k.username", .folded = "k.created_by"},
    {.field = NULL},
};

static const struct list_key key_keys[] = {
    {"id", "k.id", SQL_API_KEYS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {.name = NULL},
};

#define KEY_LIST(rows_, count_)                                                                    \
    {                                                                                              \
        .alias = "k", .columns = key_columns, .rows = (rows_), .count = (count_),                  \
        .fields = key_fields, .keys = key_keys, .id = "k.id", .id_index = SQL_API_KEYS_LIST_ID     \
    }

/* The keys that a user and its organization have, and all keys. Both have the same columns. */
static const struct list key_list = KEY_LIST(SQL_API_KEYS_LIST, SQL_API_KEYS_COUNT);
static const struct list full_list = KEY_LIST(SQL_API_KEYS_LIST_ALL, SQL_API_KEYS_COUNT_ALL);

static const struct schema key_schema = {"ApiKey", key_fields};
static const struct schema issued_schema = {"ApiKeyIssued", issued_fields};
static const struct schema create_schema = {"ApiKeyCreate", create_fields};
static const struct schema update_schema = {"ApiKeyUpdate", update_fields};
static const struct schema rotate_schema = {"ApiKeyRotate", rotate_fields};

/* --- visible keys ---------------------------------------------------------------------------- */

/* Returns the organization whose keys the caller sees; 0: none. */
static int64_t managed_organization(const struct principal *principal)
{
    return authorization_permits(principal, PERMIT_MANAGE) ? principal->organization_id : 0;
}

static struct error *read_key_item(struct request *request, struct store_query *query,
                                   struct value **item_r)
{
    *item_r = rows_read(query, request->arena, key_fields);
    scope_set_names(request->arena,
                    scope_read_lines(store_text(query, SQL_API_KEYS_LIST_SCOPES, NULL)),
                    fields_get(key_fields, *item_r, "scopes"));
    return NULL;
}

static struct error *list_keys(struct request *request, struct reply *reply)
{
    const struct principal *principal = request->principal;
    const struct cursor_value scope[] = {
        {.type = CURSOR_TEXT, .text = principal->id},
        {.type = CURSOR_INTEGER, .integer = managed_organization(principal)},
    };
    bool all = principal->kind == PRINCIPAL_LOCAL;
    const struct list_source source = {
        .list = all ? &full_list : &key_list,
        .parameters = scope,
        .parameter_count = all ? 0 : sizeof scope / sizeof *scope,
        .read = read_key_item,
    };
    return list_reply_from(request, reply, &source);
}

/* Begins a statement about the visible key with this id. */
static struct store_query *query_visible_key(struct store *store, const struct request *request,
                                             enum sql_statement statement, int64_t id)
{
    const struct principal *principal = request->principal;
    struct store_query *query = store_query(store, request->arena, statement);
    store_bind_text(query, principal->id);
    store_bind_integer(query, managed_organization(principal));
    store_bind_integer(query, principal->kind == PRINCIPAL_LOCAL);
    store_bind_integer(query, id);
    return query;
}

static struct error *read_visible_key(struct store *store, struct request *request, int64_t id,
                                      struct value **values_r)
{
    struct store_query *query = query_visible_key(store, request, SQL_API_KEYS_GET, id);
    bool row;
    struct error *error = store_next(query, &row);
    if (!error && !row) {
        error = error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    if (!error) {
        error = read_key_item(request, query, values_r);
        store_end(query);
    }
    return error;
}

static struct error *get_key(struct request *request, struct reply *reply)
{
    struct value *values;
    struct error *error = read_visible_key(app_of(request)->store, request,
                                           request_path_id(request, "key_id"), &values);
    if (!error) {
        reply_record(reply, values);
    }
    return error;
}

/* Finds the key in the path. ERR_NOT_FOUND if the caller does not see it. *own_r is true if the
 * caller is its maker; *role_r is the role of the maker in the organization of the key. */
static struct error *find_key_maker(struct store *store, const struct request *request, bool *own_r,
                                    enum role *role_r)
{
    struct store_query *query =
        query_visible_key(store, request, SQL_API_KEYS_MAKER, request_path_id(request, "key_id"));
    bool row;
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error ? error : error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    *own_r =
        !strcmp(store_text(query, SQL_API_KEYS_MAKER_SUBJECT, NULL), app_principal(request)->id);
    *role_r = principal_role_by_name(store_text(query, SQL_API_KEYS_MAKER_ROLE, NULL));
    store_end(query);
    return NULL;
}

static struct error *require_own_key(struct store *store, const struct request *request)
{
    enum role role = ROLE_NONE;
    bool own = false;
    struct error *error = find_key_maker(store, request, &own, &role);
    return error || own ? error
                        : error_new(request->arena, ERR_FORBIDDEN, "the key of another user");
}

/* --- values of bodies ------------------------------------------------------------------------ */

/* Reads the scopes of the body, with presets replaced by their scopes. */
static struct error *read_scopes(const struct request *request, uint64_t *scopes_r)
{
    const struct value *value = request_body_value(request, "scopes");
    *scopes_r = 0;
    for (size_t i = 0; i < value->strings.count; i++) {
        *scopes_r |= scope_set_of(value->strings.items[i]);
    }
    return *scopes_r ? NULL : error_field(request->arena, "scopes", FAULT_REQUIRED, NULL);
}

/* Checks a time of expiry; VALUE_NULL is never. */
static struct error *check_key_expiry(const struct request *request, const struct value *expires,
                                      int64_t now_ms)
{
    return expires->state == VALUE_SET && expires->integer <= now_ms
               ? error_field(request->arena, "expires_at", FAULT_IN_PAST, NULL)
               : NULL;
}

static void bind_optional_integer(struct store_query *query, const struct value *value)
{
    if (value->state == VALUE_SET) {
        store_bind_integer(query, value->integer);
    } else {
        store_bind_null(query);
    }
}

/* --- issuing secrets ------------------------------------------------------------------------- */

/* The context of the transactions that issue a secret. */
struct issue {
    struct request *request;
    const char *secret, *name;
    uint64_t scopes;
    struct value expires;
    int64_t id, now_ms;
};

static void reply_secret(struct reply *reply, const struct issue *issue)
{
    struct arena *arena = issue->request->arena;
    struct value *record = arena_array(arena, fields_count(issued_fields), sizeof *record);
    field_set_integer(fields_get(issued_fields, record, "id"), issue->id);
    field_set_string(fields_get(issued_fields, record, "name"), issue->name);
    scope_set_names(arena, issue->scopes, fields_get(issued_fields, record, "scopes"));
    *fields_get(issued_fields, record, "expires_at") = issue->expires;
    field_set_string(fields_get(issued_fields, record, "secret"), issue->secret);
    reply_record(reply, record);
}

static struct error *check_key_count(struct store *store, const struct request *request)
{
    struct store_query *query = store_query(store, request->arena, SQL_API_KEYS_OF_SUBJECT);
    int64_t count;
    store_bind_text(query, app_principal(request)->id);
    struct error *error = rows_read_number(query, &count);
    return error || count < API_KEYS_MAX ? error
                                         : error_new(request->arena, ERR_TOO_MANY_KEYS, NULL);
}

static struct error *insert_key(struct store *store, struct issue *issue)
{
    const struct principal *principal = issue->request->principal;
    struct arena *arena = issue->request->arena;
    const char *prefix = api_key_prefix(arena, issue->secret);
    const char *scopes = scope_lines(arena, issue->scopes);
    const struct value organization = {
        .state = principal->account_id && principal->role != ROLE_NONE ? VALUE_SET : VALUE_NULL,
        .integer = principal->organization_id};
    const struct value account = {.state = principal->account_id ? VALUE_SET : VALUE_NULL,
                                  .integer = principal->account_id};
    struct store_query *query = store_query(store, arena, SQL_API_KEYS_INSERT);
    store_bind_text(query, principal->id);
    bind_optional_integer(query, &account);
    bind_optional_integer(query, &organization);
    store_bind_text(query, principal->username);
    store_bind_text(query, issue->name);
    store_bind_text(query, scopes);
    store_bind_text(query, prefix);
    store_bind_integer(query, issue->now_ms);
    bind_optional_integer(query, &issue->expires);
    store_bind_text(query, api_key_folded(arena, issue->name, scopes, prefix, principal->username));
    return rows_read_number(query, &issue->id);
}

static struct error *create_in_transaction(struct store *store, void *context)
{
    struct issue *issue = context;
    struct error *error = check_key_count(store, issue->request);
    if (!error) {
        error = insert_key(store, issue);
    }
    return error ? error
                 : api_key_add_secret(store, issue->request->arena, issue->id, issue->secret);
}

static struct error *create_key(struct request *request, struct reply *reply)
{
    struct issue issue = {
        .request = request,
        .secret = api_key_generate(request->arena),
        .name = request_body_string(request, "name"),
        .expires = *request_body_value(request, "expires_at"),
        .now_ms = clock_wall_ms(),
    };
    struct error *error = read_scopes(request, &issue.scopes);
    error = error_merge(error, check_key_expiry(request, &issue.expires, issue.now_ms));
    if (!error) {
        error = store_write(app_of(request)->store, request->arena, create_in_transaction, &issue);
    }
    if (error && error->id == ERR_CONSTRAINT_REFERENCE) {
        /* meanwhile the account was deleted, or has left the organization */
        return error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    if (error) {
        return error;
    }
    const char *id = arena_format(request->arena, "%" PRId64, issue.id);
    request->subject = id;
    reply_created(request, reply, "/api/v1/api-keys", id);
    reply_secret(reply, &issue);
    return NULL;
}

/* --- rotation -------------------------------------------------------------------------------- */

/* Sets the new expiry, and the end of the current secret, which does not outlive the expiry that it
 * was issued with: that of an expired key ends now. */
static struct error *choose_rotated_expiry(struct issue *issue, struct value *old,
                                           int64_t *overlap_end_r)
{
    const struct request *request = issue->request;
    const struct value *given = request_body_value(request, "expires_at");
    int64_t overlap_ms = request_body_value(request, "overlap_minutes")->integer * MS_PER_MINUTE;
    *overlap_end_r = issue->now_ms + overlap_ms;
    if (old->state == VALUE_SET && old->integer < *overlap_end_r) {
        *overlap_end_r = old->integer > issue->now_ms ? old->integer : issue->now_ms;
    }
    issue->expires = given->state == VALUE_ABSENT ? *old : *given;
    return check_key_expiry(request, &issue->expires, issue->now_ms);
}

static struct error *replace_secret(struct store *store, const struct issue *issue,
                                    int64_t overlap_end)
{
    struct arena *arena = issue->request->arena;
    struct store_query *query = store_query(store, arena, SQL_API_KEY_SECRETS_REPLACE);
    store_bind_integer(query, issue->id);
    store_bind_integer(query, issue->now_ms);
    store_bind_integer(query, overlap_end);
    struct error *error = store_execute(query);
    return error ? error : api_key_add_secret(store, arena, issue->id, issue->secret);
}

static struct error *update_rotated_key(struct store *store, const struct issue *issue)
{
    struct arena *arena = issue->request->arena;
    const char *prefix = api_key_prefix(arena, issue->secret);
    struct store_query *query = store_query(store, arena, SQL_API_KEYS_REISSUE);
    store_bind_integer(query, issue->id);
    store_bind_text(query, prefix);
    store_bind_integer(query, issue->now_ms);
    bind_optional_integer(query, &issue->expires);
    store_bind_text(query, api_key_folded(arena, issue->name, scope_lines(arena, issue->scopes),
                                          prefix, app_principal(issue->request)->username));
    return store_execute(query);
}

static struct error *rotate_in_transaction(struct store *store, void *context)
{
    struct issue *issue = context;
    struct value *values;
    int64_t overlap_end;
    struct error *error = require_own_key(store, issue->request);
    if (!error) {
        error = read_visible_key(store, issue->request, issue->id, &values);
    }
    if (error) {
        return error;
    }
    const struct value *scopes = fields_get(key_fields, values, "scopes");
    issue->name = fields_string(key_fields, values, "name");
    issue->scopes = 0;
    for (size_t i = 0; i < scopes->strings.count; i++) {
        issue->scopes |= scope_set_of(scopes->strings.items[i]);
    }
    error =
        choose_rotated_expiry(issue, fields_get(key_fields, values, "expires_at"), &overlap_end);
    if (!error) {
        error = replace_secret(store, issue, overlap_end);
    }
    return error ? error : update_rotated_key(store, issue);
}

static struct error *rotate_key(struct request *request, struct reply *reply)
{
    struct issue issue = {
        .request = request,
        .secret = api_key_generate(request->arena),
        .id = request_path_id(request, "key_id"),
        .now_ms = clock_wall_ms(),
    };
    struct error *error =
        store_write(app_of(request)->store, request->arena, rotate_in_transaction, &issue);
    if (!error) {
        reply_secret(reply, &issue);
    }
    return error;
}

/* --- changes and revocation ------------------------------------------------------------------ */

struct change {
    struct request *request;
    struct value *values; /* the changed key */
};

/* Returns the scopes of the body, or those that the key has. ERR_VALIDATION if the body has others,
 * because the program that has the secret would gain rights. */
static struct error *narrow_scopes(const struct request *request, struct value *values,
                                   uint64_t *scopes_r)
{
    const struct value *had = fields_get(key_fields, values, "scopes");
    uint64_t old = 0;
    for (size_t i = 0; i < had->strings.count; i++) {
        old |= scope_set_of(had->strings.items[i]);
    }
    *scopes_r = old;
    if (request_body_value(request, "scopes")->state != VALUE_SET) {
        return NULL;
    }
    struct error *error = read_scopes(request, scopes_r);
    for (enum scope scope = SCOPE_FIRST; !error && scope < SCOPE_COUNT; scope++) {
        if (*scopes_r & ~old & SCOPE_BIT(scope)) {
            error = error_field(request->arena, "scopes", FAULT_NOT_NARROWER, scope_name(scope));
        }
    }
    return error;
}

static struct error *update_in_transaction(struct store *store, void *context)
{
    struct change *change = context;
    struct request *request = change->request;
    struct arena *arena = request->arena;
    int64_t id = request_path_id(request, "key_id");
    uint64_t scopes;
    struct error *error = require_own_key(store, request);
    if (!error) {
        error = read_visible_key(store, request, id, &change->values);
    }
    if (!error) {
        error = narrow_scopes(request, change->values, &scopes);
    }
    if (error) {
        return error;
    }
    const char *name = request_body_string(request, "name"), *lines = scope_lines(arena, scopes);
    name = name ? name : fields_string(key_fields, change->values, "name");
    struct store_query *query = store_query(store, arena, SQL_API_KEYS_UPDATE);
    store_bind_integer(query, id);
    store_bind_text(query, name);
    store_bind_text(query, lines);
    store_bind_text(query, api_key_folded(arena, name, lines,
                                          fields_string(key_fields, change->values, "prefix"),
                                          fields_string(key_fields, change->values, "created_by")));
    error = store_execute(query);
    return error ? error : read_visible_key(store, request, id, &change->values);
}

static struct error *update_key(struct request *request, struct reply *reply)
{
    struct change change = {.request = request};
    struct error *error =
        store_write(app_of(request)->store, request->arena, update_in_transaction, &change);
    if (!error) {
        reply_record(reply, change.values);
    }
    return error;
}

/* Revokes the key, unless an ADMIN would revoke that of an OWNER. */
static struct error *delete_in_transaction(struct store *store, void *context)
{
    const struct request *request = context;
    enum role role = ROLE_NONE;
    bool own = false;
    struct error *error = find_key_maker(store, request, &own, &role);
    if (!error && !own && app_principal(request)->kind != PRINCIPAL_LOCAL) {
        error = organization_check_rank(request, role, ROLE_NONE);
    }
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, request->arena, SQL_API_KEYS_DELETE);
    store_bind_integer(query, request_path_id(request, "key_id"));
    return store_execute(query);
}

static struct error *revoke_key(struct request *request, struct reply *reply)
{
    struct error *error =
        store_write(app_of(request)->store, request->arena, delete_in_transaction, request);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/api-keys"

static const struct field path_fields[] = {
    {.name = "key_id",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Идентификатор ключа", "The id of the key"},
     .example = "42"},
    {.name = NULL},
};

static const enum error_id create_errors[] = {ERR_TOO_MANY_KEYS, ERR_COUNT};
static const enum error_id one_errors[] = {ERR_NOT_FOUND, ERR_COUNT};

#define KEY_ROW(method_, pattern_, handler_)                                                       \
    .method = (method_), .pattern = (pattern_), .handler = (handler_),                             \
    .permission = PERMIT_PRINCIPAL, .scope = SCOPE_CLOSED, .pool = POOL_CORE

#define ONE_KEY_ROW(method_, pattern_, handler_)                                                   \
    KEY_ROW(method_, pattern_, handler_), .path = path_fields, .errors = one_errors

const struct route api_keys_routes[] = {
    {KEY_ROW(METHOD_GET, PATH, list_keys),
     .summary = {"Получить список ключей API", "List the API keys"},
     .about = {"Свои ключи. `OWNER` и `ADMIN` видят и ключи участников организации, локальный "
               "администратор — все.",
               "The caller's keys. An `OWNER` or `ADMIN` also sees those of the members in the "
               "organization, the local administrator all."},
     .query = list_query, .shape = REPLY_PAGE, .reply = &key_schema},
    {KEY_ROW(METHOD_POST, PATH, create_key), .summary = {"Создать ключ API", "Create an API key"},
     .about = {"Ключ действует с правами, которые есть у его владельца в момент вызова, в пределах "
               "областей доступа. Секрет показывается один раз.",
               "A key has the rights that its maker has at the time of a call, within its scopes. "
               "The secret is shown once."},
     .body = &create_schema, .shape = REPLY_RECORD, .reply = &issued_schema, .creates = true,
     .secret = true, .errors = create_errors, .action = "create_api_key",
     .resource_type = "api_key"},
    {ONE_KEY_ROW(METHOD_GET, PATH "/{key_id}", get_key),
     .summary = {"Получить ключ API без секрета", "Get an API key without its secret"},
     .shape = REPLY_RECORD, .reply = &key_schema},
    {ONE_KEY_ROW(METHOD_PATCH, PATH "/{key_id}", update_key),
     .summary = {"Изменить ключ API", "Change an API key"},
     .about = {"Переименовывает ключ или убирает области доступа; только для его владельца.",
               "Renames the key or removes scopes from it; only for its maker."},
     .body = &update_schema, .shape = REPLY_RECORD, .reply = &key_schema,
     .action = "update_api_key", .resource_type = "api_key"},
    {ONE_KEY_ROW(METHOD_DELETE, PATH "/{key_id}", revoke_key),
     .summary = {"Отозвать ключ API", "Revoke an API key"},
     .about = {"Действует сразу.", "Takes effect at once."}, .shape = REPLY_NOTHING,
     .action = "revoke_api_key", .resource_type = "api_key"},
    {ONE_KEY_ROW(METHOD_POST, PATH "/{key_id}/rotate", rotate_key),
     .summary = {"Выдать ключу API новый секрет", "Issue a new secret of an API key"},
     .about = {"Прежний секрет действует ещё `overlap_minutes`. Только для владельца ключа.",
               "The previous secret remains valid for `overlap_minutes`. Only for the maker of the "
               "key."},
     .body = &rotate_schema, .body_optional = true, .shape = REPLY_RECORD, .reply = &issued_schema,
     .secret = true, .action = "rotate_api_key", .resource_type = "api_key", .resource = "key_id"},
    {.pattern = NULL},
};
