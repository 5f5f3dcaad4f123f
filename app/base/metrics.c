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
    VALUES_MAX = 256,  /* of a list that is set */
    CELLS_MAX = 16384, /* of one stripe */
    STRIPES = 16,
    PAGE = 4096,
    US_DIGITS = 6, /* of a second's microseconds */
};

/* --- the table ------------------------------------------------------------------------------- */

enum kind {
    COUNTER,
    COUNTER_OF_SECONDS, /* counted in microseconds */
    GAUGE,
    HISTOGRAM,
};

struct label {
    const char *name;          /* NULL: none */
    const char *const *values; /* NULL ends */
    const char
        *rest; /* the label of what stands behind the space in a value; NULL: there is none */
};

struct row {
    const char *name, *help;
    enum kind kind;
    struct label labels[LABELS];
    bool sparse; /* most series never count anything: those that have not are left out */
};

static const char other[] = "other";

static const char *calls[VALUES_MAX + 1] = {"other none"};
static const char *codes[VALUES_MAX + 1] = {other};

static const char *const statuses[] = {"200", "201", "204", "206", "302", "303", "304", "400",
                                       "401", "403", "404", "405", "409", "412", "413", "415",
                                       "416", "429", "500", "503", other, NULL};
static const char *const queries[] = {"read", "write", "commit", NULL};
static const char *const operations[] = {"search", "add",     "modify", "rename", "delete",
                                         "bind",   "connect", "probe",  other,    NULL};
static const char *const storing[] = {"stage", "place", "delete", "check", NULL};
static const char *const reasons[] = {"silent", "lost", "credentials", "result", NULL};
static const char *const states[] = {"up", "down", "unknown", NULL};
static const char *const pools[] = {"core", "auth", "directory", "files", "uploads", NULL};
static const char *const groups[] = {"core",    "auth",  "directory", "files",
                                     "uploads", "house", "spool",     NULL};
static const char *const work[] = {"busy", "idle", NULL};
static const char *const outcomes[] = {"taken", "refused", NULL};
static const char *const versions[] = {KONTORA_VERSION, NULL};

static const char *const results[] = {"valid", "malformed", "unknown", "expired", "used_up", NULL};
static const char *const tables[] = {"sessions",      "refresh_tokens",   "login_failures",
                                     "login_sources", "idempotency_keys", "tokens",
                                     "invitations",   "email_links",      NULL};

/* A label, and what stands behind the space in its values. */
#define CALL "method", calls, "route"

static const struct row rows[METRIC_COUNT] = {
    [METRIC_REQUESTS] = {"kontora_http_requests_total",
                         "Requests that workers have begun to handle.",
                         COUNTER,
                         {{CALL}},
                         .sparse = true},
    [METRIC_RESPONSES] = {"kontora_http_responses_total",
                          "Answers that workers have handed to nginx.",
                          COUNTER,
                          {{CALL}, {"status", statuses}},
                          .sparse = true},
    [METRIC_RESPONSE_TIME] = {"kontora_http_response_duration_seconds",
                              "Time from a worker's taking a request to its answer.",
                              HISTOGRAM,
                              {{CALL}},
                              .sparse = true},
    [METRIC_QUEUE_TIME] = {"kontora_http_queue_duration_seconds",
                           "Time that requests waited for a worker, to the millisecond.",
                           HISTOGRAM,
                           {{"pool", pools}},
                           .sparse = true},
    [METRIC_ERRORS] = {"kontora_http_errors_total",
                       "Answers that are errors, by their code.",
                       COUNTER,
                       {{"code", codes}}},
    [METRIC_AUDIT_FAILURES] = {"kontora_audit_failures_total",
                               "Lines that could not be written to the audit log.", COUNTER},
    [METRIC_LOG_LINES_DROPPED] =
        {"kontora_log_lines_dropped_total",
         "Lines about requests that were left out of the log, because less "
         "than half of the disk reserve was free.",
         COUNTER},
    [METRIC_DISK_FREE] = {"kontora_disk_free_bytes",
                          "Free space on the watched file system that has the least.", GAUGE},
    [METRIC_DISK_RESERVE] = {"kontora_disk_reserve_bytes",
                             "Free space that writes of untrusted callers may not use; 0: none.",
                             GAUGE},
    [METRIC_DATABASE_TIME] = {"kontora_database_operation_duration_seconds",
                              "Time of queries that read, of transactions that write with their "
                              "wait for each other, and of SQLite's commits, one for many.",
                              HISTOGRAM,
                              {{"operation", queries}}},
    [METRIC_DATABASE_UP] = {"kontora_database_up", "1 while the database answers.", GAUGE},
    [METRIC_DATABASE_LOG] = {"kontora_database_wal_bytes",
                             "Size of SQLite's write-ahead log; 0 on PostgreSQL.", GAUGE},
    [METRIC_DIRECTORY_TIME] = {"kontora_directory_operation_duration_seconds",
                               "Time that operations of the directory took.",
                               HISTOGRAM,
                               {{"operation", operations}}},
    [METRIC_DIRECTORY_ERRORS] = {"kontora_directory_errors_total",
                                 "Operations of the directory that failed: it was silent, the "
                                 "connection was lost or not made, the service account was "
                                 "refused, or the result was an error.",
                                 COUNTER,
                                 {{"operation", operations}, {"reason", reasons}}},
    [METRIC_DIRECTORY_OPEN] = {"kontora_directory_circuit_open",
                               "1 while no controller of the directory serves, so that nothing is "
                               "asked of them but by the housekeeper.",
                               GAUGE},
    [METRIC_DIRECTORY_CONTROLLERS] = {"kontora_directory_controllers",
                                      "Controllers of the directory, as they were found last.",
                                      GAUGE,
                                      {{"state", states}}},
    [METRIC_STORAGE_TIME] = {"kontora_storage_operation_duration_seconds",
                             "Time that operations of the storage of files took: staging is all "
                             "that is written of an upload, without the wait for the client.",
                             HISTOGRAM,
                             {{"operation", storing}}},
    [METRIC_POOL_SIZE] = {"kontora_pool_size",
                          "Workers that there shall be, by the configuration.",
                          GAUGE,
                          {{"pool", pools}}},
    [METRIC_POOL_WORKERS] = {"kontora_pool_workers",
                             "Workers that there are; of core, busy is one that serves any of its "
                             "connections.",
                             GAUGE,
                             {{"pool", pools}, {"state", work}}},
    [METRIC_POOL_CONNECTIONS] = {"kontora_pool_connections",
                                 "Connections of nginx that workers hold.",
                                 GAUGE,
                                 {{"pool", pools}}},
    [METRIC_POOL_BUSY] = {"kontora_pool_busy_seconds_total",
                          "Time that workers have spent serving, of all of a pool together.",
                          COUNTER_OF_SECONDS,
                          {{"pool", pools}}},
    [METRIC_WORKER_STARTS] = {"kontora_worker_starts_total",
                              "Processes that were started, for whatever reason.",
                              COUNTER,
                              {{"pool", groups}}},
    [METRIC_WORKER_RESTARTS] = {"kontora_worker_restarts_total",
                                "Processes that ended by a fault and were replaced.",
                                COUNTER,
                                {{"pool", groups}}},
    [METRIC_RELOADS] = {"kontora_configuration_reloads_total",
                        "Times that the configuration was read again, and what came of it.",
                        COUNTER,
                        {{"result", outcomes}}},
    [METRIC_START_TIME] = {"kontora_start_time_seconds",
                           "When the service was started, since the epoch.", GAUGE},
    [METRIC_BUILD] = {"kontora_build_info", "1, with the version.", GAUGE, {{"version", versions}}},
    [METRIC_TOKENS_ISSUED] = {"kontora_tokens_issued_total", "Tokens that were issued.", COUNTER},
    [METRIC_TOKEN_CHECKS] = {"kontora_token_checks_total",
                             "Tokens that were checked, by what came of it.",
                             COUNTER,
                             {{"result", results}}},
    [METRIC_TOKENS_REVOKED] = {"kontora_tokens_revoked_total",
                               "Tokens that were revoked before they expired.", COUNTER},
    [METRIC_REFRESH_REUSE] = {"kontora_refresh_reuse_total",
                              "Sessions that were ended because a replaced refresh token was used "
                              "again: it was copied.",
                              COUNTER},
    [METRIC_PURGED] = {"kontora_purged_rows_total",
                       "Rows that were deleted because they had expired.",
                       COUNTER,
                       {{"table", tables}}},
};

/* Upper bounds of a histogram's buckets; the last bucket has none. */
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
    SUM_CELL = BOUNDS + 1, /* behind the buckets */
    HISTOGRAM_CELLS,
};

/* --- the cells ------------------------------------------------------------------------------- */

/* Where the cells of a metric are, counted from the start of a stripe. */
struct place {
    size_t start;
    size_t width; /* cells of one series */
    size_t series;
    size_t second; /* values of the second label; 1 without one */
};

static struct {
    struct place of[METRIC_COUNT];
    size_t size; /* cells of a stripe; 0: not laid out yet */
} layout;

static _Atomic int64_t own_cells[CELLS_MAX];
static _Atomic int64_t *cells = own_cells;
static size_t stripes = 1;
static _Atomic int64_t *mine = own_cells; /* the stripe that this process adds to */

/* One where there is no label. */
static size_t count_values(const struct label *label)
{
    size_t count = 0;
    while (label->name && label->values[count]) {
        count++;
    }
    return count ? count : 1;
}

static void lay_out(void)
{
    size_t start = 0;
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        size_t second = count_values(&row->labels[1]);
        layout.of[i] = (struct place){
            .start = start,
            .width = row->kind == HISTOGRAM ? HISTOGRAM_CELLS : 1,
            .series = count_values(&row->labels[0]) * second,
            .second = second,
        };
        start += layout.of[i].series * layout.of[i].width;
    }
    if (start > CELLS_MAX) {
        abort(); /* a slip of the code: the table has outgrown the cells */
    }
    layout.size = start;
}

static const struct place *place_of(enum metric metric)
{
    if (!layout.size) {
        lay_out();
    }
    return &layout.of[metric];
}

void metrics_set_values(enum metric_values which, const char *const *values)
{
    const char **list = which == METRIC_CALLS ? calls : codes;
    size_t count = 0;
    for (; values[count]; count++) {
        if (count == VALUES_MAX) {
            abort(); /* a slip of the code: there are more of them than expected */
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
    lay_out();
    cells = shared_alloc(STRIPES * stripe_size() * sizeof *cells);
    stripes = STRIPES;
    metrics_forked(0);
}

void metrics_forked(size_t number)
{
    mine = &cells[stripes > 1 ? number % stripes * stripe_size() : 0];
}

/* The first cell of a series, counted from the start of a stripe. */
static size_t cell_at(enum metric metric, size_t series)
{
    const struct place *place = place_of(metric);
    if (series >= place->series) {
        abort(); /* a slip of the code */
    }
    return place->start + series * place->width;
}

static size_t find_value(const struct label *label, const char *value)
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
        abort(); /* a slip of the code */
    }
    return i - 1;
}

size_t metrics_series_at(enum metric metric, size_t first, size_t second)
{
    return first * place_of(metric)->second + second;
}

size_t metrics_series(enum metric metric, const char *first, const char *second)
{
    const struct label *labels = rows[metric].labels;
    return metrics_series_at(metric, find_value(&labels[0], first), find_value(&labels[1], second));
}

static void add(size_t cell, int64_t count)
{
    atomic_fetch_add_explicit(&mine[cell], count, memory_order_relaxed);
}

/* The sum of all stripes. */
static int64_t get(size_t cell)
{
    int64_t sum = 0;
    for (size_t i = 0; i < stripes; i++) {
        sum += atomic_load_explicit(&cells[i * stripe_size() + cell], memory_order_relaxed);
    }
    return sum;
}

void metrics_add(enum metric metric, size_t series, int64_t count)
{
    add(cell_at(metric, series), count);
}

/* A gauge is of the first stripe alone: the last one who sets it is right. */
void metrics_set(enum metric metric, size_t series, int64_t value)
{
    atomic_store_explicit(&cells[cell_at(metric, series)], value, memory_order_relaxed);
}

void metrics_observe(enum metric metric, size_t series, int64_t duration_us)
{
    size_t cell = cell_at(metric, series), bucket = 0;
    while (bucket < BOUNDS && duration_us > bounds[bucket].us) {
        bucket++;
    }
    add(cell + bucket, 1);
    add(cell + SUM_CELL, duration_us);
}

int64_t metrics_value(enum metric metric, size_t series)
{
    size_t cell = cell_at(metric, series);
    size_t buckets = rows[metric].kind == HISTOGRAM ? BOUNDS + 1 : 1;
    int64_t sum = 0;
    for (size_t i = 0; i < buckets; i++) {
        sum += get(cell + i);
    }
    return sum;
}

/* --- the text -------------------------------------------------------------------------------- */

/* name="value", and the second one of a value that is two. */
static void write_label(struct buffer *out, const struct label *label, const char *value)
{
    const char *space = label->rest ? strchr(value, ' ') : NULL;
    if (space) {
        buffer_format(out, "%s=\"%.*s\",%s=\"%s\"", label->name, (int)(space - value), value,
                      label->rest, space + 1);
    } else {
        buffer_format(out, "%s=\"%s\"", label->name, value);
    }
}

/* name_suffix{labels,le="bound"}, and the space before the value. */
static void write_series(struct buffer *out, enum metric metric, size_t series, const char *suffix,
                         const char *bound)
{
    const struct row *row = &rows[metric];
    size_t second = place_of(metric)->second;
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
    size_t cell = cell_at(metric, series);
    int64_t count = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        count += get(cell + i);
        write_series(out, metric, series, "_bucket", i < BOUNDS ? bounds[i].seconds : "+Inf");
        write_number(out, count, 0);
    }
    write_series(out, metric, series, "_sum", NULL);
    write_number(out, get(cell + SUM_CELL), US_DIGITS);
    write_series(out, metric, series, "_count", NULL);
    write_number(out, count, 0);
}

static void write_value(struct buffer *out, enum metric metric, size_t series)
{
    int64_t value = metrics_value(metric, series);
    if (rows[metric].sparse && !value) {
        return;
    }
    if (rows[metric].kind == HISTOGRAM) {
        write_histogram(out, metric, series);
        return;
    }
    write_series(out, metric, series, "", NULL);
    write_number(out, value, rows[metric].kind == COUNTER_OF_SECONDS ? US_DIGITS : 0);
}

void metrics_write(struct buffer *out)
{
    static const char *const kinds[] = {"counter", "counter", "gauge", "histogram"};
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                      kinds[row->kind]);
        for (size_t series = 0; series < place_of((enum metric)i)->series; series++) {
            write_value(out, (enum metric)i, series);
        }
    }
}
