/*
 * Recount: compares stored numbers, such as counters, with the rows that they count. Appends a line
 * to a report for each number that is wrong, and corrects the numbers on request.
 */
#ifndef REST_RECOUNT_H
#define REST_RECOUNT_H

#include "base/buffer.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* The numbers of one table. */
struct recount {
    enum sql_statement find_wrong; /* selects a row for each wrong number */
    enum sql_statement repair;     /* corrects all wrong numbers; the statement has no parameters */
    /* Appends the line about the current row of find_wrong. */
    void (*describe)(struct buffer *report, const struct store_query *query);
};

/* Appends to `report`, and sets *wrong_r to the number of lines. Corrects the numbers if `repair`
 * is true. */
struct error *recount_run(const struct recount *recount, struct store *store, struct arena *arena,
                          bool repair, struct buffer *report, size_t *wrong_r) MUST_CHECK;

#endif
