/* OpenAPI: the document contains exactly the rows of the route tables, in both languages. The
 * API tests check that the replies match it. */
#include "unit.h"

#include "openapi/openapi.h"
#include "resources/resources.h"
#include "rest/authorization.h"

#include <ctype.h>

static void release_json(void *json)
{
    json_object_put(json);
}

static struct json_object *make_document(struct arena *arena, const struct resource *tables,
                                         enum config_language language)
{
    const struct openapi_settings settings = {
        .title = "Контора \"№ 1\"",
        .description = "",
        .version = "1.2.3",
        .language = language,
    };
    struct buffer text = {.arena = arena};
    openapi_write(&text, tables, &settings);
    struct json_object *json = must_parse(text.bytes, text.length);
    arena_defer(arena, release_json, json);
    return json;
}

/* Returns the value at a path of member names. */
static struct json_object *get_nested(struct json_object *json, const char *const *names)
{
    for (; *names; names++) {
        json = must_get(json, *names);
    }
    return json;
}

#define AT(json, ...) get_nested(json, (const char *const[]){__VA_ARGS__, NULL})

/* Counts the parameters of the operation itself in one part of a request: "query", "header" or
 * "path". */
static size_t count_parameters(struct json_object *operation, const char *in)
{
    struct json_object *list = AT(operation, "parameters");
    size_t count = 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *place;
        count += json_object_object_get_ex(json_object_array_get_idx(list, i), "in", &place) &&
                 !strcmp(json_object_get_string(place), in);
    }
    return count;
}

static size_t count_names(const struct field *fields)
{
    return fields ? fields_count(fields) : 0;
}

static size_t count_placeholders(const char *pattern)
{
    size_t count = 0;
    for (; *pattern; pattern++) {
        count += *pattern == '{';
    }
    return count;
}

static void document_contains_exactly_the_routes(void **state)
{
    struct json_object *paths = AT(make_document(*state, resources, LANGUAGE_EN), "paths");
    size_t rows = 0, operations = 0;
    for (const struct resource *resource = resources; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            char method[16] = "";
            for (size_t i = 0; route_method_names[route->method][i]; i++) {
                method[i] = (char)tolower((unsigned char)route_method_names[route->method][i]);
            }
            struct json_object *operation = AT(paths, route->pattern, method);
            assert_string_equal(json_object_get_string(AT(operation, "summary")),
                                route->summary.en);
            assert_int_equal(json_object_array_length(AT(operation, "tags")), 1);
            assert_int_equal(count_parameters(operation, "query"), count_names(route->query));
            assert_int_equal(count_parameters(operation, "header"), count_names(route->headers));
            assert_int_equal(count_parameters(operation, "path"),
                             count_placeholders(route->pattern));
            rows++;
        }
    }
    json_object_object_foreach(paths, pattern, item)
    {
        (void)pattern;
        operations += (size_t)json_object_object_length(item);
    }
    assert_int_equal(operations, rows);
}

static void document_uses_the_requested_language(void **state)
{
    static const char *const get[] = {"paths", "/health", "get", "summary", NULL};
    assert_string_equal(
        json_object_get_string(get_nested(make_document(*state, resources, LANGUAGE_EN), get)),
        "Check that the service is running");
    assert_string_equal(
        json_object_get_string(get_nested(make_document(*state, resources, LANGUAGE_RU), get)),
        "Проверить, что сервис работает");
}

static void title_and_version_come_from_the_settings(void **state)
{
    struct json_object *info = AT(make_document(*state, resources, LANGUAGE_RU), "info");
    assert_string_equal(json_object_get_string(AT(info, "title")), "Контора \"№ 1\"");
    assert_string_equal(json_object_get_string(AT(info, "version")), "1.2.3");
}

/* The description of a permission names the roles that have it. */
static void permission_descriptions_name_the_permitted_roles(void **state)
{
    (void)state;
    for (enum permission permission = PERMIT_FILES_CREATE; permission <= PERMIT_MANAGE;
         permission++) {
        bool everybody = permission == PERMIT_READ;
        for (enum role role = ROLE_OWNER; role < ROLE_COUNT && !everybody; role++) {
            const struct principal principal = {
                .kind = PRINCIPAL_ACCOUNT, .organization_id = 1, .role = role};
            const char *english =
                strstr(permission_descriptions[permission].en, principal_role_names[role]);
            const char *russian =
                strstr(permission_descriptions[permission].ru, principal_role_names[role]);
            assert_int_equal(authorization_permits(&principal, permission), english != NULL);
            assert_int_equal(!russian, !english);
        }
    }
    for (enum permission permission = PERMIT_ALL; permission < PERMIT_COUNT; permission++) {
        const char *name = permission_names[permission];
        assert_true(permission_descriptions[permission].ru &&
                    permission_descriptions[permission].en);
        assert_true(!name || strstr(permission_descriptions[permission].en, name));
    }
}

/* --- fields ----------------------------------------------------------------------------------- */

static const int64_t sizes[] = {-4, 8, 0};
static const char *const colours[] = {"RED", "GREEN", NULL};

static const struct field thing_fields[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED | FIELD_NAME,
     .min = 1,
     .max = 20,
     .about = {"р", "e"},
     .example = "\"x\""},
    {.name = "colour",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .choices = colours,
     .about = {"р", "e"},
     .example = "null"},
    {.name = "price",
     .type = FIELD_DECIMAL,
     .scale = 2,
     .max = 12345,
     .about = {"р", "e"},
     .example = "1.50"},
    {.name = "owner_id",
     .type = FIELD_INTEGER,
     .min = 1,
     .max = INT64_MAX,
     .about = {"р", "e"},
     .example = "1"},
    {.name = "size",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE,
     .numbers = sizes,
     .about = {"р", "e"},
     .example = "8"},
    {.name = "at", .type = FIELD_TIME, .about = {"р", "e"}, .example = "\"2026-11-20T12:34:56Z\""},
    {.name = "key",
     .type = FIELD_STRING,
     .flags = FIELD_INTERNAL,
     .about = {"р", "e"},
     .example = "\"k\""},
    {.name = "secret",
     .type = FIELD_STRING,
     .flags = FIELD_SECRET,
     .about = {"р", "e"},
     .example = "\"s\""},
    {.name = "this",
     .type = FIELD_STRING,
     .flags = FIELD_ALTERNATIVE,
     .about = {"р", "e"},
     .example = "\"a\""},
    {.name = "that",
     .type = FIELD_STRING,
     .flags = FIELD_ALTERNATIVE,
     .about = {"р", "e"},
     .example = "\"b\""},
    {.name = NULL},
};

static const struct schema thing_schema = {"Thing", thing_fields};
static const struct schema thing_create_schema = {"ThingCreate", thing_fields};

static struct error *no_handler(struct request *request, struct reply *reply)
{
    (void)request;
    (void)reply;
    return NULL;
}

static const struct route thing_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/things",
     .handler = no_handler,
     .permission = PERMIT_CREATE,
     .summary = {"р", "e"},
     .body = &thing_create_schema,
     .shape = REPLY_RECORD,
     .reply = &thing_schema,
     .creates = true,
     .versioned = true},
    {.pattern = NULL},
};

static const struct resource things[] = {
    {"things", {"р", "e"}, {"р", "e"}, thing_routes},
    {.routes = NULL},
};

static void assert_json(struct json_object *json, const char *expected)
{
    assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE),
                        expected);
}

/* Sets of characters in the pattern of a name. */
#define CONTROLS "\\\\u0000-\\\\u001F\\\\u007F-\\\\u009F"
#define INVISIBLE                                                                                  \
    "\\\\u00A0\\\\u00AD\\\\u034F\\\\u061C\\\\u115F\\\\u1160\\\\u1680\\\\u17B4\\\\u17B5\\\\u180B-"  \
    "\\\\u180F\\\\u2000-\\\\u200F"                                                                 \
    "\\\\u2028-\\\\u202F\\\\u205F-\\\\u206F\\\\u2800\\\\u3000\\\\u3164\\\\uFE00-"                  \
    "\\\\uFE0F\\\\uFEFF\\\\uFFA0\\\\uFFF0-\\\\uFFFB"
#define BLANKS " \\\\t-\\\\r\\\\u0085" INVISIBLE

static void fields_are_described_by_json_schemas(void **state)
{
    struct json_object *schema =
        AT(make_document(*state, things, LANGUAGE_EN), "components", "schemas", "ThingCreate");
    struct json_object *fields = AT(schema, "properties");
    assert_json(AT(fields, "name"),
                "{\"type\":\"string\",\"description\":\"e. White space and invisible characters at "
                "both ends are removed\",\"minLength\":1,\"maxLength\":20,"
                "\"pattern\":\"^[" BLANKS "]*[^ " CONTROLS INVISIBLE "][^" CONTROLS "]*[" BLANKS
                "]*$\",\"examples\":[\"x\"]}");
    assert_json(AT(fields, "colour"), "{\"type\":[\"string\",\"null\"],\"description\":\"e\","
                                      "\"enum\":[\"RED\",\"GREEN\",null],\"examples\":[null]}");
    assert_json(AT(fields, "price"),
                "{\"type\":\"number\",\"description\":\"e\",\"multipleOf\":0.01,\"minimum\":0.00,"
                "\"maximum\":123.45,\"examples\":[1.50]}");
    assert_json(AT(fields, "owner_id"),
                "{\"type\":\"integer\",\"description\":\"e\",\"format\":\"int64\",\"minimum\":1,"
                "\"maximum\":9223372036854775807,\"examples\":[1]}");
    assert_json(AT(fields, "size"), "{\"type\":[\"integer\",\"null\"],\"description\":\"e\","
                                    "\"enum\":[-4,8,null],\"examples\":[8]}");
    assert_json(AT(fields, "at", "format"), "\"date-time\"");
    assert_json(AT(fields, "secret", "format"), "\"password\"");
    assert_json(AT(schema, "required"), "[\"name\"]");
    assert_json(AT(schema, "oneOf"), "[{\"required\":[\"this\"]},{\"required\":[\"that\"]}]");
    assert_json(AT(schema, "additionalProperties"), "false");
    assert_false(json_object_object_get_ex(fields, "key", NULL));
}

static void reply_schemas_require_all_fields_except_secrets(void **state)
{
    struct json_object *schema =
        AT(make_document(*state, things, LANGUAGE_EN), "components", "schemas", "Thing");
    assert_json(AT(schema, "required"),
                "[\"name\",\"colour\",\"price\",\"owner_id\",\"size\",\"at\",\"this\",\"that\"]");
    assert_false(json_object_object_get_ex(AT(schema, "properties"), "secret", NULL));
    assert_false(json_object_object_get_ex(AT(schema, "properties"), "key", NULL));
}

static void body_example_combines_the_field_examples(void **state)
{
    struct json_object *post =
        AT(make_document(*state, things, LANGUAGE_EN), "paths", "/things", "post");
    assert_json(AT(post, "requestBody", "content", "application/json", "example"),
                "{\"name\":\"x\",\"colour\":null,\"price\":1.50,\"owner_id\":1,\"size\":8,"
                "\"at\":\"2026-11-20T12:34:56Z\",\"secret\":\"s\",\"this\":\"a\"}");
}

/* The router and nginx answer such a route with these statuses. */
static void implied_statuses_and_headers_are_documented(void **state)
{
    static const char *const statuses[] = {"201", "400", "401", "403", "404", "409", "413", "414",
                                           "415", "421", "429", "431", "500", "502", "503", "504"};
    struct json_object *post =
        AT(make_document(*state, things, LANGUAGE_EN), "paths", "/things", "post");
    struct json_object *responses = AT(post, "responses");
    assert_int_equal(json_object_object_length(responses), COUNT_OF(statuses));
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        (void)AT(responses, statuses[i]);
    }
    (void)AT(responses, "201", "headers", "Location");
    (void)AT(responses, "201", "headers", "ETag");
    assert_json(AT(responses, "400", "$ref"),
                "\"#/components/responses/400.BAD_REQUEST.INVALID_JSON.VALIDATION_ERROR\"");
    assert_json(AT(responses, "401", "$ref"),
                "\"#/components/responses/401.UNAUTHORIZED.INVALID_TOKEN.TOKEN_EXPIRED\"");
    assert_json(AT(post, "security"), "[{\"bearer\":[]}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(document_contains_exactly_the_routes),
        ARENA_TEST(document_uses_the_requested_language),
        ARENA_TEST(title_and_version_come_from_the_settings),
        cmocka_unit_test(permission_descriptions_name_the_permitted_roles),
        ARENA_TEST(fields_are_described_by_json_schemas),
        ARENA_TEST(reply_schemas_require_all_fields_except_secrets),
        ARENA_TEST(body_example_combines_the_field_examples),
        ARENA_TEST(implied_statuses_and_headers_are_documented),
    };
    return cmocka_run_group_tests_name("openapi", tests, NULL, NULL);
}
