/* See access.h. */
#include "http/access.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/number.h"
#include "base/space.h"
#include "http/problem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    STATUS_MAX = 599,
    TOKEN_DIGITS = 6,
    MS_DIGITS = 3,
};

/* --- labels of the metrics ------------------------------------------------------------------- */

/* A table of routes, and the index of its first route among the values of the label `call`. */
struct table {
    const struct route *routes;
    size_t count, first;
};

static struct {
    struct table *tables;
    size_t tables_count;
    size_t first_none;               /* index of the first call without a route, one per method */
    size_t statuses[STATUS_MAX + 1]; /* index of each status among the values of its label */
    size_t codes[ERR_COUNT];         /* index of each error among the values of the label `code` */
    size_t pool;
} labels;

static const char *const calls_without_route[METHOD_COUNT + 1] = {
    [METHOD_GET] = "GET none",     [METHOD_POST] = "POST none",     [METHOD_PUT] = "PUT none",
    [METHOD_PATCH] = "PATCH none", [METHOD_DELETE] = "DELETE none", [METHOD_COUNT] = "other none",
};

static size_t table_length(const struct route *routes)
{
    size_t count = 0;
    while (routes[count].pattern) {
        count++;
    }
    return count;
}

static void register_calls(struct arena *arena, const struct resource *resources)
{
    size_t tables_count = 0, calls_count = 0;
    for (; resources[tables_count].routes; tables_count++) {
        calls_count += table_length(resources[tables_count].routes);
    }
    labels.tables = base_alloc(tables_count * sizeof *labels.tables);
    labels.tables_count = tables_count;
    labels.first_none = calls_count;
    const char **calls = arena_array(
        arena, calls_count + sizeof calls_without_route / sizeof *calls_without_route + 1,
        sizeof *calls);
    const char **call = calls;
    for (size_t i = 0; i < tables_count; i++) {
        const struct route *routes = resources[i].routes;
        labels.tables[i] = (struct table){routes, table_length(routes), (size_t)(call - calls)};
        for (; routes->pattern; routes++) {
            *call++ =
                arena_format(arena, "%s %s", route_method_names[routes->method], routes->pattern);
        }
    }
    memcpy(call, calls_without_route, sizeof calls_without_route);
    metrics_set_values(METRIC_CALLS, calls);
}

/* Several errors may share one code. */
static void register_codes(void)
{
    static const char *codes[ERR_COUNT + 1];
    size_t count = 0;
    for (int id = 0; id < ERR_COUNT; id++) {
        const char *code = problem_code((enum error_id)id);
        size_t place = 0;
        while (place < count && strcmp(codes[place], code) != 0) {
            place++;
        }
        labels.codes[id] = place;
        codes[place] = code;
        count += place == count;
    }
    codes[count] = NULL;
    metrics_set_values(METRIC_CODES, codes);
}

static void index_statuses(void)
{
    for (int status = 0; status <= STATUS_MAX; status++) {
        char text[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                       (char)('0' + status % 10), '\0'};
        labels.statuses[status] =
            metrics_series(METRIC_RESPONSES, calls_without_route[METHOD_COUNT], text) -
            metrics_series_at(METRIC_RESPONSES, labels.first_none + METHOD_COUNT, 0);
    }
}

void access_register_labels(const struct resource *resources)
{
    static struct arena *names; /* used until the process exits */
    if (names) {
        arena_free(&names);
        free(labels.tables);
    }
    names = arena_new();
    register_calls(names, resources);
    register_codes();
    index_statuses();
}

void access_set_pool(enum pool_id pool)
{
    labels.pool = pool;
}

/* Returns the index of the request's call among the values of METRIC_CALLS. */
static size_t index_of_call(const struct request *request)
{
    for (size_t i = 0; i < labels.tables_count && request->route; i++) {
        const struct table *table = &labels.tables[i];
        if (request->route >= table->routes && request->route < table->routes + table->count) {
            return table->first + (size_t)(request->route - table->routes);
        }
    }
    return labels.first_none + request->method;
}

/* --- stages of a request --------------------------------------------------------------------- */

void access_begin(struct access *access)
{
    *access =
        (struct access){.started_us = clock_steady_us(), .spent = spent_times, .queue_us = -1};
}

/* nginx sends the time in seconds with three decimals. */
void access_record_queue(struct access *access, const struct request *request)
{
    char *end;
    const char *sent = request->headers.sent;
    if (!*sent) {
        return;
    }
    int64_t seconds = strtoll(sent, &end, DECIMAL);
    if (*end != '.' || strlen(end + 1) != MS_DIGITS) {
        return;
    }
    int64_t ms = clock_wall_ms() - (seconds * 1000 + strtoll(end + 1, NULL, DECIMAL));
    access->queue_us = ms > 0 ? ms * US_PER_MS : 0; /* the clock may have been set back */
    metrics_observe(METRIC_QUEUE_TIME, metrics_series_at(METRIC_QUEUE_TIME, labels.pool, 0),
                    access->queue_us);
}

void access_count_request(const struct request *request)
{
    if (labels.tables && !request->asks && !request->early) {
        metrics_add(METRIC_REQUESTS, metrics_series_at(METRIC_REQUESTS, index_of_call(request), 0),
                    1);
    }
}

void access_record_result(struct access *access)
{
    access->handled_us = clock_steady_us();
    for (size_t i = 0; i < SPENT_COUNT; i++) {
        access->spent.us[i] = spent_times.us[i] - access->spent.us[i];
    }
}

void access_record_commit(struct access *access)
{
    access->committed_us = clock_steady_us();
}

/* --- masking of the path --------------------------------------------------------------------- */

/* True if the next segment is a secret: the segment ends in "valid". */
static bool leads_to_secret(const char *segment)
{
    static const char valid[] = "valid";
    size_t length = strlen(segment), tail = sizeof valid - 1;
    return length >= tail && !strcasecmp(segment + length - tail, valid);
}

static bool looks_like_token(const char *segment)
{
    for (const char *colon = strchr(segment, ':'); colon; colon = strchr(colon + 1, ':')) {
        size_t digits = 0;
        while (digits < TOKEN_DIGITS && colon - segment > (ptrdiff_t)digits &&
               isdigit((unsigned char)colon[-1 - (ptrdiff_t)digits])) {
            digits++;
        }
        if (digits == TOKEN_DIGITS) {
            return true;
        }
    }
    return false;
}

/* Compares the text with a pattern: 'd' is a decimal digit, 'x' a hexadecimal digit, any other
 * character itself. Returns the rest of the text, or NULL. */
static const char *skip_pattern(const char *text, const char *pattern)
{
    for (; *pattern; pattern++, text++) {
        unsigned char c = (unsigned char)*text;
        if (*pattern == 'd'   ? !isdigit(c)
            : *pattern == 'x' ? !isxdigit(c)
                              : c != (unsigned char)*pattern) {
            return NULL;
        }
    }
    return text;
}

/* True for names of directory entries and files, which look random but are not secret. */
static bool is_identifier(const char *segment)
{
    enum { EXTENSION_MAX = 5 };
    const char *rest = skip_pattern(segment, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    if (rest && !*rest) {
        return true;
    }
    rest = skip_pattern(segment, "dddddddd_dddddd_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.");
    return rest && strlen(rest) <= EXTENSION_MAX;
}

/* True if the segment has a long run of letters and digits of mixed kinds, like tokens, keys and
 * digests. Words are shorter, or have letters of one case and no digits. */
static bool looks_random(const char *segment)
{
    enum { RUN_MIN = 20 };
    for (size_t run = 0, digits = 0, upper = 0, lower = 0; *segment; segment++) {
        unsigned char c = (unsigned char)*segment;
        if (!isascii(c) || (!isalnum(c) && c != '-' && c != '_')) {
            run = digits = upper = lower = 0;
            continue;
        }
        run++;
        digits += isdigit(c) != 0;
        upper += isupper(c) != 0;
        lower += islower(c) != 0;
        if (run >= RUN_MIN && !!digits + !!upper + !!lower > 1) {
            return true;
        }
    }
    return false;
}

/* Returns the name of the placeholder that segment `i` matches; NULL if the pattern has a literal
 * there. */
static const char *placeholder_at(const struct request *request, size_t i, size_t *length_r)
{
    const char *pattern = request->route->pattern;
    for (size_t at = 0; pattern && at <= i; at++) {
        pattern = strchr(pattern, '/');
        pattern = pattern ? pattern + 1 : NULL;
    }
    if (!pattern || *pattern != '{') {
        return NULL;
    }
    *length_r = strcspn(pattern + 1, "}");
    return pattern + 1;
}

/* True if the route expects a number here and the segment is not one: it may be a secret. */
static bool is_not_expected_number(const struct request *request, size_t i)
{
    size_t length = 0;
    const char *name = request->route ? placeholder_at(request, i, &length) : NULL;
    const struct field *fields = name ? request->route->path : NULL;
    for (; fields && fields->name; fields++) {
        if (strlen(fields->name) == length && !memcmp(fields->name, name, length)) {
            return fields->type == FIELD_INTEGER && !request_parse_id(request->segments[i]);
        }
    }
    return false;
}

bool access_is_loggable(const struct request *request, size_t i)
{
    const char *segment = request->segments[i];
    return (request->route || i < request->segments_known) && !looks_like_token(segment) &&
           !strcasestr(segment, "signature=") &&
           (is_identifier(segment) || !looks_random(segment)) &&
           !is_not_expected_number(request, i) && !(i && leads_to_secret(request->segments[i - 1]));
}

/* Returns the length of the loggable part of the path. Decides by the decoded segments, and
 * measures the path as received. */
static size_t loggable_length(const struct request *request, size_t length)
{
    const char *uri = request->headers.uri;
    size_t at = 0; /* position of the slash before the segment */
    for (size_t i = 0; i < request->segments_count; i++) {
        if (!access_is_loggable(request, i)) {
            return at + 1;
        }
        at += 1 + strcspn(uri + at + 1, "/?");
    }
    /* Masks what could not be split into segments. */
    return at < length && length > 1 ? at + 1 : length;
}

static const char *mask_path(const struct request *request, size_t shown)
{
    static const char mask[] = "***";
    char *masked = arena_alloc(request->arena, shown + sizeof mask);
    memcpy(masked, request->headers.uri, shown);
    memcpy(masked + shown, mask, sizeof mask);
    return masked;
}

void access_write_path(struct jsonw *json, const char *key, const struct request *request)
{
    const char *uri = request->headers.uri;
    size_t length = strcspn(uri, "?");
    size_t shown = loggable_length(request, length);
    if (shown == length) {
        jsonw_bytes(json, key, uri, length);
    } else {
        jsonw_string(json, key, mask_path(request, shown));
    }
}

const char *access_masked_path(const struct request *request)
{
    const char *uri = request->headers.uri;
    size_t length = strcspn(uri, "?");
    size_t shown = loggable_length(request, length), printable = 0;
    while (printable < shown && (unsigned char)uri[printable] > ' ' && uri[printable] != 0x7F) {
        printable++; /* a header cannot contain control characters */
    }
    return printable == length ? NULL : mask_path(request, printable);
}

/* --- metrics and log line -------------------------------------------------------------------- */

static void write_duration(struct jsonw *json, const char *key, int64_t us)
{
    if (us > 0) {
        jsonw_integer(json, key, us);
    }
}

/* Returns the method if HTTP or WebDAV defines it, else "other": a client may send any text. */
static const char *loggable_method(const struct request *request)
{
    static const char *const defined[] = {"GET",    "HEAD",    "POST",    "PUT",   "PATCH",
                                          "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND"};
    for (size_t i = 0; i < sizeof defined / sizeof *defined; i++) {
        if (!strcmp(request->headers.method, defined[i])) {
            return defined[i];
        }
    }
    return "other";
}

static void write_access_line(const struct access *access, const struct request *request,
                              const struct reply *reply, const struct error *error,
                              int64_t duration_us)
{
    struct jsonw *json = log_begin(LOG_LEVEL_INFO, "request");
    jsonw_string(json, "method", loggable_method(request));
    jsonw_string(json, "route", request->route ? request->route->pattern : NULL);
    access_write_path(json, "path", request);
    jsonw_integer(json, "status", reply->status);
    if (error) {
        jsonw_string(json, "code", problem_code(error->id));
    }
    jsonw_integer(json, "duration_us", duration_us);
    write_duration(json, "queue_us", access->queue_us);
    write_duration(json, "auth_us", request->auth_us);
    write_duration(json, "handler_us", access->handled_us - access->started_us - request->auth_us);
    write_duration(json, "database_us", access->spent.us[SPENT_DATABASE]);
    write_duration(json, "directory_us", access->spent.us[SPENT_DIRECTORY]);
    write_duration(json, "storage_us", access->spent.us[SPENT_STORAGE]);
    write_duration(json, "commit_us",
                   access->committed_us ? access->committed_us - access->handled_us : 0);
    jsonw_integer(json, "body_in", strtoll(request->headers.content_length, NULL, DECIMAL));
    jsonw_integer(json, "body_out", (int64_t)reply->body.length);
    jsonw_string(json, "actor", request->actor);
    if (request->key_id) {
        jsonw_integer(json, "api_key_id", request->key_id);
    }
    jsonw_string(json, "address", request->headers.address);
    log_end();
}

static void count_reply(const struct request *request, const struct reply *reply,
                        const struct error *error, int64_t duration_us)
{
    size_t call = index_of_call(request);
    /* access_count_request() has not counted it, because the complete request may follow. */
    if (request->asks || request->early) {
        metrics_add(METRIC_REQUESTS, metrics_series_at(METRIC_REQUESTS, call, 0), 1);
    }
    bool is_known = reply->status >= 0 && reply->status <= STATUS_MAX;
    size_t status = labels.statuses[is_known ? reply->status : 0];
    metrics_add(METRIC_RESPONSES, metrics_series_at(METRIC_RESPONSES, call, status), 1);
    metrics_observe(METRIC_RESPONSE_TIME, metrics_series_at(METRIC_RESPONSE_TIME, call, 0),
                    duration_us);
    if (error) {
        metrics_add(METRIC_ERRORS, metrics_series_at(METRIC_ERRORS, labels.codes[error->id], 0), 1);
    }
}

void access_end(const struct access *access, const struct request *request,
                const struct reply *reply, const struct error *error)
{
    int64_t duration_us = clock_steady_us() - access->started_us;
    if (labels.tables) {
        count_reply(request, reply, error, duration_us);
    }
    if (log_enabled(LOG_LEVEL_INFO) && space_is_critical()) {
        metrics_add(METRIC_LOG_LINES_DROPPED, 0, 1);
    } else if (log_enabled(LOG_LEVEL_INFO)) {
        write_access_line(access, request, reply, error, duration_us);
    }
}
