/*
 * PostgreSQL engine: one connection per process, opened on first use and kept.
 *
 * libpq's blocking calls have no timeout, so this file uses the non-blocking ones and waits with
 * poll(2). The server cancels a statement that takes longer than DATABASE_TIMEOUT_MS. If it does
 * not answer shortly after that either, this engine closes the connection: PQcancel() would block
 * without a timeout, and the server itself checks every second that its client is connected. After
 * a failure to connect, further attempts fail at once for a short time, so that requests do not
 * queue up behind timeouts.
 *
 * Outside of a write the session is read-only: the server rejects changes there. Results are
 * requested in binary format.
 */
#include "base/arena.h"
#include "base/backoff.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "store/engine.h"
#include "store/keys.h"
#include "store/query.h"
#include "store/sqlstate.h"
#include "store/store.h"
#include "store/write.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    GRACE_US = 500 * US_PER_MS,  /* time from the server's statement timeout to ours */
    CONNECT_PAUSE_US = US_PER_S, /* pause before the next attempt after a failure to connect */
    MIGRATION_TIMEOUT_US = (int64_t)S_PER_HOUR * US_PER_S, /* migrations may rewrite large tables */
    CONFLICTS_MAX = 8, /* a write fails after this many conflicts */
    /* average pause after the first conflict; doubles with each further one */
    CONFLICT_PAUSE_US = 2 * US_PER_MS,
    MIGRATION_LOCK = 0x6b6f6e74, /* key of pg_advisory_xact_lock(), "kont" in ASCII */
};

/* The column types that statements may return: OIDs of pg_type.dat, which never change. */
enum {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_NAME = 19,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_BPCHAR = 1042,
    TYPE_VARCHAR = 1043,
    TYPE_VOID = 2278,
};

enum { FORMAT_TEXT, FORMAT_BINARY };

/* OUTDATED: the server has prepared a statement that the slot no longer holds. */
enum preparation { NOT_PREPARED, PREPARED, OUTDATED };

struct postgres {
    struct store store;
    PGconn *connection;
    enum preparation prepared[SLOT_COUNT]; /* state of each statement on this connection */
    enum db_failure db_failure;            /* failure of the last call */
    bool canceled; /* the last call was canceled because it took longer than statement_timeout */
    bool in_transaction;
    int64_t timeout_us;    /* timeout of one statement */
    int64_t connect_after; /* time until which connecting fails at once with connect_cause */
    char connect_cause[256];
    bool failure_logged; /* the failure to connect has been logged */
};

/* The result of a query and the position of the next row. It is the `handle` of the query. */
struct result_rows {
    PGresult *result;
    int row, row_count;
    struct cell *cells;
};

static struct postgres *as_postgres(struct store *store)
{
    return (struct postgres *)(void *)store; /* `store` is the first member */
}

/* --- settings -------------------------------------------------------------------------------- */

/* Returns false if the host or the port contains a part of the password, because of an @ in it that
 * is not escaped: error messages would show that part. */
static bool has_sane_host(const PQconninfoOption *options)
{
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        const char *value = option->val ? option->val : "";
        if ((!strcmp(option->keyword, "host") && strchr(value, '@')) ||
            (!strcmp(option->keyword, "port") && value[strspn(value, "0123456789,")])) {
            return false;
        }
    }
    return true;
}

bool postgres_check(const struct config *config, struct buffer *faults)
{
    const char *url = config->database_url;
    char *message = NULL;
    PQconninfoOption *options = NULL;
    if (!strncmp(url, "postgresql://", strlen("postgresql://")) ||
        !strncmp(url, "postgres://", strlen("postgres://"))) {
        options = PQconninfoParse(url, &message);
    }
    bool good = options && has_sane_host(options);
    if (!good) { /* libpq's own message may contain parts of the password */
        buffer_add_string(faults, "DATABASE_URL: must be sqlite:///path or postgresql://…, with "
                                  "special characters written as %XX\n");
    }
    PQfreemem(message);
    PQconninfoFree(options);
    return good;
}

static struct store *open_postgres(const struct config *config, struct store_shared *shared)
{
    (void)shared; /* the server serializes writers itself */
    struct postgres *postgres = base_alloc(sizeof *postgres);
    postgres->timeout_us = config->database_timeout_ms * US_PER_MS + GRACE_US;
    return &postgres->store;
}

static void close_session(struct postgres *postgres)
{
    PQfinish(postgres->connection);
    postgres->connection = NULL;
    memset(postgres->prepared, 0, sizeof postgres->prepared);
}

static void close_postgres(struct store *store)
{
    close_session(as_postgres(store));
    free(store);
}

/* --- waiting --------------------------------------------------------------------------------- */

/* Waits for poll(2)'s `events` on the connection's socket. Returns false if the deadline passes. */
static bool wait_for_socket(const PGconn *connection, short events, int64_t deadline)
{
    struct pollfd poll_fd = {.fd = PQsocket(connection), .events = events};
    for (;;) {
        int64_t left = deadline - clock_steady_us();
        int ready = poll(&poll_fd, 1, left > 0 ? (int)(left / US_PER_MS) + 1 : 0);
        if (ready > 0) {
            return true;
        }
        if (ready == 0 ? left <= 0 : errno != EINTR) {
            return false;
        }
    }
}

/* Sends all output that libpq has buffered. */
static enum db_failure flush_output(PGconn *connection, int64_t deadline)
{
    int unsent;
    while ((unsent = PQflush(connection)) > 0) {
        /* Read as well, to avoid a deadlock with a server that sends before it reads on. */
        if (!wait_for_socket(connection, POLLIN | POLLOUT, deadline)) {
            return DB_FAILURE_TIMEOUT;
        }
        if (!PQconsumeInput(connection)) {
            return DB_FAILURE_DISCONNECTED;
        }
    }
    return unsent < 0 ? DB_FAILURE_DISCONNECTED : DB_FAILURE_NONE;
}

/* Receives the next result of the sent query; NULL after the last one. */
static enum db_failure receive_result(PGconn *connection, int64_t deadline, PGresult **result_r)
{
    while (PQisBusy(connection)) {
        if (!wait_for_socket(connection, POLLIN, deadline)) {
            return DB_FAILURE_TIMEOUT;
        }
        if (!PQconsumeInput(connection)) {
            return DB_FAILURE_DISCONNECTED;
        }
    }
    *result_r = PQgetResult(connection);
    return DB_FAILURE_NONE;
}

/* --- errors ---------------------------------------------------------------------------------- */

/* Returns the error of a failed result. Leaves out the server's details, and messages that contain
 * values: they may be secret. */
static struct error *result_error(struct postgres *postgres, struct arena *arena,
                                  const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!state) { /* libpq made this result: the connection is closed */
        postgres->db_failure = DB_FAILURE_DISCONNECTED;
        return error_new(arena, ERR_DATABASE_UNAVAILABLE, "PostgreSQL: connection lost");
    }
    enum error_id id = sqlstate_error(state);
    postgres->db_failure = sqlstate_failure(state);
    postgres->canceled = !strcmp(state, "57014");
    if (id == ERR_CONSTRAINT_UNIQUE || id == ERR_CONSTRAINT_REFERENCE) {
        const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
        return error_new(arena, id, "%s", name ? name : "");
    }
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!strcmp(state, "25006") && !postgres->in_transaction) {
        store_abort("statement changes data outside of store_write(): %s", message);
    }
    return error_new(arena, id, "PostgreSQL: %s (%s)",
                     message && !sqlstate_shows_values(state) ? message : "invalid value", state);
}

/* Records that the connection was lost or that the server did not answer, and returns the error. */
static struct error *fail_connection(struct postgres *postgres, struct arena *arena,
                                     enum db_failure db_failure)
{
    postgres->db_failure = db_failure;
    return error_new(arena, ERR_DATABASE_UNAVAILABLE,
                     db_failure == DB_FAILURE_TIMEOUT
                         ? "PostgreSQL: timed out waiting for the server"
                         : "PostgreSQL: connection lost");
}

/* Records a failure to connect: until the pause has passed, connecting fails at once with the same
 * cause. Returns the error. */
static struct error *pause_connecting(struct postgres *postgres, struct arena *arena,
                                      const char *cause)
{
    postgres->connect_after = clock_steady_us() + CONNECT_PAUSE_US;
    snprintf(postgres->connect_cause, sizeof postgres->connect_cause, "PostgreSQL: %.*s",
             (int)strcspn(cause, "\n"), cause);
    return error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", postgres->connect_cause);
}

/* --- calls ----------------------------------------------------------------------------------- */

/* Sends the query and receives all of its results. Keeps the first error, or else the last result.
 */
static enum db_failure collect_results(PGconn *connection, int64_t deadline, PGresult **kept_r)
{
    enum db_failure db_failure = flush_output(connection, deadline);
    PGresult *result = NULL;
    while (db_failure == DB_FAILURE_NONE &&
           (db_failure = receive_result(connection, deadline, &result)) == DB_FAILURE_NONE &&
           result) {
        if (*kept_r && PQresultStatus(*kept_r) == PGRES_FATAL_ERROR) {
            PQclear(result);
            continue;
        }
        PQclear(*kept_r);
        *kept_r = result;
    }
    return db_failure;
}

/* Completes a call: waits for its result, which the caller clears. `sent` is what PQsend…()
 * returned. Closes the connection after a timeout or a loss, because later calls on it could
 * receive the outstanding result. */
static struct error *complete_call(struct postgres *postgres, struct arena *arena, int sent,
                                   PGresult **result_r)
{
    int64_t deadline = clock_steady_us() + postgres->timeout_us;
    PGresult *result = NULL;
    struct error *error = NULL;
    postgres->db_failure = DB_FAILURE_NONE;
    postgres->canceled = false;
    enum db_failure db_failure =
        sent ? collect_results(postgres->connection, deadline, &result) : DB_FAILURE_DISCONNECTED;
    if (result && PQresultStatus(result) == PGRES_FATAL_ERROR) {
        error = result_error(postgres, arena, result);
    } else if (db_failure != DB_FAILURE_NONE || !result) {
        error = fail_connection(
            postgres, arena, db_failure == DB_FAILURE_NONE ? DB_FAILURE_DISCONNECTED : db_failure);
    }
    if (db_failure != DB_FAILURE_NONE || postgres->db_failure == DB_FAILURE_DISCONNECTED) {
        close_session(postgres);
    }
    if (error) {
        PQclear(result);
        result = NULL;
    }
    if (db_failure == DB_FAILURE_TIMEOUT) {
        (void)pause_connecting(postgres, arena, "timed out waiting for the server");
    }
    *result_r = result;
    return error;
}

/* Executes statements without parameters and ignores their rows. */
static struct error *execute_command(struct postgres *postgres, struct arena *arena,
                                     const char *text)
{
    PGresult *result = NULL;
    struct error *error =
        complete_call(postgres, arena, PQsendQuery(postgres->connection, text), &result);
    PQclear(result);
    return error;
}

/* --- connecting ------------------------------------------------------------------------------ */

static void log_notice(void *context, const char *message)
{
    (void)context;
    log_debug("PostgreSQL: %.*s", (int)strcspn(message, "\n"), message);
}

/* Waits until the connection is open. Returns false if it failed or the deadline passes. */
static bool poll_connection(PGconn *connection, int64_t deadline)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        if (!wait_for_socket(connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                             deadline)) {
            return false;
        }
        status = PQconnectPoll(connection);
    }
    return status == PGRES_POLLING_OK;
}

/* Configures the session, see the top of this file. Each prepared statement keeps one generic plan:
 * planning it again for each value would take longer than most statements, and no statement needs
 * a different plan for different values. The server ends the session of a client that disconnects
 * or leaves a transaction idle. */
static struct error *configure_session(struct postgres *postgres, struct arena *arena)
{
    struct store *store = &postgres->store;
    int64_t timeout_ms = store->config->database_timeout_ms;
    const char *lock = store->keys_version ? store_text_of(store, SQL_TEXT_KEYS_SHARE) : "";
    return execute_command(postgres, arena,
                           arena_format(arena,
                                        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;"
                                        "SET standard_conforming_strings = on;"
                                        "SET plan_cache_mode = force_generic_plan;"
                                        "SET client_connection_check_interval = '1s';"
                                        "SET statement_timeout = %" PRId64 ";"
                                        "SET idle_in_transaction_session_timeout = %" PRId64 ";%s",
                                        timeout_ms, 2 * timeout_ms, lock));
}

/* Checks the version of the text keys. Once per session is enough, because the lock of the session
 * prevents a rebuild. After a failure, further attempts to connect fail at once for a short time.
 */
static struct error *check_session_keys(struct postgres *postgres, struct arena *arena)
{
    struct store *store = &postgres->store;
    PGresult *result = NULL;
    if (!store->keys_version) {
        return NULL;
    }
    const char *text = store_text_of(store, SQL_TEXT_KEYS_GET);
    struct error *error =
        complete_call(postgres, arena, PQsendQuery(postgres->connection, text), &result);
    if (!error || error->id != ERR_DATABASE_UNAVAILABLE) {
        bool known =
            !error && PQntuples(result) && PQgetisnull(result, 0, SQL_TEXT_KEYS_GET_TARGET);
        error = store_keys_compare(
            store, arena, known ? PQgetvalue(result, 0, SQL_TEXT_KEYS_GET_VERSION) : NULL, error);
    }
    PQclear(result);
    store->keys_checked = !error;
    return error ? pause_connecting(postgres, arena, error->cause) : NULL;
}

/* Opens a connection. Logs the first failure and the recovery, not every attempt. */
static struct error *open_postgres_session(struct postgres *postgres, struct arena *arena)
{
    char process[16] = "kontora"; /* shown by ps, such as "kontora-core" */
    (void)prctl(PR_GET_NAME, process);
    /* The name replaces one in DATABASE_URL: rebuilds find the sessions of Kontora by it. */
    const char *const keywords[] = {"dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {postgres->store.config->database_url, process, "UTF8", NULL};
    postgres->connection = PQconnectStartParams(keywords, values, 1);
    if (!postgres->connection) {
        store_abort("PostgreSQL: out of memory");
    }
    PQsetNoticeProcessor(postgres->connection, log_notice, NULL);
    int64_t deadline = clock_steady_us() + postgres->store.config->database_timeout_ms * US_PER_MS;
    bool connected = PQstatus(postgres->connection) != CONNECTION_BAD &&
                     poll_connection(postgres->connection, deadline) &&
                     PQsetnonblocking(postgres->connection, 1) == 0;
    struct error *error = NULL;
    if (!connected) {
        bool failed = PQstatus(postgres->connection) == CONNECTION_BAD;
        error = pause_connecting(postgres, arena,
                                 failed ? PQerrorMessage(postgres->connection)
                                        : "timed out connecting");
    } else {
        error = configure_session(postgres, arena);
        error = error ? error : check_session_keys(postgres, arena);
    }
    if (error) {
        close_session(postgres);
    }
    if (error && !postgres->failure_logged) {
        log_error("%s", error->cause);
    } else if (!error && postgres->failure_logged) {
        log_info("PostgreSQL: reconnected");
    }
    postgres->failure_logged = error;
    return error;
}

static struct error *ensure_session(struct postgres *postgres, struct arena *arena)
{
    if (postgres->connection) {
        return NULL;
    }
    if (postgres->in_transaction) { /* the transaction was lost with its connection */
        return fail_connection(postgres, arena, DB_FAILURE_DISCONNECTED);
    }
    if (clock_steady_us() < postgres->connect_after) {
        return error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", postgres->connect_cause);
    }
    return open_postgres_session(postgres, arena);
}

/* --- statements ------------------------------------------------------------------------------ */

static const char *statement_name(struct arena *arena, size_t slot)
{
    return arena_format(arena, "k%zu", slot);
}

static struct error *prepare_slot(struct postgres *postgres, struct arena *arena, size_t slot)
{
    const char *name = statement_name(arena, slot);
    PGresult *result = NULL;
    struct error *error = NULL;
    if (postgres->prepared[slot] == OUTDATED) {
        error = execute_command(postgres, arena, arena_format(arena, "DEALLOCATE %s", name));
    }
    if (!error) {
        postgres->prepared[slot] = NOT_PREPARED;
        error = complete_call(postgres, arena,
                              PQsendPrepare(postgres->connection, name,
                                            store_statement_text(&postgres->store, slot), 0, NULL),
                              &result);
        PQclear(result);
    }
    if (!error) {
        postgres->prepared[slot] = PREPARED;
    }
    return error;
}

static bool is_known_type(Oid type)
{
    static const Oid types[] = {TYPE_BOOL, TYPE_BYTEA, TYPE_NAME,   TYPE_INT8,    TYPE_INT2,
                                TYPE_INT4, TYPE_TEXT,  TYPE_BPCHAR, TYPE_VARCHAR, TYPE_VOID};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

/* Returns an error if a column has a type that this engine cannot decode: the statement must cast
 * it, for example the result of sum(), which is numeric. */
static struct error *check_columns(const PGresult *result, struct arena *arena, const char *text)
{
    for (int i = 0; i < PQnfields(result); i++) {
        if (!is_known_type(PQftype(result, i))) {
            return error_new(arena, ERR_INTERNAL,
                             "PostgreSQL: column %d has the unsupported type %u: %s", i,
                             PQftype(result, i), text);
        }
    }
    return NULL;
}

static struct error *check_postgres_statement(struct store *store, struct arena *arena, size_t slot)
{
    struct postgres *postgres = as_postgres(store);
    PGresult *result = NULL;
    struct error *error = ensure_session(postgres, arena);
    if (!error && postgres->prepared[slot] != PREPARED) {
        error = prepare_slot(postgres, arena, slot);
    }
    if (!error) {
        int sent = PQsendDescribePrepared(postgres->connection, statement_name(arena, slot));
        error = complete_call(postgres, arena, sent, &result);
    }
    if (!error) {
        error = check_columns(result, arena, store_statement_text(store, slot));
        PQclear(result);
    }
    return error;
}

static void mark_slot_outdated(struct store *store, size_t slot)
{
    enum preparation *prepared = &as_postgres(store)->prepared[slot];
    if (*prepared == PREPARED) {
        *prepared = OUTDATED;
    }
}

/* Sends the query with its parameters: bytes in binary format, all others as text, whose type the
 * server infers. */
static int send_query(struct postgres *postgres, const struct store_query *query)
{
    size_t count = query->parameter_count;
    const char **values = arena_array(query->arena, count, sizeof *values);
    int *lengths = arena_array(query->arena, count, sizeof *lengths);
    int *formats = arena_array(query->arena, count, sizeof *formats);
    for (size_t i = 0; i < count; i++) {
        const struct cell *cell = &query->parameters[i];
        switch (cell->type) {
        case CELL_NULL:
            break;
        case CELL_INTEGER:
            values[i] = arena_format(query->arena, "%" PRId64, cell->integer);
            break;
        case CELL_TEXT:
            values[i] = cell->bytes;
            break;
        case CELL_BYTES:
            values[i] = cell->bytes;
            lengths[i] = (int)cell->length;
            formats[i] = FORMAT_BINARY;
            break;
        }
    }
    return PQsendQueryPrepared(postgres->connection, statement_name(query->arena, query->slot),
                               (int)count, values, lengths, formats, FORMAT_BINARY);
}

/* --- queries --------------------------------------------------------------------------------- */

static struct error *execute_prepared(struct postgres *postgres, struct store_query *query,
                                      PGresult **result_r)
{
    postgres->db_failure = DB_FAILURE_NONE;
    struct error *error = ensure_session(postgres, query->arena);
    if (!error && postgres->prepared[query->slot] != PREPARED) {
        error = prepare_slot(postgres, query->arena, query->slot);
    }
    return error ? error
                 : complete_call(postgres, query->arena, send_query(postgres, query), result_r);
}

static struct error *set_timeout(struct postgres *postgres, struct arena *arena, int64_t ms)
{
    return execute_command(postgres, arena,
                           arena_format(arena, "SET statement_timeout = %" PRId64, ms));
}

/* Executes a query. If it has a deadline, the remaining time is its timeout. */
static struct error *execute_read(struct postgres *postgres, struct store_query *query,
                                  PGresult **result_r)
{
    int64_t left_ms = (query->deadline_us - clock_steady_us()) / US_PER_MS;
    int64_t standard_ms = postgres->store.config->database_timeout_ms;
    left_ms = left_ms < 1 ? 1 : left_ms < standard_ms ? left_ms : standard_ms;
    struct error *error = NULL;
    if (query->deadline_us && ((error = ensure_session(postgres, query->arena)) ||
                               (error = set_timeout(postgres, query->arena, left_ms)))) {
        return error;
    }
    error = execute_prepared(postgres, query, result_r);
    bool late = query->deadline_us && postgres->canceled;
    if (query->deadline_us && postgres->connection &&
        set_timeout(postgres, query->arena, standard_ms)) {
        close_session(postgres); /* a new session has the standard timeout */
    }
    return late ? error_new(query->arena, ERR_FILTER_TOO_COSTLY, NULL) : error;
}

static struct error *begin_postgres_query(struct store_query *query)
{
    struct postgres *postgres = as_postgres(query->store);
    PGresult *result = NULL;
    struct error *error = execute_read(postgres, query, &result);
    /* Repeat a read on a new connection. run_transaction() repeats a transaction as a whole. */
    if (error && postgres->db_failure == DB_FAILURE_DISCONNECTED && !postgres->in_transaction) {
        error = execute_read(postgres, query, &result);
    }
    if (error) {
        return error;
    }
    struct result_rows *rows = arena_alloc(query->arena, sizeof *rows);
    rows->result = result;
    rows->row_count = PQntuples(result);
    query->handle = rows;
    query->column_count = (size_t)PQnfields(result);
    rows->cells = arena_array(query->arena, query->column_count, sizeof *rows->cells);
    if (strncmp(PQcmdStatus(result), "SELECT", strlen("SELECT")) != 0) {
        query->changes = strtoll(PQcmdTuples(result), NULL, 10);
    }
    return NULL;
}

static void end_postgres_query(struct store_query *query)
{
    PQclear(((struct result_rows *)query->handle)->result);
}

/* Decodes an integer, which the server sends in network byte order. */
static int64_t decode_integer(const char *bytes, Oid type)
{
    uint64_t eight;
    uint32_t four;
    uint16_t two;
    switch (type) {
    case TYPE_INT8:
        memcpy(&eight, bytes, sizeof eight);
        return (int64_t)be64toh(eight);
    case TYPE_INT4:
        memcpy(&four, bytes, sizeof four);
        return (int32_t)be32toh(four);
    case TYPE_INT2:
        memcpy(&two, bytes, sizeof two);
        return (int16_t)be16toh(two);
    default: /* TYPE_BOOL */
        return *bytes;
    }
}

static struct cell decode_cell(const PGresult *result, int row, int column)
{
    struct cell cell = {.type = CELL_NULL};
    Oid type = PQftype(result, column);
    if (PQgetisnull(result, row, column) || type == TYPE_VOID) {
        return cell;
    }
    const char *bytes = PQgetvalue(result, row, column);
    if (type == TYPE_INT8 || type == TYPE_INT4 || type == TYPE_INT2 || type == TYPE_BOOL) {
        cell.type = CELL_INTEGER;
        cell.integer = decode_integer(bytes, type);
    } else {
        cell.type = type == TYPE_BYTEA ? CELL_BYTES : CELL_TEXT;
        cell.bytes = bytes;
        cell.length = (size_t)PQgetlength(result, row, column);
    }
    return cell;
}

static struct error *fetch_postgres_row(struct store_query *query)
{
    struct result_rows *rows = query->handle;
    struct error *error = NULL;
    query->row = NULL;
    if (rows->row == 0) {
        error = check_columns(rows->result, query->arena, query->text);
    }
    if (error || rows->row == rows->row_count) {
        return error;
    }
    for (size_t i = 0; i < query->column_count; i++) {
        rows->cells[i] = decode_cell(rows->result, rows->row, (int)i);
    }
    rows->row++;
    query->row = rows->cells;
    return NULL;
}

/* --- transactions ---------------------------------------------------------------------------- */

/* Reads pending input. Returns false if the server has closed the connection. */
static bool is_still_open(PGconn *connection)
{
    while (wait_for_socket(connection, POLLIN, 0)) {
        if (!PQconsumeInput(connection)) {
            return false;
        }
        (void)PQisBusy(connection); /* parses the input, such as a notice that the server exits */
    }
    return PQstatus(connection) == CONNECTION_OK;
}

static struct error *commit_transaction(struct postgres *postgres, struct arena *arena)
{
    PGresult *result = NULL;
    if (!postgres->connection || !is_still_open(postgres->connection)) {
        close_session(postgres);
        return fail_connection(postgres, arena, DB_FAILURE_DISCONNECTED);
    }
    struct error *error =
        complete_call(postgres, arena, PQsendQuery(postgres->connection, "COMMIT"), &result);
    PQclear(result);
    if (error && (postgres->db_failure == DB_FAILURE_DISCONNECTED ||
                  postgres->db_failure == DB_FAILURE_TIMEOUT)) {
        /* the commit must not be repeated: it may have succeeded */
        postgres->db_failure = DB_FAILURE_NONE;
        return error_new(arena, ERR_OUTCOME_UNKNOWN, "%s during the commit", error->cause);
    }
    return error;
}

static void roll_back(struct postgres *postgres, struct arena *arena)
{
    enum db_failure db_failure = postgres->db_failure; /* failure that causes the rollback */
    if (postgres->connection && execute_command(postgres, arena, "ROLLBACK")) {
        close_session(postgres);
    }
    postgres->db_failure = db_failure;
}

/* Runs a transaction once. After a failure, postgres->db_failure says whether to try again. */
static struct error *try_transaction(struct postgres *postgres, struct arena *arena,
                                     store_work *work, void *context, const char *beginning)
{
    postgres->db_failure = DB_FAILURE_NONE;
    struct error *error = ensure_session(postgres, arena);
    if (!error) {
        error = execute_command(postgres, arena, beginning);
    }
    if (error) {
        return error;
    }
    postgres->in_transaction = true;
    error = store_run_work(&postgres->store, arena, work, context);
    if (error) {
        roll_back(postgres, arena);
    } else {
        error = commit_transaction(postgres, arena);
    }
    postgres->in_transaction = false;
    return error;
}

/* In microseconds. A write gives up before its pauses reach the maximum. */
static const struct backoff conflict_backoff = {.first = CONFLICT_PAUSE_US,
                                                .max = (int64_t)CONFLICT_PAUSE_US << CONFLICTS_MAX,
                                                .random = arc4random_uniform};

/* Runs a transaction; repeats it after conflicts with others, and once after a lost connection. */
static struct error *run_transaction(struct postgres *postgres, struct arena *arena,
                                     store_work *work, void *context, const char *beginning)
{
    unsigned conflicts = 0, losses = 0;
    for (;;) {
        struct error *error = try_transaction(postgres, arena, work, context, beginning);
        if (error && postgres->db_failure == DB_FAILURE_CONFLICT && ++conflicts < CONFLICTS_MAX) {
            usleep((useconds_t)backoff_delay(&conflict_backoff, conflicts));
        } else if (!error || postgres->db_failure != DB_FAILURE_DISCONNECTED || losses++) {
            return error;
        }
    }
}

static struct error *write_in_transaction(struct store *store, struct arena *arena,
                                          store_work *work, void *context, enum write_kind kind)
{
    struct postgres *postgres = as_postgres(store);
    if (kind == WRITE_ORDINARY) {
        return run_transaction(postgres, arena, work, context,
                               "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE");
    }
    if (kind == WRITE_UNSERIALIZED) {
        return run_transaction(postgres, arena, work, context,
                               "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    }
    /* READ COMMITTED, so that queries see what was committed during the wait for the lock. */
    const char *beginning =
        arena_format(arena,
                     "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
                     "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(%d)",
                     MIGRATION_LOCK);
    int64_t timeout_us = postgres->timeout_us;
    postgres->timeout_us = MIGRATION_TIMEOUT_US;
    struct error *error = run_transaction(postgres, arena, work, context, beginning);
    postgres->timeout_us = timeout_us;
    return error;
}

static struct error *run_postgres_script(struct store *store, struct arena *arena, const char *text)
{
    struct postgres *postgres = as_postgres(store);
    struct error *error = ensure_session(postgres, arena);
    return error ? error : execute_command(postgres, arena, text);
}

const struct engine store_engine_postgres = {
    .compares_rows = true,
    .open = open_postgres,
    .close = close_postgres,
    .prepare = check_postgres_statement,
    .begin = begin_postgres_query,
    .next = fetch_postgres_row,
    .end = end_postgres_query,
    .finalize = mark_slot_outdated,
    .write = write_in_transaction,
    .script = run_postgres_script,
};
