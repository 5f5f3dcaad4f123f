/* See metrics.h. */
#include "base/metrics.h"

#include "base/shared.h"
#include "base/version.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LABELS = 2,
    VALUES_MAX = 256,  /* maximum number of label values that metrics_set_values() accepts */
    CELLS_MAX = 16384, /* maximum number of cells per stripe */
    STRIPES = 16,
    PAGE = 4096,
    US_DIGITS = 6, /* decimal places of seconds that are stored in microseconds */
};

/* --- table of metrics ------------------------------------------------------------------------ */

enum kind {
    COUNTER,
    COUNTER_OF_SECONDS, /* stored in microseconds, exported in seconds */
    GAUGE,
    HISTOGRAM,
};

struct label {
    const char *name;          /* NULL: no label */
    const char *const *values; /* NULL-terminated */
    /* name of the second label: each value has two parts, separated by a space; NULL: one label */
    const char *second_name;
};

struct row {
    const char *name, *help;
    enum kind kind;
    struct label labels[LABELS];
    bool sparse; /* series whose value is 0 are not exported */
};

static const char other[] = "other";

static const char *calls[VALUES_MAX + 1] = {"other none"};
static const char *codes[VALUES_MAX + 1] = {other};

static const char *const statuses[] = {"200", "201", "204", "206", "302", "303", "304", "400",
                                       "401", "403", "404", "405", "409", "412", "413", "415",
                                       "416", "429", "500", "503", other, NULL};
static const char *const database_operations[] = {"read", "write", "commit", NULL};
static const char *const directory_operations[] = {
    "search", "add", "modify", "rename", "delete", "bind", "connect", "probe", other, NULL};
static const char *const storage_operations[] = {"stage", "place", "delete", "check", NULL};
static const char *const directory_failures[] = {"silent", "lost", "credentials", "result", NULL};
static const char *const controller_states[] = {"up", "down", "unknown", NULL};
static const char *const pools[] = {"core",    "auth",  "overflow", "directory",
                                    "filters", "files", "uploads",  NULL};
static const char *const process_groups[] = {"core",  "auth",    "overflow", "directory", "filters",
                                             "files", "uploads", "house",    "spool",     NULL};
static const char *const worker_states[] = {"busy", "idle", NULL};
static const char *const reload_results[] = {"taken", "refused", NULL};
static const char *const versions[] = {KONTORA_VERSION, NULL};

static const char *const token_results[] = {"valid",   "malformed", "unknown",
                                            "expired", "used_up",   NULL};
static const char *const purged_tables[] = {
    "sessions", "refresh_tokens", "login_failures", "login_sources", "idempotency_keys",
    "tokens",   "invitations",    "email_links",    "api_keys",      "api_key_secrets",
    NULL};

/* Two labels with one array of values: each value is a method, a space and a route. */
#define CALL "method", calls, "route"

static const struct row rows[METRIC_COUNT] = {
    [METRIC_REQUESTS] = {"kontora_http_requests_total",
                         "Requests whose handling a worker has started.",
                         COUNTER,
                         {{CALL}},
                         .sparse = true},
    [METRIC_RESPONSES] = {"kontora_http_responses_total",
                          "Responses that workers have sent to nginx.",
                          COUNTER,
                          {{CALL}, {"status", statuses}},
                          .sparse = true},
    [METRIC_RESPONSE_TIME] = {"kontora_http_response_duration_seconds",
                              "Time from reading a request to sending its response.",
                              HISTOGRAM,
                              {{CALL}},
                              .sparse = true},
    [METRIC_QUEUE_TIME] = {"kontora_http_queue_duration_seconds",
                           "Time that requests waited for a worker, with millisecond resolution.",
                           HISTOGRAM,
                           {{"pool", pools}},
                           .sparse = true},
    [METRIC_ERRORS] = {"kontora_http_errors_total",
                       "Error responses by error code.",
                       COUNTER,
                       {{"code", codes}}},
    [METRIC_AUDIT_FAILURES] = {"kontora_audit_failures_total",
                               "Audit log lines that could not be written.", COUNTER},
    [METRIC_LOG_LINES_DROPPED] =
        {"kontora_log_lines_dropped_total",
         "Access log lines that were dropped because less than half of the "
         "disk reserve was free.",
         COUNTER},
    [METRIC_DISK_FREE] = {"kontora_disk_free_bytes",
                          "Free space of the watched file system with the least free space.",
                          GAUGE},
    [METRIC_DISK_RESERVE] = {"kontora_disk_reserve_bytes",
                             "Free space that is reserved: writes of untrusted callers are "
                             "refused below it. 0: no reserve.",
                             GAUGE},
    [METRIC_DATABASE_TIME] = {"kontora_database_operation_duration_seconds",
                              "Duration of read queries, of write transactions including the wait "
                              "for other writers, and of SQLite's group commits.",
                              HISTOGRAM,
                              {{"operation", database_operations}}},
    [METRIC_DATABASE_UP] = {"kontora_database_up", "1 if the database is reachable, else 0.",
                            GAUGE},
    [METRIC_DATABASE_LOG] = {"kontora_database_wal_bytes",
                             "Size of SQLite's write-ahead log; 0 on PostgreSQL.", GAUGE},
    [METRIC_DIRECTORY_TIME] = {"kontora_directory_operation_duration_seconds",
                               "Duration of directory operations.",
                               HISTOGRAM,
                               {{"operation", directory_operations}}},
    [METRIC_DIRECTORY_ERRORS] = {"kontora_directory_errors_total",
                                 "Failed directory operations by reason: silent (timeout), lost "
                                 "(connection failed or broke), credentials (service account "
                                 "rejected), result (error result).",
                                 COUNTER,
                                 {{"operation", directory_operations},
                                  {"reason", directory_failures}}},
    [METRIC_DIRECTORY_OPEN] = {"kontora_directory_circuit_open",
                               "1 while all domain controllers are down, so that only the "
                               "housekeeper contacts them.",
                               GAUGE},
    [METRIC_DIRECTORY_CONTROLLERS] = {"kontora_directory_controllers",
                                      "Domain controllers by state at the last check.",
                                      GAUGE,
                                      {{"state", controller_states}}},
    [METRIC_STORAGE_TIME] =
        {"kontora_storage_operation_duration_seconds",
         "Duration of file storage operations. stage: the time spent on writing "
         "an upload, without waiting for the client.",
         HISTOGRAM,
         {{"operation", storage_operations}}},
    [METRIC_POOL_SIZE] = {"kontora_pool_size",
                          "Configured number of workers.",
                          GAUGE,
                          {{"pool", pools}}},
    [METRIC_POOL_WORKERS] = {"kontora_pool_workers",
                             "Running workers by state. A core worker is busy while it serves "
                             "any of its connections.",
                             GAUGE,
                             {{"pool", pools}, {"state", worker_states}}},
    [METRIC_POOL_CONNECTIONS] = {"kontora_pool_connections",
                                 "Open connections from nginx to workers.",
                                 GAUGE,
                                 {{"pool", pools}}},
    [METRIC_POOL_BUSY] = {"kontora_pool_busy_seconds_total",
                          "Time that all workers of a pool together have spent on requests.",
                          COUNTER_OF_SECONDS,
                          {{"pool", pools}}},
    [METRIC_WORKER_STARTS] = {"kontora_worker_starts_total",
                              "Child processes started, for any reason.",
                              COUNTER,
                              {{"pool", process_groups}}},
    [METRIC_WORKER_RESTARTS] = {"kontora_worker_restarts_total",
                                "Child processes that crashed and were restarted.",
                                COUNTER,
                                {{"pool", process_groups}}},
    [METRIC_RELOADS] = {"kontora_configuration_reloads_total",
                        "Reloads of the configuration by result.",
                        COUNTER,
                        {{"result", reload_results}}},
    [METRIC_START_TIME] = {"kontora_start_time_seconds",
                           "Start time of the service in seconds since the epoch.", GAUGE},
    [METRIC_BUILD] = {"kontora_build_info",
                      "Always 1; the label is the version.",
                      GAUGE,
                      {{"version", versions}}},
    [METRIC_TOKENS_ISSUED] = {"kontora_tokens_issued_total", "Tokens issued.", COUNTER},
    [METRIC_TOKEN_CHECKS] = {"kontora_token_checks_total",
                             "Token checks by result.",
                             COUNTER,
                             {{"result", token_results}}},
    [METRIC_TOKENS_REVOKED] = {"kontora_tokens_revoked_total",
                               "Tokens revoked before their expiry.", COUNTER},
    [METRIC_REFRESH_REUSE] = {"kontora_refresh_reuse_total",
                              "Sessions terminated because an already rotated refresh token was "
                              "used again, which indicates theft.",
                              COUNTER},
    [METRIC_PURGED] = {"kontora_purged_rows_total",
                       "Expired rows deleted, by table.",
                       COUNTER,
                       {{"table", purged_tables}}},
};

/* Upper bounds of the buckets of a histogram; the last bucket is unbounded. */
static const struct bound {
    int64_t us;
    const char *seconds;
} bounds[] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"},
};

enum {
    BOUNDS = sizeof bounds / sizeof *bounds,
    SUM_CELL = BOUNDS + 1, /* index of the cell with the sum of durations */
    HISTOGRAM_CELLS,
};

/* --- cells ----------------------------------------------------------------------------------- */

/* Position of the cells of a metric within a stripe. */
struct metric_layout {
    size_t start;  /* index of the first cell */
    size_t width;  /* cells per series */
    size_t series; /* number of series */
    size_t second; /* number of values of the second label; 1 if there is no such label */
};

static struct {
    struct metric_layout of[METRIC_COUNT];
    size_t size; /* cells per stripe; 0: not computed yet */
} layout;

static _Atomic int64_t own_cells[CELLS_MAX];
static _Atomic int64_t *cells = own_cells;
static size_t stripes = 1;
static _Atomic int64_t *own_stripe = own_cells; /* the stripe that this process adds to */

/* Returns 1 if there is no label. */
static size_t count_label_values(const struct label *label)
{
    size_t count = 0;
    while (label->name && label->values[count]) {
        count++;
    }
    return count ? count : 1;
}

static void compute_layout(void)
{
    size_t start = 0;
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        size_t second = count_label_values(&row->labels[1]);
        layout.of[i] = (struct metric_layout){
            .start = start,
            .width = row->kind == HISTOGRAM ? HISTOGRAM_CELLS : 1,
            .series = count_label_values(&row->labels[0]) * second,
            .second = second,
        };
        start += layout.of[i].series * layout.of[i].width;
    }
    if (start > CELLS_MAX) {
        abort(); /* a bug: CELLS_MAX is too small for the table */
    }
    layout.size = start;
}

static const struct metric_layout *get_layout(enum metric metric)
{
    if (!layout.size) {
        compute_layout();
    }
    return &layout.of[metric];
}

void metrics_set_values(enum metric_values which, const char *const *values)
{
    const char **list = which == METRIC_CALLS ? calls : codes;
    size_t count = 0;
    for (; values[count]; count++) {
        if (count == VALUES_MAX) {
            abort(); /* a bug: VALUES_MAX is too small */
        }
        list[count] = values[count];
    }
    list[count] = NULL;
    layout.size = 0;
}

static size_t stripe_size(void)
{
    size_t cells_a_page = PAGE / sizeof *cells;
    return (layout.size + cells_a_page - 1) / cells_a_page * cells_a_page;
}

void metrics_share(void)
{
    compute_layout();
    cells = shared_alloc(STRIPES * stripe_size() * sizeof *cells);
    stripes = STRIPES;
    metrics_select_stripe(0);
}

void metrics_select_stripe(size_t number)
{
    own_stripe = &cells[stripes > 1 ? number % stripes * stripe_size() : 0];
}

/* Returns the index within a stripe of the first cell of a series. */
static size_t find_first_cell(enum metric metric, size_t series)
{
    const struct metric_layout *at = get_layout(metric);
    if (series >= at->series) {
        abort(); /* a bug in the caller */
    }
    return at->start + series * at->width;
}

/* Returns the index of a label value, or that of "other" if the value is unknown. */
static size_t find_label_value(const struct label *label, const char *value)
{
    size_t i = 0;
    if (!label->name) {
        return 0;
    }
    while (label->values[i] && strcmp(label->values[i], value) != 0) {
        i++;
    }
    if (label->values[i]) {
        return i;
    }
    if (!i || strcmp(label->values[i - 1], other) != 0) {
        abort(); /* a bug in the caller: the label has no value "other" */
    }
    return i - 1;
}

size_t metrics_series_at(enum metric metric, size_t first, size_t second)
{
    return first * get_layout(metric)->second + second;
}

size_t metrics_series(enum metric metric, const char *first, const char *second)
{
    const struct label *labels = rows[metric].labels;
    return metrics_series_at(metric, find_label_value(&labels[0], first),
                             find_label_value(&labels[1], second));
}

static void add_to_cell(size_t cell, int64_t count)
{
    atomic_fetch_add_explicit(&own_stripe[cell], count, memory_order_relaxed);
}

/* Returns the sum of a cell over all stripes. */
static int64_t sum_cell(size_t cell)
{
    int64_t sum = 0;
    for (size_t i = 0; i < stripes; i++) {
        sum += atomic_load_explicit(&cells[i * stripe_size() + cell], memory_order_relaxed);
    }
    return sum;
}

void metrics_add(enum metric metric, size_t series, int64_t count)
{
    add_to_cell(find_first_cell(metric, series), count);
}

/* Gauges use only the first stripe: the last value that was set is valid. */
void metrics_set(enum metric metric, size_t series, int64_t value)
{
    atomic_store_explicit(&cells[find_first_cell(metric, series)], value, memory_order_relaxed);
}

void metrics_observe(enum metric metric, size_t series, int64_t duration_us)
{
    size_t cell = find_first_cell(metric, series), bucket = 0;
    while (bucket < BOUNDS && duration_us > bounds[bucket].us) {
        bucket++;
    }
    add_to_cell(cell + bucket, 1);
    add_to_cell(cell + SUM_CELL, duration_us);
}

int64_t metrics_value(enum metric metric, size_t series)
{
    size_t cell = find_first_cell(metric, series);
    size_t buckets = rows[metric].kind == HISTOGRAM ? BOUNDS + 1 : 1;
    int64_t sum = 0;
    for (size_t i = 0; i < buckets; i++) {
        sum += sum_cell(cell + i);
    }
    return sum;
}

/* --- exposition format ----------------------------------------------------------------------- */

/* Writes name="value". Splits a value that contains two labels at its space. */
static void write_label(struct buffer *out, const struct label *label, const char *value)
{
    const char *space = label->second_name ? strchr(value, ' ') : NULL;
    if (space) {
        buffer_format(out, "%s=\"%.*s\",%s=\"%s\"", label->name, (int)(space - value), value,
                      label->second_name, space + 1);
    } else {
        buffer_format(out, "%s=\"%s\"", label->name, value);
    }
}

/* Writes name_suffix{labels,le="bound"} and a space. */
static void write_series_name(struct buffer *out, enum metric metric, size_t series,
                              const char *suffix, const char *bound)
{
    const struct row *row = &rows[metric];
    size_t second = get_layout(metric)->second;
    size_t values[LABELS] = {series / second, series % second};
    const char *before = "{";
    buffer_format(out, "%s%s", row->name, suffix);
    for (size_t i = 0; i < LABELS && row->labels[i].name; i++) {
        buffer_add_string(out, before);
        write_label(out, &row->labels[i], row->labels[i].values[values[i]]);
        before = ",";
    }
    if (bound) {
        buffer_format(out, "%sle=\"%s\"", before, bound);
        before = ",";
    }
    buffer_add_string(out, *before == ',' ? "} " : " ");
}

static void write_number(struct buffer *out, int64_t integer, int scale)
{
    buffer_add_decimal(out, integer, scale);
    buffer_add_char(out, '\n');
}

static void write_histogram(struct buffer *out, enum metric metric, size_t series)
{
    size_t cell = find_first_cell(metric, series);
    int64_t count = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        count += sum_cell(cell + i);
        write_series_name(out, metric, series, "_bucket", i < BOUNDS ? bounds[i].seconds : "+Inf");
        write_number(out, count, 0);
    }
    write_series_name(out, metric, series, "_sum", NULL);
    write_number(out, sum_cell(cell + SUM_CELL), US_DIGITS);
    write_series_name(out, metric, series, "_count", NULL);
    write_number(out, count, 0);
}

static void write_metric_series(struct buffer *out, enum metric metric, size_t series)
{
    int64_t value = metrics_value(metric, series);
    if (rows[metric].sparse && !value) {
        return;
    }
    if (rows[metric].kind == HISTOGRAM) {
        write_histogram(out, metric, series);
        return;
    }
    write_series_name(out, metric, series, "", NULL);
    write_number(out, value, rows[metric].kind == COUNTER_OF_SECONDS ? US_DIGITS : 0);
}

void metrics_write(struct buffer *out)
{
    static const char *const kinds[] = {"counter", "counter", "gauge", "histogram"};
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                      kinds[row->kind]);
        for (size_t series = 0; series < get_layout((enum metric)i)->series; series++) {
            write_metric_series(out, (enum metric)i, series);
        }
    }
}
