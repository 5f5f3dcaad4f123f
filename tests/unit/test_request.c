/* Request: methods, paths and their encoding, request ids, and bodies that arrive in pieces. */
#include "unit.h"

#include "base/utf8.h"
#include "http/request.h"

/* Returns a request without any content. */
static struct request *make_blank_request(struct arena *arena)
{
    struct request *request = arena_alloc(arena, sizeof *request);
    request->arena = arena;
    request->headers = (struct request_headers){
        "GET", "/", "", "", "", "", "", "192.0.2.1",
    };
    return request;
}

static struct request *parse_uri(struct arena *arena, const char *uri, enum error_id *error_r)
{
    struct request *request = make_blank_request(arena);
    request->headers.uri = uri;
    struct error *error = request_parse(request, LANGUAGE_RU);
    *error_r = error ? error->id : ERR_COUNT;
    return request;
}

static struct request *must_parse_uri(struct arena *arena, const char *uri)
{
    enum error_id error;
    struct request *request = parse_uri(arena, uri, &error);
    if (error != ERR_COUNT) {
        FAIL("%s is rejected with %d", uri, (int)error);
    }
    return request;
}

/* --- methods ---------------------------------------------------------------------------------- */

static void http_methods_are_recognized_by_name(void **state)
{
    static const struct {
        const char *name;
        enum method method;
        bool head;
    } rows[] = {
        {"GET", METHOD_GET, false},       {"HEAD", METHOD_GET, true},
        {"POST", METHOD_POST, false},     {"PUT", METHOD_PUT, false},
        {"PATCH", METHOD_PATCH, false},   {"DELETE", METHOD_DELETE, false},
        {"OPTIONS", METHOD_COUNT, false}, {"get", METHOD_COUNT, false},
        {"GETT", METHOD_COUNT, false},    {"", METHOD_COUNT, false},
        {"HEADX", METHOD_COUNT, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct request *request = make_blank_request(*state);
        request->headers.method = rows[i].name;
        assert_null(request_parse(request, LANGUAGE_RU));
        assert_int_equal(request->method, rows[i].method);
        assert_int_equal(request->head, rows[i].head);
    }
}

/* --- paths ------------------------------------------------------------------------------------ */

static void paths_are_split_and_then_decoded(void **state)
{
    static const struct {
        const char *uri;
        size_t count;
        const char *segments[4];
    } rows[] = {
        {"/", 0, {NULL}},
        {"/a", 1, {"a"}},
        {"/a/b/c", 3, {"a", "b", "c"}},
        {"/a/", 2, {"a", ""}},
        {"//", 2, {"", ""}},
        {"/a//b", 3, {"a", "", "b"}},
        {"/a%2Fb/c", 2, {"a/b", "c"}},
        {"/a%2fb%3Fc%23d", 1, {"a/b?c#d"}},
        {"/%D0%98%D0%B2%D0%B0%D0%BD", 1, {"Иван"}},
        {"/%d0%98", 1, {"И"}},
        {"/Иван", 1, {"Иван"}}, /* raw bytes, which nginx passes on */
        {"/a+b", 1, {"a+b"}},   /* a plus in a path is not a space */
        {"/%2B%25", 1, {"+%"}},
        {"/%2541", 1, {"%41"}}, /* the path is decoded only once */
        {"/..%2F..%2Fetc", 1, {"../../etc"}},
        {"/%2e%2e/x", 2, {"..", "x"}},
        {"/a?b", 1, {"a"}},
        {"/a/?b=/c/d", 2, {"a", ""}},
        {"/%0A%7F", 1, {"\n\x7F"}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct request *request = must_parse_uri(*state, rows[i].uri);
        assert_int_equal(request->segments_count, rows[i].count);
        for (size_t j = 0; j < rows[i].count; j++) {
            assert_string_equal(request->segments[j], rows[i].segments[j]);
        }
    }
}

static void malformed_paths_are_rejected(void **state)
{
    static const char *const uris[] = {
        "",        "a",          "*",    "?",     "http://host/",  "/%",      "/a%2",
        "/%zz",    "/%2g",       "/%g2", "/a/%",  "/%00",          "/a%00b",  "/%C0%80",
        "/%c3%28", "/%ed%a0%80", "/%FF", "/\xFF", "/%F4%90%80%80", "/%u0041", "/% 41",
        "/%-1",    "/%+1",
    };
    for (size_t i = 0; i < COUNT_OF(uris); i++) {
        enum error_id error;
        parse_uri(*state, uris[i], &error);
        if (error != ERR_BAD_REQUEST) {
            FAIL("%s is not rejected", uris[i]);
        }
    }
}

static void paths_with_too_many_segments_are_not_found(void **state)
{
    struct buffer uri = {.arena = *state};
    for (int i = 0; i < REQUEST_SEGMENTS_MAX; i++) {
        buffer_add_string(&uri, "/a");
    }
    const struct request *request = must_parse_uri(*state, uri.bytes);
    assert_int_equal(request->segments_count, REQUEST_SEGMENTS_MAX);
    buffer_add_string(&uri, "/a");
    enum error_id error;
    parse_uri(*state, uri.bytes, &error);
    assert_int_equal(error, ERR_NOT_FOUND);
    for (int i = 0; i < 10000; i++) {
        buffer_add_string(&uri, "/a");
    }
    parse_uri(*state, uri.bytes, &error);
    assert_int_equal(error, ERR_NOT_FOUND);
}

static void query_is_kept_encoded(void **state)
{
    assert_string_equal(must_parse_uri(*state, "/a?b=%20&c")->query_text, "b=%20&c");
    assert_string_equal(must_parse_uri(*state, "/a?")->query_text, "");
    assert_string_equal(must_parse_uri(*state, "/a")->query_text, "");
    assert_string_equal(must_parse_uri(*state, "/?a?b")->query_text, "a?b");
    assert_string_equal(must_parse_uri(*state, "/a?%zz")->query_text, "%zz");
}

/* --- encoding --------------------------------------------------------------------------------- */

static void plus_is_decoded_as_space_on_request_only(void **state)
{
    (void)state;
    char text[] = "a+b%2Bc", again[] = "a+b%2Bc";
    assert_true(request_decode(text, true));
    assert_string_equal(text, "a b+c");
    assert_true(request_decode(again, false));
    assert_string_equal(again, "a+b+c");
}

static void encoded_path_segment_decodes_to_the_original(void **state)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (int c = 1; c < 0x80; c++) {
        const char segment[] = {(char)c, '\0'};
        char *encoded = arena_string(*state, request_encode_segment(*state, segment));
        assert_int_equal(strlen(encoded), strchr(unreserved, c) ? 1 : 3);
        assert_true(request_decode(encoded, false));
        assert_string_equal(encoded, segment);
    }
    assert_string_equal(request_encode_segment(*state, "Я/a b?"), "%D0%AF%2Fa%20b%3F");
    assert_string_equal(request_encode_segment(*state, ""), "");
}

/* --- request ids ------------------------------------------------------------------------------ */

static void valid_request_ids_are_kept(void **state)
{
    char longest[REQUEST_ID_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[REQUEST_ID_MAX] = '\0';
    const char *const kept[] = {"a", "AZaz09._-", longest};
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        struct request *request = make_blank_request(*state);
        request->headers.request_id = kept[i];
        assert_null(request_parse(request, LANGUAGE_RU));
        assert_string_equal(request->id, kept[i]);
    }
}

static void invalid_request_ids_are_replaced(void **state)
{
    char too_long[REQUEST_ID_MAX + 2];
    memset(too_long, 'a', sizeof too_long);
    too_long[REQUEST_ID_MAX + 1] = '\0';
    const char *const replaced[] = {"",    "a b", "a\n", "a\r\nX: y", "\"",
                                    "a/b", "я",   "a,b", too_long,    "{}"};
    for (size_t i = 0; i < COUNT_OF(replaced); i++) {
        struct request *request = make_blank_request(*state);
        request->headers.request_id = replaced[i];
        request->headers.uri = "broken"; /* rejected requests also get an id */
        assert_non_null(request_parse(request, LANGUAGE_RU));
        assert_string_not_equal(request->id, replaced[i]);
        assert_int_equal(strlen(request->id), 32);
    }
}

static void language_is_chosen_even_for_malformed_paths(void **state)
{
    struct request *request = make_blank_request(*state);
    request->headers.uri = "/%";
    request->headers.accept_language = "en";
    assert_non_null(request_parse(request, LANGUAGE_RU));
    assert_int_equal(request->language, LANGUAGE_EN);
}

/* --- path parameters -------------------------------------------------------------------------- */

static const struct route nested = {.pattern = "/users/{username}/groups/{group}"};

static void path_parameters_are_found_by_name(void **state)
{
    struct request *request = must_parse_uri(*state, "/users/%7Bgroup%7D/groups/a%2Fb");
    request->route = &nested;
    assert_string_equal(request_path_value(request, "username"), "{group}");
    assert_string_equal(request_path_value(request, "group"), "a/b");
}

static void get_value_by_partial_name(void *request)
{
    (void)request_path_value(request, "user");
}

static void get_value_by_unknown_name(void *request)
{
    (void)request_path_value(request, "name");
}

static void unknown_path_parameter_aborts_the_process(void **state)
{
    struct request *request = must_parse_uri(*state, "/users/a/groups/b");
    request->route = &nested;
    assert_aborts(get_value_by_partial_name, request);
    assert_aborts(get_value_by_unknown_name, request);
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* A client that sends `size` bytes, at most `piece` at a time. */
struct client {
    size_t size, sent, piece;
};

static size_t send_piece(void *source, char *bytes, size_t size)
{
    struct client *client = source;
    size_t count = client->size - client->sent;
    count = count < client->piece ? count : client->piece;
    count = count < size ? count : size;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (char)('a' + (client->sent + i) % 26);
    }
    client->sent += count;
    return count;
}

static enum error_id read_body(struct arena *arena, struct client *client, const char *length,
                               size_t limit, struct buffer *body)
{
    struct request *request = make_blank_request(arena);
    request->headers.content_length = length;
    request->input = (struct request_body){send_piece, client};
    struct error *error = request_read_body(request, limit, body);
    return error ? error->id : ERR_COUNT;
}

static void body_may_arrive_in_pieces(void **state)
{
    static const size_t pieces[] = {1, 7, 8191, 8192, 100000};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct client client = {.size = 20000, .piece = pieces[i]};
        struct buffer body;
        assert_int_equal(read_body(*state, &client, "20000", 20000, &body), ERR_COUNT);
        assert_int_equal(body.length, 20000);
        assert_int_equal(strlen(body.bytes), 20000);
        for (size_t at = 0; at < body.length; at++) {
            assert_int_equal(body.bytes[at], 'a' + at % 26);
        }
    }
}

static void empty_body_is_an_empty_string(void **state)
{
    static const char *const lengths[] = {"", "0"};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct client client = {.piece = 1};
        struct buffer body;
        assert_int_equal(read_body(*state, &client, lengths[i], 10, &body), ERR_COUNT);
        assert_int_equal(body.length, 0);
        assert_string_equal(body.bytes ? body.bytes : "", "");
    }
}

static void too_large_bodies_are_rejected_unread(void **state)
{
    struct client client = {.size = 1000000, .piece = 1000};
    struct buffer body;
    assert_int_equal(read_body(*state, &client, "1000000", 10000, &body), ERR_PAYLOAD_TOO_LARGE);
    assert_int_equal(client.sent, 0);
    /* Without a Content-Length, or with a false one, the request reads little more than the
     * limit. */
    static const char *const lies[] = {"", "5"};
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        client.sent = 0;
        assert_int_equal(read_body(*state, &client, lies[i], 10000, &body), ERR_PAYLOAD_TOO_LARGE);
        assert_true(client.sent <= 10000 + 8192);
    }
}

static void body_of_exactly_the_limit_is_accepted(void **state)
{
    struct client client = {.size = 10000, .piece = 100};
    struct buffer body;
    assert_int_equal(read_body(*state, &client, "10000", 10000, &body), ERR_COUNT);
    client = (struct client){.size = 10001, .piece = 100};
    assert_int_equal(read_body(*state, &client, "10001", 10000, &body), ERR_PAYLOAD_TOO_LARGE);
}

static void truncated_body_is_rejected(void **state)
{
    struct client client = {.size = 99, .piece = 100};
    struct buffer body;
    assert_int_equal(read_body(*state, &client, "100", 1000, &body), ERR_BAD_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(http_methods_are_recognized_by_name),
        ARENA_TEST(paths_are_split_and_then_decoded),
        ARENA_TEST(malformed_paths_are_rejected),
        ARENA_TEST(paths_with_too_many_segments_are_not_found),
        ARENA_TEST(query_is_kept_encoded),
        cmocka_unit_test(plus_is_decoded_as_space_on_request_only),
        ARENA_TEST(encoded_path_segment_decodes_to_the_original),
        ARENA_TEST(valid_request_ids_are_kept),
        ARENA_TEST(invalid_request_ids_are_replaced),
        ARENA_TEST(language_is_chosen_even_for_malformed_paths),
        ARENA_TEST(path_parameters_are_found_by_name),
        ARENA_TEST(unknown_path_parameter_aborts_the_process),
        ARENA_TEST(body_may_arrive_in_pieces),
        ARENA_TEST(empty_body_is_an_empty_string),
        ARENA_TEST(too_large_bodies_are_rejected_unread),
        ARENA_TEST(body_of_exactly_the_limit_is_accepted),
        ARENA_TEST(truncated_body_is_rejected),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
