/* See metrics.h. */
#include "base/metrics.h"

#include "base/shared.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    LABELS = 2,
    CELLS_MAX = 4096,
    US_PER_S = 1000 * 1000,
};

/* --- the table ------------------------------------------------------------------------------- */

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct label {
    const char *name;          /* NULL: none */
    const char *const *values; /* NULL ends */
};

struct row {
    const char *name, *help;
    enum kind kind;
    struct label labels[LABELS];
};

static const char other[] = "other";

static const char *const operations[] = {"search", "add",     "modify", "rename", "delete",
                                         "bind",   "connect", "probe",  other,    NULL};
static const char *const reasons[] = {"silent", "lost", "credentials", "result", NULL};
static const char *const states[] = {"up", "down", "unknown", NULL};
static const char *const pools[] = {"core", "auth", "directory", "files", "house", NULL};

static const char *const results[] = {"valid", "malformed", "unknown", "expired", "used_up", NULL};
static const char *const tables[] = {"sessions", "login_failures", "idempotency_keys", "tokens",
                                     NULL};

static const struct row rows[METRIC_COUNT] = {
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
    [METRIC_WORKER_RESTARTS] = {"kontora_worker_restarts_total",
                                "Processes that ended by a fault and were replaced.",
                                COUNTER,
                                {{"pool", pools}}},
    [METRIC_TOKENS_ISSUED] = {"kontora_tokens_issued_total", "Tokens that were issued.", COUNTER},
    [METRIC_TOKEN_CHECKS] = {"kontora_token_checks_total",
                             "Tokens that were checked, by what came of it.",
                             COUNTER,
                             {{"result", results}}},
    [METRIC_TOKENS_REVOKED] = {"kontora_tokens_revoked_total",
                               "Tokens that were revoked before they expired.", COUNTER},
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

static _Atomic int64_t own_cells[CELLS_MAX];
static _Atomic int64_t *cells = own_cells;

void metrics_share(void)
{
    cells = shared_alloc(sizeof own_cells);
}

/* One where there is no label. */
static size_t count_values(const struct label *label)
{
    size_t count = 0;
    while (label->name && label->values[count]) {
        count++;
    }
    return count ? count : 1;
}

static size_t count_series(const struct row *row)
{
    return count_values(&row->labels[0]) * count_values(&row->labels[1]);
}

static size_t cells_of_series(const struct row *row)
{
    return row->kind == HISTOGRAM ? HISTOGRAM_CELLS : 1;
}

/* Where the cells of each metric begin. */
static const size_t *starts(void)
{
    static size_t start[METRIC_COUNT + 1];
    if (!start[METRIC_COUNT]) {
        for (size_t i = 0; i < METRIC_COUNT; i++) {
            start[i + 1] = start[i] + count_series(&rows[i]) * cells_of_series(&rows[i]);
        }
        if (start[METRIC_COUNT] > CELLS_MAX) {
            abort(); /* a slip of the code: the table has outgrown the cells */
        }
    }
    return start;
}

static _Atomic int64_t *cells_at(enum metric metric, size_t series)
{
    if (series >= count_series(&rows[metric])) {
        abort(); /* a slip of the code */
    }
    return &cells[starts()[metric] + series * cells_of_series(&rows[metric])];
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
    if (strcmp(label->values[i - 1], other) != 0) {
        abort(); /* a slip of the code */
    }
    return i - 1;
}

size_t metrics_series(enum metric metric, const char *first, const char *second)
{
    const struct label *labels = rows[metric].labels;
    return find_value(&labels[0], first) * count_values(&labels[1]) +
           find_value(&labels[1], second);
}

static void add(_Atomic int64_t *cell, int64_t count)
{
    atomic_fetch_add_explicit(cell, count, memory_order_relaxed);
}

static int64_t get(const _Atomic int64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

void metrics_add(enum metric metric, size_t series, int64_t count)
{
    add(cells_at(metric, series), count);
}

void metrics_set(enum metric metric, size_t series, int64_t value)
{
    atomic_store_explicit(cells_at(metric, series), value, memory_order_relaxed);
}

void metrics_observe(enum metric metric, size_t series, int64_t duration_us)
{
    _Atomic int64_t *cell = cells_at(metric, series);
    size_t bucket = 0;
    while (bucket < BOUNDS && duration_us > bounds[bucket].us) {
        bucket++;
    }
    add(&cell[bucket], 1);
    add(&cell[SUM_CELL], duration_us);
}

int64_t metrics_value(enum metric metric, size_t series)
{
    const _Atomic int64_t *cell = cells_at(metric, series);
    int64_t sum = 0;
    for (size_t i = 0; rows[metric].kind == HISTOGRAM && i <= BOUNDS; i++) {
        sum += get(&cell[i]);
    }
    return rows[metric].kind == HISTOGRAM ? sum : get(cell);
}

/* --- the text -------------------------------------------------------------------------------- */

/* name_suffix{labels,le="bound"}, and the space before the value. */
static void write_series(struct buffer *out, const struct row *row, size_t series,
                         const char *suffix, const char *bound)
{
    size_t seconds = count_values(&row->labels[1]);
    size_t values[LABELS] = {series / seconds, series % seconds};
    const char *before = "{";
    buffer_format(out, "%s%s", row->name, suffix);
    for (size_t i = 0; i < LABELS && row->labels[i].name; i++) {
        buffer_format(out, "%s%s=\"%s\"", before, row->labels[i].name,
                      row->labels[i].values[values[i]]);
        before = ",";
    }
    if (bound) {
        buffer_format(out, "%sle=\"%s\"", before, bound);
        before = ",";
    }
    buffer_add_string(out, *before == ',' ? "} " : " ");
}

static void write_histogram(struct buffer *out, const struct row *row, size_t series,
                            const _Atomic int64_t *cell)
{
    int64_t count = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        count += get(&cell[i]);
        write_series(out, row, series, "_bucket", i < BOUNDS ? bounds[i].seconds : "+Inf");
        buffer_format(out, "%" PRId64 "\n", count);
    }
    int64_t sum = get(&cell[SUM_CELL]);
    write_series(out, row, series, "_sum", NULL);
    buffer_format(out, "%" PRId64 ".%06" PRId64 "\n", sum / US_PER_S, sum % US_PER_S);
    write_series(out, row, series, "_count", NULL);
    buffer_format(out, "%" PRId64 "\n", count);
}

void metrics_write(struct buffer *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                      kinds[row->kind]);
        for (size_t series = 0; series < count_series(row); series++) {
            const _Atomic int64_t *cell = cells_at((enum metric)i, series);
            if (row->kind == HISTOGRAM) {
                write_histogram(out, row, series, cell);
            } else {
                write_series(out, row, series, "", NULL);
                buffer_format(out, "%" PRId64 "\n", get(cell));
            }
        }
    }
}
