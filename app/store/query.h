/* Query: one execution of a statement, as the engines see it. */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "base/error.h"
#include "store/compiled.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct store;

/* A statement's place among those that a connection keeps prepared: its number in enum
 * sql_statement, or one of these behind them if it was composed. */
enum { COMPOSED_COUNT = 64, SLOT_COUNT = SQL_COUNT + COMPOSED_COUNT };

enum cell_type { CELL_NULL, CELL_INTEGER, CELL_TEXT, CELL_BYTES };

/* The value of a parameter or of a column. */
struct cell {
    enum cell_type type;
    int64_t integer;
    const char *bytes; /* of text, with a NUL behind it, and of bytes */
    size_t length;
};

enum { PARAMETERS_INLINE = 12 };

struct store_query {
    struct store *store;
    struct arena *arena;
    size_t slot;
    const char *text;
    struct cell *parameters;
    size_t parameters_wanted; /* count_parameters() of `text` */
    size_t parameter_count, parameter_size;
    struct cell inline_parameters[PARAMETERS_INLINE];
    struct cell *row; /* the engine's, NULL between rows */
    size_t column_count;
    int64_t changes;
    bool begun, ended;
    bool writing; /* it was begun inside store_write() */
    int64_t spent_us;
    void *handle; /* the engine's, from begin() to end() */

    struct store_query *next, **link; /* among the queries of the store that have not ended */
};

/* Keeps the first failure of a write: nothing after it is tried, on neither engine. */
struct error *store_remember_failure(struct store *store, struct error *error);

/* Counts the duration of "read", "write" or "commit". */
void store_count_time(const char *operation, int64_t us);

/* The text of a statement for the store's engine. */
const char *store_statement_text(const struct store *store, size_t slot);

/* A slip of the code: logs it and ends the process. */
_Noreturn void store_slip(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
