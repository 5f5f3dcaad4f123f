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

struct store;

/* Adds to the change set what a transaction of the request has changed. Its error rolls the
 * transaction back. */
typedef struct error *audit_describe(struct store *store, struct request *request, void *context);

/* Sets the function that is called in the next transactions of the request, after their work: for
 * changes that are made in layers without access to the request. */
void audit_describe_with(struct request *request, audit_describe *describe, void *context);

/* Sets the organization to which the changes of the request belong; 0: to none. By default they
 * belong to that of the caller, if the call is about an organization. */
void audit_set_organization(struct request *request, int64_t organization_id);

/* Inside of store_write(): ends a row, so that the next change is in another row. For requests that
 * change several objects in the same way. */
struct error *audit_end_row(struct store *store, struct request *request) MUST_CHECK;

/* Returns the id of a row that the request has inserted, for the change set; NULL in a dry run. */
const char *audit_new_id(const struct request *request, int64_t id);

#endif
