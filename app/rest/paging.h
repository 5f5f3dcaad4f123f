/* Paging: the rows of a query map that say which page of a list is meant, whatever it is a list of. */
#ifndef REST_PAGING_H
#define REST_PAGING_H

#include "base/field.h"

#include <stdint.h>

enum { LIMIT_MAX = 1000, LIMIT_STANDARD = 10 };

/* With a whole page it fits into the 32 bits in which a directory counts. */
#define QUERY_SKIP                                                                                 \
    {                                                                                              \
        .name = "skip", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT,                             \
        .max = INT32_MAX - LIMIT_MAX, .about = {"Сколько пропустить", "How many to pass over"},    \
        .example = "0"                                                                             \
    }

#define QUERY_LIMIT(standard_)                                                                     \
    {                                                                                              \
        .name = "limit", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT, .min = 1,                  \
        .max = LIMIT_MAX, .standard = (standard_),                                                 \
        .about = {"Сколько вернуть", "How many to return"}, .example = "10"                        \
    }

#endif
