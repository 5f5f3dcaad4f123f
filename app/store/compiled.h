/* Compiled: the statements and migrations of sql/, as sql/compile.awk writes them. */
#ifndef STORE_COMPILED_H
#define STORE_COMPILED_H

#include "store/sql.h"

#include <stddef.h>
#include <stdint.h>

enum engine_id { ENGINE_SQLITE, ENGINE_POSTGRES, ENGINE_COUNT };

struct sql_statement_row {
    const char *name;
    const char *text[ENGINE_COUNT]; /* NULL: the statement is for the other one alone */
    size_t parameters[ENGINE_COUNT];
    const char *columns; /* names, separated by spaces; "?" for a bare number */
};

extern const struct sql_statement_row sql_statements[SQL_COUNT];

struct migration {
    int64_t version; /* 1, 2, 3 … */
    const char *name;
    const char *source; /* the whole file, of which the checksum is taken */
    struct {
        const char *up, *down; /* statements, each with its semicolon */
    } scripts[ENGINE_COUNT];
};

extern const struct migration migrations[];
extern const size_t migrations_count;

#endif
