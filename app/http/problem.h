/*
 * Problem: the error reply that a client receives: status, stable code, and a message in the
 * client's language. Contains all messages; nginx/errors.conf repeats the few that nginx itself
 * sends, and a test compares the two.
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/config.h"
#include "base/error.h"
#include "base/jsonw.h"

int problem_status(enum error_id id);
const char *problem_code(enum error_id id);
const char *problem_message(enum error_id id, enum config_language language);

/* Appends the message for one invalid field to `out`, with its argument filled in. */
void problem_format_fault(const struct error_detail *detail, enum config_language language,
                          struct buffer *out);

/* Writes the member "details" of an error; nothing if the error has no details. */
void problem_write_details(struct jsonw *json, const struct error *error,
                           enum config_language language);

/* Writes the details in English for the audit log, without text that the client sent: unknown
 * fields are counted in "unknown_fields" instead of named. */
void problem_write_audit_details(struct jsonw *json, const struct error *error);

/* Writes the whole body: {"error","code","details"?, the members of the error, "request_id"}. */
void problem_write(struct buffer *out, const struct error *error, enum config_language language,
                   const char *request_id);

/* Replaces the request id in a stored error reply, because a repeated request has an id of its
 * own. */
void problem_replace_request_id(struct buffer *body, const char *request_id);

#endif
