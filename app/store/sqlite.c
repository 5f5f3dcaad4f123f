/*
 * SQLite engine: one database file in write-ahead log (WAL) mode, two connections per process.
 *
 * A query on the reader sees the data that was committed when it began. The writer opens a
 * transaction, the group's transaction, with the first write of an iteration of the worker loop and
 * commits it at the end (group commit); each write is a savepoint in it. While the transaction is
 * open, the process is at the head of the writers' queue. If the store shares snapshots, the reader
 * has a transaction too, which all queries of the iteration share.
 *
 * A statement that changes data runs to completion before its first row is returned: SQLite checks
 * foreign keys only at the end. PostgreSQL behaves the same.
 */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/fold.h"
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

    /* If the log has more pages (of 4 KiB), a checkpoint blocks writers for up to the timeout and
     * truncates the log. */
    LONG_LOG_PAGES = 4096,
    TRUNCATE_TIMEOUT_MS = 100,
    TRUNCATE_TIMEOUT_US = TRUNCATE_TIMEOUT_MS * US_PER_MS,
    PRIMARY_CODE = 0xff,   /* mask for the primary code of an extended result code */
    DEADLINE_STEPS = 1000, /* instructions of SQLite's machine between checks of a deadline */
};

/* store_checkpoint() does the checkpoints. A writer's automatic checkpoint is a fallback, in case
 * no process has done one for a long time. */
static const char settings[] = "PRAGMA wal_autocheckpoint = 16384;"
                               "PRAGMA journal_size_limit = 16777216;";

static const char *const synchronous[] = {"PRAGMA synchronous = FULL",
                                          "PRAGMA synchronous = NORMAL"};

enum role { READER, WRITER, ROLE_COUNT };

/* The reader maps the file into memory, because a connection discards its page cache whenever
 * another one commits. The writer's cache must hold the pages that one group commit changes: pages
 * that do not fit are written twice. The writer does not map the file: with a mapping, SQLite
 * searches the log's index for the latest version of a page on every read, and the log holds
 * hundreds of versions of the pages that every insert changes, such as the last assigned ids. */
static const char *const role_settings[ROLE_COUNT] = {
    [READER] = "PRAGMA mmap_size = 134217728; PRAGMA cache_size = -1024; PRAGMA query_only = ON",
    [WRITER] = "PRAGMA mmap_size = 0; PRAGMA cache_size = -8192",
};

struct prepared {
    sqlite3_stmt *statement;
    bool busy; /* a query is running on the connection */
};

struct connection {
    sqlite3 *db;
    struct prepared prepared[SLOT_COUNT];
    bool suspect; /* the connection had an I/O error: reopen it as soon as no query runs on it */
};

/* Statements that control transactions and savepoints; the last two are for the reader. */
enum control {
    CONTROL_BEGIN,
    CONTROL_COMMIT,
    CONTROL_ROLLBACK,
    CONTROL_SAVEPOINT,
    CONTROL_RELEASE,
    CONTROL_ROLLBACK_TO,
    CONTROL_SNAPSHOT_BEGIN,
    CONTROL_SNAPSHOT_END,
    CONTROL_COUNT
};

static const char *const control_texts[CONTROL_COUNT] = {
    [CONTROL_BEGIN] = "BEGIN IMMEDIATE",     [CONTROL_COMMIT] = "COMMIT",
    [CONTROL_ROLLBACK] = "ROLLBACK",         [CONTROL_SAVEPOINT] = "SAVEPOINT one_write",
    [CONTROL_RELEASE] = "RELEASE one_write", [CONTROL_ROLLBACK_TO] = "ROLLBACK TO one_write",
    [CONTROL_SNAPSHOT_BEGIN] = "BEGIN",      [CONTROL_SNAPSHOT_END] = "COMMIT",
};

struct sqlite {
    struct store store;
    char *path;
    struct connection connections[ROLE_COUNT];
    sqlite3_stmt *controls[CONTROL_COUNT];
    bool group_open;  /* the group's transaction is open, and this process heads the queue */
    char broken[256]; /* reason why the transaction cannot be committed; empty: it can be */
};

/* The state of a running query. It is the `handle` of the query. */
struct run {
    struct connection *connection;
    sqlite3_stmt *statement;
    struct prepared *prepared; /* NULL: the query owns the statement */
    struct cell *row;
    bool complete; /* the statement changed data, and `rows` holds its whole result */
    struct cell **rows;
    size_t row_count, row_size, row_next;
};

static enum role control_role(enum control which)
{
    return which >= CONTROL_SNAPSHOT_BEGIN ? READER : WRITER;
}

static struct store *open_sqlite(const struct config *config, struct store_shared *shared)
{
    (void)shared;
    struct sqlite *sqlite = base_alloc(sizeof *sqlite);
    sqlite->path = sqlite_file_path(config);
    return &sqlite->store;
}

/* --- errors ---------------------------------------------------------------------------------- */

/* Returns the error of a violated unique index. From the message "UNIQUE constraint failed:
 * TABLE.COLUMN, TABLE.COLUMN", derives the name of the index, TABLE_COLUMN_COLUMN. */
static struct error *translate_unique_violation(struct arena *arena, int code, const char *message)
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

static struct error *translate_constraint_code(struct arena *arena, int code, const char *message)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return translate_unique_violation(arena, code, message);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
    case SQLITE_CONSTRAINT_TRIGGER: /* SQLite implements ON DELETE RESTRICT as a trigger */
        return error_new(arena, ERR_CONSTRAINT_REFERENCE, "%s", "");
    default:
        return error_new(arena, ERR_INTERNAL, "SQLite: %s", message);
    }
}

/* Converts the result code of the connection's last call into an error. */
static struct error *translate_code(struct arena *arena, struct connection *connection, int code)
{
    const char *message = connection->db ? sqlite3_errmsg(connection->db) : sqlite3_errstr(code);
    int system = connection->db ? sqlite3_system_errno(connection->db) : 0;
    switch (code & PRIMARY_CODE) {
    case SQLITE_CONSTRAINT:
        return translate_constraint_code(arena, code, message);
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

static void close_sqlite_connection(struct sqlite *sqlite, enum role role)
{
    struct connection *connection = &sqlite->connections[role];
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        sqlite3_finalize(connection->prepared[i].statement);
        connection->prepared[i] = (struct prepared){0};
    }
    for (enum control i = 0; i < CONTROL_COUNT; i++) {
        if (control_role(i) == role) {
            sqlite3_finalize(sqlite->controls[i]);
            sqlite->controls[i] = NULL;
        }
    }
    sqlite3_close_v2(connection->db); /* frees the connection when its last query has ended */
    connection->db = NULL;
    connection->suspect = false;
}

static void close_sqlite(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    if (sqlite->group_open) {
        sqlite3_exec(sqlite->connections[WRITER].db, control_texts[CONTROL_ROLLBACK], NULL, NULL,
                     NULL);
        if (store->shared) {
            queue_leave(store->shared);
        }
    }
    close_sqlite_connection(sqlite, READER);
    close_sqlite_connection(sqlite, WRITER);
    free(sqlite->path);
    free(sqlite);
}

/* Collation: the order of fold_sort_key(). */
static int collate_texts(void *unused, int a_length, const void *a, int b_length, const void *b)
{
    (void)unused;
    return fold_compare(a, (size_t)a_length, b, (size_t)b_length);
}

static int configure_connection(const struct sqlite *sqlite, sqlite3 *db, enum role role)
{
    /* Enforce foreign keys; do not read "name" as a string literal. The schema is trusted, because
     * only migrations write it, and its triggers write into virtual tables (full-text search). */
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
        code = sqlite3_create_collation_v2(db, "kontora", SQLITE_UTF8, NULL, collate_texts, NULL);
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

/* Sets WAL mode; a no-op if it is set. Retries, because SQLite's busy timeout does not apply when
 * two processes do this at the same time. */
static int enable_wal(sqlite3 *db)
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

static struct error *open_sqlite_connection(struct sqlite *sqlite, struct arena *arena,
                                            enum role role)
{
    struct connection *connection = &sqlite->connections[role];
    struct error *error = sqlite_file_create(arena, sqlite->path);
    if (error) {
        return error;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(sqlite->path, &connection->db, flags, NULL);
    if (code == SQLITE_OK) {
        code = configure_connection(sqlite, connection->db, role);
    }
    if (code == SQLITE_OK && role == WRITER) {
        code = enable_wal(connection->db);
    }
    if (code != SQLITE_OK) {
        error = translate_code(arena, connection, code);
        close_sqlite_connection(sqlite, role);
    }
    return error;
}

/* Opens a connection if it is not open, or if it is suspect and no query runs on it. */
static struct error *ensure_connection(struct sqlite *sqlite, struct arena *arena, enum role role)
{
    struct connection *connection = &sqlite->connections[role];
    bool in_use = role == WRITER && sqlite->group_open;
    for (size_t i = 0; connection->suspect && i < SLOT_COUNT; i++) {
        in_use = in_use || connection->prepared[i].busy;
    }
    if (connection->suspect && !in_use) {
        close_sqlite_connection(sqlite, role);
    }
    return connection->db ? NULL : open_sqlite_connection(sqlite, arena, role);
}

/* --- statements ------------------------------------------------------------------------------ */

/* Compiles a statement. Converts its parameters from $1 to ?1: SQLite reads $1 as a name. */
static int compile_statement(struct arena *arena, sqlite3 *db, const char *text, unsigned flags,
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
        code = sqlite3_prepare_v3(sqlite->connections[control_role(which)].db, control_texts[which],
                                  -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(*statement);
    }
    return code;
}

static struct error *execute_control(struct sqlite *sqlite, struct arena *arena, enum control which)
{
    int code = step_control(sqlite, which);
    struct error *error =
        code == SQLITE_DONE
            ? NULL
            : translate_code(arena, &sqlite->connections[control_role(which)], code);
    sqlite3_reset(sqlite->controls[which]);
    return error;
}

/* Begins the reader's snapshot, if the store shares snapshots and none is open. */
static struct error *begin_snapshot(struct sqlite *sqlite, struct arena *arena)
{
    bool open = !sqlite3_get_autocommit(sqlite->connections[READER].db);
    return sqlite->store.shares_snapshots && !open
               ? execute_control(sqlite, arena, CONTROL_SNAPSHOT_BEGIN)
               : NULL;
}

static void end_snapshot(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct connection *reader = &sqlite->connections[READER];
    if (!reader->db || sqlite3_get_autocommit(reader->db)) {
        return;
    }
    if (step_control(sqlite, CONTROL_SNAPSHOT_END) != SQLITE_DONE) {
        log_warning("SQLite: cannot end the read snapshot: %s", sqlite3_errmsg(reader->db));
        reader->suspect = true; /* later queries on it could read old data */
    }
    sqlite3_reset(sqlite->controls[CONTROL_SNAPSHOT_END]);
}

/* Sets the statement of a run: the slot's prepared statement or, while another query uses that, a
 * new one. */
static int acquire_statement(struct store_query *query, struct run *run)
{
    struct prepared *prepared = &run->connection->prepared[query->slot];
    sqlite3 *db = run->connection->db;
    if (prepared->busy) {
        return compile_statement(query->arena, db, query->text, 0, &run->statement);
    }
    int code = SQLITE_OK;
    if (!prepared->statement) {
        code = compile_statement(query->arena, db, query->text, SQLITE_PREPARE_PERSISTENT,
                                 &prepared->statement);
    }
    if (code == SQLITE_OK) {
        run->prepared = prepared;
        run->statement = prepared->statement;
        prepared->busy = true;
    }
    return code;
}

static int bind_cells(const struct store_query *query, sqlite3_stmt *statement)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < query->parameter_count && code == SQLITE_OK; i++) {
        const struct cell *cell = &query->parameters[i];
        int number = (int)i + 1;
        switch (cell->type) {
        case CELL_NULL: /* parameters are null by default */
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
            return error_new(query->arena, ERR_INTERNAL,
                             "SQLite: column %zu has an unsupported type: %s", i, query->text);
        }
        cell->length = (size_t)sqlite3_column_bytes(run->statement, column);
        cell->bytes = cell->length ? cell->bytes : "";
    }
    return NULL;
}

/* Appends a copy of the current row to the complete result. */
static void keep_result_row(const struct store_query *query, struct run *run)
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

/* Runs a statement that changes data to completion, and keeps its rows. */
static struct error *run_to_completion(struct store_query *query, struct run *run)
{
    sqlite3 *db = run->connection->db;
    int64_t before = sqlite3_total_changes64(db);
    struct error *error = NULL;
    int code;
    while (!error && (code = sqlite3_step(run->statement)) == SQLITE_ROW) {
        error = read_row(query, run);
        keep_result_row(query, run);
    }
    if (error || code != SQLITE_DONE) {
        return error ? error : translate_code(query->arena, run->connection, code);
    }
    run->complete = true;
    /* A statement that changes no row leaves sqlite3_changes64() as it was. */
    query->changes = sqlite3_total_changes64(db) > before ? sqlite3_changes64(db) : 0;
    return NULL;
}

static void end_sqlite_query(struct store_query *query)
{
    struct run *run = query->handle;
    if (run->prepared) {
        sqlite3_reset(run->statement);
        sqlite3_clear_bindings(run->statement);
        run->prepared->busy = false;
    } else {
        sqlite3_finalize(run->statement);
    }
}

static struct error *begin_sqlite_query(struct store_query *query)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)query->store;
    enum role role = query->writing ? WRITER : READER;
    struct error *error = ensure_connection(sqlite, query->arena, role);
    if (!error && role == READER) {
        error = begin_snapshot(sqlite, query->arena);
    }
    if (error) {
        return error;
    }
    struct run *run = arena_alloc(query->arena, sizeof *run);
    run->connection = &sqlite->connections[role];
    int code = acquire_statement(query, run);
    if (code != SQLITE_OK) {
        return translate_code(query->arena, run->connection, code);
    }
    bool changes = !sqlite3_stmt_readonly(run->statement);
    if (changes && role == READER) {
        store_abort("statement changes data outside of store_write(): %s", query->text);
    }
    query->handle = run;
    query->column_count = (size_t)sqlite3_column_count(run->statement);
    run->row = arena_array(query->arena, query->column_count, sizeof *run->row);
    code = bind_cells(query, run->statement);
    if (code != SQLITE_OK) {
        error = translate_code(query->arena, run->connection, code);
    } else if (changes) {
        error = run_to_completion(query, run);
    }
    if (error) {
        end_sqlite_query(query);
    }
    return error;
}

/* Progress handler: interrupts the statement after the deadline of its query. */
static int is_past_deadline(void *deadline_us)
{
    return clock_steady_us() > *(const int64_t *)deadline_us;
}

/* Advances a statement that reads. */
static struct error *step_reading(struct store_query *query, const struct run *run)
{
    sqlite3 *db = run->connection->db;
    if (query->deadline_us) {
        sqlite3_progress_handler(db, DEADLINE_STEPS, is_past_deadline, &query->deadline_us);
    }
    int code = sqlite3_step(run->statement);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    if (code == SQLITE_ROW) {
        query->row = run->row;
        return read_row(query, run);
    }
    if ((code & PRIMARY_CODE) == SQLITE_INTERRUPT) {
        return error_new(query->arena, ERR_FILTER_TOO_COSTLY, NULL);
    }
    return code == SQLITE_DONE ? NULL : translate_code(query->arena, run->connection, code);
}

static struct error *fetch_sqlite_row(struct store_query *query)
{
    struct run *run = query->handle;
    query->row = NULL;
    if (run->complete) {
        query->row = run->row_next < run->row_count ? run->rows[run->row_next++] : NULL;
        return NULL;
    }
    return step_reading(query, run);
}

static void finalize_slot(struct store *store, size_t slot)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        sqlite3_finalize(sqlite->connections[i].prepared[slot].statement);
        sqlite->connections[i].prepared[slot] = (struct prepared){0};
    }
}

static struct error *check_sqlite_statement(struct store *store, struct arena *arena, size_t slot)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct connection *connection = &sqlite->connections[READER];
    struct error *error = ensure_connection(sqlite, arena, READER);
    if (error) {
        return error;
    }
    sqlite3_stmt *statement = NULL;
    int code =
        compile_statement(arena, connection->db, store_statement_text(store, slot), 0, &statement);
    error = code == SQLITE_OK ? NULL : translate_code(arena, connection, code);
    sqlite3_finalize(statement);
    return error;
}

/* --- group commit ---------------------------------------------------------------------------- */

/* Begins the group's transaction: waits in the queue of writers and then, for the rest of the
 * timeout, in SQLite's busy handler for a writer that does not use the queue. */
static struct error *begin_group(struct sqlite *sqlite, struct arena *arena)
{
    struct store_shared *shared = sqlite->store.shared;
    int64_t deadline = clock_steady_us() + BUSY_US;
    struct error *error = ensure_connection(sqlite, arena, WRITER);
    if (error) {
        return error;
    }
    /* End the snapshot before waiting, to avoid a deadlock: a process that truncates the log heads
     * the queue and waits until no snapshot uses the log. */
    end_snapshot(&sqlite->store);
    if (shared && !queue_enter(shared, deadline)) {
        return error_new(arena, ERR_DATABASE_UNAVAILABLE,
                         "SQLite: timed out after %d s of waiting for other writers", STORE_BUSY_S);
    }
    int64_t left_ms = (deadline - clock_steady_us()) / US_PER_MS;
    sqlite3_busy_timeout(sqlite->connections[WRITER].db, left_ms > 1 ? (int)left_ms : 1);
    error = execute_control(sqlite, arena, CONTROL_BEGIN);
    if (error && shared) {
        queue_leave(shared);
    }
    sqlite->group_open = !error;
    sqlite->store.keys_checked = false;
    sqlite->broken[0] = '\0';
    return error;
}

/* Releases the savepoint of one write; after an `error`, rolls back to it first. Some errors, such
 * as a full disk, make SQLite roll back the whole transaction, savepoint included: then no write of
 * the group can be committed. */
static struct error *end_savepoint(struct sqlite *sqlite, struct arena *arena, struct error *error)
{
    bool open = !sqlite3_get_autocommit(sqlite->connections[WRITER].db);
    struct error *ending = NULL;
    if (open && error) {
        ending = execute_control(sqlite, arena, CONTROL_ROLLBACK_TO);
    }
    if (open && !ending) {
        ending = execute_control(sqlite, arena, CONTROL_RELEASE);
    }
    if (!open || ending) {
        const struct error *reason = ending ? ending : error;
        snprintf(sqlite->broken, sizeof sqlite->broken, "%s",
                 reason && reason->cause ? reason->cause : "SQLite rolled the transaction back");
        log_error("SQLite: group commit failed: all its writes were rolled back: %s",
                  sqlite->broken);
        ending = error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", sqlite->broken);
    }
    return error ? error : ending;
}

static struct error *write_in_group(struct store *store, struct arena *arena, store_work *work,
                                    void *context, enum write_kind kind)
{
    (void)kind; /* SQLite has one writer at a time and no statement timeout */
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct error *error = sqlite->group_open ? NULL : begin_group(sqlite, arena);
    if (!error && *sqlite->broken) {
        error = error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", sqlite->broken);
    }
    if (!error) {
        error = execute_control(sqlite, arena, CONTROL_SAVEPOINT);
    }
    return error ? error
                 : end_savepoint(sqlite, arena, store_run_work(store, arena, work, context));
}

static bool is_group_open(const struct store *store)
{
    return ((const struct sqlite *)(const void *)store)->group_open;
}

static struct error *commit_group_transaction(struct store *store, struct arena *arena)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    end_snapshot(store);
    if (!sqlite->group_open) {
        return NULL;
    }
    struct error *error = *sqlite->broken
                              ? error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", sqlite->broken)
                              : store_run_deferred(store, arena);
    if (!error) {
        error = execute_control(sqlite, arena, CONTROL_COMMIT);
    }
    store->deferred_count = 0;
    if (!sqlite3_get_autocommit(sqlite->connections[WRITER].db)) {
        (void)execute_control(sqlite, arena, CONTROL_ROLLBACK);
    }
    sqlite->group_open = false;
    if (store->shared) {
        queue_leave(store->shared);
    }
    return error;
}

static struct error *run_sqlite_script(struct store *store, struct arena *arena, const char *text)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct connection *writer = &sqlite->connections[WRITER];
    int code = sqlite3_exec(writer->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? NULL : translate_code(arena, writer, code);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

/* Truncates the log, which SQLite can do only while no process writes or has a snapshot in it. */
static int truncate_log(struct sqlite *sqlite)
{
    struct store_shared *shared = sqlite->store.shared;
    sqlite3 *db = sqlite->connections[WRITER].db;
    int64_t deadline = clock_steady_us() + TRUNCATE_TIMEOUT_US;
    if (shared && !queue_enter(shared, deadline)) {
        return SQLITE_BUSY;
    }
    sqlite3_busy_timeout(db, TRUNCATE_TIMEOUT_MS);
    int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (shared) {
        queue_leave(shared);
    }
    return code;
}

static struct error *checkpoint_log(struct store *store, struct arena *arena)
{
    struct sqlite *sqlite = (struct sqlite *)(void *)store;
    struct connection *writer = &sqlite->connections[WRITER];
    struct error *error = ensure_connection(sqlite, arena, WRITER);
    if (error) {
        return error;
    }
    int pages = 0;
    int code = sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
    if (code == SQLITE_OK && pages > LONG_LOG_PAGES) {
        code = truncate_log(sqlite);
    }
    struct stat log;
    const char *file = sqlite3_filename_wal(sqlite3_db_filename(writer->db, "main"));
    metrics_set(METRIC_DATABASE_LOG, 0, stat(file, &log) == 0 ? log.st_size : 0);
    /* SQLITE_BUSY is no failure: another process reads or writes, and the next call tries again. */
    bool good = code == SQLITE_OK || (code & PRIMARY_CODE) == SQLITE_BUSY;
    return good ? NULL : translate_code(arena, writer, code);
}

const struct engine store_engine_sqlite = {
    .open = open_sqlite,
    .close = close_sqlite,
    .prepare = check_sqlite_statement,
    .begin = begin_sqlite_query,
    .next = fetch_sqlite_row,
    .end = end_sqlite_query,
    .finalize = finalize_slot,
    .write = write_in_group,
    .script = run_sqlite_script,
    .group_open = is_group_open,
    .group_commit = commit_group_transaction,
    .checkpoint = checkpoint_log,
    .snapshot_end = end_snapshot,
};
