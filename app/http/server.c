/*
 * See server.h.
 *
 * libfcgi is made to accept and then keep one connection. Here every connection is a FCGX_Request
 * of its own, so that one worker can hold many: the descriptor we accepted is put in before the
 * first FCGX_Accept_r(), and keepConnection with it, or that call would close what it was given
 * while it finishes the "previous" request. It has no listening socket: where libfcgi would go on
 * to accept another connection, it gets an error instead and returns.
 */
#include "http/server.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/read_deadline.h"
#include "base/size.h"
#include "http/access.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NO_LISTENING_SOCKET = -1,
    ARENAS_KEPT = 32,     /* as many requests wait for a commit, seldom more */
    BODY_TIMEOUT_S = 2,   /* nginx buffers a whole body before it sends it */
    FORM_TIMEOUT_S = 100, /* so does the spool, but storing a file takes time between two reads */
    LINGER_TIMEOUT_S = 2, /* for nginx or the spool to read the answer and close */
    DRAIN_PIECE = 8192,
    DRAIN_MAX = 2 * MIB, /* bytes; more than nginx's client_max_body_size for JSON */
};

struct server {
    const struct router *router;
    struct app *app;
    const struct server_turn *turn;
    bool keeps;                        /* nginx keeps its connections */
    struct arena *arenas[ARENAS_KEPT]; /* those that no request is using */
    size_t arenas_count;
    struct arena *turn_arena;
    struct error *turn_error;  /* of the turn that has just ended */
    uint64_t lost_transaction; /* the transaction that was rolled back */
};

/* A connection, and the request that is under way on it. */
struct server_connection {
    FCGX_Request fcgi;
    bool complete;            /* the whole request has arrived: reading never blocks */
    int64_t body_deadline_us; /* steady clock; 0: nothing of the body has been read */
    int body_fd;              /* the spool's file with the body; -1: the body is in the records */
    off_t body_read;          /* bytes read of that file */
    struct request request;
    struct reply reply;
    struct error *error;  /* result of the handler */
    uint64_t transaction; /* the transaction in which it wrote; 0: its answer need not wait */
    struct access access;
};

/* --- arenas ---------------------------------------------------------------------------------- */

/* One a request that is under way: nearly always the same one. */
static struct arena *take_arena(struct server *server)
{
    return server->arenas_count ? server->arenas[--server->arenas_count] : arena_new();
}

static void give_arena(struct server *server, struct arena *arena)
{
    arena_reset(arena);
    if (server->arenas_count == ARENAS_KEPT) {
        arena_free(&arena);
        return;
    }
    server->arenas[server->arenas_count++] = arena;
}

/* --- life ------------------------------------------------------------------------------------ */

bool server_init(void)
{
    return FCGX_Init() == 0;
}

struct server *server_new(const struct router *router, struct app *app,
                          const struct server_turn *turn, bool keeps)
{
    struct server *server = must_alloc(sizeof *server);
    *server = (struct server){
        .router = router,
        .app = app,
        .turn = turn,
        .keeps = keeps,
        .turn_arena = arena_new(),
    };
    return server;
}

void server_free(struct server **server)
{
    if (!*server) {
        return;
    }
    for (size_t i = 0; i < (*server)->arenas_count; i++) {
        arena_free(&(*server)->arenas[i]);
    }
    arena_free(&(*server)->turn_arena);
    free(*server);
    *server = NULL;
}

struct server_connection *server_open(struct server *server, int fd, int body_fd)
{
    (void)server;
    struct server_connection *connection = must_alloc(sizeof *connection);
    connection->body_fd = body_fd;
    connection->body_read = 0;
    if (FCGX_InitRequest(&connection->fcgi, NO_LISTENING_SOCKET, 0) != 0) {
        abort(); /* it only fills the struct */
    }
    connection->fcgi.ipcFd = fd;
    connection->fcgi.keepConnection = 1;
    FCGX_Detach(&connection->fcgi); /* no lingering close, which a sending peer would prolong */
    return connection;
}

static void free_connection(struct server_connection *connection)
{
    if (connection->body_fd >= 0) {
        close(connection->body_fd);
    }
    free(connection);
}

/* Closes the descriptor itself: libfcgi would shut it down and wait for the peer's answer, which is
 * not worth the time of a worker that has other connections to serve. */
void server_close(struct server_connection *connection)
{
    if (connection->fcgi.ipcFd >= 0) {
        close(connection->fcgi.ipcFd);
        connection->fcgi.ipcFd = -1;
    }
    FCGX_Free(&connection->fcgi, 0);
    free_connection(connection);
}

/* --- one request ----------------------------------------------------------------------------- */

/* What the stream has read already, waiting for a first byte of it. 0: its end. */
static size_t read_here(FCGX_Stream *stream, char *bytes, size_t size)
{
    int first = FCGX_GetChar(stream);
    if (first == EOF) {
        return 0;
    }
    *bytes = (char)first;
    size_t here = (size_t)(stream->stop - stream->rdNext);
    int got = FCGX_GetStr(bytes + 1, (int)(here < size ? here : size - 1), stream);
    return 1 + (got > 0 ? (size_t)got : 0);
}

/* Reads up to the deadline, even if the peer sends single bytes, or records that are not part of
 * the body. */
static size_t read_in_time(struct server_connection *connection, char *bytes, size_t size)
{
    if (connection->complete) {
        return read_here(connection->fcgi.in, bytes, size);
    }
    read_deadline_begin(connection->fcgi.ipcFd, connection->body_deadline_us);
    size_t got = read_here(connection->fcgi.in, bytes, size);
    read_deadline_end();
    return got;
}

/* Waits for more of a body that the spool is still receiving: bytes in the records say that the
 * file has grown. False if the body has ended. */
static bool await_spool(struct server_connection *connection)
{
    struct request *request = &connection->request;
    char bytes[DRAIN_PIECE];
    if (read_in_time(connection, bytes, sizeof bytes)) {
        return true;
    }
    if (request->early && FCGX_GetError(connection->fcgi.in)) {
        request->withdrawn = true;
    }
    return false;
}

/* Reads what has arrived, and fits, of a body in a file. Once the last record has been read the
 * file holds the whole body. */
static size_t read_spooled(struct server_connection *connection, char *bytes, size_t size)
{
    bool more = true;
    for (;;) {
        ssize_t got = pread(connection->body_fd, bytes, size, connection->body_read);
        if (got < 0) {
            log_error("spool: cannot read a body: %s", strerror(errno));
            return 0;
        }
        if (got || !more || clock_steady_us() >= connection->body_deadline_us) {
            connection->body_read += got;
            return (size_t)got;
        }
        more = await_spool(connection);
    }
}

/* Reads what has arrived, and fits: FCGX_GetStr() alone would wait until the buffer is full. The
 * deadline counts from the first call; a body that is incomplete by then ends there. */
static size_t read_input(void *source, char *bytes, size_t size)
{
    struct server_connection *connection = source;
    const struct route *route = connection->request.route;
    if (!connection->body_deadline_us) {
        int64_t timeout_s = route && route->form ? FORM_TIMEOUT_S : BODY_TIMEOUT_S;
        connection->body_deadline_us = clock_steady_us() + timeout_s * US_PER_S;
    }
    if (connection->body_fd >= 0) {
        return read_spooled(connection, bytes, size);
    }
    struct pollfd arrival = {.fd = connection->fcgi.ipcFd, .events = POLLIN};
    size_t length = 0, got = 1;
    while (length < size && got && (!length || poll(&arrival, 1, 0) == 1)) {
        got = read_in_time(connection, bytes + length, size - length);
        length += got;
    }
    return length;
}

/* Takes all that matters in one walk: libfcgi's own look-up walks once a name. What nginx sends,
 * and in which order, is always the same (nginx/fastcgi.conf), and so is the order here: nearly all
 * are found at the first look. Copies, because libfcgi frees its own before the access log is
 * written. */
static void read_params(struct arena *arena, char *const *params, struct request_headers *headers)
{
    static const struct {
        const char *name;
        size_t length, offset;
    } wanted[] = {
#define PARAM(name, member) {(name), sizeof(name) - 1, offsetof(struct request_headers, member)}
        PARAM("REQUEST_METHOD=", method),
        PARAM("CONTENT_TYPE=", content_type),
        PARAM("CONTENT_LENGTH=", content_length),
        PARAM("REMOTE_ADDR=", address),
        PARAM("HTTP_USER_AGENT=", user_agent),
        PARAM("HTTP_X_REQUEST_ID=", request_id),
        PARAM("KONTORA_BASE=", base),
        PARAM("KONTORA_SENT=", sent),
        PARAM("REQUEST_URI=", uri),
        PARAM("KONTORA_SURFACE=", surface),
        PARAM("HTTP_AUTHORIZATION=", authorization),
        PARAM("HTTP_ACCEPT_LANGUAGE=", accept_language),
        PARAM("HTTP_X_ORGANIZATION_ID=", organization),
        PARAM("HTTP_IDEMPOTENCY_KEY=", idempotency_key),
        PARAM("HTTP_X_ALLOW_DUPLICATE=", allow_duplicate),
        PARAM("HTTP_IF_MATCH=", if_match),
        PARAM("HTTP_IF_NONE_MATCH=", if_none_match),
        PARAM("KONTORA_SPOOL=", spool),
#undef PARAM
    };
    enum { WANTED = sizeof wanted / sizeof *wanted };
    for (size_t i = 0; i < WANTED; i++) {
        *(const char **)(void *)((char *)headers + wanted[i].offset) = "";
    }
    size_t next = 0;
    for (; *params; params++) {
        for (size_t looks = 0; looks < WANTED; looks++) {
            size_t i = (next + looks) % WANTED;
            if (**params == *wanted[i].name &&
                !strncmp(*params, wanted[i].name, wanted[i].length)) {
                *(const char **)(void *)((char *)headers + wanted[i].offset) =
                    arena_string(arena, *params + wanted[i].length);
                next = i + 1;
                break;
            }
        }
    }
}

/* The reason phrases of RFC 9110 15, of the statuses that we answer with. */
static const char *reason(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } reasons[] = {
        {REPLY_CONTINUE, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status) {
            return reasons[i].phrase;
        }
    }
    return "Unknown";
}

static void add_field(struct buffer *head, const char *name, const char *value)
{
    buffer_add_string(head, name);
    buffer_add(head, ": ", 2);
    buffer_add_string(head, value);
    buffer_add(head, "\r\n", 2);
}

static bool has_header(const struct reply *reply, const char *name)
{
    size_t i = 0;
    while (i < reply->headers_count && strcmp(reply->headers[i].name, name) != 0) {
        i++;
    }
    return i < reply->headers_count;
}

/* Lets the client store an answer with an entity tag, and revalidate it on each use; no other
 * answer is stored. For a file nginx sets the header, together with the tag
 * (nginx/headers.conf). */
static void add_caching(struct buffer *head, const struct reply *reply)
{
    if (!has_header(reply, "X-Accel-Redirect")) {
        add_field(head, "Cache-Control",
                  has_header(reply, "ETag") ? "private, no-cache" : "no-store");
    }
}

/* The answer as CGI (RFC 3875 6.2). The length is that of the body also where HEAD leaves it out.
 * It is put together by hand: printf took a tenth of a small answer. */
static void write_reply(FCGX_Stream *out, const struct request *request, const struct reply *reply)
{
    enum { STATUS_NO_CONTENT = 204, STATUS_NOT_MODIFIED = 304 };
    struct buffer head = {.arena = request->arena};
    buffer_add_string(&head, "Status: ");
    buffer_add_decimal(&head, reply->status, 0);
    buffer_add_char(&head, ' ');
    buffer_add_string(&head, reason(reply->status));
    buffer_add_string(&head, "\r\n");
    add_caching(&head, reply);
    add_field(&head, "X-Request-ID", request->id);
    for (size_t i = 0; i < reply->headers_count; i++) {
        add_field(&head, reply->headers[i].name, reply->headers[i].value);
    }
    if (reply->status != STATUS_NO_CONTENT && reply->status != STATUS_NOT_MODIFIED) {
        add_field(&head, "Content-Type",
                  reply->content_type ? reply->content_type : "application/json; charset=utf-8");
        buffer_add_string(&head, "Content-Length: ");
        buffer_add_decimal(&head, (int64_t)reply->body.length, 0);
        buffer_add(&head, "\r\n", 2);
    }
    buffer_add(&head, "\r\n", 2);
    /* What cannot be written has nobody to read it: the client is gone. */
    FCGX_PutStr(head.bytes, (int)head.length, out);
    if (!request->head && reply->body.length) {
        FCGX_PutStr(reply->body.bytes, (int)reply->body.length, out);
    }
}

/* Reads the rest of the body from the connection: libfcgi discards only its buffer, and would
 * then parse the rest, bytes of the client's choice, as records of the next request. False if
 * the body did not end: it is longer than nginx lets through, or too slow. */
static bool drain_body(const struct server *server, struct server_connection *connection)
{
    char rest[DRAIN_PIECE];
    size_t drained = 0;
    if (connection->request.body_abandoned && !server->keeps) {
        return false; /* the rest may take minutes to arrive */
    }
    connection->body_deadline_us = clock_steady_us() + (int64_t)BODY_TIMEOUT_S * US_PER_S;
    while (drained <= DRAIN_MAX) {
        size_t got = read_in_time(connection, rest, sizeof rest);
        if (!got) {
            return !FCGX_GetError(connection->fcgi.in);
        }
        drained += got;
    }
    return false;
}

/* Reads until the peer has closed, at most for LINGER_TIMEOUT_S: closing a socket with unread
 * bytes would make the peer's next write fail, and nginx would lose the answer. */
static void linger(int fd)
{
    char rest[DRAIN_PIECE];
    struct pollfd arrival = {.fd = fd, .events = POLLIN};
    int64_t left_us = (int64_t)LINGER_TIMEOUT_S * US_PER_S;
    int64_t deadline_us = clock_steady_us() + left_us;
    shutdown(fd, SHUT_WR);
    while (left_us > 0 && poll(&arrival, 1, (int)(left_us / US_PER_MS) + 1) == 1 &&
           recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0) {
        left_us = deadline_us - clock_steady_us();
    }
}

/* Sends the answer, and the record that ends it. True if the connection can take another
 * request. */
static bool finish_request(const struct server *server, struct server_connection *connection)
{
    FCGX_Request *fcgi = &connection->fcgi;
    bool drained = drain_body(server, connection);
    bool keeps = drained && fcgi->keepConnection;
    /* Keeps the connection open. After an error libfcgi closes it anyway, without lingering. */
    fcgi->keepConnection = 1;
    FCGX_Finish_r(fcgi);
    if (!drained && fcgi->ipcFd >= 0) {
        linger(fcgi->ipcFd);
    }
    return keeps && fcgi->ipcFd >= 0;
}

/* An early request may be refused before its body has been read to the end. Finds out if the spool
 * has withdrawn it meanwhile: nobody reads this answer then, because the request comes again. Once
 * the spool has shut its side down, all records are here, and to read them never waits. */
static void note_withdrawal(struct server_connection *connection)
{
    struct request *request = &connection->request;
    struct pollfd end = {.fd = connection->fcgi.ipcFd, .events = POLLRDHUP};
    char rest[DRAIN_PIECE];
    if (!request->early || request->withdrawn || poll(&end, 1, 0) != 1) {
        return;
    }
    while (read_here(connection->fcgi.in, rest, sizeof rest)) {
    }
    request->withdrawn = FCGX_GetError(connection->fcgi.in);
}

/* Answers the request that was handled, and ends it. */
static enum server_progress answer(struct server *server, struct server_connection *connection)
{
    struct request *request = &connection->request;
    note_withdrawal(connection);
    request->unaudited = request->unaudited || request->withdrawn;
    router_finish(request, &connection->reply, connection->error);
    write_reply(connection->fcgi.out, request, &connection->reply);
    bool keeps = finish_request(server, connection);
    /* the request that comes again is logged in its place */
    if (connection->reply.status != REPLY_CONTINUE && !request->withdrawn) {
        access_end(&connection->access, request, &connection->reply, connection->error);
    }
    log_set_request(NULL);
    give_arena(server, request->arena);
    if (!keeps) {
        server_close(connection);
        return SERVER_CLOSED;
    }
    return SERVER_ANSWERED;
}

enum server_progress server_serve(struct server *server, struct server_connection *connection,
                                  bool complete)
{
    FCGX_Request *fcgi = &connection->fcgi;
    if (FCGX_Accept_r(fcgi) != 0) {
        server_close(connection);
        return SERVER_CLOSED;
    }
    struct request *request = &connection->request;
    *request = (struct request){
        .arena = take_arena(server),
        .app = server->app,
        .input = {read_input, connection},
    };
    connection->complete = complete;
    connection->body_deadline_us = 0;
    access_begin(&connection->access);
    read_params(request->arena, fcgi->envp, &request->headers);
    request->asks = !strcmp(request->headers.spool, "asks");
    request->early = !strcmp(request->headers.spool, "early");
    access_queued(&connection->access, request);
    request->queue_us = connection->access.queue_us;
    connection->error = router_handle(server->router, request, &connection->reply);
    access_handled(&connection->access);
    connection->transaction = server->turn->waits(server->app);
    return connection->transaction ? SERVER_HELD : answer(server, connection);
}

void server_commit(struct server *server)
{
    arena_reset(server->turn_arena);
    server->turn_error =
        server->turn->commit(server->app, server->turn_arena, &server->lost_transaction);
}

enum server_progress server_finish(struct server *server, struct server_connection *connection)
{
    log_set_request(connection->request.id);
    access_committed(&connection->access);
    if (server->turn_error && connection->transaction == server->lost_transaction) {
        connection->reply = (struct reply){0};
        connection->error = server->turn_error;
    }
    return answer(server, connection);
}
