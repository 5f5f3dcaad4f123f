/* Paging: rows of query maps that select a page of a list, of records or directory entries, and the
 * fields of its items. */
#ifndef REST_PAGING_H
#define REST_PAGING_H

#include "base/field.h"

#include <stdint.h>

enum { LIMIT_MAX = 1000, LIMIT_STANDARD = 10 };

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

/* Each list has this parameter; http/selection.c reads it. */
#define QUERY_FIELDS                                                                               \
    {                                                                                              \
        .name = "fields", .type = FIELD_STRING, .min = 1, .max = 2000,                             \
        .about = {"Поля элементов через запятую; идентификатор есть всегда",                       \
                  "The fields of the items, separated by commas; the identifier is always "        \
                  "included"},                                                                     \
        .example = "null"                                                                          \
    }

#endif
