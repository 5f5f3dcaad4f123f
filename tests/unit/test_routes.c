/* Routes: the rows of all resources contain what the router, the audit log and the documentation
 * need; the fields of their maps are described for clients. */
#include "unit.h"

#include "auth/principal.h"
#include "base/right.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "http/fields.h"
#include "http/problem.h"
#include "http/route.h"
#include "http/router.h"
#include "resources/resources.h"
#include "rest/records.h"

/* Returns the description of a route of records; NULL for other routes. */
static const struct records *records_of(const struct route *route)
{
    return route->adds_faults ? route->description : NULL;
}

enum { ROUTES_MAX = 1000 };

/* Every row of every table, collected by main(). */
static const struct route *routes[ROUTES_MAX];
static size_t routes_count;

static void collect_routes(void)
{
    for (const struct resource *resource = resources; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            if (routes_count == ROUTES_MAX) {
                abort();
            }
            routes[routes_count++] = route;
        }
    }
}

/* Fails the test with the method and pattern of the route unless the condition holds. */
#define MUST(route, condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            FAIL("%s %s: violates %s", route_method_names[(route)->method], (route)->pattern,      \
                 #condition);                                                                      \
        }                                                                                          \
    } while (0)

static bool is_text(const struct text *text)
{
    return text->ru && *text->ru && text->en && *text->en &&
           utf8_valid(text->ru, strlen(text->ru)) && strspn(text->en, " ") == 0;
}

static bool has_cyrillic(const char *text)
{
    return strchr(text, '\xD0') || strchr(text, '\xD1');
}

/* True if the route must be audited. The listed calls may be repeated by anybody, so they appear
 * only in metrics and the access log. */
static bool changes_something(const struct route *route)
{
    static const char *const others[] = {"/app/token", "/app/valid", "/api/v1/tokens/introspect"};
    bool listed = false;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        listed |= !strcmp(route->pattern, others[i]);
    }
    return route->method != METHOD_GET && !listed;
}

static void routes_have_method_pool_handler_and_permission(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        if (route->method >= METHOD_COUNT) {
            FAIL("%s has no valid method", route->pattern);
        }
        MUST(route, route->pool < POOL_COUNT);
        MUST(route, route->handler);
        MUST(route, route->permission < PERMIT_COUNT);
    }
    assert_true(routes_count >= 10);
}

static void route_summaries_are_in_both_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        MUST(route, is_text(&route->summary));
        MUST(route, has_cyrillic(route->summary.ru));
        MUST(route, !has_cyrillic(route->summary.en));
    }
}

/* True if `{name}` stands between two slashes with nothing else. */
static bool is_placeholder(const char *c)
{
    size_t name = strspn(c + 1, "abcdefghijklmnopqrstuvwxyz_");
    return c[-1] == '/' && name > 0 && c[1 + name] == '}' && (!c[2 + name] || c[2 + name] == '/');
}

static void route_patterns_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        const char *pattern = route->pattern;
        MUST(route, *pattern == '/' && !strstr(pattern, "//"));
        MUST(route, !pattern[1] || pattern[strlen(pattern) - 1] != '/');
        for (const char *c = pattern; (c = strchr(c, '{')); c++) {
            MUST(route, is_placeholder(c));
        }
    }
}

static void router_accepts_all_routes(void **state)
{
    (void)state;
    const struct router_settings settings = {0};
    struct router *router = router_new(resources, &settings);
    assert_non_null(router);
    router_free(&router);
}

static void reply_shapes_match_methods_bodies_and_schemas(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        bool json = route->shape == REPLY_RECORD || route->shape == REPLY_ARRAY ||
                    route->shape == REPLY_LIST || route->shape == REPLY_PAGE;
        MUST(route, json == (route->reply != NULL));
        MUST(route, route->method != METHOD_GET || route->shape != REPLY_NOTHING);
        MUST(route, route->method != METHOD_GET || !route->body);
        MUST(route, !route->body_optional || route->body);
    }
}

static void only_changing_routes_are_audited(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        MUST(route, changes_something(route) == (route->action != NULL));
        MUST(route, !route->action == !route->resource_type);
        MUST(route, !route->audited_for || (route->action && route->permission == PERMIT_ALL));
        MUST(route, !route->action || strspn(route->action, "abcdefghijklmnopqrstuvwxyz_") ==
                                          strlen(route->action));
    }
}

/* Only calls that need almost no space, or that free some, belong to this list. */
static void only_listed_routes_may_write_while_space_is_low(void **state)
{
    (void)state;
    static const char *const essential[] = {
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/change-password",
        "/api/v1/auth/logout",
        "/api/v1/files/bulk-delete",
        "/api/v1/tokens/introspect",
        "/api/v1/tokens/revoke",
        "/app/valid",
        "/api/v1/auth/invitations/{invitation_id}/decline",
    };
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        bool listed = false;
        for (size_t j = 0; j < COUNT_OF(essential); j++) {
            listed |= route->method == METHOD_POST && !strcmp(route->pattern, essential[j]);
        }
        bool writes = route->method != METHOD_GET && route->method != METHOD_DELETE;
        MUST(route, route->essential == listed);
        MUST(route, route_needs_space(route) == (writes && !listed));
    }
}

/* True if the router asks for credentials: an API key must have a scope for the call. */
static bool reads_credentials(const struct route *route)
{
    return route->permission != PERMIT_ALL || route->access_by_setting;
}

/* Each call that reads credentials names one scope for API keys, is closed to them, or is a call of
 * the directory with rights, each of which is a scope. */
static void routes_have_a_scope_or_are_closed_to_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        bool directory = permission_is_of_directory(route->permission);
        MUST(route, reads_credentials(route) == (route->scope || route->rights));
        MUST(route, !directory || route->rights || route->scope == SCOPE_CLOSED);
        MUST(route, route->scope < SCOPE_DIRECTORY_READ);
        MUST(route, !route_scopes(route) == (!route->rights && route->scope <= SCOPE_CLOSED));
    }
}

static void rights_are_those_of_the_directory(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        MUST(route, !route->rights || permission_is_of_directory(route->permission));
        MUST(route, !(route->rights & ~RIGHT_ALL));
        MUST(route, !route->scope || !route->rights);
    }
}

/* A scope that only reads permits no call that changes something, and read-only is all of these. */
static void scopes_that_read_permit_no_changes(void **state)
{
    (void)state;
    uint64_t used = 0;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        uint64_t scopes = route_scopes(route);
        used |= scopes;
        MUST(route, !(scopes & scope_set_of("read-only")) || !changes_something(route));
    }
    for (enum scope scope = SCOPE_FIRST; scope < SCOPE_COUNT; scope++) {
        const char *name = scope_name(scope);
        bool reads = !strcmp(strrchr(name, ':'), ":read");
        assert_true(used & SCOPE_BIT(scope));
        assert_int_equal(reads, !!(scope_set_of("read-only") & SCOPE_BIT(scope)));
    }
}

/* All routes that are not in this list of the contract require a principal. */
static void only_listed_routes_are_open_to_everyone(void **state)
{
    (void)state;
    static const char *const open[] = {
        "/",
        "/health",
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/register",
        "/api/v1/files/{name}/content",
        "/app/token",
        "/app/valid/{token}",
        "/app/valid",
        "/app/clear/all/tokens",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/redoc",
    };
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        bool listed = !strncmp(route->pattern, "/health/", strlen("/health/"));
        for (size_t j = 0; j < COUNT_OF(open); j++) {
            listed |= !strcmp(route->pattern, open[j]);
        }
        MUST(route, listed || route->permission != PERMIT_ALL);
        MUST(route, !route->access_by_setting || route->permission == PERMIT_ALL);
        bool directory = route->pool == POOL_DIRECTORY;
        directory &= strcmp(route->pattern, "/api/v1/auth/refresh") != 0;
        directory &= strcmp(route->pattern, "/api/v1/auth/me") != 0;
        /* Only administrators see delegations. */
        bool reads = route->method == METHOD_GET && strncmp(route->pattern, "/api/v1/delegations",
                                                            strlen("/api/v1/delegations")) != 0;
        MUST(route, !directory || route->permission ==
                                      (reads ? PERMIT_DIRECTORY_READ : PERMIT_DIRECTORY_WRITE));
    }
}

static void errors_of_routes_are_known_and_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        size_t count = 0;
        for (const enum error_id *id = route->errors; id && *id != ERR_COUNT; id++) {
            MUST(route, *id < ERR_COUNT);
            for (const enum error_id *other = route->errors; other < id; other++) {
                MUST(route, *other != *id);
            }
            count++;
        }
        MUST(route, count < ERR_COUNT);
    }
}

/* The documentation describes each resource and each path parameter. */
static void resources_are_described_in_both_languages(void **state)
{
    (void)state;
    for (const struct resource *resource = resources; resource->routes; resource++) {
        assert_int_equal(strspn(resource->tag, "abcdefghijklmnopqrstuvwxyz-"),
                         strlen(resource->tag));
        assert_true(is_text(&resource->title) && has_cyrillic(resource->title.ru));
        assert_true(is_text(&resource->about) && has_cyrillic(resource->about.ru));
        for (const struct resource *other = resources; other < resource; other++) {
            assert_string_not_equal(other->tag, resource->tag);
        }
    }
}

static void path_parameters_are_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        for (const char *at = route->pattern; (at = strchr(at, '{')); at++) {
            size_t length = strcspn(at + 1, "}");
            const struct field *field = route->path;
            while (field && field->name &&
                   (strlen(field->name) != length || memcmp(field->name, at + 1, length) != 0)) {
                field++;
            }
            MUST(route, field && field->name && (field->flags & FIELD_REQUIRED) &&
                            is_text(&field->about) && field->example);
        }
    }
}

static void additional_descriptions_are_in_both_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        MUST(route, !route->about.ru == !route->about.en);
        MUST(route, !route->about.ru || (is_text(&route->about) && has_cyrillic(route->about.ru)));
    }
}

static bool is_text_or_file(const struct route *route)
{
    return route->shape == REPLY_TEXT || route->shape == REPLY_FILE;
}

static void descriptions_of_replies_match_the_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        MUST(route, is_text_or_file(route) == (route->media_type && route->example));
        MUST(route, !route->creates || route->method == METHOD_POST);
        MUST(route, !route->versioned || route->permission);
        MUST(route, !records_of(route) || route->shape == REPLY_PAGE || route->versioned);
    }
}

/* The description of ?sort= names all fields by which a list can be sorted. */
static void sortable_fields_are_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        if (!records_of(route) || route->shape != REPLY_PAGE) {
            continue;
        }
        const struct field *sort = route->query;
        while (sort->name && strcmp(sort->name, "sort") != 0) {
            sort++;
        }
        for (const struct list_key *key = records_of(route)->list->keys; key->name; key++) {
            char quoted[64];
            snprintf(quoted, sizeof quoted, "`%s`", key->name);
            MUST(route, sort->name && !(key->uses & LIST_SORT) == !strstr(sort->about.en, quoted));
        }
    }
}

/* --- fields ----------------------------------------------------------------------------------- */

/* True if the example has the type of the field, because the documentation shows it. */
static bool example_fits(const struct field *field)
{
    static const enum json_type types[] = {
        [FIELD_STRING] = json_type_string,   [FIELD_INTEGER] = json_type_int,
        [FIELD_BOOLEAN] = json_type_boolean, [FIELD_TIME] = json_type_string,
        [FIELD_STRINGS] = json_type_array,   [FIELD_RECORDS] = json_type_array,
        [FIELD_LISTS] = json_type_array,     [FIELD_RECORD] = json_type_object,
        [FIELD_DECIMAL] = json_type_double,
    };
    struct json_object *json = must_parse(field->example, strlen(field->example));
    bool fits = !json || json_object_is_type(json, types[field->type]);
    json_object_put(json);
    return fits;
}

static bool holds_records(const struct field *field)
{
    return field->type == FIELD_RECORDS || field->type == FIELD_RECORD;
}

static void check_map(const struct route *route, const struct field *fields)
{
    for (const struct field *field = fields; field->name; field++) {
        const char *name = field->name;
        bool bounded = field->min || field->max;
        if (!*name || !is_text(&field->about) || !has_cyrillic(field->about.ru) ||
            has_cyrillic(field->about.en) || !field->example || !example_fits(field) ||
            (bounded && field->min > field->max) ||
            ((field->flags & FIELD_DEFAULT) && field->type != FIELD_INTEGER) ||
            (holds_records(field) && !field->fields) ||
            (field->codec != CODEC_NONE && field->codec != CODEC_DN && !field->attribute)) {
            FAIL("%s %s: the field \"%s\" is incomplete", route_method_names[route->method],
                 route->pattern, name);
        }
        for (const struct field *other = fields; other < field; other++) {
            assert_string_not_equal(other->name, name);
        }
        if (holds_records(field)) {
            check_map(route, field->fields);
        }
    }
}

/* True for fields that need no maximum length: dates have a fixed length, and times are
 * reformatted. */
static bool is_date(const struct field *field)
{
    return field->check == record_check_date || field->check == record_check_moment;
}

/* Fields of other types cannot be parsed from bodies and queries, so only replies may contain
 * them. */
static void check_input(const struct route *route, const struct field *fields)
{
    for (const struct field *field = fields; field->name; field++) {
        MUST(route,
             field->type == FIELD_STRING || field->type == FIELD_INTEGER ||
                 field->type == FIELD_BOOLEAN || field->type == FIELD_TIME ||
                 (field->type == FIELD_DECIMAL && fields != route->query) ||
                 (field->type == FIELD_STRINGS && fields != route->query && field->items_max));
        /* Without a maximum, a string could be as long as the body. */
        MUST(route, field->type != FIELD_STRING || field->max > 0 || field->choices ||
                        (field->flags & FIELD_ANY_STRING) || is_date(field));
        /* A decimal with too many digits is read as the largest integer; only a maximum rejects
         * it. */
        MUST(route, field->type != FIELD_DECIMAL || field->max > 0);
        MUST(route, !(field->flags & FIELD_REQUIRED) || !(field->flags & FIELD_DEFAULT));
    }
}

static void fields_are_described_in_both_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        if (route->query) {
            check_map(route, route->query);
            check_input(route, route->query);
        }
        if (route->body) {
            check_map(route, route->body->fields);
            check_input(route, route->body->fields);
        }
        if (route->reply) {
            check_map(route, route->reply->fields);
        }
    }
}

/* The examples of all fields of a body together form a valid body. */
static void example_bodies_are_valid(void **state)
{
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        if (!route->body) {
            continue;
        }
        struct buffer text = {.arena = *state};
        if (route->body->bare) {
            struct value *value = NULL;
            const char *example = route->body->fields->example;
            MUST(route,
                 !fields_read_bare(*state, route->body->fields, example, strlen(example), &value));
            continue;
        }
        buffer_add_char(&text, '{');
        for (const struct field *field = route->body->fields; field->name; field++) {
            buffer_format(&text, "%s\"%s\":%s", text.length > 1 ? "," : "", field->name,
                          field->example);
        }
        buffer_add_char(&text, '}');
        struct value *values = NULL;
        const struct error *error =
            fields_read_json(*state, route->body->fields, text.bytes, text.length, &values);
        if (error) {
            FAIL("%s %s: %s for its own example: %s", route_method_names[route->method],
                 route->pattern, problem_code(error->id), text.bytes);
        }
    }
}

/* True if two different schemas with the same name would collide in the documentation. */
static bool schemas_collide(const struct schema *one, const struct schema *other)
{
    return one && other && !strcmp(one->name, other->name) && one->fields != other->fields;
}

static void schema_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct schema *body = routes[i]->body, *reply = routes[i]->reply;
        MUST(routes[i], (!body || *body->name) && (!reply || *reply->name));
        for (size_t j = 0; j < routes_count; j++) {
            MUST(routes[i], !schemas_collide(body, routes[j]->body) &&
                                !schemas_collide(body, routes[j]->reply) &&
                                !schemas_collide(reply, routes[j]->reply));
        }
    }
}

/* Passwords and tokens sent by clients must not appear in logs or replies. */
static void secrets_sent_by_clients_are_marked_secret(void **state)
{
    (void)state;
    static const char *const secret[] = {"password", "refresh_token", "current_password",
                                         "new_password", "token"};
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        const struct field *fields = route->body ? route->body->fields : NULL;
        for (const struct field *field = fields; field && field->name; field++) {
            for (size_t j = 0; j < COUNT_OF(secret); j++) {
                MUST(route, strcmp(field->name, secret[j]) != 0 || (field->flags & FIELD_SECRET));
            }
        }
    }
}

int main(void)
{
    collect_routes();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_have_method_pool_handler_and_permission),
        cmocka_unit_test(route_summaries_are_in_both_languages),
        cmocka_unit_test(route_patterns_are_well_formed),
        cmocka_unit_test(router_accepts_all_routes),
        cmocka_unit_test(reply_shapes_match_methods_bodies_and_schemas),
        cmocka_unit_test(only_changing_routes_are_audited),
        cmocka_unit_test(only_listed_routes_may_write_while_space_is_low),
        cmocka_unit_test(routes_have_a_scope_or_are_closed_to_keys),
        cmocka_unit_test(rights_are_those_of_the_directory),
        cmocka_unit_test(scopes_that_read_permit_no_changes),
        cmocka_unit_test(only_listed_routes_are_open_to_everyone),
        cmocka_unit_test(errors_of_routes_are_known_and_unique),
        cmocka_unit_test(resources_are_described_in_both_languages),
        cmocka_unit_test(path_parameters_are_described),
        cmocka_unit_test(additional_descriptions_are_in_both_languages),
        cmocka_unit_test(descriptions_of_replies_match_the_routes),
        cmocka_unit_test(sortable_fields_are_documented),
        cmocka_unit_test(fields_are_described_in_both_languages),
        ARENA_TEST(example_bodies_are_valid),
        cmocka_unit_test(schema_names_are_unique),
        cmocka_unit_test(secrets_sent_by_clients_are_marked_secret),
    };
    return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
