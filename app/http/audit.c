/* See audit.h. */
#include "http/audit.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/access.h"
#include "http/problem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCK_TRIES = 50, /* attempts, which take 100 ms in total */
    LOCK_PAUSE_NS = 2 * NS_PER_MS,
};

static struct {
    int fd;
    char *path;
} audit = {.fd = -1};

bool audit_open(const char *path)
{
    int fd = file_open_append(path);
    if (fd < 0) {
        return false;
    }
    if (audit.fd >= 0) {
        close(audit.fd);
    }
    free(audit.path);
    audit.path = base_strdup(path);
    audit.fd = fd;
    return true;
}

void audit_reopen(void)
{
    int fd = file_open_append(audit.path);
    if (fd < 0) {
        log_error("audit log: cannot reopen %s: %s", audit.path, strerror(errno));
        return;
    }
    close(audit.fd);
    audit.fd = fd;
}

/* Returns a segment of the path. That of a failed request is masked if it may be a secret sent by
 * mistake. */
static const char *audited_segment(const struct request *request, size_t i,
                                   const struct error *error)
{
    return error && !access_is_loggable(request, i) ? "***" : request->segments[i];
}

/* Returns the name of the changed object: set by the handler, or taken from the path. */
static const char *audited_object(const struct request *request, const struct error *error)
{
    const char *pattern = request->route->pattern, *wanted = request->route->resource;
    const char *found = NULL;
    if (request->subject) {
        return request->subject;
    }
    for (size_t i = 0; i < request->segments_count && *pattern; i++) {
        pattern = strchr(pattern, '/') + 1;
        size_t length = strcspn(pattern, "/");
        bool is_last = i + 1 == request->segments_count;
        bool is_wanted =
            wanted ? length == strlen(wanted) + 2 && !strncmp(pattern + 1, wanted, length - 2)
                   : is_last;
        if (*pattern == '{' && is_wanted) {
            found = audited_segment(request, i, error);
        }
    }
    return found;
}

static void write_optional_string(struct jsonw *json, const char *key, const char *text)
{
    if (text) {
        jsonw_string(json, key, text);
    }
}

static void write_deleted_dns(struct jsonw *json, const char *key, const char *const *dns)
{
    if (!dns) {
        return;
    }
    jsonw_open_array(json, key);
    for (; *dns; dns++) {
        jsonw_string(json, NULL, *dns);
    }
    jsonw_close_array(json);
}

/* Writes the delegations that allowed the change, unless nothing was changed. */
static void write_delegations(struct jsonw *json, const struct request *request,
                              const struct error *error)
{
    if (!request->delegations_count || (error && !error_may_follow_change(error))) {
        return;
    }
    jsonw_open_array(json, "delegations");
    for (size_t i = 0; i < request->delegations_count; i++) {
        jsonw_integer(json, NULL, request->delegations[i]);
    }
    jsonw_close_array(json);
}

/* Writes the values of the placeholders by name, if the path has several. */
static void write_path_values(struct jsonw *json, const struct request *request,
                              const struct error *error)
{
    const char *pattern = request->route->pattern;
    const char *first = strchr(pattern, '{');
    if (!first || !strchr(first + 1, '{')) {
        return;
    }
    for (size_t i = 0; i < request->segments_count; i++) {
        pattern = strchr(pattern, '/') + 1;
        if (*pattern == '{') {
            size_t length = strcspn(pattern + 1, "}");
            jsonw_string(json, arena_copy(request->arena, pattern + 1, length),
                         audited_segment(request, i, error));
        }
    }
}

/* Writes the values in the path, the names of known body fields, and the error with its details.
 * Omits values and names of unknown fields, because a client may have put a secret there. */
static void write_details(struct jsonw *json, const struct request *request,
                          const struct error *error)
{
    const struct schema *body = request->route->body;
    jsonw_open_object(json, "details");
    write_optional_string(json, "actor_id", request->actor_id);
    if (request->key_id) {
        jsonw_integer(json, "api_key_id", request->key_id);
    }
    write_optional_string(json, "dn", request->object_dn);
    write_optional_string(json, "moved_to", request->moved_dn);
    write_optional_string(json, "member_dn", request->member_dn);
    write_deleted_dns(json, error ? "possibly_deleted" : "deleted", request->deleted_dns);
    write_path_values(json, request, error);
    write_delegations(json, request, error);
    if (body && request->body) {
        jsonw_open_array(json, "fields");
        for (size_t i = 0; body->fields[i].name; i++) {
            if (request->body[i].state != VALUE_ABSENT) {
                jsonw_string(json, NULL, body->fields[i].name);
            }
        }
        jsonw_close_array(json);
    }
    if (error) {
        jsonw_string(json, "code", problem_code(error->id));
        write_optional_string(json, "reason", request->reason);
        problem_write_audit_details(json, error);
    }
    jsonw_close_object(json);
}

/* Locks the file. Gives up after LOCK_TRIES, because any process that can read the file can lock
 * it, and a stopped worker keeps its lock. Without the lock a line is still appended whole, unless
 * the disk becomes full at that moment. */
static void lock_file(void)
{
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        if (flock(audit.fd, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR)) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
}

/* Appends the whole line or nothing: a line cut off by a full disk would corrupt the next line too.
 * The lock prevents other workers from appending after a partial line that is about to be
 * truncated. */
static bool append_line(const struct buffer *line)
{
    lock_file();
    off_t end = lseek(audit.fd, 0, SEEK_END);
    bool written = end >= 0 && file_write(audit.fd, line->bytes, line->length) == line->length;
    int cause = errno;
    if (!written && end >= 0 && ftruncate(audit.fd, end) < 0) {
        log_error("audit log: cannot remove a partial line: %s", strerror(errno));
    }
    (void)flock(audit.fd, LOCK_UN);
    errno = cause;
    return written;
}

void audit_write(const struct request *request, const struct error *error)
{
    bool failed = error && error->id != ERR_RESULT_UNREAD; /* the change was made */
    struct buffer line = {.arena = request->arena};
    struct jsonw json = {.out = &line};
    jsonw_open_object(&json, NULL);
    jsonw_time(&json, "timestamp", clock_wall_ms());
    jsonw_string(&json, "actor", request->actor);
    jsonw_string(&json, "action", request->route->action);
    jsonw_string(&json, "resource_type", request->route->resource_type);
    jsonw_string(&json, "resource_id", audited_object(request, error));
    jsonw_string(&json, "status", failed ? "failure" : "success");
    jsonw_string(&json, "message",
                 error ? problem_message(error->id, LANGUAGE_EN) : request->route->summary.en);
    write_details(&json, request, error);
    jsonw_string(&json, "request_id", request->id);
    jsonw_string(&json, "address", request->headers.address);
    jsonw_close_object(&json);
    buffer_add_char(&line, '\n');
    if (!append_line(&line)) {
        const char *cause = strerror(errno);
        metrics_add(METRIC_AUDIT_FAILURES, 0, 1);
        /* The change is committed, so the line is kept in the service's log instead. */
        struct jsonw *log = log_begin(LOG_LEVEL_ERROR, "audit line not written");
        jsonw_string(log, "cause", cause);
        jsonw_bytes(log, "line", line.bytes, line.length - 1);
        log_end();
    }
}
