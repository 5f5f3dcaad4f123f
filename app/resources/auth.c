/* Auth: log in, renew the tokens, see who one is. */
#include "auth/auth.h"
#include "auth/throttle.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "collection/accounts.h"
#include "collection/rows.h"
#include "directory/directory.h"
#include "http/reply.h"
#include "resources/resources.h"

#include <inttypes.h>

enum { NAME_MAX_LENGTH = 256 };

/* --- field maps ------------------------------------------------------------------------------ */

static const struct field login_fields[] = {
    {.name = "username",
     .type = FIELD_STRING,
     .flags = FIELD_ALTERNATIVE,
     .min = 1,
     .max = NAME_MAX_LENGTH,
     .about = {"Имя пользователя; либо оно, либо email", "The user name; either it or the email"},
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
               "The refresh token; without it a valid access token is needed"},
     .example = "\"eyJhbGciOiJIUzI1NiIs…\""},
    {.name = NULL},
};

/* What login, refresh and register answer. */
#define TOKENS_FIELDS                                                                              \
    {.name = "access_token",                                                                       \
     .type = FIELD_STRING,                                                                         \
     .about = {"Токен доступа", "The access token"},                                               \
     .example = "\"eyJhbGciOiJIUzI1NiIs…\""},                                                      \
        {.name = "refresh_token",                                                                  \
         .type = FIELD_STRING,                                                                     \
         .about = {"Токен обновления", "The refresh token"},                                       \
         .example = "\"5f0c9c1e…\""},                                                              \
        {.name = "token_type",                                                                     \
         .type = FIELD_STRING,                                                                     \
         .about = {"Тип токена", "The type of the token"},                                         \
         .example = "\"bearer\""},                                                                 \
    {                                                                                              \
        .name = "expires_in", .type = FIELD_INTEGER,                                               \
        .about = {"Срок действия токена доступа, секунды",                                         \
                  "The life of the access token in seconds"},                                      \
        .example = "86400"                                                                         \
    }

static const struct field tokens_fields[] = {
    TOKENS_FIELDS,
    {.name = NULL},
};

static const struct field register_fields[] = {
    ACCOUNT_EMAIL(FIELD_REQUIRED),
    ACCOUNT_PASSWORD("password", ACCOUNT_PASSWORD_MIN, "Пароль", "The password"),
    ACCOUNT_NAME(0),
    ORGANIZATION_NAME("organization_name", 0),
    {.name = NULL},
};

static const struct field change_password_fields[] = {
    ACCOUNT_PASSWORD("current_password", 1, "Текущий пароль", "The password that it was"),
    ACCOUNT_PASSWORD("new_password", ACCOUNT_PASSWORD_MIN, "Новый пароль",
                     "The password that it shall be"),
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
    TOKENS_FIELDS,
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
     .about = {"Отображаемое имя", "The name to show"},
     .example = "\"admin\""},
    {.name = "kind",
     .type = FIELD_STRING,
     .about = {"Вид: local, account или directory", "The kind: local, account or directory"},
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
    {.name = "permissions",
     .type = FIELD_STRINGS,
     .about = {"Разрешения", "The permissions"},
     .example = "[\"directory:read\"]"},
    {.name = NULL},
};

static const struct schema login_schema = {"Login", login_fields};
static const struct schema refresh_schema = {"Refresh", refresh_fields};
static const struct schema tokens_schema = {"Tokens", tokens_fields};
static const struct schema me_schema = {"Me", me_fields};
static const struct schema register_schema = {"Register", register_fields};
static const struct schema registered_schema = {"Registered", registered_fields};
static const struct schema change_password_schema = {"ChangePassword", change_password_fields};

/* --- handlers -------------------------------------------------------------------------------- */

static void set_tokens(const struct field *fields, struct value *record,
                       const struct auth_tokens *tokens)
{
    value_set_string(fields_get(fields, record, "access_token"), tokens->access);
    value_set_string(fields_get(fields, record, "refresh_token"), tokens->refresh);
    value_set_string(fields_get(fields, record, "token_type"), "bearer");
    value_set_integer(fields_get(fields, record, "expires_in"), tokens->expires_in);
}

static void reply_tokens(struct request *request, struct reply *reply,
                         const struct auth_tokens *tokens)
{
    struct value *record = arena_array(request->arena, fields_count(tokens_fields), sizeof *record);
    set_tokens(tokens_fields, record, tokens);
    reply_record(reply, record);
}

static struct principal *principal_from(struct arena *arena,
                                        const struct directory_identity *identity)
{
    struct principal *principal = principal_of_directory(arena, identity->guid);
    principal->username = identity->username;
    principal->email = identity->email;
    principal->name = identity->name;
    principal->administrator = identity->administrator;
    return principal;
}

/* The answer is the same to every refusal. What was wrong is for the log and the audit line. */
static struct error *login_by_directory(struct request *request, const char *username,
                                        const char *password, const struct principal **principal_r)
{
    struct directory_identity identity;
    struct error *error =
        directory_login(request->app->directory, request->arena, username, password, &identity);
    if (!error) {
        *principal_r = principal_from(request->arena, &identity);
    } else if (error->id == ERR_INVALID_CREDENTIALS) {
        request->reason = error->cause;
        log_info("a login is refused: %s", error->cause);
    }
    return error;
}

/* Makes a refusal that cost no bind take as long as one that did. */
static void wait_like_the_directory(struct request *request)
{
    struct directory_identity nobody;
    if (request->app->config->ldap_login) {
        struct error *ignored =
            directory_login(request->app->directory, request->arena, NULL, "-", &nobody);
        (void)ignored; /* it was for the time that it takes */
    }
}

/* Who has this name and password: the local administrator, who needs neither database nor directory
 * for it; an account; a person of the directory. A refusal takes the same work whoever it is. */
static struct error *prove(struct request *request, const char *username, const char *password,
                           const struct principal **principal_r)
{
    const struct app *app = request->app;
    bool is_account = false;
    struct error *error =
        auth_login_local(app->config, request->arena, username, password, principal_r);
    if (!error) {
        return NULL;
    }
    error = auth_login_account(app->config, app->store, request->arena, username, password,
                               principal_r, &is_account);
    if (!error || error->id != ERR_INVALID_CREDENTIALS) {
        return error;
    }
    if (app->config->ldap_login && !is_account && !auth_is_local(app->config, username)) {
        return login_by_directory(request, username, password, principal_r);
    }
    request->reason = error->cause;
    wait_like_the_directory(request);
    return error;
}

/* The same, with failures counted and held against the name. */
static struct error *prove_in_turn(struct request *request, const char *username,
                                   const char *password, const struct principal **principal_r)
{
    const struct app *app = request->app;
    struct error *error = throttle_check(app->store, request->arena, username, clock_wall_ms());
    if (!error) {
        error = prove(request, username, password, principal_r);
        if (error && error->id == ERR_INVALID_CREDENTIALS) {
            struct error *failure =
                throttle_failed(app->store, request->arena, username,
                                app->config->login_free_failures, clock_wall_ms());
            return failure ? failure : error;
        }
    }
    return error;
}

static struct error *login(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    const char *username = request_body_string(request, "username");
    const char *email = request_body_string(request, "email");
    const struct principal *principal;
    struct auth_tokens tokens;
    if (!username == !email) {
        return error_field(request->arena, "username", FAULT_EITHER_REQUIRED, "username, email");
    }
    username = username ? username : email;
    request->subject = username; /* a claim; the actor is known only once it is proved */
    struct error *error =
        prove_in_turn(request, username, request_body_string(request, "password"), &principal);
    if (!error) {
        request->actor = principal->username;
        request->actor_id = principal->id;
        error = auth_open(app->config, app->store, request->arena, principal, username, &tokens);
    }
    if (!error) {
        reply_tokens(request, reply, &tokens);
    }
    return error;
}

/* What register answers. */
static struct value *registered(struct arena *arena, const struct auth_registration *registration,
                                const struct auth_tokens *tokens)
{
    const struct account *account = &registration->account;
    struct value *user = arena_array(arena, fields_count(user_fields), sizeof *user);
    struct value *organization =
        arena_array(arena, fields_count(membership_fields), sizeof *organization);
    struct value *record = arena_array(arena, fields_count(registered_fields), sizeof *record);
    value_set_integer(fields_get(user_fields, user, "id"), account->id);
    value_set_string(fields_get(user_fields, user, "username"), account->username);
    value_set_string(fields_get(user_fields, user, "email"), account->email);
    value_set_string(fields_get(user_fields, user, "name"), account->name);
    value_set_integer(fields_get(membership_fields, organization, "id"),
                      registration->organization.id);
    value_set_string(fields_get(membership_fields, organization, "name"),
                     registration->organization.name);
    value_set_string(fields_get(membership_fields, organization, "currency"),
                     registration->organization.currency);
    value_set_string(fields_get(membership_fields, organization, "role"), role_names[ROLE_OWNER]);
    value_set_record(fields_get(registered_fields, record, "user"), user);
    value_set_record(fields_get(registered_fields, record, "organization"), organization);
    set_tokens(registered_fields, record, tokens);
    return record;
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
    };
    struct auth_tokens tokens;
    request->subject = email;
    struct error *error =
        auth_hash(app->config, request->arena, request_body_string(request, "password"),
                  &registration.account.password_hash);
    if (!error) {
        error = auth_register(app->config, app->store, request->arena, &registration, &tokens);
    }
    if (error) {
        return error;
    }
    request->actor = email;
    reply_created(request, reply, "/api/v1/organizations",
                  arena_format(request->arena, "%" PRId64, registration.organization.id));
    reply_record(reply, registered(request->arena, &registration, &tokens));
    return NULL;
}

static struct error *change_password(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    const struct principal *principal = request->principal;
    const struct principal *proved;
    bool known;
    if (!principal->account_id) {
        return error_new(request->arena, ERR_FORBIDDEN, "the password is kept elsewhere");
    }
    request->subject = principal->username;
    struct error *error =
        throttle_check(app->store, request->arena, principal->username, clock_wall_ms());
    if (!error) {
        error =
            auth_login_account(app->config, app->store, request->arena, principal->username,
                               request_body_string(request, "current_password"), &proved, &known);
    }
    if (error && error->id == ERR_INVALID_CREDENTIALS) {
        error = throttle_failed(app->store, request->arena, principal->username,
                                app->config->login_free_failures, clock_wall_ms());
        return error ? error
                     : error_field(request->arena, "current_password", FAULT_WRONG_PASSWORD, NULL);
    }
    if (!error) {
        error = auth_change_password(app->config, app->store, request->arena, principal,
                                     request_body_string(request, "new_password"));
    }
    if (!error) {
        reply_nothing(reply);
    }
    return error;
}

static struct error *logout(struct request *request, struct reply *reply)
{
    request->subject = request->principal->username;
    struct error *error = auth_logout(request->app->store, request->arena, request->principal);
    if (!error) {
        reply_nothing(reply);
    }
    return error;
}

/* People of the directory are who they are by now, and get no token that they could not get by
 * logging in. */
static struct error *look_up_again(struct request *request, const struct principal **principal)
{
    const char *guid = principal_guid((*principal)->id);
    struct directory_identity identity;
    if (!guid) {
        return NULL;
    }
    struct error *error =
        directory_identify(request->app->directory, request->arena, guid, true, &identity);
    if (!error) {
        struct principal *found = principal_from(request->arena, &identity);
        found->session = (*principal)->session;
        *principal = found;
    }
    return error;
}

static struct error *refresh(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    const char *token = request_body_string(request, "refresh_token");
    const struct principal *principal;
    struct auth_tokens tokens;
    struct error *error =
        token ? auth_refresh_subject(app->config, app->store, request->arena, token, &principal)
              : auth_bearer(app->config, app->store, request->arena, request->headers.authorization,
                            0, &principal);
    if (error) {
        return error;
    }
    if (!principal) {
        return error_new(request->arena, ERR_UNAUTHORIZED, NULL);
    }
    error = look_up_again(request, &principal);
    if (!error) {
        request->actor = principal->username;
        request->actor_id = principal->id;
        error = auth_refresh(app->config, app->store, request->arena, principal, token, &tokens);
    }
    if (!error) {
        reply_tokens(request, reply, &tokens);
    }
    return error;
}

static struct error *find_memberships(struct request *request, struct value ***items_r,
                                      size_t *count_r)
{
    struct store_query *query =
        store_query(request->app->store, request->arena, SQL_ORGANIZATIONS_OF_ACCOUNT);
    store_bind_integer(query, request->principal->account_id);
    return rows_all(query, request->arena, membership_fields, items_r, count_r);
}

static struct error *get_me(struct request *request, struct reply *reply)
{
    const struct principal *principal = request->principal;
    const char **permissions = arena_array(request->arena, PERMIT_COUNT, sizeof *permissions);
    struct value **organizations = NULL;
    size_t count = 0, organizations_count = 0;
    for (size_t i = 0; i < PERMIT_COUNT; i++) {
        if (permission_names[i] && principal_permits(principal, (enum permission)i)) {
            permissions[count++] = permission_names[i];
        }
    }
    if (principal->account_id) {
        struct error *error = find_memberships(request, &organizations, &organizations_count);
        if (error) {
            return error;
        }
    }
    struct value *record = arena_array(request->arena, fields_count(me_fields), sizeof *record);
    value_set_string(fields_get(me_fields, record, "id"), principal->id);
    value_set_string(fields_get(me_fields, record, "username"), principal->username);
    value_set_string(fields_get(me_fields, record, "email"), principal->email);
    value_set_string(fields_get(me_fields, record, "name"), principal->name);
    value_set_string(fields_get(me_fields, record, "kind"), principal_kind_names[principal->kind]);
    if (principal->account_id) {
        value_set_integer(fields_get(me_fields, record, "account_id"), principal->account_id);
    }
    value_set_records(fields_get(me_fields, record, "organizations"), organizations,
                      organizations_count);
    value_set_strings(fields_get(me_fields, record, "permissions"), permissions, count);
    reply_record(reply, record);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id login_errors[] = {
    ERR_INVALID_CREDENTIALS,   ERR_TOO_MANY_ATTEMPTS,    ERR_DIRECTORY_UNAVAILABLE,
    ERR_DIRECTORY_CREDENTIALS, ERR_DATABASE_UNAVAILABLE, ERR_COUNT,
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
static const enum error_id register_errors[] = {ERR_ALREADY_EXISTS, ERR_DATABASE_UNAVAILABLE,
                                                ERR_COUNT};
static const enum error_id password_errors[] = {ERR_FORBIDDEN, ERR_TOO_MANY_ATTEMPTS,
                                                ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id store_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

const struct route auth_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/login",
     .handler = login,
     .pool = POOL_AUTH,
     .summary = {"Войти", "Log in"},
     .essential = true,
     .about = {"Локальный администратор, учётная запись или пользователь каталога. "
               "Ответ на любой отказ один и тот же и занимает одно и то же время.",
               "The local administrator, an account, or a person of the directory. "
               "The answer to every refusal is the same, after the same time."},
     .body = &login_schema,
     .shape = REPLY_RECORD,
     .reply = &tokens_schema,
     .errors = login_errors,
     .action = "login",
     .resource_type = "session"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/refresh",
     .handler = refresh,
     .pool = POOL_AUTH,
     .summary = {"Обновить токены", "Renew the tokens"},
     .essential = true,
     .about = {"С токеном обновления, или без тела с действующим токеном доступа. "
               "Токен обновления одноразовый: повторное использование завершает сессию.",
               "With the refresh token, or without a body and with a valid access token. "
               "A refresh token is good for one use: another one ends the session."},
     .body = &refresh_schema,
     .body_optional = true,
     .shape = REPLY_RECORD,
     .reply = &tokens_schema,
     .errors = refresh_errors},
    {.method = METHOD_GET,
     .pattern = "/api/v1/auth/me",
     .handler = get_me,
     .permission = PERMIT_PRINCIPAL,
     .pool = POOL_AUTH,
     .summary = {"Узнать, кто я", "See who I am"},
     .shape = REPLY_RECORD,
     .reply = &me_schema,
     .errors = store_errors},
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/register",
     .handler = register_account,
     .pool = POOL_AUTH,
     .summary = {"Зарегистрироваться", "Register"},
     .about = {"Новая учётная запись становится владельцем новой организации; `Location` указывает "
               "на неё.",
               "The new account owns a new organization, to which `Location` leads."},
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
     .pool = POOL_AUTH,
     .summary = {"Сменить пароль", "Change the password"},
     .essential = true,
     .about = {"Только учётной записи; другие её сессии завершаются.",
               "Of an account only; its other sessions end."},
     .body = &change_password_schema,
     .shape = REPLY_NOTHING,
     .errors = password_errors,
     .action = "change_password",
     .resource_type = "account"},
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/logout",
     .handler = logout,
     .permission = PERMIT_PRINCIPAL,
     .pool = POOL_AUTH,
     .summary = {"Выйти", "Log out"},
     .essential = true,
     .shape = REPLY_NOTHING,
     .errors = store_errors,
     .action = "logout",
     .resource_type = "session"},
    {.pattern = NULL},
};
