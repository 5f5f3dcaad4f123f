/* Deadlines of SQLite's statements. Private to store/. */
#ifndef STORE_SQLITE_DEADLINE_H
#define STORE_SQLITE_DEADLINE_H

#include <sqlite3.h>
#include <stdint.h>

/* Advances a statement like sqlite3_step(). SQLITE_INTERRUPT after `deadline_us`, a time of the
 * steady clock; 0: no deadline. Interrupting a statement that changes data rolls its whole
 * transaction back. */
int sqlite_deadline_step(sqlite3_stmt *statement, int64_t deadline_us);

#endif
