/* Paging: rows of query maps that select a page of a list, of records or directory entries. */
#ifndef REST_PAGING_H
#define REST_PAGING_H

#include "base/field.h"

#include <stdint.h>

enum { LIMIT_MAX = 1000, LIMIT_STANDARD = 10 };

enum { PAGING_SEARCH_MAX = 1000 }; /* maximum number of characters of ?search= in the directory */

/* The sum of offset and page size fits into the 32-bit integers of the directory. */
#define QUERY_SKIP                                                                                 \
    {                                                                                              \
        .name = "skip", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT,                             \
        .max = INT32_MAX - LIMIT_MAX,                                                              \
        .about = {"Сколько элементов пропустить", "The number of items to skip"}, .example = "0"   \
    }

#define QUERY_LIMIT(standard_)                                                                     \
    {                                                                                              \
        .name = "limit", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT, .min = 1,                  \
        .max = LIMIT_MAX, .standard = (standard_),                                                 \
        .about = {"Сколько элементов вернуть", "The number of items to return"}, .example = "10"   \
    }

#endif
