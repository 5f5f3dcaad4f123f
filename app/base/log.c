/* See log.h. */
#include "base/log.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MESSAGE_SIZE = 2048, /* longer messages are truncated */
    PROCESS_SIZE = 64,   /* size of the text with pid and pool */
    STREAM_SIZE = 48,    /* size of the text DEVICE:INODE */
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

/* Priorities of the same levels for systemd's journal (sd-daemon(3)). */
static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};

static struct {
    int fd;
    enum log_level level;
    char *path; /* NULL: standard error */
    const char *request_id;
    bool journal; /* fd is connected to systemd's journal */
    const char *pool;
    char process[PROCESS_SIZE]; /* JSON members that all lines of this process share */
    struct buffer lines;        /* the waiting lines, then the line that is being formatted */
    size_t start;               /* offset in `lines` of the line that is being formatted */
    enum log_level line_level;  /* level of the line that is being formatted */
    bool holding;
    bool torn; /* the last write stopped in the middle of a line */
    struct jsonw json;
} sink = {.fd = STDERR_FILENO, .level = LOG_LEVEL_INFO, .pool = "master"};

/* True if the descriptor is the connection to the journal that JOURNAL_STREAM identifies as
 * DEVICE:INODE (systemd.exec(5)). False if the descriptor was redirected after systemd set it. */
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat facts;
    char text[STREAM_SIZE];
    if (!stream || fstat(fd, &facts) < 0) {
        return false;
    }
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)facts.st_dev, (uintmax_t)facts.st_ino);
    return !strcmp(stream, text);
}

const char *log_journal_priority(enum log_level level)
{
    return is_journal(STDERR_FILENO) ? priorities[level] : "";
}

bool log_open(enum log_level level, const char *path)
{
    log_set_process(sink.pool);
    sink.level = level;
    int fd = *path ? file_open_append(path) : STDERR_FILENO;
    if (fd < 0) {
        return false; /* keeps the open file, and its path for log_reopen() */
    }
    if (sink.fd != STDERR_FILENO) {
        close(sink.fd);
    }
    free(sink.path);
    sink.path = *path ? base_strdup(path) : NULL;
    sink.fd = fd;
    sink.torn = false;
    sink.journal = is_journal(fd);
    return true;
}

void log_set_process(const char *pool)
{
    sink.pool = pool;
    snprintf(sink.process, sizeof sink.process, ",\"pid\":%d,\"pool\":\"%s\"", (int)getpid(), pool);
}

void log_reopen(void)
{
    if (!sink.path) {
        return;
    }
    int fd = file_open_append(sink.path);
    if (fd < 0) {
        log_error("log: cannot reopen %s: %s", sink.path, strerror(errno));
        return;
    }
    close(sink.fd);
    sink.fd = fd;
    sink.torn = false;
}

void log_set_request(const char *request_id)
{
    sink.request_id = request_id;
}

bool log_enabled(enum log_level level)
{
    return level >= sink.level;
}

void log_hold(void)
{
    sink.holding = true;
}

/* Writes the first `length` bytes of `lines`. Ignores write errors: they cannot be logged, and the
 * service must continue without a log. If the last line was truncated because the disk was full,
 * terminates it first. */
static void write_held_lines(size_t length)
{
    if (!sink.torn || file_write(sink.fd, "\n", 1) == 1) {
        size_t written = file_write(sink.fd, sink.lines.bytes, length);
        sink.torn = written && written < length && sink.lines.bytes[written - 1] != '\n';
    }
    sink.lines.length -= length;
    memmove(sink.lines.bytes, sink.lines.bytes + length, sink.lines.length);
}

bool log_has_held_lines(void)
{
    return sink.lines.length;
}

void log_flush(void)
{
    sink.holding = false;
    if (sink.lines.length) {
        write_held_lines(sink.lines.length);
    }
}

struct jsonw *log_begin(enum log_level level, const char *message)
{
    sink.start = sink.lines.length;
    sink.line_level = level;
    sink.json = (struct jsonw){.out = &sink.lines};
    if (sink.journal) {
        buffer_add_string(&sink.lines, priorities[level]);
    }
    jsonw_open_object(&sink.json, NULL);
    jsonw_time(&sink.json, "time", clock_wall_ms());
    jsonw_string(&sink.json, "level", level_names[level]);
    jsonw_string(&sink.json, "message", message);
    buffer_add_string(&sink.lines, sink.process);
    if (sink.request_id) {
        jsonw_string(&sink.json, "request_id", sink.request_id);
    }
    return &sink.json;
}

void log_end(void)
{
    jsonw_close_object(&sink.json);
    buffer_add_char(&sink.lines, '\n');
    if (sink.start &&
        sink.lines.length > PIPE_BUF) { /* writes to a pipe are atomic up to PIPE_BUF */
        write_held_lines(sink.start);
    }
    if (!sink.holding || sink.line_level >= LOG_LEVEL_WARNING) {
        write_held_lines(sink.lines.length);
    }
}

static void write_message(enum log_level level, const char *format, va_list arguments)
{
    char message[MESSAGE_SIZE];
    if (log_enabled(level)) {
        vsnprintf(message, sizeof message, format, arguments);
        log_begin(level, message);
        log_end();
    }
}

/* Defines log_debug() and the like. */
#define DEFINE_LEVEL(function, level)                                                              \
    void function(const char *format, ...)                                                         \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        write_message(level, format, arguments);                                                   \
        va_end(arguments);                                                                         \
    }

DEFINE_LEVEL(log_debug, LOG_LEVEL_DEBUG)
DEFINE_LEVEL(log_info, LOG_LEVEL_INFO)
DEFINE_LEVEL(log_warning, LOG_LEVEL_WARNING)
DEFINE_LEVEL(log_error, LOG_LEVEL_ERROR)
