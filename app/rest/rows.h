/*
 * Rows: converts the columns of query results to the values of a field map. The statement must
 * select the columns in the order of the map.
 */
#ifndef REST_ROWS_H
#define REST_ROWS_H

#include "base/field.h"
#include "rest/app.h"
#include "store/store.h"

struct arena;

/* Returns the values of the current row. */
struct value *rows_read(struct store_query *query, struct arena *arena, const struct field *fields)
    __attribute__((returns_nonnull));

/* Like rows_read(), but leaves the fields unread that are not selected; NULL: all are. */
struct value *rows_read_selected(struct store_query *query, struct arena *arena,
                                 const struct field *fields, const bool *selected)
    __attribute__((returns_nonnull));

/* Reads the only row of a query. *values_r is NULL if there is no row. */
struct error *rows_read_one(struct store_query *query, struct arena *arena,
                            const struct field *fields, struct value **values_r) MUST_CHECK;

/* Reads all rows of a query. */
struct error *rows_read_all(struct store_query *query, struct arena *arena,
                            const struct field *fields, struct value ***values_r,
                            size_t *count_r) MUST_CHECK;

/* Reads the only number of a query, such as a count. */
struct error *rows_read_number(struct store_query *query, int64_t *number_r) MUST_CHECK;

#endif
