/* Paging: rows of query maps that select a page of a list, of records or directory entries, and the
 * fields of its items. */
#ifndef REST_PAGING_H
#define REST_PAGING_H

#include "base/field.h"
#include "rest/cursor.h"

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

/* The cursor of the next page: rest/cursor.h. */
#define QUERY_AFTER                                                                                \
    {                                                                                              \
        .name = "after", .type = FIELD_STRING, .min = 1, .max = CURSOR_MAX,                        \
        .about = {"Значение next из предыдущего ответа: возвращает следующую страницу",            \
                  "The value of `next` from the previous response: returns the next page"},        \
        .example = "null"                                                                          \
    }

/* The order of a list of the database. `sorts_` lists the fields with an index. */
#define QUERY_SORT(ru_, en_, sorts_, example_)                                                     \
    {                                                                                              \
        .name = "sort", .type = FIELD_STRING, .min = 1, .max = 200,                                \
        .about = {"Порядок: до трёх полей; «-» — по убыванию; " ru_ sorts_,                        \
                  "The order: up to three fields; '-' is descending; " en_ sorts_},                \
        .example = "\"" example_ "\""                                                              \
    }

/* The filter language of all lists: query/filter.h. */
#define QUERY_FILTER                                                                               \
    {                                                                                              \
        .name = "filter", .type = FIELD_STRING, .min = 1, .max = 2000,                             \
        .about = {"Фильтр SCIM (RFC 7644 3.4.2.2) по полям "                          \
                  "элементов: eq ne co sw ew pr gt ge lt le, and or not ( )",                      \
                  "A filter of SCIM (RFC 7644 3.4.2.2) over the fields of the items: eq ne co sw " \
                  "ew pr gt ge lt le, and or not ( )"},                                            \
        .example = "null"                                                                          \
    }

#define QUERY_EXPLAIN                                                                              \
    {                                                                                              \
        .name = "explain", .type = FIELD_BOOLEAN,                                                  \
        .about = {"Добавить в ответ скомпилированный фильтр (только администраторы)",              \
                  "True to add the compiled filter to the response (administrators only)"},        \
        .example = "false"                                                                         \
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
