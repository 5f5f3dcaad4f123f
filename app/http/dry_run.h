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

/* The media type in Accept that asks for the changes of the directory as LDIF (RFC 2849). */
#define DRY_RUN_LDIF "text/ldif"

/* The query parameter, for the documentation of the calls that have it. */
extern const struct field dry_run_parameter[];

/* The reply, for the documentation. */
extern const struct schema dry_run_schema;

/* The fields of a change, as the reply lists it. */
extern const struct field dry_run_change_fields[];

/* Sets request->dry_run from the query, and removes the parameter from it, so that no other map
 * needs it. ERR_VALIDATION if the parameter is invalid or the call does not support it. */
struct error *dry_run_read(struct request *request) MUST_CHECK;

/* Media type of the reply for changes of the directory, if the Accept header names it. */
extern const char dry_run_ldif_type[];

/* True if the request is a dry run whose reply is LDIF: request->ldif. */
bool dry_run_wants_ldif(const struct request *request);

/* Replaces the reply by the change set of the request, or by its LDIF. */
void dry_run_reply(struct request *request, struct reply *reply);

#endif
