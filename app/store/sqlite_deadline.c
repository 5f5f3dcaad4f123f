/* See sqlite_deadline.h. */
#include "store/sqlite_deadline.h"

#include "base/clock.h"

enum { CHECK_STEPS = 1000 }; /* instructions of SQLite's machine between checks of a deadline */

/* Progress handler: interrupts the statement after its deadline. */
static int is_past_deadline(void *deadline_us)
{
    return clock_steady_us() > *(const int64_t *)deadline_us;
}

int sqlite_deadline_step(sqlite3_stmt *statement, int64_t deadline_us)
{
    sqlite3 *db = sqlite3_db_handle(statement);
    if (!deadline_us) {
        return sqlite3_step(statement);
    }
    sqlite3_progress_handler(db, CHECK_STEPS, is_past_deadline, &deadline_us);
    int code = sqlite3_step(statement);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    return code;
}
