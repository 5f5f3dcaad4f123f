/*
 * What the files of this folder share: queries from the inside, and what an engine has to be able
 * to do. store.c holds all that both engines do alike and calls the engine through its table.
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum engine_id { ENGINE_SQLITE, ENGINE_POSTGRES, ENGINE_COUNT };

/* --- what was compiled from sql/ ------------------------------------------------------------- */

struct sql_statement_row {
    const char *name;
    const char *text[ENGINE_COUNT]; /* NULL: the statement is for the other one alone */
    size_t parameters[ENGINE_COUNT];
    const char *columns; /* names, separated by spaces; "?" for a bare number */
};

extern const struct sql_statement_row sql_statements[SQL_COUNT];

struct migration {
    int64_t version; /* 1, 2, 3 … */
    const char *name;
    const char *source; /* the whole file, of which the checksum is taken */
    struct {
        const char *up, *down; /* statements, each with its semicolon */
    } scripts[ENGINE_COUNT];
};

extern const struct migration migrations[];
extern const size_t migrations_count;

/* --- queries --------------------------------------------------------------------------------- */

/* A statement's place among those that a connection keeps prepared: its number in enum
 * sql_statement, or one of these behind them if it was composed. */
enum { COMPOSED_COUNT = 64, SLOT_COUNT = SQL_COUNT + COMPOSED_COUNT };

enum cell_type { CELL_NULL, CELL_INTEGER, CELL_TEXT, CELL_BYTES };

/* The value of a parameter or of a column. */
struct cell {
    enum cell_type type;
    int64_t integer;
    const char *bytes; /* of text, with a NUL behind it, and of bytes */
    size_t length;
};

enum { PARAMETERS_INLINE = 12 };

struct store_query {
    struct store *store;
    struct arena *arena;
    size_t slot;
    const char *text;
    struct cell *parameters;
    size_t parameters_wanted; /* count_parameters() of `text` */
    size_t parameter_count, parameter_size;
    struct cell inline_parameters[PARAMETERS_INLINE];
    struct cell *row; /* the engine's, NULL between rows */
    size_t column_count;
    int64_t changes;
    bool begun, ended;
    bool writing; /* it was begun inside store_write() */
    int64_t spent_us;
    void *handle; /* the engine's, from begin() to end() */

    struct store_query *next, **link; /* among the queries of the store that have not ended */
};

/* --- engines --------------------------------------------------------------------------------- */

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
    /* Of a query that was begun. */
    void (*end)(struct store_query *query);
    /* What is prepared in a slot is not wanted any more; no query of it is open. */
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

/* One fault line about DATABASE_URL for each thing that is wrong with it. */
bool sqlite_check(const struct config *config, struct buffer *faults);
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

struct store_shared {
    pthread_mutex_t next, writing; /* of queue.c */
    struct {
        atomic_int state; /* enum store_state */
        _Atomic int64_t latency_us, checked_ms;
    } health; /* of watch.c */
};

/* --- store.c, for the engines ---------------------------------------------------------------- */

/* Runs `work` between the engine's begin and commit. NULL: all that it did succeeded. */
struct error *store_run(struct store *store, struct arena *arena, store_work *work, void *context);

/* Executes what was deferred, in the order in which it was, and forgets it. */
struct error *store_run_deferred(struct store *store, struct arena *arena) MUST_CHECK;

/* store_write() for migrations. */
struct error *store_write_schema(struct store *store, struct arena *arena, store_work *work,
                                 void *context) MUST_CHECK;

struct error *store_script(struct store *store, struct arena *arena, const char *text) MUST_CHECK;

/* The text of a statement for the store's engine. */
const char *store_statement_text(const struct store *store, size_t slot);

/* A slip of the code: logs it and ends the process. */
_Noreturn void store_slip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- sqlite_file.c --------------------------------------------------------------------------- */

/* The path of DATABASE_URL's file, below STATE_DIR if it is relative. The caller frees it. */
char *sqlite_path(const struct config *config) __attribute__((returns_nonnull));

/* Makes the file, and the folders above it, unless it is there: readable by us alone. SQLite gives
 * the files beside it the same permissions. */
struct error *sqlite_make_file(struct arena *arena, const char *file) MUST_CHECK;

/* --- sqlstate.c ------------------------------------------------------------------------------ */

/* What happened to the connection or the transaction in a call that failed. */
enum mishap {
    MISHAP_NONE,
    MISHAP_COLLISION, /* with another transaction: it may work if it is repeated */
    MISHAP_LOST,      /* the connection ended; a new one may work at once */
    MISHAP_SILENT,    /* the server did not answer in time */
};

/* What the SQLSTATE of a failed statement means (PostgreSQL, Appendix A). */
enum mishap sqlstate_mishap(const char *state);
enum error_id sqlstate_error(const char *state);

/* Whether the message of such an error shows values, which may be secret. */
bool sqlstate_shows_values(const char *state);

/* --- migrations.c ---------------------------------------------------------------------------- */

/* store_migrate_up() and store_migrate_down() with a list of one's own. */
struct error *migrate_up(struct store *store, struct arena *arena, const struct migration *list,
                         size_t count, int64_t target, struct buffer *report) MUST_CHECK;
struct error *migrate_down(struct store *store, struct arena *arena, const struct migration *list,
                           size_t count, int64_t target, struct buffer *report) MUST_CHECK;

/* --- queue.c --------------------------------------------------------------------------------- */

/* Waits for the writers before us, up to a moment of clock_steady_us(). False if it passes. */
bool queue_enter(struct store_shared *shared, int64_t deadline_us) MUST_CHECK;
void queue_leave(struct store_shared *shared);

#endif
