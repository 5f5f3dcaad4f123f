/* Access log and request metrics: which series count a request, and which data the log line
 * contains and must not contain. */
#include "unit.h"

#include "base/log.h"
#include "base/metrics.h"
#include "http/access.h"
#include "http/problem.h"

static struct error *reply_without_content(struct request *request, struct reply *reply)
{
    (void)request;
    reply_no_content(reply);
    return NULL;
}

static const struct route users[] = {
    {.method = METHOD_GET, .pattern = "/users", .handler = reply_without_content},
    {.method = METHOD_GET, .pattern = "/users/{name}", .handler = reply_without_content},
    {.pattern = NULL},
};
static const struct route health[] = {
    {.method = METHOD_POST, .pattern = "/health", .handler = reply_without_content},
    {.pattern = NULL},
};

/* Returns a request in the state in which the router leaves it. */
static struct request make_request(struct arena *arena, const char *uri, const struct route *route)
{
    struct request request = {
        .arena = arena,
        .headers = {.method = "GET",
                    .uri = uri,
                    .content_type = "",
                    .content_length = "12",
                    .authorization = "Bearer secret",
                    .accept_language = "",
                    .request_id = "id-1",
                    .address = "192.0.2.1",
                    .sent = ""},
    };
    (void)!request_parse(&request, LANGUAGE_RU);
    request.route = route;
    return request;
}

static int64_t value_of(enum metric metric, const char *first, const char *second)
{
    return metrics_value(metric, metrics_series(metric, first, second));
}

/* --- counting --------------------------------------------------------------------------------- */

static void finish_request(const struct request *request, int status, const struct error *error)
{
    struct access access;
    const struct reply reply = {.status = status};
    access_begin(&access);
    access_count_request(request);
    access_record_result(&access);
    access_end(&access, request, &reply, error);
}

static void requests_are_counted_by_route_pattern(void **state)
{
    struct request one = make_request(*state, "/users/a?x=1", &users[1]);
    struct request other = make_request(*state, "/users/b", &users[1]);
    struct request last = make_request(*state, "/health", &health[0]);
    finish_request(&one, 200, NULL);
    finish_request(&other, 404, error_new(*state, ERR_NOT_FOUND, NULL));
    finish_request(&last, 204, NULL);
    assert_int_equal(value_of(METRIC_REQUESTS, "GET /users/{name}", NULL), 2);
    assert_int_equal(value_of(METRIC_RESPONSES, "GET /users/{name}", "200"), 1);
    assert_int_equal(value_of(METRIC_RESPONSES, "GET /users/{name}", "404"), 1);
    assert_int_equal(value_of(METRIC_RESPONSE_TIME, "GET /users/{name}", NULL), 2);
    assert_int_equal(value_of(METRIC_RESPONSES, "POST /health", "other"), 0);
    assert_int_equal(value_of(METRIC_RESPONSES, "GET /users", "200"), 0);
    assert_int_equal(value_of(METRIC_ERRORS, "NOT_FOUND", NULL), 1);
    assert_int_equal(value_of(METRIC_ERRORS, "FORBIDDEN", NULL), 0);
}

/* Requests for unknown paths must not create new series. */
static void unmatched_requests_share_one_series_per_method(void **state)
{
    struct request one = make_request(*state, "/nowhere/1", NULL);
    struct request other = make_request(*state, "/nowhere/2", NULL);
    other.method = METHOD_COUNT;
    finish_request(&one, 404, NULL);
    finish_request(&other, 299, NULL);
    finish_request(&other, 100000, NULL);
    assert_int_equal(value_of(METRIC_RESPONSES, "GET none", "404"), 1);
    assert_int_equal(value_of(METRIC_RESPONSES, "other none", "other"), 2);
}

static void every_error_code_is_counted(void **state)
{
    struct request request = make_request(*state, "/nowhere", NULL);
    for (int id = 0; id < ERR_COUNT; id++) {
        const char *code = problem_code((enum error_id)id);
        int64_t before = value_of(METRIC_ERRORS, code, NULL);
        const char *status = arena_format(*state, "%d", problem_status((enum error_id)id));
        int64_t of_status = value_of(METRIC_RESPONSES, "GET none", status);
        finish_request(&request, problem_status((enum error_id)id),
                       error_new(*state, (enum error_id)id, NULL));
        assert_int_equal(value_of(METRIC_ERRORS, code, NULL), before + 1);
        assert_int_equal(value_of(METRIC_RESPONSES, "GET none", status), of_status + 1);
    }
    assert_int_equal(value_of(METRIC_RESPONSES, "GET none", "other"), 0);
}

/* --- queue time ------------------------------------------------------------------------------- */

static int64_t measure_queue(struct arena *arena, const char *sent)
{
    struct access access;
    struct request request = make_request(arena, "/", NULL);
    request.headers.sent = sent;
    access_begin(&access);
    access_record_queue(&access, &request);
    return access.queue_us;
}

static void queue_time_is_measured_from_nginx_timestamp(void **state)
{
    access_set_pool(POOL_AUTH);
    int64_t before = value_of(METRIC_QUEUE_TIME, "auth", NULL);
    assert_true(measure_queue(*state, "1700000000.000") > 0);
    assert_int_equal(measure_queue(*state, "99999999999.000"), 0); /* the clock was set back */
    assert_int_equal(value_of(METRIC_QUEUE_TIME, "auth", NULL), before + 2);
}

static void invalid_nginx_timestamp_yields_no_queue_time(void **state)
{
    static const char *const times[] = {"", "x", "1700000000", "1700000000.", "1700000000.1234",
                                        "."};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        assert_int_equal(measure_queue(*state, times[i]), -1);
    }
}

/* --- paths ------------------------------------------------------------------------------------ */

static const char *log_path_of_route(struct arena *arena, const char *uri,
                                     const struct route *route, size_t segments_known)
{
    struct request request = make_request(arena, uri, route);
    request.segments_known = segments_known;
    struct buffer out = {.arena = arena};
    struct jsonw json = {.out = &out};
    access_write_path(&json, NULL, &request);
    return out.bytes;
}

static const char *log_path(struct arena *arena, const char *uri)
{
    return log_path_of_route(arena, uri, &users[1], 0);
}

static void path_is_logged_as_received_without_query(void **state)
{
    assert_string_equal(log_path(*state, "/"), "\"/\"");
    assert_string_equal(log_path(*state, "/users/a%20b/"), "\"/users/a%20b/\"");
    assert_string_equal(log_path(*state, "/users?search=secret"), "\"/users\"");
    assert_string_equal(log_path(*state, "/?secret"), "\"/\"");
    assert_string_equal(log_path(*state, "/a//b"), "\"/a//b\"");
    assert_string_equal(log_path(*state, "/app/valid"), "\"/app/valid\"");
    assert_string_equal(log_path(*state, "/at/12:30"), "\"/at/12:30\"");
}

static void possible_secrets_in_paths_are_masked(void **state)
{
    static const char *const rows[][2] = {
        {"/app/valid/123456:abc", "\"/app/valid/***\""},
        {"/app/valid/abc/def?x", "\"/app/valid/***\""},
        {"/app/%76ALID/abc", "\"/app/%76ALID/***\""},
        {"/app/invalid/abc", "\"/app/invalid/***\""},
        {"/app/valid//abc", "\"/app/valid/***\""},
        {"/nowhere/123456:abc", "\"/nowhere/***\""},
        {"/nowhere/x1234567:abc/def", "\"/nowhere/***\""},
        {"/nowhere/12%33456%3aabc", "\"/nowhere/***\""},
        {"/nowhere/a:1:123456%3Aabc", "\"/nowhere/***\""},
        {"/files/a.txt/content%3Fexpires=1&signature=abc", "\"/files/a.txt/***\""},
        {"/files/a.txt/content%3fexpires%3D1%26Signature%3Dabc", "\"/files/a.txt/***\""},
        {"/%ff/abc", "\"/***\""},
        {"abc", "\"a***\""},
        {"/users/eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.abc/groups", "\"/users/***\""},
        {"/users/kontora_0123456789abcdefghijklmnopqrstuvwxyzABCD", "\"/users/***\""},
        {"/users/AbCdEfGhIjKlMnOpQrStUv", "\"/users/***\""},
        {"/users/0123456789abcdef0123456789abcdef", "\"/users/***\""},
        {"/users/x%3D0123456789abcde%66ghijk", "\"/users/***\""},
        {"/files/20261129_120000_0123456789abcdef0123456789abcdef.secret", "\"/files/***\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(log_path(*state, rows[i][0]), rows[i][1]);
    }
}

static void ordinary_names_in_paths_are_logged(void **state)
{
    static const char *const paths[] = {
        "/users/petrova",
        "/users/5f0c9c1e-6c1a-4f0e-8a7b-2d3c4e5f6071/groups",
        "/users/CN=Maria%20Petrova-Vodkina,OU=Sales%20Department,DC=kontora,DC=test",
        "/groups/all-people-of-the-northern-branch",
        "/users/%D0%98%D0%B2%D0%B0%D0%BD%D0%BE%D0%B2%D0%B0",
        "/files/20261129_120000_0123456789abcdef0123456789abcdef.docx",
        "/contacts/1234567890",
    };
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        assert_string_equal(log_path(*state, paths[i]), arena_format(*state, "\"%s\"", paths[i]));
    }
}

static void unmatched_path_is_masked_after_its_known_segments(void **state)
{
    assert_string_equal(log_path_of_route(*state, "/app/vaild/Summer26!", NULL, 1), "\"/app/***\"");
    assert_string_equal(log_path_of_route(*state, "/Summer26!", NULL, 0), "\"/***\"");
    assert_string_equal(log_path_of_route(*state, "/users/a", NULL, 2), "\"/users/a\"");
    assert_string_equal(log_path_of_route(*state, "/abc/%zz/def", NULL, 0), "\"/***\"");
    assert_string_equal(log_path_of_route(*state, "/1/2/3/4/5/6/7/8/9/10/11/12/13", NULL, 0),
                        "\"/***\"");
}

/* --- log line --------------------------------------------------------------------------------- */

static struct json_object *log_line_of(struct arena *arena, const struct access *access,
                                       const struct request *request, const struct error *error)
{
    const struct reply reply = {.status = 200};
    (void)remove("line.log");
    assert_true(log_open(LOG_LEVEL_INFO, "line.log"));
    access_end(access, request, &reply, error);
    assert_true(log_open(LOG_LEVEL_WARNING, "line.log"));
    const char *text = read_file(arena, "line.log");
    assert_null(strstr(text, "secret"));
    return must_parse(text, strlen(text));
}

static void log_line_reports_duration_of_each_stage(void **state)
{
    struct request request = make_request(*state, "/users/a?secret", &users[1]);
    struct access access;
    request.actor = "anna";
    access_begin(&access);
    spent_add(SPENT_DATABASE, 30);
    spent_add(SPENT_DIRECTORY, 40);
    spent_add(SPENT_STORAGE, 50);
    access_record_result(&access);
    access.started_us = access.handled_us - 1000;
    access.committed_us = access.handled_us + 500;
    access.queue_us = 2000;
    request.auth_us = 100;
    struct json_object *line = log_line_of(*state, &access, &request, NULL);
    assert_member(line, "message", "request");
    assert_member(line, "method", "GET");
    assert_member(line, "route", "/users/{name}");
    assert_member(line, "path", "/users/a");
    assert_member(line, "status", "200");
    assert_member(line, "queue_us", "2000");
    assert_member(line, "auth_us", "100");
    assert_member(line, "handler_us", "900");
    assert_member(line, "database_us", "30");
    assert_member(line, "directory_us", "40");
    assert_member(line, "storage_us", "50");
    assert_member(line, "commit_us", "500");
    assert_member(line, "body_in", "12");
    assert_member(line, "body_out", "0");
    assert_member(line, "actor", "anna");
    assert_member(line, "address", "192.0.2.1");
    assert_true(json_object_get_int64(must_get(line, "duration_us")) >= 1000);
    assert_false(json_object_object_get_ex(line, "code", NULL));
    json_object_put(line);
}

static void log_line_omits_stages_that_took_no_time(void **state)
{
    struct request request = make_request(*state, "/nowhere", NULL);
    struct access access;
    access_begin(&access);
    access_record_result(&access);
    access.handled_us = access.started_us;
    const struct error *error = error_new(*state, ERR_NOT_FOUND, "%s", "a secret cause");
    struct json_object *line = log_line_of(*state, &access, &request, error);
    static const char *const stages[] = {"queue_us",     "auth_us",    "handler_us", "database_us",
                                         "directory_us", "storage_us", "commit_us"};
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        assert_false(json_object_object_get_ex(line, stages[i], NULL));
    }
    assert_null(must_get(line, "route"));
    assert_member(line, "code", "NOT_FOUND");
    json_object_put(line);
}

int main(void)
{
    char folder[PATH_MAX];
    static const struct resource tables[] = {
        {.tag = "users", .routes = users}, {.tag = "health", .routes = health}, {.routes = NULL}};
    if (!enter_temporary(folder) || !log_open(LOG_LEVEL_WARNING, "access.log")) {
        return EXIT_FAILURE;
    }
    access_register_labels(tables);
    const struct CMUnitTest tests[] = {
        ARENA_TEST(requests_are_counted_by_route_pattern),
        ARENA_TEST(unmatched_requests_share_one_series_per_method),
        ARENA_TEST(every_error_code_is_counted),
        ARENA_TEST(queue_time_is_measured_from_nginx_timestamp),
        ARENA_TEST(invalid_nginx_timestamp_yields_no_queue_time),
        ARENA_TEST(path_is_logged_as_received_without_query),
        ARENA_TEST(ordinary_names_in_paths_are_logged),
        ARENA_TEST(unmatched_path_is_masked_after_its_known_segments),
        ARENA_TEST(possible_secrets_in_paths_are_masked),
        ARENA_TEST(log_line_reports_duration_of_each_stage),
        ARENA_TEST(log_line_omits_stages_that_took_no_time),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("access", tests, NULL, NULL));
}
