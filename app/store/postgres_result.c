/* See postgres_result.h. */
#include "store/postgres_result.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* The column types that statements may return: OIDs of pg_type.dat, which never change. */
enum {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_NAME = 19,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_BPCHAR = 1042,
    TYPE_VARCHAR = 1043,
    TYPE_VOID = 2278,
};

static bool is_known_type(Oid type)
{
    static const Oid types[] = {TYPE_BOOL, TYPE_BYTEA, TYPE_NAME,   TYPE_INT8,    TYPE_INT2,
                                TYPE_INT4, TYPE_TEXT,  TYPE_BPCHAR, TYPE_VARCHAR, TYPE_VOID};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

struct error *postgres_result_check(const PGresult *result, struct arena *arena, const char *text)
{
    for (int i = 0; i < PQnfields(result); i++) {
        if (!is_known_type(PQftype(result, i))) {
            return error_new(arena, ERR_INTERNAL,
                             "PostgreSQL: column %d has the unsupported type %u: %s", i,
                             PQftype(result, i), text);
        }
    }
    return NULL;
}

/* Decodes an integer, which the server sends in network byte order. */
static int64_t decode_integer(const char *bytes, Oid type)
{
    uint64_t eight;
    uint32_t four;
    uint16_t two;
    switch (type) {
    case TYPE_INT8:
        memcpy(&eight, bytes, sizeof eight);
        return (int64_t)be64toh(eight);
    case TYPE_INT4:
        memcpy(&four, bytes, sizeof four);
        return (int32_t)be32toh(four);
    case TYPE_INT2:
        memcpy(&two, bytes, sizeof two);
        return (int16_t)be16toh(two);
    default: /* TYPE_BOOL */
        return *bytes;
    }
}

struct cell postgres_result_cell(const PGresult *result, int row, int column)
{
    struct cell cell = {.type = CELL_NULL};
    Oid type = PQftype(result, column);
    if (PQgetisnull(result, row, column) || type == TYPE_VOID) {
        return cell;
    }
    const char *bytes = PQgetvalue(result, row, column);
    if (type == TYPE_INT8 || type == TYPE_INT4 || type == TYPE_INT2 || type == TYPE_BOOL) {
        cell.type = CELL_INTEGER;
        cell.integer = decode_integer(bytes, type);
    } else {
        cell.type = type == TYPE_BYTEA ? CELL_BYTES : CELL_TEXT;
        cell.bytes = bytes;
        cell.length = (size_t)PQgetlength(result, row, column);
    }
    return cell;
}
