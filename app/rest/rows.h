/*
 * Rows: the columns of a query as the values of a field map.
 *
 * A statement that reads selects the columns of a field map, in its order.
 */
#ifndef REST_ROWS_H
#define REST_ROWS_H

#include "base/field.h"
#include "rest/app.h"
#include "store/store.h"

struct arena;

/* The values of the current row. */
struct value *rows_read(struct store_query *query, struct arena *arena, const struct field *fields)
    __attribute__((returns_nonnull));

/* The one row of a query; NULL if there is none. */
struct error *rows_one(struct store_query *query, struct arena *arena, const struct field *fields,
                       struct value **values_r) MUST_CHECK;

/* All rows of a query. */
struct error *rows_all(struct store_query *query, struct arena *arena, const struct field *fields,
                       struct value ***values_r, size_t *count_r) MUST_CHECK;

/* The number that a query counts. */
struct error *rows_number(struct store_query *query, int64_t *number_r) MUST_CHECK;

#endif
