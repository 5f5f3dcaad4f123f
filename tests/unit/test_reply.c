/* Reply: status, headers and the body that the route describes. */
#include "unit.h"

#include "http/reply.h"

static const struct field map[] = {
    {.name = "id", .type = FIELD_INTEGER},
    {.name = NULL},
};

static const struct schema schema = {"Thing", map};
static const struct route record_route = {.shape = REPLY_RECORD, .reply = &schema};
static const struct route list_route = {.shape = REPLY_LIST, .reply = &schema};
static const struct route silent_route = {.shape = REPLY_NOTHING};

static const char *serialize(struct arena *arena, const struct route *route, struct reply *reply)
{
    reply_serialize(route, reply, arena);
    return reply->body.bytes ? reply->body.bytes : "";
}

static void record_reply_has_status_200(void **state)
{
    struct value record = {0};
    struct reply reply = {0};
    field_set_integer(&record, 7);
    reply_record(&reply, &record);
    assert_int_equal(reply.status, 200);
    assert_string_equal(serialize(*state, &record_route, &reply), "{\"id\":7}");
}

static void created_reply_has_status_201_and_location(void **state)
{
    struct request request = {.arena = *state};
    struct value record = {0};
    struct reply reply = {0};
    field_set_integer(&record, 7);
    reply_created(&request, &reply, "/things", "a b\r\nX: Я/..");
    reply_record(&reply, &record);
    assert_int_equal(reply.status, 201);
    assert_int_equal(reply.headers_count, 1);
    assert_string_equal(reply.headers[0].name, "Location");
    assert_string_equal(reply.headers[0].value, "/things/a%20b%0D%0AX%3A%20%D0%AF%2F..");
}

static void reply_without_content_has_status_204(void **state)
{
    struct reply reply = {0};
    reply_no_content(&reply);
    assert_int_equal(reply.status, 204);
    assert_string_equal(serialize(*state, &silent_route, &reply), "");
    assert_int_equal(reply.body.length, 0);
}

static void text_reply_is_sent_unchanged(void **state)
{
    static const struct route text_route = {.shape = REPLY_TEXT};
    struct buffer text = {.arena = *state};
    struct reply reply = {0};
    buffer_add_string(&text, "a 1\n");
    reply_text(&reply, "text/plain", &text);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.content_type, "text/plain");
    assert_string_equal(serialize(*state, &text_route, &reply), "a 1\n");
}

/* For example, a record that reports that the service is not ready. */
static void record_reply_keeps_a_status_set_before(void **state)
{
    (void)state;
    struct value record[2] = {{0}};
    struct reply reply = {.status = 503};
    reply_record(&reply, record);
    assert_int_equal(reply.status, 503);
}

static void list_reply_contains_the_number_of_pages(void **state)
{
    static const struct {
        int64_t total, limit, pages;
    } rows[] = {{0, 10, 0},  {1, 10, 1},      {9, 10, 1}, {10, 10, 1},
                {11, 10, 2}, {2500, 1000, 3}, {5, 1, 5}};
    struct value record = {0};
    struct value *const items[] = {&record, &record};
    field_set_integer(&record, 7);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply reply = {0};
        reply_list(&reply, items, COUNT_OF(items), rows[i].total, 3, rows[i].limit);
        assert_int_equal(reply.status, 200);
        const char *expected =
            arena_format(*state,
                         "{\"items\":[{\"id\":7},{\"id\":7}],\"total\":%d,\"skip\":3,"
                         "\"limit\":%d,\"pages\":%d}",
                         (int)rows[i].total, (int)rows[i].limit, (int)rows[i].pages);
        assert_string_equal(serialize(*state, &list_route, &reply), expected);
    }
}

/* --- conditional requests --------------------------------------------------------------------- */

/* Returns the status of a request with these headers for a resource of version 7: 200, 304 or
 * 412. */
static int evaluate_conditions(struct arena *arena, enum method method, const char *if_match,
                               const char *if_none_match)
{
    struct request request = {
        .arena = arena,
        .method = method,
        .headers = {.if_match = if_match, .if_none_match = if_none_match},
    };
    struct value record = {0};
    struct reply reply = {0};
    struct error *error = NULL;
    if (method == METHOD_GET) {
        error = reply_conditional(&request, &reply, &record, 7);
    } else {
        error = reply_check_conditions(&request, 7);
        reply_versioned(&request, &reply, &record, 7);
    }
    if (error) {
        assert_int_equal(error->id, ERR_PRECONDITION_FAILED);
        return 412;
    }
    assert_string_equal(reply.headers[0].name, "ETag");
    assert_string_equal(reply.headers[0].value, "\"7\"");
    return reply.status;
}

static void conditional_requests_follow_rfc_9110(void **state)
{
    static const struct {
        const char *if_match, *if_none_match;
        int of_get, of_change;
    } rows[] = {
        {"", "", 200, 200},
        {"\"7\"", "", 200, 200},
        {"\"6\"", "", 412, 412},
        {"\"6\", \"7\"", "", 200, 200},
        {"\"6,7\",\"a\\\"", "", 412, 412},
        {"*", "", 200, 200},
        {" * ", "", 200, 200},
        {"\"6\", *", "", 412, 412}, /* "*" is not an item of a list of tags */
        {"*, \"6\"", "", 412, 412},
        {"7", "", 412, 412},
        {"\"7", "", 412, 412},
        {"W/\"7\"", "", 412, 412},        /* strong comparison: a weak tag never matches */
        {"w/\"7\", \"7\"", "", 412, 412}, /* malformed list: no match */
        {"", "\"7\"", 304, 412},
        {"", "\"6\"", 200, 200},
        {"", "W/\"7\"", 304, 412}, /* weak comparison */
        {"", "w/\"7\"", 200, 200}, /* W/ is case-sensitive */
        {"", "\"6\" , ,W/\"7\"", 304, 412},
        {"", "\"6\"\"7\"", 200, 200}, /* malformed list */
        {"", "*", 304, 412},
        {"", "\"6\", *", 200, 200},
        {"\"6\"", "\"7\"", 412, 412}, /* If-Match is evaluated first */
        {"\"7\"", "\"7\"", 304, 412},
        {"\"7\"", "\"6\"", 200, 200},
        {"*", "*", 304, 412},
    };
    static const enum method changes[] = {METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *match = rows[i].if_match, *none_match = rows[i].if_none_match;
        print_message("If-Match: %s  If-None-Match: %s\n", match, none_match);
        assert_int_equal(evaluate_conditions(*state, METHOD_GET, match, none_match),
                         rows[i].of_get);
        for (size_t j = 0; j < COUNT_OF(changes); j++) {
            assert_int_equal(evaluate_conditions(*state, changes[j], match, none_match),
                             rows[i].of_change);
        }
    }
}

static void add_headers(void *count)
{
    struct reply reply = {0};
    for (int i = 0; i < *(const int *)count; i++) {
        reply_header(&reply, "Name", "value");
    }
}

static void too_many_reply_headers_abort_the_process(void **state)
{
    (void)state;
    int count = REPLY_HEADERS_MAX;
    int status = exit_status_of(add_headers, &count);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    count++;
    assert_aborts(add_headers, &count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(record_reply_has_status_200),
        ARENA_TEST(created_reply_has_status_201_and_location),
        ARENA_TEST(reply_without_content_has_status_204),
        ARENA_TEST(text_reply_is_sent_unchanged),
        cmocka_unit_test(record_reply_keeps_a_status_set_before),
        ARENA_TEST(list_reply_contains_the_number_of_pages),
        ARENA_TEST(conditional_requests_follow_rfc_9110),
        cmocka_unit_test(too_many_reply_headers_abort_the_process),
    };
    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
