/*
 * Problem: what a client sees of an error: status, stable code, and a message in both languages.
 * The one catalogue of messages; nginx/errors.conf repeats those few that nginx itself answers
 * with, and a test holds the two against each other.
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/config.h"
#include "base/error.h"
#include "base/jsonw.h"

int problem_status(enum error_id id);
const char *problem_code(enum error_id id);
const char *problem_message(enum error_id id, enum config_language language);

/* Appends what is wrong with a field to `out`, its argument filled in. */
void problem_fault(const struct error_detail *detail, enum config_language language,
                   struct buffer *out);

/* The details of an error as a member "details"; nothing if there are none. */
void problem_write_details(struct jsonw *json, const struct error *error,
                           enum config_language language);

/* Writes the details in English for the audit log, without text that the client typed: unknown
 * fields are not named, "unknown_fields" is their number. */
void problem_write_known_details(struct jsonw *json, const struct error *error);

/* The whole body: {"error","code","details"?, the members of the error, "request_id"}. */
void problem_write(struct buffer *out, const struct error *error, enum config_language language,
                   const char *request_id);

/* Replaces the request id in the body of a stored error: the answer to a repetition carries the
 * id of that repetition. */
void problem_readdress(struct buffer *body, const char *request_id);

#endif
