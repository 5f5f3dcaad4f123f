/* Results of PostgreSQL in binary format: the types of their columns, and their cells. Private to
 * store/. */
#ifndef STORE_POSTGRES_RESULT_H
#define STORE_POSTGRES_RESULT_H

#include "base/error.h"
#include "store/query.h"

#include <libpq-fe.h>
#include <stdbool.h>

struct arena;

/* Returns an error if a column has a type that postgres_result_cell() cannot decode: the statement
 * `text` must cast it, for example the result of sum(), which is numeric. */
struct error *postgres_result_check(const PGresult *result, struct arena *arena,
                                    const char *text) MUST_CHECK;

/* Returns the value of a cell, whose bytes live as long as the result. */
struct cell postgres_result_cell(const PGresult *result, int row, int column);

#endif
