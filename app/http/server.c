/*
 * See server.h.
 *
 * libfcgi is designed to accept one connection at a time and keep it. Here every connection has an
 * FCGX_Request of its own, so that one worker can hold many. ipcFd and keepConnection are set
 * before the first FCGX_Accept_r(); otherwise this call would close ipcFd when it finishes the
 * "previous" request. The FCGX_Request has no listening socket: where libfcgi would accept another
 * connection, it gets an error and returns.
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
    ARENAS_KEPT = 32,     /* kept for reuse; more requests seldom wait for a group commit */
    BODY_TIMEOUT_S = 2,   /* short, because nginx buffers the whole body before it sends it */
    FORM_TIMEOUT_S = 100, /* longer, because the handler stores the file between two reads */
    /* time for nginx or the spool (proc/spool.h) to read the reply and close */
    LINGER_TIMEOUT_S = 2,
    DRAIN_PIECE = 8192,
    DRAIN_MAX = 2 * MIB, /* bytes; more than nginx's client_max_body_size for JSON */
};

struct server {
    const struct router *router;
    void *app;
    const struct server_group_commit *group_commit;
    bool keeps;                        /* nginx keeps connections to this worker open */
    struct arena *arenas[ARENAS_KEPT]; /* unused arenas */
    size_t arenas_count;
    struct arena *commit_arena;
    struct error *commit_error; /* error of the last group commit; NULL: it succeeded */
    uint64_t lost_transaction;  /* the transaction that was rolled back */
};

/* A connection and its current request. */
struct server_connection {
    FCGX_Request fcgi;
    bool complete;            /* the whole request has arrived: reads do not block */
    int64_t body_deadline_us; /* steady clock; 0: reading the body has not begun */
    int body_fd;              /* file of the spool with the body; -1: the body is in the records */
    off_t body_read;          /* bytes read of that file */
    struct request request;
    struct reply reply;
    struct error *error;  /* result of the handler */
    uint64_t transaction; /* transaction in which the request wrote; 0: need not wait */
    struct access access;
};

/* --- arenas ---------------------------------------------------------------------------------- */

/* Takes an unused arena. Each request in progress has an arena of its own. */
static struct arena *acquire_arena(struct server *server)
{
    return server->arenas_count ? server->arenas[--server->arenas_count] : arena_new();
}

static void release_arena(struct server *server, struct arena *arena)
{
    arena_reset(arena);
    if (server->arenas_count == ARENAS_KEPT) {
        arena_free(&arena);
        return;
    }
    server->arenas[server->arenas_count++] = arena;
}

/* --- server and connections ------------------------------------------------------------------ */

bool server_init(void)
{
    return FCGX_Init() == 0;
}

struct server *server_new(const struct router *router, void *app,
                          const struct server_group_commit *group_commit, bool keeps)
{
    struct server *server = base_alloc(sizeof *server);
    *server = (struct server){
        .router = router,
        .app = app,
        .group_commit = group_commit,
        .keeps = keeps,
        .commit_arena = arena_new(),
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
    arena_free(&(*server)->commit_arena);
    free(*server);
    *server = NULL;
}

struct server_connection *server_open(struct server *server, int fd, int body_fd)
{
    (void)server;
    struct server_connection *connection = base_alloc(sizeof *connection);
    connection->body_fd = body_fd;
    connection->body_read = 0;
    if (FCGX_InitRequest(&connection->fcgi, NO_LISTENING_SOCKET, 0) != 0) {
        abort(); /* does not happen: the call only fills the struct */
    }
    connection->fcgi.ipcFd = fd;
    connection->fcgi.keepConnection = 1;
    /* Disables libfcgi's lingering close, which a sending peer could prolong. */
    FCGX_Detach(&connection->fcgi);
    return connection;
}

/* Closes the socket without libfcgi, which would shut it down and block until the peer has
 * closed. */
void server_close(struct server_connection *connection)
{
    if (connection->fcgi.ipcFd >= 0) {
        close(connection->fcgi.ipcFd);
        connection->fcgi.ipcFd = -1;
    }
    FCGX_Free(&connection->fcgi, 0);
    if (connection->body_fd >= 0) {
        close(connection->body_fd);
    }
    free(connection);
}

/* --- reading a request ----------------------------------------------------------------------- */

/* Waits for at least one byte, then returns all bytes that the stream has buffered, up to `size`.
 * Returns 0 at the end of the stream. */
static size_t read_stream(FCGX_Stream *stream, char *bytes, size_t size)
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

/* Reads from the stream until the deadline at most, even if the peer sends single bytes, or records
 * that are not part of the body. After the deadline, returns the bytes that have arrived. */
static size_t read_until_deadline(struct server_connection *connection, char *bytes, size_t size)
{
    if (connection->complete) {
        return read_stream(connection->fcgi.in, bytes, size);
    }
    read_deadline_begin(connection->fcgi.ipcFd, connection->body_deadline_us);
    size_t got = read_stream(connection->fcgi.in, bytes, size);
    read_deadline_end();
    return got;
}

/* Reads records of the body. Sets the error of the body if they end without the record that ends
 * the body: the peer has closed the connection, or the deadline has passed. */
static size_t read_records(struct server_connection *connection, char *bytes, size_t size)
{
    struct request *request = &connection->request;
    size_t got = read_until_deadline(connection, bytes, size);
    if (!got && FCGX_GetError(connection->fcgi.in) && !request->body_error) {
        request->withdrawn = request->early && clock_steady_us() < connection->body_deadline_us;
        request->body_error = error_new(request->arena, ERR_BAD_REQUEST, "the body is incomplete");
    }
    return got;
}

/* Reads the available bytes of a body in a file. Each byte in the FastCGI records reports that the
 * spool has received more of the body; when the last record has been read, the file is complete. */
static size_t read_spooled(struct server_connection *connection, char *bytes, size_t size)
{
    char notice[DRAIN_PIECE];
    bool more = true;
    for (;;) {
        ssize_t got = pread(connection->body_fd, bytes, size, connection->body_read);
        if (got < 0) {
            struct request *request = &connection->request;
            request->body_error = error_new(request->arena, ERR_INTERNAL,
                                            "spool: cannot read a body: %s", strerror(errno));
            return 0;
        }
        if (got || !more) {
            connection->body_read += got;
            return (size_t)got;
        }
        more = read_records(connection, notice, sizeof notice);
    }
}

/* Reads the available bytes of the body, at least one: FCGX_GetStr() alone would block until the
 * buffer is full. The deadline starts with the first call. A body that is incomplete at the
 * deadline ends there, with an error. */
static size_t read_body_bytes(void *source, char *bytes, size_t size)
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
        got = read_records(connection, bytes + length, size - length);
        length += got;
    }
    return length;
}

/* Copies the known parameters in one pass, because libfcgi's own lookup scans all parameters for
 * each name. `wanted` is in the order in which nginx sends them (nginx/fastcgi.conf), so that
 * nearly every parameter is found at the first comparison. Copies the values, because libfcgi frees
 * them before the access log line is written. */
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
        PARAM("HTTP_CONTENT_ENCODING=", content_encoding),
        PARAM("HTTP_CONTENT_RANGE=", content_range),
        PARAM("KONTORA_SPOOL=", spool),
#undef PARAM
    };
    enum { WANTED = sizeof wanted / sizeof *wanted };
    for (size_t i = 0; i < WANTED; i++) {
        *(const char **)(void *)((char *)headers + wanted[i].offset) = "";
    }
    size_t next = 0;
    for (; *params; params++) {
        for (size_t tries = 0; tries < WANTED; tries++) {
            size_t i = (next + tries) % WANTED;
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

/* --- sending a reply ------------------------------------------------------------------------- */

/* Returns the reason phrase (RFC 9110 15) of a status that the service uses. */
static const char *reason_phrase(int status)
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

static void add_header_line(struct buffer *head, const char *name, const char *value)
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

/* Writes the reply in CGI format (RFC 3875 6.2). Content-Length is the length of the body also
 * for HEAD, which has no body. Does not use printf, which took a tenth of the time of a small
 * request. */
static void write_reply(FCGX_Stream *out, const struct request *request, const struct reply *reply)
{
    enum { STATUS_NO_CONTENT = 204, STATUS_NOT_MODIFIED = 304 };
    struct buffer head = {.arena = request->arena};
    buffer_add_string(&head, "Status: ");
    buffer_add_decimal(&head, reply->status, 0);
    buffer_add_char(&head, ' ');
    buffer_add_string(&head, reason_phrase(reply->status));
    buffer_add_string(&head, "\r\n");
    /* Replies with an entity tag may be stored and must be revalidated; others must not be stored.
     * For files, nginx sets both headers (nginx/headers.conf). */
    if (!has_header(reply, "X-Accel-Redirect")) {
        add_header_line(&head, "Cache-Control",
                        has_header(reply, "ETag") ? "private, no-cache" : "no-store");
    }
    add_header_line(&head, "X-Request-ID", request->id);
    for (size_t i = 0; i < reply->headers_count; i++) {
        add_header_line(&head, reply->headers[i].name, reply->headers[i].value);
    }
    if (reply->status != STATUS_NO_CONTENT && reply->status != STATUS_NOT_MODIFIED) {
        add_header_line(&head, "Content-Type",
                        reply->content_type ? reply->content_type
                                            : "application/json; charset=utf-8");
        buffer_add_string(&head, "Content-Length: ");
        buffer_add_decimal(&head, (int64_t)reply->body.length, 0);
        buffer_add(&head, "\r\n", 2);
    }
    buffer_add(&head, "\r\n", 2);
    /* Ignores write errors: they mean that the client has disconnected. */
    FCGX_PutStr(head.bytes, (int)head.length, out);
    if (!request->head && reply->body.length) {
        FCGX_PutStr(reply->body.bytes, (int)reply->body.length, out);
    }
}

/* Discards the rest of the body. libfcgi itself discards only the buffered bytes, and would parse
 * the rest, which the client controls, as records of the next request. Returns false if the body
 * did not end: it exceeds nginx's limit, or arrives too slowly. */
static bool drain_body(const struct server *server, struct server_connection *connection)
{
    char rest[DRAIN_PIECE];
    size_t drained = 0;
    if (connection->request.body_abandoned && !server->keeps) {
        return false; /* the rest of the body may take minutes to arrive */
    }
    connection->body_deadline_us = clock_steady_us() + (int64_t)BODY_TIMEOUT_S * US_PER_S;
    while (drained <= DRAIN_MAX) {
        size_t length = read_until_deadline(connection, rest, sizeof rest);
        if (!length) {
            return !FCGX_GetError(connection->fcgi.in);
        }
        drained += length;
    }
    return false;
}

/* Discards input until the peer has closed, for at most LINGER_TIMEOUT_S. If the socket were closed
 * with unread bytes, the peer's next write would fail, and nginx would lose the reply. */
static void linger_until_closed(int fd)
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

/* Sends the buffered reply and the record that ends it. True if the connection can serve another
 * request. */
static bool end_request(const struct server *server, struct server_connection *connection)
{
    FCGX_Request *fcgi = &connection->fcgi;
    bool drained = drain_body(server, connection);
    bool keeps = drained && fcgi->keepConnection;
    /* Prevents libfcgi from closing the connection. After an error libfcgi closes it anyway,
     * without lingering. */
    fcgi->keepConnection = 1;
    FCGX_Finish_r(fcgi);
    if (!drained && fcgi->ipcFd >= 0) {
        linger_until_closed(fcgi->ipcFd);
    }
    return keeps && fcgi->ipcFd >= 0;
}

/* Detects that the spool has withdrawn an early request, which the handler may have rejected before
 * reading its whole body. Nobody reads the reply then, because the complete request follows. Does
 * not block: once the spool has shut down its side, all records have arrived. */
static void detect_withdrawal(struct server_connection *connection)
{
    struct request *request = &connection->request;
    struct pollfd end = {.fd = connection->fcgi.ipcFd, .events = POLLRDHUP};
    char rest[DRAIN_PIECE];
    if (!request->early || request->withdrawn || poll(&end, 1, 0) != 1) {
        return;
    }
    while (read_stream(connection->fcgi.in, rest, sizeof rest)) {
    }
    request->withdrawn = FCGX_GetError(connection->fcgi.in);
}

/* Sends the reply to the request, logs it, and ends the request. */
static enum server_progress complete_request(struct server *server,
                                             struct server_connection *connection)
{
    struct request *request = &connection->request;
    detect_withdrawal(connection);
    request->unaudited = request->unaudited || request->withdrawn;
    router_finish(request, &connection->reply, connection->error);
    write_reply(connection->fcgi.out, request, &connection->reply);
    bool keeps = end_request(server, connection);
    /* the complete request that follows is logged instead */
    if (connection->reply.status != REPLY_CONTINUE && !request->withdrawn) {
        access_end(&connection->access, request, &connection->reply, connection->error);
    }
    log_set_request(NULL);
    release_arena(server, request->arena);
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
        .arena = acquire_arena(server),
        .app = server->app,
        .input = {read_body_bytes, connection},
    };
    connection->complete = complete;
    connection->body_deadline_us = 0;
    access_begin(&connection->access);
    read_params(request->arena, fcgi->envp, &request->headers);
    request->asks = !strcmp(request->headers.spool, "asks");
    request->early = !strcmp(request->headers.spool, "early");
    access_record_queue(&connection->access, request);
    request->queue_us = connection->access.queue_us;
    connection->error = router_handle(server->router, request, &connection->reply);
    access_record_result(&connection->access);
    connection->transaction = server->group_commit->waits(server->app);
    return connection->transaction ? SERVER_HELD : complete_request(server, connection);
}

void server_commit(struct server *server)
{
    arena_reset(server->commit_arena);
    server->commit_error =
        server->group_commit->commit(server->app, server->commit_arena, &server->lost_transaction);
}

enum server_progress server_finish(struct server *server, struct server_connection *connection)
{
    log_set_request(connection->request.id);
    access_record_commit(&connection->access);
    if (server->commit_error && connection->transaction == server->lost_transaction) {
        connection->reply = (struct reply){0};
        connection->error = server->commit_error;
    }
    return complete_request(server, connection);
}
