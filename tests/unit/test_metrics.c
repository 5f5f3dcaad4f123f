/* Metrics: counting in shared memory, and output in the Prometheus text format. */
#include "unit.h"

#include "base/config.h"
#include "base/metrics.h"

#include <sys/wait.h>

static int64_t read_value(enum metric metric, const char *first, const char *second)
{
    return metrics_value(metric, metrics_series(metric, first, second));
}

static void metric_series_are_counted_separately(void **state)
{
    (void)state;
    metrics_add(METRIC_DIRECTORY_ERRORS, metrics_series(METRIC_DIRECTORY_ERRORS, "add", "lost"), 2);
    metrics_add(METRIC_DIRECTORY_ERRORS, metrics_series(METRIC_DIRECTORY_ERRORS, "add", "silent"),
                1);
    metrics_add(METRIC_DIRECTORY_ERRORS, metrics_series(METRIC_DIRECTORY_ERRORS, "bind", "lost"),
                5);
    assert_int_equal(read_value(METRIC_DIRECTORY_ERRORS, "add", "lost"), 2);
    assert_int_equal(read_value(METRIC_DIRECTORY_ERRORS, "add", "silent"), 1);
    assert_int_equal(read_value(METRIC_DIRECTORY_ERRORS, "bind", "lost"), 5);
    assert_int_equal(read_value(METRIC_DIRECTORY_ERRORS, "bind", "silent"), 0);
}

static void unknown_label_values_count_as_other(void **state)
{
    (void)state;
    assert_int_equal(metrics_series(METRIC_DIRECTORY_TIME, "x{}\"\n", NULL),
                     metrics_series(METRIC_DIRECTORY_TIME, "other", NULL));
    assert_int_not_equal(metrics_series(METRIC_DIRECTORY_TIME, "search", NULL),
                         metrics_series(METRIC_DIRECTORY_TIME, "other", NULL));
}

static void every_pool_has_a_metric_series(void **state)
{
    (void)state;
    for (size_t i = 0; i < POOL_COUNT; i++) {
        assert_int_equal(metrics_series(METRIC_WORKER_RESTARTS, config_pool_names[i], NULL), i);
    }
    assert_int_equal(metrics_series(METRIC_WORKER_RESTARTS, "house", NULL), POOL_COUNT);
}

static void gauge_keeps_the_last_value(void **state)
{
    (void)state;
    metrics_set(METRIC_DIRECTORY_OPEN, 0, 7);
    metrics_set(METRIC_DIRECTORY_OPEN, 0, 1);
    assert_int_equal(metrics_value(METRIC_DIRECTORY_OPEN, 0), 1);
}

static const char *write_metrics(struct arena *arena)
{
    struct buffer text = {.arena = arena};
    metrics_write(&text);
    return text.bytes;
}

static void assert_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    if (!at || (at > text && at[-1] != '\n')) {
        FAIL("no line \"%s\" in:\n%s", line, text);
    }
}

static void durations_are_counted_in_histogram_buckets(void **state)
{
    size_t series = metrics_series(METRIC_DIRECTORY_TIME, "rename", NULL);
    static const int64_t durations[] = {0, 500, 501, 3000000, 60000000};
    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        metrics_observe(METRIC_DIRECTORY_TIME, series, durations[i]);
    }
    assert_int_equal(metrics_value(METRIC_DIRECTORY_TIME, series), COUNT_OF(durations));
    const char *text = write_metrics(*state);
#define NAME "kontora_directory_operation_duration_seconds"
    assert_line(text, "# TYPE " NAME " histogram\n");
    assert_line(text, NAME "_bucket{operation=\"rename\",le=\"0.0005\"} 2\n");
    assert_line(text, NAME "_bucket{operation=\"rename\",le=\"0.001\"} 3\n");
    assert_line(text, NAME "_bucket{operation=\"rename\",le=\"2.5\"} 3\n");
    assert_line(text, NAME "_bucket{operation=\"rename\",le=\"5\"} 4\n");
    assert_line(text, NAME "_bucket{operation=\"rename\",le=\"+Inf\"} 5\n");
    assert_line(text, NAME "_sum{operation=\"rename\"} 63.001001\n");
    assert_line(text, NAME "_count{operation=\"rename\"} 5\n");
#undef NAME
}

static void series_without_events_are_written_as_zero(void **state)
{
    metrics_set(METRIC_DIRECTORY_OPEN, 0, 1);
    metrics_add(METRIC_DIRECTORY_ERRORS, metrics_series(METRIC_DIRECTORY_ERRORS, "modify", "lost"),
                3);
    const char *text = write_metrics(*state);
    assert_line(text, "# TYPE kontora_directory_circuit_open gauge\n");
    assert_line(text, "kontora_directory_circuit_open 1\n");
    assert_line(text, "kontora_directory_errors_total{operation=\"modify\",reason=\"lost\"} 3\n");
    assert_line(text, "kontora_directory_errors_total{operation=\"other\",reason=\"result\"} 0\n");
    assert_line(text, "kontora_directory_controllers{state=\"unknown\"} 0\n");
    assert_line(text, "kontora_worker_restarts_total{pool=\"house\"} 0\n");
}

/* --- label values set at run time ------------------------------------------------------------- */

static void set_calls(void)
{
    static const char *const calls[] = {"GET /a", "POST /a/{id}", "other none", NULL};
    metrics_set_values(METRIC_CALLS, calls);
}

static void routes_are_written_as_method_and_route_labels(void **state)
{
    set_calls();
    metrics_add(METRIC_RESPONSES, metrics_series(METRIC_RESPONSES, "POST /a/{id}", "201"), 2);
    metrics_add(METRIC_RESPONSES, metrics_series(METRIC_RESPONSES, "other none", "599"), 1);
    metrics_add(METRIC_REQUESTS, metrics_series_at(METRIC_REQUESTS, 0, 0), 1);
    const char *text = write_metrics(*state);
    assert_line(text, "kontora_http_requests_total{method=\"GET\",route=\"/a\"} 1\n");
    assert_line(text,
                "kontora_http_responses_total{method=\"POST\",route=\"/a/{id}\",status=\"201\"}"
                " 2\n");
    assert_line(text,
                "kontora_http_responses_total{method=\"other\",route=\"none\",status=\"other\"}"
                " 1\n");
}

/* There are thousands of such series, and most are never used. */
static void routes_without_requests_are_omitted(void **state)
{
    set_calls();
    metrics_observe(METRIC_RESPONSE_TIME, metrics_series_at(METRIC_RESPONSE_TIME, 1, 0), 7);
    const char *text = write_metrics(*state);
    assert_line(text, "# TYPE kontora_http_response_duration_seconds histogram\n");
    assert_line(text,
                "kontora_http_response_duration_seconds_count{method=\"POST\",route=\"/a/{id}\"}"
                " 1\n");
    assert_null(strstr(text, "duration_seconds_count{method=\"GET\",route=\"/a\"}"));
}

static void seconds_are_written_with_microsecond_precision(void **state)
{
    metrics_add(METRIC_POOL_BUSY, metrics_series(METRIC_POOL_BUSY, "auth", NULL), 2000003);
    assert_line(write_metrics(*state), "kontora_pool_busy_seconds_total{pool=\"auth\"} 2.000003\n");
}

static void set_too_many_values(void *values)
{
    metrics_set_values(METRIC_CODES, values);
}

static void too_many_label_values_abort_the_process(void **state)
{
    (void)state;
    static const char *values[4096];
    for (size_t i = 0; i + 1 < COUNT_OF(values); i++) {
        values[i] = "x";
    }
    assert_aborts(set_too_many_values, values);
}

/* --- processes -------------------------------------------------------------------------------- */

/* Two processes may be assigned the same slot by chance; no increment is lost. */
static void concurrent_processes_lose_no_increments(void **state)
{
    (void)state;
    enum { PROCESSES = 24, EACH = 10000 };
    int status;
    metrics_share();
    size_t series = metrics_series(METRIC_WORKER_RESTARTS, "core", NULL);
    fflush(NULL);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            metrics_select_stripe((size_t)i);
        }
        for (int n = 0; child == 0 && n < EACH; n++) {
            metrics_add(METRIC_WORKER_RESTARTS, series, 1);
        }
        if (child == 0) {
            _exit(EXIT_SUCCESS);
        }
    }
    while (wait(&status) > 0) {
        assert_int_equal(status, 0);
    }
    assert_int_equal(metrics_value(METRIC_WORKER_RESTARTS, series), PROCESSES * EACH);
}

/* Kills the process at random points: the output must always contain consistent histograms. */
static void killed_process_leaves_consistent_histograms(void **state)
{
    metrics_share();
    size_t series = metrics_series(METRIC_DIRECTORY_TIME, "search", NULL);
    for (size_t i = 0; i < 20; i++) {
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            metrics_select_stripe(i);
            for (;;) {
                metrics_observe(METRIC_DIRECTORY_TIME, series, 100);
            }
        }
        int64_t before = metrics_value(METRIC_DIRECTORY_TIME, series);
        while (metrics_value(METRIC_DIRECTORY_TIME, series) < before + 1000) {
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_true(metrics_value(METRIC_DIRECTORY_TIME, series) >= before + 1000);
    }
    char line[128];
    snprintf(line, sizeof line,
             "kontora_directory_operation_duration_seconds_count{operation=\"search\"} %lld\n",
             (long long)metrics_value(METRIC_DIRECTORY_TIME, series));
    assert_line(write_metrics(*state), line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metric_series_are_counted_separately),
        cmocka_unit_test(unknown_label_values_count_as_other),
        cmocka_unit_test(every_pool_has_a_metric_series),
        cmocka_unit_test(gauge_keeps_the_last_value),
        ARENA_TEST(durations_are_counted_in_histogram_buckets),
        ARENA_TEST(series_without_events_are_written_as_zero),
        ARENA_TEST(routes_are_written_as_method_and_route_labels),
        ARENA_TEST(routes_without_requests_are_omitted),
        ARENA_TEST(seconds_are_written_with_microsecond_precision),
        cmocka_unit_test(too_many_label_values_abort_the_process),
        cmocka_unit_test(concurrent_processes_lose_no_increments),
        ARENA_TEST(killed_process_leaves_consistent_histograms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
