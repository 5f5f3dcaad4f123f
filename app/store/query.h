/* Query: one execution of a statement, as the engines see it. Private to store/. */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "base/error.h"
#include "store/compiled.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct store;

/* A slot numbers the statements that a connection keeps prepared: first those of
 * enum sql_statement, then the composed ones. */
enum { COMPOSED_COUNT = 64, SLOT_COUNT = SQL_COUNT + COMPOSED_COUNT };

enum cell_type { CELL_NULL, CELL_INTEGER, CELL_TEXT, CELL_BYTES };

/* The value of a parameter or of a column. */
struct cell {
    enum cell_type type;
    int64_t integer;
    const char *bytes; /* the text, NUL-terminated, or the bytes */
    size_t length;
};

enum { PARAMETERS_INLINE = 12 };

struct store_query {
    struct store *store;
    struct arena *arena;
    size_t slot;
    const char *text;
    struct cell *parameters;
    size_t parameters_wanted; /* the number of parameters of `text` */
    size_t parameter_count, parameter_size;
    struct cell inline_parameters[PARAMETERS_INLINE];
    struct cell *row; /* the current row, owned by the engine; NULL if there is none */
    size_t column_count;
    int64_t changes; /* number of rows changed */
    bool begun, ended;
    bool writing;        /* the query was begun inside store_write() */
    int64_t deadline_us; /* see store_set_deadline(); 0: none */
    int64_t spent_us;
    void *handle; /* the engine's state, from begin() to end() */

    struct store_query *next, **link; /* links in the store's list of open queries */
};

/* Keeps the first error of a write: every later query of the write fails with it. Returns `error`.
 */
struct error *store_remember_failure(struct store *store, struct error *error);

/* Adds a duration to the metric of "read", "write" or "commit". */
void store_count_time(const char *operation, int64_t us);

/* Returns the text of a slot's statement for the store's engine. */
const char *store_statement_text(const struct store *store, size_t slot);

/* Logs a programming error and aborts the process. */
_Noreturn void store_abort(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
