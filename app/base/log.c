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
    MESSAGE_SIZE = 2048, /* longer messages are cut */
    PROCESS_SIZE = 64,
    STREAM_SIZE = 48,
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

/* The same for the journal: syslog(3)'s debug, info, warning and error (sd-daemon(3)). */
static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};

static struct {
    int fd;
    enum log_level level;
    char *path; /* NULL: standard error */
    const char *request_id;
    bool journal; /* standard error leads to it */
    const char *pool;
    char process[PROCESS_SIZE]; /* what all lines of this process have in common */
    struct buffer lines;        /* the one that is being written, behind those that wait */
    size_t start;               /* of that one */
    enum log_level line_level;
    bool holding;
    bool torn; /* the last byte that was written is in the middle of a line */
    struct jsonw json;
} sink = {.fd = STDERR_FILENO, .level = LOG_LEVEL_INFO, .pool = "master"};

/* Whether a descriptor is the stream to the journal that JOURNAL_STREAM names, device:inode: one that
 * was redirected since is not (systemd.exec(5)). */
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

const char *log_priority(enum log_level level)
{
    return is_journal(STDERR_FILENO) ? priorities[level] : "";
}

bool log_open(enum log_level level, const char *path)
{
    log_forked(sink.pool);
    sink.level = level;
    int fd = *path ? file_open_append(path) : STDERR_FILENO;
    if (fd < 0) {
        return false; /* the open file stays, and so does its path for the next rotation */
    }
    if (sink.fd != STDERR_FILENO) {
        close(sink.fd);
    }
    free(sink.path);
    sink.path = *path ? must_string(path) : NULL;
    sink.fd = fd;
    sink.torn = false;
    sink.journal = is_journal(fd);
    return true;
}

void log_forked(const char *pool)
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
        log_error("cannot open the log %s again: %s", sink.path, strerror(errno));
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

/* A log that cannot be written has nowhere to say so; the service goes on without it. A line of which only
 * the beginning could be written, on a disk that is full, is ended before the next one. */
static void write_lines(size_t length)
{
    if (!sink.torn || file_write(sink.fd, "\n", 1) == 1) {
        size_t written = file_write(sink.fd, sink.lines.bytes, length);
        sink.torn = written && written < length && sink.lines.bytes[written - 1] != '\n';
    }
    sink.lines.length -= length;
    memmove(sink.lines.bytes, sink.lines.bytes + length, sink.lines.length);
}

bool log_waits(void)
{
    return sink.lines.length;
}

void log_flush(void)
{
    sink.holding = false;
    if (sink.lines.length) {
        write_lines(sink.lines.length);
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
    if (sink.start && sink.lines.length > PIPE_BUF) { /* more than that, and a pipe may mix lines */
        write_lines(sink.start);
    }
    if (!sink.holding || sink.line_level >= LOG_LEVEL_WARNING) {
        write_lines(sink.lines.length);
    }
}

static void log_message(enum log_level level, const char *format, va_list arguments)
{
    char message[MESSAGE_SIZE];
    if (log_enabled(level)) {
        vsnprintf(message, sizeof message, format, arguments);
        log_begin(level, message);
        log_end();
    }
}

#define DEFINE_LEVEL(function, level)                                                              \
    void function(const char *format, ...)                                                         \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        log_message(level, format, arguments);                                                     \
        va_end(arguments);                                                                         \
    }

DEFINE_LEVEL(log_debug, LOG_LEVEL_DEBUG)
DEFINE_LEVEL(log_info, LOG_LEVEL_INFO)
DEFINE_LEVEL(log_warning, LOG_LEVEL_WARNING)
DEFINE_LEVEL(log_error, LOG_LEVEL_ERROR)
