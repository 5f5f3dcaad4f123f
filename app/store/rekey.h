/*
 * Rekey: rebuilds the text keys of all rows (store/keys.h) in batches. The caller provides a plan:
 * the tables, and functions that compute the keys of a row.
 *
 * Each batch is one transaction, which also stores the position. So an interrupted rebuild
 * continues at this position, concurrent rebuilds do not repeat a batch, and memory is bounded. No
 * other process can write meanwhile: see store/keys.h.
 *
 * In the new version, two rows may have the same true key, although the key is unique. Both rows
 * are kept. If one of them has the key already, it keeps the key; otherwise the row with the lower
 * id gets it. The other row gets a duplicate key: the true key, a tab and the id of the row. No
 * folded text contains a tab. Each call of rekey_run() tries to replace duplicate keys by the true
 * keys.
 */
#ifndef STORE_REKEY_H
#define STORE_REKEY_H

#include "base/buffer.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum { REKEY_BATCH = 1000 }; /* maximum number of rows of one batch */

/* One batch. Everything that it allocates is in `arena`. */
struct rekey_batch {
    struct store *store;
    struct arena *arena;
    struct buffer warnings; /* a line about each row with a duplicate key */
    struct buffer report;   /* a line about each completed table */
    int64_t rows, changed, duplicates;
    bool displaced; /* rekey_choose_key() gave another row a duplicate key */
};

/* Rows of one table. */
struct rekey_table {
    const char *name;
    /* selects up to $2 rows with ids above $1, the lowest first; the id is the first column */
    enum sql_statement page;
    /* like `page`, but only rows with a key like the pattern $3; equal to `page` if the table has
     * no duplicate keys */
    enum sql_statement duplicates;
    bool bytes_id; /* the id is bytes and not an integer */
    /* Copies the current row of a page. */
    void *(*read)(struct arena *arena, const struct store_query *query);
    /* Computes the keys of a row, and updates the row if they have changed. */
    struct error *(*write)(struct rekey_batch *batch, const void *row);
};

struct rekey_plan {
    const char *version;                     /* of the keys that the tables' functions compute */
    const struct rekey_table *const *tables; /* NULL after the last */
};

/* A unique key. */
struct rekey_unique {
    const char *table, *name;
    /* selects the id and the source text of the row with the key $1 (within the organization $2,
     * if `scoped` is true) */
    enum sql_statement find;
    bool scoped;
    enum sql_statement set;                               /* sets the key of the row $1 to $2 */
    char *(*fold)(struct arena *arena, const char *text); /* computes the key from the text */
};

/* A row with a unique key. */
struct rekey_owner {
    int64_t id, organization_id;
    const char *current; /* key in the database; NULL: none */
};

/* Chooses the unique key of a row: its true key, or a duplicate key if another row has that. If the
 * other row has a different true key, because it is not rebuilt yet, takes the key from it. `key`
 * may be NULL. */
struct error *rekey_choose_key(struct rekey_batch *batch, const struct rekey_unique *unique,
                               const struct rekey_owner *owner, const char *key,
                               const char **key_r) MUST_CHECK;

/* Called with each line of the report. A warning is about a row with a duplicate key. */
typedef void rekey_progress(void *context, const char *line, bool warning);

/* Rebuilds the keys if the database has another version of them, and commits. Reports a line for
 * each table, and for each row with a duplicate key; nothing if there was nothing to do. On
 * PostgreSQL, fails after a few seconds if other processes use the database. The arena is only for
 * the error. */
struct error *rekey_run(const struct rekey_plan *plan, struct store *store, struct arena *arena,
                        rekey_progress *progress, void *context) MUST_CHECK;

/* Appends lines about the version of the keys, an interrupted rebuild, and rows with duplicate
 * keys. Appends nothing if the schema has no text keys yet. */
struct error *rekey_status(const struct rekey_plan *plan, struct store *store, struct arena *arena,
                           struct buffer *report) MUST_CHECK;

#endif
