/*
 * Engine: the operations that an engine provides, and the part of a store that both engines have.
 * store.c, query.c and write.c hold all that both do alike and call the engine through its table.
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
    WRITE_UNSERIALIZED, /* store_write_unserialized() */
    WRITE_SCHEMA,       /* a migration: one at a time, and without a bound on its time */
};

struct engine {
    bool compares_rows; /* store_compares_rows() */

    struct store *(*open)(const struct config *config, struct store_shared *shared);
    void (*close)(struct store *store);

    /* Prepares a statement where it would run, to see that it can be. */
    struct error *(*prepare)(struct store *store, struct arena *arena, size_t slot);

    /* Executes: sets handle, changes and column_count; on failure nothing is left to end. */
    struct error *(*begin)(struct store_query *query);
    /* Sets `row` to the next one, or to NULL. */
    struct error *(*next)(struct store_query *query);
    /* Ends a query that was begun. */
    void (*end)(struct store_query *query);
    /* Finalizes the statement of a slot; no query of it is open. */
    void (*forget)(struct store *store, size_t slot);

    struct error *(*write)(struct store *store, struct arena *arena, store_work *work,
                           void *context, enum write_kind kind);
    /* Executes statements that are separated by semicolons, inside of a write. */
    struct error *(*script)(struct store *store, struct arena *arena, const char *text);

    /* For SQLite alone; NULL: there is nothing to do. */
    bool (*turn_open)(const struct store *store);
    struct error *(*turn_end)(struct store *store, struct arena *arena);
    struct error *(*checkpoint)(struct store *store, struct arena *arena);
    void (*rest)(struct store *store);
};

extern const struct engine sqlite_engine, postgres_engine;

/* Adds a line to `faults` for each fault of DATABASE_URL. */
bool postgres_check(const struct config *config, struct buffer *faults);

enum { DEFERRED_MAX = 8 };

struct composed {
    char *text; /* NULL: free */
    size_t parameters;
    uint64_t used;    /* when, as a count of uses */
    unsigned queries; /* that have not ended */
};

/* State of the group commit: the requests whose answers are held until store_group_end(). */
struct held_group {
    bool waits;       /* some of them have uncommitted writes */
    bool failed;      /* their writes were rolled back, which they have not been told yet */
    enum error_id id; /* of the error of that commit */
    char cause[256];
};

/* The part of a store that both engines have; each begins its own with it. */
struct store {
    const struct engine *engine;
    enum engine_id id;
    const struct config *config;
    struct store_shared *shared;
    struct store_query *queries; /* that have not ended */
    struct composed composed[COMPOSED_COUNT];
    uint64_t uses;

    enum sql_statement deferred[DEFERRED_MAX]; /* by store_defer(), for the end of the turn */
    size_t deferred_count;

    bool reads_by_turns;       /* store_read_by_turns() */
    bool wrote;                /* something was written since the last store_hold() */
    bool writing;              /* inside store_write() */
    struct arena *write_arena; /* of the store_write() that runs */
    struct error *failure;     /* of the first query that failed in it */

    uint64_t transactions; /* number of those that store_write() has begun */
    struct held_group group;

    bool down_logged, checkpoint_logged; /* the log knows that it fails: watch.c */
};

#endif
