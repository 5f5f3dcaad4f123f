/* SQLSTATE: the error codes of PostgreSQL. */
#ifndef STORE_SQLSTATE_H
#define STORE_SQLSTATE_H

#include "base/error.h"

#include <stdbool.h>

/* The effect of a failed call on the connection or the transaction. */
enum mishap {
    MISHAP_NONE,
    MISHAP_COLLISION, /* with another transaction: it may work if it is repeated */
    MISHAP_LOST,      /* the connection ended; a new one may work at once */
    MISHAP_SILENT,    /* the server did not answer in time */
};

/* Classify the SQLSTATE of a failed statement (PostgreSQL, Appendix A). */
enum mishap sqlstate_mishap(const char *state);
enum error_id sqlstate_error(const char *state);

/* True if the message of such an error shows values, which may be secret. */
bool sqlstate_shows_values(const char *state);

#endif
