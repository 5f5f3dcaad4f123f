/* See rows.h. */
#include "rest/rows.h"

#include "base/arena.h"

#include <string.h>

enum { ROWS_FIRST = 16 }; /* initial capacity of rows_read_all() */

static void read_column_value(struct store_query *query, struct arena *arena, size_t column,
                              const struct field *field, struct value *value)
{
    size_t length;
    if (store_is_null(query, column)) {
        value->state = VALUE_NULL;
        return;
    }
    switch (field->type) {
    case FIELD_STRING: {
        const char *text = store_text(query, column, &length);
        *value =
            (struct value){.state = VALUE_SET, .string = {arena_copy(arena, text, length), length}};
        break;
    }
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
    case FIELD_TIME:
        field_set_integer(value, store_integer(query, column));
        break;
    case FIELD_BOOLEAN:
        field_set_boolean(value, store_integer(query, column) != 0);
        break;
    case FIELD_STRINGS:
    case FIELD_LISTS:
    case FIELD_RECORDS:
    case FIELD_RECORD: /* fields of these types have no column */
        value->state = VALUE_NULL;
        break;
    }
}

struct value *rows_read_selected(struct store_query *query, struct arena *arena,
                                 const struct field *fields, const bool *selected)
{
    struct value *values = arena_array(arena, fields_count(fields), sizeof *values);
    for (size_t i = 0; fields[i].name; i++) {
        if (!selected || selected[i]) {
            read_column_value(query, arena, i, &fields[i], &values[i]);
        }
    }
    return values;
}

struct value *rows_read(struct store_query *query, struct arena *arena, const struct field *fields)
{
    return rows_read_selected(query, arena, fields, NULL);
}

struct error *rows_read_one(struct store_query *query, struct arena *arena,
                            const struct field *fields, struct value **values_r)
{
    bool row;
    *values_r = NULL;
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error;
    }
    *values_r = rows_read(query, arena, fields);
    return store_next(query, &row);
}

struct error *rows_read_all(struct store_query *query, struct arena *arena,
                            const struct field *fields, struct value ***values_r, size_t *count_r)
{
    size_t count = 0, size = 0;
    struct value **values = NULL;
    struct error *error;
    bool row;
    while (!(error = store_next(query, &row)) && row) {
        if (count == size) {
            size = size ? 2 * size : ROWS_FIRST;
            struct value **more = arena_array(arena, size, sizeof(*more));
            if (count) {
                memcpy(more, values, count * sizeof(*more));
            }
            values = more;
        }
        values[count++] = rows_read(query, arena, fields);
    }
    *values_r = values;
    *count_r = count;
    return error;
}

struct error *rows_read_number(struct store_query *query, int64_t *number_r)
{
    bool row;
    struct error *error = store_next(query, &row);
    if (!error) {
        *number_r = store_integer(query, STORE_ONLY_COLUMN);
        error = store_next(query, &row);
    }
    return error;
}
