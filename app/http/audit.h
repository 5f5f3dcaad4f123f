/*
 * Audit: one line of JSON for every change, done or refused, and every login: who, what, which,
 * when, from where, and the request's id. The router writes it from the route's row, so that no
 * handler can forget it. It names the fields that a change was about and never their values.
 */
#ifndef HTTP_AUDIT_H
#define HTTP_AUDIT_H

#include "base/error.h"
#include "http/request.h"

#include <stdbool.h>

/* Opens the file for appending, instead of one that is open. False with errno set. */
bool audit_open(const char *path) MUST_CHECK;

/* Opens it again, after log rotation renamed it. */
void audit_reopen(void);

/* Writes the line of a request whose route has an action; `error` is NULL for success. */
void audit_write(const struct request *request, const struct error *error);

#endif
