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

/* --- what is counted by ---------------------------------------------------------------------- */

/* A table of routes, and the number of its first one among all calls. */
struct table {
    const struct route *routes;
    size_t count, first;
};

static struct {
    struct table *tables;
    size_t tables_count;
    size_t first_none;               /* of the calls that lead nowhere, one a method */
    size_t statuses[STATUS_MAX + 1]; /* the place of each among those that are counted */
    size_t codes[ERR_COUNT];         /* the same */
    size_t pool;
} counted;

static const char *const none[METHOD_COUNT + 1] = {
    [METHOD_GET] = "GET none",     [METHOD_POST] = "POST none",     [METHOD_PUT] = "PUT none",
    [METHOD_PATCH] = "PATCH none", [METHOD_DELETE] = "DELETE none", [METHOD_COUNT] = "other none",
};

static size_t count_routes(const struct route *routes)
{
    size_t count = 0;
    while (routes[count].pattern) {
        count++;
    }
    return count;
}

static void prepare_calls(struct arena *arena, const struct resource *resources)
{
    size_t tables_count = 0, calls_count = 0;
    for (; resources[tables_count].routes; tables_count++) {
        calls_count += count_routes(resources[tables_count].routes);
    }
    counted.tables = must_alloc(tables_count * sizeof *counted.tables);
    counted.tables_count = tables_count;
    counted.first_none = calls_count;
    const char **calls =
        arena_array(arena, calls_count + sizeof none / sizeof *none + 1, sizeof *calls);
    const char **call = calls;
    for (size_t i = 0; i < tables_count; i++) {
        const struct route *routes = resources[i].routes;
        counted.tables[i] = (struct table){routes, count_routes(routes), (size_t)(call - calls)};
        for (; routes->pattern; routes++) {
            *call++ = arena_format(arena, "%s %s", method_names[routes->method], routes->pattern);
        }
    }
    memcpy(call, none, sizeof none);
    metrics_set_values(METRIC_CALLS, calls);
}

/* Several errors may have one code. */
static void prepare_codes(void)
{
    static const char *codes[ERR_COUNT + 1];
    size_t count = 0;
    for (int id = 0; id < ERR_COUNT; id++) {
        const char *code = problem_code((enum error_id)id);
        size_t place = 0;
        while (place < count && strcmp(codes[place], code) != 0) {
            place++;
        }
        counted.codes[id] = place;
        codes[place] = code;
        count += place == count;
    }
    codes[count] = NULL;
    metrics_set_values(METRIC_CODES, codes);
}

static void prepare_statuses(void)
{
    for (int status = 0; status <= STATUS_MAX; status++) {
        char text[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                       (char)('0' + status % 10), '\0'};
        counted.statuses[status] =
            metrics_series(METRIC_RESPONSES, none[METHOD_COUNT], text) -
            metrics_series_at(METRIC_RESPONSES, counted.first_none + METHOD_COUNT, 0);
    }
}

void access_prepare(const struct resource *resources)
{
    static struct arena *names; /* for as long as the process lives */
    if (names) {
        arena_free(&names);
        free(counted.tables);
    }
    names = arena_new();
    prepare_calls(names, resources);
    prepare_codes();
    prepare_statuses();
}

void access_enter(enum pool_id pool)
{
    counted.pool = pool;
}

/* The number of what is called, among METRIC_CALLS. */
static size_t call_of(const struct request *request)
{
    for (size_t i = 0; i < counted.tables_count && request->route; i++) {
        const struct table *table = &counted.tables[i];
        if (request->route >= table->routes && request->route < table->routes + table->count) {
            return table->first + (size_t)(request->route - table->routes);
        }
    }
    return counted.first_none + request->method;
}

/* --- the steps of a request ------------------------------------------------------------------ */

void access_begin(struct access *access)
{
    *access =
        (struct access){.started_us = clock_steady_us(), .spent = spent_times, .queue_us = -1};
}

/* nginx's time is seconds with three decimals. */
void access_queued(struct access *access, const struct request *request)
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
    access->queue_us = ms > 0 ? ms * US_PER_MS : 0; /* a clock may be set back */
    metrics_observe(METRIC_QUEUE_TIME, metrics_series_at(METRIC_QUEUE_TIME, counted.pool, 0),
                    access->queue_us);
}

void access_routed(const struct request *request)
{
    if (counted.tables && !request->asks && !request->early) {
        metrics_add(METRIC_REQUESTS, metrics_series_at(METRIC_REQUESTS, call_of(request), 0), 1);
    }
}

void access_handled(struct access *access)
{
    access->handled_us = clock_steady_us();
    for (size_t i = 0; i < SPENT_COUNT; i++) {
        access->spent.us[i] = spent_times.us[i] - access->spent.us[i];
    }
}

void access_committed(struct access *access)
{
    access->committed_us = clock_steady_us();
}

/* --- the path -------------------------------------------------------------------------------- */

/* Whether what follows the segment is a secret. */
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

/* Compares with a shape: 'd' is a decimal digit, 'x' a hexadecimal one; all else stands for itself.
 * Returns what follows, or NULL. */
static const char *skip_shape(const char *text, const char *shape)
{
    for (; *shape; shape++, text++) {
        unsigned char c = (unsigned char)*text;
        if (*shape == 'd'   ? !isdigit(c)
            : *shape == 'x' ? !isxdigit(c)
                            : c != (unsigned char)*shape) {
            return NULL;
        }
    }
    return text;
}

/* Names that only look random: of entries of the directory, and of files. */
static bool is_identifier(const char *segment)
{
    enum { EXTENSION_MAX = 5 };
    const char *rest = skip_shape(segment, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    if (rest && !*rest) {
        return true;
    }
    rest = skip_shape(segment, "dddddddd_dddddd_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.");
    return rest && strlen(rest) <= EXTENSION_MAX;
}

/* True if the segment has a long run of letters and digits, as tokens, keys and digests have: words
 * are shorter, or have one case and no digit. */
static bool looks_random(const char *segment)
{
    enum { SHORTEST = 20 };
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
        if (run >= SHORTEST && !!digits + !!upper + !!lower > 1) {
            return true;
        }
    }
    return false;
}

/* The name of the placeholder that a segment of the path stands for; NULL if it is a fixed one. */
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

/* True for a segment that stands for a number and is none: it may be anything, a secret too. */
static bool is_misplaced(const struct request *request, size_t i)
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
           (is_identifier(segment) || !looks_random(segment)) && !is_misplaced(request, i) &&
           !(i && leads_to_secret(request->segments[i - 1]));
}

/* How much of a path may be shown. The segments say what it means, decoded; it is as it came. */
static size_t shown_length(const struct request *request, size_t length)
{
    const char *uri = request->headers.uri;
    size_t at = 0; /* of the slash before a segment */
    for (size_t i = 0; i < request->segments_count; i++) {
        if (!access_is_loggable(request, i)) {
            return at + 1;
        }
        at += 1 + strcspn(uri + at + 1, "/?");
    }
    return at < length && length > 1 ? at + 1
                                     : length; /* what could not be taken apart is not shown */
}

static const char *mask_after(const struct request *request, size_t shown)
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
    size_t shown = shown_length(request, length);
    if (shown == length) {
        jsonw_bytes(json, key, uri, length);
    } else {
        jsonw_string(json, key, mask_after(request, shown));
    }
}

const char *access_masked_path(const struct request *request)
{
    size_t length = strcspn(request->headers.uri, "?");
    size_t shown = shown_length(request, length);
    return shown == length ? NULL : mask_after(request, shown);
}

/* --- the end --------------------------------------------------------------------------------- */

static void write_stage(struct jsonw *json, const char *key, int64_t us)
{
    if (us > 0) {
        jsonw_integer(json, key, us);
    }
}

static int64_t body_length(const struct request *request)
{
    const char *length = request->headers.content_length;
    return *length ? strtoll(length, NULL, DECIMAL) : 0;
}

/* A method that HTTP does not define may be any text of the client's. */
static const char *logged_method(const struct request *request)
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

static void write_line(const struct access *access, const struct request *request,
                       const struct reply *reply, const struct error *error, int64_t duration_us)
{
    struct jsonw *json = log_begin(LOG_LEVEL_INFO, "request");
    jsonw_string(json, "method", logged_method(request));
    jsonw_string(json, "route", request->route ? request->route->pattern : NULL);
    access_write_path(json, "path", request);
    jsonw_integer(json, "status", reply->status);
    if (error) {
        jsonw_string(json, "code", problem_code(error->id));
    }
    jsonw_integer(json, "duration_us", duration_us);
    write_stage(json, "queue_us", access->queue_us);
    write_stage(json, "auth_us", request->auth_us);
    write_stage(json, "handler_us", access->handled_us - access->started_us - request->auth_us);
    write_stage(json, "database_us", access->spent.us[SPENT_DATABASE]);
    write_stage(json, "directory_us", access->spent.us[SPENT_DIRECTORY]);
    write_stage(json, "storage_us", access->spent.us[SPENT_STORAGE]);
    write_stage(json, "commit_us",
                access->committed_us ? access->committed_us - access->handled_us : 0);
    jsonw_integer(json, "body_in", body_length(request));
    jsonw_integer(json, "body_out", (int64_t)reply->body.length);
    jsonw_string(json, "actor", request->actor);
    jsonw_string(json, "address", request->headers.address);
    log_end();
}

static void count_answer(const struct request *request, const struct reply *reply,
                         const struct error *error, int64_t duration_us)
{
    size_t call = call_of(request);
    /* not counted on arrival: the complete request may come again */
    if (request->asks || request->early) {
        metrics_add(METRIC_REQUESTS, metrics_series_at(METRIC_REQUESTS, call, 0), 1);
    }
    bool usual = reply->status >= 0 && reply->status <= STATUS_MAX;
    size_t status = counted.statuses[usual ? reply->status : 0];
    metrics_add(METRIC_RESPONSES, metrics_series_at(METRIC_RESPONSES, call, status), 1);
    metrics_observe(METRIC_RESPONSE_TIME, metrics_series_at(METRIC_RESPONSE_TIME, call, 0),
                    duration_us);
    if (error) {
        metrics_add(METRIC_ERRORS, metrics_series_at(METRIC_ERRORS, counted.codes[error->id], 0),
                    1);
    }
}

void access_end(const struct access *access, const struct request *request,
                const struct reply *reply, const struct error *error)
{
    int64_t duration_us = clock_steady_us() - access->started_us;
    if (counted.tables) {
        count_answer(request, reply, error, duration_us);
    }
    if (log_enabled(LOG_LEVEL_INFO) && space_is_critical()) {
        metrics_add(METRIC_LOG_LINES_DROPPED, 0, 1);
    } else if (log_enabled(LOG_LEVEL_INFO)) {
        write_line(access, request, reply, error, duration_us);
    }
}
