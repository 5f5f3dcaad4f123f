/* Result: converts LDAP result codes to errors. */
#ifndef DIRECTORY_RESULT_H
#define DIRECTORY_RESULT_H

#include "base/error.h"

struct answer;
struct arena;
struct field;
struct operation;

/* Converts a result code other than success to an error. `fields` (may be NULL) maps attributes
 * that the server names in its diagnostic message to JSON fields. */
struct error *result_error(struct arena *arena, const struct answer *answer,
                           const struct field *fields, const char *operation)
    __attribute__((returns_nonnull));

/* Converts a refused search of a login or of an authorization to ERR_DIRECTORY_UNAVAILABLE: the
 * client did not ask for the search, and must not see the directory's text. Returns other errors,
 * and NULL, unchanged. */
struct error *result_hide_refusal(struct arena *arena, struct error *error);

/* Returns the error for a connection that was lost before the answer arrived: ERR_OUTCOME_UNKNOWN
 * for a write, otherwise ERR_DIRECTORY_UNAVAILABLE. `cause` is a failure that followed, or NULL. */
struct error *result_connection_lost(struct arena *arena, const struct operation *operation,
                                     const char *cause) __attribute__((returns_nonnull));

/* Returns why a bind was refused, from the "data 52e" in the diagnostic message; "unknown reason"
 * if that is missing or unknown. */
const char *result_bind_reason(const char *diagnostic);

#endif
