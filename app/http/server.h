/*
 * Server: FastCGI connections (the FastCGI specification, 1.0) between nginx and the router. The
 * only user of libfcgi. Its functions have the shapes that proc/service.h asks for.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/router.h"

#include <stdbool.h>
#include <stdint.h>

struct server;
struct server_connection;

/* What a request has written is durable only after the commit that ends the turn, so it is answered
 * after that: service/ knows the store, and hands these over. */
struct server_turn {
    /* Returns the number of the transaction in which the request that was just handled wrote,
     * and for whose commit its answer must wait; 0 if it need not wait. */
    uint64_t (*waits)(struct app *app);
    /* Ends the group commit. An error is the answer of all requests that waited for the
     * transaction *lost_r; what the others wrote was committed earlier. */
    struct error *(*commit)(struct app *app, struct arena *arena, uint64_t *lost_r);
};

/* Once a process, before any connection. False if libfcgi cannot be set up. */
bool server_init(void) MUST_CHECK;

/* A worker's server. What it is given must outlive it. `keeps` says whether nginx keeps connections to
 * it; one that is for a single request is closed at once after that. */
struct server *server_new(const struct router *router, struct app *app,
                          const struct server_turn *turn, bool keeps);
void server_free(struct server **server);

/* Takes over an accepted descriptor, and that of the file with the body of its only request; -1
 * if the body comes in the records. See proc/exchange.h. */
struct server_connection *server_open(struct server *server, int fd, int body_fd);

/* What became of a request: as in proc/service.h, of which this layer knows nothing. */
enum server_progress {
    SERVER_ANSWERED, /* the connection is kept for another */
    SERVER_CLOSED,   /* the connection is closed and gone */
    SERVER_HELD,     /* it waits for server_commit(), and then for server_finish() */
};

/* Reads one request and handles it; `complete` if its body has arrived with the parameters.
 * Otherwise reading the body ends at a deadline, whatever the peer sends; an incomplete body
 * closes the connection. */
enum server_progress server_serve(struct server *server, struct server_connection *connection,
                                  bool complete);

/* Ends the turn, if a request was held. */
void server_commit(struct server *server);

/* Answers a request that was held. */
enum server_progress server_finish(struct server *server, struct server_connection *connection);

/* Closes a connection on which no request is under way. */
void server_close(struct server_connection *connection);

#endif
