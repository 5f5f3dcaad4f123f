/* Server: FastCGI (specification 1.0) over a pair of sockets, as nginx speaks it and as nobody
 * should: kept and closed connections, split records, ends in the middle, garbage. */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/audit.h"
#include "http/server.h"

#include <poll.h>
#include <sys/socket.h>

enum { BEGIN_REQUEST = 1, ABORT_REQUEST = 2, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

/* --- the service ----------------------------------------------------------------------------- */

static const struct field map[] = {
    {.name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {.name = NULL},
};

static const struct schema schema = {"Thing", map};

static struct error *get_hello(struct request *request, struct reply *reply)
{
    struct value *record = arena_array(request->arena, 1, sizeof *record);
    value_set_string(record, "hello");
    reply_record(reply, record);
    return NULL;
}

static struct error *echo(struct request *request, struct reply *reply)
{
    reply_created(request, reply, "/things", "new");
    reply_record(reply, request->body);
    return NULL;
}

static struct error *do_nothing(struct request *request, struct reply *reply)
{
    assert_non_null(request);
    reply_nothing(reply);
    return NULL;
}

static const struct route table[] = {
    {.method = METHOD_GET,
     .pattern = "/hello",
     .handler = get_hello,
     .shape = REPLY_RECORD,
     .reply = &schema},
    {.method = METHOD_POST,
     .pattern = "/things",
     .handler = echo,
     .body = &schema,
     .shape = REPLY_RECORD,
     .reply = &schema,
     .action = "make_thing"},
    {.method = METHOD_DELETE, .pattern = "/things", .handler = do_nothing},
    {.pattern = NULL},
};

struct world {
    struct arena *arena;
    struct router *router;
    struct server *server;
    struct server_connection *connection;
    int served_fd; /* the server's end of the connection */
    int peer;
};

/* State of the fake store: the transaction in which a request has written, 0 if none; and the
 * transaction whose commit fails, 0 if none. */
static uint64_t turn_waits, turn_fails;

static uint64_t waits(struct app *app)
{
    (void)app;
    return turn_waits;
}

static struct error *commit_writes(struct app *app, struct arena *arena, uint64_t *lost_r)
{
    (void)app;
    *lost_r = turn_fails;
    return turn_fails ? error_new(arena, ERR_DIRECTORY_UNAVAILABLE, NULL) : NULL;
}

static const struct server_turn turn = {waits, commit_writes};

static bool may_write(const struct request *request)
{
    (void)request;
    return true;
}

static int setup(void **state)
{
    static const struct resource tables[] = {{.routes = table}, {.routes = NULL}};
    const struct router_settings settings = {
        .guard = {.may_write = may_write}, .standard_language = LANGUAGE_EN, .body_max = 100000};
    struct world *world = must_alloc(sizeof *world);
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    world->arena = arena_new();
    world->router = router_new(tables, &settings);
    world->server = server_new(world->router, NULL, &turn, true);
    turn_waits = turn_fails = 0;
    world->connection = server_open(world->server, ends[0], -1);
    world->served_fd = ends[0];
    world->peer = ends[1];
    *state = world;
    return 0;
}

/* A test sets `connection` to NULL when the server has closed it. */
static int teardown(void **state)
{
    struct world *world = *state;
    if (world->connection) {
        server_close(world->connection);
    }
    close(world->peer);
    server_free(&world->server);
    server_free(&world->server); /* NULL inside is fine */
    router_free(&world->router);
    arena_free(&world->arena);
    free(world);
    return 0;
}

/* --- the other side -------------------------------------------------------------------------- */

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

/* A whole request, its body in records of `piece` bytes. */
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

static void send_all(struct world *world, const struct buffer *bytes)
{
    size_t sent = 0;
    while (sent < bytes->length) {
        ssize_t now = send(world->peer, bytes->bytes + sent, bytes->length - sent, MSG_NOSIGNAL);
        assert_true(now > 0);
        sent += (size_t)now;
    }
}

/* Serves one request, and remembers when the connection is gone. */
static bool serve(struct world *world)
{
    enum server_progress progress = server_serve(world->server, world->connection, false);
    assert_int_not_equal(progress, SERVER_HELD);
    if (progress == SERVER_CLOSED) {
        world->connection = NULL;
    }
    return progress == SERVER_ANSWERED;
}

static void read_exactly(struct world *world, char *bytes, size_t length)
{
    for (size_t got = 0; got < length;) {
        struct pollfd waiting = {.fd = world->peer, .events = POLLIN};
        assert_int_equal(poll(&waiting, 1, 5000), 1);
        ssize_t now = read(world->peer, bytes + got, length - got);
        assert_true(now > 0);
        got += (size_t)now;
    }
}

/* What comes on the standard output of one request, up to its end. */
static const char *answer(struct world *world)
{
    struct buffer out = {.arena = world->arena};
    buffer_add(&out, "", 0);
    for (;;) {
        unsigned char head[8];
        read_exactly(world, (char *)head, sizeof head);
        size_t length = (size_t)head[4] << 8 | head[5];
        char *bytes = arena_alloc(world->arena, length + head[6] + 1);
        read_exactly(world, bytes, length + head[6]);
        assert_int_equal(head[0], 1);
        assert_int_equal(head[3], 1);
        if (head[1] == STDOUT) {
            buffer_add(&out, bytes, length);
        } else if (head[1] == END_REQUEST) {
            return out.bytes;
        }
    }
}

static bool closed(const struct world *world)
{
    struct pollfd waiting = {.fd = world->peer, .events = POLLIN};
    char byte;
    return poll(&waiting, 1, 5000) == 1 && read(world->peer, &byte, 1) <= 0;
}

static const char *exchange(struct world *world, const char *method, const char *uri,
                            const char *body, size_t piece)
{
    struct buffer bytes = {.arena = world->arena};
    add_request(&bytes, true, method, uri, body, piece);
    send_all(world, &bytes);
    assert_true(serve(world));
    return answer(world);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        FAIL("no \"%s\" in: %s", part, text);
    }
}

/* --- the tests ------------------------------------------------------------------------------- */

static void a_request_is_answered(void **state)
{
    const char *text = exchange(*state, "GET", "/hello", "", 1);
    assert_has(text, "Status: 200 ");
    assert_has(text, "X-Request-ID: id-1\r\n");
    assert_has(text, "Content-Type: application/json; charset=utf-8\r\n");
    assert_has(text, "Content-Length: 16\r\n");
    assert_has(text, "\r\n\r\n{\"name\":\"hello\"}");
}

static void a_connection_is_kept_for_many(void **state)
{
    for (int i = 0; i < 50; i++) {
        assert_has(exchange(*state, "GET", "/hello", "", 1), "\r\n\r\n{\"name\":\"hello\"}");
        assert_has(exchange(*state, "POST", "/things", "{\"name\":\"я\"}", 1000),
                   "\r\n\r\n{\"name\":\"я\"}");
        assert_has(exchange(*state, "GET", "/nowhere", "", 1), "Status: 404 ");
    }
}

static void a_connection_is_closed_when_asked(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    add_request(&bytes, false, "GET", "/hello", "", 1);
    send_all(world, &bytes);
    assert_false(serve(world));
    assert_has(answer(world), "Status: 200 ");
    assert_true(closed(world));
}

static void bodies_come_in_many_records(void **state)
{
    struct world *world = *state;
    struct buffer body = {.arena = world->arena};
    buffer_add_string(&body, "{\"name\":\"");
    for (int i = 0; i < 2000; i++) {
        buffer_add_char(&body, (char)('a' + i % 26));
    }
    buffer_add_string(&body, "\"}");
    static const size_t pieces[] = {7, 1000, 60000};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        const char *text = exchange(world, "POST", "/things", body.bytes, pieces[i]);
        assert_has(text, "Status: 201 ");
        assert_has(text, "Location: /things/new\r\n");
        assert_has(text, body.bytes);
    }
}

/* Replaces the connection by one with a file that holds the beginning of the body. */
static int open_with_file(struct world *world, const char *content)
{
    char path[] = "body-XXXXXX";
    int ends[2], fd = mkstemp(path), body_fd = dup(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    server_close(world->connection);
    close(world->peer);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    world->connection = server_open(world->server, ends[0], body_fd);
    world->peer = ends[1];
    return fd;
}

/* Adds the parameters of a request; its STDIN follows. */
static void add_head(struct buffer *out, const char *length, const char *spool)
{
    struct buffer params = {.arena = out->arena};
    add_begin(out, true);
    add_param(&params, "REQUEST_METHOD", "POST");
    add_param(&params, "REQUEST_URI", "/things");
    add_param(&params, "CONTENT_TYPE", "application/json");
    add_param(&params, "CONTENT_LENGTH", length);
    add_param(&params, "KONTORA_SPOOL", spool);
    add_record(out, PARAMS, params.bytes, params.length);
    add_record(out, PARAMS, "", 0);
}

static void a_body_is_read_from_the_file_that_came_with_it(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    int fd = open_with_file(world, "{\"name\":\"file\"}");
    add_head(&bytes, "15", "");
    add_record(&bytes, STDIN, "", 0);
    send_all(world, &bytes);
    assert_true(serve(world));
    assert_has(answer(world), "\r\n\r\n{\"name\":\"file\"}");
    close(fd);
}

static void a_body_that_has_grown_is_read_to_its_end(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    int fd = open_with_file(world, "{\"name\":");
    add_head(&bytes, "15", "early");
    send_all(world, &bytes);
    assert_int_equal(write(fd, "\"file\"}", 7), 7);
    buffer_clear(&bytes);
    add_record(&bytes, STDIN, "grown---", 8);
    add_record(&bytes, STDIN, "", 0);
    send_all(world, &bytes);
    assert_true(serve(world));
    assert_has(answer(world), "\r\n\r\n{\"name\":\"file\"}");
    close(fd);
}

/* The request comes again when its body is complete, and is audited then. */
static void a_withdrawn_request_is_not_audited(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    int fd = open_with_file(world, "{\"name\":");
    unlink("audit.jsonl");
    audit_reopen();
    add_head(&bytes, "15", "early");
    send_all(world, &bytes);
    shutdown(world->peer, SHUT_WR);
    serve(world);
    assert_has(answer(world), "Status: 400 ");
    assert_string_equal(read_file(world->arena, "audit.jsonl"), "");
    close(fd);
}

static void assert_audited(struct world *world, const char *status)
{
    assert_has(read_file(world->arena, "audit.jsonl"),
               arena_format(world->arena, "\"status\":\"%s\"", status));
}

/* The same, though it was refused before all that there is of the body was read. */
static void a_request_that_was_withdrawn_before_it_was_refused_is_not_audited(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    int fd = open_with_file(world, arena_format(world->arena, "%0200000d", 0));
    unlink("audit.jsonl");
    audit_reopen();
    add_head(&bytes, "300000", "early");
    add_record(&bytes, STDIN, "grown---", 8);
    send_all(world, &bytes);
    shutdown(world->peer, SHUT_WR);
    serve(world);
    assert_has(answer(world), "Status: 413 ");
    assert_string_equal(read_file(world->arena, "audit.jsonl"), "");
    close(fd);
}

/* Its body is complete, so it does not come again. */
static void a_refused_request_is_audited_though_its_client_has_gone(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    int fd = open_with_file(world, arena_format(world->arena, "%0200000d", 0));
    unlink("audit.jsonl");
    audit_reopen();
    add_head(&bytes, "200000", "early");
    add_record(&bytes, STDIN, "grown---", 8);
    add_record(&bytes, STDIN, "", 0);
    send_all(world, &bytes);
    shutdown(world->peer, SHUT_RDWR);
    serve(world);
    assert_audited(world, "failure");
    close(fd);
}

/* Leaves a request that has written unanswered, as the store demands it, and not audited. */
static void hold(struct world *world)
{
    unlink("audit.jsonl");
    audit_reopen();
    struct buffer bytes = {.arena = world->arena};
    struct pollfd waiting = {.fd = world->peer, .events = POLLIN};
    turn_waits = 1;
    add_request(&bytes, true, "POST", "/things", "{\"name\":\"x\"}", 1000);
    send_all(world, &bytes);
    assert_int_equal(server_serve(world->server, world->connection, false), SERVER_HELD);
    assert_int_equal(poll(&waiting, 1, 0), 0);
    assert_string_equal(read_file(world->arena, "audit.jsonl"), "");
}

static void what_waits_is_answered_after_the_commit(void **state)
{
    struct world *world = *state;
    hold(world);
    server_commit(world->server);
    assert_int_equal(server_finish(world->server, world->connection), SERVER_ANSWERED);
    assert_has(answer(world), "Status: 201 ");
    assert_audited(world, "success");
    turn_waits = 0;
    assert_has(exchange(world, "GET", "/hello", "", 1), "Status: 200 ");
}

static void a_commit_that_fails_is_the_answer(void **state)
{
    struct world *world = *state;
    hold(world);
    turn_fails = 1;
    server_commit(world->server);
    assert_int_equal(server_finish(world->server, world->connection), SERVER_ANSWERED);
    const char *text = answer(world);
    assert_has(text, "Status: 503 ");
    assert_has(text, "Retry-After: ");
    assert_null(strstr(text, "Location"));
    assert_audited(world, "failure");
    turn_fails = 0; /* the next group commit succeeds */
    hold(world);
    server_commit(world->server);
    assert_int_equal(server_finish(world->server, world->connection), SERVER_ANSWERED);
    assert_has(answer(world), "Status: 201 ");
    assert_audited(world, "success");
}

/* Another request committed the writes of this one before the commit that fails. */
static void a_failed_commit_is_not_the_answer_to_durable_writes(void **state)
{
    struct world *world = *state;
    hold(world);
    turn_fails = 2;
    server_commit(world->server);
    assert_int_equal(server_finish(world->server, world->connection), SERVER_ANSWERED);
    assert_has(answer(world), "Status: 201 ");
    assert_audited(world, "success");
}

static void a_body_that_nobody_reads_does_no_harm(void **state)
{
    assert_has(exchange(*state, "GET", "/hello", "{\"name\":\"unread\"}", 3), "Status: 200 ");
    assert_has(exchange(*state, "PUT", "/things", "{\"name\":\"unread\"}", 3), "Status: 405 ");
    assert_has(exchange(*state, "GET", "/hello", "", 1), "Status: 200 ");
}

/* libfcgi forgets only the piece that it has buffered, 8 KiB; what is behind that must not be read
 * as the next request either, whatever its bytes are. */
static void long_bodies_that_nobody_reads_do_no_harm(void **state)
{
    struct world *world = *state;
    static const size_t sizes[] = {7000, 8000, 8192, 9000, 20000, 60000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buffer body = {.arena = world->arena};
        while (body.length < sizes[i]) {
            buffer_add(&body, "\1\t\1\1\1\1\1\1", 8); /* much like a record's head */
        }
        assert_has(exchange(world, "POST", "/hello", body.bytes, 60000), "Status: 405 ");
        assert_has(exchange(world, "GET", "/hello", "", 1), "Status: 200 ");
    }
}

static void head_has_the_length_and_not_the_body(void **state)
{
    const char *text = exchange(*state, "HEAD", "/hello", "", 1);
    assert_has(text, "Content-Length: 16\r\n");
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void nothing_has_no_type_and_no_length(void **state)
{
    const char *text = exchange(*state, "DELETE", "/things", "", 1);
    assert_has(text, "Status: 204 ");
    assert_null(strstr(text, "Content-"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

/* Without a single parameter there is still an answer. */
static void missing_parameters_are_empty(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    add_begin(&bytes, true);
    add_record(&bytes, PARAMS, "", 0);
    add_record(&bytes, STDIN, "", 0);
    send_all(world, &bytes);
    assert_true(serve(world));
    assert_has(answer(world), "Status: 400 ");
}

static void long_parameters_are_whole(void **state)
{
    struct world *world = *state;
    char *uri = arena_alloc(world->arena, 20001);
    memset(uri, 'a', 20000);
    uri[0] = '/';
    assert_has(exchange(world, "GET", uri, "", 1), "Status: 404 ");
}

/* The peer goes away at every byte of a request: the connection ends, and nothing else does. */
static void requests_may_be_cut_off_anywhere(void **state)
{
    struct arena *arena = ((struct world *)*state)->arena;
    struct buffer whole = {.arena = arena};
    add_request(&whole, true, "POST", "/things", "{\"name\":\"cut\"}", 5);
    for (size_t cut = 1; cut < whole.length; cut += 3) {
        void *inner = NULL;
        assert_int_equal(setup(&inner), 0);
        struct world *world = inner;
        struct buffer part = {.arena = arena};
        buffer_add(&part, whole.bytes, cut);
        send_all(world, &part);
        shutdown(world->peer, SHUT_WR);
        serve(world);
        teardown(&inner);
    }
}

static void garbage_closes_the_connection(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    buffer_add_string(&bytes, "GET / HTTP/1.1\r\nHost: kontora\r\n\r\n");
    send_all(world, &bytes);
    shutdown(world->peer, SHUT_WR);
    assert_false(serve(world));
    assert_true(closed(world));
}

static void broken_parameters_close_the_connection(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {.arena = world->arena};
    add_begin(&bytes, true);
    add_record(&bytes, PARAMS, BYTES("\xFF\xFF\xFF\xFF\x7F\xFF")); /* lengths beyond the record */
    add_record(&bytes, PARAMS, "", 0);
    add_record(&bytes, STDIN, "", 0);
    send_all(world, &bytes);
    shutdown(world->peer, SHUT_WR);
    assert_false(serve(world));
}

/* --- endless bodies -------------------------------------------------------------------------- */

enum { TRICKLE_S = 20, TRICKLE_INTERVAL_US = 50 * 1000, ENDED_S = 10 };

/* Forks a child that sends the piece again and again, for TRICKLE_S or until an error. */
static pid_t trickle(const struct world *world, const char *piece, size_t length)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(world->served_fd);
        for (int i = 0; i < TRICKLE_S * 1000 * 1000 / TRICKLE_INTERVAL_US; i++) {
            if (send(world->peer, piece, length, MSG_NOSIGNAL) < 0) {
                _exit(EXIT_SUCCESS);
            }
            usleep(TRICKLE_INTERVAL_US);
        }
        _exit(EXIT_FAILURE);
    }
    return child;
}

/* Begins a request whose body has more bytes than will come. */
static void begin_body(struct world *world, const char *uri, const char *piece, size_t length)
{
    struct buffer bytes = {.arena = world->arena};
    add_request(&bytes, true, "POST", uri, "{", 1);
    bytes.length -= 8; /* omits the record that ends STDIN */
    buffer_add(&bytes, piece, length);
    send_all(world, &bytes);
}

static void assert_ended(struct world *world, const char *piece, size_t length)
{
    int status = 0;
    int64_t began = clock_steady_us();
    pid_t child = trickle(world, piece, length);
    assert_false(serve(world));
    assert_true(clock_steady_us() - began < (int64_t)ENDED_S * 1000 * 1000);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, EXIT_SUCCESS); /* send() failed: the connection is closed */
}

static void a_trickling_body_ends_at_the_deadline(void **state)
{
    begin_body(*state, "/things", BYTES("\1\5\0\1\xF0\0\0\0"));
    assert_ended(*state, BYTES("x"));
    assert_has(answer(*state), "Status: 400 ");
}

/* Sends records that are not part of the body: of another request, or of another type. */
static void other_records_do_not_extend_the_deadline_of_a_body(void **state)
{
    begin_body(*state, "/things", BYTES(""));
    assert_ended(*state, BYTES("\1\5\0\2\0\1\0\0x"));
    assert_has(answer(*state), "Status: 400 ");
}

static void draining_an_unread_body_has_a_deadline(void **state)
{
    begin_body(*state, "/nowhere", BYTES("\1\5\0\1\xF0\0\0\0"));
    assert_ended(*state, BYTES("x"));
    assert_has(answer(*state), "Status: 404 ");
}

/* Sends more than is drained: the answer can be read, and the bytes that follow do not reset the
 * connection. */
static void an_endless_body_is_cut_off(void **state)
{
    static char record[8 + 0xF000] = "\1\5\0\1\xF0";
    begin_body(*state, "/nowhere", BYTES(""));
    assert_ended(*state, record, sizeof record);
    assert_has(answer(*state), "Status: 404 ");
}

#define SERVER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

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
        SERVER_TEST(a_request_is_answered),
        SERVER_TEST(a_connection_is_kept_for_many),
        SERVER_TEST(a_connection_is_closed_when_asked),
        SERVER_TEST(bodies_come_in_many_records),
        SERVER_TEST(a_body_is_read_from_the_file_that_came_with_it),
        SERVER_TEST(a_body_that_has_grown_is_read_to_its_end),
        SERVER_TEST(a_withdrawn_request_is_not_audited),
        SERVER_TEST(a_request_that_was_withdrawn_before_it_was_refused_is_not_audited),
        SERVER_TEST(a_refused_request_is_audited_though_its_client_has_gone),
        SERVER_TEST(what_waits_is_answered_after_the_commit),
        SERVER_TEST(a_commit_that_fails_is_the_answer),
        SERVER_TEST(a_failed_commit_is_not_the_answer_to_durable_writes),
        SERVER_TEST(a_body_that_nobody_reads_does_no_harm),
        SERVER_TEST(long_bodies_that_nobody_reads_do_no_harm),
        SERVER_TEST(head_has_the_length_and_not_the_body),
        SERVER_TEST(nothing_has_no_type_and_no_length),
        SERVER_TEST(missing_parameters_are_empty),
        SERVER_TEST(long_parameters_are_whole),
        SERVER_TEST(requests_may_be_cut_off_anywhere),
        SERVER_TEST(garbage_closes_the_connection),
        SERVER_TEST(broken_parameters_close_the_connection),
        SERVER_TEST(a_trickling_body_ends_at_the_deadline),
        SERVER_TEST(other_records_do_not_extend_the_deadline_of_a_body),
        SERVER_TEST(draining_an_unread_body_has_a_deadline),
        SERVER_TEST(an_endless_body_is_cut_off),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("server", tests, NULL, NULL));
}
