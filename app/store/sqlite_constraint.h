/* Violated constraints of SQLite. Private to store/. */
#ifndef STORE_SQLITE_CONSTRAINT_H
#define STORE_SQLITE_CONSTRAINT_H

#include "base/error.h"

struct arena;

/* Converts an extended result code of SQLITE_CONSTRAINT, and its message, into an error whose cause
 * is the name of the constraint, as store_is_violation() needs it. */
struct error *sqlite_constraint_error(struct arena *arena, int code, const char *message);

#endif
