/*
 * Store: the SQL database, on SQLite or PostgreSQL (DATABASE_URL).
 *
 * Every statement has a name in sql/ and is compiled in; `enum sql_statement` lists them. Values
 * reach a statement only through its parameters $1, $2 …:
 *
 *     struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_BY_ID);
 *     store_bind_integer(query, id);
 *     error = store_next(query, &found);
 *     if (!error && found) { id = store_integer(query, SQL_ACCOUNTS_BY_ID_ID); }
 *
 * A read needs no transaction: each query sees the data that was committed when it began (for the
 * exception, see store_share_snapshots()). A change runs inside store_write(). Both engines have
 * three types and null: 64-bit integers (ids, times in milliseconds since the epoch, booleans as 0
 * and 1, money in minor units), text (UTF-8 without NUL), and bytes.
 *
 * A failure of the database itself is ERR_DATABASE_UNAVAILABLE: it cannot be reached, does not
 * answer, is locked for too long, or its disk is full. Every call has a timeout: STORE_BUSY_S on
 * SQLite; on PostgreSQL, DATABASE_TIMEOUT_MS for each connection attempt and each statement.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "store/group.h"
#include "store/sql.h" /* generated from sql/ by the Makefile: enum sql_statement */
#include "store/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Seconds that a writer on SQLite waits for the writers ahead of it. */
enum { STORE_BUSY_S = 5 };

/* --- opening and closing --------------------------------------------------------------------- */

/* The database connections of one process. */
struct store;

/* Memory that the processes of one host share: the queue of SQLite's writers, and the health of the
 * database. */
struct store_shared;

/* Appends a line to `faults` for each invalid setting, without connecting. Returns false if any
 * setting is invalid. No line contains the URL, because that may hold a password. */
bool store_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* Allocates the shared memory. Called before the first fork; the memory is never freed. Aborts the
 * process if the system has no memory. */
struct store_shared *store_shared_new(void) __attribute__((returns_nonnull));

/* Creates a store, in the process that uses it. It connects on first use and reconnects when
 * needed, so that a worker can start without a database. `config` has passed store_check();
 * `config` and `shared` must outlive the store. `shared` is NULL in a process that shares no memory
 * with others. The caller frees the store with store_free(). */
struct store *store_new(const struct config *config, struct store_shared *shared)
    __attribute__((returns_nonnull));

/* Ends open queries, and rolls an open transaction back. */
void store_free(struct store **store);

/* Returns the path of the database file; NULL on PostgreSQL. */
const char *store_database_file(const struct config *config, struct arena *arena);

/* --- queries --------------------------------------------------------------------------------- */

/* One execution of one statement. */
struct store_query;

/* Creates a query. It ends by itself after the last row, after an error, and when the arena is
 * reset; a query begun inside store_write() also ends with the write. */
struct store_query *store_query(struct store *store, struct arena *arena,
                                enum sql_statement statement) __attribute__((returns_nonnull));

/* Returns the text of a statement, to compose other statements from it. */
const char *store_text_of(const struct store *store, enum sql_statement statement)
    __attribute__((returns_nonnull));

/* Returns the number of columns of a statement. */
size_t store_column_count(enum sql_statement statement);

/* Returns the text of a statement that begins with SELECT, with NULL in place of the columns that
 * are not wanted. `wanted` has a value for each column. */
const char *store_text_selecting(const struct store *store, struct arena *arena,
                                 enum sql_statement statement, const bool *wanted)
    __attribute__((returns_nonnull));

/* True if an index scan for a row comparison, (a, id) > ($1, $2), starts exactly at that row:
 * PostgreSQL. SQLite starts at the first row with this `a` and skips rows from there. */
bool store_compares_rows(const struct store *store);

/* Creates a query of a statement composed by the program, such as a list with filters and an
 * order. The text must not contain anything that a client has sent. The store copies the text,
 * prepares it once, and keeps a bounded cache of such statements (least recently used). */
struct store_query *store_compose(struct store *store, struct arena *arena, const char *text)
    __attribute__((returns_nonnull));

/* Bind the values of $1, $2 …, in this order. Binding fewer or more values than the statement has
 * parameters aborts the process. Text and bytes are not copied and must live until the query has
 * ended; a NULL pointer binds null. */
void store_bind_integer(struct store_query *query, int64_t integer);
void store_bind_text(struct store_query *query, const char *text);
void store_bind_bytes(struct store_query *query, const void *bytes, size_t length);
void store_bind_null(struct store_query *query);

/* Sets the time of the steady clock (microseconds) by which a read must have returned all of its
 * rows. If it takes longer, store_next() returns ERR_FILTER_TOO_COSTLY. */
void store_set_deadline(struct store_query *query, int64_t deadline_us);

/* Advances to the next row; *row_r is false if there is none. The first call executes the whole
 * statement with all its changes, and returns the error if they fail. A statement that changes data
 * outside of store_write() aborts the process. */
struct error *store_next(struct store_query *query, bool *row_r) MUST_CHECK;

/* Ends a query before its last row. Pointers into its rows become invalid. */
void store_end(struct store_query *query);

/* Executes a statement and ignores its rows. */
struct error *store_execute(struct store_query *query) MUST_CHECK;

/* Position of the column in a result of one column, for code that reads several statements. */
enum { STORE_ONLY_COLUMN = 0 };

/* Returns the number of columns of the current row. */
size_t store_columns(const struct store_query *query);

/* Read columns of the current row by the constants of the statement: SQL_ACCOUNTS_BY_ID_NAME is the
 * column `name` of accounts_by_id (sql/compile.awk). Returned pointers are valid until the next
 * store_next() or the end of the query: copy into the arena what must live longer. Text is
 * NUL-terminated. Null reads as 0, or as NULL with length 0. Reading a column as another type
 * aborts the process. length_r may be NULL. */
bool store_is_null(const struct store_query *query, size_t column);
int64_t store_integer(const struct store_query *query, size_t column);
const char *store_text(const struct store_query *query, size_t column, size_t *length_r);
const void *store_bytes(const struct store_query *query, size_t column, size_t *length_r);

/* Returns the number of rows that the executed statement has inserted, updated or deleted. */
int64_t store_changes(const struct store_query *query);

/* True if the error is a violation of the named constraint: of a unique index
 * (ERR_CONSTRAINT_UNIQUE) or of a foreign key (ERR_CONSTRAINT_REFERENCE). Unique indexes are named
 * TABLE_COLUMN…, primary keys TABLE_pkey, foreign keys TABLE_COLUMN_fkey. SQLite does not report
 * which foreign key was violated: there, the name of any foreign key matches. The caller translates
 * such an error into one for the client. */
bool store_is_violation(const struct error *error, const char *constraint);

/* --- changes --------------------------------------------------------------------------------- */

/*
 * Changes the database. Runs inside store_write(), where all queries of the store see its own
 * uncommitted changes. On PostgreSQL it may run several times, each time after a rollback: it must
 * have no effect outside of the database, and must reset its results in `context` when it begins.
 * If one of its queries fails, the write is rolled back even if this function returns NULL.
 */
typedef struct error *store_work(struct store *store, void *context);

/*
 * Runs `work` in a serializable transaction: all of its changes are made, or none.
 *
 * On PostgreSQL the transaction is committed when this returns. It is repeated after a conflict
 * with another transaction, and if the connection was lost before the commit. If the connection is
 * lost during the commit, the error is ERR_OUTCOME_UNKNOWN.
 *
 * On SQLite the write joins the transaction of the group commit: no client may be told of its
 * success before store_group_commit(). If `work` fails, only its own changes are rolled back.
 *
 * Calls cannot be nested.
 */
struct error *store_write(struct store *store, struct arena *arena, store_work *work,
                          void *context) MUST_CHECK;

/*
 * Like store_write(), for work whose statements do not depend on data read before: each decides by
 * the current content of the rows that it changes. On PostgreSQL such a transaction is READ
 * COMMITTED (PostgreSQL 13.2.1): instead of failing with a conflict, it waits for other
 * transactions that change its rows, and then sees their changes. So any number of transactions
 * can change one row at the same time, where serializable ones would give up.
 */
struct error *store_write_unserialized(struct store *store, struct arena *arena, store_work *work,
                                       void *context) MUST_CHECK;

/* Executes a statement without parameters right before the group commit, once for all writes of the
 * group that ask for it: for work that is cheaper for many rows together. A no-op on an engine for
 * which the statement has no text. Called inside store_write(). */
void store_defer(struct store *store, enum sql_statement statement);

#endif
