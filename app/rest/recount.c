/* See recount.h. */
#include "rest/recount.h"

struct recount_work {
    const struct recount *recount;
    struct arena *arena;
    bool repair;
    struct buffer lines;
    size_t wrong;
};

/* Reads all wrong numbers before it corrects them: a query must have ended before the next one
 * writes on its connection. Empties the report first, because store_write() may run this function
 * again. */
static struct error *find_wrong_numbers(struct store *store, void *context)
{
    struct recount_work *work = context;
    struct store_query *query = store_query(store, work->arena, work->recount->find_wrong);
    struct error *error;
    bool row;
    work->lines = (struct buffer){.arena = work->arena};
    work->wrong = 0;
    while (!(error = store_next(query, &row)) && row) {
        work->recount->describe(&work->lines, query);
        work->wrong++;
    }
    if (!error && work->repair && work->wrong) {
        error = store_execute(store_query(store, work->arena, work->recount->repair));
    }
    return error;
}

struct error *recount_run(const struct recount *recount, struct store *store, struct arena *arena,
                          bool repair, struct buffer *report, size_t *wrong_r)
{
    struct recount_work work = {.recount = recount, .arena = arena, .repair = repair};
    /* Without a repair, reads outside of a transaction, so that writers do not wait. */
    struct error *error = repair ? store_write(store, arena, find_wrong_numbers, &work)
                                 : find_wrong_numbers(store, &work);
    if (!error && work.wrong) {
        buffer_add(report, work.lines.bytes, work.lines.length);
    }
    *wrong_r = work.wrong;
    return error;
}
