/*
 * Engine: the operations that an engine provides, and the part of a store that both engines share.
 * store.c, query.c and write.c hold the code common to both engines and call an engine through
 * its table of operations.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "store/compiled.h"
#include "store/query.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buffer;
struct config;
struct error;
struct store_shared;

enum write_kind {
    WRITE_ORDINARY,
    WRITE_UNSERIALIZED, /* used by store_write_unserialized() */
    WRITE_SCHEMA,       /* a migration: serialized by a lock, without a statement timeout */
};

struct engine {
    bool compares_rows; /* result of store_compares_rows() */

    struct store *(*open)(const struct config *config, struct store_shared *shared);
    void (*close)(struct store *store);

    /* Prepares a statement on a connection that reads, to check that it is valid. */
    struct error *(*prepare)(struct store *store, struct arena *arena, size_t slot);

    /* Executes a query: sets handle, changes and column_count. After an error, end() must not be
     * called. */
    struct error *(*begin)(struct store_query *query);
    /* Sets `row` to the next row, or to NULL after the last one. */
    struct error *(*next)(struct store_query *query);
    /* Ends a query for which begin() succeeded. */
    void (*end)(struct store_query *query);
    /* Finalizes the prepared statement of a slot, which no open query uses. */
    void (*finalize)(struct store *store, size_t slot);

    struct error *(*write)(struct store *store, struct arena *arena, store_work *work,
                           void *context, enum write_kind kind);
    /* Executes statements that are separated by semicolons, within a write. */
    struct error *(*script)(struct store *store, struct arena *arena, const char *text);

    /* Group commit, checkpoints and read snapshots: SQLite only. NULL: a no-op. */
    bool (*group_open)(const struct store *store);
    struct error *(*group_commit)(struct store *store, struct arena *arena);
    struct error *(*checkpoint)(struct store *store, struct arena *arena);
    void (*snapshot_end)(struct store *store);
};

extern const struct engine store_engine_sqlite, store_engine_postgres;

/* Appends a line to `faults` for each error in DATABASE_URL. Returns false if there is any error.
 */
bool postgres_check(const struct config *config, struct buffer *faults);

enum { DEFERRED_MAX = 8 };

/* An entry of the cache of composed statements, see store_compose(). */
struct composed {
    char *text; /* NULL: the entry is unused */
    size_t parameters;
    uint64_t used;    /* value of store.uses at the last use */
    unsigned queries; /* number of open queries */
};

/* State of the group commit: the requests whose replies are held until store_group_end(). */
struct held_group {
    bool waits;       /* some of these requests have uncommitted writes */
    bool failed;      /* the writes were rolled back; the error replies are not sent yet */
    enum error_id id; /* error of that commit */
    char cause[256];
};

/* The common part of a store: the first member of each engine's own struct. */
struct store {
    const struct engine *engine;
    enum engine_id id;
    const struct config *config;
    struct store_shared *shared;
    struct store_query *queries; /* open queries */
    struct composed composed[COMPOSED_COUNT];
    uint64_t uses; /* number of store_compose() calls */

    /* statements of store_defer(), which run before the group commit */
    enum sql_statement deferred[DEFERRED_MAX];
    size_t deferred_count;

    bool shares_snapshots; /* store_share_snapshots() was called */
    bool wrote;            /* store_write() was called since the last store_pending_transaction() */
    bool writing;          /* inside store_write() */
    struct arena *write_arena; /* arena of the running store_write() */
    struct error *failure;     /* error of the first query that failed in it */

    uint64_t transactions; /* number of transactions begun, which identifies the last one */
    struct held_group group;

    bool down_logged, checkpoint_logged; /* watch.c: this failure has been logged */

    /* keys.c */
    const char *keys_version; /* required version of the text keys; NULL: any */
    bool keys_checked;        /* the keys were checked in this session or group commit */
    bool keys_differ;         /* result of the last check */
};

#endif
