/*
 * Audit: writes one line of JSON for every change, successful or failed, and every login: actor,
 * action, resource, time, address and request id. The router writes it from the route's row, so no
 * handler can omit it. The line contains the names of the changed fields, never their values.
 */
#ifndef HTTP_AUDIT_H
#define HTTP_AUDIT_H

#include "base/error.h"
#include "http/audit_head.h"
#include "http/request.h"

#include <stdbool.h>

#define AUDIT_REVERT "revert_"

/* Opens the audit file for appending; closes the previous one. False with errno set on failure. */
bool audit_open(const char *path) MUST_CHECK;

/* Reopens the file after log rotation has renamed it. */
void audit_reopen(void);

/* Returns the name or id of the object that the request changes; NULL if it has none. That of a
 * failed request is masked if it may be a secret. `error` is NULL on success. */
const char *audit_object_id(const struct request *request, const struct error *error);

/* Returns the action of the request, and the type of the object that it changes. For a request that
 * reverts a change, they are those of the change, the action with the prefix AUDIT_REVERT. */
const char *audit_action(const struct request *request) __attribute__((returns_nonnull));
const char *audit_resource_type(const struct request *request);

/* Writes the line of a request whose route has an action. `error` is NULL on success. */
void audit_write(const struct request *request, const struct error *error);

/* Writes the line of a head. False with errno set on failure: the caller writes it again later. */
bool audit_write_head(const struct audit_head *head) MUST_CHECK;

#endif
