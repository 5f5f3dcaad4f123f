/* Auth: log in, renew the tokens, see who one is. */
#include "auth/auth.h"
#include "auth/principal.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/directory.h"
#include "http/reply.h"
#include "resources/resources.h"

enum { NAME_MAX_LENGTH = 256 };

/* --- field maps ------------------------------------------------------------------------------ */

static const struct field login_fields[] = {
    {.name = "username",
     .type = FIELD_STRING,
     .min = 1,
     .max = NAME_MAX_LENGTH,
     .about = {"Имя пользователя; либо оно, либо email", "The user name; either it or the email"},
     .example = "\"admin\""},
    {.name = "email",
     .type = FIELD_STRING,
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

static const struct field tokens_fields[] = {
    {.name = "access_token",
     .type = FIELD_STRING,
     .about = {"Токен доступа", "The access token"},
     .example = "\"eyJhbGciOiJIUzI1NiIs…\""},
    {.name = "refresh_token",
     .type = FIELD_STRING,
     .about = {"Токен обновления", "The refresh token"},
     .example = "\"eyJhbGciOiJIUzI1NiIs…\""},
    {.name = "token_type",
     .type = FIELD_STRING,
     .about = {"Тип токена", "The type of the token"},
     .example = "\"bearer\""},
    {.name = "expires_in",
     .type = FIELD_INTEGER,
     .about = {"Срок действия токена доступа, секунды", "The life of the access token in seconds"},
     .example = "86400"},
    {.name = NULL},
};

static const struct field membership_fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .about = {"Идентификатор организации", "The id of the organization"},
     .example = "1"},
    {.name = "name",
     .type = FIELD_STRING,
     .about = {"Название организации", "The name of the organization"},
     .example = "\"ООО «Ромашка»\""},
    {.name = "role",
     .type = FIELD_STRING,
     .about = {"Роль в организации", "The role in the organization"},
     .example = "\"OWNER\""},
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

/* --- handlers -------------------------------------------------------------------------------- */

static struct error *reply_tokens(struct request *request, struct reply *reply,
                                  const struct principal *principal)
{
    struct auth_tokens tokens;
    struct error *error = auth_issue(request->app->config, request->arena, principal, &tokens);
    if (error) {
        return error;
    }
    struct value *record = arena_array(request->arena, fields_count(tokens_fields), sizeof *record);
    value_set_string(fields_get(tokens_fields, record, "access_token"), tokens.access);
    value_set_string(fields_get(tokens_fields, record, "refresh_token"), tokens.refresh);
    value_set_string(fields_get(tokens_fields, record, "token_type"), "bearer");
    value_set_integer(fields_get(tokens_fields, record, "expires_in"), tokens.expires_in);
    reply_record(reply, record);
    return NULL;
}

static const struct principal *principal_from(struct arena *arena,
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

/* The local administrator never waits for the directory, but to be refused: as anybody is. */
static struct error *prove(struct request *request, const char *username, const char *password,
                           const struct principal **principal_r)
{
    const struct config *config = request->app->config;
    struct error *error = auth_login(config, request->arena, username, password, principal_r);
    if (!error || !config->ldap_login) {
        return error;
    }
    if (!auth_is_local(config, username)) {
        return login_by_directory(request, username, password, principal_r);
    }
    struct directory_identity nobody;
    struct error *ignored =
        directory_login(request->app->directory, request->arena, NULL, "-", &nobody);
    (void)ignored; /* it was for the time that it takes */
    return error;
}

static struct error *login(struct request *request, struct reply *reply)
{
    const char *username = request_body_string(request, "username");
    const char *email = request_body_string(request, "email");
    if (!username == !email) {
        return error_field(request->arena, "username", FAULT_EITHER_REQUIRED, "username, email");
    }
    username = username ? username : email;
    request->subject = username; /* a claim; the actor is known only once it is proved */
    const struct principal *principal;
    struct error *error =
        prove(request, username, request_body_string(request, "password"), &principal);
    if (error) {
        return error;
    }
    request->actor = principal->username;
    return reply_tokens(request, reply, principal);
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
        *principal = principal_from(request->arena, &identity);
    }
    return error;
}

static struct error *refresh(struct request *request, struct reply *reply)
{
    const struct config *config = request->app->config;
    const char *token = request_body_string(request, "refresh_token");
    const struct principal *principal;
    struct error *error =
        token ? auth_refresh(config, request->arena, token, &principal)
              : auth_bearer(config, request->arena, request->headers.authorization, &principal);
    if (error) {
        return error;
    }
    if (!principal) {
        return error_new(request->arena, ERR_UNAUTHORIZED, NULL);
    }
    error = look_up_again(request, &principal);
    if (error) {
        return error;
    }
    request->actor = principal->username;
    return reply_tokens(request, reply, principal);
}

static struct error *get_me(struct request *request, struct reply *reply)
{
    const struct principal *principal = request->principal;
    const char **permissions = arena_array(request->arena, PERMIT_COUNT, sizeof *permissions);
    size_t count = 0;
    for (size_t i = 0; i < PERMIT_COUNT; i++) {
        if (permission_names[i] && principal_permits(principal, (enum permission)i)) {
            permissions[count++] = permission_names[i];
        }
    }
    struct value *record = arena_array(request->arena, fields_count(me_fields), sizeof *record);
    value_set_string(fields_get(me_fields, record, "id"), principal->id);
    value_set_string(fields_get(me_fields, record, "username"), principal->username);
    value_set_string(fields_get(me_fields, record, "email"), principal->email);
    value_set_string(fields_get(me_fields, record, "name"), principal->name);
    value_set_string(fields_get(me_fields, record, "kind"), principal_kind_names[principal->kind]);
    value_set_records(fields_get(me_fields, record, "organizations"), NULL, 0);
    value_set_strings(fields_get(me_fields, record, "permissions"), permissions, count);
    reply_record(reply, record);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id login_errors[] = {ERR_INVALID_CREDENTIALS, ERR_DIRECTORY_UNAVAILABLE,
                                             ERR_DIRECTORY_CREDENTIALS, ERR_COUNT};
static const enum error_id refresh_errors[] = {ERR_UNAUTHORIZED,          ERR_INVALID_TOKEN,
                                               ERR_TOKEN_EXPIRED,         ERR_DIRECTORY_UNAVAILABLE,
                                               ERR_DIRECTORY_CREDENTIALS, ERR_COUNT};

const struct route auth_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/api/v1/auth/login",
     .handler = login,
     .pool = POOL_AUTH,
     .summary = {"Войти", "Log in"},
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
     .reply = &me_schema},
    {.pattern = NULL},
};
