/*
 * Log: one JSON object a line, each written whole with one write(2) on an append-only descriptor, so that
 * lines of different processes never mix. Every line has time, level, message, pid and pool, and
 * inside a request its id. Nothing that is secret is ever handed to it.
 *
 * On a standard error that is the journal's, each line has its priority before it, as sd-daemon(3)
 * describes.
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

/* Sets the least level that is written, and opens `path` for appending; an empty path means
 * standard error. Until it is called, lines of level info and above go to standard error, without
 * pid and pool. */
bool log_open(enum log_level level, const char *path) MUST_CHECK;

/* In a new process: its lines shall carry its own id, and the name of its pool, which must live as
 * long as it. Before that it is the master. */
void log_forked(const char *pool);

/* What stands before a line of that level on standard error: a priority if that is the journal's, else
 * nothing. For what is printed there before the log is open. */
const char *log_priority(enum log_level level);

/* Opens the path again, after its file was renamed by log rotation. Keeps the old one on failure.
 */
void log_reopen(void);

/* The id that every following line carries; NULL: none. It must live until it is changed. */
void log_set_request(const char *request_id);

/* From the first to the second, lines of less than a warning may wait, to be written together: a call
 * of the system costs as much as all the rest of a line. A process that is killed loses those that wait. */
void log_hold(void);
void log_flush(void);

/* Whether there are any. */
bool log_waits(void);

bool log_enabled(enum log_level level);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line with members of its own: add them to what log_begin() returns, then log_end(). Only when
 * log_enabled(); only one line at a time. */
struct jsonw *log_begin(enum log_level level, const char *message);
void log_end(void);

#endif
