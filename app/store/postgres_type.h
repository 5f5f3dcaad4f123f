/* Column types of PostgreSQL, and integers in its binary format. Private to store/. */
#ifndef STORE_POSTGRES_TYPE_H
#define STORE_POSTGRES_TYPE_H

#include <stdbool.h>
#include <stdint.h>

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

/* True if statements may return a column of this type. */
bool postgres_type_is_known(unsigned type);

/* Decodes a boolean or an integer, which the server sends in network byte order. */
int64_t postgres_type_decode(unsigned type, const char *bytes);

#endif
