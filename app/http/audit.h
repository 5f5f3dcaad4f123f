/*
 * Audit: writes one line of JSON for every change, successful or failed, and every login: actor,
 * action, resource, time, address and request id. The router writes it from the route's row, so no
 * handler can omit it. The line contains the names of the changed fields, never their values.
 */
#ifndef HTTP_AUDIT_H
#define HTTP_AUDIT_H

#include "base/error.h"
#include "http/request.h"

#include <stdbool.h>

/* Opens the audit file for appending; closes the previous one. False with errno set on failure. */
bool audit_open(const char *path) MUST_CHECK;

/* Reopens the file after log rotation has renamed it. */
void audit_reopen(void);

/* Writes the line of a request whose route has an action. `error` is NULL on success. */
void audit_write(const struct request *request, const struct error *error);

#endif
