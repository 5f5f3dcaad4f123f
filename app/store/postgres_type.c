/* See postgres_type.h. */
#include "store/postgres_type.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

bool postgres_type_is_known(unsigned type)
{
    static const unsigned types[] = {TYPE_BOOL, TYPE_BYTEA, TYPE_NAME,   TYPE_INT8,    TYPE_INT2,
                                     TYPE_INT4, TYPE_TEXT,  TYPE_BPCHAR, TYPE_VARCHAR, TYPE_VOID};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

int64_t postgres_type_decode(unsigned type, const char *bytes)
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
