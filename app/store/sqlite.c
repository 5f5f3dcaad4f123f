/*
 * The engine SQLite: one file in write-ahead-log mode, two connections a process.
 *
 * The reader sees what was committed when its query began. The writer has a transaction open from
 * the first write of a turn to the end of the turn; each write is a savepoint of it. A process that
 * has this transaction holds the queue of writers. Where the store reads by turns the reader has a
 * transaction too, from the first query of a turn on.
 *
 * A statement that changes something runs to its end before its first row is given out: SQLite
 * checks foreign keys at the end, and PostgreSQL knows no half-executed change either.
 */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/engine.h"
#include "store/query.h"
#include "store/queue.h"
#include "store/sqlite_file.h"
#include "store/store.h"
#include "store/write.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUSY_US = STORE_BUSY_S * US_PER_S,
    RETRY_PAUSE_US = 5 * US_PER_MS,

    /* Pages of 4 KiB in the log after which a checkpoint makes writers wait for a moment, so that
     * it begins at its start again. */
    LONG_LOG_PAGES = 4096,
    LONG_LOG_PATIENCE_MS = 100,
    LONG_LOG_PATIENCE_US = LONG_LOG_PATIENCE_MS * US_PER_MS,
    PRIMARY_CODE = 0xff, /* of an extended one */
};

/* The log is moved into the file by store_checkpoint(); by a writer only if nobody has done so for long. */
static const char settings[] = "PRAGMA wal_autocheckpoint = 16384;"
                               "PRAGMA journal_size_limit = 16777216;";

static const char *const synchronous[] = {"PRAGMA synchronous = FULL",
                                          "PRAGMA synchronous = NORMAL"};

enum role { READER, WRITER, ROLE_COUNT };

/* The reader has the file mapped, because a connection forgets its cache whenever another one commits. The
 * writer's cache holds what one turn changes: what does not fit is written twice. It maps nothing: where the
 * file is mapped, SQLite looks up in the log's index which version of a page is the newest whenever a page is
 * read, and of those that each row changes, such as the last ids that were given, the log has hundreds. */
static const char *const role_settings[ROLE_COUNT] = {
    [READER] = "PRAGMA mmap_size = 134217728; PRAGMA cache_size = -1024; PRAGMA query_only = ON",
    [WRITER] = "PRAGMA mmap_size = 0; PRAGMA cache_size = -8192",
};

struct prepared {
    sqlite3_stmt *statement;
    bool busy; /* a query is running on it */
};

struct connection {
    sqlite3 *db;
    struct prepared prepared[SLOT_COUNT];
    bool suspect; /* has had an error of the file: opened again as soon as nothing runs on it */
};

/* The statements that open and close turns and savepoints; the last two are the reader's. */
enum control {
    CONTROL_BEGIN,
    CONTROL_COMMIT,
    CONTROL_ROLLBACK,
    CONTROL_SAVE,
    CONTROL_RELEASE,
    CONTROL_UNDO,
    CONTROL_LOOK,
    CONTROL_LOOK_AWAY,
    CONTROL_COUNT
};

static const char *const control_texts[CONTROL_COUNT] = {
    [CONTROL_BEGIN] = "BEGIN IMMEDIATE",
    [CONTROL_COMMIT] = "COMMIT",
    [CONTROL_ROLLBACK] = "ROLLBACK",
    [CONTROL_SAVE] = "SAVEPOINT one_write",
    [CONTROL_RELEASE] = "RELEASE one_write",
    [CONTROL_UNDO] = "ROLLBACK TO one_write",
    [CONTROL_LOOK] = "BEGIN",
    [CONTROL_LOOK_AWAY] = "COMMIT",
};

struct sqlite {
    struct store store;
    char *path;
    struct connection connections[ROLE_COUNT];
    sqlite3_stmt *controls[CONTROL_COUNT];
    bool turn;        /* the transaction is open, and the queue is ours */
    char broken[256]; /* why the turn cannot be committed; empty: it can */
};

/* What a query runs on; its handle. */
struct run {
    struct connection *connection;
    sqlite3_stmt *statement;
    struct prepared *prepared; /* NULL: the statement is this query's alone */
    struct cell *row;
    /* Of a statement that changed something: its rows, which are all here. */
    bool complete;
    struct cell **rows;
    size_t row_count, row_size, row_next;
};

static enum role role_of(enum control which)
{
    return which >= CONTROL_LOOK ? READER : WRITER;
}

static struct store *open_store(const struct config *config, struct store_shared *shared)
{
    (void)shared;
    struct sqlite *sqlite = must_alloc(sizeof *sqlite);
    sqlite->path = sqlite_path(config);
    return &sqlite->store;
}

/* --- errors ---------------------------------------------------------------------------------- */

/* The index of "UNIQUE constraint failed: TABLE.COLUMN, TABLE.COLUMN": TABLE_COLUMN_COLUMN. */
static struct error *unique_violation(struct arena *arena, int code, const char *message)
{
    const char *list = strstr(message, ": ");
    list = list ? list + strlen(": ") : message;
    size_t table = strcspn(list, ".");
    struct buffer name = {.arena = arena};
    buffer_add(&name, list, table);
    if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID) {
        buffer_add_string(&name, "_pkey");
        return error_new(arena, ERR_CONSTRAINT_UNIQUE, "%s", name.bytes);
    }
    for (const char *column = list; (column = strchr(column, '.')) != NULL;) {
        column++;
        buffer_add_char(&name, '_');
        buffer_add(&name, column, strcspn(column, ","));
    }
    return error_new(arena, ERR_CONSTRAINT_UNIQUE, "%s", name.bytes);
}

static struct error *violation(struct arena *arena, int code, const char *message)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return unique_violation(arena, code, message);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
    case SQLITE_CONSTRAINT_TRIGGER: /* ON DELETE RESTRICT is one, inside */
        return error_new(arena, ERR_CONSTRAINT_REFERENCE, "%s", "");
    default:
        return error_new(arena, ERR_INTERNAL, "SQLite: %s", message);
    }
}

/* The error that the connection's last call ended with. */
static struct error *failure(struct arena *arena, struct connection *connection, int code)
{
    const char *message = connection->db ? sqlite3_errmsg(connection->db) : sqlite3_errstr(code);
    int system = connection->db ? sqlite3_system_errno(connection->db) : 0;
    switch (code & PRIMARY_CODE) {
    case SQLITE_CONSTRAINT:
        return violation(arena, code, message);
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        connection->suspect = true;
        break;
    case SQLITE_BUSY:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
        break;
    default:
        return error_new(arena, ERR_INTERNAL, "SQLite: %s (%d)", message, code);
    }
    return error_new(arena, ERR_DATABASE_UNAVAILABLE, "SQLite: %s (%d%s%s)", message, code,
                     system ? ", " : "", system ? strerror(system) : "");
}

/* --- connections ----------------------------------------------------------------------------- */

static void close_connection(struct sqlite *sqlite, enum role role)
{
    struct connection *connection = &sqlite->connections[role];
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        sqlite3_finalize(connection->prepared[i].statement);
        connection->prepared[i] = (struct prepared){0};
    }
    for (enum control i = 0; i < CONTROL_COUNT; i++) {
        if (role_of(i) == role) {
            sqlite3_finalize(sqlite->controls[i]);
            sqlite->controls[i] = NULL;
        }
    }
    sqlite3_close_v2(connection->db); /* is gone when the last query on it has ended */
    connection->db = NULL;
    connection->suspect = false;
}

static void close_store(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    if (sqlite->turn) {
        sqlite3_exec(sqlite->connections[WRITER].db, control_texts[CONTROL_ROLLBACK], NULL, NULL,
                     NULL);
        if (store->shared) {
            queue_leave(store->shared);
        }
    }
    close_connection(sqlite, READER);
    close_connection(sqlite, WRITER);
    free(sqlite->path);
    free(sqlite);
}

static int configure(const struct sqlite *sqlite, sqlite3 *db, enum role role)
{
    /* Foreign keys hold, "names" are never strings. The schema is trusted: it is ours, and its triggers
     * write into tables for full-text search. */
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1},
        {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    int code = sqlite3_busy_timeout(db, STORE_BUSY_S * MS_PER_S);
    for (size_t i = 0; i < sizeof options / sizeof *options && code == SQLITE_OK; i++) {
        code = sqlite3_db_config(db, options[i].option, options[i].value, (int *)NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, settings, NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, synchronous[sqlite->store.config->database_synchronous], NULL, NULL,
                            NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, role_settings[role], NULL, NULL, NULL);
    }
    return code;
}

/* Does nothing when it is so already. SQLite does not wait when two do this at once. */
static int use_log(sqlite3 *db)
{
    int64_t deadline = clock_steady_us() + BUSY_US;
    int code;
    while ((code = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL)) ==
               SQLITE_BUSY &&
           clock_steady_us() < deadline) {
        usleep(RETRY_PAUSE_US);
    }
    return code;
}

static struct error *open_connection(struct sqlite *sqlite, struct arena *arena, enum role role)
{
    struct connection *connection = &sqlite->connections[role];
    struct error *error = sqlite_make_file(arena, sqlite->path);
    if (error) {
        return error;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(sqlite->path, &connection->db, flags, NULL);
    if (code == SQLITE_OK) {
        code = configure(sqlite, connection->db, role);
    }
    if (code == SQLITE_OK && role == WRITER) {
        code = use_log(connection->db);
    }
    if (code != SQLITE_OK) {
        error = failure(arena, connection, code);
        close_connection(sqlite, role);
    }
    return error;
}

/* A connection that works as far as we know. */
static struct error *connect(struct sqlite *sqlite, struct arena *arena, enum role role)
{
    struct connection *connection = &sqlite->connections[role];
    bool in_use = role == WRITER && sqlite->turn;
    for (size_t i = 0; connection->suspect && i < SLOT_COUNT; i++) {
        in_use = in_use || connection->prepared[i].busy;
    }
    if (connection->suspect && !in_use) {
        close_connection(sqlite, role);
    }
    return connection->db ? NULL : open_connection(sqlite, arena, role);
}

/* --- statements ------------------------------------------------------------------------------ */

/* Compiles a statement; SQLite counts parameters as ?1 where our texts, as PostgreSQL, say $1. */
static int compile(struct arena *arena, sqlite3 *db, const char *text, unsigned flags,
                   sqlite3_stmt **statement_r)
{
    char *own = arena_string(arena, text);
    for (char *dollar = strchr(own, '$'); dollar; dollar = strchr(dollar, '$')) {
        *dollar = '?';
    }
    return sqlite3_prepare_v3(db, own, -1, flags, statement_r, NULL);
}

/* --- transactions ---------------------------------------------------------------------------- */

static int step_control(struct sqlite *sqlite, enum control which)
{
    sqlite3_stmt **statement = &sqlite->controls[which];
    int code = SQLITE_OK;
    if (!*statement) {
        code = sqlite3_prepare_v3(sqlite->connections[role_of(which)].db, control_texts[which], -1,
                                  SQLITE_PREPARE_PERSISTENT, statement, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(*statement);
    }
    return code;
}

static struct error *control(struct sqlite *sqlite, struct arena *arena, enum control which)
{
    int code = step_control(sqlite, which);
    struct error *error =
        code == SQLITE_DONE ? NULL : failure(arena, &sqlite->connections[role_of(which)], code);
    sqlite3_reset(sqlite->controls[which]);
    return error;
}

/* The reader's part of a turn. */
static struct error *look(struct sqlite *sqlite, struct arena *arena)
{
    bool looks = !sqlite3_get_autocommit(sqlite->connections[READER].db);
    return sqlite->store.reads_by_turns && !looks ? control(sqlite, arena, CONTROL_LOOK) : NULL;
}

static void look_away(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct connection *reader = &sqlite->connections[READER];
    if (!reader->db || sqlite3_get_autocommit(reader->db)) {
        return;
    }
    if (step_control(sqlite, CONTROL_LOOK_AWAY) != SQLITE_DONE) {
        log_warning("SQLite: %s", sqlite3_errmsg(reader->db));
        reader->suspect = true; /* it might go on seeing what is no more */
    }
    sqlite3_reset(sqlite->controls[CONTROL_LOOK_AWAY]);
}

/* The statement that is kept for the slot, or one of its own if that is running. */
static int take(struct store_query *query, struct run *run)
{
    struct prepared *prepared = &run->connection->prepared[query->slot];
    sqlite3 *db = run->connection->db;
    if (prepared->busy) {
        return compile(query->arena, db, query->text, 0, &run->statement);
    }
    int code = SQLITE_OK;
    if (!prepared->statement) {
        code =
            compile(query->arena, db, query->text, SQLITE_PREPARE_PERSISTENT, &prepared->statement);
    }
    if (code == SQLITE_OK) {
        run->prepared = prepared;
        run->statement = prepared->statement;
        prepared->busy = true;
    }
    return code;
}

static void give_back(struct run *run)
{
    if (run->prepared) {
        sqlite3_reset(run->statement);
        sqlite3_clear_bindings(run->statement);
        run->prepared->busy = false;
    } else {
        sqlite3_finalize(run->statement);
    }
}

static int bind(const struct store_query *query, sqlite3_stmt *statement)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < query->parameter_count && code == SQLITE_OK; i++) {
        const struct cell *cell = &query->parameters[i];
        int number = (int)i + 1;
        switch (cell->type) {
        case CELL_NULL: /* as it is without */
            break;
        case CELL_INTEGER:
            code = sqlite3_bind_int64(statement, number, cell->integer);
            break;
        case CELL_TEXT:
            code = sqlite3_bind_text64(statement, number, cell->bytes, cell->length, SQLITE_STATIC,
                                       SQLITE_UTF8);
            break;
        case CELL_BYTES:
            code = sqlite3_bind_blob64(statement, number, cell->bytes, cell->length, SQLITE_STATIC);
            break;
        }
    }
    return code;
}

/* --- rows ------------------------------------------------------------------------------------ */

static struct error *read_row(const struct store_query *query, const struct run *run)
{
    for (size_t i = 0; i < query->column_count; i++) {
        struct cell *cell = &run->row[i];
        int column = (int)i;
        *cell = (struct cell){.type = CELL_NULL};
        switch (sqlite3_column_type(run->statement, column)) {
        case SQLITE_NULL:
            continue;
        case SQLITE_INTEGER:
            cell->type = CELL_INTEGER;
            cell->integer = sqlite3_column_int64(run->statement, column);
            continue;
        case SQLITE_TEXT:
            cell->type = CELL_TEXT;
            cell->bytes = (const char *)sqlite3_column_text(run->statement, column);
            break;
        case SQLITE_BLOB:
            cell->type = CELL_BYTES;
            cell->bytes = sqlite3_column_blob(run->statement, column);
            break;
        default:
            return error_new(query->arena, ERR_INTERNAL, "column %zu is no integer: %s", i,
                             query->text);
        }
        cell->length = (size_t)sqlite3_column_bytes(run->statement, column);
        cell->bytes = cell->length ? cell->bytes : "";
    }
    return NULL;
}

/* A copy of the current row, to be given out later. */
static void keep_row(const struct store_query *query, struct run *run)
{
    if (run->row_count == run->row_size) {
        size_t size = run->row_size ? 2 * run->row_size : 1;
        struct cell **larger = arena_array(query->arena, size, sizeof *larger);
        if (run->row_count) {
            memcpy(larger, run->rows, run->row_count * sizeof(struct cell *));
        }
        run->rows = larger;
        run->row_size = size;
    }
    struct cell *row = arena_array(query->arena, query->column_count, sizeof *row);
    for (size_t i = 0; i < query->column_count; i++) {
        row[i] = run->row[i];
        if (row[i].bytes) {
            row[i].bytes = arena_copy(query->arena, row[i].bytes, row[i].length);
        }
    }
    run->rows[run->row_count++] = row;
}

/* Runs a statement that changes something to its end. */
static struct error *complete(struct store_query *query, struct run *run)
{
    sqlite3 *db = run->connection->db;
    int64_t before = sqlite3_total_changes64(db);
    struct error *error = NULL;
    int code;
    while (!error && (code = sqlite3_step(run->statement)) == SQLITE_ROW) {
        error = read_row(query, run);
        keep_row(query, run);
    }
    if (error || code != SQLITE_DONE) {
        return error ? error : failure(query->arena, run->connection, code);
    }
    run->complete = true;
    /* The number that SQLite gives stays as it is when a statement changes none. */
    query->changes = sqlite3_total_changes64(db) > before ? sqlite3_changes64(db) : 0;
    return NULL;
}

static void end(struct store_query *query)
{
    give_back(query->handle);
}

static struct error *begin(struct store_query *query)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)query->store;
    enum role role = query->writing ? WRITER : READER;
    struct error *error = connect(sqlite, query->arena, role);
    if (!error && role == READER) {
        error = look(sqlite, query->arena);
    }
    if (error) {
        return error;
    }
    struct run *run = arena_alloc(query->arena, sizeof *run);
    run->connection = &sqlite->connections[role];
    int code = take(query, run);
    if (code != SQLITE_OK) {
        return failure(query->arena, run->connection, code);
    }
    bool changes = !sqlite3_stmt_readonly(run->statement);
    if (changes && role == READER) {
        store_slip("a change outside of store_write(): %s", query->text);
    }
    query->handle = run;
    query->column_count = (size_t)sqlite3_column_count(run->statement);
    run->row = arena_array(query->arena, query->column_count, sizeof *run->row);
    code = bind(query, run->statement);
    if (code != SQLITE_OK) {
        error = failure(query->arena, run->connection, code);
    } else if (changes) {
        error = complete(query, run);
    }
    if (error) {
        end(query);
    }
    return error;
}

static struct error *next(struct store_query *query)
{
    struct run *run = query->handle;
    query->row = NULL;
    if (run->complete) {
        query->row = run->row_next < run->row_count ? run->rows[run->row_next++] : NULL;
        return NULL;
    }
    int code = sqlite3_step(run->statement);
    if (code != SQLITE_ROW) {
        return code == SQLITE_DONE ? NULL : failure(query->arena, run->connection, code);
    }
    query->row = run->row;
    return read_row(query, run);
}

static void forget(struct store *store, size_t slot)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        sqlite3_finalize(sqlite->connections[i].prepared[slot].statement);
        sqlite->connections[i].prepared[slot] = (struct prepared){0};
    }
}

static struct error *prepare(struct store *store, struct arena *arena, size_t slot)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct connection *connection = &sqlite->connections[READER];
    struct error *error = connect(sqlite, arena, READER);
    if (error) {
        return error;
    }
    sqlite3_stmt *statement = NULL;
    int code = compile(arena, connection->db, store_statement_text(store, slot), 0, &statement);
    error = code == SQLITE_OK ? NULL : failure(arena, connection, code);
    sqlite3_finalize(statement);
    return error;
}

/* --- turns ----------------------------------------------------------------------------------- */

/* Another host's process, or one that shares no queue with us, may be writing too: for that SQLite
 * itself waits, as long as there is time left. */
static struct error *begin_turn(struct sqlite *sqlite, struct arena *arena)
{
    struct store_shared *shared = sqlite->store.shared;
    int64_t deadline = clock_steady_us() + BUSY_US;
    struct error *error = connect(sqlite, arena, WRITER);
    if (error) {
        return error;
    }
    /* Who empties the log has the queue, and waits until nobody reads in the log. */
    look_away(&sqlite->store);
    if (shared && !queue_enter(shared, deadline)) {
        return error_new(arena, ERR_DATABASE_UNAVAILABLE, "SQLite: no turn to write within %d s",
                         STORE_BUSY_S);
    }
    int64_t left_ms = (deadline - clock_steady_us()) / US_PER_MS;
    sqlite3_busy_timeout(sqlite->connections[WRITER].db, left_ms > 1 ? (int)left_ms : 1);
    error = control(sqlite, arena, CONTROL_BEGIN);
    if (error && shared) {
        queue_leave(shared);
    }
    sqlite->turn = !error;
    sqlite->broken[0] = '\0';
    return error;
}

/* Nothing of this turn can be committed any more. */
static void break_turn(struct sqlite *sqlite, const struct error *error)
{
    const char *cause = error && error->cause ? error->cause : "SQLite ended the transaction";
    snprintf(sqlite->broken, sizeof sqlite->broken, "%s", cause);
    log_error("store: a turn is lost: %s", sqlite->broken);
}

/* Ends the savepoint of one write. Some errors, such as a full disk, make SQLite roll back all of
 * the transaction: then there is none to go back in, and the turn is broken. */
static struct error *end_write(struct sqlite *sqlite, struct arena *arena, struct error *error)
{
    bool open = !sqlite3_get_autocommit(sqlite->connections[WRITER].db);
    struct error *ending = NULL;
    if (open && error) {
        ending = control(sqlite, arena, CONTROL_UNDO);
    }
    if (open && !ending) {
        ending = control(sqlite, arena, CONTROL_RELEASE);
    }
    if (!open || ending) {
        break_turn(sqlite, ending ? ending : error);
        ending = error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", sqlite->broken);
    }
    return error ? error : ending;
}

static struct error *write_in_turn(struct store *store, struct arena *arena, store_work *work,
                                   void *context, enum write_kind kind)
{
    (void)kind; /* whoever writes is alone, and nothing limits the time of a statement */
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct error *error = sqlite->turn ? NULL : begin_turn(sqlite, arena);
    if (!error && *sqlite->broken) {
        error = error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", sqlite->broken);
    }
    if (!error) {
        error = control(sqlite, arena, CONTROL_SAVE);
    }
    return error ? error : end_write(sqlite, arena, store_run(store, arena, work, context));
}

static bool turn_open(const struct store *store)
{
    return ((const struct sqlite *)(const void *)store)->turn;
}

static struct error *turn_end(struct store *store, struct arena *arena)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    look_away(store);
    if (!sqlite->turn) {
        return NULL;
    }
    struct error *error = *sqlite->broken
                              ? error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", sqlite->broken)
                              : store_run_deferred(store, arena);
    if (!error) {
        error = control(sqlite, arena, CONTROL_COMMIT);
    }
    store->deferred_count = 0;
    if (!sqlite3_get_autocommit(sqlite->connections[WRITER].db)) {
        (void)control(sqlite, arena, CONTROL_ROLLBACK);
    }
    sqlite->turn = false;
    if (store->shared) {
        queue_leave(store->shared);
    }
    return error;
}

static struct error *script(struct store *store, struct arena *arena, const char *text)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct connection *writer = &sqlite->connections[WRITER];
    int code = sqlite3_exec(writer->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? NULL : failure(arena, writer, code);
}

/* --- the log --------------------------------------------------------------------------------- */

/* Empties a log that has grown long, which only works while nobody writes or reads in it. */
static int truncate_log(struct sqlite *sqlite)
{
    struct store_shared *shared = sqlite->store.shared;
    sqlite3 *db = sqlite->connections[WRITER].db;
    int64_t deadline = clock_steady_us() + LONG_LOG_PATIENCE_US;
    if (shared && !queue_enter(shared, deadline)) {
        return SQLITE_BUSY;
    }
    sqlite3_busy_timeout(db, LONG_LOG_PATIENCE_MS);
    int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (shared) {
        queue_leave(shared);
    }
    return code;
}

static void note_size(const struct connection *writer)
{
    struct stat facts;
    const char *file = sqlite3_filename_wal(sqlite3_db_filename(writer->db, "main"));
    metrics_set(METRIC_DATABASE_LOG, 0, stat(file, &facts) == 0 ? facts.st_size : 0);
}

static struct error *checkpoint(struct store *store, struct arena *arena)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct connection *writer = &sqlite->connections[WRITER];
    struct error *error = connect(sqlite, arena, WRITER);
    if (error) {
        return error;
    }
    int pages = 0;
    int code = sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
    if (code == SQLITE_OK && pages > LONG_LOG_PAGES) {
        code = truncate_log(sqlite);
    }
    note_size(writer);
    /* Busy: somebody reads or writes; there will be another time. */
    bool good = code == SQLITE_OK || (code & PRIMARY_CODE) == SQLITE_BUSY;
    return good ? NULL : failure(arena, writer, code);
}

const struct engine sqlite_engine = {
    .open = open_store,
    .close = close_store,
    .prepare = prepare,
    .begin = begin,
    .next = next,
    .end = end,
    .forget = forget,
    .write = write_in_turn,
    .script = script,
    .turn_open = turn_open,
    .turn_end = turn_end,
    .checkpoint = checkpoint,
    .rest = look_away,
};
