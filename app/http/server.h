/*
 * Server: FastCGI connections (the FastCGI specification, 1.0) between nginx and the router. The
 * only user of libfcgi. Its functions have the shapes that proc/service.h asks for.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/router.h"

#include <stdbool.h>

struct server;
struct server_connection;

/* Once a process, before any connection. False if libfcgi cannot be set up. */
bool server_init(void) MUST_CHECK;

/* A worker's server. The router and the app must outlive it. */
struct server *server_new(const struct router *router, struct app *app);
void server_free(struct server **server);

/* Takes over an accepted descriptor. */
struct server_connection *server_open(struct server *server, int fd);

/* Reads one request and answers it. True: the connection is kept for another; false: it is closed
 * and gone. */
bool server_serve(struct server *server, struct server_connection *connection);

/* Closes a connection on which no request is under way. */
void server_close(struct server_connection *connection);

#endif
