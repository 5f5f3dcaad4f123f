/* SQLSTATE: classifies the error codes of PostgreSQL. */
#ifndef STORE_SQLSTATE_H
#define STORE_SQLSTATE_H

#include "base/error.h"

#include <stdbool.h>

/* The effect of a failed call on the connection or the transaction. */
enum mishap {
    MISHAP_NONE,
    MISHAP_COLLISION, /* a conflict with another transaction: repeating this one may succeed */
    MISHAP_LOST,      /* the connection was lost: a new one may work at once */
    MISHAP_SILENT,    /* the server did not answer before the timeout */
};

/* Classify the SQLSTATE of a failed statement (PostgreSQL, Appendix A). */
enum mishap sqlstate_mishap(const char *state);
enum error_id sqlstate_error(const char *state);

/* True if the server's message for this error contains values, which may be secret. */
bool sqlstate_shows_values(const char *state);

#endif
