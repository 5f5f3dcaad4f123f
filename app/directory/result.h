/* Result: converts LDAP result codes to errors. */
#ifndef DIRECTORY_RESULT_H
#define DIRECTORY_RESULT_H

#include "base/error.h"

struct answer;
struct arena;
struct field;
struct operation;

/* The error that a result code other than success stands for; `fields` (may be NULL) gives the
 * attributes that the server names their JSON names. */
struct error *result_error(struct arena *arena, const struct answer *answer,
                           const struct field *fields, const char *operation)
    __attribute__((returns_nonnull));

/* The connection was lost with the answer outstanding: ERR_DIRECTORY_UNAVAILABLE, of a write
 * ERR_OUTCOME_UNKNOWN. `cause` is what went wrong afterwards, NULL for nothing. */
struct error *result_lost(struct arena *arena, const struct operation *operation, const char *cause)
    __attribute__((returns_nonnull));

/* Why a bind was refused, from "… data 52e, …"; "unknown reason" if it does not say. */
const char *result_bind_reason(const char *diagnostic);

#endif
