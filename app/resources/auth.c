/* Auth: login, registration, refresh and logout, the caller's own data, and the change of the
 * password. */
#include "auth/auth.h"
#include "auth/email_link.h"
#include "auth/throttle.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "directory/directory.h"
#include "http/audit.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/accounts.h"
#include "rest/authorization.h"
#include "rest/limits.h"
#include "rest/login.h"
#include "rest/own_rights.h"
#include "rest/rows.h"

#include <inttypes.h>

enum { NAME_MAX_LENGTH = 256 };

/* --- field maps ------------------------------------------------------------------------------ */

static const struct field login_fields[] = {
    {.name = "username",
     .type = FIELD_STRING,
     .flags = FIELD_ALTERNATIVE,
     .min = 1,
     .max = NAME_MAX_LENGTH,
     .about = {"Имя пользователя; укажите его или email. Имя пользователя каталога — также в виде "
               "name@domain или DOMAIN\\name",
               "The user name; send either it or the email. Directory users may also write "
               "name@domain or DOMAIN\\name"},
     .example = "\"admin\""},
    {.name = "email",
     .type = FIELD_STRING,
     .flags = FIELD_ALTERNATIVE,
     .min = 1,
     .max = NAME_MAX_LENGTH,
     .about = {"Адрес электронной почты", "The email address"},
     .example = "\"admin@example.com\""},
    {.name = "password",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED | FIELD_SECRET,
     .min = 1,
     .max = NAME_MAX_LENGTH,
     .about = {"Пароль", "The password"},
     .example = "\"admin123\""},
    {.name = NULL},
};

static const struct field refresh_fields[] = {
    {.name = "refresh_token",
     .type = FIELD_STRING,
     .flags = FIELD_SECRET,
     .min = 1,
     .max = 4096,
     .about = {"Токен обновления; без него нужен действующий токен доступа",
               "The refresh token; without it, a valid access token is required"},
     .example = "\"eyJhbGciOiJIUzI1NiIs…\""},
    {.name = NULL},
};

/* The tokens in the replies of login, refresh and register. */
#define TOKENS_FIELDS(refresh_flags)                                                               \
    {.name = "access_token",                                                                       \
     .type = FIELD_STRING,                                                                         \
     .about = {"Токен доступа", "The access token"},                                               \
     .example = "\"eyJhbGciOiJIUzI1NiIs…\""},                                                      \
        {.name = "refresh_token",                                                                  \
         .type = FIELD_STRING,                                                                     \
         .flags = (refresh_flags),                                                                 \
         .about = {"Токен обновления", "The refresh token"},                                       \
         .example = "\"5f0c9c1e…\""},                                                              \
        {.name = "token_type",                                                                     \
         .type = FIELD_STRING,                                                                     \
         .about = {"Тип токена", "The type of the token"},                                         \
         .example = "\"bearer\""},                                                                 \
    {                                                                                              \
        .name = "expires_in", .type = FIELD_INTEGER,                                               \
        .about = {"Срок действия токена доступа, секунды",                                         \
                  "The lifetime of the access token in seconds"},                                  \
        .example = "86400"                                                                         \
    }

static const struct field tokens_fields[] = {
    TOKENS_FIELDS(0),
    {.name = NULL},
};

/* A refresh by an access token returns no refresh token. */
static const struct field renewed_fields[] = {
    TOKENS_FIELDS(FIELD_OPTIONAL),
    {.name = NULL},
};

static const struct field register_fields[] = {
    ACCOUNT_EMAIL(FIELD_REQUIRED),
    ACCOUNT_PASSWORD("password", ACCOUNT_PASSWORD_MIN, "Пароль", "The password"),
    ACCOUNT_NAME(0),
    ORGANIZATION_NAME("organization_name", 0),
    {.name = "invitation_token",
     .type = FIELD_STRING,
     .flags = FIELD_SECRET,
     .min = 1,
     .max = 256,
     .about = {"Токен одноразовой ссылки, выданной для этого адреса",
               "The token of a one-use link that was issued for this address"},
     .example = "\"9b1c0e…\""},
    {.name = NULL},
};

static const struct field change_password_fields[] = {
    ACCOUNT_PASSWORD("current_password", 1, "Текущий пароль", "The current password"),
    ACCOUNT_PASSWORD("new_password", ACCOUNT_PASSWORD_MIN, "Новый пароль", "The new password"),
    {.name = NULL},
};

static const struct field user_fields[] = {
    ACCOUNT_ID("id"), ACCOUNT_USERNAME(0, NULL), ACCOUNT_EMAIL(0), ACCOUNT_NAME(0), {.name = NULL},
};

static const struct field membership_fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .about = {"Идентификатор организации", "The id of the organization"},
     .example = "1"},
    ORGANIZATION_NAME("name", 0),
    {.name = "currency",
     .type = FIELD_STRING,
     .about = {"Валюта сумм", "The currency of amounts"},
     .example = "\"RUB\""},
    MEMBER_ROLE(0),
    {.name = NULL},
};

static const struct field registered_fields[] = {
    {.name = "user",
     .type = FIELD_RECORD,
     .fields = user_fields,
     .about = {"Новая учётная запись", "The new account"},
     .example = "{}"},
    {.name = "organization",
     .type = FIELD_RECORD,
     .fields = membership_fields,
     .about = {"Новая организация", "The new organization"},
     .example = "{}"},
    TOKENS_FIELDS(0),
    {.name = NULL},
};

static const struct field me_fields[] = {
    {.name = "id",
     .type = FIELD_STRING,
     .about = {"Идентификатор", "The id"},
     .example = "\"local:admin\""},
    {.name = "username",
     .type = FIELD_STRING,
     .about = {"Имя пользователя", "The user name"},
     .example = "\"admin\""},
    {.name = "email",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Адрес электронной почты", "The email address"},
     .example = "null"},
    {.name = "name",
     .type = FIELD_STRING,
     .about = {"Отображаемое имя", "The display name"},
     .example = "\"admin\""},
    {.name = "kind",
     .type = FIELD_STRING,
     .about = {"Вид пользователя: local, account или directory",
               "The kind of user: local, account or directory"},
     .example = "\"local\""},
    {.name = "account_id",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE,
     .about = {"Идентификатор учётной записи", "The id of the account"},
     .example = "null"},
    {.name = "organizations",
     .type = FIELD_RECORDS,
     .fields = membership_fields,
     .about = {"Организации и роли в них", "The organizations and the roles in them"},
     .example = "[]"},
    {.name = "default_organization_id",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE,
     .about = {"Организация по умолчанию: для неё выдаются токены",
               "The default organization, for which tokens are issued"},
     .example = "1"},
    {.name = "email_verified",
     .type = FIELD_BOOLEAN,
     .about = {"Адрес учётной записи подтверждён", "True if the account's address is verified"},
     .example = "true"},
    {.name = "permissions",
     .type = FIELD_STRINGS,
     .about = {"Разрешения вызывающего", "The permissions of the caller"},
     .example = "[\"directory:read\"]"},
    {.name = "delegations",
     .type = FIELD_RECORDS,
     .flags = FIELD_NULLABLE,
     .fields = own_rights_fields,
     .about = {"Права на объекты каталога; null: сейчас неизвестны, потому что каталог недоступен",
               "The rights on entries of the directory; null: currently unknown, because the "
               "directory is not available"},
     .example = "[]"},
    {.name = NULL},
};

static const struct field update_me_fields[] = {
    {.name = "default_organization_id",
     .type = FIELD_INTEGER,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Организация по умолчанию: одна из организаций учётной записи",
               "The default organization: one that the account is a member of"},
     .example = "1"},
    {.name = NULL},
};

static const struct schema login_schema = {"Login", login_fields};
static const struct schema refresh_schema = {"Refresh", refresh_fields};
static const struct schema tokens_schema = {"Tokens", tokens_fields};
static const struct schema renewed_schema = {"RenewedTokens", renewed_fields};
static const struct schema me_schema = {"Me", me_fields};
static const struct schema update_me_schema = {"MeUpdate", update_me_fields};
static const struct schema register_schema = {"Register", register_fields};
static const struct schema registered_schema = {"Registered", registered_fields};
static const struct schema change_password_schema = {"ChangePassword", change_password_fields};

/* --- handlers -------------------------------------------------------------------------------- */

static void set_token_fields(const struct field *fields, struct value *record,
                             const struct auth_tokens *tokens)
{
    field_set_string(fields_get(fields, record, "access_token"), tokens->access);
    if (tokens->refresh) {
        field_set_string(fields_get(fields, record, "refresh_token"), tokens->refresh);
    }
    field_set_string(fields_get(fields, record, "token_type"), "bearer");
    field_set_integer(fields_get(fields, record, "expires_in"), tokens->expires_in);
}

static struct session_client get_session_client(const struct request *request)
{
    return (struct session_client){request->headers.address, request->headers.user_agent};
}

static void reply_tokens(struct request *request, struct reply *reply,
                         const struct auth_tokens *tokens)
{
    struct value *record = arena_array(request->arena, fields_count(tokens_fields), sizeof *record);
    set_token_fields(tokens_fields, record, tokens);
    reply_record(reply, record);
}

static struct error *begin_login_session(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    const char *username = request_body_string(request, "username");
    const char *email = request_body_string(request, "email");
    const struct principal *principal;
    struct throttle throttle;
    struct auth_tokens tokens;
    if (!username == !email) {
        return error_field(request->arena, "username", FAULT_EITHER_REQUIRED, "username, email");
    }
    struct error *error =
        login_verify(request, username ? username : email, request_body_string(request, "password"),
                     &throttle, &principal);
    if (!error) {
        request->actor = principal->username;
        request->actor_id = principal->id;
        const struct session_client client = get_session_client(request);
        error = auth_begin_session(app->config, app->store, request->arena, principal, &throttle,
                                   &client, &tokens);
    }
    if (!error) {
        reply_tokens(request, reply, &tokens);
    }
    return error;
}

/* Returns the reply of a registration. */
static struct value *describe_registration(struct arena *arena,
                                           const struct auth_registration *registration,
                                           const struct auth_tokens *tokens)
{
    const struct account *account = &registration->account;
    struct value *user = arena_array(arena, fields_count(user_fields), sizeof *user);
    struct value *organization =
        arena_array(arena, fields_count(membership_fields), sizeof *organization);
    struct value *record = arena_array(arena, fields_count(registered_fields), sizeof *record);
    field_set_integer(fields_get(user_fields, user, "id"), account->id);
    field_set_string(fields_get(user_fields, user, "username"), account->username);
    field_set_string(fields_get(user_fields, user, "email"), account->email);
    field_set_string(fields_get(user_fields, user, "name"), account->name);
    field_set_integer(fields_get(membership_fields, organization, "id"),
                      registration->organization.id);
    field_set_string(fields_get(membership_fields, organization, "name"),
                     registration->organization.name);
    field_set_string(fields_get(membership_fields, organization, "currency"),
                     registration->organization.currency);
    field_set_string(fields_get(membership_fields, organization, "role"),
                     principal_role_names[ROLE_OWNER]);
    field_set_record(fields_get(registered_fields, record, "user"), user);
    field_set_record(fields_get(registered_fields, record, "organization"), organization);
    set_token_fields(registered_fields, record, tokens);
    return record;
}

static struct error *refuse_registration(const struct request *request)
{
    bool open = config_registration(app_of(request)->config) == REGISTRATION_OPEN;
    return error_new(request->arena, open ? ERR_LINK_INVALID : ERR_REGISTRATION_CLOSED, NULL);
}

/*
 * Checks that the caller may register: by a valid link for the address or, without a link, by open
 * registration. Looks up the link and never the address, so that neither the reply nor its time
 * reveals whether an account has the address.
 */
static struct error *check_registration(const struct request *request, const char *email)
{
    const struct app *app = request->app;
    const char *link = request_body_string(request, "invitation_token");
    bool valid = !link && config_registration(app->config) == REGISTRATION_OPEN;
    struct error *error =
        link ? email_link_check(app->store, request->arena, link, email, clock_wall_ms(), &valid)
             : NULL;
    return error || valid ? error : refuse_registration(request);
}

/* Writes an audit line about the account that lost its address to the new account, which has
 * verified it. */
static void audit_release(const struct request *request, int64_t account_id)
{
    static const struct route release = {
        .pattern = "",
        .summary = {"Передать адрес тому, кто его подтвердил",
                    "Transfer an address to the caller who verified it"},
        .action = "release_email",
        .resource_type = "account",
    };
    struct request line = *request;
    line.route = &release;
    line.body = NULL;
    line.subject = arena_format(request->arena, "%" PRId64, account_id);
    audit_write(&line, NULL);
}

static struct error *register_account(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    const char *email = request_body_string(request, "email");
    const char *name = request_body_string(request, "name");
    const char *organization = request_body_string(request, "organization_name");
    struct auth_registration registration = {
        .account = {.username = email, .email = email, .name = name ? name : email},
        .organization = {.name = organization ? organization
                                 : name       ? name
                                              : email,
                         .currency = ORGANIZATION_CURRENCY},
        .link = request_body_string(request, "invitation_token"),
        .client = get_session_client(request),
    };
    const struct new_password password = {.field = "password",
                                          .text = request_body_string(request, "password"),
                                          .username = email,
                                          .email = email};
    struct auth_tokens tokens = {0};
    request->subject = email;
    struct error *error = limits_admit_hash(request, false);
    if (!error) {
        error = check_registration(request, email);
    }
    if (!error) {
        error = login_check_name_free(app->directory, app->config, request->arena, "email", email);
    }
    if (!error) {
        error = auth_hash_password(app->config, request->arena, &password,
                                   &registration.account.password_hash);
    }
    if (!error) {
        error = auth_register(app->config, app->store, request->arena, &registration, &tokens);
    }
    if (error && error->id == ERR_LINK_INVALID) { /* another request has just used the link */
        error = refuse_registration(request);
    }
    if (!error && registration.released_id) {
        /* Commits first: the audit line must not report a release that is rolled back. */
        error = store_group_commit(app->store, request->arena);
    }
    if (error) {
        return error;
    }
    request->actor = email;
    if (registration.released_id) {
        audit_release(request, registration.released_id);
    }
    reply_created(request, reply, "/api/v1/organizations",
                  arena_format(request->arena, "%" PRId64, registration.organization.id));
    reply_record(reply, describe_registration(request->arena, &registration, &tokens));
    return NULL;
}

static struct error *change_password(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    const struct principal *principal = request->principal;
    const struct principal *verified;
    struct throttle throttle;
    struct account *account;
    if (!principal->account_id) {
        return error_new(request->arena, ERR_FORBIDDEN, "the caller is not an account");
    }
    request->subject = principal->username;
    struct error *error = login_begin_throttle(request, principal->id, &throttle);
    if (!error) {
        error = limits_admit_hash(request, throttle.known);
    }
    if (!error) {
        error = throttle_check(app->store, request->arena, &throttle, clock_wall_ms());
    }
    if (!error) {
        error = auth_login_account(app->config, app->store, request->arena, principal->username,
                                   request_body_string(request, "current_password"), &verified,
                                   &account);
    }
    if (error && error->id == ERR_INVALID_CREDENTIALS) {
        error = throttle_count_failure(app->store, request->arena, &throttle, clock_wall_ms());
        return error ? error
                     : error_field(request->arena, "current_password", FAULT_WRONG_PASSWORD, NULL);
    }
    if (!error) {
        const struct new_password password = {.field = "new_password",
                                              .text = request_body_string(request, "new_password"),
                                              .username = principal->username,
                                              .email = principal->email};
        error = auth_change_password(app->config, app->store, request->arena, principal, &password);
    }
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

static struct error *end_own_session(struct request *request, struct reply *reply)
{
    request->subject = app_principal(request)->username;
    struct error *error = auth_logout(app_of(request)->store, request->arena, request->principal);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* Replaces the principal of a directory user by one made from the current directory entry, so that
 * a refresh grants nothing that a new login would not. */
static struct error *reread_directory_principal(struct request *request,
                                                const struct principal **principal)
{
    const char *guid = principal_guid((*principal)->id);
    struct directory_identity identity;
    if (!guid) {
        return NULL;
    }
    struct error *error =
        directory_identify(app_of(request)->directory, request->arena, guid, true, &identity);
    if (!error) {
        struct principal *found = login_principal(request->arena, &identity);
        found->session = (*principal)->session;
        *principal = found;
    }
    return error;
}

/* Continues the session of the refresh token or, without one, that of the access token. Only this
 * handler authenticates the caller itself, so it also counts the caller against the rate limits. */
static struct error *refresh_caller_tokens(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    const struct session_client client = get_session_client(request);
    const char *token = request_body_string(request, "refresh_token");
    const struct principal *principal;
    struct auth_tokens tokens;
    request->bearer_ignored = token != NULL;
    struct error *error =
        token ? auth_refresh_subject(app->config, app->store, request->arena, token, &principal)
              : auth_authenticate_bearer(app->config, app->store, request->arena,
                                         request->headers.authorization, 0, &principal);
    if (!error && !principal) {
        return error_new(request->arena, ERR_UNAUTHORIZED, NULL);
    }
    if (!error) {
        request->actor_id = principal->id;
        request->principal = principal;
        error = limits_begin(request);
        request->limited = !error;
    }
    if (!error) {
        error = reread_directory_principal(request, &principal);
    }
    if (!error) {
        request->actor = request->subject = principal->username;
        error = auth_refresh(app->config, app->store, request->arena, principal, &client, token,
                             &tokens);
    }
    if (error) {
        request->reason = error->cause;
        return error;
    }
    reply_tokens(request, reply, &tokens);
    return NULL;
}

/* Reads the default organization of the caller's account, and whether its address is verified. */
static struct error *read_account_state(struct request *request, struct value *record)
{
    struct store_query *query =
        store_query(app_of(request)->store, request->arena, SQL_ACCOUNTS_SELF);
    struct value *organization = fields_get(me_fields, record, "default_organization_id");
    bool row, trusted = config_trusts_email_addresses(app_of(request)->config);
    store_bind_integer(query, app_principal(request)->account_id);
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error;
    }
    field_set_boolean(fields_get(me_fields, record, "email_verified"),
                      app_principal(request)->email &&
                          (trusted || !store_is_null(query, SQL_ACCOUNTS_SELF_EMAIL_VERIFIED_AT)));
    if (!store_is_null(query, SQL_ACCOUNTS_SELF_ORGANIZATION_ID)) {
        field_set_integer(organization, store_integer(query, SQL_ACCOUNTS_SELF_ORGANIZATION_ID));
    }
    return store_next(query, &row);
}

static struct error *get_me(struct request *request, struct reply *reply)
{
    const struct principal *principal = request->principal;
    const char **permissions = arena_array(request->arena, PERMIT_COUNT, sizeof *permissions);
    struct value **organizations = NULL;
    size_t count = 0, organizations_count = 0;
    struct value *record = arena_array(request->arena, fields_count(me_fields), sizeof *record);
    struct value *delegations = fields_get(me_fields, record, "delegations");
    own_rights_set(request, delegations);
    for (size_t i = 0; i < PERMIT_COUNT; i++) {
        bool hidden = i == PERMIT_DIRECTORY_READ && !own_rights_reads(request, delegations);
        if (permission_names[i] && !hidden &&
            authorization_permits(principal, (enum permission)i)) {
            permissions[count++] = permission_names[i];
        }
    }
    field_set_boolean(fields_get(me_fields, record, "email_verified"), false);
    if (principal->account_id) {
        struct store_query *query =
            store_query(app_of(request)->store, request->arena, SQL_ORGANIZATIONS_OF_ACCOUNT);
        store_bind_integer(query, principal->account_id);
        store_bind_integer(query, principal_only_organization(principal));
        struct error *error = rows_read_all(query, request->arena, membership_fields,
                                            &organizations, &organizations_count);
        if (!error) {
            error = read_account_state(request, record);
        }
        if (error) {
            return error;
        }
    }
    field_set_string(fields_get(me_fields, record, "id"), principal->id);
    field_set_string(fields_get(me_fields, record, "username"), principal->username);
    field_set_string(fields_get(me_fields, record, "email"), principal->email);
    field_set_string(fields_get(me_fields, record, "name"), principal->name);
    field_set_string(fields_get(me_fields, record, "kind"), principal_kind_names[principal->kind]);
    if (principal->account_id) {
        field_set_integer(fields_get(me_fields, record, "account_id"), principal->account_id);
    }
    field_set_records(fields_get(me_fields, record, "organizations"), organizations,
                      organizations_count);
    field_set_strings(fields_get(me_fields, record, "permissions"), permissions, count);
    reply_record(reply, record);
    return NULL;
}

struct self_update {
    struct request *request;
    struct reply *reply;
};

/* Makes the reply in the same transaction, so that it shows the change. */
static struct error *set_default_organization(struct store *store, void *context)
{
    const struct self_update *update = context;
    struct request *request = update->request;
    const struct value *wanted = request_body_value(request, "default_organization_id");
    struct error *error = account_set_default_organization(
        store, request->arena, app_principal(request)->account_id, wanted->integer);
    return error ? error : get_me(request, update->reply);
}

static struct error *update_me(struct request *request, struct reply *reply)
{
    struct self_update update = {request, reply};
    request->subject = app_principal(request)->username;
    if (!app_principal(request)->account_id) {
        return error_new(request->arena, ERR_FORBIDDEN, "the caller is not an account");
    }
    bool wanted = request_body_value(request, "default_organization_id")->state == VALUE_SET;
    return wanted ? store_write(app_of(request)->store, request->arena, set_default_organization,
                                &update)
                  : get_me(request, reply);
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id login_errors[] = {
    ERR_INVALID_CREDENTIALS,
    ERR_TOO_MANY_ATTEMPTS,
    ERR_DIRECTORY_UNAVAILABLE,
    ERR_DIRECTORY_CREDENTIALS,
    ERR_DATABASE_UNAVAILABLE,
    ERR_OVERLOADED,
    ERR_COUNT,
};
static const enum error_id refresh_errors[] = {
    ERR_UNAUTHORIZED,
    ERR_INVALID_TOKEN,
    ERR_TOKEN_EXPIRED,
    ERR_DIRECTORY_UNAVAILABLE,
    ERR_DIRECTORY_CREDENTIALS,
    ERR_DATABASE_UNAVAILABLE,
    ERR_COUNT,
};
static const enum error_id register_errors[] = {ERR_ALREADY_EXISTS,
                                                ERR_REGISTRATION_CLOSED,
                                                ERR_LINK_INVALID,
                                                ERR_DIRECTORY_UNAVAILABLE,
                                                ERR_DIRECTORY_CREDENTIALS,
                                                ERR_DATABASE_UNAVAILABLE,
                                                ERR_OVERLOADED,
                                                ERR_COUNT};
static const enum error_id update_me_errors[] = {ERR_FORBIDDEN, ERR_DATABASE_UNAVAILABLE,
                                                 ERR_COUNT};
static const enum error_id password_errors[] = {
    ERR_FORBIDDEN, ERR_TOO_MANY_ATTEMPTS, ERR_DATABASE_UNAVAILABLE, ERR_OVERLOADED, ERR_COUNT};
static const enum error_id store_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

const struct route auth_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/login",
     .handler = begin_login_session,
     .pool = POOL_AUTH,
     .summary = {"Войти", "Log in"},
     .essential = true,
     .about = {"Входят локальный администратор, учётные записи и пользователи каталога. "
               "Ответ при любой причине отказа одинаков и приходит через одно и то же время.",
               "For the local administrator, accounts and directory users. Every refused login "
               "gets the same reply after the same time, whatever the cause."},
     .body = &login_schema,
     .shape = REPLY_RECORD,
     .reply = &tokens_schema,
     .errors = login_errors,
     .action = "login",
     .resource_type = "session"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/refresh",
     .handler = refresh_caller_tokens,
     .pool = POOL_DIRECTORY,
     .summary = {"Обновить токены", "Refresh the tokens"},
     .essential = true,
     .about = {"Принимает токен обновления. Без тела запроса принимает действующий токен доступа, "
               "но не возвращает токен обновления. Токен обновления одноразовый: повтор в течение "
               "10 секунд возвращает тот же новый токен, более поздний завершает сессию.",
               "Takes a refresh token. Without a body, takes a valid access token and returns no "
               "refresh token. A refresh token can be used once: a repetition within 10 seconds "
               "returns the same new token, a later one ends the session."},
     .body = &refresh_schema,
     .body_optional = true,
     .secret = true,
     .shape = REPLY_RECORD,
     .reply = &renewed_schema,
     .errors = refresh_errors,
     .action = "refresh",
     .resource_type = "session"},
    {.method = METHOD_GET,
     .pattern = "/api/v1/auth/me",
     .handler = get_me,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_PROFILE_READ,
     .pool = POOL_DIRECTORY,
     .summary = {"Получить сведения о себе", "Get my own data"},
     .shape = REPLY_RECORD,
     .reply = &me_schema,
     .errors = store_errors},
    {.method = METHOD_PATCH,
     .pattern = "/api/v1/auth/me",
     .handler = update_me,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_CLOSED,
     .pool = POOL_DIRECTORY,
     .summary = {"Изменить мою организацию по умолчанию", "Change my default organization"},
     .about = {"Действует для токенов, выданных при следующем входе или по токену обновления.",
               "Applies to tokens issued by the next login or in exchange for a refresh token."},
     .body = &update_me_schema,
     .shape = REPLY_RECORD,
     .reply = &me_schema,
     .errors = update_me_errors,
     .action = "update_me",
     .resource_type = "account"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/register",
     .handler = register_account,
     .pool = POOL_AUTH,
     .summary = {"Зарегистрироваться", "Register"},
     .about =
         {"Новая учётная запись становится владельцем новой организации; `Location` указывает "
          "на неё. Если регистрация не открыта для всех (`REGISTRATION`), нужен токен "
          "одноразовой ссылки.",
          "The new account owns a new organization; `Location` is its URL. Unless registration "
          "is open to everybody (`REGISTRATION`), the token of a one-use link is required."},
     .body = &register_schema,
     .shape = REPLY_RECORD,
     .reply = &registered_schema,
     .creates = true,
     .errors = register_errors,
     .action = "register",
     .resource_type = "account"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/change-password",
     .handler = change_password,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_CLOSED,
     .pool = POOL_AUTH,
     .summary = {"Сменить пароль", "Change the password"},
     .essential = true,
     .about = {"Доступно только учётным записям. Завершает все сессии учётной записи, включая "
               "текущую: после смены войдите снова.",
               "For accounts only. Ends all sessions of the account, including this one: log in "
               "again."},
     .body = &change_password_schema,
     .shape = REPLY_NOTHING,
     .errors = password_errors,
     .action = "change_password",
     .resource_type = "account"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/logout",
     .handler = end_own_session,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_CLOSED,
     .pool = POOL_CORE,
     .summary = {"Выйти", "Log out"},
     .essential = true,
     .shape = REPLY_NOTHING,
     .errors = store_errors,
     .action = "logout",
     .resource_type = "session"},
    {.pattern = NULL},
};
