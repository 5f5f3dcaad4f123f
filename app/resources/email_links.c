/*
 * Email links: verification of email addresses. The local administrator issues one-use links and
 * confirms addresses; an account verifies its own address with a link. No call gives a link to a
 * member of an organization, who could use it to verify the address of another person.
 */
#include "auth/email_link.h"
#include "base/arena.h"
#include "base/clock.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/accounts.h"
#include "rest/lists.h"
#include "rest/organizations.h"
#include "rest/rows.h"

#include <inttypes.h>

/* --- field maps ------------------------------------------------------------------------------ */

#define LINK_ID                                                                                    \
    {                                                                                              \
        .name = "id", .type = FIELD_INTEGER,                                                       \
        .about = {"Идентификатор ссылки", "The id of the link"}, .example = "3"                    \
    }

#define LINK_TOKEN(flags_)                                                                         \
    {                                                                                              \
        .name = "token", .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = 256,            \
        .about = {"Одноразовый токен; показывается один раз", "The one-use token; shown once"},    \
        .example = "\"9b1c0e…\""                                                                 \
    }

#define LINK_EXPIRES                                                                               \
    TIME_FIELD("expires_at", "Время, когда истекает срок действия", "When the link expires")

static const struct field issue_fields[] = {ACCOUNT_EMAIL(FIELD_REQUIRED), {.name = NULL}};

static const struct field issued_fields[] = {
    LINK_ID, ACCOUNT_EMAIL(0), LINK_TOKEN(0), LINK_EXPIRES, {.name = NULL},
};

static const struct field link_fields[] = {
    LINK_ID,
    ACCOUNT_EMAIL(0),
    TIME_FIELD("created_at", "Время выдачи", "When the link was issued"),
    LINK_EXPIRES,
    {.name = NULL},
};

static const struct field verify_fields[] = {
    LINK_TOKEN(FIELD_REQUIRED | FIELD_SECRET),
    {.name = NULL},
};

static const struct field page_query[] = {
    LIST_SHORT_QUERY_FIELDS(LIMIT_STANDARD),
    {.name = NULL},
};

static const struct list_key link_keys[] = {
    {"id", "l.id", SQL_EMAIL_LINKS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {.name = NULL},
};

static const struct list link_list = {
    .alias = "l",
    .rows = SQL_EMAIL_LINKS_LIST,
    .count = SQL_EMAIL_LINKS_COUNT,
    .fields = link_fields,
    .keys = link_keys,
    .id = "l.id",
    .id_index = SQL_EMAIL_LINKS_LIST_ID,
};

static const struct field confirm_fields[] = {
    {.name = "account_id",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Идентификатор учётной записи", "The id of the account"},
     .example = "17"},
    {.name = NULL},
};

static const struct schema issue_schema = {"EmailLinkIssue", issue_fields};
static const struct schema issued_schema = {"EmailLinkIssued", issued_fields};
static const struct schema link_schema = {"EmailLink", link_fields};
static const struct schema confirm_schema = {"EmailConfirm", confirm_fields};
static const struct schema verify_schema = {"EmailVerify", verify_fields};

/* --- links ----------------------------------------------------------------------------------- */

#define LINKS "/api/v1/accounts/invitations"

static struct error *issue_one_use_link(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    struct email_link link = {.email = request_body_string(request, "email")};
    request->subject = link.email;
    if (config_registration(app->config) == REGISTRATION_CLOSED) {
        return error_new(request->arena, ERR_REGISTRATION_CLOSED, NULL);
    }
    struct error *error = email_link_issue(app->store, request->arena, clock_wall_ms(), &link);
    if (error) {
        return error;
    }
    struct value *record = arena_array(request->arena, fields_count(issued_fields), sizeof *record);
    field_set_integer(fields_get(issued_fields, record, "id"), link.id);
    field_set_string(fields_get(issued_fields, record, "email"), link.email);
    field_set_string(fields_get(issued_fields, record, "token"), link.token);
    field_set_integer(fields_get(issued_fields, record, "expires_at"), link.expires_ms);
    reply_created(request, reply, LINKS, arena_format(request->arena, "%" PRId64, link.id));
    reply_record(reply, record);
    return NULL;
}

static struct error *list_unused_links(struct request *request, struct reply *reply)
{
    const int64_t scope[] = {clock_wall_ms()};
    return list_reply(request, reply, &link_list, scope, 1);
}

/* Begins a statement about the link that the path names. */
static struct store_query *query_link_in_path(struct store *store, const struct request *request,
                                              enum sql_statement statement)
{
    struct store_query *query = store_query(store, request->arena, statement);
    store_bind_integer(query, clock_wall_ms());
    store_bind_integer(query, request_path_id(request, "link_id"));
    return query;
}

static struct error *get_unused_link(struct request *request, struct reply *reply)
{
    struct value *values;
    struct error *error =
        rows_read_one(query_link_in_path(app_of(request)->store, request, SQL_EMAIL_LINKS_GET),
                      request->arena, link_fields, &values);
    if (!error && !values) {
        error = error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    if (!error) {
        reply_record(reply, values);
    }
    return error;
}

static struct error *delete_email_link(struct store *store, void *context)
{
    const struct request *request = context;
    struct store_query *query = query_link_in_path(store, request, SQL_EMAIL_LINKS_DELETE);
    struct error *error = store_execute(query);
    return error || store_changes(query) ? error : error_new(request->arena, ERR_NOT_FOUND, NULL);
}

static struct error *withdraw_email_link(struct request *request, struct reply *reply)
{
    struct error *error =
        store_write(app_of(request)->store, request->arena, delete_email_link, request);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- verification of addresses --------------------------------------------------------------- */

static struct error *verify_email_of_account(struct store *store, void *context)
{
    const struct request *request = context;
    return account_verify_email(
        store, request->arena, request_body_value(request, "account_id")->integer, clock_wall_ms());
}

static struct error *confirm_email(struct request *request, struct reply *reply)
{
    request->subject = arena_format(request->arena, "%" PRId64,
                                    request_body_value(request, "account_id")->integer);
    struct error *error =
        store_write(app_of(request)->store, request->arena, verify_email_of_account, request);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* Uses the link for the current address of the account, which may have changed since the token was
 * issued. */
static struct error *verify_email_by_link(struct store *store, void *context)
{
    const struct request *request = context;
    struct account *account = NULL;
    int64_t id = app_principal(request)->account_id, now = clock_wall_ms();
    struct error *error = account_get(store, request->arena, id, &account);
    if (error) {
        return error;
    }
    if (!account || !account->email) {
        return error_new(request->arena, ERR_LINK_INVALID, "the account has no address");
    }
    error = email_link_use(store, request->arena, request_body_string(request, "token"),
                           account->email, now);
    return error ? error : account_verify_email(store, request->arena, id, now);
}

static struct error *verify_email(struct request *request, struct reply *reply)
{
    request->subject = app_principal(request)->username;
    if (!app_principal(request)->account_id) {
        return error_new(request->arena, ERR_FORBIDDEN, "the caller is not an account");
    }
    struct error *error =
        store_write(app_of(request)->store, request->arena, verify_email_by_link, request);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH_ID(name_, ru_, en_, example_)                                                         \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .flags = FIELD_REQUIRED, .min = 1,                 \
        .max = INT64_MAX, .about = {(ru_), (en_)}, .example = (example_)                           \
    }

static const struct field path_fields[] = {
    PATH_ID("link_id", "Идентификатор ссылки", "The id of the link", "3"),
    {.name = NULL},
};

static const enum error_id list_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id one_errors[] = {ERR_NOT_FOUND, ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id issue_errors[] = {ERR_REGISTRATION_CLOSED, ERR_DATABASE_UNAVAILABLE,
                                             ERR_COUNT};
static const enum error_id verify_errors[] = {ERR_FORBIDDEN, ERR_LINK_INVALID,
                                              ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

const struct route email_links_routes[] = {
    {.method = METHOD_POST,
     .pattern = LINKS,
     .handler = issue_one_use_link,
     .permission = PERMIT_ADDRESSES,
     .scope = SCOPE_ACCOUNTS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Выдать одноразовую ссылку", "Issue a one-use link"},
     .about =
         {"Токен действует 7 дней и подтверждает адрес: при регистрации (`invitation_token`) или "
          "для "
          "существующей учётной записи (`/auth/verify-email`). Новая ссылка заменяет прежнюю. С "
          "`REGISTRATION=closed` ссылки выдаёт только командная строка.",
          "The token is valid for 7 days and verifies the address: in a registration "
          "(`invitation_token`) or for an existing account (`/auth/verify-email`). A new link "
          "replaces the previous one. With `REGISTRATION=closed` only the command line issues "
          "links."},
     .body = &issue_schema,
     .shape = REPLY_RECORD,
     .reply = &issued_schema,
     .creates = true,
     .secret = true,
     .errors = issue_errors,
     .action = "issue_email_link",
     .resource_type = "email_link"},
    {.method = METHOD_GET,
     .pattern = LINKS,
     .handler = list_unused_links,
     .permission = PERMIT_ADDRESSES,
     .scope = SCOPE_ACCOUNTS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить неиспользованные ссылки", "List the unused links"},
     .query = page_query,
     .shape = REPLY_LIST,
     .reply = &link_schema,
     .errors = list_errors},
    {.method = METHOD_GET,
     .pattern = LINKS "/{link_id}",
     .path = path_fields,
     .handler = get_unused_link,
     .permission = PERMIT_ADDRESSES,
     .scope = SCOPE_ACCOUNTS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить ссылку без токена", "Get a link without its token"},
     .shape = REPLY_RECORD,
     .reply = &link_schema,
     .errors = one_errors},
    {.method = METHOD_DELETE,
     .pattern = LINKS "/{link_id}",
     .path = path_fields,
     .handler = withdraw_email_link,
     .permission = PERMIT_ADDRESSES,
     .scope = SCOPE_ACCOUNTS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Отозвать ссылку", "Withdraw a link"},
     .shape = REPLY_NOTHING,
     .errors = one_errors,
     .action = "withdraw_email_link",
     .resource_type = "email_link"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/accounts/confirm-email",
     .handler = confirm_email,
     .permission = PERMIT_ADDRESSES,
     .scope = SCOPE_ACCOUNTS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Подтвердить адрес учётной записи", "Confirm the address of an account"},
     .about =
         {"Подтверждайте, только если знаете, что учётная запись принадлежит владельцу адреса.",
          "Confirm only if you know that the account belongs to the holder of the address."},
     .body = &confirm_schema,
     .shape = REPLY_NOTHING,
     .errors = one_errors,
     .action = "confirm_email",
     .resource_type = "account"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/verify-email",
     .handler = verify_email,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_CLOSED,
     .pool = POOL_CORE,
     .summary = {"Подтвердить мой адрес по одноразовой ссылке",
                 "Verify my address with a one-use link"},
     .body = &verify_schema,
     .shape = REPLY_NOTHING,
     .errors = verify_errors,
     .action = "verify_email",
     .resource_type = "account"},
    {.pattern = NULL},
};
