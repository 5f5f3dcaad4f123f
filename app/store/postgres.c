/*
 * The engine PostgreSQL: one connection a process, made on first use and kept.
 *
 * libpq's own waiting has no end, so everything is sent and read without blocking, and waited for
 * here. The server ends a statement that takes longer than DATABASE_TIMEOUT_MS by itself; a little
 * later it counts as silent, and the connection is dropped. (libpq's PQcancel() would wait for a
 * silent server without a bound; the server looks every second whether we are still there.)
 * A failure to connect is remembered for a moment, so that requests do not queue up for time-outs.
 *
 * Outside of a write the session is read-only, so that the server itself refuses what does not
 * belong there. Results come in binary form: integers, text and bytes as they are.
 */
#include "base/arena.h"
#include "base/backoff.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "store/engine.h"
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
    GRACE_US = 500 * US_PER_MS, /* from the server's own bound to the one that we keep */
    REFUSAL_US = US_PER_S,      /* for so long a failure to connect is answered again */
    SCHEMA_PATIENCE_US = (int64_t)S_PER_HOUR * US_PER_S, /* a migration may rewrite large tables */
    COLLISIONS_MAX = 8,                                  /* tries of a write before it gives up */
    COLLISION_PAUSE_US = 2 * US_PER_MS,                  /* on average, after the first; doubles */
    LOCK_OF_MIGRATIONS = 0x6b6f6e74, /* a number of ours, for pg_advisory_xact_lock() */
};

/* What results consist of: OIDs of pg_type.dat, which never change. */
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

enum preparation { NOT_PREPARED, PREPARED, OUTDATED };

struct postgres {
    struct store store;
    PGconn *connection;
    enum preparation prepared[SLOT_COUNT]; /* on this connection */
    enum mishap mishap;                    /* of the last call */
    bool in_transaction;
    int64_t patience_us; /* for one statement */
    int64_t refuse_until;
    char refusal[256];
    bool failure_logged; /* the log knows that there is no connection */
};

/* A result that is given out row by row; a query's handle. */
struct answer {
    PGresult *result;
    int row, row_count;
    struct cell *cells;
};

static struct postgres *engine_of(struct store *store)
{
    return (struct postgres *)(void *)store; /* which begins with it */
}

/* --- settings -------------------------------------------------------------------------------- */

/* A password with an unescaped @ would end up in the host, or in the port, and so in errors. */
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
    if (!good) { /* libpq's message may repeat pieces of the password */
        buffer_add_string(faults, "DATABASE_URL: must be sqlite:///path or postgresql://…, "
                                  "special characters as %XX\n");
    }
    PQfreemem(message);
    PQconninfoFree(options);
    return good;
}

static int64_t timeout_us(const struct postgres *postgres)
{
    return postgres->store.config->database_timeout_ms * US_PER_MS;
}

static struct store *open_store(const struct config *config, struct store_shared *shared)
{
    (void)shared; /* the server knows how to order its writers */
    struct postgres *postgres = must_alloc(sizeof *postgres);
    postgres->patience_us = config->database_timeout_ms * US_PER_MS + GRACE_US;
    return &postgres->store;
}

static void drop(struct postgres *postgres)
{
    PQfinish(postgres->connection);
    postgres->connection = NULL;
    memset(postgres->prepared, 0, sizeof postgres->prepared);
}

static void close_store(struct store *store)
{
    drop(engine_of(store));
    free(store);
}

/* --- waiting --------------------------------------------------------------------------------- */

/* Waits for poll(2)'s `events` on the connection's socket. False if the deadline passes. */
static bool wait_for(const PGconn *connection, short events, int64_t deadline)
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

/* Sends what is to be sent. MISHAP_NONE: all of it is on its way. */
static enum mishap flush(PGconn *connection, int64_t deadline)
{
    int unsent;
    while ((unsent = PQflush(connection)) > 0) {
        /* A server that sends to us before it reads on would otherwise wait for us, and we for it. */
        if (!wait_for(connection, POLLIN | POLLOUT, deadline)) {
            return MISHAP_SILENT;
        }
        if (!PQconsumeInput(connection)) {
            return MISHAP_LOST;
        }
    }
    return unsent < 0 ? MISHAP_LOST : MISHAP_NONE;
}

/* The next result of what was sent; NULL when there are no more. */
static enum mishap receive(PGconn *connection, int64_t deadline, PGresult **result_r)
{
    while (PQisBusy(connection)) {
        if (!wait_for(connection, POLLIN, deadline)) {
            return MISHAP_SILENT;
        }
        if (!PQconsumeInput(connection)) {
            return MISHAP_LOST;
        }
    }
    *result_r = PQgetResult(connection);
    return MISHAP_NONE;
}

/* --- errors ---------------------------------------------------------------------------------- */

/* The error of a result. Details are left out, and some messages too: they show values. */
static struct error *result_error(struct postgres *postgres, struct arena *arena,
                                  const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!state) { /* libpq's own: the connection is gone */
        postgres->mishap = MISHAP_LOST;
        return error_new(arena, ERR_DATABASE_UNAVAILABLE, "PostgreSQL: the connection was lost");
    }
    enum error_id id = sqlstate_error(state);
    postgres->mishap = sqlstate_mishap(state);
    if (id == ERR_CONSTRAINT_UNIQUE || id == ERR_CONSTRAINT_REFERENCE) {
        const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
        return error_new(arena, id, "%s", name ? name : "");
    }
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!strcmp(state, "25006") && !postgres->in_transaction) {
        store_slip("a change outside of store_write(): %s", message);
    }
    return error_new(arena, id, "PostgreSQL: %s (%s)",
                     message && !sqlstate_shows_values(state) ? message : "a value does not fit",
                     state);
}

static struct error *lost(struct postgres *postgres, struct arena *arena, enum mishap mishap)
{
    postgres->mishap = mishap;
    return error_new(arena, ERR_DATABASE_UNAVAILABLE,
                     mishap == MISHAP_SILENT ? "PostgreSQL: no answer in time"
                                             : "PostgreSQL: the connection was lost");
}

/* Answers this failure to connect for a moment without trying. */
static struct error *refuse(struct postgres *postgres, struct arena *arena, const char *cause)
{
    postgres->refuse_until = clock_steady_us() + REFUSAL_US;
    snprintf(postgres->refusal, sizeof postgres->refusal, "PostgreSQL: %.*s",
             (int)strcspn(cause, "\n"), cause);
    return error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", postgres->refusal);
}

/* --- calls ----------------------------------------------------------------------------------- */

/* Reads all results of what was sent, and keeps the last one, or the one that is an error. */
static enum mishap collect(PGconn *connection, int64_t deadline, PGresult **kept_r)
{
    enum mishap mishap = flush(connection, deadline);
    PGresult *result = NULL;
    while (mishap == MISHAP_NONE &&
           (mishap = receive(connection, deadline, &result)) == MISHAP_NONE && result) {
        if (*kept_r && PQresultStatus(*kept_r) == PGRES_FATAL_ERROR) {
            PQclear(result);
            continue;
        }
        PQclear(*kept_r);
        *kept_r = result;
    }
    return mishap;
}

/* Ends a call: `sent` is what PQsend…() said. The caller clears the result. A connection on which
 * something may still be outstanding is dropped. */
static struct error *finish(struct postgres *postgres, struct arena *arena, int sent,
                            PGresult **result_r)
{
    int64_t deadline = clock_steady_us() + postgres->patience_us;
    PGresult *result = NULL;
    struct error *error = NULL;
    postgres->mishap = MISHAP_NONE;
    enum mishap mishap = sent ? collect(postgres->connection, deadline, &result) : MISHAP_LOST;
    if (result && PQresultStatus(result) == PGRES_FATAL_ERROR) {
        error = result_error(postgres, arena, result);
    } else if (mishap != MISHAP_NONE || !result) {
        error = lost(postgres, arena, mishap == MISHAP_NONE ? MISHAP_LOST : mishap);
    }
    if (mishap != MISHAP_NONE || postgres->mishap == MISHAP_LOST) {
        drop(postgres);
    }
    if (error) {
        PQclear(result);
        result = NULL;
    }
    if (mishap == MISHAP_SILENT) {
        (void)refuse(postgres, arena, "no answer in time");
    }
    *result_r = result;
    return error;
}

/* Statements without parameters and rows. */
static struct error *command(struct postgres *postgres, struct arena *arena, const char *text)
{
    PGresult *result = NULL;
    struct error *error = finish(postgres, arena, PQsendQuery(postgres->connection, text), &result);
    PQclear(result);
    return error;
}

/* --- connecting ------------------------------------------------------------------------------ */

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    log_debug("PostgreSQL: %.*s", (int)strcspn(message, "\n"), message);
}

/* Waits until the connection is there. False: it failed, or the deadline has passed. */
static bool poll_connection(PGconn *connection, int64_t deadline)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        if (!wait_for(connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) {
            return false;
        }
        status = PQconnectPoll(connection);
    }
    return status == PGRES_POLLING_OK;
}

/* What holds for the session: see the top. A server that we have left forgets us as well. */
/* Statements are prepared once, and planned once: to plan again for each value costs more than most of them
 * take, and no plan of ours depends on a value. */
static struct error *prepare_session(struct postgres *postgres, struct arena *arena)
{
    int64_t timeout_ms = postgres->store.config->database_timeout_ms;
    return command(postgres, arena,
                   arena_format(arena,
                                "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;"
                                "SET standard_conforming_strings = on;"
                                "SET plan_cache_mode = force_generic_plan;"
                                "SET client_connection_check_interval = '1s';"
                                "SET statement_timeout = %" PRId64 ";"
                                "SET idle_in_transaction_session_timeout = %" PRId64,
                                timeout_ms, 2 * timeout_ms));
}

/* The log gets every change, and not every attempt. */
static void log_change(struct postgres *postgres, const struct error *error)
{
    if (error && !postgres->failure_logged) {
        log_error("%s", error->cause);
    } else if (!error && postgres->failure_logged) {
        log_info("PostgreSQL: connected again");
    }
    postgres->failure_logged = error;
}

static struct error *connect_now(struct postgres *postgres, struct arena *arena)
{
    char process[16] = "kontora"; /* shown by ps, such as "kontora-core" */
    (void)prctl(PR_GET_NAME, process);
    const char *const keywords[] = {"dbname", "fallback_application_name", "client_encoding", NULL};
    const char *const values[] = {postgres->store.config->database_url, process, "UTF8", NULL};
    postgres->connection = PQconnectStartParams(keywords, values, 1);
    if (!postgres->connection) {
        store_slip("libpq has no memory");
    }
    PQsetNoticeProcessor(postgres->connection, ignore_notice, NULL);
    bool connected =
        PQstatus(postgres->connection) != CONNECTION_BAD &&
        poll_connection(postgres->connection, clock_steady_us() + timeout_us(postgres)) &&
        PQsetnonblocking(postgres->connection, 1) == 0;
    struct error *error = NULL;
    if (!connected) {
        bool failed = PQstatus(postgres->connection) == CONNECTION_BAD;
        error = refuse(postgres, arena,
                       failed ? PQerrorMessage(postgres->connection) : "no connection in time");
    } else {
        error = prepare_session(postgres, arena);
    }
    if (error) {
        drop(postgres);
    }
    log_change(postgres, error);
    return error;
}

static struct error *connect(struct postgres *postgres, struct arena *arena)
{
    if (postgres->connection) {
        return NULL;
    }
    if (postgres->in_transaction) { /* it was lost with its connection */
        return lost(postgres, arena, MISHAP_LOST);
    }
    if (clock_steady_us() < postgres->refuse_until) {
        return error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s", postgres->refusal);
    }
    return connect_now(postgres, arena);
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
        error = command(postgres, arena, arena_format(arena, "DEALLOCATE %s", name));
    }
    if (!error) {
        postgres->prepared[slot] = NOT_PREPARED;
        error = finish(postgres, arena,
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

/* A column of another type is to be cast in the statement: numeric, for one, the type of sum(). */
static struct error *check_columns(const PGresult *result, struct arena *arena, const char *text)
{
    for (int i = 0; i < PQnfields(result); i++) {
        if (!is_known_type(PQftype(result, i))) {
            return error_new(arena, ERR_INTERNAL, "column %d has the type %u: %s", i,
                             PQftype(result, i), text);
        }
    }
    return NULL;
}

static struct error *prepare(struct store *store, struct arena *arena, size_t slot)
{
    struct postgres *postgres = engine_of(store);
    PGresult *result = NULL;
    struct error *error = connect(postgres, arena);
    if (!error && postgres->prepared[slot] != PREPARED) {
        error = prepare_slot(postgres, arena, slot);
    }
    if (!error) {
        int sent = PQsendDescribePrepared(postgres->connection, statement_name(arena, slot));
        error = finish(postgres, arena, sent, &result);
    }
    if (!error) {
        error = check_columns(result, arena, store_statement_text(store, slot));
        PQclear(result);
    }
    return error;
}

static void forget(struct store *store, size_t slot)
{
    enum preparation *prepared = &engine_of(store)->prepared[slot];
    if (*prepared == PREPARED) {
        *prepared = OUTDATED;
    }
}

/* Parameters are text, of whose type the server decides; bytes are bytes. */
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

static struct error *execute(struct postgres *postgres, struct store_query *query,
                             PGresult **result_r)
{
    postgres->mishap = MISHAP_NONE;
    struct error *error = connect(postgres, query->arena);
    if (!error && postgres->prepared[query->slot] != PREPARED) {
        error = prepare_slot(postgres, query->arena, query->slot);
    }
    return error ? error : finish(postgres, query->arena, send_query(postgres, query), result_r);
}

static struct error *begin(struct store_query *query)
{
    struct postgres *postgres = engine_of(query->store);
    PGresult *result = NULL;
    struct error *error = execute(postgres, query, &result);
    /* What only reads can be repeated; a transaction is repeated as a whole. */
    if (error && postgres->mishap == MISHAP_LOST && !postgres->in_transaction) {
        error = execute(postgres, query, &result);
    }
    if (error) {
        return error;
    }
    struct answer *answer = arena_alloc(query->arena, sizeof *answer);
    answer->result = result;
    answer->row_count = PQntuples(result);
    query->handle = answer;
    query->column_count = (size_t)PQnfields(result);
    answer->cells = arena_array(query->arena, query->column_count, sizeof *answer->cells);
    if (strncmp(PQcmdStatus(result), "SELECT", strlen("SELECT")) != 0) {
        query->changes = strtoll(PQcmdTuples(result), NULL, 10);
    }
    return NULL;
}

static void end(struct store_query *query)
{
    PQclear(((struct answer *)query->handle)->result);
}

/* Integers come in network byte order. */
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

static struct cell decode(const PGresult *result, int row, int column)
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

static struct error *next(struct store_query *query)
{
    struct answer *answer = query->handle;
    struct error *error = NULL;
    query->row = NULL;
    if (answer->row == 0) {
        error = check_columns(answer->result, query->arena, query->text);
    }
    if (error || answer->row == answer->row_count) {
        return error;
    }
    for (size_t i = 0; i < query->column_count; i++) {
        answer->cells[i] = decode(answer->result, answer->row, (int)i);
    }
    answer->row++;
    query->row = answer->cells;
    return NULL;
}

/* --- transactions ---------------------------------------------------------------------------- */

/* Whether the server has not ended the connection while we did not look. */
static bool still_there(PGconn *connection)
{
    while (wait_for(connection, POLLIN, 0)) {
        if (!PQconsumeInput(connection)) {
            return false;
        }
        (void)PQisBusy(connection); /* takes note of what came */
    }
    return PQstatus(connection) == CONNECTION_OK;
}

static struct error *commit(struct postgres *postgres, struct arena *arena)
{
    PGresult *result = NULL;
    if (!postgres->connection || !still_there(postgres->connection)) {
        drop(postgres);
        return lost(postgres, arena, MISHAP_LOST);
    }
    struct error *error =
        finish(postgres, arena, PQsendQuery(postgres->connection, "COMMIT"), &result);
    PQclear(result);
    if (error && (postgres->mishap == MISHAP_LOST || postgres->mishap == MISHAP_SILENT)) {
        postgres->mishap = MISHAP_NONE; /* not to be repeated */
        return error_new(arena, ERR_OUTCOME_UNKNOWN, "%s, in the commit", error->cause);
    }
    return error;
}

/* Takes back what was done; `error` is why, and stays. */
static struct error *undo(struct postgres *postgres, struct arena *arena, struct error *error)
{
    enum mishap mishap = postgres->mishap;
    if (postgres->connection && command(postgres, arena, "ROLLBACK")) {
        drop(postgres);
    }
    postgres->mishap = mishap;
    return error;
}

/* Once through a transaction. In a failure, mishap tells whether it is worth another try. */
static struct error *attempt(struct postgres *postgres, struct arena *arena, store_work *work,
                             void *context, const char *beginning)
{
    postgres->mishap = MISHAP_NONE;
    struct error *error = connect(postgres, arena);
    if (!error) {
        error = command(postgres, arena, beginning);
    }
    if (error) {
        return error;
    }
    postgres->in_transaction = true;
    error = store_run(&postgres->store, arena, work, context);
    error = error ? undo(postgres, arena, error) : commit(postgres, arena);
    postgres->in_transaction = false;
    return error;
}

/* In microseconds. The maximum is beyond what the collisions of one write reach. */
static const struct backoff collision_backoff = {.first = COLLISION_PAUSE_US,
                                                 .max = (int64_t)COLLISION_PAUSE_US
                                                        << COLLISIONS_MAX,
                                                 .random = arc4random_uniform};

static struct error *transact(struct postgres *postgres, struct arena *arena, store_work *work,
                              void *context, const char *beginning)
{
    unsigned collisions = 0, losses = 0;
    for (;;) {
        struct error *error = attempt(postgres, arena, work, context, beginning);
        if (error && postgres->mishap == MISHAP_COLLISION && ++collisions < COLLISIONS_MAX) {
            usleep((useconds_t)backoff_delay(&collision_backoff, collisions));
        } else if (!error || postgres->mishap != MISHAP_LOST || losses++) {
            return error;
        }
    }
}

static struct error *write_now(struct store *store, struct arena *arena, store_work *work,
                               void *context, enum write_kind kind)
{
    struct postgres *postgres = engine_of(store);
    if (kind == WRITE_ORDINARY) {
        return transact(postgres, arena, work, context,
                        "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE");
    }
    if (kind == WRITE_UNSERIALIZED) {
        return transact(postgres, arena, work, context,
                        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    }
    /* After the wait for the lock, a look must show what was committed meanwhile. */
    const char *beginning =
        arena_format(arena,
                     "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
                     "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(%d)",
                     LOCK_OF_MIGRATIONS);
    int64_t patience_us = postgres->patience_us;
    postgres->patience_us = SCHEMA_PATIENCE_US;
    struct error *error = transact(postgres, arena, work, context, beginning);
    postgres->patience_us = patience_us;
    return error;
}

static struct error *script(struct store *store, struct arena *arena, const char *text)
{
    struct postgres *postgres = engine_of(store);
    struct error *error = connect(postgres, arena);
    return error ? error : command(postgres, arena, text);
}

const struct engine postgres_engine = {
    .compares_rows = true,
    .open = open_store,
    .close = close_store,
    .prepare = prepare,
    .begin = begin,
    .next = next,
    .end = end,
    .forget = forget,
    .write = write_now,
    .script = script,
};
