/*
 * Writers: measures small changes that several processes make at the same time.
 *
 *   writers DATABASE_URL PROCESSES SECONDS queue|busy full|normal
 *
 * `queue` uses the shared queue of writers, as workers do; `busy` uses SQLite's busy timeout.
 * Prints one line: changes a second, and the median, 99th percentile and maximum of the duration of
 * a change in milliseconds.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "store/engine.h"
#include "store/query.h"
#include "store/store.h"
#include "store/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECOND_US = 1000 * 1000, TIMES_MAX = 1 << 20, PERCENT = 100, PERCENTILE = 99 };

/* Durations of all changes, in memory that all processes share. */
struct times {
    size_t count;
    int64_t us[TIMES_MAX];
};

struct bench {
    struct config config;
    struct store_shared *shared;
    struct times *times;
    int64_t end;
    struct arena *arena;
};

static struct error *create_bench_table(struct store *store, void *context)
{
    struct bench *bench = context;
    return store_script(store, bench->arena,
                        "CREATE TABLE IF NOT EXISTS bench (process BIGINT, text TEXT)");
}

static struct error *insert_row(struct store *store, void *context)
{
    struct bench *bench = context;
    struct store_query *query =
        store_compose(store, bench->arena, "INSERT INTO bench VALUES ($1, $2)");
    store_bind_integer(query, getpid());
    store_bind_text(query, "a text of about as many characters as a token has, which is not many");
    return store_execute(query);
}

static void exit_on_error(const struct error *error)
{
    if (error) {
        fprintf(stderr, "%s\n", error->cause);
        exit(EXIT_FAILURE);
    }
}

static void write_one(struct store *store, struct bench *bench, store_work *work)
{
    exit_on_error(store_write(store, bench->arena, work, bench));
    exit_on_error(store_group_commit(store, bench->arena));
    arena_reset(bench->arena);
}

static void run_writer(struct bench *bench)
{
    struct store *store = store_new(&bench->config, bench->shared);
    int64_t began = clock_steady_us();
    while (began < bench->end) {
        write_one(store, bench, insert_row);
        int64_t now = clock_steady_us();
        size_t place = __atomic_fetch_add(&bench->times->count, 1, __ATOMIC_RELAXED);
        if (place < TIMES_MAX) {
            bench->times->us[place] = now - began;
        }
        began = now;
    }
    store_free(&store);
}

static int compare_times(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static double in_ms(int64_t us)
{
    const double us_per_ms = 1000;
    return (double)us / us_per_ms;
}

static void print_times(struct times *times, int64_t seconds)
{
    size_t count = times->count < TIMES_MAX ? times->count : TIMES_MAX;
    qsort(times->us, count, sizeof *times->us, compare_times);
    size_t median = count / 2, late = count * PERCENTILE / PERCENT;
    printf("%.0f %.2f %.2f %.2f\n", (double)count / (double)seconds, in_ms(times->us[median]),
           in_ms(times->us[late]), in_ms(times->us[count - 1]));
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: writers DATABASE_URL PROCESSES SECONDS queue|busy full|normal\n");
        return 2;
    }
    long processes = strtol(argv[2], NULL, 10), seconds = strtol(argv[3], NULL, 10);
    struct bench bench = {
        .config = {.database_url = argv[1],
                   .state_dir = ".",
                   .database_timeout_ms = 5000,
                   .database_synchronous =
                       strcmp(argv[5], "full") ? SYNCHRONOUS_NORMAL : SYNCHRONOUS_FULL},
        .shared = strcmp(argv[4], "queue") ? NULL : store_shared_new(),
        .times = mmap(NULL, sizeof *bench.times, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0),
        .arena = arena_new(),
    };
    struct store *store = store_new(&bench.config, NULL);
    write_one(store, &bench, create_bench_table);
    store_free(&store);
    bench.end = clock_steady_us() + seconds * SECOND_US;
    for (long i = 0; i < processes; i++) {
        if (fork() == 0) {
            run_writer(&bench);
            _exit(EXIT_SUCCESS);
        }
    }
    int status = 0, worst = 0;
    while (wait(&status) > 0) {
        worst = status ? status : worst;
    }
    print_times(bench.times, seconds);
    arena_free(&bench.arena);
    return worst ? EXIT_FAILURE : EXIT_SUCCESS;
}
