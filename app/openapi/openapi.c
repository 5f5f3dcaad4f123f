/* See openapi.h. Writes the top level of the document. */
#include "openapi/openapi.h"

#include "base/arena.h"
#include "openapi/document.h"
#include "openapi/failures.h"
#include "openapi/operations.h"
#include "openapi/schemas.h"

#include <string.h>

/* --- the member "info" ----------------------------------------------------------------------- */

static const struct text default_description = {
    "Бэк-офис небольшой компании: Active Directory, клиенты, сделки, задачи, токены и файлы.",
    "The back office of a small company: Active Directory, customers, deals, tasks, tokens and "
    "files."};

/* Conventions that apply to every call. */
static const struct text conventions = {
    "**Вход.** Получите токен вызовом `POST /api/v1/auth/login` и передавайте его в заголовке "
    "`Authorization: Bearer …` (в Swagger UI: кнопка Authorize). Программы передают там же секрет "
    "ключа API (`POST /api/v1/api-keys`).\n\n"
    "**Короткие пути.** Вызовы `/api/v1/auth`, `users`, `groups`, `computers`, `ous`, "
    "`containers`, `tree`, `delegations`, `password-policy` и `files` доступны и "
    "без `/api/v1`.\n\n"
    "**JSON** передаётся в UTF-8. Запрос с неизвестными полями отклоняется с их перечнем; строки "
    "не могут содержать символ NUL. Время записывается как `2026-11-20T12:34:56.789Z`, дата как "
    "`2026-11-20`.\n\n"
    "**Ошибки**: `error` содержит сообщение для людей на языке из `Accept-Language`, `code` "
    "содержит код для программ, который никогда не меняется.\n\n"
    "**HEAD** поддерживается везде, где есть GET. На неподдерживаемый метод сервер отвечает 405 с "
    "`Allow`, на неизвестный путь 404.\n\n"
    "**Частота** запросов, попыток входа и загрузок ограничена: по адресу, а после проверки токена "
    "ещё и по пользователю и организации. При превышении сервер отвечает 429, а `Retry-After` "
    "указывает, когда повторить запрос.",
    "**Logging in.** Get a token with `POST /api/v1/auth/login` and send it as "
    "`Authorization: Bearer …` (in Swagger UI: the button Authorize). Programs send the secret of "
    "an "
    "API key (`POST /api/v1/api-keys`) there.\n\n"
    "**Short paths.** The calls below `/api/v1/auth`, `users`, `groups`, `computers`, `ous`, "
    "`containers`, `tree`, `delegations`, `password-policy` and `files` are also available "
    "without `/api/v1`.\n\n"
    "**JSON** is encoded in UTF-8. A request with unknown fields is rejected with a list of them; "
    "strings must not contain NUL. Times are written as `2026-11-20T12:34:56.789Z`, dates as "
    "`2026-11-20`.\n\n"
    "**Errors**: `error` is a message for people, in the language selected by `Accept-Language`; "
    "`code` is a code for programs and never changes.\n\n"
    "**HEAD** is supported wherever GET is. An unsupported method is answered with 405 and "
    "`Allow`, an unknown path with 404.\n\n"
    "**Rate limits** apply to requests, logins and uploads: by address and, once the token is "
    "verified, by user and organization. A request above the limit is answered with 429; "
    "`Retry-After` tells when to try again."};

static void write_info(struct document *document)
{
    const struct openapi_settings *settings = document->settings;
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "info");
    jsonw_string(json, "title", settings->title);
    jsonw_string(json, "version", settings->version);
    jsonw_string(json, "description",
                 arena_format(document->arena, "%s\n\n%s",
                              *settings->description
                                  ? settings->description
                                  : document_text(document, &default_description),
                              document_text(document, &conventions)));
    jsonw_open_object(json, "license");
    jsonw_string(json, "name", "MIT");
    jsonw_string(json, "identifier", "MIT");
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void write_servers(struct document *document)
{
    static const struct text here = {"Этот сервер", "This server"};
    struct jsonw *json = &document->json;
    jsonw_open_array(json, "servers");
    jsonw_open_object(json, NULL);
    jsonw_string(json, "url", "/");
    jsonw_string(json, "description", document_text(document, &here));
    jsonw_close_object(json);
    jsonw_close_array(json);
}

static void write_resource_tags(struct document *document)
{
    struct jsonw *json = &document->json;
    jsonw_open_array(json, "tags");
    for (const struct resource *resource = document->resources; resource->routes; resource++) {
        jsonw_open_object(json, NULL);
        jsonw_string(json, "name", resource->tag);
        jsonw_string(json, "x-displayName", document_text(document, &resource->title));
        jsonw_string(json, "description", document_text(document, &resource->about));
        jsonw_close_object(json);
    }
    jsonw_close_array(json);
}

/* --- paths ----------------------------------------------------------------------------------- */

/* Writes all calls of a path, which need not be adjacent in the table. */
static void write_path_item(struct document *document, const struct resource *resource,
                            const char *pattern)
{
    jsonw_open_object(&document->json, pattern);
    for (const struct route *route = resource->routes; route->pattern; route++) {
        if (!strcmp(route->pattern, pattern)) {
            operations_write(document, resource, route);
        }
    }
    jsonw_close_object(&document->json);
}

static void write_paths(struct document *document)
{
    struct document_names names = {0};
    jsonw_open_object(&document->json, "paths");
    for (const struct resource *resource = document->resources; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            if (document_add_name(document, &names, route->pattern)) {
                write_path_item(document, resource, route->pattern);
            }
        }
    }
    jsonw_close_object(&document->json);
}

/* --- components ------------------------------------------------------------------------------ */

static void write_security_schemes(struct document *document)
{
    static const struct text token = {
        "Токен доступа, полученный при входе, или секрет ключа API (`kontora_…`). Ключу нужна "
        "область доступа, которая названа в описании вызова (`x-api-key-scopes`).",
        "The access token returned by the login, or the secret of an API key (`kontora_…`). A key "
        "needs a scope that the description of the call names (`x-api-key-scopes`)."};
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "bearer");
    jsonw_string(json, "type", "http");
    jsonw_string(json, "scheme", "bearer");
    jsonw_string(json, "bearerFormat", "JWT");
    jsonw_string(json, "description", document_text(document, &token));
    jsonw_close_object(json);
}

static void write_components(struct document *document)
{
    static const struct {
        const char *name;
        void (*write)(struct document *document);
    } kinds[] = {
        {"securitySchemes", write_security_schemes},
        {"parameters", operations_write_parameters},
        {"headers", operations_write_headers},
        {"schemas", schemas_write},
        {"responses", failures_write},
    };
    jsonw_open_object(&document->json, "components");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        jsonw_open_object(&document->json, kinds[i].name);
        kinds[i].write(document);
        jsonw_close_object(&document->json);
    }
    jsonw_close_object(&document->json);
}

void openapi_write(struct buffer *out, const struct resource *resources,
                   const struct openapi_settings *settings)
{
    struct document document = {
        .json = {.out = out},
        .arena = arena_new(),
        .resources = resources,
        .settings = settings,
    };
    jsonw_open_object(&document.json, NULL);
    jsonw_string(&document.json, "openapi", "3.1.0");
    write_info(&document);
    write_servers(&document);
    write_resource_tags(&document);
    write_paths(&document);
    write_components(&document);
    jsonw_close_object(&document.json);
    buffer_add_char(out, '\n');
    arena_free(&document.arena);
}
