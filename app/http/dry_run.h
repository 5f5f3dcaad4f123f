/*
 * Dry run: a change with ?dry_run=true is checked like any other, and stopped right before it would
 * be written. The reply lists what it would change.
 *
 * The handler runs as always. Where it would write, it gets ERR_DRY_RUN instead (store/observer.h
 * for rows, directory/intent.h for entries) and returns that error like any other.
 */
#ifndef HTTP_DRY_RUN_H
#define HTTP_DRY_RUN_H

#include "base/error.h"
#include "http/reply.h"
#include "http/request.h"

/* The query parameter, for the documentation of the calls that have it. */
extern const struct field dry_run_parameter[];

/* The reply, for the documentation. */
extern const struct schema dry_run_schema;

/* The fields of a change, as the reply lists it. */
extern const struct field dry_run_change_fields[];

/* Sets request->dry_run from the query, and removes the parameter from it, so that no other map
 * needs it. ERR_VALIDATION if the parameter is invalid or the call does not support it. */
struct error *dry_run_read(struct request *request) MUST_CHECK;

/* Replaces the reply by the change set of the request. */
void dry_run_reply(struct request *request, struct reply *reply);

#endif
