/*
 * Server: FastCGI connections (FastCGI specification 1.0) between nginx and the router. The only
 * user of libfcgi. Its functions have the signatures that proc/service.h requires.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/router.h"

#include <stdbool.h>
#include <stdint.h>

struct server;
struct server_connection;

/* Group commit: the writes of all requests of one loop iteration become durable with one commit,
 * and requests that wrote are answered after it. service/ provides these functions, because http/
 * must not include store/. */
struct server_group_commit {
    /* Returns the number of the transaction in which the request just handled has written; its
     * reply must wait for the commit of this transaction. 0 if the reply need not wait. */
    uint64_t (*waits)(void *app);
    /* Commits the transaction. If this fails, the returned error is the reply to all requests that
     * wrote in the transaction *lost_r; writes of other transactions were committed earlier. */
    struct error *(*commit)(void *app, struct arena *arena, uint64_t *lost_r);
};

/* Initializes libfcgi, once per process, before any connection. False if that fails. */
bool server_init(void) MUST_CHECK;

/* Creates the server of a worker. The arguments must outlive it. `keeps` is true if nginx keeps
 * connections to this worker open; otherwise a connection serves a single request. */
struct server *server_new(const struct router *router, void *app,
                          const struct server_group_commit *group_commit, bool keeps);
void server_free(struct server **server);

/* Takes ownership of an accepted socket, and of the file that holds the body of its only request
 * (`body_fd`; -1: the body arrives in FastCGI records). See proc/exchange.h. */
struct server_connection *server_open(struct server *server, int fd, int body_fd);

/* Result of serving a request. service/ maps it to the enum in proc/service.h, which http/ must not
 * include. */
enum server_progress {
    SERVER_ANSWERED, /* the request was answered; the connection stays open */
    SERVER_CLOSED,   /* the connection has been closed and freed */
    SERVER_HELD,     /* waits for server_commit(), then for server_finish() */
};

/* Reads one request and handles it. `complete`: the body has arrived with the parameters. Otherwise
 * reading the body has a deadline, whatever the peer sends, and an incomplete body closes the
 * connection. */
enum server_progress server_serve(struct server *server, struct server_connection *connection,
                                  bool complete);

/* Ends the group commit of this loop iteration. Called if a request returned SERVER_HELD. */
void server_commit(struct server *server);

/* Sends the reply of a request that returned SERVER_HELD. */
enum server_progress server_finish(struct server *server, struct server_connection *connection);

/* Closes and frees a connection that has no request in progress. */
void server_close(struct server_connection *connection);

#endif
