/*
 * Audit: the rows of the table `audit`, one for each change, with the values before and after. The
 * audit file (http/audit.h) has the same changes without values.
 *
 * The row of a change in the database is part of the transaction of the change. That of a change in
 * the directory is committed before the change, with the status `pending`, and gets its outcome
 * after it; if the worker crashes in between, the housekeeper turns the status into `unknown`.
 *
 * A failed call of an authenticated caller leaves a row without changes. Calls of anonymous callers
 * that fail, and calls that are rejected by a limit, are only in the file, so that nobody can fill
 * the database with them.
 */
#ifndef REST_AUDIT_H
#define REST_AUDIT_H

#include "http/router.h"

/* Status of a row. */
#define AUDIT_PENDING "pending"
#define AUDIT_SUCCESS "success"
#define AUDIT_FAILURE "failure"
#define AUDIT_UNKNOWN "unknown"

/* The functions that the router calls; service/ installs them. */
extern const struct router_recorder audit_recorder;

#endif
