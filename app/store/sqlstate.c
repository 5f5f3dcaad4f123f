/* SQLSTATE: classifies the error codes of PostgreSQL (PostgreSQL, Appendix A). */
#include "store/sqlstate.h"

#include <string.h>

/* True if the code is one of `states`, which are whole codes or prefixes of several. */
static bool state_is_one_of(const char *state, const char *const *states)
{
    while (*states && strncmp(state, *states, strlen(*states)) != 0) {
        states++;
    }
    return *states != NULL;
}

enum db_failure sqlstate_failure(const char *state)
{
    /* 53200: the server has no memory to track the conflicts of a serializable transaction. */
    static const char *const collisions[] = {"40001", "40P01", "53200", NULL};
    /* The server shuts down or ends the connection, or a prepared statement is no longer valid. */
    static const char *const losses[] = {"57P", "25P03", "08", "26000", "0A000", NULL};
    if (state_is_one_of(state, collisions)) {
        return DB_FAILURE_CONFLICT;
    }
    return state_is_one_of(state, losses) ? DB_FAILURE_DISCONNECTED : DB_FAILURE_NONE;
}

enum error_id sqlstate_error(const char *state)
{
    /* Errors that the program did not cause: out of resources, operator intervention or statement
     * timeout, system error, lost connection, locks and conflicts, a standby that is read-only. */
    static const char *const unavailable[] = {"53",    "57",    "58",    "08",    "55P03", "40001",
                                              "40P01", "25006", "25P03", "0A000", NULL};
    if (!strcmp(state, "23505")) {
        return ERR_CONSTRAINT_UNIQUE;
    }
    if (!strcmp(state, "23503") || !strcmp(state, "23001")) {
        return ERR_CONSTRAINT_REFERENCE;
    }
    return state_is_one_of(state, unavailable) ? ERR_DATABASE_UNAVAILABLE : ERR_INTERNAL;
}

bool sqlstate_shows_values(const char *state)
{
    return !strncmp(state, "22", 2); /* messages of data exceptions quote the value */
}
