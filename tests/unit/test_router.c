/* Router: which route a path selects, which requests are rejected before a handler runs, and in
 * which order. */
#include "unit.h"

#include "base/log.h"
#include "http/audit.h"
#include "http/router.h"

/* --- handlers and routes ---------------------------------------------------------------------- */

static const struct field name_map[] = {
    {.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .max = 5},
    {.name = "password", .type = FIELD_STRING, .flags = FIELD_SECRET},
    {.name = NULL},
};

static const struct field page_map[] = {
    {.name = "skip", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT, .max = 100},
    {.name = NULL},
};

static const struct field optional_map[] = {
    {.name = "name", .type = FIELD_STRING},
    {.name = NULL},
};

static const struct schema name_schema = {"Name", name_map};
static const struct schema optional_schema = {"Optional", optional_map};

static int calls; /* number of calls of handlers */

/* Replies with the pattern of the route, so that a test sees which route was selected. */
static struct error *reply_with_pattern(struct request *request, struct reply *reply)
{
    calls++;
    struct value *record = arena_array(request->arena, fields_count(name_map), sizeof *record);
    field_set_string(&record[0], request->route->pattern);
    reply_record(reply, record);
    return NULL;
}

static struct error *create_thing(struct request *request, struct reply *reply)
{
    calls++;
    reply_created(request, reply, "/things", request_body_string(request, "name"));
    reply_record(reply, request->body);
    return NULL;
}

static struct error *reply_without_content(struct request *request, struct reply *reply)
{
    calls++;
    assert_non_null(request->arena);
    reply_no_content(reply);
    return NULL;
}

static struct error *list_things(struct request *request, struct reply *reply)
{
    calls++;
    reply_list(reply, NULL, 0, 95, request_query_integer(request, "skip"), 10);
    return NULL;
}

static struct error *fail_internally(struct request *request, struct reply *reply)
{
    calls++;
    assert_non_null(reply);
    return error_new(request->arena, ERR_INTERNAL, "the secret cause");
}

static struct error *fail_as_unavailable(struct request *request, struct reply *reply)
{
    calls++;
    assert_non_null(reply);
    return error_new(request->arena, ERR_DIRECTORY_UNAVAILABLE, NULL);
}

#define RECORD(method_, pattern_, ...)                                                             \
    {                                                                                              \
        .method = METHOD_##method_, .pattern = pattern_, .handler = reply_with_pattern,            \
        .shape = REPLY_RECORD, .reply = &name_schema, __VA_ARGS__                                  \
    }

/* Placeholders come first: the order of the rows must not matter. */
static const struct route first_table[] = {
    RECORD(GET, "/things/{thing}"),
    RECORD(GET, "/things/{other}/parts"),
    RECORD(GET, "/things/{thing}/parts/{part}"),
    RECORD(GET, "/things/me"),
    RECORD(GET, "/things/me/secrets"),
    RECORD(GET, "/link", .query = page_map, .query_open = true),
    RECORD(PATCH, "/things/{thing}", .permission = PERMIT_UPDATE, .body = &name_schema),
    RECORD(POST, "/open", .body = &optional_schema, .body_optional = true),
    RECORD(POST, "/by-setting", .access_by_setting = true),
    RECORD(POST, "/essential", .essential = true),
    RECORD(POST, "/space"),
    RECORD(POST, "/space/own", .permission = PERMIT_READ),
    RECORD(PUT, "/space"),
    RECORD(DELETE, "/space"),
    RECORD(GET, "/"),
    {.pattern = NULL},
};

static const struct route second_table[] = {
    {.method = METHOD_POST,
     .pattern = "/things",
     .handler = create_thing,
     .permission = PERMIT_UPDATE,
     .summary = {"Создать", "Create a thing"},
     .body = &name_schema,
     .shape = REPLY_RECORD,
     .reply = &name_schema,
     .action = "create_thing",
     .resource_type = "thing"},
    {.method = METHOD_GET,
     .pattern = "/things",
     .handler = list_things,
     .permission = PERMIT_READ,
     .query = page_map,
     .shape = REPLY_LIST,
     .reply = &name_schema},
    {.method = METHOD_DELETE,
     .pattern = "/things/{thing}",
     .handler = reply_without_content,
     .permission = PERMIT_UPDATE,
     .summary = {"Удалить", "Delete a thing"},
     .shape = REPLY_NOTHING,
     .action = "delete_thing",
     .resource_type = "thing"},
    {.method = METHOD_GET, .pattern = "/broken", .handler = fail_internally},
    {.method = METHOD_GET, .pattern = "/unavailable", .handler = fail_as_unavailable},
    {.pattern = NULL},
};

static const struct resource tables[] = {
    {.routes = first_table}, {.routes = second_table}, {.routes = NULL}};

/* --- one request ------------------------------------------------------------------------------ */

struct principal {
    unsigned permissions;
};

static const struct principal reader = {1U << PERMIT_READ};
static const struct principal writer = {1U << PERMIT_READ | 1U << PERMIT_UPDATE};

static const struct principal ghost = {1U << PERMIT_READ | 1U << PERMIT_UPDATE};

/* Authenticates the tokens "reader", "writer" and "ghost", with or without the scheme; rejects
 * all others. */
static struct error *authenticate(struct request *request)
{
    const char *who = request->headers.authorization;
    who += strncmp(who, "Bearer ", strlen("Bearer ")) ? 0 : strlen("Bearer ");
    if (!strcmp(who, "reader")) {
        request->principal = &reader;
    } else if (!strcmp(who, "writer")) {
        request->principal = &writer;
    } else if (!strcmp(who, "ghost")) {
        request->principal = &ghost;
    } else if (*who) {
        return error_new(request->arena, ERR_INVALID_TOKEN, NULL);
    }
    request->actor = *who ? who : NULL;
    return NULL;
}

/* The principal "ghost" has been deleted since its token was issued. */
static struct error *confirm(struct request *request, enum permission permission)
{
    bool gone = request->principal == &ghost && permission;
    return gone ? error_new(request->arena, ERR_INVALID_TOKEN, NULL) : NULL;
}

static bool permits(const struct request *request, enum permission permission)
{
    const struct principal *principal = request->principal;
    return principal && (principal->permissions & 1U << permission);
}

/* Access setting of routes with access_by_setting, and the state of free space. */
static bool open_by_setting, space_is_short;

static bool is_open(const struct request *request)
{
    (void)request;
    return open_by_setting;
}

/* Only "writer" may use the reserved space. */
static bool may_write(const struct request *request)
{
    return !space_is_short || request->principal == &writer;
}

/* State of the rate limits: the number of requests counted now; true if callers exceed their
 * limit. */
static int requests_counted;
static bool too_often;

static struct error *begin_limits(const struct request *request)
{
    if (too_often && request->principal) {
        return error_new(request->arena, ERR_TOO_MANY_REQUESTS, NULL);
    }
    requests_counted++;
    return NULL;
}

static void end_limits(const struct request *request)
{
    (void)request;
    requests_counted--;
}

static const struct router_guard guard = {
    .authenticate = authenticate,
    .confirm = confirm,
    .permits = permits,
    .begin = begin_limits,
    .end = end_limits,
    .is_open = is_open,
    .may_write = may_write,
};

struct exchange {
    struct arena *arena;
    struct router *router;
    struct request request;
    struct reply reply;
    const char *body; /* body of the request */
    size_t body_read;
};

enum { BODY_MAX = 1000 };

static size_t read_input(void *source, char *bytes, size_t size)
{
    struct exchange *exchange = source;
    size_t left = exchange->body ? strlen(exchange->body) - exchange->body_read : 0;
    size_t count = left < size ? left : size;
    memcpy(bytes, (exchange->body ? exchange->body : "") + exchange->body_read, count);
    exchange->body_read += count;
    return count;
}

static int setup_router(void **state)
{
    struct exchange *exchange = base_alloc(sizeof *exchange);
    struct router_settings settings = {
        .guard = guard,
        .standard_language = LANGUAGE_EN,
        .body_max = BODY_MAX,
    };
    exchange->arena = arena_new();
    exchange->router = router_new(tables, &settings);
    *state = exchange;
    return 0;
}

static int teardown_router(void **state)
{
    struct exchange *exchange = *state;
    router_free(&exchange->router);
    router_free(&exchange->router); /* a pointer to NULL is accepted */
    arena_free(&exchange->arena);
    free(exchange);
    return 0;
}

static void handle_request(struct exchange *exchange)
{
    const struct error *error =
        router_handle(exchange->router, &exchange->request, &exchange->reply);
    router_finish(&exchange->request, &exchange->reply, error);
}

/* Sends one request, without a body if `body` is NULL. Returns the status. */
static int send_headers(struct exchange *exchange, struct request_headers headers, const char *body)
{
    headers.content_length = headers.accept_language = headers.content_range = "";
    headers.request_id = "id-1";
    headers.address = "192.0.2.1";
    exchange->request = (struct request){
        .arena = exchange->arena,
        .headers = headers,
        .input = {read_input, exchange},
    };
    exchange->body = body;
    exchange->body_read = 0;
    calls = 0;
    handle_request(exchange);
    return exchange->reply.status;
}

static int send_request(struct exchange *exchange, const char *who, const char *method,
                        const char *uri, const char *body)
{
    return send_headers(exchange,
                        (struct request_headers){.method = method,
                                                 .uri = uri,
                                                 .content_type = body ? "application/json" : "",
                                                 .content_encoding = "",
                                                 .authorization = who},
                        body);
}

static const char *find_header(const struct exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->reply.headers_count; i++) {
        if (!strcmp(exchange->reply.headers[i].name, name)) {
            return exchange->reply.headers[i].value;
        }
    }
    return "";
}

static const char *reply_text_of(const struct exchange *exchange)
{
    return exchange->reply.body.bytes ? exchange->reply.body.bytes : "";
}

static void assert_code(const struct exchange *exchange, const char *code)
{
    struct json_object *json = must_parse(reply_text_of(exchange), exchange->reply.body.length);
    assert_member(json, "code", code);
    assert_member(json, "request_id", "id-1");
    json_object_put(json);
}

/* --- access by setting, and free space -------------------------------------------------------- */

static void setting_decides_if_a_route_requires_authentication(void **state)
{
    open_by_setting = true;
    assert_int_equal(send_request(*state, "", "POST", "/by-setting", NULL), 200);
    assert_int_equal(send_request(*state, "nonsense", "POST", "/by-setting", NULL), 200);
    assert_null(((struct exchange *)*state)->request.principal);
    open_by_setting = false;
    assert_int_equal(send_request(*state, "", "POST", "/by-setting", NULL), 401);
    assert_code(*state, "UNAUTHORIZED");
    assert_int_equal(send_request(*state, "nonsense", "POST", "/by-setting", NULL), 401);
    assert_code(*state, "INVALID_TOKEN");
    assert_int_equal(calls, 0);
    assert_int_equal(send_request(*state, "reader", "POST", "/by-setting", NULL), 200);
    assert_ptr_equal(((struct exchange *)*state)->request.principal, &reader);
}

/* The limits also apply to open routes, unless the caller is unknown. */
static void rate_limits_apply_to_authenticated_callers_only(void **state)
{
    static const struct {
        const char *who, *method, *uri;
        int status;
    } rows[] = {
        {"", "POST", "/by-setting", 200},
        {"nonsense", "POST", "/by-setting", 200},
        {"reader", "POST", "/by-setting", 429},
        {"reader", "POST", "/space/own", 429},
    };
    open_by_setting = too_often = true;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(send_request(*state, rows[i].who, rows[i].method, rows[i].uri, NULL),
                         rows[i].status);
        assert_int_equal(requests_counted, 0);
    }
    too_often = false;
    assert_int_equal(send_request(*state, "reader", "POST", "/by-setting", NULL), 200);
    assert_int_equal(requests_counted, 0);
    open_by_setting = false;
}

static void low_space_rejects_writes_unless_essential(void **state)
{
    static const struct {
        const char *who, *method, *uri;
        int status;
    } rows[] = {
        {"", "GET", "/things/a", 200},
        {"", "POST", "/space", 503},
        {"", "PUT", "/space", 503},
        {"", "DELETE", "/space", 200},
        {"", "POST", "/essential", 200},
        {"reader", "POST", "/space/own", 503},
        {"writer", "POST", "/space/own", 200},
        {"nonsense", "PATCH", "/things/a", 401},
    };
    space_is_short = true;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int status = send_request(*state, rows[i].who, rows[i].method, rows[i].uri, NULL);
        assert_int_equal(status, rows[i].status);
        assert_int_equal(calls, rows[i].status == 200);
        if (rows[i].status == 503) {
            assert_code(*state, "STORAGE_FULL");
            assert_string_equal(find_header(*state, "Retry-After"), "60");
        }
    }
    space_is_short = false;
    assert_int_equal(send_request(*state, "", "PUT", "/space", NULL), 200);
}

/* --- route selection -------------------------------------------------------------------------- */

static void literal_segments_take_precedence_over_placeholders(void **state)
{
    static const struct {
        const char *uri, *pattern;
    } rows[] = {
        {"/", "/"},
        {"/?a=b", "/"},
        {"/things/me", "/things/me"},
        {"/things/%6De", "/things/me"},
        {"/things/you", "/things/{thing}"},
        {"/things/meme", "/things/{thing}"},
        {"/things/m", "/things/{thing}"},
        {"/things/%7Bthing%7D", "/things/{thing}"},
        {"/things/a%2Fparts", "/things/{thing}"},
        {"/things/me/secrets", "/things/me/secrets"},
        /* Falls back from a literal that matches no route. */
        {"/things/me/parts", "/things/{other}/parts"},
        {"/things/me/parts/x", "/things/{thing}/parts/{part}"},
        {"/things/a/parts/b", "/things/{thing}/parts/{part}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(send_request(*state, "", "GET", rows[i].uri, NULL), 200);
        assert_int_equal(calls, 1);
        const char *expected =
            arena_format(((struct exchange *)*state)->arena, "{\"name\":\"%s\"}", rows[i].pattern);
        assert_string_equal(reply_text_of(*state), expected);
    }
}

static void unknown_paths_are_answered_with_404(void **state)
{
    static const char *const uris[] = {
        "/thing",
        "/Things",
        "/things/",
        "/things/me/",
        "//",
        "/things//",
        "/things/a/parts/",
        "/things//parts",
        "/things/a/b",
        "//things",
        "/things/a/parts/b/c",
        "/things/me/secrets/x",
        "/{thing}",
        "/%",
    };
    for (size_t i = 0; i < COUNT_OF(uris); i++) {
        int status = send_request(*state, "writer", "GET", uris[i], NULL);
        assert_int_equal(status, strcmp(uris[i], "/%") ? 404 : 400);
        assert_int_equal(calls, 0);
        assert_code(*state, status == 404 ? "NOT_FOUND" : "BAD_REQUEST");
        assert_string_equal(find_header(*state, "Allow"), "");
    }
}

static void unsupported_methods_are_answered_with_405_and_allow(void **state)
{
    static const struct {
        const char *method, *uri, *allow;
    } rows[] = {
        {"PUT", "/things", "GET, HEAD, POST"},
        {"OPTIONS", "/things", "GET, HEAD, POST"},
        {"BREW", "/things", "GET, HEAD, POST"},
        {"get", "/things", "GET, HEAD, POST"},
        {"DELETE", "/things/me", "GET, HEAD"},
        {"POST", "/things/x", "GET, HEAD, PATCH, DELETE"},
        {"GET", "/open", "POST"},
        {"HEAD", "/open", "POST"},
        {"POST", "/", "GET, HEAD"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(send_request(*state, "", rows[i].method, rows[i].uri, NULL), 405);
        assert_string_equal(find_header(*state, "Allow"), rows[i].allow);
        assert_code(*state, "METHOD_NOT_ALLOWED");
        assert_int_equal(calls, 0);
    }
}

static void head_is_served_as_get(void **state)
{
    struct exchange *exchange = *state;
    assert_int_equal(send_request(exchange, "", "HEAD", "/things/me", NULL), 200);
    assert_true(exchange->request.head);
    /* Nginx needs the body for its length. */
    assert_string_equal(reply_text_of(exchange), "{\"name\":\"/things/me\"}");
}

/* --- checks before the handler ---------------------------------------------------------------- */

static void permission_is_checked_before_query_and_body(void **state)
{
    struct exchange *exchange = *state;
    assert_int_equal(send_request(exchange, "", "POST", "/things", "not JSON"), 401);
    assert_code(exchange, "UNAUTHORIZED");
    assert_string_equal(find_header(exchange, "WWW-Authenticate"), "Bearer");
    /* the request is rejected before its body is read */
    assert_int_equal(exchange->body_read, 0);
    assert_int_equal(send_request(exchange, "forged", "POST", "/things", "not JSON"), 401);
    assert_code(exchange, "INVALID_TOKEN");
    assert_string_equal(find_header(exchange, "WWW-Authenticate"), "Bearer");
    assert_int_equal(send_request(exchange, "ghost", "POST", "/things", "not JSON"), 401);
    assert_code(exchange, "INVALID_TOKEN");
    assert_int_equal(exchange->body_read, 0);
    assert_int_equal(send_request(exchange, "reader", "POST", "/things", "not JSON"), 403);
    assert_code(exchange, "FORBIDDEN");
    assert_string_equal(find_header(exchange, "WWW-Authenticate"), "");
    assert_int_equal(exchange->body_read, 0);
    assert_int_equal(send_request(exchange, "", "GET", "/things?skip=x", NULL), 401);
    assert_int_equal(send_request(exchange, "reader", "GET", "/things?skip=x", NULL), 400);
    assert_int_equal(calls, 0);
}

/* RFC 6750 3 and 3.1: the challenge names an error only if a token was sent. */
static void challenge_names_the_error_of_a_rejected_token(void **state)
{
    static const struct {
        const char *authorization;
        int status;
        const char *challenge;
    } rows[] = {
        {"", 401, "Bearer"},
        {"Basic forged", 401, "Bearer"},
        {"Bearer forged", 401, "Bearer error=\"invalid_token\""},
        {"bearer forged", 401, "Bearer error=\"invalid_token\""},
        {"Bearer ghost", 401, "Bearer error=\"invalid_token\""},
        {"Bearer reader", 403, "Bearer error=\"insufficient_scope\""},
        {"Bearer writer", 400, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(send_request(*state, rows[i].authorization, "POST", "/things", "not JSON"),
                         rows[i].status);
        assert_string_equal(find_header(*state, "WWW-Authenticate"), rows[i].challenge);
    }
}

static void open_routes_ignore_credentials(void **state)
{
    assert_int_equal(send_request(*state, "forged", "GET", "/things/me", NULL), 200);
    assert_null(((struct exchange *)*state)->request.principal);
}

static void invalid_queries_are_rejected(void **state)
{
    assert_int_equal(send_request(*state, "reader", "GET", "/things?skip=20", NULL), 200);
    assert_string_equal(reply_text_of(*state),
                        "{\"items\":[],\"total\":95,\"skip\":20,\"limit\":10,\"pages\":10}");
    assert_int_equal(send_request(*state, "reader", "GET", "/things?skip=101&x=1", NULL), 400);
    assert_code(*state, "VALIDATION_ERROR");
    assert_int_equal(calls, 0);
    /* A route without query parameters ignores the query. */
    assert_int_equal(send_request(*state, "", "GET", "/things/me?%zz", NULL), 200);
}

static void invalid_bodies_are_rejected(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *code;
    } rows[] = {
        {"{\"name\":\"", 400, "INVALID_JSON"},
        {"", 400, "INVALID_JSON"},
        {"[]", 400, "INVALID_JSON"},
        {"{}", 400, "VALIDATION_ERROR"},
        {"{\"name\":\"123456\"}", 400, "VALIDATION_ERROR"},
        {"{\"name\":\"x\",\"y\":1}", 400, "VALIDATION_ERROR"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(send_request(*state, "writer", "POST", "/things", rows[i].body),
                         rows[i].status);
        assert_code(*state, rows[i].code);
        assert_int_equal(calls, 0);
    }
    assert_int_equal(send_request(*state, "writer", "POST", "/things", "{\"name\":\"a/я\"}"), 201);
    assert_string_equal(find_header(*state, "Location"), "/things/a%2F%D1%8F");
    assert_string_equal(reply_text_of(*state), "{\"name\":\"a/я\"}");
}

static int send_media(struct exchange *exchange, const char *method, const char *uri,
                      const char *type, const char *coding)
{
    return send_headers(exchange,
                        (struct request_headers){.method = method,
                                                 .uri = uri,
                                                 .content_type = type,
                                                 .content_encoding = coding,
                                                 .authorization = "writer"},
                        "{\"name\":\"x\"}");
}

static int send_with_type(struct exchange *exchange, const char *type)
{
    return send_media(exchange, "POST", "/things", type, "");
}

static void body_must_be_json_in_utf8(void **state)
{
    static const char *const json[] = {
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        " application/json ; charset=utf-8",
        "application/json;",
        "application/json; xcharset=utf-16",
        "application/json; profile=\"charset=utf-16\"",
        "application/json; charset=utf8",
        "application/json; charset=UTF8",
        "application/json; charset=us-ascii",
        "application/json; charset=\"US-ASCII\"",
        "application/json; charset=ascii",
        "application/json; charset=ANSI_X3.4-1968",
    };
    static const char *const others[] = {
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json-patch+json",
        "text/json",
        "application/json; charset=utf-16",
        "application/json; charset=windows-1251",
        "application/json; charset=utf-8x",
        "application/json; charset=utf",
        "application/json; charset=utf88",
        "application/json; charset=iso-8859-1",
        "application/json; charset=us-ascii-2",
        "application/json; charset=",
        "application/merge-patch+json",
        "application/json; xcharset=utf-8; charset=utf-16",
        "application",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
    };
    for (size_t i = 0; i < COUNT_OF(json); i++) {
        assert_int_equal(send_with_type(*state, json[i]), 201);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_int_equal(send_with_type(*state, others[i]), 415);
        assert_code(*state, "UNSUPPORTED_MEDIA_TYPE");
    }
}

static void merge_patch_is_accepted_for_patch_only(void **state)
{
    static const char *const patches[] = {
        "application/merge-patch+json",
        "Application/Merge-Patch+JSON; charset=utf-8",
        "application/merge-patch+json;charset=utf8",
        "application/json",
    };
    static const char *const others[] = {
        "application/json-patch+json",
        "application/merge-patch+jsonx",
        "application/merge-patch+json; charset=utf-16",
        "application/merge-patch",
    };
    for (size_t i = 0; i < COUNT_OF(patches); i++) {
        assert_int_equal(send_media(*state, "PATCH", "/things/x", patches[i], ""), 200);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_int_equal(send_media(*state, "PATCH", "/things/x", others[i], ""), 415);
    }
    assert_int_equal(send_media(*state, "POST", "/open", patches[0], ""), 415);
}

static void reply_415_names_the_accepted_types(void **state)
{
    static const char both[] = "application/json, application/merge-patch+json";
    send_media(*state, "POST", "/things", "text/plain", "");
    assert_string_equal(find_header(*state, "Accept"), "application/json");
    assert_string_equal(find_header(*state, "Accept-Patch"), "");
    send_media(*state, "PATCH", "/things/x", "text/plain", "");
    assert_string_equal(find_header(*state, "Accept"), both);
    assert_string_equal(find_header(*state, "Accept-Patch"), both);
    assert_string_equal(find_header(*state, "Accept-Encoding"), "");
}

static void reply_405_names_the_types_of_patch(void **state)
{
    assert_int_equal(send_request(*state, "", "OPTIONS", "/things/x", NULL), 405);
    assert_string_equal(find_header(*state, "Accept-Patch"),
                        "application/json, application/merge-patch+json");
    assert_int_equal(send_request(*state, "", "OPTIONS", "/things", NULL), 405);
    assert_string_equal(find_header(*state, "Accept-Patch"), "");
}

static void coded_bodies_are_rejected(void **state)
{
    static const char *const codings[] = {
        "gzip",           "GZIP",      "br", "deflate, gzip", "identity, gzip", "gzip,identity",
        "identity;q=0.5", "identityx", "x",  "\t, zstd ,"};
    static const char *const none[] = {"", " ", "identity", "Identity", " identity , identity",
                                       ","};
    for (size_t i = 0; i < COUNT_OF(codings); i++) {
        assert_int_equal(send_media(*state, "POST", "/things", "application/json", codings[i]),
                         415);
        assert_code(*state, "UNSUPPORTED_CONTENT_ENCODING");
        assert_string_equal(find_header(*state, "Accept-Encoding"), "identity");
        assert_string_equal(find_header(*state, "Accept"), "");
        assert_int_equal(calls, 0);
    }
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        assert_int_equal(send_media(*state, "POST", "/things", "application/json", none[i]), 201);
    }
    /* The coding of content that the call does not read does not matter. */
    assert_int_equal(send_media(*state, "DELETE", "/things/x", "", "gzip"), 204);
}

/* The caller learns about missing permissions first. */
static void coded_bodies_are_rejected_after_authorization(void **state)
{
    const struct request_headers headers = {.method = "POST",
                                            .uri = "/things",
                                            .content_type = "application/json",
                                            .content_encoding = "gzip",
                                            .authorization = ""};
    assert_int_equal(send_headers(*state, headers, "{}"), 401);
}

static void byte_order_mark_before_a_body_is_ignored(void **state)
{
#define MARK "\xEF\xBB\xBF"
    assert_int_equal(send_request(*state, "writer", "POST", "/things", MARK "{\"name\":\"x\"}"),
                     201);
    assert_int_equal(send_request(*state, "", "POST", "/open", MARK), 200);
    static const char *const invalid[] = {MARK MARK "{\"name\":\"x\"}", "\xEF\xBB{\"name\":\"x\"}",
                                          " " MARK "{\"name\":\"x\"}", "{\"name\":\"x\"}" MARK,
                                          "\xFF\xFE{\0\"\0"};
    for (size_t i = 0; i < COUNT_OF(invalid); i++) {
        assert_int_equal(send_request(*state, "writer", "POST", "/things", invalid[i]), 400);
        assert_code(*state, "INVALID_JSON");
    }
#undef MARK
}

static void open_query_ignores_unknown_parameters(void **state)
{
    assert_int_equal(send_request(*state, "", "GET", "/link?skip=7&utm_source=mail", NULL), 200);
    assert_int_equal(
        fields_get(page_map, ((struct exchange *)*state)->request.query, "skip")->integer, 7);
    assert_int_equal(send_request(*state, "", "GET", "/link?fbclid=%&%ff=%00&skip=7&&=", NULL),
                     200);
    assert_int_equal(send_request(*state, "", "GET", "/link?utm=1&skip=x", NULL), 400);
    assert_int_equal(send_request(*state, "", "GET", "/link?skip=1&skip=1", NULL), 400);
    assert_int_equal(send_request(*state, "writer", "GET", "/things?utm_source=mail", NULL), 400);
}

static void optional_bodies_may_be_missing(void **state)
{
    assert_int_equal(send_request(*state, "", "POST", "/open", NULL), 200);
    assert_int_equal(send_request(*state, "", "POST", "/open", ""), 200);
    assert_int_equal(send_request(*state, "", "POST", "/open", "{\"name\":\"x\"}"), 200);
    assert_int_equal(send_request(*state, "", "POST", "/open", " "), 400);
    assert_int_equal(send_request(*state, "", "POST", "/open", "{\"x\":\"x\"}"), 400);
}

static void bodies_beyond_the_limit_are_rejected(void **state)
{
    struct exchange *exchange = *state;
    char *body = arena_alloc(exchange->arena, BODY_MAX + 2);
    memset(body, ' ', BODY_MAX + 1);
    memcpy(body, "{\"name\":\"x\"}", strlen("{\"name\":\"x\"}"));
    assert_int_equal(send_request(exchange, "writer", "POST", "/things", body), 413);
    assert_code(exchange, "PAYLOAD_TOO_LARGE");
    body[BODY_MAX] = '\0';
    assert_int_equal(send_request(exchange, "writer", "POST", "/things", body), 201);
}

/* --- after the handler ------------------------------------------------------------------------ */

static void reply_204_has_no_body(void **state)
{
    assert_int_equal(send_request(*state, "writer", "DELETE", "/things/x", NULL), 204);
    assert_int_equal(((struct exchange *)*state)->reply.body.length, 0);
}

static void error_bodies_do_not_reveal_the_cause(void **state)
{
    assert_int_equal(send_request(*state, "", "GET", "/broken", NULL), 500);
    assert_code(*state, "INTERNAL_ERROR");
    assert_null(strstr(reply_text_of(*state), "secret"));
    assert_int_equal(send_request(*state, "", "GET", "/unavailable", NULL), 503);
    assert_code(*state, "DIRECTORY_UNAVAILABLE");
    assert_true(strtol(find_header(*state, "Retry-After"), NULL, 10) > 0);
}

static void error_messages_use_the_clients_language(void **state)
{
    struct exchange *exchange = *state;
    exchange->request = (struct request){
        .arena = exchange->arena,
        .headers = {"GET", "/nowhere", "", "", "", "ru", "id-1", ""},
        .input = {read_input, exchange},
    };
    handle_request(exchange);
    assert_non_null(strstr(reply_text_of(exchange), "Ресурс не найден"));
    assert_int_equal(send_request(exchange, "", "GET", "/nowhere", NULL), 404);
    assert_non_null(strstr(reply_text_of(exchange), "The resource was not found"));
}

/* --- audit ------------------------------------------------------------------------------------ */

static void successful_and_rejected_changes_are_audited(void **state)
{
    static const struct {
        const char *who, *method, *uri, *body, *line;
    } rows[] = {
        {"writer", "POST", "/things", "{\"name\":\"x\",\"password\":\"hush\"}",
         "\"status\":\"success\""},
        {"writer", "DELETE", "/things/a%2Fb", NULL, "\"resource_id\":\"a/b\""},
        {"reader", "DELETE", "/things/x", NULL, "\"code\":\"FORBIDDEN\""},
        {"", "DELETE", "/things/x", NULL, "\"code\":\"UNAUTHORIZED\""},
        {"forged", "DELETE", "/things/x", NULL, "\"code\":\"INVALID_TOKEN\""},
        {"writer", "POST", "/things", "{\"name\":\"hush hush\",\"password\":\"hush\"}",
         "\"code\":\"VALIDATION_ERROR\""},
        {"writer", "POST", "/things", "hush", "\"code\":\"INVALID_JSON\""},
    };
    struct exchange *exchange = *state;
    unlink("audit.jsonl");
    assert_true(audit_open("audit.jsonl"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(truncate("audit.jsonl", 0), 0);
        send_request(exchange, rows[i].who, rows[i].method, rows[i].uri, rows[i].body);
        const char *line = read_file(exchange->arena, "audit.jsonl");
        assert_true(*line && strchr(line, '\n') == line + strlen(line) - 1);
        assert_non_null(strstr(line, rows[i].line));
        assert_null(strstr(line, "hush"));
    }
    assert_int_equal(truncate("audit.jsonl", 0), 0);
    /* requests that change nothing are not audited */
    send_request(exchange, "reader", "GET", "/things", NULL);
    send_request(exchange, "writer", "PUT", "/things/x", NULL);
    send_request(exchange, "writer", "DELETE", "/nowhere", NULL);
    assert_string_equal(read_file(exchange->arena, "audit.jsonl"), "");
}

/* --- route tables ----------------------------------------------------------------------------- */

static const struct route duplicate_table[] = {
    RECORD(GET, "/things/{name}"), /* the same route with another placeholder name */
    {.pattern = NULL},
};

static void build_router(void *twice)
{
    const struct resource built[] = {{.routes = first_table},
                                     {.routes = *(const bool *)twice ? duplicate_table : NULL},
                                     {.routes = NULL}};
    const struct router_settings settings = {.guard = guard};
    struct router *router = router_new(built, &settings);
    router_free(&router);
}

static void duplicate_routes_abort_the_process(void **state)
{
    (void)state;
    bool twice = false;
    int status = exit_status_of(build_router, &twice);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    twice = true;
    assert_aborts(build_router, &twice);
}

#define ROUTER_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, setup_router, teardown_router)

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    if (!log_open(LOG_LEVEL_DEBUG, "kontora.log") || !audit_open("audit.jsonl")) {
        return leave_temporary(folder, EXIT_FAILURE);
    }
    const struct CMUnitTest tests[] = {
        ROUTER_TEST(setting_decides_if_a_route_requires_authentication),
        ROUTER_TEST(rate_limits_apply_to_authenticated_callers_only),
        ROUTER_TEST(low_space_rejects_writes_unless_essential),
        ROUTER_TEST(literal_segments_take_precedence_over_placeholders),
        ROUTER_TEST(unknown_paths_are_answered_with_404),
        ROUTER_TEST(unsupported_methods_are_answered_with_405_and_allow),
        ROUTER_TEST(head_is_served_as_get),
        ROUTER_TEST(permission_is_checked_before_query_and_body),
        ROUTER_TEST(challenge_names_the_error_of_a_rejected_token),
        ROUTER_TEST(open_routes_ignore_credentials),
        ROUTER_TEST(invalid_queries_are_rejected),
        ROUTER_TEST(invalid_bodies_are_rejected),
        ROUTER_TEST(body_must_be_json_in_utf8),
        ROUTER_TEST(merge_patch_is_accepted_for_patch_only),
        ROUTER_TEST(reply_415_names_the_accepted_types),
        ROUTER_TEST(reply_405_names_the_types_of_patch),
        ROUTER_TEST(coded_bodies_are_rejected),
        ROUTER_TEST(coded_bodies_are_rejected_after_authorization),
        ROUTER_TEST(byte_order_mark_before_a_body_is_ignored),
        ROUTER_TEST(open_query_ignores_unknown_parameters),
        ROUTER_TEST(optional_bodies_may_be_missing),
        ROUTER_TEST(bodies_beyond_the_limit_are_rejected),
        ROUTER_TEST(reply_204_has_no_body),
        ROUTER_TEST(error_bodies_do_not_reveal_the_cause),
        ROUTER_TEST(error_messages_use_the_clients_language),
        ROUTER_TEST(successful_and_rejected_changes_are_audited),
        cmocka_unit_test(duplicate_routes_abort_the_process),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("router", tests, NULL, NULL));
}
