/* SQLSTATE: classifies the error codes of PostgreSQL. */
#ifndef STORE_SQLSTATE_H
#define STORE_SQLSTATE_H

#include "base/error.h"

#include <stdbool.h>

/* The effect of a failed call on the connection or the transaction. */
enum db_failure {
    DB_FAILURE_NONE,
    DB_FAILURE_CONFLICT, /* a conflict with another transaction: repeating this one may succeed */
    DB_FAILURE_DISCONNECTED, /* the connection was lost: a new one may work at once */
    DB_FAILURE_TIMEOUT,      /* the server did not answer before the timeout */
};

/* Classify the SQLSTATE of a failed statement (PostgreSQL, Appendix A). */
enum db_failure sqlstate_failure(const char *state);
enum error_id sqlstate_error(const char *state);

/* True if the server's message for this error contains values, which may be secret. */
bool sqlstate_shows_values(const char *state);

#endif
