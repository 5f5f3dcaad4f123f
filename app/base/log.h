/*
 * Log: one JSON object per line. Each line is written with one write(2) to a descriptor in append
 * mode, so that lines of different processes never mix. A line has time, level, message, pid and
 * pool, and the request id while a request is handled. Callers must not log secrets.
 *
 * If standard error is connected to systemd's journal, each line is preceded by its priority, as
 * described in sd-daemon(3).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"
#include "base/jsonw.h"

#include <stdbool.h>

struct arena;

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
};

/* Sets the minimum level and opens `path` for appending; an empty path means standard error. Before
 * this call, lines of level info and above go to standard error, without pid and pool. Returns
 * false with errno set if the file cannot be opened; lines then go where they went before. */
bool log_open(enum log_level level, const char *path) MUST_CHECK;

/* Called in a child after fork(): sets the pid and the pool of all further lines. `pool` must live
 * as long as the process. The initial pool is "master". */
void log_set_process(const char *pool);

/* Returns the priority that precedes a line of this level if standard error is connected to the
 * journal, else "". Meant for lines that are printed to standard error without this log. */
const char *log_journal_priority(enum log_level level);

/* Reopens the log file, after log rotation has renamed it. Keeps the old file open on failure. */
void log_reopen(void);

/* Sets the request id of all further lines; NULL: no id. The string is not copied. */
void log_set_request(const char *request_id);

/* log_hold() makes lines below level warning wait in memory until log_flush() writes them together:
 * a system call costs as much CPU time as formatting a line. A process that is killed loses the
 * waiting lines. */
void log_hold(void);
void log_flush(void);

/* True if lines wait in memory. */
bool log_has_held_lines(void);

/* True if lines of this level are written. */
bool log_enabled(enum log_level level);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write a line with additional members: log_begin() starts the line and returns a writer for the
 * members; log_end() finishes the line. Must only be called if log_enabled() is true, for one line
 * at a time. */
struct jsonw *log_begin(enum log_level level, const char *message);
void log_end(void);

#endif
