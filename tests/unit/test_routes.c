/* Routes: the rows of all resources say what the router, the audit log and the documentation need,
 * and the fields of their maps what clients are told. */
#include "unit.h"

#include "auth/principal.h"
#include "base/utf8.h"
#include "http/fields.h"
#include "http/problem.h"
#include "http/route.h"
#include "http/router.h"
#include "resources/resources.h"
#include "rest/records.h"

enum { ROUTES_MAX = 1000 };

/* Every row of every table, in one list: main() makes it. */
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

/* Fails the test, and says of which call. */
#define MUST(route, condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            FAIL("%s %s: not so: %s", method_names[(route)->method], (route)->pattern,             \
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

/* What anybody may do as often as they like is counted, and in the access log. */
static bool changes_something(const struct route *route)
{
    static const char *const others[] = {"/app/token", "/app/valid", "/api/v1/tokens/introspect"};
    bool listed = false;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        listed |= !strcmp(route->pattern, others[i]);
    }
    return route->method != METHOD_GET && !listed;
}

static void there_are_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        if (route->method >= METHOD_COUNT) {
            FAIL("%s has no method that there is", route->pattern);
        }
        MUST(route, route->pool < POOL_COUNT);
        MUST(route, route->handler);
        MUST(route, route->permission < PERMIT_COUNT);
    }
    assert_true(routes_count >= 10);
}

static void summaries_are_in_both_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        MUST(route, is_text(&route->summary));
        MUST(route, has_cyrillic(route->summary.ru));
        MUST(route, !has_cyrillic(route->summary.en));
    }
}

/* {name}, and nothing else between two slashes. */
static bool is_placeholder(const char *c)
{
    size_t name = strspn(c + 1, "abcdefghijklmnopqrstuvwxyz_");
    return c[-1] == '/' && name > 0 && c[1 + name] == '}' && (!c[2 + name] || c[2 + name] == '/');
}

static void patterns_are_well_formed(void **state)
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

static void the_router_takes_them_all(void **state)
{
    (void)state;
    const struct router_settings settings = {0};
    struct router *router = router_new(resources, &settings);
    assert_non_null(router);
    router_free(&router);
}

static void replies_have_what_their_shape_needs(void **state)
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

static void changes_are_audited_and_nothing_else(void **state)
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

/* Whoever adds to this list decides that the call needs next to no space, or frees some. */
static void few_calls_that_write_are_essential(void **state)
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

/* The list of the contract: everything else needs a principal. */
static void only_open_calls_are_open(void **state)
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
        MUST(route, !directory || route->permission == (route->method == METHOD_GET
                                                            ? PERMIT_DIRECTORY_READ
                                                            : PERMIT_DIRECTORY_WRITE));
    }
}

static void errors_are_of_the_catalogue(void **state)
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

/* The documentation tells of each resource, and of each name in a pattern. */
static void resources_are_told_in_both_languages(void **state)
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

static void names_in_patterns_are_told(void **state)
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

static void what_is_said_besides_is_in_both_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        MUST(route, !route->about.ru == !route->about.en);
        MUST(route, !route->about.ru || (is_text(&route->about) && has_cyrillic(route->about.ru)));
    }
}

static bool is_no_json(const struct route *route)
{
    return route->shape == REPLY_TEXT || route->shape == REPLY_FILE;
}

static void what_is_said_of_answers_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = routes[i];
        MUST(route, is_no_json(route) == (route->media_type && route->example));
        MUST(route, !route->creates || route->method == METHOD_POST);
        MUST(route, !route->versioned || route->permission);
        MUST(route, !records_of(route) || route->shape == REPLY_PAGE || route->versioned);
    }
}

/* What a list can be sorted by stands in the words about ?sort=. */
static void orders_are_told(void **state)
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

/* --- fields ---------------------------------------------------------------------------------- */

/* An example stands in documentation: it must be what the field is. */
static bool example_fits(const struct field *field)
{
    static const enum json_type types[] = {
        [FIELD_STRING] = json_type_string,   [FIELD_INTEGER] = json_type_int,
        [FIELD_BOOLEAN] = json_type_boolean, [FIELD_TIME] = json_type_string,
        [FIELD_STRINGS] = json_type_array,   [FIELD_RECORDS] = json_type_array,
        [FIELD_RECORD] = json_type_object,   [FIELD_DECIMAL] = json_type_double,
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
            FAIL("%s %s: the field \"%s\" is not whole", method_names[route->method],
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

/* A date has its own length, and a time is written anew. */
static bool is_date(const struct field *field)
{
    return field->check == record_check_date || field->check == record_check_moment;
}

/* What a reader of bodies and queries cannot read stands in replies only. */
static void check_input(const struct route *route, const struct field *fields)
{
    for (const struct field *field = fields; field->name; field++) {
        MUST(route,
             field->type == FIELD_STRING || field->type == FIELD_INTEGER ||
                 field->type == FIELD_BOOLEAN || field->type == FIELD_TIME ||
                 (field->type == FIELD_DECIMAL && fields != route->query) ||
                 (field->type == FIELD_STRINGS && fields != route->query && field->items_max));
        /* a string without an end would be as long as a body may be */
        MUST(route, field->type != FIELD_STRING || field->max > 0 || field->choices ||
                        (field->flags & FIELD_ANY_STRING) || is_date(field));
        /* one with too many digits becomes the greatest, and must not be taken for that */
        MUST(route, field->type != FIELD_DECIMAL || field->max > 0);
        MUST(route, !(field->flags & FIELD_REQUIRED) || !(field->flags & FIELD_DEFAULT));
    }
}

static void fields_are_told_in_both_languages(void **state)
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

/* The examples of a body together are a body that is taken. */
static void examples_pass_their_own_rules(void **state)
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
            FAIL("%s %s: %s of its own example: %s", method_names[route->method], route->pattern,
                 problem_code(error->id), text.bytes);
        }
    }
}

/* Whether two schemas of one name would be two in the documentation. */
static bool clash(const struct schema *one, const struct schema *other)
{
    return one && other && !strcmp(one->name, other->name) && one->fields != other->fields;
}

static void schemas_have_names_of_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct schema *body = routes[i]->body, *reply = routes[i]->reply;
        MUST(routes[i], (!body || *body->name) && (!reply || *reply->name));
        for (size_t j = 0; j < routes_count; j++) {
            MUST(routes[i], !clash(body, routes[j]->body) && !clash(body, routes[j]->reply) &&
                                !clash(reply, routes[j]->reply));
        }
    }
}

/* Passwords and tokens that clients send are secret: in no log, in no answer. */
static void secrets_are_marked(void **state)
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
        cmocka_unit_test(there_are_routes),
        cmocka_unit_test(summaries_are_in_both_languages),
        cmocka_unit_test(patterns_are_well_formed),
        cmocka_unit_test(the_router_takes_them_all),
        cmocka_unit_test(replies_have_what_their_shape_needs),
        cmocka_unit_test(changes_are_audited_and_nothing_else),
        cmocka_unit_test(few_calls_that_write_are_essential),
        cmocka_unit_test(only_open_calls_are_open),
        cmocka_unit_test(errors_are_of_the_catalogue),
        cmocka_unit_test(resources_are_told_in_both_languages),
        cmocka_unit_test(names_in_patterns_are_told),
        cmocka_unit_test(what_is_said_besides_is_in_both_languages),
        cmocka_unit_test(what_is_said_of_answers_fits),
        cmocka_unit_test(orders_are_told),
        cmocka_unit_test(fields_are_told_in_both_languages),
        ARENA_TEST(examples_pass_their_own_rules),
        cmocka_unit_test(schemas_have_names_of_their_own),
        cmocka_unit_test(secrets_are_marked),
    };
    return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
