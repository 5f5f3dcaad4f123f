/*
 * Store: the SQL database, on SQLite or PostgreSQL (DATABASE_URL).
 *
 * Every statement stands in sql/ under a name and is compiled in; `enum sql_statement` lists them.
 * Values reach a statement through parameters only, $1, $2 … of its text:
 *
 *     struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_BY_ID);
 *     store_bind_integer(query, id);
 *     error = store_next(query, &found);
 *     if (!error && found) { id = store_integer(query, SQL_ACCOUNTS_BY_ID_ID); }
 *
 * Reading needs nothing else: each query sees what was committed when it began (but
 * store_read_by_turns()). Whatever changes something runs inside store_write(). Both engines know
 * three types, 64-bit integers (ids, times in milliseconds since the epoch, booleans as 0 and 1,
 * money in minor units), text in UTF-8 without NUL, and bytes; and null.
 *
 * What the database itself cannot do is ERR_DATABASE_UNAVAILABLE: not reachable, silent, busy for
 * too long, disk full. No call waits beyond its bound: STORE_BUSY_S on SQLite, DATABASE_TIMEOUT_MS
 * for each connection and each statement on PostgreSQL.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "store/sql.h" /* made from sql/ by the Makefile: enum sql_statement */
#include "store/turn.h"
#include "store/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Seconds that a writer on SQLite waits for the writers before it. */
enum { STORE_BUSY_S = 5 };

/* --- life ------------------------------------------------------------------------------------ */

/* One process's view of the database. */
struct store;

/* What the processes of one host share: the queue of SQLite's writers, and how the database is. */
struct store_shared;

/* Adds a line to `faults` for all that is wrong with the settings, without connecting. False if
 * there is any. No line shows the URL: it may hold a password. */
bool store_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* Made before the first fork, and never freed: it lives as long as a process that has it. Ends the
 * process if the system has none to give. */
struct store_shared *store_shared_new(void) __attribute__((returns_nonnull));

/* Connects at first use, and again whenever that is needed: a worker starts without a database. To
 * be made in the process that uses it. `config` passed store_check() and outlives the store, as
 * `shared` does, which is NULL in a process that has nobody to share with. Ended by store_free().
 */
struct store *store_new(const struct config *config, struct store_shared *shared)
    __attribute__((returns_nonnull));

/* An open turn is rolled back, and queries that were not ended are. */
void store_free(struct store **store);

/* The file of the database; NULL if that is on another host. */
const char *store_database_file(const struct config *config, struct arena *arena);

/* --- queries --------------------------------------------------------------------------------- */

/* One execution of one statement. */
struct store_query;

/* It ends by itself after the last row, with an error, and when the arena is reset; one that was
 * begun inside store_write() also ends with that. */
struct store_query *store_query(struct store *store, struct arena *arena,
                                enum sql_statement statement) __attribute__((returns_nonnull));

/* The text of a statement, for those that are put together from it. */
const char *store_text_of(const struct store *store, enum sql_statement statement)
    __attribute__((returns_nonnull));

/* True if an index answers a comparison of rows, (a, id) > ($1, $2), beginning at the very place.
 * SQLite begins where `a` does, and passes over all rows that are equal in that. */
bool store_compares_rows(const struct store *store);

/* A statement that is put together from texts of ours, such as a list with filters and an order;
 * nothing that a client sent is ever part of the text. It is prepared once and kept under its text,
 * of which the store copies what it keeps; the least recently used is forgotten. */
struct store_query *store_compose(struct store *store, struct arena *arena, const char *text)
    __attribute__((returns_nonnull));

/* The values of $1, $2 …, in this order, all of them: more or fewer than the statement has end the
 * process. Text and bytes are not copied and must live until the query has ended; NULL is null. */
void store_bind_integer(struct store_query *query, int64_t integer);
void store_bind_text(struct store_query *query, const char *text);
void store_bind_bytes(struct store_query *query, const void *bytes, size_t length);
void store_bind_null(struct store_query *query);

/* The next row, or none: *row_r says which. The first call executes the statement, all of its
 * changes included, and fails with what is wrong with them. A statement that changes something
 * outside of store_write() ends the process. */
struct error *store_next(struct store_query *query, bool *row_r) MUST_CHECK;

/* Ends a query whose further rows nobody wants; what its rows pointed to is gone. Each query ends
 * by itself behind its last row, and with its arena. */
void store_end(struct store_query *query);

/* Executes a statement whose rows nobody wants. */
struct error *store_execute(struct store_query *query) MUST_CHECK;

/* Position of the column in a result of one column, for code that reads several statements. */
enum { STORE_ONLY_COLUMN = 0 };

/* How many columns the current row has. */
size_t store_columns(const struct store_query *query);

/* Columns of the current row, by the constants of the statement: SQL_ACCOUNTS_BY_ID_NAME is the
 * column `name` of accounts_by_id (sql/compile.awk). What they point to is gone at the next
 * store_next(), and when the query ends: copy into the arena what is to live on. Null is 0, and
 * NULL with a length of 0; reading one type as another ends the process. Text has a NUL behind it.
 * length_r may be NULL. */
bool store_is_null(const struct store_query *query, size_t column);
int64_t store_integer(const struct store_query *query, size_t column);
const char *store_text(const struct store_query *query, size_t column, size_t *length_r);
const void *store_bytes(const struct store_query *query, size_t column, size_t *length_r);

/* Rows that the statement has inserted, updated or deleted, after it was executed. */
int64_t store_changes(const struct store_query *query);

/* Whether the error says that the named constraint was violated: a unique index, ERR_CONSTRAINT_
 * UNIQUE, or a foreign key, ERR_CONSTRAINT_REFERENCE. Unique indexes are named TABLE_COLUMN…, a
 * primary key TABLE_pkey, a foreign key TABLE_COLUMN_fkey. SQLite does not say which foreign key it
 * was: there, every name of one is a yes. Such an error is to be translated before it leaves. */
bool store_violated(const struct error *error, const char *constraint);

/* --- changes --------------------------------------------------------------------------------- */

/*
 * Changes the database; runs inside store_write(), where all queries of the store see what was
 * written. On PostgreSQL it may run several times, after what it did was rolled back: it must have
 * no effect beside the database, and begin what it returns in `context` anew each time. A query
 * that fails ends it: what follows is rolled back even if it returns NULL.
 */
typedef struct error *store_work(struct store *store, void *context);

/*
 * Runs `work` in a transaction, as if it were alone in the database: all of it is done, or nothing.
 *
 * On PostgreSQL it is committed when this returns. What collides with another transaction is
 * repeated, and so is what lost its connection before the commit; if the connection is lost in the
 * commit itself the error is ERR_OUTCOME_UNKNOWN.
 *
 * On SQLite it joins the turn, whose commit serves all that the turn wrote: nothing may be answered
 * before store_turn_end(). If `work` fails, it alone is rolled back.
 *
 * It must not be called inside of itself.
 */
struct error *store_write(struct store *store, struct arena *arena, store_work *work,
                          void *context) MUST_CHECK;

/*
 * The same for work of which each statement stands for itself: it decides by the rows that it
 * changes, and by nothing that was read before. On PostgreSQL it does not collide with what changes
 * the same rows: it waits for that, and then looks at them as they are. (READ COMMITTED:
 * PostgreSQL 13.2.1.) So any number may change one row at once, where serialized writes would give
 * up.
 */
struct error *store_write_unserialized(struct store *store, struct arena *arena, store_work *work,
                                       void *context) MUST_CHECK;

/* Executes a statement without parameters once more, before what is written in this turn is
 * committed, and once only, however many writes of the turn ask for it: what is cheaper for many
 * rows together. Nothing on the engine for which the statement has no text. Inside of
 * store_write(). */
void store_defer(struct store *store, enum sql_statement statement);

#endif
