/* Server: FastCGI (specification 1.0) over a socket pair, with valid and invalid input: kept and
 * closed connections, split records, truncated requests, garbage. */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/audit.h"
#include "http/server.h"

#include <poll.h>
#include <sys/socket.h>

enum { BEGIN_REQUEST = 1, ABORT_REQUEST = 2, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

/* --- routes and handlers ---------------------------------------------------------------------- */

static const struct field map[] = {
    {.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {.name = NULL},
};

static const struct schema schema = {"Thing", map};

static struct error *get_hello(struct request *request, struct reply *reply)
{
    struct value *record = arena_array(request->arena, 1, sizeof *record);
    field_set_string(record, "hello");
    reply_record(reply, record);
    return NULL;
}

static struct error *echo_thing(struct request *request, struct reply *reply)
{
    reply_created(request, reply, "/things", "new");
    reply_record(reply, request->body);
    return NULL;
}

static struct error *reply_without_content(struct request *request, struct reply *reply)
{
    assert_non_null(request);
    reply_no_content(reply);
    return NULL;
}

/* Time for which read_whole_input() is busy after its first read. */
static int64_t busy_us;

/* Reads the body until the input ends, like a form, whose length is not known in advance. */
static struct error *read_whole_input(struct request *request, struct reply *reply)
{
    char bytes[16];
    size_t length = request->input.read(request->input.source, bytes, sizeof bytes);
    int64_t until_us = clock_steady_us() + busy_us;
    while (clock_steady_us() < until_us) {
        poll(NULL, 0, 10);
    }
    while (length) {
        length = request->input.read(request->input.source, bytes, sizeof bytes);
    }
    reply_no_content(reply);
    return request->body_error;
}

static const struct route table[] = {
    {.method = METHOD_GET,
     .pattern = "/hello",
     .handler = get_hello,
     .shape = REPLY_RECORD,
     .reply = &schema},
    {.method = METHOD_POST,
     .pattern = "/things",
     .handler = echo_thing,
     .body = &schema,
     .shape = REPLY_RECORD,
     .reply = &schema,
     .action = "make_thing"},
    {.method = METHOD_DELETE, .pattern = "/things", .handler = reply_without_content},
    {.method = METHOD_POST, .pattern = "/input", .handler = read_whole_input},
    {.pattern = NULL},
};

struct fixture {
    struct arena *arena;
    struct router *router;
    struct server *server;
    struct server_connection *connection;
    int served_fd; /* the server's end of the connection */
    int peer;
};

/* State of the fake store: the transaction in which a request has written, or 0; and the
 * transaction whose commit fails, or 0. */
static uint64_t written_transaction, failing_transaction;

static uint64_t fake_waits(void *app)
{
    (void)app;
    return written_transaction;
}

static struct error *fake_commit(void *app, struct arena *arena, uint64_t *lost_r)
{
    (void)app;
    *lost_r = failing_transaction;
    return failing_transaction ? error_new(arena, ERR_DIRECTORY_UNAVAILABLE, NULL) : NULL;
}

static const struct server_group_commit fake_turn = {fake_waits, fake_commit};

static bool may_write(const struct request *request)
{
    (void)request;
    return true;
}

static int setup_server(void **state)
{
    static const struct resource tables[] = {{.routes = table}, {.routes = NULL}};
    const struct router_settings settings = {
        .guard = {.may_write = may_write}, .standard_language = LANGUAGE_EN, .body_max = 100000};
    struct fixture *fixture = base_alloc(sizeof *fixture);
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fixture->arena = arena_new();
    fixture->router = router_new(tables, &settings);
    fixture->server = server_new(fixture->router, NULL, &fake_turn, true);
    written_transaction = failing_transaction = 0;
    fixture->connection = server_open(fixture->server, ends[0], -1);
    fixture->served_fd = ends[0];
    fixture->peer = ends[1];
    *state = fixture;
    return 0;
}

/* A test sets `connection` to NULL when the server has closed it. */
static int teardown_server(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->connection) {
        server_close(fixture->connection);
    }
    close(fixture->peer);
    server_free(&fixture->server);
    server_free(&fixture->server); /* a pointer to NULL is accepted */
    router_free(&fixture->router);
    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

/* --- peer ------------------------------------------------------------------------------------- */

static void add_record(struct buffer *out, int type, const char *bytes, size_t length)
{
    const char head[] = {1, (char)type, 0, 1, (char)(length >> 8), (char)length, 0, 0};
    buffer_add(out, head, sizeof head);
    buffer_add(out, bytes, length);
}

static void add_begin(struct buffer *out, bool keep)
{
    const char body[] = {0, 1, (char)keep, 0, 0, 0, 0, 0};
    add_record(out, BEGIN_REQUEST, body, sizeof body);
}

static void add_param(struct buffer *out, const char *name, const char *value)
{
    size_t length = strlen(value);
    buffer_add_char(out, (char)strlen(name));
    if (length < 0x80) {
        buffer_add_char(out, (char)length);
    } else {
        const char wide[] = {(char)(0x80 | length >> 24), (char)(length >> 16), (char)(length >> 8),
                             (char)length};
        buffer_add(out, wide, sizeof wide);
    }
    buffer_add_string(out, name);
    buffer_add_string(out, value);
}

/* Adds a complete request, whose body is split into records of `piece` bytes. */
static void add_request(struct buffer *out, bool keep, const char *method, const char *uri,
                        const char *body, size_t piece)
{
    struct buffer params = {.arena = out->arena};
    size_t length = strlen(body);
    add_begin(out, keep);
    add_param(&params, "REQUEST_METHOD", method);
    add_param(&params, "REQUEST_URI", uri);
    add_param(&params, "HTTP_X_REQUEST_ID", "id-1");
    add_param(&params, "HTTP_IGNORED", "value");
    add_param(&params, "CONTENT_TYPE", length ? "application/json" : "");
    add_param(&params, "CONTENT_LENGTH", length ? arena_format(out->arena, "%zu", length) : "");
    add_record(out, PARAMS, params.bytes, params.length);
    add_record(out, PARAMS, "", 0);
    for (size_t at = 0; at < length; at += piece) {
        add_record(out, STDIN, body + at, length - at < piece ? length - at : piece);
    }
    add_record(out, STDIN, "", 0);
}

static void send_all(struct fixture *fixture, const struct buffer *bytes)
{
    size_t sent = 0;
    while (sent < bytes->length) {
        ssize_t now = send(fixture->peer, bytes->bytes + sent, bytes->length - sent, MSG_NOSIGNAL);
        assert_true(now > 0);
        sent += (size_t)now;
    }
}

/* Serves one request. Clears `connection` if the server closed it. */
static bool serve_request(struct fixture *fixture)
{
    enum server_progress progress = server_serve(fixture->server, fixture->connection, false);
    assert_int_not_equal(progress, SERVER_HELD);
    if (progress == SERVER_CLOSED) {
        fixture->connection = NULL;
    }
    return progress == SERVER_ANSWERED;
}

static void read_exactly(struct fixture *fixture, char *bytes, size_t length)
{
    for (size_t got = 0; got < length;) {
        struct pollfd waiting = {.fd = fixture->peer, .events = POLLIN};
        assert_int_equal(poll(&waiting, 1, 5000), 1);
        ssize_t now = read(fixture->peer, bytes + got, length - got);
        assert_true(now > 0);
        got += (size_t)now;
    }
}

/* Returns the standard output of one request, up to its END_REQUEST record. */
static const char *read_answer(struct fixture *fixture)
{
    struct buffer out = {.arena = fixture->arena};
    buffer_add(&out, "", 0);
    for (;;) {
        unsigned char head[8];
        read_exactly(fixture, (char *)head, sizeof head);
        size_t length = (size_t)head[4] << 8 | head[5];
        char *bytes = arena_alloc(fixture->arena, length + head[6] + 1);
        read_exactly(fixture, bytes, length + head[6]);
        assert_int_equal(head[0], 1);
        assert_int_equal(head[3], 1);
        if (head[1] == STDOUT) {
            buffer_add(&out, bytes, length);
        } else if (head[1] == END_REQUEST) {
            return out.bytes;
        }
    }
}

static bool is_closed(const struct fixture *fixture)
{
    struct pollfd waiting = {.fd = fixture->peer, .events = POLLIN};
    char byte;
    return poll(&waiting, 1, 5000) == 1 && read(fixture->peer, &byte, 1) <= 0;
}

static const char *exchange_request(struct fixture *fixture, const char *method, const char *uri,
                                    const char *body, size_t piece)
{
    struct buffer bytes = {.arena = fixture->arena};
    add_request(&bytes, true, method, uri, body, piece);
    send_all(fixture, &bytes);
    assert_true(serve_request(fixture));
    return read_answer(fixture);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        FAIL("no \"%s\" in: %s", part, text);
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static void request_gets_a_complete_response(void **state)
{
    const char *text = exchange_request(*state, "GET", "/hello", "", 1);
    assert_has(text, "Status: 200 ");
    assert_has(text, "X-Request-ID: id-1\r\n");
    assert_has(text, "Content-Type: application/json; charset=utf-8\r\n");
    assert_has(text, "Content-Length: 16\r\n");
    assert_has(text, "\r\n\r\n{\"name\":\"hello\"}");
}

static void connection_is_kept_for_many_requests(void **state)
{
    for (int i = 0; i < 50; i++) {
        assert_has(exchange_request(*state, "GET", "/hello", "", 1),
                   "\r\n\r\n{\"name\":\"hello\"}");
        assert_has(exchange_request(*state, "POST", "/things", "{\"name\":\"я\"}", 1000),
                   "\r\n\r\n{\"name\":\"я\"}");
        assert_has(exchange_request(*state, "GET", "/nowhere", "", 1), "Status: 404 ");
    }
}

static void connection_is_closed_without_the_keep_flag(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    add_request(&bytes, false, "GET", "/hello", "", 1);
    send_all(fixture, &bytes);
    assert_false(serve_request(fixture));
    assert_has(read_answer(fixture), "Status: 200 ");
    assert_true(is_closed(fixture));
}

static void body_may_arrive_in_many_records(void **state)
{
    struct fixture *fixture = *state;
    struct buffer body = {.arena = fixture->arena};
    buffer_add_string(&body, "{\"name\":\"");
    for (int i = 0; i < 2000; i++) {
        buffer_add_char(&body, (char)('a' + i % 26));
    }
    buffer_add_string(&body, "\"}");
    static const size_t pieces[] = {7, 1000, 60000};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        const char *text = exchange_request(fixture, "POST", "/things", body.bytes, pieces[i]);
        assert_has(text, "Status: 201 ");
        assert_has(text, "Location: /things/new\r\n");
        assert_has(text, body.bytes);
    }
}

/* Replaces the connection by one with a descriptor for the body, which the server closes. */
static void open_with_descriptor(struct fixture *fixture, int body_fd)
{
    int ends[2];
    if (fixture->connection) {
        server_close(fixture->connection);
    }
    close(fixture->peer);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fixture->connection = server_open(fixture->server, ends[0], body_fd);
    fixture->peer = ends[1];
}

/* Replaces the connection by one with a file that holds the beginning of the body. */
static int open_with_file(struct fixture *fixture, const char *content)
{
    char path[] = "body-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    open_with_descriptor(fixture, dup(fd));
    return fd;
}

/* Adds the parameters of a request; its STDIN follows. */
static void add_head_to(struct buffer *out, const char *uri, const char *length, const char *spool)
{
    struct buffer params = {.arena = out->arena};
    add_begin(out, true);
    add_param(&params, "REQUEST_METHOD", "POST");
    add_param(&params, "REQUEST_URI", uri);
    add_param(&params, "CONTENT_TYPE", "application/json");
    add_param(&params, "CONTENT_LENGTH", length);
    add_param(&params, "KONTORA_SPOOL", spool);
    add_record(out, PARAMS, params.bytes, params.length);
    add_record(out, PARAMS, "", 0);
}

static void add_head(struct buffer *out, const char *length, const char *spool)
{
    add_head_to(out, "/things", length, spool);
}

static void body_is_read_from_the_file_passed_along(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    int fd = open_with_file(fixture, "{\"name\":\"file\"}");
    add_head(&bytes, "15", "");
    add_record(&bytes, STDIN, "", 0);
    send_all(fixture, &bytes);
    assert_true(serve_request(fixture));
    assert_has(read_answer(fixture), "\r\n\r\n{\"name\":\"file\"}");
    close(fd);
}

static void growing_body_file_is_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    int fd = open_with_file(fixture, "{\"name\":");
    add_head(&bytes, "15", "early");
    send_all(fixture, &bytes);
    assert_int_equal(write(fd, "\"file\"}", 7), 7);
    buffer_clear(&bytes);
    add_record(&bytes, STDIN, "grown---", 8);
    add_record(&bytes, STDIN, "", 0);
    send_all(fixture, &bytes);
    assert_true(serve_request(fixture));
    assert_has(read_answer(fixture), "\r\n\r\n{\"name\":\"file\"}");
    close(fd);
}

/* The spool sends the request again when its body is complete; it is audited then. */
static void withdrawn_request_is_not_audited(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    int fd = open_with_file(fixture, "{\"name\":");
    unlink("audit.jsonl");
    audit_reopen();
    add_head(&bytes, "15", "early");
    send_all(fixture, &bytes);
    shutdown(fixture->peer, SHUT_WR);
    serve_request(fixture);
    assert_has(read_answer(fixture), "Status: 400 ");
    assert_string_equal(read_file(fixture->arena, "audit.jsonl"), "");
    close(fd);
}

static void assert_audited(struct fixture *fixture, const char *status)
{
    assert_has(read_file(fixture->arena, "audit.jsonl"),
               arena_format(fixture->arena, "\"status\":\"%s\"", status));
}

/* The request is rejected before the part of the body in the file is read. */
static void request_withdrawn_before_its_rejection_is_not_audited(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    int fd = open_with_file(fixture, arena_format(fixture->arena, "%0200000d", 0));
    unlink("audit.jsonl");
    audit_reopen();
    add_head(&bytes, "300000", "early");
    add_record(&bytes, STDIN, "grown---", 8);
    send_all(fixture, &bytes);
    shutdown(fixture->peer, SHUT_WR);
    serve_request(fixture);
    assert_has(read_answer(fixture), "Status: 413 ");
    assert_string_equal(read_file(fixture->arena, "audit.jsonl"), "");
    close(fd);
}

/* The body of the request is complete, so the spool does not send it again. */
static void rejected_request_is_audited_after_its_client_closed(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    int fd = open_with_file(fixture, arena_format(fixture->arena, "%0200000d", 0));
    unlink("audit.jsonl");
    audit_reopen();
    add_head(&bytes, "200000", "early");
    add_record(&bytes, STDIN, "grown---", 8);
    add_record(&bytes, STDIN, "", 0);
    send_all(fixture, &bytes);
    shutdown(fixture->peer, SHUT_RDWR);
    serve_request(fixture);
    assert_audited(fixture, "failure");
    close(fd);
}

/* --- input of unknown length ------------------------------------------------------------------ */

enum stdin_end { STDIN_COMPLETE, STDIN_CUT_OFF, STDIN_OPEN };

/* Serves a request whose body is in a file. Its reader does not know how long the body is. */
static const char *exchange_input(struct fixture *fixture, const char *spool, enum stdin_end end)
{
    struct buffer bytes = {.arena = fixture->arena};
    add_head_to(&bytes, "/input", "", spool);
    add_record(&bytes, STDIN, "grown---", 8);
    if (end == STDIN_COMPLETE) {
        add_record(&bytes, STDIN, "", 0);
    }
    send_all(fixture, &bytes);
    if (end == STDIN_CUT_OFF) {
        shutdown(fixture->peer, SHUT_WR);
    }
    serve_request(fixture);
    return read_answer(fixture);
}

static void complete_input_is_accepted(void **state)
{
    int fd = open_with_file(*state, "input of unknown length");
    assert_has(exchange_input(*state, "", STDIN_COMPLETE), "Status: 204 ");
    close(fd);
}

static void unreadable_input_is_an_internal_error(void **state)
{
    open_with_descriptor(*state, open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_has(exchange_input(*state, "", STDIN_COMPLETE), "Status: 500 ");
}

static void cut_off_input_is_refused(void **state)
{
    static const char *const spools[] = {"", "early"};
    for (size_t i = 0; i < COUNT_OF(spools); i++) {
        int fd = open_with_file(*state, "input of unknown length");
        assert_has(exchange_input(*state, spools[i], STDIN_CUT_OFF), "Status: 400 ");
        close(fd);
    }
}

static void input_that_is_incomplete_at_its_deadline_is_refused(void **state)
{
    static const char *const spools[] = {"", "early"};
    for (size_t i = 0; i < COUNT_OF(spools); i++) {
        int fd = open_with_file(*state, "input of unknown length");
        assert_has(exchange_input(*state, spools[i], STDIN_OPEN), "Status: 400 ");
        close(fd);
    }
}

/* The deadline passes while the reader stores what it has read. */
static void complete_input_is_accepted_after_its_deadline(void **state)
{
    enum { BEHIND_DEADLINE_US = 2100 * 1000 };
    int fd = open_with_file(*state, "input of unknown length");
    busy_us = BEHIND_DEADLINE_US;
    assert_has(exchange_input(*state, "", STDIN_COMPLETE), "Status: 204 ");
    busy_us = 0;
    close(fd);
}

/* --- group commit ----------------------------------------------------------------------------- */

/* Sends a request that writes; the store makes the server hold it, unanswered and not audited. */
static void hold_request(struct fixture *fixture)
{
    unlink("audit.jsonl");
    audit_reopen();
    struct buffer bytes = {.arena = fixture->arena};
    struct pollfd waiting = {.fd = fixture->peer, .events = POLLIN};
    written_transaction = 1;
    add_request(&bytes, true, "POST", "/things", "{\"name\":\"x\"}", 1000);
    send_all(fixture, &bytes);
    assert_int_equal(server_serve(fixture->server, fixture->connection, false), SERVER_HELD);
    assert_int_equal(poll(&waiting, 1, 0), 0);
    assert_string_equal(read_file(fixture->arena, "audit.jsonl"), "");
}

static void reply_to_a_write_is_delayed_until_the_group_commit(void **state)
{
    struct fixture *fixture = *state;
    hold_request(fixture);
    server_commit(fixture->server);
    assert_int_equal(server_finish(fixture->server, fixture->connection), SERVER_ANSWERED);
    assert_has(read_answer(fixture), "Status: 201 ");
    assert_audited(fixture, "success");
    written_transaction = 0;
    assert_has(exchange_request(fixture, "GET", "/hello", "", 1), "Status: 200 ");
}

static void failed_commit_is_reported_to_the_client(void **state)
{
    struct fixture *fixture = *state;
    hold_request(fixture);
    failing_transaction = 1;
    server_commit(fixture->server);
    assert_int_equal(server_finish(fixture->server, fixture->connection), SERVER_ANSWERED);
    const char *text = read_answer(fixture);
    assert_has(text, "Status: 503 ");
    assert_has(text, "Retry-After: ");
    assert_null(strstr(text, "Location"));
    assert_audited(fixture, "failure");
    failing_transaction = 0; /* the next group commit succeeds */
    hold_request(fixture);
    server_commit(fixture->server);
    assert_int_equal(server_finish(fixture->server, fixture->connection), SERVER_ANSWERED);
    assert_has(read_answer(fixture), "Status: 201 ");
    assert_audited(fixture, "success");
}

/* Another request committed the writes of this one before the commit that fails. */
static void failed_commit_does_not_affect_durable_writes(void **state)
{
    struct fixture *fixture = *state;
    hold_request(fixture);
    failing_transaction = 2;
    server_commit(fixture->server);
    assert_int_equal(server_finish(fixture->server, fixture->connection), SERVER_ANSWERED);
    assert_has(read_answer(fixture), "Status: 201 ");
    assert_audited(fixture, "success");
}

static void unread_body_does_not_affect_the_next_request(void **state)
{
    assert_has(exchange_request(*state, "GET", "/hello", "{\"name\":\"unread\"}", 3),
               "Status: 200 ");
    assert_has(exchange_request(*state, "PUT", "/things", "{\"name\":\"unread\"}", 3),
               "Status: 405 ");
    assert_has(exchange_request(*state, "GET", "/hello", "", 1), "Status: 200 ");
}

/* libfcgi discards only the 8 KiB that it has buffered; the bytes that follow must not be parsed
 * as the next request, whatever they contain. */
static void long_unread_body_is_not_parsed_as_a_request(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {7000, 8000, 8192, 9000, 20000, 60000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buffer body = {.arena = fixture->arena};
        while (body.length < sizes[i]) {
            buffer_add(&body, "\1\t\1\1\1\1\1\1", 8); /* resembles the header of a record */
        }
        assert_has(exchange_request(fixture, "POST", "/hello", body.bytes, 60000), "Status: 405 ");
        assert_has(exchange_request(fixture, "GET", "/hello", "", 1), "Status: 200 ");
    }
}

static void head_reply_has_the_length_but_no_body(void **state)
{
    const char *text = exchange_request(*state, "HEAD", "/hello", "", 1);
    assert_has(text, "Content-Length: 16\r\n");
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void reply_204_has_no_content_headers(void **state)
{
    const char *text = exchange_request(*state, "DELETE", "/things", "", 1);
    assert_has(text, "Status: 204 ");
    assert_null(strstr(text, "Content-"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

/* A request without any parameter is still answered. */
static void request_without_parameters_is_answered_with_400(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    add_begin(&bytes, true);
    add_record(&bytes, PARAMS, "", 0);
    add_record(&bytes, STDIN, "", 0);
    send_all(fixture, &bytes);
    assert_true(serve_request(fixture));
    assert_has(read_answer(fixture), "Status: 400 ");
}

static void long_parameters_are_received_completely(void **state)
{
    struct fixture *fixture = *state;
    char *uri = arena_alloc(fixture->arena, 20001);
    memset(uri, 'a', 20000);
    uri[0] = '/';
    assert_has(exchange_request(fixture, "GET", uri, "", 1), "Status: 404 ");
}

/* The peer closes the connection at every third byte of a request: only this connection ends. */
static void truncated_requests_end_only_their_connection(void **state)
{
    struct arena *arena = ((struct fixture *)*state)->arena;
    struct buffer whole = {.arena = arena};
    add_request(&whole, true, "POST", "/things", "{\"name\":\"cut\"}", 5);
    for (size_t cut = 1; cut < whole.length; cut += 3) {
        void *inner = NULL;
        assert_int_equal(setup_server(&inner), 0);
        struct fixture *fixture = inner;
        struct buffer part = {.arena = arena};
        buffer_add(&part, whole.bytes, cut);
        send_all(fixture, &part);
        shutdown(fixture->peer, SHUT_WR);
        serve_request(fixture);
        teardown_server(&inner);
    }
}

static void garbage_closes_the_connection(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    buffer_add_string(&bytes, "GET / HTTP/1.1\r\nHost: kontora\r\n\r\n");
    send_all(fixture, &bytes);
    shutdown(fixture->peer, SHUT_WR);
    assert_false(serve_request(fixture));
    assert_true(is_closed(fixture));
}

static void invalid_parameter_lengths_close_the_connection(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes = {.arena = fixture->arena};
    add_begin(&bytes, true);
    /* parameter lengths that exceed the record */
    add_record(&bytes, PARAMS, BYTES("\xFF\xFF\xFF\xFF\x7F\xFF"));
    add_record(&bytes, PARAMS, "", 0);
    add_record(&bytes, STDIN, "", 0);
    send_all(fixture, &bytes);
    shutdown(fixture->peer, SHUT_WR);
    assert_false(serve_request(fixture));
}

/* --- endless bodies --------------------------------------------------------------------------- */

enum { TRICKLE_S = 20, TRICKLE_INTERVAL_US = 50 * 1000, ENDED_S = 10 };

/* Forks a child that sends the piece repeatedly, for TRICKLE_S or until an error. */
static pid_t start_trickling(const struct fixture *fixture, const char *piece, size_t length)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fixture->served_fd);
        for (int i = 0; i < TRICKLE_S * 1000 * 1000 / TRICKLE_INTERVAL_US; i++) {
            if (send(fixture->peer, piece, length, MSG_NOSIGNAL) < 0) {
                _exit(EXIT_SUCCESS);
            }
            usleep(TRICKLE_INTERVAL_US);
        }
        _exit(EXIT_FAILURE);
    }
    return child;
}

/* Begins a request whose body is longer than the bytes that follow. */
static void begin_body(struct fixture *fixture, const char *uri, const char *piece, size_t length)
{
    struct buffer bytes = {.arena = fixture->arena};
    add_request(&bytes, true, "POST", uri, "{", 1);
    bytes.length -= 8; /* omits the record that ends STDIN */
    buffer_add(&bytes, piece, length);
    send_all(fixture, &bytes);
}

static void assert_ended(struct fixture *fixture, const char *piece, size_t length)
{
    int status = 0;
    int64_t began = clock_steady_us();
    pid_t child = start_trickling(fixture, piece, length);
    assert_false(serve_request(fixture));
    assert_true(clock_steady_us() - began < (int64_t)ENDED_S * 1000 * 1000);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, EXIT_SUCCESS); /* send() failed: the connection is closed */
}

static void trickling_body_ends_at_the_deadline(void **state)
{
    begin_body(*state, "/things", BYTES("\1\5\0\1\xF0\0\0\0"));
    assert_ended(*state, BYTES("x"));
    assert_has(read_answer(*state), "Status: 400 ");
}

/* Sends records that are not part of the body: of another request, or of another type. */
static void foreign_records_do_not_extend_the_deadline_of_a_body(void **state)
{
    begin_body(*state, "/things", BYTES(""));
    assert_ended(*state, BYTES("\1\5\0\2\0\1\0\0x"));
    assert_has(read_answer(*state), "Status: 400 ");
}

static void draining_an_unread_body_has_a_deadline(void **state)
{
    begin_body(*state, "/nowhere", BYTES("\1\5\0\1\xF0\0\0\0"));
    assert_ended(*state, BYTES("x"));
    assert_has(read_answer(*state), "Status: 404 ");
}

/* Sends more than the server drains: the reply can be read, and the bytes that follow do not
 * reset the connection. */
static void endless_body_is_cut_off(void **state)
{
    static char record[8 + 0xF000] = "\1\5\0\1\xF0";
    begin_body(*state, "/nowhere", BYTES(""));
    assert_ended(*state, record, sizeof record);
    assert_has(read_answer(*state), "Status: 404 ");
}

#define SERVER_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, setup_server, teardown_server)

int main(void)
{
    char folder[PATH_MAX];
    if (!server_init() || !enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    if (!log_open(LOG_LEVEL_DEBUG, "kontora.log") || !audit_open("audit.jsonl")) {
        return leave_temporary(folder, EXIT_FAILURE);
    }
    const struct CMUnitTest tests[] = {
        SERVER_TEST(request_gets_a_complete_response),
        SERVER_TEST(connection_is_kept_for_many_requests),
        SERVER_TEST(connection_is_closed_without_the_keep_flag),
        SERVER_TEST(body_may_arrive_in_many_records),
        SERVER_TEST(body_is_read_from_the_file_passed_along),
        SERVER_TEST(growing_body_file_is_read_to_its_end),
        SERVER_TEST(withdrawn_request_is_not_audited),
        SERVER_TEST(request_withdrawn_before_its_rejection_is_not_audited),
        SERVER_TEST(rejected_request_is_audited_after_its_client_closed),
        SERVER_TEST(complete_input_is_accepted),
        SERVER_TEST(unreadable_input_is_an_internal_error),
        SERVER_TEST(cut_off_input_is_refused),
        SERVER_TEST(input_that_is_incomplete_at_its_deadline_is_refused),
        SERVER_TEST(complete_input_is_accepted_after_its_deadline),
        SERVER_TEST(reply_to_a_write_is_delayed_until_the_group_commit),
        SERVER_TEST(failed_commit_is_reported_to_the_client),
        SERVER_TEST(failed_commit_does_not_affect_durable_writes),
        SERVER_TEST(unread_body_does_not_affect_the_next_request),
        SERVER_TEST(long_unread_body_is_not_parsed_as_a_request),
        SERVER_TEST(head_reply_has_the_length_but_no_body),
        SERVER_TEST(reply_204_has_no_content_headers),
        SERVER_TEST(request_without_parameters_is_answered_with_400),
        SERVER_TEST(long_parameters_are_received_completely),
        SERVER_TEST(truncated_requests_end_only_their_connection),
        SERVER_TEST(garbage_closes_the_connection),
        SERVER_TEST(invalid_parameter_lengths_close_the_connection),
        SERVER_TEST(trickling_body_ends_at_the_deadline),
        SERVER_TEST(foreign_records_do_not_extend_the_deadline_of_a_body),
        SERVER_TEST(draining_an_unread_body_has_a_deadline),
        SERVER_TEST(endless_body_is_cut_off),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("server", tests, NULL, NULL));
}
